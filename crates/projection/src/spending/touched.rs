//! Which tasks and sessions used something lately, and when that was used: who looked at all of them at a position is
//! told which to look at again.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use tollgate_domain::position::{PARTITIONS, PartitionId, Position, Sequence};

use super::Counted;
use super::table::SESSION;

/// The most tasks that are kept of a partition. Each takes about a fifth of a kilobyte.
const MOST: usize = 8_192;

/// A task or session of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Touch {
    /// The task that used something.
    pub task: String,
    /// The session that it named.
    pub session: Option<String>,
}

/// What was used after a position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchedLately {
    /// By which tasks and sessions.
    pub by: BTreeSet<Touch>,
    /// In which [quarters of an hour](tollgate_domain::zone::quarter) it counts.
    pub quarters: BTreeSet<i64>,
}

/// The latest tasks and sessions, by partition.
#[derive(Debug, Default)]
pub struct Touched {
    /// All that came after this position are kept; `None`: nobody asked yet.
    after: Option<Position>,
    kept: [Kept; PARTITIONS],
}

/// Those of a partition.
#[derive(Debug, Default)]
struct Kept {
    by_tenant: HashMap<String, Latest>,
    /// How many tasks, sessions and quarters there are.
    count: usize,
    /// The last usage.
    last: Sequence,
}

/// Those of a tenant, each with the last usage.
#[derive(Debug, Default)]
struct Latest {
    by: HashMap<Touch, Sequence>,
    quarters: HashMap<i64, Sequence>,
}

impl Touched {
    /// Begins to keep them, at the position of now.
    pub(super) fn begin(&mut self, as_of: &Position) {
        if self.after.is_none() {
            self.after = Some(as_of.clone());
        }
    }

    /// Whether none are kept.
    pub(super) const fn is_idle(&self) -> bool {
        self.after.is_none()
    }

    /// Notes a usage.
    pub(super) fn count(&mut self, partition: PartitionId, sequence: Sequence, usage: &Counted<'_>) {
        let Some(after) = &mut self.after else { return };
        let kept = &mut self.kept[partition.index()];
        if sequence <= after.get(partition) || sequence < kept.last {
            // It waited in quarantine: who looked since has not seen it, and no position says so.
            *self = Self::default();
            return;
        }
        kept.last = sequence;
        let touch = Touch {
            task: usage.dimensions.task.to_owned(),
            session: usage.dimensions.labels.get(SESSION).cloned(),
        };
        let of_tenant = kept.by_tenant.entry(usage.tenant.to_owned()).or_default();
        let mut added = usize::from(of_tenant.by.insert(touch, sequence).is_none());
        for (quarter, _) in usage.parts() {
            added = added.saturating_add(usize::from(of_tenant.quarters.insert(quarter, sequence).is_none()));
        }
        kept.count = kept.count.saturating_add(added);
        if kept.count > MOST {
            *kept = Kept { last: sequence, ..Kept::default() };
            after.advance(partition, sequence);
        }
    }

