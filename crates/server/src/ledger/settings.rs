//! Config and prices: read at startup and recorded in the log, so that a decision can be explained when the
//! files are gone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::gate::Switches;
use tollgate_domain::price::{Doubt, InvalidPriceBook, Notes, PriceBook, PriceHistory, days_ago};
use tollgate_domain::time::Timestamp;
use tollgate_domain::yaml::InvalidConfig;
use tollgate_wire::api::ConfigOrigin;

/// Where config and prices come from.
#[derive(Clone, Debug, Default)]
pub struct SettingsOptions {
    /// The config file, or [`BUILT_IN`]; `None`: the last one in the log, or else the built-in one.
    pub config: Option<PathBuf>,
    /// Refuse to start with an invalid or missing config, instead of falling back.
    pub strict: bool,
    /// A price book in LiteLLM's format, or `shipped`; `None`: the last one that the log names, or else the
    /// shipped one.
    pub prices: Option<PathBuf>,
    /// The file that names the sources of prices; `None`: `prices.yaml` in the data directory.
    pub price_sources: Option<PathBuf>,
    /// The external kill switch: nothing blocks, and every answer says so.
    pub enforcement_disabled: bool,
    /// The second external switch: nothing is recorded, and every answer says so.
    pub tracking_disabled: bool,
}

/// The name of the config that ships with the program.
pub const BUILT_IN: &str = "built-in";

/// Config and prices in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The config.
    pub config: BudgetConfig,
    /// Its hash.
    pub config_hash: String,
    /// The file it came from, or `built-in`; for one from the log, as it was when it was recorded.
    pub config_source: String,
    /// Where it came from.
    pub config_origin: ConfigOrigin,
    /// When it was recorded, if no different one was since; `None`: it is about to be, or never was.
    pub config_since: Option<Timestamp>,
    /// The prices, with what was decided since they were read.
    pub prices: PriceBook,
    /// What was decided about prices.
    pub price_history: Arc<PriceHistory>,
    /// The file they came from, or `shipped`.
    pub prices_source: String,
    /// Whether the external kill switch is on.
    pub enforcement_disabled: bool,
    /// Whether tracking is switched off externally.
    pub tracking_disabled: bool,
    /// A config that was intended and is not in force, and what is instead.
    pub config_problem: Option<String>,
    /// Config or prices that someone else has put in force since, while this process uses those its operator
    /// named.
    pub elsewhere: Option<String>,
    /// The prices that were last in force, if they no longer are although no others were named.
    pub prices_problem: Option<String>,
    /// The notices about the prices.
    pub price_notes: Notes,
}

/// Why config or prices cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The config is invalid, and strict mode was asked for.
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

/// What an operator names, after reading it.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Named {
    /// A config; or its file, with everything that is wrong with it.
    pub(super) config: Option<Result<NamedConfig, (String, Vec<String>)>>,
    /// Prices.
    pub(super) prices: Option<NamedPrices>,
    enforcement_disabled: bool,
    tracking_disabled: bool,
}

/// A config that an operator names.
#[derive(Clone, Debug)]
pub(super) struct NamedConfig {
    pub(super) config: BudgetConfig,
    pub(super) source: String,
    pub(super) origin: ConfigOrigin,
}

/// Prices that an operator names.
#[derive(Clone, Debug)]
pub(super) struct NamedPrices {
    pub(super) book: PriceBook,
    pub(super) source: String,
    notes: Notes,
}

