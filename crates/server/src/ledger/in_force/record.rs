//! The log's account of what is in force.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tollgate_domain::event::{ConfigLoaded, ConfigRejected, EventBody, PriceBookLoaded};
use tollgate_domain::hex::hex;
use tollgate_log::contract::DedupScope;
use tollgate_projection::reports::LastSettings;
use tollgate_wire::Submitted;
use uuid::Uuid;

use super::InForce;
use super::recorded::Recorded;
use crate::ledger::own::{about_itself, append_one, name_of};
use crate::ledger::settings::Settings;

/// How long to ask a projector whether settings are recorded. An unavailable one costs no more than this,
/// once.
const KNOWN_WAIT: Duration = Duration::from_millis(500);

/// Prefix of the ids of events about a config.
const CONFIG: &str = "config";

/// Prefix of the ids of events about prices.
const PRICES: &str = "prices";

impl InForce {
    /// Records config and prices if they are not the last ones in the log. A log that accepts no appends at
    /// the moment does not keep the ledger from answering: the next start records them. The first call does
    /// it, the others wait for it.
    pub(crate) async fn record_settings(&self) {
        let recorded = Arc::clone(&self.recorded.read().unwrap_or_else(PoisonError::into_inner));
        if let Recorded::Known(known) = &*recorded {
            self.settings_recorded.get_or_init(|| self.record_settings_now(&known.last)).await;
        }
    }

    async fn record_settings_now(&self, last: &LastSettings) {
        let settings = self.ask.settings();
        let (hash, version) = (&settings.config_hash, settings.prices.version());
        let prices = EventBody::from(PriceBookLoaded {
            price_version: version.to_owned(),
            source: settings.prices_source.clone(),
            models: u32::try_from(settings.prices.len()).unwrap_or(u32::MAX),
        });
        let (last_config, last_prices) = (last.config.as_ref(), last.prices.as_ref());
        let mut facts = vec![
            (CONFIG, loaded(&settings), last_config.map(|last| last.hash == *hash)),
            (PRICES, prices, last_prices.map(|last| last.version == version)),
        ];
        if let Some(Err((source, problems))) = &self.named.config {
            let (source, problems, config_hash) = (source.clone(), problems.clone(), hash.clone());
            let rejected = EventBody::from(ConfigRejected { source, problems, config_hash });
            facts.push(("config-rejected", rejected, None));
        }
        // If what is last in the log could not be loaded, nobody chose the fallback: the next start looks for
        // the original again.
        let named = matches!(self.named.config, Some(Ok(_)));
        let config_stands_in = settings.config_problem.is_some() && !named && last_config.is_some();
        let prices_stand_in = settings.prices_problem.is_some() && self.named.prices.is_none();
        for (name, body, in_force) in facts {
            let stands_in = (name == CONFIG && config_stands_in) || (name == PRICES && prices_stand_in);
            if stands_in && in_force == Some(false) {
                continue;
            }
            let done = match in_force {
                // It is the last one in the log.
                Some(true) => Ok(()),
                // A different one came in between: the log may have this one from earlier, and now it is in
                // force again.
                Some(false) => self.record_again(name, body).await,
                None => self.record_own(name, body).await,
            };
            match done {
                Ok(()) if name == CONFIG => self.recorded_now(hash),
                Ok(()) => {}
                Err(error) => tracing::error!(error, "{name} could not be recorded in the log"),
            }
        }
    }

    /// Notes since when the config has been in force, unless a different one is in force by now.
    fn recorded_now(&self, hash: &str) {
        let settings = self.ask.settings();
        if settings.config_since.is_none() && settings.config_hash == hash {
            self.put_in_force(Settings { config_since: Some(self.ask.now()), ..(*settings).clone() });
        }
    }

    /// Records a ledger-wide fact under an id derived from its content: the same fact is recorded once.
    pub(in crate::ledger) async fn record_own(&self, kind: &str, body: EventBody) -> Result<(), String> {
        let hash = about_itself(kind, None, body.clone())?.content_hash();
        let submitted = about_itself(&format!("{kind}:{}", hex(&hash[..8])), None, body)?;
        if self.is_recorded(&submitted).await {
            return Ok(());
        }
        append_one(&*self.log, &submitted).await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Records a ledger-wide fact again, even if the log already has the same one: it happened again.
    pub(super) async fn record_again(&self, kind: &str, body: EventBody) -> Result<(), String> {
        let submitted = about_itself(&format!("{kind}:{}", Uuid::now_v7().simple()), None, body)?;
        append_one(&*self.log, &submitted).await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Whether the log is known to have it. A log that only knows ids within a window would append it again
    /// with each command: it would count once but be stored many times.
    async fn is_recorded(&self, submitted: &Submitted) -> bool {
        let found = self.ask.find_within(vec![name_of(submitted)], KNOWN_WAIT).await;
        self.log.dedup() == DedupScope::Window && found.is_ok_and(|found| found.iter().all(Option::is_some))
    }
}

/// The event of a config that comes into force.
pub(super) fn loaded(settings: &Settings) -> EventBody {
    EventBody::from(ConfigLoaded {
        config_hash: settings.config_hash.clone(),
        canonical: settings.config.canonical(),
        source: settings.config_source.clone(),
    })
}
