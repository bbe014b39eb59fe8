//! What the appender adds to a fact before it is stored: the cost of usage and how it counts in budgets, the
//! usage that an adjustment names.

use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::nearest;

use tollgate_domain::price::Call;
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::{CountsAs, NamedExecution};
use tollgate_wire::Submitted;

use super::Writer;
use super::corrections::{Corrections, price};
use crate::ledger::Settings;
use crate::problem::Answer;

/// From how much ahead of the ledger's clock on usage is warned of: no time zone and no spool explains a day.
const FAR_AHEAD_MS: i64 = 24 * 60 * 60 * 1000;

impl Writer {
    /// The body of a fact with the appender's additions, and what its producer should know.
    pub(super) async fn enriched(
        &self,
        settings: &Settings,
        submitted: &Submitted,
        corrections: &mut Corrections<'_>,
    ) -> Answer<(EventBody, Vec<String>)> {
        let mut body = submitted.event.body.clone();
        let mut warnings: Vec<String> = unknown_phase(settings, &body).into_iter().collect();
        if let (EventBody::Usage(_), Some(at)) = (&body, submitted.event.occurred_at) {
            warnings.extend(far_ahead(at, self.ask.now()));
        }
        if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut body {
            // Its allocation may say which model it was.
            warnings.extend(self.counted_as(&submitted.event.tenant, usage).await?);
            let at = submitted.event.occurred_at.unwrap_or_else(|| self.ask.now());
            // What names the price book resolves, budgets do.
            let call = settings.config.prices.apply(Call::of(usage, at));
            let priced = settings.prices.priced_as(call);
            let named = CountsAs::named(usage.counts_as.clone(), &usage.dimensions(""), &priced);
            usage.counts_as = named;
            price(settings, usage, at);
        } else if let EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) = &mut body {
            warnings.extend(self.correct(settings, submitted, adjusted, corrections).await?);
        }
        Ok((body, warnings))
    }
}

/// A time far in the future is usually a mistake in its date. The fact is accepted: a producer's clock may be wrong,
/// and what was used was used.
fn far_ahead(at: Timestamp, now: Timestamp) -> Option<String> {
    (at > now.plus_millis(FAR_AHEAD_MS)).then(|| {
        format!(
            "occurred_at `{at}`: is more than a day after the ledger's time, {now}: it counts in windows and periods of that \
             time and in none before; if that is wrong, take it away with a correction and record it again"
        )
    })
}

/// A phase that no config knows is usually a typo. The fact is accepted; it counts towards no phase's limit.
fn unknown_phase(settings: &Settings, body: &EventBody) -> Option<String> {
    let EventBody::Usage(event) = body else { return None };
    let (what, NamedExecution { phase, .. }) = event.names_execution()?;
    let known = || settings.config.phases.iter().map(|known| known.phase.as_str());
    if known().any(|known| known == phase.as_str()) {
        return None;
    }
    let known: Vec<&str> = known().collect();
    let hint = nearest::hint(phase.as_str(), &known);
    Some(format!(
        "the {what} names phase `{phase}`, which the config does not have: counted against no phase's limit{hint}"
    ))
}
