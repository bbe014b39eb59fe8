//! The file that names the sources: `prices.yaml`.

mod read;

use std::path::{Path, PathBuf};

use tollgate_domain::price::{Trust, Unverified, UpdateRules};
use tollgate_domain::yaml::InvalidConfig;
use tollgate_outbound::Target;

use crate::adapter::Adapter;
use crate::fields::ListFields;
use crate::genai::GenaiPrices;
use crate::html::HtmlTable;
use crate::json::JsonList;
use crate::litellm::LiteLlm;

/// The most sources.
pub(crate) const MAX_SOURCES: usize = 16;

/// What an update does, and the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceSources {
    /// What an update may do.
    pub rules: UpdateRules,
    /// How often servers update the prices by themselves, in seconds; `None`: they do not.
    pub update_every_s: Option<u64>,
    /// The sources.
    pub sources: Vec<SourceConfig>,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// Its id: events and versions of prices name it.
    pub id: String,
    /// The form of its list.
    pub kind: Kind,
    /// Where its list is.
    pub place: Place,
    /// How far it is believed.
    pub trust: Trust,
    /// How old a fetched list may be before it is fetched again, in seconds.
    pub every_s: u64,
    /// The least time between two requests, in seconds, whatever is asked for.
    pub pause_s: u64,
    /// How old a list may be to stand in for one that cannot be fetched, in seconds.
    pub keep_s: u64,
}

/// The form of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// LiteLLM's map, or any file in the form of the price book.
    LiteLlm,
    /// Version 2 of `data.json` of genai-prices.
    GenaiPrices,
    /// A JSON list, by paths.
    Json {
        /// Where the models are.
        items: String,
        /// Where the values of each are.
        fields: ListFields,
    },
    /// The tables of a page, by the headings of their columns.
    Html(ListFields),
}

/// Where a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an address.
    Address(Target),
    /// In a file.
    File(PathBuf),
}

impl Kind {
    /// What reads it.
    #[must_use]
    pub fn adapter(&self) -> Box<dyn Adapter> {
        match self {
            Self::LiteLlm => Box::new(LiteLlm),
            Self::GenaiPrices => Box::new(GenaiPrices),
            Self::Json { items, fields } => {
                Box::new(JsonList { items: items.clone(), fields: fields.clone() })
            }
            Self::Html(fields) => Box::new(HtmlTable { fields: fields.clone() }),
        }
    }

    /// Its word in the file.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::GenaiPrices => "genai_prices",
            Self::Json { .. } => "json",
            Self::Html(_) => "html",
        }
    }
}

impl Place {
    /// For people, and for comparison: an address with its path.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Address(target) => format!("{}{}", target.authority(), target.path()),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl Default for PriceSources {
    fn default() -> Self {
        let rules = UpdateRules { unverified: Unverified::Apply, new_models: true };
        Self { rules, update_every_s: None, sources: Vec::new() }
    }
}

impl PriceSources {
    /// Reads the file's text; files that it names are relative to `dir`.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with everything that is wrong.
    pub fn from_yaml(text: &str, dir: &Path) -> Result<Self, InvalidConfig> {
        read::from_yaml(text, dir).map_err(|invalid| invalid.placed_in(text))
    }
}

#[cfg(test)]
mod tests;
