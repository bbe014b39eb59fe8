//! The ledger for agents that speak the Model Context Protocol: tools, resources and prompts.
//!
//! Everything that an agent may do is an operation of the HTTP API, asked through [`Api`] as whoever calls: there is
//! one implementation of each operation, and one check of keys. A [`Catalogue`] is made from the API's own OpenAPI
//! document, so that arguments and answers are those of the API. [`Door`] answers requests over HTTP, [`over_lines`]
//! those of one client over stdin and stdout.
//!
//! The protocol itself, in all its revisions, is `rmcp`'s: only [`server`](self) and what is below it know that crate.

#![warn(missing_docs)]

mod api;
mod prompts;
mod resources;
mod server;
mod text;
mod tool;

pub use api::{Api, BoxFuture, Caller, NoAnswer};
pub use server::{Door, LinesError, over_lines};
pub use tool::{Catalogue, InvalidDocument, Unsaid};
