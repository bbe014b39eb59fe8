//! Which parts a view's projectors have, as far as is known from their answers: so that each projector is
//! queried once, not once for each of its partitions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tollgate_domain::position::PartitionId;
use tollgate_log::contract::Partitions;

/// The parts that answered last.
#[derive(Clone, Default)]
pub(super) struct Layout(Arc<Mutex<Vec<Partitions>>>);

impl Layout {
    /// Records the partitions that an answer covered. Known parts that overlap with them no longer exist.
    pub(super) fn learn(&self, part: Partitions) {
        let mut parts = self.parts();
        if !parts.contains(&part) {
            parts.retain(|known| !known.overlaps(part));
            parts.push(part);
        }
    }

    /// One partition of each known part, and each partition that is in no known part.
    pub(super) fn one_of_each(&self) -> Vec<PartitionId> {
        let parts = self.parts();
        let first = |part: &Partitions, partition| part.iter().next() == Some(partition);
        let asked = |partition: &PartitionId| {
            parts.iter().find(|part| part.contains(*partition)).is_none_or(|part| first(part, *partition))
        };
        PartitionId::all().filter(asked).collect()
    }

    fn parts(&self) -> MutexGuard<'_, Vec<Partitions>> {
        // Every change under the lock is complete in itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_asked_once_and_what_nobody_answered_for_each_by_itself() {
        for (answers, expected) in [
            (&[][..], "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"),
            (&["0-15"], "0"),
            (&["0-7", "8-15"], "0 8"),
            (&["8-15"], "0 1 2 3 4 5 6 7 8"),
            // Restarted with different parts.
            (&["0-7", "8-15", "4-11"], "0 1 2 3 4 12 13 14 15"),
            (&["0-7", "8-15", "0-15", "0-15"], "0"),
        ] {
            let layout = Layout::default();
            answers.iter().for_each(|part| layout.learn(part.parse().unwrap()));
            let asked: Vec<String> =
                layout.one_of_each().iter().map(|partition| partition.number().to_string()).collect();
            assert_eq!(asked.join(" "), expected, "{answers:?}");
        }
    }
}
