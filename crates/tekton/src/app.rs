//! What every request is given: the ledger, asked as its own HTTP API is, and how this port behaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;
use tollgate_client::{Client, PolicySearch, Read};
use tollgate_clock::{Clock, Stopwatch};
use tollgate_domain::ids::DEFAULT_TENANT;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{BudgetView, PolicyView};

use crate::fault::{Fault, Handled};
use crate::options::Options;

/// The most rows of one page of the ledger's own lists.
pub(crate) const PAGE: usize = 1000;

/// Tekton's budget component, answered by a ledger, for one caller: what is asked of the ledger has that caller's key.
#[derive(Clone)]
pub struct Tekton {
    pub(crate) ledger: Client,
    /// Whose data it is.
    pub(crate) tenant: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Arc<Options>,
    pub(crate) started: Timestamp,
    pub(crate) since: Stopwatch,
    registered: Arc<AtomicBool>,
    /// The last change of alerts that a check has told of.
    checked: Arc<AtomicU64>,
    /// Becomes true when this port is about to close.
    pub(crate) stopped: watch::Receiver<bool>,
}

impl Tekton {
    /// Over the ledger that a client asks, in this process or elsewhere, for callers without a key. Sockets end once
    /// `stopped` is true.
    #[must_use]
    pub fn new(
        ledger: &Client,
        tenant: Option<String>,
        clock: Arc<dyn Clock>,
        options: Options,
        stopped: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let (started, since) = (clock.now(), Stopwatch::start());
        let tenant = tenant.unwrap_or_else(|| DEFAULT_TENANT.to_owned());
        let ledger = ledger.of_tenant(Some(tenant.clone()));
        let (registered, checked, options) = (Arc::default(), Arc::default(), Arc::new(options));
        Arc::new(Self { ledger, tenant, clock, options, started, since, registered, checked, stopped })
    }

    /// The same for a caller with a key.
    pub(crate) fn of_caller(&self, key: &str) -> Handled<Arc<Self>> {
        let ledger = self.ledger.with_key(key).map_err(|_| Fault::unauthorized())?;
        Ok(self.asking(ledger))
    }

    /// The same with another client of the ledger.
    pub(crate) fn asking(&self, ledger: Client) -> Arc<Self> {
        Arc::new(Self { ledger, ..self.clone() })
    }

    /// Whether this caller may read from the ledger: nearly everything here does, and what is changed is read back. The
    /// question itself costs the ledger nothing.
    ///
    /// # Errors
    ///
    /// It asks for a key, or for another one; or it does not answer anybody.
    pub(crate) async fn admits(&self) -> Handled<()> {
        self.ledger.limits(None, None, None, None).await?;
        Ok(())
    }

    /// What is true of everything that was acknowledged before the question.
    pub(crate) fn latest() -> Read {
        Read { at_least: Some("tail".to_owned()), wait_ms: None }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the registry knows this component.
    pub(crate) fn is_registered(&self) -> bool {
        self.registered.load(Ordering::Relaxed)
    }

    pub(crate) fn set_registered(&self, registered: bool) {
        self.registered.store(registered, Ordering::Relaxed);
    }

    /// From which change of alerts on a check tells, and notes up to where it told.
    pub(crate) fn checked_from(&self, up_to: u64) -> u64 {
        self.checked.fetch_max(up_to, Ordering::Relaxed)
    }

    /// All budgets: active ones first, the oldest of them first. The first is *the* budget where only one is shown.
    pub(crate) async fn budgets(&self) -> Handled<Vec<BudgetView>> {
        let mut budgets = self.ledger.budgets(&Self::latest()).await?.budgets;
        let age = |budget: &BudgetView| {
            (!budget.active, budget.made_at.clone().unwrap_or_default(), budget.budget.clone())
        };
        budgets.sort_by_key(age);
        Ok(budgets)
    }

    /// A budget.
    pub(crate) async fn budget(&self, id: &str) -> Handled<BudgetView> {
        let found = self.ledger.budget(id, &Self::latest()).await;
        found.map_err(|error| of_unknown(error, "budget_unknown", "Budget", id))
    }

    /// All policies, of a budget if one is named, the oldest first.
    pub(crate) async fn policies(&self, budget: Option<&str>) -> Handled<Vec<PolicyView>> {
        let mut wanted =
            PolicySearch { budget: budget.map(str::to_owned), limit: Some(PAGE), ..PolicySearch::default() };
        let mut policies = Vec::new();
        loop {
            let page = self.ledger.policies(&wanted, &Self::latest()).await?;
            policies.extend(page.policies);
            match page.next {
                Some(next) => wanted.after = Some(next),
                None => break,
            }
        }
        let begins = |policy: &PolicyView| {
            let from = policy.versions.first().and_then(|first| first.from.clone());
            (from.unwrap_or_default(), policy.policy.clone())
        };
        policies.sort_by_key(begins);
        Ok(policies)
    }

    /// A policy.
    pub(crate) async fn policy(&self, id: &str) -> Handled<PolicyView> {
        let found = self.ledger.policy(id, &Self::latest()).await;
        found.map_err(|error| of_unknown(error, "policy_unknown", "Policy", id))
    }
}

/// The answer that there is none, where the ledger says so.
pub(crate) fn of_unknown(error: tollgate_client::ClientError, code: &str, kind: &str, id: &str) -> Fault {
    if error.code() == Some(code) { Fault::unknown(kind, id) } else { error.into() }
}
