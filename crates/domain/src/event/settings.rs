//! Events about the settings in force.

/// A config came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigLoaded {
    /// Its hash.
    pub config_hash: String,
    /// Its canonical content, so that a decision can be explained when the file is gone.
    pub canonical: String,
    /// The file it came from, or `built-in`.
    pub source: String,
}

/// A config was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRejected {
    /// The file.
    pub source: String,
    /// Everything wrong with it.
    pub problems: Vec<String>,
    /// The config that stayed in force.
    pub config_hash: String,
}

/// A price book came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBookLoaded {
    /// Its version, as costs name it.
    pub price_version: String,
    /// The file it came from, or `shipped`.
    pub source: String,
    /// How many models it prices.
    pub models: u32,
}
