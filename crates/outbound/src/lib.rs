//! Requests to addresses that somebody wrote into a file: webhooks, collectors, and whatever else the ledger
//! asks or tells over HTTP. Such an address is input, and must not lead the ledger into its own network.
//!
//! [`target`] says what an address may look like, [`reach`] which machines may be reached, [`guard`] resolves
//! a name and judges all that it resolves to, [`tls`] says whose certificates are trusted. [`client`] sends:
//! each of its connections goes to an address that was judged for it. [`retry_after`] reads when the other
//! side wants to be asked again.
//!
//! It follows no redirect, uses no proxy, keeps no cookie, and shows neither path nor query of an address:
//! they may be secret.

pub mod client;
mod connect;
pub mod guard;
pub mod reach;
mod retry_after;
pub mod target;
pub mod tls;

pub use client::{Client, RequestError, Timeouts};
pub use guard::{Resolve, SystemResolver};
pub use reach::Reach;
pub use retry_after::{MAX_RETRY_AFTER, retry_after};
pub use target::{InvalidTarget, Permits, Target};
pub use tls::{TlsError, Trust};
