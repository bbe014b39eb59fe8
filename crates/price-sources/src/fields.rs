//! Which values of a list are which price: paths in JSON, headings of columns in a table.

use tollgate_domain::price::Listed;

use crate::rates::{Per, object, quoted};

/// Where the values of a model stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFields {
    /// The model's name.
    pub model: String,
    /// Who serves it, as the list says.
    pub provider: Option<String>,
    /// Who serves every model of the list.
    pub provider_is: Option<String>,
    /// The prices: the field of the price book, and where its value stands.
    pub prices: Vec<(&'static str, String)>,
    /// How many tokens a price is for.
    pub per: u32,
}

/// The prices of a list, and the fields of the price book that they are.
pub(crate) const PRICES: [(&str, &str); 5] = [
    ("input", "input_cost_per_token"),
    ("cached_input", "cache_read_input_token_cost"),
    ("cache_write", "cache_creation_input_token_cost"),
    ("output", "output_cost_per_token"),
    ("reasoning", "output_cost_per_reasoning_token"),
];

impl ListFields {
    /// The price of one model; `value` finds what stands at a place.
    pub(crate) fn listed(&self, value: impl Fn(&str) -> Option<String>) -> Result<Listed, String> {
        let named = value(&self.model).filter(|model| !model.trim().is_empty());
        let model = named.ok_or_else(|| format!("there is no `{}`", self.model))?.trim().to_owned();
        let provider = match (&self.provider, &self.provider_is) {
            (Some(place), _) => value(place).ok_or_else(|| format!("`{model}` has no `{place}`"))?,
            (None, Some(name)) => name.clone(),
            (None, None) => String::new(),
        };
        let provider = provider.trim().to_lowercase().replace([' ', '-', '.'], "_");
        let mut rates = Vec::new();
        if !provider.is_empty() {
            rates.push(("litellm_provider".to_owned(), quoted(&provider)));
        }
        for (field, place) in &self.prices {
            let Some(text) = value(place) else { continue };
            let rate =
                Per(self.per.into()).amount(&text).and_then(|amount| Per(self.per.into()).token(&amount));
            let rate = rate.ok_or_else(|| format!("`{model}` has `{text}` as {place}, which is no price"))?;
            rates.push(((*field).to_owned(), rate));
        }
        let entry = if provider.is_empty() || model.starts_with(&format!("{provider}/")) {
            model
        } else {
            format!("{provider}/{model}")
        };
        Listed::read(&entry, &object(&rates)).map_err(|error| error.to_string())
    }
}
