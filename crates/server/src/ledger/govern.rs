//! Questions about many tasks: the target figures of a healthy set-up.

use tollgate_domain::alert::{AlertRule, Condition};
use tollgate_domain::event::{AlertEvent, ConditionObserved, EventBody};
use tollgate_projection::overview::{HealthConfig, Overview, conditions, health, transitions_row};
use tollgate_projection::savings::{self, Savings};
use tollgate_projector::Wait;
use tollgate_projector::queries::{ConfigsOf, OverviewOf, SavingsOf};
use tollgate_wire::api::{BudgetHealth, SavingsReport};

use super::{Ledger, Read};
use crate::problem::{Answer, of_query};

impl Ledger {
    /// How the budgets do: of the tasks that were opened in the latest weeks, of one tenant where one is named.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn budget_health(&self, tenant: Option<&str>, weeks: u32, read: &Read) -> Answer<BudgetHealth> {
        let settings = self.settings();
        let (overview, as_of) = self.overview(tenant, false, read).await?;
        let config = HealthConfig::of(&settings.config, weeks);
        let mut health = self.make(move || health(&overview, &config, as_of)).await?;
        health.figures.push(transitions_row(&self.breaker(read).await?));
        Ok(health)
    }

    /// What the stop-loss did for the money: of all tasks, of one tenant where one is named.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn savings(&self, tenant: Option<&str>, read: &Read) -> Answer<SavingsReport> {
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let asked = self.reports().ask_all(wait, &ConfigsOf {}).await;
        let (parts, _) = asked.map_err(|error| of_query(&error))?;
        let configs = parts.into_iter().flatten().collect();
        let question = SavingsOf { tenant: tenant.map(str::to_owned), configs };
        let asked = self.status().ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let min_tasks = self.settings().config.alerts.min_tasks;
        self.make(move || {
            let mut savings = Savings::default();
            parts.iter().for_each(|part| savings.merge(part));
            savings::report(&savings, min_tasks, as_of.to_string())
        })
        .await
    }

    /// Learns whether the breaker is open: another server may have seen what opens it, or a person reset it there.
    pub(crate) async fn learn_breaker(&self) -> Answer<()> {
        self.governing_now(&Read::default()).await.map(|_| ())
    }

    /// Looks at the figures of many tasks and at the transitions, and writes down what became true or false. How much was written.
    ///
    /// # Errors
    ///
    /// The problem of a view or the log. What was not written is written the next time.
    pub async fn look_at_figures(&self) -> Answer<usize> {
        let (settings, read) =
            (self.settings(), Read { at_least: Some("tail".to_owned()), ..Read::default() });
        let (overview, _) = self.overview(None, true, &read).await?;
        let known = self.governing_now(&read).await?;
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
            // Only a person ends what ends with an acknowledgement.
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
            // A breaker that opened holds from now on.
            self.governing_now(&read).await?;
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
        self.append_noted(id.as_str(), at, EventBody::Alert(AlertEvent::ConditionObserved(Box::new(seen))))
            .await
    }

    /// `own`: the ledger itself asks.
    async fn overview(&self, tenant: Option<&str>, own: bool, read: &Read) -> Answer<(Overview, String)> {
        let question = OverviewOf {
            tenant: tenant.map(str::to_owned),
            now: self.clock.now(),
            stuck_after_ms: self.settings().config.alerts.stuck_after_ms,
            own,
        };
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let asked = self.status().ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        self.make(move || {
            let mut overview = Overview::default();
            parts.into_iter().for_each(|part| overview.merge(part));
            (overview, as_of.to_string())
        })
        .await
    }
}
