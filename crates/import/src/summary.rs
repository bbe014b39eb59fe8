//! The totals of an import.

use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::tokens::TokenSums;

use crate::item::Item;
use crate::reader::FileCounts;

/// The totals of an import over all its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Files that were read to the end, or as far as possible.
    pub files: u64,
    /// Files among them with usage.
    pub files_with_usage: u64,
    /// Lines in them.
    pub lines: u64,
    /// Lines that report cumulative usage.
    pub snapshots: u64,
    /// Those of them that report more than the previous one.
    pub growing_snapshots: u64,
    /// Calls found, copies included.
    pub events: u64,
    /// Tokens of those calls by kind.
    pub tokens: TokenSums,
    /// Problems: what could not be read.
    pub problems: u64,
    /// Notes: what a person should know.
    pub notes: u64,
    events_of_finished_files: u64,
}

impl ImportSummary {
    /// Counts one item.
    pub fn count(&mut self, item: &Item) {
        match item {
            Item::Miscounted(_) | Item::Family(_) => {}
            Item::Call(call) => {
                self.events += 1;
                if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &call.event.body {
                    self.tokens.add(&usage.tokens.into());
                }
            }
            Item::Problem(_) => self.problems += 1,
            Item::Note(_) => self.notes += 1,
        }
    }

    /// Counts a file whose items were all counted.
    pub fn finish_file(&mut self, counts: FileCounts) {
        self.files += 1;
        self.files_with_usage += u64::from(self.events > self.events_of_finished_files);
        self.events_of_finished_files = self.events;
        self.lines += counts.lines;
        self.snapshots += counts.snapshots;
        self.growing_snapshots += counts.growing_snapshots;
    }
}
