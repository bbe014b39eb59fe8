//! Events as JSON: reading what producers send, writing what they send and what was recorded. The names are the
//! contract's; a recorded event also shows what was added to it.

mod command;
mod noted;
mod object;
mod read;
mod write;

pub(crate) use command::nest;
pub use read::MAX_JSON_BYTES;
pub(crate) use read::read_event;
pub use write::Place;
pub(crate) use write::sent;
