//! Reactors on views: what is done outside because of what a view contains. None of them changes what it contains.

mod watch;
mod watched;

pub use watch::{Looked, Views, Watch, WatchError};

#[cfg(test)]
mod watch_tests;
