//! The last settings in the log, and what an operator names instead of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{EventBody, RecordedEvent};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::price::{PriceBook, PriceHistory};
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_projection::reports::{LastConfig, LastPrices, LastSettings, Reports};
use tollgate_projector::queries::LastSettingsOf;
use tollgate_projector::{QueryError, Source, Wait};
use tollgate_wire::api::ConfigOrigin;
use tollgate_wire::decode_stored;

use super::decided::{self, Decided};
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
    Known(Box<Known>),
    /// It could not be read, for this reason.
    Unknown(String),
}

/// What the log has.
#[derive(Default)]
pub(in crate::ledger) struct Known {
    /// The settings that came into force last.
    pub(super) last: LastSettings,
    /// What was decided about prices.
    pub(super) prices: Decided,
}

/// The last settings in the log: from the view `reports`, otherwise read from the log.
///
/// `have`: what is known about prices already, which is not asked for again.
pub(super) async fn recorded(
    log: &Arc<dyn EventLog>,
    reports: &Source<Reports>,
    have: Option<&Decided>,
) -> Recorded {
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
    let asked = async {
        let last = reports.ask(partition, wait, &LastSettingsOf {}).await?.answer;
        Ok::<_, QueryError>(Known { last, prices: decided::ask(reports, partition, wait, have).await? })
    };
    let reason = match tokio::time::timeout(up_to, asked).await {
        Ok(Ok(known)) => return Recorded::Known(Box::new(known)),
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
async fn read_log(log: &Arc<dyn EventLog>, partition: PartitionId) -> Result<Known, String> {
    let read = log.read_unchained(Partitions::only(partition), Sequence::ZERO).await;
    let mut reader = read.map_err(|error| error.to_string())?;
    let (mut last, mut history, mut mark) =
        (LastSettings::default(), PriceHistory::default(), Sequence::ZERO);
    loop {
        let records = reader.try_next().await.map_err(|error| error.to_string())?;
        if records.is_empty() {
            return Ok(Known { last, prices: Decided { mark, history: Arc::new(history) } });
        }
        for stored in records.iter().filter(|stored| stored.record.tenant() == TenantId::ledger().as_str()) {
            for frame in stored.record.events() {
                // What cannot be read is not a config: the view that folds it reports that.
                let Ok(decoded) = decode_stored(frame.payload) else { continue };
                let recorded_at = stored.record.recorded_at();
                if let EventBody::Price(said) = &decoded.body {
                    history.apply(recorded_at, stored.sequence, said);
                    mark = stored.sequence;
                }
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
        Recorded::Known(known) => {
            settings.take_decided(&known.prices.history);
            &known.last
        }
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
pub(super) fn is_elsewhere(settings: &Settings, last: &LastSettings) -> bool {
    last.config.as_ref().is_some_and(|last| last.hash != settings.config_hash)
}

pub(super) fn elsewhere(settings: &Settings, last: &LastSettings) -> String {
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
pub(super) fn other_prices(settings: &Settings, last: &LastSettings) -> Option<String> {
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
pub(super) fn find_prices(settings: &mut Settings, last: &LastPrices) {
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
