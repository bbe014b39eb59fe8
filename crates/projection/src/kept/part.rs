//! What the row of one task contributes.

use tollgate_domain::task::TaskStage;
use tollgate_domain::time::{Day, Timestamp};

use super::entry::{Entry, Review};
use super::facet::Facet;
use super::running::Running;
use super::sums::FacetSums;
use crate::overview::{Figure, critical_for_review, each_figure, planned};
use crate::status::{TaskRow, TaskSums};

/// What the row of one task contributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub(super) facet: Facet,
    pub(super) sums: FacetSums,
    /// In the order of the row. A figure may come more than once.
    pub(super) figures: Vec<(Day, Figure, u64)>,
    /// For review, by [`Review`].
    pub(super) reviews: [bool; 3],
    pub(super) running: Option<Running>,
    pub(super) last_at: Timestamp,
    pub(super) began: Day,
}

impl Part {
    /// That of a row.
    #[must_use]
    pub fn of(row: &TaskRow) -> Self {
        let sums = TaskSums::of(row);
        let running = Running::of(row, &sums);
        let mut figures = Vec::new();
        each_figure(row, &sums, |week, figure, amount| figures.push((week, figure, amount)));
        Self {
            facet: Facet::of(row, &sums, running.is_some()),
            running,
            sums: FacetSums::of(row, &sums),
            figures,
            reviews: Review::ALL.map(|review| is_for_review(row, review)),
            last_at: row.last_at,
            began: row.began_at().day(),
        }
    }
}

impl Part {
    /// The task as it is listed.
    pub(super) fn listed(&self) -> Entry {
        self.running.map_or(Entry::Task, Entry::Running)
    }
}

fn is_for_review(row: &TaskRow, review: Review) -> bool {
    planned(row).is_some()
        && match review {
            Review::Blocked => row.state.stage == TaskStage::Open && row.blocked().is_some(),
            Review::Unjustified => critical_for_review(row).is_some(),
            Review::ImportanceChanged => !row.importance_changes.is_empty(),
        }
}
