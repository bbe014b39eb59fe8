//! Decides what every task gave and drew, in one order: by time; of the same moment draws before gifts, the more
//! important task first, then by owner and id. That order follows from the events alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use tollgate_domain::pool::{Drawn, Pool, PoolRules, PoolSums};
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;

use super::asking::{Asking, Needed};

/// Everything that the tasks of all owners ask of their pools.
#[derive(Debug, Default)]
pub(in super::super) struct Moves {
    owners: BTreeMap<Box<str>, Vec<Move>>,
}

/// What a task asks at one moment: small, since all of a history's are held at once.
#[derive(Clone, Copy, Debug)]
struct Move {
    at: Timestamp,
    importance: Importance,
    /// Which task: tasks are numbered by partition, owner and id.
    task: u32,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// At its nth decision.
    Draw {
        nth: u32,
        needed: Needed,
    },
    Close {
        unused: u64,
        beyond: u64,
    },
}

/// What became of it all.
#[derive(Debug, Default)]
pub(in super::super) struct Settlement {
    tasks: HashMap<u32, Settled>,
    pub(super) sums: PoolSums,
    /// Tasks that gave something.
    pub(super) givers: u64,
}

/// What became of a task that would have been blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) drawn: u64,
    /// The decision at which it is blocked, and why; `None`: it is not.
    pub(super) blocked: Option<(u32, Refused)>,
}

tollgate_domain::words!(
    /// Why a task is blocked although there is a pool.
    Refused {
        /// There was not enough in it.
        Empty = "empty",
        /// What was there had to be left to tasks of higher importance.
        Reserved = "reserved",
        /// It used more than the ceiling allows.
        BeyondCeiling = "beyond_ceiling",
        /// Another rule than the task's tokens blocks it, too.
        OtherRule = "other_rule"
    }
);

impl Moves {
    /// Adds what a task asked.
    pub(in super::super) fn add(&mut self, owner: &str, task: u32, asking: &Asking) {
        let importance = asking.importance;
        let draws = asking.demands.iter().zip(0..).map(|(demand, nth)| Move {
            at: demand.at,
            importance,
            task,
            what: What::Draw { nth, needed: demand.needed },
        });
        let closing = asking.closing.filter(|it| it.unused > 0 || !asking.demands.is_empty());
        let closing = closing.map(|it| {
            let what = What::Close { unused: it.unused, beyond: it.beyond };
            Move { at: it.at, importance, task, what }
        });
        let moves: Vec<Move> = draws.chain(closing).collect();
        if !moves.is_empty() {
            self.owners.entry(owner.into()).or_default().extend(moves);
        }
    }

    /// Decides all of it.
    pub(in super::super) fn settle(self, rules: &PoolRules) -> Settlement {
        let mut settlement = Settlement::default();
        for mut moves in self.owners.into_values() {
            moves.sort_unstable_by_key(|it| {
                let (closes, nth) = match it.what {
                    What::Draw { nth, .. } => (false, nth),
                    What::Close { .. } => (true, 0),
                };
                (it.at, closes, Reverse(it.importance), it.task, nth)
            });
            let mut pool = Pool::default();
            for it in moves {
                settlement.take(rules, &mut pool, &it);
            }
            let (sums, all) = (pool.sums(), &mut settlement.sums);
            let mut add = |to: fn(&mut PoolSums) -> &mut u64, tokens: u64| {
                let sum = to(all);
                *sum = sum.saturating_add(tokens);
            };
            add(|all| &mut all.given, sums.given);
            add(|all| &mut all.returned, sums.returned);
            add(|all| &mut all.drawn, sums.drawn);
            add(|all| &mut all.expired, sums.expired);
            add(|all| &mut all.left, sums.left);
        }
        settlement
    }
}

impl Settlement {
    /// What became of a task; nothing if it asked for nothing.
    pub(super) fn of(&self, task: u32) -> Settled {
        self.tasks.get(&task).copied().unwrap_or_default()
    }

    fn take(&mut self, rules: &PoolRules, pool: &mut Pool, it: &Move) {
        match it.what {
            What::Draw { nth, needed } => {
                let task = self.tasks.entry(it.task).or_default();
                let refused = match needed {
                    // It stopped before.
                    _ if task.blocked.is_some() => return,
                    Needed::BeyondCeiling => Refused::BeyondCeiling,
                    Needed::OtherRule => Refused::OtherRule,
                    Needed::Tokens(needed) => {
                        let more = needed.saturating_sub(task.drawn);
                        match pool.draw(rules, it.at, it.importance, more) {
                            Drawn::All => {
                                task.drawn = task.drawn.saturating_add(more);
                                return;
                            }
                            Drawn::Reserved => Refused::Reserved,
                            Drawn::Empty => Refused::Empty,
                        }
                    }
                };
                task.blocked = Some((nth, refused));
            }
            What::Close { unused, beyond } => {
                let settled = self.of(it.task);
                if settled.blocked.is_some() {
                    return;
                }
                if unused > 0 {
                    pool.give(rules, it.at, unused);
                    self.givers = self.givers.saturating_add(1);
                }
                pool.give_back(rules, it.at, settled.drawn.saturating_sub(beyond));
            }
        }
    }
}
