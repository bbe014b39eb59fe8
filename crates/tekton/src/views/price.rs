//! Prices.

use std::collections::BTreeMap;

use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{PriceAmounts, PriceChangeRow, PriceRow};

use crate::json::{Json, object};

/// A price, as both sides know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Price {
    pub(crate) entry: String,
    pub(crate) provider: Option<String>,
    pub(crate) amounts: PriceAmounts,
    pub(crate) version: String,
    pub(crate) source: String,
    pub(crate) verified: bool,
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
}

impl Price {
    /// From the price book, with what was decided about the entry last.
    pub(crate) fn of_row(
        row: &PriceRow,
        version: &str,
        source: &str,
        decided: Option<&PriceChangeRow>,
    ) -> Self {
        let day = row.compared_on.as_ref().map(|day| format!("{day}T00:00:00Z"));
        Self {
            entry: row.entry.clone(),
            provider: row.provider.clone(),
            amounts: PriceAmounts {
                usd_per_token: row.usd_per_token.clone(),
                usd_per_unit: row.usd_per_unit.clone(),
                without_own: Vec::new(),
            },
            version: decided.map_or(version, |decided| decided.price_version.as_str()).to_owned(),
            source: decided.map_or(source, |decided| decided.source.as_str()).to_owned(),
            verified: decided.map_or(row.compared_on.is_some(), |decided| decided.verified),
            from: decided.map(|decided| decided.from.clone()).or(day),
            until: None,
        }
    }

    /// The model, without the provider that some entries begin with.
    pub(crate) fn model(&self) -> &str {
        model_of(&self.entry, self.provider.as_deref())
    }

    /// Who serves it.
    pub(crate) fn provider(&self) -> &str {
        provider_of(&self.entry, self.provider.as_deref())
    }

    /// US dollars a token.
    pub(crate) fn rate(&self, kind: &str) -> Option<Usd> {
        self.amounts.usd_per_token.get(kind).and_then(|usd| usd.parse().ok())
    }

    fn kind(&self) -> &'static str {
        let PriceAmounts { usd_per_token: tokens, usd_per_unit: units, .. } = &self.amounts;
        let has = |part: &str| units.keys().any(|unit| unit.contains(part));
        match () {
            () if !tokens.is_empty() => "token_based",
            () if has("characters") => "character_based",
            () if has("images") => "image_based",
            () if has("_ms") => "time_based",
            () if units.is_empty() => "token_based",
            () => "fixed",
        }
    }

    /// The price.
    pub(crate) fn json(&self) -> Json {
        let unit = |names: &[&str]| first(&self.amounts.usd_per_unit, names);
        let rate = |kind: &str| self.rate(kind).unwrap_or_default();
        let nothing = || Json::from(Usd::ZERO);
        object! {
            "pricing_id" => format!("{}@{}", self.entry, self.version),
            "provider" => self.provider(),
            "model" => self.model(),
            "price_type" => self.kind(),
            "input_cost_per_token" => rate("input_uncached"),
            "output_cost_per_token" => rate("output"),
            "input_cost_per_char" => unit(&["input_characters"]).unwrap_or_else(nothing),
            "output_cost_per_char" => unit(&["output_characters"]).unwrap_or_else(nothing),
            "cost_per_image" => unit(&["output_images", "input_images"]),
            "cost_per_second" => unit(&["input_ms", "input_audio_ms", "output_ms", "output_video_ms"]),
            "fixed_cost_per_request" => unit(&["requests"]),
            "version" => &self.version,
            "source" => &self.source,
            "source_url" => Json::Null,
            "verified" => self.verified,
            "effective_date" => self.from.clone().unwrap_or_else(|| Timestamp::default().to_string()),
            "end_date" => self.until.as_ref(),
            "metadata" => object! { "entry" => &self.entry },
        }
    }
}

fn first(units: &BTreeMap<String, String>, names: &[&str]) -> Option<Json> {
    names.iter().find_map(|name| units.get(*name)).map(|usd| Json::money(usd))
}

/// The model of an entry.
pub(crate) fn model_of<'a>(entry: &'a str, provider: Option<&str>) -> &'a str {
    let rest = provider.and_then(|provider| entry.strip_prefix(provider)?.strip_prefix('/'));
    rest.filter(|rest| !rest.is_empty()).unwrap_or(entry)
}

/// The provider of an entry.
pub(crate) fn provider_of<'a>(entry: &'a str, provider: Option<&'a str>) -> &'a str {
    provider.or_else(|| entry.split_once('/').map(|(provider, _)| provider)).unwrap_or("unknown")
}
