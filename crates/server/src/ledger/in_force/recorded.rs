//! The last settings in the log, and what an operator names instead of them.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::RecordedEvent;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::price::PriceBook;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_projection::reports::{LastConfig, LastPrices, LastSettings, Reports};
use tollgate_projector::queries::LastSettingsOf;
use tollgate_projector::{Source, Wait};
use tollgate_wire::api::ConfigOrigin;
use tollgate_wire::decode_stored;

use super::InForce;
use crate::ledger::settings::{Named, Settings, list, read_prices};

/// How long to wait for the view. One that is being rebuilt takes longer: then the log itself is read.
const VIEW_WAIT: Duration = Duration::from_secs(5);

/// The same, for a projector over NATS.
const REMOTE_WAIT: Duration = Duration::from_secs(2);

/// How long to read the log itself for them.
const LOG_WAIT: Duration = Duration::from_secs(60);

/// What the log is known to have.
pub(in crate::ledger) enum Recorded {
    /// This.
    Known(Box<LastSettings>),
    /// It could not be read, for this reason.
    Unknown(String),
}

/// The last settings in the log: from the view `reports`, otherwise read from the log.
pub(super) async fn recorded(log: &Arc<dyn EventLog>, reports: &Source<Reports>) -> Recorded {
    let partition = PartitionId::of(TenantId::ledger().as_str(), TaskId::ledger().as_str());
    let end = match log.tail_of(partition).await {
        Ok(end) => end,
        Err(error) => return Recorded::Unknown(error.to_string()),
    };
    if end == Sequence::ZERO {
        return Recorded::Known(Box::default());
    }
    let mut at_least = Position::start(log.epoch().id);
    at_least.advance(partition, end);
    let up_to = if matches!(reports, Source::Local(_)) { VIEW_WAIT } else { REMOTE_WAIT };
    let wait = Wait { at_least: Some(&at_least), up_to };
    let asked = reports.ask(partition, wait, &LastSettingsOf {});
    let reason = match tokio::time::timeout(up_to, asked).await {
        Ok(Ok(answered)) => return Recorded::Known(Box::new(answered.answer)),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the view `reports` did not answer within {} s", up_to.as_secs()),
    };
    tracing::warn!(
        reason,
        "the config in force is read out of the log: the view that has it does not answer"
    );
    match tokio::time::timeout(LOG_WAIT, read_log(log, partition)).await {
        Ok(Ok(last)) => Recorded::Known(Box::new(last)),
        Ok(Err(error)) => Recorded::Unknown(error),
        Err(_) => {
            Recorded::Unknown(format!("{reason}; reading the log took more than {} s", LOG_WAIT.as_secs()))
        }
    }
}

/// Reads every record of the ledger's own partition.
async fn read_log(log: &Arc<dyn EventLog>, partition: PartitionId) -> Result<LastSettings, String> {
    let read = log.read_unchained(Partitions::only(partition), Sequence::ZERO).await;
    let mut reader = read.map_err(|error| error.to_string())?;
    let mut last = LastSettings::default();
    loop {
        let records = reader.try_next().await.map_err(|error| error.to_string())?;
        if records.is_empty() {
            return Ok(last);
        }
        for stored in records.iter().filter(|stored| stored.record.tenant() == TenantId::ledger().as_str()) {
            for frame in stored.record.events() {
                // What cannot be read is not a config: the view that folds it reports that.
                let Ok(decoded) = decode_stored(frame.payload) else { continue };
                let recorded_at = stored.record.recorded_at();
                last.apply(&RecordedEvent {
                    sequence: stored.sequence,
                    partition,
                    recorded_at,
                    tenant: stored.record.tenant(),
                    task: frame.task,
                    producer: frame.producer,
                    id: frame.id,
                    occurred_at: decoded.occurred_at.unwrap_or(recorded_at),
                    body: &decoded.body,
                });
            }
        }
    }
}

/// The settings to put in force: what is named, otherwise what is last in the log, otherwise what is built
/// in.
pub(super) fn choose(named: &Named, recorded: &Recorded) -> Settings {
    let mut settings = Settings::built_in(named);
    let last = match recorded {
        Recorded::Known(last) => last.as_ref(),
        Recorded::Unknown(reason) => {
            if named.config.is_none() {
                settings.config_problem = Some(format!(
                    "the log's latest config is not known yet; using the built-in one: {reason}; name a config with --config"
                ));
            }
            &LastSettings::default()
        }
    };
    match &named.config {
        Some(Ok(named)) => settings.take_config(named.config.clone(), &named.source, named.origin),
        Some(Err(_)) | None => {
            if let Some(last) = &last.config {
                restore(&mut settings, last);
            }
        }
    }
    if let Some(last) = last.config.as_ref().filter(|last| last.hash == settings.config_hash) {
        settings.config_since = Some(last.since);
    } else if let Some(last) = &last.config {
        tracing::warn!(
            config = settings.config_hash,
            source = settings.config_source,
            rollout = settings.config.rollout.as_str(),
            before = last.hash,
            before_since = %last.since,
            "the config in force differs from the latest in the log"
        );
    }
    if let Some(Err((source, problems))) = &named.config {
        let stays = match &last.config {
            Some(_) => settings.config_line(),
            None => "the built-in one is in force".to_owned(),
        };
        settings.config_problem = Some(format!("config {source} is not used, {stays}: {}", list(problems)));
    }
    match (&named.prices, &last.prices) {
        (Some(file), _) => settings.take_prices(file.clone()),
        (None, Some(last)) => find_prices(&mut settings, last),
        (None, None) => {}
    }
    for problem in settings.problems() {
        tracing::error!("{problem}");
    }
    settings
}

