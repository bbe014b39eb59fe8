//! Sources of prices: where their lists are, how they are fetched and cached, and what they say in the form
//! of the price book.
//!
//! [`PriceSources`] reads `prices.yaml`. [`Adapter`] is what a kind of list has to do: read a text. [`Gather`]
//! fetches what is due, and answers with every list that can be used and what became of each source: one
//! that fails never keeps the others from being used.

mod adapter;
mod cache;
mod config;
mod fetch;
mod fields;
mod gather;
mod genai;
mod html;
mod json;
mod litellm;
mod rates;

pub use adapter::{Adapter, ListError, Request};
pub use config::{Kind, Place, PriceSources, SourceConfig};
pub use gather::{Checked, Gather, Gathered};
