//! What is in a pool: given, drawn and expired in one order.

use crate::tier::Importance;
use crate::time::Timestamp;
use crate::zone::{Span, Zone};

use super::PoolRules;

/// What the tasks of one owner have together. Moments must not go back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    span: Option<Span>,
    balance: u64,
    /// What was given since the window began.
    given: u64,
    sums: PoolSums,
}

/// Everything that was moved: `given` and `returned` are what was drawn, expired, or is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolSums {
    /// By completed tasks.
    pub given: u64,
    /// What was drawn and not used.
    pub returned: u64,
    /// By tasks beyond their limit.
    pub drawn: u64,
    /// At the end of a window.
    pub expired: u64,
    /// Still there.
    pub left: u64,
}

/// What became of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drawn {
    /// All of it was drawn.
    All,
    /// There is enough, but it must be left to tasks of higher importance. Nothing was drawn.
    Reserved,
    /// There is not enough. Nothing was drawn.
    Empty,
}

impl Pool {
    /// A task gives what it leaves.
    pub fn give(&mut self, rules: &PoolRules, at: Timestamp, unused: u64) {
        self.reach(rules, at);
        let tokens = rules.give.times_rounded_down(unused);
        // What does not fit is not taken.
        let tokens = tokens.min(u64::MAX.saturating_sub(self.balance.max(self.sums.given).max(self.given)));
        self.balance = self.balance.saturating_add(tokens);
        self.given = self.given.saturating_add(tokens);
        self.sums.given = self.sums.given.saturating_add(tokens);
    }

    /// A task gives back what it drew and did not use. It is not given anew: no share is taken of it.
    pub fn give_back(&mut self, rules: &PoolRules, at: Timestamp, tokens: u64) {
        self.reach(rules, at);
        self.balance = self.balance.saturating_add(tokens);
        self.sums.returned = self.sums.returned.saturating_add(tokens);
    }

    /// A task draws so much, or nothing.
    pub fn draw(&mut self, rules: &PoolRules, at: Timestamp, importance: Importance, tokens: u64) -> Drawn {
        self.reach(rules, at);
        let Some(rest) = self.balance.checked_sub(tokens) else { return Drawn::Empty };
        if rest < rules.leave_of(importance).times_rounded_up(self.given) {
            return Drawn::Reserved;
        }
        self.balance = rest;
        self.sums.drawn = self.sums.drawn.saturating_add(tokens);
        Drawn::All
    }

    /// Everything that was moved so far.
    #[must_use]
    pub const fn sums(&self) -> PoolSums {
        PoolSums { left: self.balance, ..self.sums }
    }

    /// What is left of another window expires.
    fn reach(&mut self, rules: &PoolRules, at: Timestamp) {
        if self.span.is_some_and(|span| span.contains(at)) {
            return;
        }
        self.span = rules.window.span_at(&Zone::default(), at);
        self.sums.expired = self.sums.expired.saturating_add(self.balance);
        (self.balance, self.given) = (0, 0);
    }
}
