//! Session files of coding agents → events with stable ids. Reads files; knows no log and no clock.
//!
//! Reading order: [`sources`] finds the files; [`reader`] is the one shape that every source's reader has; [`codex`]
//! reads Codex rollouts; [`item`] is what a reader yields; [`summary`] adds it up.
//!
//! A reader's events are a pure function of the file's lines: the same file read again gives the same ids and the same
//! content, so the ledger answers `duplicate` and counts nothing twice. A file that grew gives the same events and the
//! new ones behind them.
//!
//! Another source is another module with a [`reader::SessionReader`] and a variant of [`reader::Format`].

pub mod codex;
pub mod item;
mod lines;
pub mod reader;
pub mod sources;
pub mod summary;
