//! How much of the usage of a history was estimated, and how far estimates were from what was reported later: an
//! estimate and its corrections.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use tollgate_domain::event::{EventBody, RecordedEvent, UsageEvent};
use tollgate_projection::overview::{Counted, Share};

/// Corrected estimates below which their error says little.
const FEWEST: u64 = 100;

/// The most that 95 of 100 estimates should be off, per mille of what was used.
const MOST_PERMILLE: u64 = 200;

/// Estimated usage of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EstimateView {
    /// Calls of models: events of usage, without corrections.
    pub calls: u64,
    /// Those whose tokens were estimated.
    pub estimated_calls: u64,
    /// Tokens of all calls, as they were recorded first.
    pub tokens: u64,
    /// Those that were estimated.
    pub estimated_tokens: u64,
    /// That in percent; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_percent: Option<String>,
    /// Estimated calls with a correction, whose tokens are known with it.
    pub corrected_calls: u64,
    /// Half of these were off by no more, in percent of what was used, rounded up; absent: none was corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_p50_percent: Option<String>,
    /// 95 of 100 were off by no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_p95_percent: Option<String>,
    /// That per mille.
    #[serde(skip)]
    error_p95_permille: Option<u64>,
}

/// What a partition knows of it: some 200 bytes of each estimated call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Estimates {
    sums: Sums,
    /// Estimated calls by tenant, task, producer and id.
    calls: HashMap<Box<str>, Call, FixedState>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sums {
    calls: u64,
    estimated_calls: u64,
    tokens: u64,
    estimated_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Call {
    estimated: u64,
    /// What corrections added; `None`: there was none.
    corrected: Option<i128>,
}

impl Estimates {
    /// Takes an event of a task.
    pub(crate) fn take(&mut self, event: &RecordedEvent<'_>) {
        match event.body {
            EventBody::Usage(UsageEvent::UsageRecorded(usage)) => {
                let (sums, tokens) = (&mut self.sums, usage.tokens.total());
                sums.calls = sums.calls.saturating_add(1);
                sums.tokens = sums.tokens.saturating_add(tokens);
                if usage.estimated {
                    sums.estimated_calls = sums.estimated_calls.saturating_add(1);
                    sums.estimated_tokens = sums.estimated_tokens.saturating_add(tokens);
                    let call = Call { estimated: tokens, corrected: None };
                    self.calls.insert(name(event, event.producer, event.id), call);
                }
            }
            EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) if !self.calls.is_empty() => {
                let of = name(event, &adjusted.adjusts_producer, &adjusted.adjusts);
                if let Some(call) = self.calls.get_mut(&of) {
                    let more = adjusted.counted().tokens.total();
                    call.corrected = Some(call.corrected.unwrap_or_default().saturating_add(more));
                }
            }
            EventBody::Usage(_)
            | EventBody::Task(_)
            | EventBody::Gate(_)
            | EventBody::Ledger(_)
            | EventBody::Alert(_)
            | EventBody::Inbox(_)
            | EventBody::Price(_)
            | EventBody::Budget(_)
            | EventBody::Bill(_)
            | EventBody::Key(_)
            | EventBody::Report(_) => {}
        }
    }
}

/// The call of an event's task with this id: it is unique for its task and producer. No name holds a NUL.
fn name(event: &RecordedEvent<'_>, producer: &str, id: &str) -> Box<str> {
    let RecordedEvent { tenant, task, .. } = event;
    format!("{tenant}\0{task}\0{producer}\0{id}").into()
}

impl EstimateView {
    /// What all partitions know together.
    pub(crate) fn of<'a>(partitions: impl IntoIterator<Item = &'a Estimates>) -> Self {
        let (mut view, mut errors) = (Self::default(), Counted::default());
        for Estimates { sums, calls } in partitions {
            view.calls = view.calls.saturating_add(sums.calls);
            view.estimated_calls = view.estimated_calls.saturating_add(sums.estimated_calls);
            view.tokens = view.tokens.saturating_add(sums.tokens);
            view.estimated_tokens = view.estimated_tokens.saturating_add(sums.estimated_tokens);
            calls.values().filter_map(Call::error_permille).for_each(|error| errors.note(error));
        }
        let percent =
            |of_100| errors.percentile(of_100).and_then(|error| Share { part: error, of: 1000 }.percent());
        view.estimated_percent = Share { part: view.estimated_tokens, of: view.tokens }.percent();
        view.corrected_calls = errors.count();
        (view.error_p50_percent, view.error_p95_percent) = (percent(50), percent(95));
        view.error_p95_permille = errors.percentile(95);
        view
    }

    /// All of it in a sentence; `None`: nothing was estimated.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        if self.estimated_calls == 0 {
            return None;
        }
        let share = self.estimated_percent.as_deref().unwrap_or("0");
        let errors = match (&self.error_p50_percent, &self.error_p95_percent) {
            (Some(p50), Some(_)) if self.corrected_calls == 1 => {
                format!("the one that was corrected was off by {p50} %: fewer than {FEWEST} say little")
            }
            (Some(p50), Some(p95)) => {
                let judged = if self.corrected_calls < FEWEST {
                    format!("fewer than {FEWEST} say little")
                } else if self.error_p95_permille.is_some_and(|error| error <= MOST_PERMILLE) {
                    "the target is at most 20 % at p95".to_owned()
                } else {
                    "above the target of 20 % at p95: count tokens better, or leave more room in limits"
                        .to_owned()
                };
                format!(
                    "of {} that were corrected half were off by at most {p50} % and 95 of 100 by at most {p95} %: {judged}",
                    self.corrected_calls
                )
            }
            (_, _) => "none was corrected, so how far they are off is not known".to_owned(),
        };
        Some(format!(
            "{share} % of the tokens were estimated, in {} of {} calls; {errors}",
            self.estimated_calls, self.calls
        ))
    }
}

impl Call {
    /// How far the estimate was off, per mille of what was used, rounded up; `None`: nobody corrected it, or nothing
    /// was used after all.
    fn error_permille(&self) -> Option<u64> {
        let more = self.corrected?;
        let used = u128::try_from(i128::from(self.estimated).saturating_add(more)).ok()?;
        let off = more.unsigned_abs().saturating_mul(1000);
        let whole = off.checked_div(used)?;
        let permille = whole.saturating_add(u128::from(!off.is_multiple_of(used)));
        Some(u64::try_from(permille).unwrap_or(u64::MAX))
    }
}
