//! Prices in force, and what a call costs.

use std::collections::BTreeMap;

use tollgate_client::{PriceDecisionSearch, PriceQuery, PriceSearch};
use tollgate_domain::tokens::TokenCounts;
use tollgate_wire::api::{PriceChangeRow, PriceQuote, PriceRow};

use crate::app::{PAGE, Tekton};
use crate::fault::{Fault, Handled};
use crate::views::price::Price;

impl Tekton {
    /// The prices in force of a provider, of a model, or all.
    pub(crate) async fn prices(&self, provider: Option<&str>, model: Option<&str>) -> Handled<Vec<Price>> {
        let decided = self.decided(model).await?;
        let mut wanted = PriceSearch {
            search: model.map(str::to_owned),
            provider: provider.map(str::to_owned),
            limit: Some(PAGE),
            ..PriceSearch::default()
        };
        let mut prices = Vec::new();
        loop {
            let page = self.ledger.prices(&wanted).await?;
            let priced = page.prices.iter().filter(|row| row.priced);
            prices.extend(priced.map(|row| {
                let last = decided.get(&row.entry).and_then(|changes| changes.last());
                Price::of_row(row, &page.price_version, &page.source, last)
            }));
            match page.next {
                Some(next) => wanted.after = Some(next),
                None => break,
            }
        }
        let is_named =
            |price: &Price| model.is_some_and(|model| price.model() == model || price.entry == model);
        // A name that is exactly there means that model; else all that have it in their names.
        if prices.iter().any(is_named) {
            prices.retain(is_named);
        }
        Ok(prices)
    }

    /// What was decided about prices, by entry.
    async fn decided(&self, search: Option<&str>) -> Handled<BTreeMap<String, Vec<PriceChangeRow>>> {
        let mut wanted = PriceDecisionSearch {
            search: search.map(str::to_owned),
            limit: Some(PAGE),
            ..PriceDecisionSearch::default()
        };
        let mut decided = BTreeMap::new();
        loop {
            let page = self.ledger.price_decisions(&wanted).await?;
            decided.extend(page.entries.into_iter().map(|entry| (entry.entry, entry.changes)));
            match page.next {
                Some(next) => wanted.after = Some(next),
                None => return Ok(decided),
            }
        }
    }

    /// What a call costs. A model without a price is a fault.
    pub(crate) async fn quote(
        &self,
        provider: &str,
        model: &str,
        input: u64,
        output: u64,
    ) -> Handled<PriceQuote> {
        let none = || Fault::missing(format!("No pricing found for {provider}/{model}"));
        let asked = PriceQuery {
            model: model.to_owned(),
            provider: Some(provider.to_owned()).filter(|name| !name.is_empty()),
            tokens: TokenCounts { input_uncached: input, output, ..TokenCounts::default() },
            ..PriceQuery::default()
        };
        if model.trim().is_empty() {
            return Err(none());
        }
        let quote = self.ledger.price_quote(&asked).await?;
        match (&quote.cost_usd, &quote.entry) {
            (Some(_), Some(_)) => Ok(quote),
            _ => Err(none()),
        }
    }

    /// The price in force of a model.
    pub(crate) async fn price(&self, provider: &str, model: &str) -> Handled<Price> {
        let quote = self.quote(provider, model, 0, 0).await?;
        let Some(row) = quote.entry else {
            return Err(Fault::missing(format!("No pricing found for {provider}/{model}")));
        };
        let decided = self.decided(Some(&row.entry)).await?;
        let last = decided.get(&row.entry).and_then(|changes| changes.last());
        let book = self.ledger.prices(&PriceSearch { limit: Some(1), ..PriceSearch::default() }).await?;
        Ok(Price::of_row(&row, &book.price_version, &book.source, last))
    }

    /// The prices of a model, the latest first.
    pub(crate) async fn price_history(&self, provider: &str, model: &str) -> Handled<Vec<Price>> {
        let current = match self.price(provider, model).await {
            Ok(price) => price,
            Err(fault) if fault.status.as_u16() == 404 => return Ok(Vec::new()),
            Err(fault) => return Err(fault),
        };
        let decided = self.decided(Some(&current.entry)).await?.remove(&current.entry).unwrap_or_default();
        let Some(first) = decided.first().cloned() else { return Ok(vec![current]) };
        let mut history: Vec<Price> = Vec::new();
        // What the price book had before the first decision.
        if let Some(old) = first.old {
            let version = first.old_version.unwrap_or_default();
            history.push(Price {
                amounts: old,
                version,
                verified: false,
                source: "price book".to_owned(),
                from: None,
                ..current.clone()
            });
        }
        history.extend(decided.into_iter().map(|change| Price {
            amounts: change.new,
            version: change.price_version,
            source: change.source,
            verified: change.verified,
            from: Some(change.from),
            until: None,
            ..current.clone()
        }));
        for nth in 1..history.len() {
            history[nth - 1].until = history[nth].from.clone();
        }
        history.reverse();
        Ok(history)
    }

    /// The entries of the price book that answer chats, with a price of input and output.
    pub(crate) async fn chat_models(&self, provider: Option<&str>) -> Handled<Vec<Price>> {
        let mut wanted = PriceSearch {
            provider: provider.map(str::to_owned),
            limit: Some(PAGE),
            ..PriceSearch::default()
        };
        let mut models = Vec::new();
        let is_chat = |row: &&PriceRow| {
            row.priced && row.mode.as_deref().is_none_or(|mode| mode == "chat" || mode == "responses")
        };
        loop {
            let page = self.ledger.prices(&wanted).await?;
            models.extend(
                page.prices
                    .iter()
                    .filter(is_chat)
                    .map(|row| Price::of_row(row, &page.price_version, &page.source, None)),
            );
            match page.next {
                Some(next) => wanted.after = Some(next),
                None => break,
            }
        }
        models.retain(|price| price.rate("input_uncached").is_some() && price.rate("output").is_some());
        Ok(models)
    }
}
