//! Config and prices: read at the start, recorded in the log, so that a decision can be explained when the files are
//! gone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate_domain::config::{BudgetConfig, InvalidConfig};
use tollgate_domain::event::{ConfigLoaded, ConfigRejected, Event, EventBody, PriceBookLoaded};
use tollgate_domain::gate::Switches;
use tollgate_domain::price::{InvalidPriceBook, PriceBook};
use tollgate_wire::Submitted;
use uuid::Uuid;

use super::facts::{name_of, new_event};
use super::{Ledger, own_name};
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::{Batch, DedupScope};

/// How long a projector is asked whether settings are recorded. One that is away costs no more than this, once.
const KNOWN_WAIT: Duration = Duration::from_millis(500);

/// Where config and prices come from.
#[derive(Clone, Debug, Default)]
pub struct SettingsOptions {
    /// The config's file; `None`: the built-in one.
    pub config: Option<PathBuf>,
    /// Refuse to start with a config that is invalid or missing, instead of falling back to the built-in one.
    pub strict: bool,
    /// A price book in LiteLLM's format; `None`: the shipped one.
    pub prices: Option<PathBuf>,
    /// The kill switch from outside: nothing blocks, every answer says so.
    pub enforcement_disabled: bool,
    /// The second switch from outside: nothing is recorded, every answer says so.
    pub tracking_disabled: bool,
}

/// Config and prices in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The config.
    pub config: BudgetConfig,
    /// Its hash.
    pub config_hash: String,
    /// The file it came from, or `built-in`.
    pub config_source: String,
    /// The prices.
    pub prices: PriceBook,
    /// The file they came from, or `shipped`.
    pub prices_source: String,
    /// Whether the kill switch is set from outside.
    pub enforcement_disabled: bool,
    /// Whether tracking is switched off from outside.
    pub tracking_disabled: bool,
    /// A config that was refused, and what is in force instead.
    pub config_warning: Option<String>,
    /// Prices that were left out.
    pub price_warnings: Vec<String>,
}

/// Why config or prices cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The config is invalid, and strictness was asked for.
    #[error("config {source_name}: {}", list(.problems))]
    Config {
        /// The file.
        source_name: String,
        /// Everything wrong with it.
        problems: Vec<String>,
    },
    /// A file cannot be read.
    #[error("reading {path}: {message}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's message.
        message: String,
    },
    /// The price book cannot be used at all.
    #[error(transparent)]
    Prices(#[from] InvalidPriceBook),
}

pub(super) fn list(problems: &[String]) -> String {
    match problems {
        [one] => one.clone(),
        many => many.iter().map(|problem| format!("\n  {problem}")).collect(),
    }
}

/// Settings, and what was refused on the way.
pub(super) struct Loaded {
    pub(super) settings: Settings,
    pub(super) rejected: Option<(String, Vec<String>)>,
}

impl Settings {
    /// What people should know.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let tracking = self.tracking_off().then_some("tracking is switched off: nothing is recorded");
        let enforcement =
            (!self.switches().enabled).then_some("the stop-loss is switched off: nothing blocks");
        let config = self.config_warning.iter().chain(&self.price_warnings).map(String::as_str);
        tracking.into_iter().chain(enforcement).chain(config)
    }

    /// Whether nothing that producers send is recorded.
    #[must_use]
    pub fn tracking_off(&self) -> bool {
        self.tracking_disabled || !self.config.tracking
    }

    /// What of the config acts at once.
    #[must_use]
    pub fn switches(&self) -> Switches {
        let mut switches = Switches::from(&self.config);
        switches.enabled &= !self.enforcement_disabled;
        switches
    }
}

pub(super) fn load(options: &SettingsOptions) -> Result<Loaded, SettingsError> {
    let (mut config_warning, mut price_warnings, mut rejected) = (None, Vec::new(), None);
    let (mut config, mut config_source) = (BudgetConfig::built_in(), "built-in".to_owned());
    if let Some(path) = &options.config {
        match read_config(path) {
            Ok(read) => (config, config_source) = (read, path.display().to_string()),
            Err((source_name, problems)) if options.strict => {
                return Err(SettingsError::Config { source_name, problems });
            }
            Err((source_name, problems)) => {
                for problem in &problems {
                    tracing::error!(
                        file = source_name,
                        problem,
                        "config refused, the built-in one is in force"
                    );
                }
                config_warning = Some(format!(
                    "config {source_name} is not used, the built-in one is in force: {}",
                    list(&problems)
                ));
                rejected = Some((source_name, problems));
            }
        }
    }
    let (prices, prices_source) = match &options.prices {
        None => (PriceBook::shipped(), "shipped".to_owned()),
        Some(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (book, problems) = PriceBook::from_litellm(&read_file(path)?, &name)?;
            for problem in &problems {
                tracing::warn!(%problem, "a price was left out");
            }
            price_warnings.extend(problems.iter().map(ToString::to_string));
            (book, path.display().to_string())
        }
    };
    let settings = Settings {
        config_hash: config.hash(),
        config,
        config_source,
        prices,
        prices_source,
        enforcement_disabled: options.enforcement_disabled,
        tracking_disabled: options.tracking_disabled,
        config_warning,
        price_warnings,
    };
    Ok(Loaded { settings, rejected })
}

