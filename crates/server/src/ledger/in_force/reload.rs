//! Reloading the config while the ledger runs.

use tollgate_domain::event::{ConfigRejected, EventBody};
use tollgate_wire::api::ReloadResponse;

use super::InForce;
use super::record::loaded;
use crate::ledger::settings::Settings;
use crate::ledger::settings::{list, named_config};
use crate::problem::{Answer, CONFIG_INVALID};

impl InForce {
    /// Reads the config file again. Its limits, thresholds and levels apply to tasks opened from now on, its
    /// switches at once. The change of config is an event. An invalid or missing file changes nothing: the
    /// config in force stays, with an event that names every problem.
    ///
    /// # Errors
    ///
    /// The problem to answer with: everything that is wrong with the file.
    pub async fn reload(&self) -> Answer<ReloadResponse> {
        self.record_settings().await;
        // One at a time: the last file read is the one in force.
        let _turn = self.reloading.lock().await;
        let before = self.ask.settings();
        let Some(path) = &self.config_file else {
            let mut settings = self.follow_log().await.unwrap_or_else(|| (*before).clone());
            settings.elsewhere.clone_from(&before.elsewhere);
            let answer = ReloadResponse {
                changed: settings.config_hash != before.config_hash,
                source: settings.config_source.clone(),
                config_hash: settings.config_hash.clone(),
                previous_hash: before.config_hash.clone(),
            };
            self.put_in_force(settings);
            self.compare_settings_again();
            return Ok(answer);
        };
        match named_config(path) {
            Ok(named) => {
                let mut settings = Settings { config_problem: None, ..(*before).clone() };
                settings.take_config(named.config, &named.source, named.origin);
                if settings.config_hash != before.config_hash {
                    settings.config_since = Some(self.ask.now());
                }
                let answer = ReloadResponse {
                    changed: settings.config_hash != before.config_hash,
                    source: settings.config_source.clone(),
                    config_hash: settings.config_hash.clone(),
                    previous_hash: before.config_hash.clone(),
                };
                let event = loaded(&settings);
                // In force even if the log accepts no appends at the moment: it may be the kill switch.
                self.put_in_force(settings);
                self.compare_settings_again();
                if answer.changed {
                    tracing::warn!(
                        config = answer.config_hash,
                        source = answer.source,
                        "another config is in force"
                    );
                    self.record_reload("config", event).await;
                }
                Ok(answer)
            }
            Err((source, problems)) => {
                let config_hash = before.config_hash.clone();
                let stays = format!(
                    "config {source} is refused, the one in force stays ({config_hash:.12}): {}",
                    list(&problems)
                );
                tracing::error!("{stays}");
                self.put_in_force(Settings { config_problem: Some(stays.clone()), ..(*before).clone() });
                let rejected = EventBody::from(ConfigRejected { source, problems, config_hash });
                self.record_reload("config-rejected", rejected).await;
                Err(CONFIG_INVALID.with(stays))
            }
        }
    }

    pub(super) fn put_in_force(&self, settings: Settings) {
        self.settings.set(settings);
    }

    async fn record_reload(&self, kind: &str, event: EventBody) {
        if let Err(error) = self.record_again(kind, event).await {
            tracing::error!(error, "the reload of the config could not be recorded in the log");
        }
    }
}
