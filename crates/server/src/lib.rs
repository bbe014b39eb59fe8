//! The ledger as a service: validate, decide, append, forward questions to the views.
//!
//! [`Ledger`] is everything but a transport: the HTTP API ([`http::router`]) and the command line build on
//! it. What a request does is written as events; nothing else changes any state.

mod asked;
pub mod edge;
mod fit;
pub mod http;
mod intake;
pub mod jwt;
pub mod ledger;
pub mod metrics;
pub mod nats;
pub mod problem;
pub mod reactor;
mod serve;

pub use ledger::{Ledger, LedgerError, LedgerOptions};
pub use tollgate_telemetry::settings::TelemetrySettings;

pub use serve::{
    AlertsFile, Beside, Found, Grpc, Inside, Outside, Remote, Running, ServeError, ServeOptions, Served,
    Within, serve,
};
