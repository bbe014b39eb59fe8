//! Reactors on views: side effects based on what a view contains. None of them changes what it contains.

mod delivery_events;
mod outbox;
mod watch;
mod watched;

pub use outbox::LogOutbox;
pub use watch::{Looked, Views, Watch, WatchError};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod watch_tests;