impl Settings {
    /// What people should know at a given time.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let tracking = self.tracking_off().then_some("tracking is switched off: nothing is recorded");
        let enforcement =
            (!self.switches().enabled).then_some("the stop-loss is switched off: nothing blocks");
        let mut warnings: Vec<String> =
            tracking.into_iter().chain(enforcement).chain(self.problems()).map(str::to_owned).collect();
        warnings.extend(self.prices.too_old(now));
        warnings.extend(self.config.prices.not_in(&self.prices));
        warnings.extend(self.price_notes.warnings());
        warnings
    }

    /// Which prices are in force, for people: `shipped@0123456789ab, 800 models, compared with its sources on
    /// 2026-11-28 (3 days ago)`.
    #[must_use]
    pub fn prices_line(&self, now: Timestamp) -> String {
        let (version, models) = (self.prices.version(), self.prices.len());
        let compared = self.prices.as_of().zip(self.prices.age_in_days(now));
        let compared =
            compared.map(|(day, age)| format!(", compared with its sources on {day} ({})", days_ago(age)));
        format!("{version}, {models} models{}", compared.unwrap_or_default())
    }

    /// What is doubtful about the models' prices.
    pub(crate) fn doubts_about(&self, models: &[&str], now: Timestamp) -> Vec<String> {
        let about = |doubt: &&Doubt| {
            let bare = doubt.model.rsplit('/').next().unwrap_or_default();
            models.iter().any(|model| *model == doubt.model || *model == bare)
        };
        let doubts = self.price_notes.doubts.iter().filter(about).map(ToString::to_string);
        self.prices.too_old(now).into_iter().chain(doubts).collect()
    }

    /// What is not as intended, and stays so until someone fixes it: the ledger is degraded.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.config_problem.iter().chain(&self.prices_problem).chain(&self.elsewhere).map(String::as_str)
    }

    /// Which config is in force, for people: `rollout enforce, e.yaml (0123456789ab), in force since …`.
    #[must_use]
    pub fn config_line(&self) -> String {
        let from = match self.config_origin {
            ConfigOrigin::BuiltIn | ConfigOrigin::File => self.config_source.clone(),
            ConfigOrigin::Log => format!("as the log has it, from {}", self.config_source),
        };
        let since = self.config_since.map(|since| format!(", in force since {since}")).unwrap_or_default();
        format!("rollout {}, {from} ({:.12}){since}", self.config.rollout, self.config_hash)
    }

    /// What ships with the program, along with the external switches.
    pub(super) fn built_in(named: &Named) -> Self {
        let (config, prices) = (BudgetConfig::built_in(), PriceBook::shipped());
        Self {
            config_hash: config.hash(),
            config,
            config_source: BUILT_IN.to_owned(),
            config_origin: ConfigOrigin::BuiltIn,
            config_since: None,
            prices,
            price_history: Arc::default(),
            prices_source: PriceBook::SHIPPED.to_owned(),
            enforcement_disabled: named.enforcement_disabled,
            tracking_disabled: named.tracking_disabled,
            config_problem: None,
            elsewhere: None,
            prices_problem: None,
            price_notes: Notes::default(),
        }
    }

    pub(super) fn take_config(&mut self, config: BudgetConfig, source: &str, origin: ConfigOrigin) {
        self.config_hash = config.hash();
        self.config = config;
        source.clone_into(&mut self.config_source);
        self.config_origin = origin;
    }

    pub(super) fn take_prices(&mut self, named: NamedPrices) {
        (self.prices_source, self.price_notes) = (named.source, named.notes);
        self.prices = named.book.with(&self.price_history);
    }

    /// Puts what was decided about prices in force, each from its time on.
    pub(super) fn take_decided(&mut self, history: &Arc<PriceHistory>) {
        if !Arc::ptr_eq(&self.price_history, history) {
            self.price_history = Arc::clone(history);
            self.prices = self.prices.with(history);
        }
    }

    /// Whether nothing that producers send is recorded.
    #[must_use]
    pub fn tracking_off(&self) -> bool {
        self.tracking_disabled || !self.config.tracking
    }

    /// The parts of the config that take effect at once.
    #[must_use]
    pub fn switches(&self) -> Switches {
        let mut switches = Switches::from(&self.config);
        switches.enabled &= !self.enforcement_disabled;
        switches
    }
}

/// Reads what an operator names.
///
/// # Errors
///
/// [`SettingsError`]: prices that cannot be used, and in strict mode a config that cannot.
pub(in crate::ledger) fn read(options: &SettingsOptions) -> Result<Named, SettingsError> {
    let config = options.config.as_deref().map(named_config);
    if let Some(Err((source_name, problems))) = &config
        && options.strict
    {
        let (source_name, problems) = (source_name.clone(), problems.clone());
        return Err(SettingsError::Config { source_name, problems });
    }
    let prices = options.prices.as_deref().map(read_prices).transpose()?;
    for warning in prices.iter().flat_map(|named| named.notes.warnings()) {
        tracing::warn!("{warning}");
    }
    let (enforcement_disabled, tracking_disabled) = (options.enforcement_disabled, options.tracking_disabled);
    Ok(Named { config, prices, enforcement_disabled, tracking_disabled })
}

pub(super) fn named_config(path: &Path) -> Result<NamedConfig, (String, Vec<String>)> {
    if path == Path::new(BUILT_IN) && !path.exists() {
        let (config, source) = (BudgetConfig::built_in(), BUILT_IN.to_owned());
        return Ok(NamedConfig { config, source, origin: ConfigOrigin::BuiltIn });
    }
    let (config, source) = (read_config(path)?, path.display().to_string());
    Ok(NamedConfig { config, source, origin: ConfigOrigin::File })
}

/// Reads a price book.
///
/// # Errors
///
/// [`SettingsError`] if it cannot be read or used at all.
pub(super) fn read_prices(path: &Path) -> Result<NamedPrices, SettingsError> {
    if path == Path::new(PriceBook::SHIPPED) && !path.exists() {
        let (book, source) = (PriceBook::shipped(), PriceBook::SHIPPED.to_owned());
        return Ok(NamedPrices { book, source, notes: Notes::default() });
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (book, notes) = PriceBook::from_litellm(&read_file(path)?, &name)?;
    Ok(NamedPrices { book, source: path.display().to_string(), notes })
}

fn read_config(path: &Path) -> Result<BudgetConfig, (String, Vec<String>)> {
    let name = path.display().to_string();
    let text =
        tollgate_files::read_settings(path).map_err(|error| (name.clone(), vec![error.to_string()]))?;
    BudgetConfig::from_yaml(&text)
        .map_err(|InvalidConfig { problems }| (name, problems.iter().map(ToString::to_string).collect()))
}

fn read_file(path: &Path) -> Result<String, SettingsError> {
    tollgate_files::read_settings(path).map_err(|error| SettingsError::Unreadable {
        path: path.display().to_string(),
        message: error.to_string(),
    })
}

/// The settings in force, for everything that uses them.
#[derive(Clone)]
pub(in crate::ledger) struct SharedSettings(Arc<RwLock<Arc<Settings>>>);

impl SharedSettings {
    pub(in crate::ledger) fn of(settings: Settings) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(settings))))
    }

    pub(in crate::ledger) fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts different ones in force; only `in_force` does that.
    pub(in crate::ledger) fn set(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}
