//! Following what others put in force: configs, price books, and decisions about prices.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_wire::api::ConfigOrigin;

use super::InForce;
use super::decided::Decided;
use super::recorded::{Recorded, choose, elsewhere, find_prices, is_elsewhere, other_prices, recorded};
use crate::ledger::settings::Settings;

impl InForce {
    /// Checks again for the last settings in the log: whether they are known by now, and whether another
    /// process put different ones in force.
    pub(crate) async fn learn_settings(&self) {
        let known = Arc::clone(&self.recorded.read().unwrap_or_else(PoisonError::into_inner));
        if matches!(*known, Recorded::Known(_)) {
            return self.follow_settings().await;
        }
        let recorded = recorded(&self.log, &self.reports, None).await;
        if matches!(recorded, Recorded::Known(_)) {
            let _turn = self.reloading.lock().await;
            // Unless one has been named in the meantime.
            if self.ask.settings().config_problem.is_some() {
                let settings = choose(&self.named, &recorded);
                tracing::warn!(config = settings.config_line(), "the log's latest config is known now");
                self.put_in_force(settings);
            }
            *self.recorded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(recorded);
        }
        self.record_settings().await;
    }

    /// Adopts what another process put in force. If the operator named config or prices, those stay, and
    /// health says so.
    async fn follow_settings(&self) {
        let partition = PartitionId::of(TenantId::ledger().as_str(), TaskId::ledger().as_str());
        // A log that does not answer is reported by its own check, and asked again.
        let Ok(end) = self.log.tail_of(partition).await else { return };
        if self.settings_seen.load(Ordering::Relaxed) == end.0 {
            return;
        }
        let _turn = self.reloading.lock().await;
        let have = self.decided();
        let seen = recorded(&self.log, &self.reports, Some(&have)).await;
        let Recorded::Known(known) = &seen else { return };
        let last = &known.last;
        let before = self.ask.settings();
        let mut settings = (*before).clone();
        settings.take_decided(&known.prices.history);
        self.learned(known.prices.clone());
        if is_elsewhere(&before, last) && !self.acts_by_a_name(&before) {
            settings = choose(&self.named, &seen);
            tracing::warn!(config = settings.config_line(), "another process put this config in force");
        }
        let others = last.prices.as_ref().filter(|last| last.version != settings.prices.version());
        if let Some(last) = others.filter(|_| self.named.prices.is_none()) {
            settings.prices_problem = None;
            find_prices(&mut settings, last);
        }
        let config = is_elsewhere(&settings, last).then(|| elsewhere(&settings, last));
        let others: Vec<String> = config.into_iter().chain(other_prices(&settings, last)).collect();
        settings.elsewhere = (!others.is_empty()).then(|| others.join("; "));
        if settings.elsewhere != before.elsewhere {
            let now = settings
                .elsewhere
                .as_deref()
                .unwrap_or("the config and the prices in force are the latest in the log again");
            tracing::warn!("{now}");
        }
        self.put_in_force(settings);
        self.settings_seen.store(end.0, Ordering::Relaxed);
    }

    fn decided(&self) -> Decided {
        self.decided.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learned(&self, decided: Decided) {
        *self.decided.write().unwrap_or_else(PoisonError::into_inner) = decided;
    }

    /// Makes the next check compare what is in force with what is last in the log, even if nothing new is in
    /// the log: until then health keeps reporting what it did.
    pub(super) fn compare_settings_again(&self) {
        self.settings_seen.store(0, Ordering::Relaxed);
    }

    /// Whether the config in force is one that the operator named.
    fn acts_by_a_name(&self, settings: &Settings) -> bool {
        matches!(self.named.config, Some(Ok(_))) || settings.config_origin == ConfigOrigin::File
    }

    /// The log's settings, for a server without a named config: another server may have put a different one
    /// in force.
    ///
    /// `None`: they could not be read.
    pub(super) async fn follow_log(&self) -> Option<Settings> {
        let recorded = recorded(&self.log, &self.reports, None).await;
        matches!(recorded, Recorded::Known(_)).then(|| choose(&self.named, &recorded))
    }
}
