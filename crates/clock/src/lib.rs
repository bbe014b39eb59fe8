//! The one home of time: the only crate that reads the machine's clocks and lets time pass.
//!
//! Everything else takes a time as data, or one of these: a [`Clock`] for the present time, a [`Stopwatch`]
//! for how long something took, a [`Timer`] to wait until a moment, [`sleep`] to wait for a while, a
//! [`Backoff`] for how long to wait before the next try. The house rules forbid the equivalents from the
//! standard library and tokio everywhere else.

mod backoff;
mod clock;
mod sleep;
mod timer;

pub use backoff::Backoff;
pub use clock::{Clock, ManualClock, Stopwatch, SystemClock};
pub use sleep::{sleep, sleep_blocking};
pub use timer::{SystemTimer, Timer};
