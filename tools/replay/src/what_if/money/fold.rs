//! What usage adds up to in each window of policies.

use std::collections::BTreeMap;

use tollgate_domain::budget::{Amount, Policy, Spent};
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::{Span, quarter};

use super::ordered::{TaskAt, Used};

/// A window of a policy: when it begins, and the task or session that it is about if the policy looks at them one by
/// one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WindowKey {
    pub(super) policy: usize,
    pub(super) span: Option<Span>,
    pub(super) of: Option<String>,
}

/// What was used in a window.
#[derive(Clone, Debug, Default)]
pub(super) struct WindowCells {
    /// By the quarter of an hour, in seconds since 1970.
    pub(super) quarters: BTreeMap<i64, Spent>,
    /// What is counted there, by the quarter, in the order of time: the moment of a crossing is that of one of them.
    pub(super) uses: BTreeMap<i64, Vec<(Timestamp, Amount)>>,
    /// When each task used something last.
    pub(super) tasks: BTreeMap<TaskAt, Timestamp>,
}

/// The windows of all policies in which something was used.
#[derive(Clone, Debug, Default)]
pub(super) struct PolicyFold {
    pub(super) windows: BTreeMap<WindowKey, WindowCells>,
}

impl PolicyFold {
    /// Counts what was used, in every window that it belongs to.
    pub(super) fn take(&mut self, used: &Used<'_>, policies: &[Policy]) {
        let at = used.what.at;
        let request = used.shape.request(used.task, Amount::NOTHING);
        let dimensions = request.dimensions();
        for (policy, rule) in policies.iter().enumerate() {
            if !rule.scope.contains(&dimensions) || !rule.window.is_open_at(at) {
                continue;
            }
            let of = match rule.window.dimension() {
                Some(dimension) => match dimensions.get(&dimension) {
                    Some(value) => Some(value.to_owned()),
                    None => continue,
                },
                None => None,
            };
            let span = self.span(policy, rule, at);
            let cells = self.windows.entry(WindowKey { policy, span, of }).or_default();
            cells.quarters.entry(quarter(at)).or_default().add(&used.what.spent());
            cells.uses.entry(quarter(at)).or_default().push((at, used.what.amount()));
            let last = cells.tasks.entry(used.by).or_insert(at);
            *last = at.max(*last);
        }
    }

    /// The window's span. Most usage is in the window of the usage before it: that one is looked at first.
    fn span(&self, policy: usize, rule: &Policy, at: Timestamp) -> Option<Span> {
        let begin = |policy| WindowKey { policy, span: None, of: None };
        let mut known = self.windows.range(begin(policy)..begin(policy.saturating_add(1))).rev();
        let latest = known.next().and_then(|(key, _)| key.span).filter(|span| span.contains(at));
        latest.or_else(|| rule.window.span_at(&rule.zone, at))
    }
}
