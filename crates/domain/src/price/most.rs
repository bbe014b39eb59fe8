//! What tokens cost at most, while it is not known of which kind they are, or what their model costs.

use super::{Call, PriceBook, cost};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::tokens::TokenCounts;
use crate::units::{Unit, UnitSums};

impl PriceBook {
    /// What a call of this many tokens costs at most: all of them of the dearest kind that every call has, input or
    /// output. `None`: the book has no price for such a call.
    #[must_use]
    pub fn most(&self, call: Call<'_>, tokens: u64) -> Option<Usd> {
        let price = self.find(call)?;
        let applied = price.applied(call.service_tier, call.at, tokens)?;
        // Which tokens will be output nobody knows: without a price for them the most is not known.
        let has_output = !matches!(price.mode.as_deref(), Some("embedding" | "rerank"));
        let output = if has_output { Some(applied.rates.output?) } else { applied.rates.output };
        let dearest = applied.rates.input.max(output)?;
        let all = TokenCounts { input_uncached: tokens, ..TokenCounts::default() };
        let (_, units) = cost::split(price, &applied, (&all).into());
        let request = units.iter().try_fold(Usd::ZERO, |sum, line| sum.checked_add(line.usd?))?;
        dearest.checked_times(i128::from(tokens))?.checked_add(request)
    }

    /// What units of a model that has no price for them cost at most: at the dearest price of its family, else of the
    /// whole book. [`Usd::MAX`]: nothing in the book has a price for one of them.
    #[must_use]
    pub fn unit_exposure(&self, model: &str, units: &UnitSums, at: Timestamp) -> Usd {
        let family = family(model);
        let dearest = |unit: Unit, of_family: bool| {
            let entries =
                self.entries(at).filter(move |entry| !of_family || self::family(entry.name) == family);
            entries.filter_map(|entry| entry.unit_rate(unit)).max()
        };
        units.iter().filter(|(_, count)| *count > 0).fold(Usd::ZERO, |sum, (unit, count)| {
            let own = if family.is_empty() { None } else { dearest(unit, true) };
            let most = own.or_else(|| dearest(unit, false)).and_then(|rate| {
                let product = rate.checked_times(count)?.units().checked_add(unit.per().checked_sub(1)?)?;
                product.checked_div(unit.per()).map(Usd::from_units)
            });
            sum.saturating_add(most.unwrap_or(Usd::MAX))
        })
    }

    /// What tokens of a model that has no price cost at most: at the dearest rate of its family, which is the models
    /// whose names begin with the same word, else of the whole book.
    #[must_use]
    pub fn exposure(&self, model: &str, tokens: i128, at: Timestamp) -> Usd {
        let family = family(model);
        let rates = |of_family: bool| {
            let entries =
                self.entries(at).filter(move |entry| !of_family || self::family(entry.name) == family);
            entries.filter_map(|entry| entry.rates().into_iter().filter_map(|(_, rate)| rate).max()).max()
        };
        let dearest = if family.is_empty() { None } else { rates(true) };
        let dearest = dearest.or_else(|| rates(false)).unwrap_or_default();
        dearest.checked_times(tokens.max(0)).unwrap_or(Usd::from_units(i128::MAX))
    }
}

/// The word that a model's name begins with: `claude` of `anthropic/claude-opus-4-5`.
fn family(name: &str) -> &str {
    let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    name.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-11-21T08:30:00Z".parse().unwrap()
    }

    fn book() -> PriceBook {
        let text = r#"{
            "gpt-a": {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.00001, "litellm_provider": "openai"},
            "gpt-b": {"input_cost_per_token": 0.00003, "output_cost_per_token": 0.00002, "litellm_provider": "openai"},
            "other/dear": {"input_cost_per_token": 0.0005, "output_cost_per_token": 0.0005, "litellm_provider": "x"}
        }"#;
        PriceBook::from_litellm(text, "test").unwrap().0
    }

    #[test]
    fn tokens_cost_at_most_the_dearest_kind() {
        let call = |model| Call { provider: None, model: Some(model), service_tier: None, at: at() };
        for (model, usd) in [("gpt-a", Some("0.01")), ("gpt-b", Some("0.03")), ("unknown", None)] {
            let most = book().most(call(model), 1000).map(|usd| usd.to_string());
            assert_eq!(most.as_deref(), usd, "{model}");
        }
    }

    #[test]
    fn what_has_no_price_is_exposed_at_the_dearest_of_its_family() {
        for (model, usd) in
            [("gpt-new", "0.03"), ("openai/gpt-new", "0.03"), ("claude-x", "0.5"), ("", "0.5"), ("5", "0.5")]
        {
            assert_eq!(book().exposure(model, 1000, at()).to_string(), usd, "{model}");
        }
        assert_eq!(book().exposure("gpt-new", -5, at()), Usd::ZERO);
    }
}
