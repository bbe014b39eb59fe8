//! What tokens cost at most, while it is not known of which kind they are, or what their model costs.

use super::rates::Rates;
use super::{Call, PriceBook, cost};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::tokens::TokenCounts;
use crate::units::{Unit, UnitCounts, UnitSums};
use crate::usage::Used;

/// As far as it is known what tokens will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtMost {
    /// This many, of any kind.
    Any(u64),
    /// So many of each.
    Split {
        /// Input, cached or not.
        input: u64,
        /// Output with reasoning.
        output: u64,
    },
}

impl AtMost {
    /// As a call that is billed for this many plain tokens. Of which nothing is known, input: that may be the larger
    /// context.
    fn as_input(self) -> TokenCounts {
        let (input_uncached, output) = match self {
            Self::Any(tokens) => (tokens, 0),
            Self::Split { input, output } => (input, output),
        };
        TokenCounts { input_uncached, output, ..TokenCounts::default() }
    }
}

impl PriceBook {
    /// What a call costs at most: each of its tokens of the dearest kind that it may be billed as. Input may be written
    /// to a cache, for minutes or for an hour; output may be reasoning; tokens of which nothing is known may be
    /// any of them. In the call's service tier, or the standard one. `None`: the book has no price for such a call.
    #[must_use]
    pub fn most(&self, call: Call<'_>, tokens: AtMost, units: &UnitCounts) -> Option<Usd> {
        let price = self.find(call)?;
        let all = tokens.as_input();
        let applied = price.applied(call.service_tier, call.at, all.input())?;
        let Rates { input, cached_input, cache_write, cache_write_1h, output, reasoning } = applied.rates;
        let of_input = input.max(cached_input).max(cache_write).max(cache_write_1h);
        // Which tokens will be output nobody knows: without a price for them the most is not known.
        let has_output = !matches!(price.mode.as_deref(), Some("embedding" | "rerank"));
        let of_output = output.max(reasoning).filter(|_| output.is_some());
        let of_any =
            if has_output { of_output.and(of_input.max(of_output)) } else { of_input.max(of_output) };
        let (plain, lines) = cost::split(price, &applied, Used { tokens: &all, units });
        let times = |rate: Option<Usd>, count: u64| match count {
            0 => Some(Usd::ZERO),
            count => rate?.checked_times(i128::from(count)),
        };
        let tokens = match tokens {
            AtMost::Any(_) => times(of_any, plain.input())?,
            AtMost::Split { .. } => {
                times(of_input, plain.input())?.checked_add(times(of_output, plain.output)?)?
            }
        };
        lines.iter().try_fold(tokens, |sum, line| sum.checked_add(line.usd?))
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
            let most =
                book().most(call(model), AtMost::Any(1000), &UnitCounts::NONE).map(|usd| usd.to_string());
            assert_eq!(most.as_deref(), usd, "{model}");
        }
    }

    #[test]
    fn tokens_of_a_kind_cost_at_most_the_dearest_that_it_may_be_billed_as() {
        let text = r#"{
            "cached": {"input_cost_per_token": 0.000001, "cache_creation_input_token_cost": 0.0000125,
                "cache_creation_input_token_cost_above_1hr": 0.00002, "output_cost_per_token": 0.00001,
                "input_cost_per_token_priority": 0.0001, "output_cost_per_token_priority": 0.0003},
            "thinker": {"input_cost_per_token": 0.000001, "output_cost_per_reasoning_token": 0.000004},
            "painter": {"output_cost_per_image": 0.04, "mode": "image_generation"}
        }"#;
        let book = PriceBook::from_litellm(text, "test").unwrap().0;
        let split = |input, output| AtMost::Split { input, output };
        let images = |count| UnitCounts::from_pairs([(Unit::OutputImages, count)]);
        for (model, service_tier, tokens, units, usd) in [
            ("cached", None, AtMost::Any(1000), UnitCounts::NONE, Some("0.02")),
            ("cached", None, split(1000, 0), UnitCounts::NONE, Some("0.02")),
            ("cached", None, split(1000, 1000), UnitCounts::NONE, Some("0.03")),
            ("cached", Some("priority"), split(0, 1000), UnitCounts::NONE, Some("0.3")),
            ("cached", Some("flex"), split(0, 1000), UnitCounts::NONE, None),
            // What output without reasoning costs nobody knows.
            ("thinker", None, split(0, 1000), UnitCounts::NONE, None),
            ("thinker", None, split(1000, 0), UnitCounts::NONE, Some("0.001")),
            ("painter", None, AtMost::Any(0), images(3), Some("0.12")),
            ("cached", None, AtMost::Any(0), images(3), None),
        ] {
            let call = Call { provider: None, model: Some(model), service_tier, at: at() };
            let most = book.most(call, tokens, &units).map(|usd| usd.to_string());
            assert_eq!(most.as_deref(), usd, "{model} {service_tier:?} {tokens:?} {units:?}");
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
