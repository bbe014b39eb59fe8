//! Keys of the API: which there are as of the log's end, and what is decided about them.
//!
//! Decisions about keys are in one order, under a task name of their own in the ledger's tenant, and numbered. Every
//! server looks for the next one before each answer: a key that was revoked anywhere opens nothing any more.

mod decide;
mod follow;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;
use tollgate_domain::key::KeyRing;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::EventLog;

pub use self::decide::{Made, MadeBy};
use super::Shared;
use super::ask::Queries;
use crate::problem::Answer;

/// The keys of a ledger.
pub struct Keys {
    log: Arc<dyn EventLog>,
    ask: Arc<Queries>,
    ring: RwLock<Arc<KeyRing>>,
    /// One look at the log at a time: all who asked before it began have its result.
    looks: Mutex<Looks>,
    /// How many looks have begun.
    begun: AtomicU64,
    /// One decision at a time.
    deciding: Mutex<()>,
}

/// How far the log was looked at.
struct Looks {
    /// The last look that ended.
    ended: u64,
    /// What it came to.
    result: Answer<()>,
    /// Whether one succeeded yet.
    is_known: bool,
    /// How many decisions there are.
    decisions: u64,
    /// The record of the last one.
    last: Sequence,
    /// The end of the partition that was looked at.
    through: Option<Sequence>,
}

impl Keys {
    pub(super) fn new(shared: &Shared, ask: &Arc<Queries>) -> Self {
        let looks = Looks {
            ended: 0,
            result: Ok(()),
            is_known: false,
            decisions: 0,
            last: Sequence::ZERO,
            through: None,
        };
        Self {
            log: Arc::clone(&shared.log),
            ask: Arc::clone(ask),
            ring: RwLock::default(),
            looks: Mutex::new(looks),
            begun: AtomicU64::new(0),
            deciding: Mutex::default(),
        }
    }

    /// The keys that were last known here.
    fn known(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}
