//! What one event adds to what was spent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{AlsoNamed, Dimensions, Spent};
use tollgate_domain::event::{EventBody, RecordedEvent, UsageEvent};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::UnitSums;
use tollgate_domain::usage::{Unpriced, UsageAdjusted, UsageRecorded, UsageRepriced};
use tollgate_domain::zone::quarter;

/// Sums of usage, corrections included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSums {
    /// What it adds up to.
    pub spent: Spent,
    /// Its tokens by kind.
    pub tokens: TokenSums,
    /// How many of them got their price later: that money counts when it was recorded, which may be in another window.
    pub priced_later: i128,
}

/// What one event adds, and where.
#[derive(Clone, Debug)]
pub struct Counted<'a> {
    /// Owner of the task.
    pub tenant: &'a str,
    /// When it counts.
    pub at: Timestamp,
    /// The [quarter of an hour](quarter) in which that is.
    pub quarter: i64,
    /// What it can be told apart by.
    pub dimensions: Dimensions<'a>,
    /// The allocation that it uses.
    pub allocation: Option<&'a str>,
    /// What it adds.
    pub sums: UsageSums,
    /// What it adds to what has no price, and in which quarter, if that is another one: what has no price is told of
    /// the time of the usage, so that a price for earlier usage hides nothing of later usage.
    pub earlier: Option<(i64, UsageSums)>,
}

impl<'a> Counted<'a> {
    /// With what it adds to what has no price, which is told of the time of the usage.
    fn with_unpriced(mut self, used_at: Option<Timestamp>, unpriced: Unpriced) -> Self {
        let (at, model) = (used_at.map_or(self.quarter, quarter), self.dimensions.model);
        if at == self.quarter {
            self.sums.spent = self.sums.spent.with_unpriced(model, unpriced);
        } else if !unpriced.is_nothing() {
            let spent = Spent::default().with_unpriced(model, unpriced);
            let priced_later = spent.unpriced_tokens().saturating_neg().max(0);
            self.earlier = Some((at, UsageSums { spent, priced_later, ..UsageSums::default() }));
        }
        self
    }

    /// The parts of it, each with its quarter.
    pub(super) fn parts(&self) -> impl Iterator<Item = (i64, &UsageSums)> {
        let earlier = self.earlier.as_ref().map(|(at, sums)| (*at, sums));
        std::iter::once((self.quarter, &self.sums)).chain(earlier)
    }
}

/// The labels of usage that was not found.
static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

impl UsageSums {
    /// Adds others. The order of additions does not matter.
    pub fn add(&mut self, other: &Self) {
        self.spent.add(&other.spent);
        self.tokens.add(&other.tokens);
        self.priced_later = self.priced_later.saturating_add(other.priced_later);
    }
}

/// What an event adds; `None`: it is no usage.
///
/// Usage counts at the time that it states. Where that is further ahead than clocks go wrong by themselves, it counts
/// when it was recorded: it was spent by then, and a limit that counted it in a window to come would let it be spent
/// again. A correction counts at its own time, so that a closed window keeps
/// its figures, with the values of the usage that it corrects.
#[must_use]
pub fn counted<'a>(event: &RecordedEvent<'a>) -> Option<Counted<'a>> {
    if !event.concerns_task() {
        return None;
    }
    match event.body {
        EventBody::Usage(UsageEvent::UsageRecorded(usage)) => Some(recorded(event, usage)),
        EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) => Some(corrected(event, adjusted)),
        EventBody::Usage(UsageEvent::UsageRepriced(priced)) => Some(repriced(event, priced)),
        EventBody::Usage(
            UsageEvent::WaitRecorded(_) | UsageEvent::SignalRecorded(_) | UsageEvent::PhaseExplained(_),
        )
        | EventBody::Task(_)
        | EventBody::Gate(_)
        | EventBody::Ledger(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Price(_)
        | EventBody::Budget(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => None,
    }
}

/// A time that an event states, unless it had not come when the ledger recorded the event.
fn believed(stated: Timestamp, event: &RecordedEvent<'_>) -> Timestamp {
    let is_ahead = stated.skew_ms(event.recorded_at).is_some_and(|ms| ms > 0);
    if is_ahead { event.recorded_at } else { stated }
}

fn recorded<'a>(event: &RecordedEvent<'a>, usage: &'a UsageRecorded) -> Counted<'a> {
    let at = believed(event.occurred_at, event);
    let tokens = TokenSums::from(usage.tokens);
    let spent = Spent {
        events: 1,
        tokens: tokens.total(),
        usd: usage.cost.usd(),
        units: UnitSums::from(&usage.units),
        ..Spent::default()
    };
    Counted {
        tenant: event.tenant,
        at,
        quarter: quarter(at),
        dimensions: usage.dimensions(event.task),
        allocation: usage.used_allocation(),
        sums: UsageSums { spent, tokens, priced_later: 0 },
        earlier: None,
    }
    .with_unpriced(None, usage.unpriced())
}

/// Another price counts when it is recorded, so that a closed window keeps its figures; it adds no tokens.
fn repriced<'a>(event: &RecordedEvent<'a>, priced: &'a UsageRepriced) -> Counted<'a> {
    let at = believed(event.occurred_at, event);
    let spent = Spent { usd: priced.difference(), ..Spent::default() };
    Counted {
        tenant: event.tenant,
        at,
        quarter: quarter(at),
        dimensions: priced.dimensions(event.task),
        allocation: priced.used_allocation(),
        sums: UsageSums { spent, ..UsageSums::default() },
        earlier: None,
    }
    .with_unpriced(Some(believed(priced.used_at, event)), priced.newly_priced().negated())
}

fn corrected<'a>(event: &RecordedEvent<'a>, adjusted: &'a UsageAdjusted) -> Counted<'a> {
    let at = believed(event.occurred_at, event);
    let counted = adjusted.counted();
    let found = adjusted.resolved.as_ref();
    let tokens = counted.tokens;
    let unknown = Dimensions {
        task: event.task,
        phase: None,
        component: None,
        provider: None,
        model: None,
        labels: &NO_LABELS,
        also: AlsoNamed::default(),
    };
    let dimensions = found.map_or(unknown, |found| found.dimensions(event.task));
    let spent = Spent {
        tokens: tokens.total(),
        usd: found.map(|found| found.cost.usd()).unwrap_or_default(),
        units: counted.units,
        ..Spent::default()
    };
    Counted {
        tenant: event.tenant,
        at,
        quarter: quarter(at),
        dimensions,
        allocation: found.and_then(|found| found.used_allocation()),
        sums: UsageSums { spent, tokens, priced_later: 0 },
        earlier: None,
    }
    .with_unpriced(adjusted.used_at().map(|at| believed(at, event)), adjusted.unpriced())
}