/// Whether the last config in the log differs from the one in force.
fn is_elsewhere(settings: &Settings, last: &LastSettings) -> bool {
    last.config.as_ref().is_some_and(|last| last.hash != settings.config_hash)
}

fn elsewhere(settings: &Settings, last: &LastSettings) -> String {
    let last = last
        .config
        .as_ref()
        .map(|last| format!("{:.12} of {}, since {}", last.hash, last.source, last.since));
    format!(
        "another process put the config {} in force, but this one keeps using {:.12} of {}, which was named for it: give all servers the \
         same config, and reload",
        last.unwrap_or_default(),
        settings.config_hash,
        settings.config_source
    )
}

/// The notice for when another process prices usage by a different book than this one.
fn other_prices(settings: &Settings, last: &LastSettings) -> Option<String> {
    if settings.prices_problem.is_some() {
        return None;
    }
    let last = last.prices.as_ref().filter(|last| last.version != settings.prices.version())?;
    Some(format!(
        "another process put the prices {} of {} in force, since {}, but this one prices usage by {} of {}: give all servers the same prices",
        last.version,
        last.source,
        last.since,
        settings.prices.version(),
        settings.prices_source
    ))
}

/// Puts the log's config in force, where possible.
fn restore(settings: &mut Settings, last: &LastConfig) {
    if last.hash == settings.config_hash {
        return;
    }
    let restored = if last.canonical.is_empty() {
        Err("the log has only its hash, not its content".to_owned())
    } else {
        BudgetConfig::from_canonical(&last.canonical).map_err(|error| error.to_string())
    };
    match restored {
        Ok(config) => settings.take_config(config, &last.source, ConfigOrigin::Log),
        Err(reason) => {
            settings.config_problem = Some(format!(
                "the config {:.12} of {}, in force since {}, cannot be put in force again; using the built-in one: {reason}; \
                 name a config with --config",
                last.hash, last.source, last.since
            ));
        }
    }
}

/// The prices that were last in force: the shipped ones, or the same file.
fn find_prices(settings: &mut Settings, last: &LastPrices) {
    // A newer version of the program ships newer prices: those are intended.
    if last.source == "shipped" || last.version == settings.prices.version() {
        return;
    }
    match read_prices(Path::new(&last.source)) {
        Ok(file) if file.book.version() == last.version => settings.take_prices(file),
        Ok(file) => {
            settings.prices_problem =
                Some(unlike(last, &format!("the file now holds {}", file.book.version())))
        }
        Err(error) => settings.prices_problem = Some(unlike(last, &error.to_string())),
    }
}

fn unlike(last: &LastPrices, why: &str) -> String {
    format!(
        "the prices {} of {}, in force since {}, are not known here; using the shipped prices: {why}; name them with \
         --prices, or choose --prices {}",
        last.version,
        last.source,
        last.since,
        PriceBook::SHIPPED
    )
}

impl InForce {
    /// Checks again for the last settings in the log: whether they are known by now, and whether another
    /// process put different ones in force.
    pub(crate) async fn learn_settings(&self) {
        let known = Arc::clone(&self.recorded.read().unwrap_or_else(PoisonError::into_inner));
        if matches!(*known, Recorded::Known(_)) {
            return self.follow_settings().await;
        }
        let recorded = recorded(&self.log, &self.reports).await;
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
        let Recorded::Known(last) = recorded(&self.log, &self.reports).await else { return };
        let before = self.ask.settings();
        let mut settings = (*before).clone();
        if is_elsewhere(&before, &last) && !self.acts_by_a_name(&before) {
            settings = choose(&self.named, &Recorded::Known(last.clone()));
            tracing::warn!(config = settings.config_line(), "another process put this config in force");
        }
        let others = last.prices.as_ref().filter(|last| last.version != settings.prices.version());
        if let Some(last) = others.filter(|_| self.named.prices.is_none()) {
            settings.prices_problem = None;
            find_prices(&mut settings, last);
        }
        let config = is_elsewhere(&settings, &last).then(|| elsewhere(&settings, &last));
        let others: Vec<String> = config.into_iter().chain(other_prices(&settings, &last)).collect();
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
        let recorded = recorded(&self.log, &self.reports).await;
        matches!(recorded, Recorded::Known(_)).then(|| choose(&self.named, &recorded))
    }
}