    /// What a tenant used after a position, up to now; `None`: not all of that is kept.
    #[must_use]
    pub fn since(&self, tenant: &str, position: &Position) -> Option<TouchedLately> {
        if !position.covers(self.after.as_ref()?) {
            return None;
        }
        let mut found = TouchedLately::default();
        for (partition, kept) in PartitionId::all().zip(&self.kept) {
            let seen = position.get(partition);
            let Some(latest) = kept.by_tenant.get(tenant) else { continue };
            let later = latest.by.iter().filter(|(_, last)| **last > seen);
            found.by.extend(later.map(|(touch, _)| touch.clone()));
            let later = latest.quarters.iter().filter(|(_, last)| **last > seen);
            found.quarters.extend(later.map(|(quarter, _)| *quarter));
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spending::UsageSums;
    use tollgate_domain::budget::{AlsoNamed, Dimensions};

    fn position(sequences: &[(usize, u64)]) -> Position {
        let mut position: Position = format!("{}@", "7".repeat(32)).parse().unwrap();
        for &(partition, sequence) in sequences {
            position.advance(PartitionId::all().nth(partition).unwrap(), Sequence(sequence));
        }
        position
    }

    /// `task` or `task/session`.
    fn count(touched: &mut Touched, partition: usize, sequence: u64, name: &str) {
        count_in(touched, partition, sequence, name, 0);
    }

    fn count_in(touched: &mut Touched, partition: usize, sequence: u64, name: &str, quarter: i64) {
        let (task, session) = name.split_once('/').unwrap_or((name, ""));
        let session = (!session.is_empty()).then(|| (SESSION.to_owned(), session.to_owned()));
        let labels: BTreeMap<String, String> = session.into_iter().collect();
        let (provider, model, phase, component) = (None, None, None, None);
        let usage = Counted {
            tenant: "t",
            at: tollgate_domain::time::Timestamp::default(),
            quarter,
            dimensions: Dimensions {
                task,
                phase,
                component,
                provider,
                model,
                labels: &labels,
                also: AlsoNamed::default(),
            },
            allocation: None,
            sums: UsageSums::default(),
            earlier: None,
        };
        touched.count(PartitionId::all().nth(partition).unwrap(), Sequence(sequence), &usage);
    }

    fn since(touched: &Touched, tenant: &str, at: &[(usize, u64)]) -> Option<String> {
        let name = |touch: Touch| match touch.session {
            None => touch.task,
            Some(session) => format!("{}/{session}", touch.task),
        };
        let found = touched.since(tenant, &position(at))?.by;
        Some(found.into_iter().map(name).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_was_touched_after_a_position_is_told_in_full_or_not_at_all() {
        let mut touched = Touched::default();
        count(&mut touched, 3, 1, "a");
        assert_eq!(since(&touched, "t", &[(3, 1)]), None, "nobody asked yet");
        touched.begin(&position(&[(3, 1)]));
        for (partition, sequence, name) in [(3, 2, "a"), (3, 2, "b"), (5, 3, "c/s"), (3, 6, "a/s")] {
            count(&mut touched, partition, sequence, name);
        }
        for (tenant, at, expected) in [
            ("t", &[(3, 1)][..], Some("a a/s b c/s")),
            ("t", &[(3, 2)], Some("a/s c/s")),
            ("t", &[(3, 2), (5, 3)], Some("a/s")),
            ("t", &[(3, 6), (5, 4)], Some("")),
            ("other", &[(3, 1)], Some("")),
            ("t", &[(5, 4)], None),
        ] {
            assert_eq!(since(&touched, tenant, at).as_deref(), expected, "{tenant} {at:?}");
        }
        let other = format!("{}@3:9,5:9", "8".repeat(32)).parse().unwrap();
        assert_eq!(touched.since("t", &other), None, "another log");
    }

    #[test]
    fn of_too_many_none_are_told_and_those_after_them_are() {
        let mut touched = Touched::default();
        touched.begin(&position(&[]));
        // One of those that are kept is the quarter.
        for sequence in 1..=MOST as u64 {
            count(&mut touched, 0, sequence, &format!("T-{sequence}"));
        }
        assert_eq!(since(&touched, "t", &[(0, 5)]), None);
        count(&mut touched, 0, MOST as u64 + 2, "later");
        assert_eq!(since(&touched, "t", &[(0, MOST as u64 + 1)]).as_deref(), Some("later"));
    }

    #[test]
    fn the_quarters_of_an_hour_in_which_something_was_used_lately_are_told() {
        let mut touched = Touched::default();
        touched.begin(&position(&[]));
        for (partition, sequence, quarter) in [(3, 2, 900), (3, 4, 1800), (5, 3, -900), (5, 6, 900)] {
            count_in(&mut touched, partition, sequence, "a", quarter);
        }
        for (at, expected) in [
            (&[][..], vec![-900, 900, 1800]),
            (&[(3, 2), (5, 3)], vec![900, 1800]),
            (&[(3, 4), (5, 3)], vec![900]),
            (&[(3, 4), (5, 6)], vec![]),
        ] {
            let found = touched.since("t", &position(at)).unwrap_or_default();
            assert_eq!(found.quarters.into_iter().collect::<Vec<_>>(), expected, "{at:?}");
        }
    }

    #[test]
    fn usage_that_waited_in_quarantine_makes_everyone_look_at_all() {
        for late in [1, 3] {
            let mut touched = Touched::default();
            touched.begin(&position(&[(0, 2)]));
            count(&mut touched, 0, 4, "a");
            count(&mut touched, 0, late, "b");
            assert_eq!(since(&touched, "t", &[(0, 4)]), None, "{late}");
        }
    }
}
