//! What many tasks and all transitions show, recorded when it becomes true or false.

use tollgate_domain::alert::{AlertRule, Condition};
use tollgate_domain::event::{AlertEvent, ConditionObserved, EventBody};
use tollgate_projection::overview::conditions;

use super::Operations;
use crate::ledger::Read;
use crate::problem::Answer;

impl Operations {
    /// Finds out whether the breaker is open: another server may have seen what opens it, or a person may
    /// have reset it there.
    pub(crate) async fn learn_breaker(&self) -> Answer<()> {
        self.ask.governing_now(&Read::default()).await.map(|_| ())
    }

    /// Evaluates the figures of many tasks and the transitions, and records what became true or false.
    /// Returns how much was written.
    ///
    /// # Errors
    ///
    /// The problem with a view or the log. What was not written is written the next time.
    pub async fn look_at_figures(&self) -> Answer<usize> {
        let (settings, read) =
            (self.ask.settings(), Read { at_least: Some("tail".to_owned()), ..Read::default() });
        let (overview, _) = self.ask.overview(None, true, &read).await?;
        let known = self.ask.governing_now(&read).await?;
        let config = &settings.config.alerts;
        let mut found = conditions(&overview, config);
        found.extend(known.transitions.observed(config));
        let is_known = |condition: &Condition| known.observed.iter().any(|(other, _)| other == condition);
        let mut written = 0;
        for seen in found.iter().filter(|seen| !is_known(&seen.condition)) {
            self.observe(seen.clone()).await?;
            written += 1;
        }
        for (condition, observed) in &known.observed {
            // What ends with an acknowledgement is only ended by a person.
            let still = condition.rule.ends_with_acknowledgement();
            if still || found.iter().any(|seen| seen.condition == *condition) {
                continue;
            }
            self.observe(ConditionObserved {
                condition: condition.clone(),
                active: false,
                since: observed.since,
                threshold_ms: 0,
                detail: observed.detail.clone(),
            })
            .await?;
            written += 1;
        }
        if written > 0 {
            // A breaker that opened takes effect from now on.
            self.ask.governing_now(&read).await?;
        }
        Ok(written)
    }

    async fn observe(&self, seen: ConditionObserved) -> Answer<()> {
        let (rule, active, at) = (seen.rule(), seen.active, seen.active.then(|| seen.due()));
        if rule == AlertRule::Breaker {
            tracing::error!("{}", seen.detail);
        } else {
            tracing::info!(%rule, active, "observed: {}", seen.detail);
        }
        let id = seen.event_id();
        self.append_own(id.as_str(), at, EventBody::Alert(AlertEvent::ConditionObserved(Box::new(seen))))
            .await
    }
}
