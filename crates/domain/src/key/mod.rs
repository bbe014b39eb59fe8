//! Keys of the API: how a secret is written, what a key may do, and which keys there are.

mod reach;
mod ring;
mod scope;
mod secret;

pub use reach::KeyReach;
pub use ring::{Key, KeyRejection, KeyRing, NewKey, Refused, STORED_SECRETS};
pub use scope::{KeyScope, Rate};
pub use secret::{KeyHash, KeySecret, MalformedSecret, SECRET_BYTES};

#[cfg(test)]
mod tests;
