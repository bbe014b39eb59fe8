//! The suite that every event log must pass. A backend's tests call [`conformance_tests!`](crate::conformance_tests).

mod append;
mod concurrency;
mod decisions;
mod in_order;
mod reading;
mod support;

use std::sync::Arc;

pub use support::{batch, decision, event, named, other_task_of_the_same_partition};

use crate::contract::{BoxFuture, EventLog};

/// Creates logs of one kind for the suite.
pub trait Backend: Send + Sync {
    /// Whether the backend has what it needs; if not, it reports what is missing and its cases are skipped.
    fn is_here(&self) -> bool {
        true
    }

    /// A new, empty log.
    fn fresh(&self) -> BoxFuture<'_, Arc<dyn EventLog>>;

    /// Closes a log and opens it again; `None` if the log does not outlive its process.
    fn reopen(&self, log: Arc<dyn EventLog>) -> BoxFuture<'_, Option<Arc<dyn EventLog>>>;
}

/// One case of the suite.
pub type Case = for<'a> fn(&'a dyn Backend) -> BoxFuture<'a, ()>;

/// Runs one case on its own runtime, if the backend has what it needs.
pub fn run(case: Case, backend: &dyn Backend) {
    if !backend.is_here() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime can be made").block_on(case(backend));
}

macro_rules! cases {
    ($($module:ident :: $case:ident),+ $(,)?) => {
        $(
            #[doc = concat!("Case `", stringify!($case), "`.")]
            pub fn $case(backend: &dyn Backend) -> BoxFuture<'_, ()> {
                Box::pin($module::$case(backend))
            }
        )+

        /// One `#[test]` per case of the suite, on the backend that the expression creates.
        #[macro_export]
        macro_rules! conformance_tests {
            ($backend:expr) => {
                $(
                    #[test]
                    fn $case() {
                        $crate::conformance::run($crate::conformance::$case, &$backend);
                    }
                )+
            };
        }
    };
}

cases!(
    append::a_record_reads_back_as_it_was_appended,
    append::a_record_keeps_the_time_it_is_given,
    append::sequences_ascend_from_one,
    append::the_same_batch_again_is_all_duplicates,
    append::rebatched_events_are_duplicates_one_by_one,
    append::the_same_event_twice_in_a_batch_is_stored_once,
    append::other_content_under_an_id_is_a_conflict_and_refuses_its_task_only,
    append::an_id_belongs_to_tenant_task_and_producer,
    append::what_breaks_a_limit_is_refused_whole,
    append::a_reopened_log_goes_on_where_it_was,
    decisions::a_decision_needs_the_subjects_last_decision,
    decisions::facts_do_not_advance_a_subject,
    decisions::a_retried_decision_is_a_duplicate_whatever_came_after,
    decisions::a_conflict_refuses_a_decision_whole,
    decisions::racing_decisions_have_one_winner,
    concurrency::concurrent_appends_are_each_stored_once_and_in_their_order,
    concurrency::concurrent_retries_of_one_batch_store_it_once,
    in_order::batches_in_order_stand_one_behind_the_other,
    in_order::batches_in_order_end_at_the_first_that_is_refused,
    in_order::batches_in_order_may_share_events,
    reading::a_reader_begins_after_any_sequence_and_keeps_to_its_partitions,
    reading::a_reader_that_caught_up_waits_for_the_next_record,
    reading::a_reader_in_groups_gets_every_record_in_order,
    reading::find_answers_without_appending,
    reading::the_tail_covers_every_receipt,
    reading::chains_can_be_recomputed_from_the_records,
);
