//! A filter for tasks, and sums over the selected ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::money::Usd;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{BudgetStatus, TaskSelection};

use crate::kept::FacetSums;
use crate::overview::decimals;
use crate::report::{narrow, task_budget_status, unit_totals};
use crate::status::{TaskRow, TaskSums, figures};

/// Which tasks to select: one entry of each list has to match; an empty list matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFilter {
    /// One of [`TaskStage::NAMES`](tollgate_domain::task::TaskStage::NAMES).
    pub stages: Vec<String>,
    /// One of [`BudgetStatus::NAMES`].
    pub statuses: Vec<String>,
    /// Scope tiers.
    pub complexities: Vec<Complexity>,
    /// Current importance tiers.
    pub importances: Vec<Importance>,
    /// The producer that opened it.
    pub producers: Vec<String>,
    /// Which of its times to compare.
    pub by: TaskTime,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// A time of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskTime {
    /// When it was opened, or began without being opened.
    #[default]
    Opened,
    /// When its latest event happened.
    Last,
}

impl TaskTime {
    /// The names, in order.
    pub const NAMES: [&'static str; 2] = ["opened", "last"];

    /// The time with this name, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "opened" => Some(Self::Opened),
            "last" => Some(Self::Last),
            _ => None,
        }
    }
}

impl TaskFilter {
    /// Whether it filters at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let by = self.by;
        *self == Self { by, ..Self::default() }
    }

    /// Whether it compares times, which tasks are not listed by.
    #[must_use]
    pub const fn has_times(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether a task is selected; `now` is the time up to which running executions count.
    #[must_use]
    pub fn wants(&self, row: &TaskRow, now: Option<Timestamp>) -> bool {
        let named = |wanted: &[String], is: &str| wanted.is_empty() || wanted.iter().any(|word| word == is);
        let limits = row.state.limits.as_deref();
        let complexity = limits.map(|limits| limits.complexity);
        let at = match self.by {
            TaskTime::Opened => row.began_at(),
            TaskTime::Last => row.last_at,
        };
        named(&self.stages, row.state.stage.as_str())
            && (self.complexities.is_empty() || complexity.is_some_and(|it| self.complexities.contains(&it)))
            && (self.importances.is_empty()
                || row.importance().is_some_and(|it| self.importances.contains(&it)))
            && named(&self.producers, row.opened.as_ref().map_or("", |opened| opened.producer.as_str()))
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
            // The most expensive check last.
            && (self.statuses.is_empty() || named(&self.statuses, task_budget_status(row, &figures(row, now)).as_str()))
    }
}

/// Sums over the selected tasks; those of several parts add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionSums {
    by_status: BTreeMap<String, u64>,
    all: FacetSums,
}

impl SelectionSums {
    /// Adds a task.
    pub fn add(&mut self, row: &TaskRow, now: Option<Timestamp>) {
        let status = task_budget_status(row, &figures(row, now));
        self.add_all(status.as_str(), &FacetSums::of(row, &TaskSums::of(row)));
    }

    /// Adds tasks that all have this budget status.
    pub fn add_all(&mut self, status: &str, sums: &FacetSums) {
        let count = self.by_status.entry(status.to_owned()).or_default();
        *count = count.saturating_add(sums.tasks);
        self.all.add(sums);
    }

    /// Takes back a task that was added with this budget status.
    pub fn take_back(&mut self, status: &str, row: &TaskRow) {
        if let Some(count) = self.by_status.get_mut(status) {
            *count = count.saturating_sub(1);
        }
        self.by_status.retain(|_, count| *count > 0);
        self.all.take_back(&FacetSums::of(row, &TaskSums::of(row)));
    }

    /// Says of a task that was added that it has another budget status.
    pub fn move_one(&mut self, from: &str, to: &str) {
        let one = FacetSums { tasks: 1, ..FacetSums::default() };
        if let Some(count) = self.by_status.get_mut(from) {
            *count = count.saturating_sub(1);
        }
        self.by_status.retain(|_, count| *count > 0);
        self.add_all(to, &one);
        self.all.take_back(&one);
    }

    /// Adds the sums of another part.
    pub fn merge(&mut self, other: &Self) {
        for (status, tasks) in &other.by_status {
            let count = self.by_status.entry(status.clone()).or_default();
            *count = count.saturating_add(*tasks);
        }
        self.all.add(&other.all);
    }

