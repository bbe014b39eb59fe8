//! What an orchestrator links against: the API as typed calls, and a tracker that batches, retries and
//! spools.
//!
//! [`Tracker`] is for reporting: it costs the orchestrator next to nothing, survives a ledger that is away,
//! and asks the gate before money is spent. [`Client`] is for queries: every endpoint as a call, over a
//! [`Transport`].
//!
//! ```no_run
//! use tollgate_client::{SpoolOptions, TrackerBuilder, Usage};
//! use tollgate_domain::event::TaskOutcome;
//! use tollgate_domain::gate::Verdict;
//! use tollgate_domain::metadata::TaskMetadata;
//! use tollgate_domain::tokens::TokenCounts;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let tracker = TrackerBuilder::to_server("http://127.0.0.1:7070", "my-orchestrator")
//!     .spool(SpoolOptions::new("var/tollgate-spool"))
//!     .start()?;
//! tracker.open_task("T-1", TaskMetadata::default())?.await?;
//!
//! let answer = tracker.gate("T-1", "SPEC").await?;
//! if answer.verdict == Verdict::Block {
//!     return Err(format!("T-1 may not go on: {answer:?}").into());
//! }
//! tracker.start_phase("T-1", "SPEC")?;
//! let tokens = TokenCounts { input_uncached: 1200, output: 300, ..TokenCounts::default() };
//! tracker.report_usage("T-1", Usage::of("SPEC", "gpt-5", tokens))?;
//! tracker.end_phase("T-1", "SPEC", None)?;
//!
//! tracker.close_task("T-1", TaskOutcome::Completed, None)?.await?;
//! tracker.close().await?;
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod address;
mod alerts;
mod allocations;
mod bills;
mod budgets;
mod client;
mod dial;
mod error;
mod govern;
mod http;
mod keys;
mod money;
mod one_ledger;
mod price_decisions;
mod prices;
mod random;
mod response;
mod selection;
mod spool;
mod tracker;
mod transport;
mod usage;

pub use address::Read;
pub use alerts::AlertFilter;
pub use allocations::AllocationSearch;
pub use bills::BillQuery;
pub use budgets::PolicySearch;
pub use client::{Client, InvalidKey};
pub use error::ClientError;
pub use http::{HttpTransport, InvalidUrl, Timeouts};
pub use money::{ExportQuery, FocusQuery};
pub use one_ledger::OneLedger;
pub use price_decisions::PriceDecisionSearch;
pub use prices::{PriceQuery, PriceSearch};
pub use random::Random;
pub use response::{ResponseError, ResponseFormat, UsageReader};
pub use selection::{ReportQuery, TaskQuery};
pub use spool::{SetAside, SpoolError, SpoolOptions};
pub use tollgate_clock::{Backoff, Clock, SystemClock};
pub use tracker::{
    Batching, CloseError, DecidedBy, Delivery, DeliveryError, Ended, FlushError, GateAnswer, GateError,
    OnUnreachable, Pending, QueueBound, Recorded, Rejected, RejectedKind, Signal, Stamp, StartError, Stats,
    TrackError, Tracker, TrackerBuilder, Trouble, Usage, Wait,
};
pub use transport::{BoxFuture, Transport, TransportError};
pub use usage::{SummaryQuery, UsageQuery};