pub(super) fn read_config(path: &Path) -> Result<BudgetConfig, (String, Vec<String>)> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| (name.clone(), vec![error.to_string()]))?;
    BudgetConfig::from_yaml(&text)
        .map_err(|InvalidConfig { problems }| (name, problems.iter().map(ToString::to_string).collect()))
}

fn read_file(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable {
        path: path.display().to_string(),
        message: error.to_string(),
    })
}

impl Ledger {
    /// Records config and prices where the log does not hold them yet. A log that takes no appends just now does not
    /// keep the ledger from answering: the next start records them. The first call does it, the others wait for that.
    pub(super) async fn record_settings(&self) {
        self.settings_recorded.get_or_init(|| self.record_settings_now(&self.rejected)).await;
    }

    async fn record_settings_now(&self, rejected: &Option<(String, Vec<String>)>) {
        let settings = self.settings();
        let hash = &settings.config_hash;
        let config = loaded(&settings);
        let prices = EventBody::PriceBookLoaded(PriceBookLoaded {
            price_version: settings.prices.version().to_owned(),
            source: settings.prices_source.clone(),
            models: u32::try_from(settings.prices.len()).unwrap_or(u32::MAX),
        });
        let mut facts = vec![("config", config), ("prices", prices)];
        if let Some((source, problems)) = rejected {
            let (source, problems) = (source.clone(), problems.clone());
            let config_hash = hash.clone();
            facts.push((
                "config-rejected",
                EventBody::ConfigRejected(ConfigRejected { source, problems, config_hash }),
            ));
        }
        for (name, body) in facts {
            if let Err(error) = self.record_own(name, body).await {
                tracing::error!(error, "{name} could not be recorded in the log");
            }
        }
    }

    /// Records a ledger-wide fact under an id made of its content: the same fact is recorded once.
    async fn record_own(&self, kind: &str, body: EventBody) -> Result<(), String> {
        let hash = own_event(kind.to_owned(), &body)?.content_hash();
        let short: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let submitted = own_event(format!("{kind}:{short}"), &body)?;
        if self.is_recorded(&submitted).await {
            return Ok(());
        }
        self.append_own(&submitted, &body).await
    }

    /// Records a ledger-wide fact once more, also where the log has the same already: it happened again.
    pub(super) async fn record_again(&self, kind: &str, body: EventBody) -> Result<(), String> {
        let submitted = own_event(format!("{kind}:{}", Uuid::now_v7().simple()), &body)?;
        self.append_own(&submitted, &body).await
    }

    async fn append_own(&self, submitted: &Submitted, body: &EventBody) -> Result<(), String> {
        let new = new_event(submitted, body).map_err(|error| error.to_string())?;
        let tenant = submitted.event.tenant.clone();
        let partition = PartitionId::of(tenant.as_str(), submitted.event.task.as_str());
        let batch = Batch { tenant, partition, events: vec![new], decision: None, recorded_at: None };
        self.log.append(batch).await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Whether the log is known to have it. A log that knows ids for a window only would take it once more with each
    /// command: it would count once, and stand there many times.
    async fn is_recorded(&self, submitted: &Submitted) -> bool {
        let found = self.find_within(vec![name_of(submitted)], KNOWN_WAIT).await;
        self.log.dedup() == DedupScope::Window && found.is_ok_and(|found| found.iter().all(Option::is_some))
    }
}

/// The event of a config that comes into force.
pub(super) fn loaded(settings: &Settings) -> EventBody {
    EventBody::ConfigLoaded(ConfigLoaded {
        config_hash: settings.config_hash.clone(),
        canonical: settings.config.canonical(),
        source: settings.config_source.clone(),
    })
}

/// A ledger-wide fact under an id.
fn own_event(id: String, body: &EventBody) -> Result<Submitted, String> {
    let (tenant, task, producer, id) = own_name(id).ok_or("the name of an own event is not valid")?;
    let body = body.clone();
    let event = Event { tenant, task, producer, id, occurred_at: None, trace_parent: None, body };
    Submitted::from_event(event).map_err(|error| error.to_string())
}
