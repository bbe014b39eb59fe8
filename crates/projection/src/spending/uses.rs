//! What was used of allocations lately: who knows their sums as of a position is told what came since, however many
//! allocations there are.

use std::collections::{BTreeMap, VecDeque};

use tollgate_domain::budget::Amount;
use tollgate_domain::position::{PARTITIONS, PartitionId, Position, Sequence};

use super::Counted;

/// The most uses that are kept of a partition: some seconds of a busy ledger. Each takes about a tenth of a kilobyte.
const MOST: usize = 4_096;

/// The latest uses of allocations, by partition.
#[derive(Debug, Default)]
pub struct Uses {
    /// All uses after this position are kept; `None`: nobody asked yet.
    after: Option<Position>,
    kept: [VecDeque<Use>; PARTITIONS],
}

#[derive(Debug)]
struct Use {
    sequence: Sequence,
    tenant: String,
    allocation: String,
    amount: Amount,
}

impl Uses {
    /// Begins to keep uses, at the position of now.
    pub(super) fn begin(&mut self, as_of: &Position) {
        if self.after.is_none() {
            self.after = Some(as_of.clone());
        }
    }

    /// Whether none are kept.
    pub(super) const fn is_idle(&self) -> bool {
        self.after.is_none()
    }

    /// Keeps what a usage uses.
    pub(super) fn count(&mut self, partition: PartitionId, sequence: Sequence, usage: &Counted<'_>) {
        let (Some(after), Some(allocation)) = (&mut self.after, usage.allocation) else { return };
        let kept = &mut self.kept[partition.index()];
        let latest = kept.back().map_or(Sequence::ZERO, |latest| latest.sequence);
        if sequence <= after.get(partition) || sequence < latest {
            // It waited in quarantine: what was told before lacks it, and no position says so.
            *self = Self::default();
            return;
        }
        if kept.len() >= MOST
            && let Some(dropped) = kept.pop_front()
        {
            after.advance(partition, dropped.sequence);
        }
        kept.push_back(Use {
            sequence,
            tenant: usage.tenant.to_owned(),
            allocation: allocation.to_owned(),
            amount: Amount::from(&usage.sums.spent),
        });
    }

    /// What was used of a tenant's allocations after a position, up to now; `None`: not all of that is kept.
    #[must_use]
    pub fn since(&self, tenant: &str, position: &Position) -> Option<BTreeMap<String, Amount>> {
        if !position.covers(self.after.as_ref()?) {
            return None;
        }
        let mut found: BTreeMap<String, Amount> = BTreeMap::new();
        for (partition, kept) in PartitionId::all().zip(&self.kept) {
            let seen = position.get(partition);
            let from = kept.partition_point(|one| one.sequence <= seen);
            for one in kept.range(from..).filter(|one| one.tenant == tenant) {
                let sum = found.entry(one.allocation.clone()).or_default();
                *sum = sum.plus(one.amount);
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spending::UsageSums;
    use tollgate_domain::budget::{AlsoNamed, Dimensions, Spent};

    fn position(sequences: &[(usize, u64)]) -> Position {
        let mut position: Position = format!("{}@", "7".repeat(32)).parse().unwrap();
        for &(partition, sequence) in sequences {
            position.advance(PartitionId::all().nth(partition).unwrap(), Sequence(sequence));
        }
        position
    }

    fn count(uses: &mut Uses, partition: usize, sequence: u64, allocation: &str, tokens: i128) {
        let labels = BTreeMap::new();
        let spent = Spent { events: 1, tokens, ..Spent::default() };
        let dimensions = Dimensions {
            task: "T",
            phase: None,
            component: None,
            provider: None,
            model: None,
            labels: &labels,
            also: AlsoNamed::default(),
        };
        let usage = Counted {
            tenant: "t",
            at: tollgate_domain::time::Timestamp::default(),
            quarter: 0,
            dimensions,
            allocation: (!allocation.is_empty()).then_some(allocation),
            sums: UsageSums { spent, ..UsageSums::default() },
            earlier: None,
        };
        uses.count(PartitionId::all().nth(partition).unwrap(), Sequence(sequence), &usage);
    }

    fn since(uses: &Uses, tenant: &str, at: &[(usize, u64)]) -> Option<String> {
        let found = uses.since(tenant, &position(at))?;
        let each = found.iter().map(|(name, amount)| format!("{name} {}", amount.tokens));
        Some(each.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn what_came_after_a_position_is_told_in_full_or_not_at_all() {
        let mut uses = Uses::default();
        count(&mut uses, 3, 1, "a", 1);
        assert_eq!(since(&uses, "t", &[(3, 1)]), None, "nobody asked yet");
        uses.begin(&position(&[(3, 1)]));
        for (partition, sequence, allocation, tokens) in
            [(3, 2, "a", 10), (3, 2, "b", 5), (5, 3, "a", 100), (5, 4, "", 7), (3, 6, "a", -4)]
        {
            count(&mut uses, partition, sequence, allocation, tokens);
        }
        for (tenant, at, expected) in [
            ("t", &[(3, 1)][..], Some("a 106, b 5")),
            ("t", &[(3, 2)], Some("a 96")),
            ("t", &[(3, 2), (5, 3)], Some("a -4")),
            ("t", &[(3, 6), (5, 4)], Some("")),
            ("other", &[(3, 1)], Some("")),
            ("t", &[(5, 4)], None),
            ("t", &[], None),
        ] {
            assert_eq!(since(&uses, tenant, at).as_deref(), expected, "{tenant} {at:?}");
        }
        let other = format!("{}@3:9,5:9", "8".repeat(32)).parse().unwrap();
        assert_eq!(uses.since("t", &other), None, "another log");
    }

    #[test]
    fn what_is_no_longer_kept_is_not_told_as_a_part() {
        let mut uses = Uses::default();
        uses.begin(&position(&[]));
        for sequence in 1..=MOST as u64 + 1 {
            count(&mut uses, 0, sequence, "a", 1);
        }
        assert_eq!(since(&uses, "t", &[]), None);
        assert_eq!(since(&uses, "t", &[(0, 1)]), Some(format!("a {MOST}")));
    }

    #[test]
    fn usage_that_waited_in_quarantine_makes_everyone_ask_for_all() {
        for late in [1, 3] {
            let mut uses = Uses::default();
            uses.begin(&position(&[(0, 2)]));
            count(&mut uses, 0, 4, "a", 1);
            count(&mut uses, 0, late, "a", 1);
            assert_eq!(since(&uses, "t", &[(0, 4)]), None, "{late}");
        }
    }
}