    /// As written by the API.
    #[must_use]
    pub fn view(&self) -> TaskSelection {
        let all = &self.all;
        let count =
            |status: &str| (status.to_owned(), self.by_status.get(status).copied().unwrap_or_default());
        let mean = all.hundredths.checked_div(all.limited_tasks.into());
        let whole = all.used.saturating_mul(10_000).checked_div(all.limit);
        let capped = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
        TaskSelection {
            tasks: all.tasks,
            by_status: BudgetStatus::NAMES.iter().map(|status| count(status)).collect(),
            limited_tasks: all.limited_tasks,
            tokens_used: capped(all.used),
            token_limits: capped(all.limit),
            average_utilization_percent: mean.map(decimals),
            utilization_percent: whole.map(decimals),
            cost_usd: Usd::from_units(all.cost).to_string(),
            unpriced_tokens: narrow(all.unpriced_tokens),
            unpriced_units: unit_totals(&all.unpriced_units),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;
    use crate::testing::{folded, story};

    /// Six tasks of the same day, an hour apart from 2026-11-21. A Medium/medium task has 23,400 tokens, a
    /// Small/critical one a different number.
    const STORY: &str = "in A, open, use - out=11700, \
        in B, +1h, open, use - out=30000, \
        in C, +1h, by other, open importance=critical complexity=Small, use - out=100000, \
        in D, +1h, use - out=5, by agent, \
        in E, +1h, open importance=high, close completed, \
        in F, +1h, open, importance critical";

    fn wanted(filter: &TaskFilter) -> String {
        let story = story(STORY);
        let rows = folded(&Status, &story.events);
        let names = rows.iter().filter(|(_, row)| filter.wants(row, None));
        names.filter_map(|(key, _)| Some(crate::fold::read_task_key(key)?.1.to_owned())).collect()
    }

    #[test]
    fn each_filter_selects_its_tasks_and_all_of_them_have_to_fit() {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let all = TaskFilter::default;
        let began = crate::testing::story("").now;
        let hour = |hours: i64| Some(began.plus_millis(hours * 3_600_000));
        for (filter, expected) in [
            (all(), "ABCDEF"),
            (TaskFilter { stages: words(&["open"]), ..all() }, "ABCF"),
            (TaskFilter { stages: words(&["implicit", "completed"]), ..all() }, "DE"),
            (TaskFilter { statuses: words(&["within"]), ..all() }, "AEF"),
            (TaskFilter { statuses: words(&["warning", "exceeded"]), ..all() }, "BC"),
            (TaskFilter { statuses: words(&["no_limits"]), ..all() }, "D"),
            (TaskFilter { complexities: vec![Complexity::Small], ..all() }, "C"),
            // The current importance, not the one at opening.
            (TaskFilter { importances: vec![Importance::Critical], ..all() }, "CF"),
            (TaskFilter { producers: words(&["other"]), ..all() }, "C"),
            (TaskFilter { since: hour(3), ..all() }, "DEF"),
            (TaskFilter { since: hour(1), until: hour(3), ..all() }, "BC"),
            (TaskFilter { by: TaskTime::Last, since: hour(5), ..all() }, "F"),
            (
                TaskFilter {
                    statuses: words(&["exceeded"]),
                    importances: vec![Importance::Critical],
                    since: hour(0),
                    ..all()
                },
                "C",
            ),
            (TaskFilter { stages: words(&["open"]), statuses: words(&["no_limits"]), ..all() }, ""),
        ] {
            assert_eq!(wanted(&filter), expected, "{filter:?}");
        }
    }

    #[test]
    fn sums_of_parts_add_up_and_averages_are_exact() {
        let story =
            story("in A, open, use - out=11700 usd=0.25, in B, open, use - out=30000, in D, use - out=5");
        let rows = folded(&Status, &story.events);
        let (mut all, mut parts) = (SelectionSums::default(), SelectionSums::default());
        for row in rows.values() {
            all.add(row, None);
            let mut part = SelectionSums::default();
            part.add(row, None);
            parts.merge(&part);
        }
        assert_eq!(all, parts);
        let view = all.view();
        // 50 % and 128.2 %, 41,700 of 46,800.
        let percents = (view.average_utilization_percent.as_deref(), view.utilization_percent.as_deref());
        assert_eq!(percents, (Some("89.1"), Some("89.1")));
        assert_eq!(
            (view.tasks, view.limited_tasks, view.tokens_used, view.token_limits),
            (3, 2, 41_700, 46_800)
        );
        let counts: Vec<_> = view.by_status.iter().map(|(status, tasks)| (status.as_str(), *tasks)).collect();
        assert_eq!(
            counts,
            [("exceeded", 0), ("no_limits", 1), ("unknown", 0), ("warning", 1), ("within", 1)]
        );
        assert_eq!((view.cost_usd.as_str(), view.unpriced_tokens), ("0.25", 30_005));
        let none = SelectionSums::default().view();
        assert_eq!((none.tasks, none.average_utilization_percent, none.utilization_percent), (0, None, None));
    }
}
