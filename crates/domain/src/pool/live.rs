//! The pool of an owner's tasks as the ledger keeps it: what is decided about it becomes an event, and the fold of
//! these events is the pool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Drawn, Pool, PoolRules};
use crate::event::{PoolDrawn, PoolGiven};
use crate::tier::Importance;
use crate::time::Timestamp;
use crate::words::words;

/// The pool of one owner's tasks: the fold of what was given and drawn, in the order of the decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePool {
    pool: Pool,
    /// What open tasks have drawn.
    drawn: BTreeMap<String, u64>,
}

/// A task that the gate would block asks for what lets it go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Which task.
    pub task: String,
    /// Its importance at its opening.
    pub importance: Importance,
    /// What it has to have drawn altogether.
    pub needed: u64,
}

/// A task that closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settling {
    /// Which task.
    pub task: String,
    /// What it left of its own limit, if that is for others.
    pub unused: u64,
    /// What it used beyond its own limit.
    pub beyond: u64,
    /// When it closed.
    pub closed_at: Timestamp,
}

/// A draw that was refused. Nothing was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub because: RefusedBecause,
    /// What was asked for, beside what the task had drawn already.
    pub tokens: u64,
    /// What is in the pool.
    pub in_pool: u64,
    /// What a task of its importance has to leave there.
    pub to_leave: u64,
}

words!(
    /// Why a draw was refused.
    RefusedBecause {
        /// There is not enough in the pool.
        Empty = "empty",
        /// What is there has to be left to tasks of higher importance.
        Reserved = "reserved"
    }
);

impl LivePool {
    /// What was moved, by window and altogether.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What open tasks have drawn, by name.
    #[must_use]
    pub const fn drawn(&self) -> &BTreeMap<String, u64> {
        &self.drawn
    }

    /// What a task has drawn that has not closed.
    #[must_use]
    pub fn drawn_by(&self, task: &str) -> u64 {
        self.drawn.get(task).copied().unwrap_or_default()
    }

    /// The pool as it is at a moment: what was left of an earlier window has expired.
    #[must_use]
    pub fn at(&self, rules: &PoolRules, at: Timestamp) -> Pool {
        let mut pool = self.pool.clone();
        pool.reach(rules, self.not_before(at));
        pool
    }

    /// Decides a draw: all that the task needs, or nothing. `Ok(None)`: it has drawn that much already.
    ///
    /// # Errors
    ///
    /// [`Refused`], with what there was.
    pub fn draw(
        &self,
        rules: &PoolRules,
        demand: &Demand,
        at: Timestamp,
    ) -> Result<Option<PoolDrawn>, Refused> {
        let tokens = demand.needed.saturating_sub(self.drawn_by(&demand.task));
        if tokens == 0 {
            return Ok(None);
        }
        let mut pool = self.at(rules, at);
        let (in_pool, to_leave) = (pool.sums().left, pool.to_leave(rules, demand.importance));
        let refused = |because| Err(Refused { because, tokens, in_pool, to_leave });
        match pool.draw(rules, self.not_before(at), demand.importance, tokens) {
            Drawn::Empty => return refused(RefusedBecause::Empty),
            Drawn::Reserved => return refused(RefusedBecause::Reserved),
            Drawn::All => {}
        }
        // A window that follows others always has a span.
        let Some((window, _)) = pool.window() else { return refused(RefusedBecause::Empty) };
        Ok(Some(PoolDrawn {
            task: demand.task.clone(),
            importance: demand.importance,
            tokens,
            drawn: demand.needed,
            in_pool,
            to_leave,
            window,
            decided_at: at,
        }))
    }

    /// Folds what a task gave, and what came back from it.
    pub fn given(&mut self, given: &PoolGiven) {
        self.pool.reached(given.window);
        self.pool.take_gift(given.tokens);
        self.pool.take_back(given.returned);
        self.drawn.remove(&given.task);
    }

    /// Folds what a task drew.
    pub fn drew(&mut self, drawn: &PoolDrawn) {
        self.pool.reached(drawn.window);
        self.pool.take_out(drawn.tokens);
        self.drawn.insert(drawn.task.clone(), drawn.drawn);
    }

    /// A clock that is behind opens no window again that is over.
    fn not_before(&self, at: Timestamp) -> Timestamp {
        self.pool.window().map_or(at, |(span, _)| at.max(span.from))
    }
}

/// Decides what a closed task gives, and what comes back of what it drew. Of a task that closed in an earlier window
/// neither does: it would have expired by now. `None`: it has nothing to do with the pool.
#[must_use]
pub fn gift(live: &LivePool, rules: &PoolRules, closed: &Settling, at: Timestamp) -> Option<PoolGiven> {
    let drawn = live.drawn_by(&closed.task);
    let mut pool = live.at(rules, at);
    let (window, _) = pool.window()?;
    let in_time = window.from <= closed.closed_at;
    let of = |tokens: u64| if in_time { tokens } else { 0 };
    let tokens = pool.give(rules, live.not_before(at), of(closed.unused));
    let returned = of(drawn.saturating_sub(closed.beyond));
    if tokens == 0 && drawn == 0 {
        return None;
    }
    Some(PoolGiven {
        task: closed.task.clone(),
        unused: closed.unused,
        tokens,
        drawn,
        returned,
        window,
        closed_at: closed.closed_at,
        decided_at: at,
    })
}
