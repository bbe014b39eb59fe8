//! Events as JSON: reading what producers send, writing what they send and what was recorded. The names are
//! those of the contract; a recorded event also shows what was added to it. The bodies of the kinds are in
//! [`crate::kind`].

mod command;
mod event;
mod write;

pub(crate) use command::nest;
pub use event::MAX_JSON_BYTES;
pub(crate) use event::{read_event, read_value};
pub use write::Place;
pub(crate) use write::sent;
