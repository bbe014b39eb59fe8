//! Updates of prices that servers make by themselves, as often as the file of sources says. Of several servers, one
//! makes each.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tollgate_domain::event::PriceUpdateBegun;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_domain::price::PriceHistory;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::AppendOutcome;
use tollgate_price_sources::PriceSources;
use tollgate_wire::api::{HealthCheck, PriceUpdateReport, PriceUpdateRequest};

use super::InForce;
use crate::ledger::own::{about_itself, append_one, of_append_one};
use crate::problem::{Answer, INTERNAL, STALE, of_read};

/// What is known about the updates that servers make by themselves.
#[derive(Debug, Default)]
pub(super) struct Automatic {
    /// As of the last look: how often, in seconds; `None`: they are off.
    every_s: Option<u64>,
    /// What is wrong with them.
    problem: Option<String>,
    /// This server has begun one that failed: it tries again.
    again: bool,
}

/// The check of health that says how they fare.
const CHECK: &str = "price_updates";

impl InForce {
    /// Updates the prices if the file of sources says that servers do so by themselves, an update is due, and no
    /// other server makes it. What comes of it is also in health.
    ///
    /// # Errors
    ///
    /// The problem of the file, of the log or of the update. The next look tries again.
    pub async fn update_prices_when_due(&self) -> Answer<Option<PriceUpdateReport>> {
        if !self.price_sources.as_ref().is_some_and(|file| file.exists()) {
            self.noted(Automatic::default());
            return Ok(None);
        }
        let config = match self.sources() {
            Ok((config, _)) => config,
            Err(problem) => {
                let again = self.tries_again();
                self.noted(Automatic { every_s: None, problem: Some(problem.detail.clone()), again });
                return Err(problem);
            }
        };
        let Some(every_s) = config.update_every_s else {
            self.noted(Automatic::default());
            return Ok(None);
        };
        let done = self.update_if_due(every_s).await;
        let (again, problem) = match &done {
            Ok(_) => (false, problem_of(&config, &self.ask.settings().price_history)),
            Err(problem) => (self.tries_again(), Some(problem.detail.clone())),
        };
        self.noted(Automatic { every_s: Some(every_s), problem, again });
        done
    }

    async fn update_if_due(&self, every_s: u64) -> Answer<Option<PriceUpdateReport>> {
        let last = self.last_begun().await?;
        let every_ms = i64::try_from(every_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        let due = last.is_none_or(|last| self.ask.now().millis_since(last) >= every_ms);
        let began = if due { self.begin(last).await } else { Ok(self.tries_again()) };
        // Until it has succeeded. Where it is not known whether the log has it, this server may have begun it: made
        // twice, an update changes nothing more.
        self.automatic.lock().unwrap_or_else(PoisonError::into_inner).again =
            began.as_ref().map_or(true, |mine| *mine);
        if !began? {
            return Ok(None);
        }
        self.update_prices(&PriceUpdateRequest::default()).await.map(Some)
    }

    /// When a server last began to update the prices by itself: what is known must be all that was in the log just
    /// now, or one that was begun elsewhere would be begun again.
    async fn last_begun(&self) -> Answer<Option<Timestamp>> {
        let partition = PartitionId::of(TenantId::ledger().as_str(), TaskId::ledger().as_str());
        let end = self.log.tail_of(partition).await.map_err(|error| of_read(&error))?;
        self.learn_settings().await;
        if self.settings_seen.load(Ordering::Relaxed) < end.0 {
            return Err(STALE.with(
                "updating the prices: what was last decided about them is not known yet; will retry"
                    .to_owned(),
            ));
        }
        Ok(self.ask.settings().price_history.update_begun)
    }

    /// Records that an update begins; returns whether this server makes it. The id follows from the last one: of all
    /// servers that try, one gets it.
    async fn begin(&self, last: Option<Timestamp>) -> Answer<bool> {
        let after = last.map_or_else(|| "never".to_owned(), |last| last.micros().to_string());
        let body = PriceUpdateBegun { after: last }.into();
        let submitted = about_itself(&format!("price-update:{after}"), None, body)
            .map_err(|error| INTERNAL.with(error))?;
        let receipt = append_one(&*self.log, &submitted).await.map_err(|error| of_append_one(&error))?;
        Ok(matches!(receipt.outcomes.first(), Some(AppendOutcome::Appended(_))))
    }

    /// What health says about the updates that servers make by themselves; `None`: they are off.
    pub(crate) fn check_of_updates(&self) -> Option<HealthCheck> {
        let check = |ok, detail| HealthCheck { name: CHECK.to_owned(), ok, detail };
        let known = self.automatic.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = &known.problem {
            return Some(check(false, problem.clone()));
        }
        let begun = self.ask.settings().price_history.update_begun;
        let begun = begun.map_or_else(|| "none was begun yet".to_owned(), |at| format!("last begun at {at}"));
        known.every_s.map(|every_s| check(true, format!("every {every_s} s, {begun}")))
    }

    fn tries_again(&self) -> bool {
        self.automatic.lock().unwrap_or_else(PoisonError::into_inner).again
    }

    fn noted(&self, now: Automatic) {
        *self.automatic.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// What was wrong with the sources that are named, when they were last asked.
fn problem_of(config: &PriceSources, history: &PriceHistory) -> Option<String> {
    let of = |id: &String| {
        let problem = history.sources.get(id)?.problem.as_ref()?;
        Some(format!("the list of the source {id} is not used: {problem}"))
    };
    let problems: Vec<String> = config.sources.iter().filter_map(|source| of(&source.id)).collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}
