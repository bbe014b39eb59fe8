//! Requests to addresses from configuration files: webhooks, collectors, and any other HTTP service that the
//! ledger calls. Such an address is input, and must not lead the ledger into its own network.
//!
//! [`target`] says what an address may look like, [`reach`] which machines may be reached, [`guard`] resolves
//! a name and checks everything it resolves to, [`tls`] says whose certificates are trusted. [`client`]
//! sends: each of its connections goes to an address that was checked for it. [`retry_after`] reads when the
//! other side wants the next request.
//!
//! It follows no redirects, uses no proxy, keeps no cookies, and shows neither path nor query of an address:
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
pub use tls::{TlsClient, TlsError, Trust};
