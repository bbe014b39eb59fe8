//! Session files of coding agents → events with stable ids. Reads files; knows no log and no clock.
//!
//! Reading order: [`sources`] finds the files; [`reader`] is the common shape of every source's reader;
//! [`codex`] reads Codex rollouts, [`claude`] the transcripts of Claude Code; [`item`] is what a reader
//! yields; [`settle`] decides what to append of it, given what the ledger has; [`summary`] adds it up.
//! [`bill`] reads bills of providers, and [`older`] the stores of services that are replaced, which are no sessions.
//!
//! Each call has one key, in the task where it originated (ADR 45). Calls are a pure function of the file's
//! lines: reading the same file again gives the same keys and the same content, so the ledger answers
//! `duplicate` and counts nothing twice. A file that grew gives the same calls followed by the new ones.
//!
//! Another source means another module with a `Session` and a variant of [`reader::Format`].

pub mod bill;
pub mod call;
pub mod claude;
pub mod codex;
pub mod families;
pub mod family;
mod input;
pub mod item;
mod lines;
pub mod older;
pub mod reader;
pub mod settle;
pub mod sources;
pub mod summary;
