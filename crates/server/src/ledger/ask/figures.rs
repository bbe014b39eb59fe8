//! Queries over many tasks: the target figures of a healthy setup.

use std::time::Duration;

use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::position::PartitionId;
use tollgate_projection::overview::{HealthConfig, Overview, health, transitions_row};
use tollgate_projection::savings::{self, Savings, Stated};
use tollgate_projector::queries::{ConfigsOf, Governing, GoverningOf, OverviewOf, SavingsOf};
use tollgate_projector::{QueryError, Wait};
use tollgate_wire::api::{BreakerState, BudgetHealth, SavingsReport};

use super::{Queries, Read};
use crate::problem::{Answer, of_query};

/// How long a gate waits for the breaker's state, once per process: a view that does not answer must not keep
/// the gate from blocking.
const FIRST_WAIT: Duration = Duration::from_millis(500);

impl Queries {
    /// How well the budgets fit: for the tasks opened in the latest weeks, of one tenant if one is named.
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

    /// What the stop-loss did for the money: for all tasks, or one tenant's if one is named. `stated`: what it cost.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn savings(&self, tenant: Option<&str>, stated: Stated, read: &Read) -> Answer<SavingsReport> {
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
            savings::report(&savings, min_tasks, stated, as_of.to_string())
        })
        .await
    }

    /// `own`: the ledger itself is asking.
    pub(in crate::ledger) async fn overview(
        &self,
        tenant: Option<&str>,
        own: bool,
        read: &Read,
    ) -> Answer<(Overview, String)> {
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

    /// The breaker's state, and what it is based on.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn breaker(&self, read: &Read) -> Answer<BreakerState> {
        let governing = self.governing_now(read).await?;
        let config = &self.settings().config.alerts;
        let transitions = &governing.transitions;
        Ok(BreakerState {
            open: governing.breaker.is_some(),
            alert: governing.breaker.clone(),
            baseline_transitions: transitions.baseline_transitions,
            baseline_p95_us: transitions.baseline_p95_us(),
            recent_p95_us: transitions.recent_p95_us(config.breaker_after_ms),
            breaker_percent: config.breaker_percent,
            breaker_after_ms: config.breaker_after_ms,
        })
    }

    /// The same, as of the log's end.
    pub(in crate::ledger) async fn governing_now(&self, read: &Read) -> Answer<Governing> {
        let partition = PartitionId::of(LEDGER_TENANT, LEDGER_TENANT);
        let at_least = self.wanted(read).await?.map(|position| position.only(partition));
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        self.governing(wait).await.map_err(|error| of_query(&error))
    }

    /// What is true of the ledger as a whole.
    async fn governing(&self, wait: Wait<'_>) -> Result<Governing, QueryError> {
        let partition = PartitionId::of(LEDGER_TENANT, LEDGER_TENANT);
        let answered = self.alerts.ask(partition, wait, &GoverningOf {}).await?;
        self.breaker.set(answered.answer.breaker.is_some());
        Ok(answered.answer)
    }

    /// Whether the breaker keeps the gate from blocking, as far as this process knows. Reactors update it;
    /// the first gate queries it.
    pub(in crate::ledger) async fn breaker_is_open(&self) -> bool {
        self.breaker
            .asked
            .get_or_init(|| async {
                match self.governing(Wait { at_least: None, up_to: FIRST_WAIT }).await {
                    Ok(governing) => self.breaker.set(governing.breaker.is_some()),
                    Err(error) => tracing::warn!(%error, "the state of the circuit breaker is not known yet: taken as closed"),
                }
            })
            .await;
        self.breaker.is_open()
    }
}
