//! Reactors on views: what is done outside because of what a view contains. None of them changes what it contains.

mod outbox;
mod told;

pub use outbox::LogOutbox;

#[cfg(test)]
mod tests;
