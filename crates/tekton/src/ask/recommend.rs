//! Cheaper models: the arithmetic of the price book, no judgement of what a model is good at.

use std::collections::BTreeSet;

use tollgate_client::SummaryQuery;
use tollgate_domain::budget::ModelTier;
use tollgate_domain::money::Usd;

use crate::app::Tekton;
use crate::fault::Handled;
use crate::json::{Json, object};
use crate::number::{Share, share_of_money};
use crate::views::price::Price;

/// The most recommendations of one answer.
const MOST: usize = 10;

/// Providers that are looked at where nothing says which are used.
pub(crate) const KNOWN: [&str; 5] = ["anthropic", "openai", "gemini", "mistral", "ollama"];

/// A model, and what a call of it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Costed {
    pub(crate) price: Price,
    pub(crate) cost: Usd,
}

impl Costed {
    fn of(price: Price, input: u64, output: u64) -> Option<Self> {
        let of = |kind, tokens: u64| price.rate(kind)?.checked_times(tokens.into());
        let cost = of("input_uncached", input)?.checked_add(of("output", output)?)?;
        Some(Self { price, cost })
    }

    /// As a recommendation beside what the current model costs.
    pub(crate) fn beside(&self, current: Usd) -> Json {
        let savings = current.checked_sub(self.cost).unwrap_or_default();
        let rate = |kind: &str| self.price.rate(kind).unwrap_or_default();
        object! {
            "provider" => self.price.provider(),
            "model" => self.price.model(),
            "estimated_cost" => self.cost,
            "savings" => savings,
            "savings_percent" => share_of_money(savings, current, Share::Percent),
            "input_cost_per_token" => rate("input_uncached"),
            "output_cost_per_token" => rate("output"),
        }
    }

    /// As a choice with its reason.
    pub(crate) fn because(&self, reason: String) -> Json {
        object! {
            "provider" => self.price.provider(),
            "model" => self.price.model(),
            "estimated_cost" => self.cost,
            "reason" => reason,
        }
    }
}

/// A call of this many tokens, a quarter of which is input.
pub(crate) const fn quarters(tokens: u64) -> (u64, u64) {
    let input = tokens / 4;
    (input, tokens - input)
}

impl Tekton {
    /// Models that cost less than the current one, the largest saving first.
    pub(crate) async fn cheaper(
        &self,
        (provider, model): (&str, &str),
        (input, output): (u64, u64),
        current: Usd,
    ) -> Handled<Vec<Costed>> {
        let found = self.costed(&[provider.to_owned()], (input, output)).await?;
        let is_cheaper = |it: &Costed| it.cost < current && it.price.model() != model;
        Ok(found.into_iter().filter(is_cheaper).take(MOST).collect())
    }

    /// What a call costs with the models of these providers and of those that the ledger has usage of, the cheapest
    /// first. A model that costs nothing is only one of them if it runs on a machine of one's own.
    pub(crate) async fn costed(&self, of: &[String], (input, output): (u64, u64)) -> Handled<Vec<Costed>> {
        let mut providers: BTreeSet<String> = of.iter().filter(|name| !name.is_empty()).cloned().collect();
        let query = SummaryQuery { group_by: Some("provider".to_owned()), ..SummaryQuery::default() };
        let (used, _) = self.groups(query).await?;
        providers.extend(used.into_iter().filter_map(|group| group.values.get("provider").cloned()));
        if providers.is_empty() {
            providers.extend(KNOWN.map(str::to_owned));
        }
        let mut found: Vec<Costed> = Vec::new();
        for provider in &providers {
            let models = self.chat_models(Some(provider)).await?;
            found.extend(models.into_iter().filter_map(|price| Costed::of(price, input, output)));
        }
        let is_local = |it: &Costed| {
            ModelTier::of(Some(it.price.provider()), Some(it.price.model())) != ModelTier::RemoteHeavyweight
        };
        found.retain(|it| it.cost > Usd::ZERO || is_local(it));
        found.sort_by(|a, b| (a.cost, &a.price.entry).cmp(&(b.cost, &b.price.entry)));
        // A model may be in the book under several names.
        let mut seen = BTreeSet::new();
        found.retain(|it| seen.insert((it.price.provider().to_owned(), it.price.model().to_owned())));
        Ok(found)
    }

    /// The recommendations beside a model, and what that costs.
    pub(crate) async fn recommended(
        &self,
        provider: &str,
        model: &str,
        tokens: u64,
    ) -> Handled<(Vec<Json>, Usd)> {
        let (input, output) = quarters(tokens);
        let quote = self.quote(provider, model, input, output).await?;
        let current: Usd = quote.cost_usd.as_deref().and_then(|usd| usd.parse().ok()).unwrap_or_default();
        let cheaper = self.cheaper((provider, model), (input, output), current).await?;
        Ok((cheaper.iter().map(|it| it.beside(current)).collect(), current))
    }
}
