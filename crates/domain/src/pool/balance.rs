//! What is in a pool: given, drawn and expired in one order.

use serde::{Deserialize, Serialize};

use crate::tier::Importance;
use crate::time::Timestamp;
use crate::zone::{Span, Zone};

use super::PoolRules;

/// What the tasks of one owner have together. Moments must not go back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    span: Option<Span>,
    balance: u64,
    /// What was moved since the window began.
    since: PoolWindow,
    sums: PoolSums,
}

/// What was moved since the current window began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolWindow {
    /// By completed tasks.
    pub given: u64,
    /// What was drawn and not used, in this window or an earlier one.
    pub returned: u64,
    /// By tasks beyond their limit.
    pub drawn: u64,
}

/// Everything that was moved: `given` and `returned` are what was drawn, expired, or is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A task gives what it leaves. Returns how much of it the pool takes.
    pub fn give(&mut self, rules: &PoolRules, at: Timestamp, unused: u64) -> u64 {
        self.reach(rules, at);
        let tokens = rules.give.times_rounded_down(unused);
        // What does not fit is not taken.
        let most = self.balance.max(self.sums.given).max(self.since.given);
        let tokens = tokens.min(u64::MAX.saturating_sub(most));
        self.take_gift(tokens);
        tokens
    }

    /// A task gives back what it drew and did not use. It is not given anew: no share is taken of it.
    pub fn give_back(&mut self, rules: &PoolRules, at: Timestamp, tokens: u64) {
        self.reach(rules, at);
        self.take_back(tokens);
    }

    /// A task draws so much, or nothing.
    pub fn draw(&mut self, rules: &PoolRules, at: Timestamp, importance: Importance, tokens: u64) -> Drawn {
        self.reach(rules, at);
        let Some(rest) = self.balance.checked_sub(tokens) else { return Drawn::Empty };
        if rest < self.to_leave(rules, importance) {
            return Drawn::Reserved;
        }
        self.take_out(tokens);
        Drawn::All
    }

    /// What a draw of a task of this importance must leave, in the window that was reached.
    #[must_use]
    pub fn to_leave(&self, rules: &PoolRules, importance: Importance) -> u64 {
        rules.leave_of(importance).times_rounded_up(self.since.given)
    }

    /// Everything that was moved so far.
    #[must_use]
    pub const fn sums(&self) -> PoolSums {
        PoolSums { left: self.balance, ..self.sums }
    }

    /// The window that was reached last, and what was moved in it; `None`: nothing ever was.
    #[must_use]
    pub fn window(&self) -> Option<(Span, PoolWindow)> {
        Some((self.span?, self.since))
    }

    /// What is left of another window expires.
    pub(super) fn reach(&mut self, rules: &PoolRules, at: Timestamp) {
        if !self.span.is_some_and(|span| span.contains(at)) {
            self.turn(rules.window.span_at(&Zone::default(), at));
        }
    }

    /// Another window begins: what is left expires.
    fn turn(&mut self, span: Option<Span>) {
        self.span = span;
        self.sums.expired = self.sums.expired.saturating_add(self.balance);
        (self.balance, self.since) = (0, PoolWindow::default());
    }

    /// The window in which something was moved, as recorded.
    pub(super) fn reached(&mut self, span: Span) {
        if self.span != Some(span) {
            self.turn(Some(span));
        }
    }

    pub(super) fn take_gift(&mut self, tokens: u64) {
        self.balance = self.balance.saturating_add(tokens);
        self.since.given = self.since.given.saturating_add(tokens);
        self.sums.given = self.sums.given.saturating_add(tokens);
    }

    pub(super) fn take_back(&mut self, tokens: u64) {
        self.balance = self.balance.saturating_add(tokens);
        self.since.returned = self.since.returned.saturating_add(tokens);
        self.sums.returned = self.sums.returned.saturating_add(tokens);
    }

    pub(super) fn take_out(&mut self, tokens: u64) {
        self.balance = self.balance.saturating_sub(tokens);
        self.since.drawn = self.since.drawn.saturating_add(tokens);
        self.sums.drawn = self.sums.drawn.saturating_add(tokens);
    }
}
