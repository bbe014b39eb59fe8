//! The list of genai-prices: which model a name is, and what it costs.

use regex::Regex;
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;

use crate::points::Tokens;
use crate::python::{self, Value};

/// The list, as its module `data.py` has it.
pub(crate) struct List {
    providers: Vec<Value>,
}

/// What one model costs there.
pub(crate) struct Price<'a> {
    model: &'a Value,
}

impl List {
    pub(crate) fn read(module: &str) -> Result<Self, String> {
        let providers = python::read(module, "providers")?;
        if let Value::List(providers) = providers {
            Ok(Self { providers })
        } else {
            Err("`providers` is no list".to_owned())
        }
    }

    /// A provider's price of a model; of another provider's model where the list says that it serves those too.
    pub(crate) fn find(&self, provider: &str, model: &str) -> Option<Price<'_>> {
        let of = |id: &str| self.providers.iter().find(|one| one.text("id") == Some(id));
        let provider = of(provider)?;
        let others = provider.list("fallback_model_providers").iter();
        let others = others.filter_map(|id| if let Value::Text(id) = id { of(id) } else { None });
        let model = model.to_lowercase();
        std::iter::once(provider)
            .chain(others)
            .find_map(|provider| {
                provider
                    .list("models")
                    .iter()
                    .find(|one| one.get("match").is_some_and(|clause| matches(clause, &model)))
            })
            .map(|model| Price { model })
    }
}

fn matches(clause: &Value, model: &str) -> bool {
    let text = |name| clause.text(name).map(str::to_lowercase).unwrap_or_default();
    match clause.called() {
        "ClauseEquals" => model == text("equals"),
        "ClauseContains" => model.contains(&text("contains")),
        "ClauseStartsWith" => model.starts_with(&text("starts_with")),
        "ClauseEndsWith" => model.ends_with(&text("ends_with")),
        "ClauseOr" => clause.list("or_").iter().any(|one| matches(one, model)),
        "ClauseAnd" => clause.list("and_").iter().all(|one| matches(one, model)),
        "ClauseRegex" => regex(clause.text("regex").unwrap_or_default(), model),
        _ => false,
    }
}

/// A pattern of Python's. One that begins with what must not follow is the opposite of that; others of the
/// kind match nothing.
fn regex(pattern: &str, model: &str) -> bool {
    let is = |pattern: &str| Regex::new(pattern).map(|regex| regex.is_match(model));
    match pattern.strip_prefix("^(?!").and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is(&format!("^(?:{inner})")).is_ok_and(|found| !found),
        None => is(pattern).unwrap_or(false),
    }
}

impl Price<'_> {
    /// What tokens cost at a time. `None`: something of it is not understood.
    pub(crate) fn cost(&self, tokens: &Tokens, at: Timestamp) -> Option<Usd> {
        let prices = self.prices(at)?;
        let rate = |name: &str| {
            prices.get(name).map_or(Some(None), |price| rate(price, tokens.all_input()).map(Some))
        };
        let (input, output) = (rate("input_mtok")?, rate("output_mtok")?);
        let cached = rate("cache_read_mtok")?.or(input);
        let requests = rate("requests_kcount")?;
        let mut sum = 0_i128;
        for (count, rate) in [(tokens.input, input), (tokens.cached, cached), (tokens.output, output)] {
            sum = sum.checked_add(rate.unwrap_or_default().checked_mul(i128::from(count))?)?;
        }
        // Prices are of a million tokens, and of a thousand requests.
        let (cost, rest) = (sum.checked_div(1_000_000)?, sum.checked_rem(1_000_000)?);
        let request = requests.unwrap_or_default().checked_div(1_000)?;
        (rest == 0).then(|| cost.checked_add(request).map(Usd::from_units))?
    }

    /// What a million tokens written to the cache cost, where the list says it: for minutes, and for an hour.
    pub(crate) fn cache_writes(&self, at: Timestamp) -> [Option<Usd>; 2] {
        ["cache_write_mtok", "cache_write_1h_mtok"].map(|name| {
            let price = self.prices(at)?.get(name)?;
            rate(price, 0).map(Usd::from_units)
        })
    }

    /// The prices at a time: the last of those whose condition holds, else the first.
    fn prices(&self, at: Timestamp) -> Option<&Value> {
        let prices = self.model.get("prices")?;
        let Value::List(conditional) = prices else { return Some(prices) };
        let holds = |one: &&Value| match one.get("constraint") {
            None => true,
            Some(Value::Name(name)) => name == "None",
            Some(constraint) => holds(constraint, at),
        };
        conditional.iter().rev().find(holds).or(conditional.first())?.get("prices")
    }
}

fn holds(constraint: &Value, at: Timestamp) -> bool {
    let text = at.to_string();
    let (day, hour) = (text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    let numbers = |name: &str| -> Vec<u32> {
        let Some(Value::Call(_, plain, _)) = constraint.get(name) else { return Vec::new() };
        plain
            .iter()
            .filter_map(|value| if let Value::Number(text) = value { text.parse().ok() } else { None })
            .collect()
    };
    let padded = |numbers: &[u32], first: usize, between: &str| {
        let parts = numbers
            .iter()
            .enumerate()
            .map(|(nth, number)| format!("{number:0>width$}", width = if nth == 0 { first } else { 2 }));
        parts.collect::<Vec<_>>().join(between)
    };
    match constraint.called() {
        "StartDateConstraint" => day >= padded(&numbers("start_date"), 4, "-").as_str(),
        "TimeOfDateConstraint" => {
            let clock = |name| {
                let mut numbers = numbers(name);
                numbers.resize(2, 0);
                padded(&numbers, 2, ":")
            };
            let (start, end) = (clock("start_time"), clock("end_time"));
            if end < start {
                hour >= start.as_str() || hour < end.as_str()
            } else {
                (start.as_str()..end.as_str()).contains(&hour)
            }
        }
        _ => false,
    }
}

/// 10⁻¹⁸ USD for a million tokens, of a size of context.
fn rate(price: &Value, input: u64) -> Option<i128> {
    let Value::Call(name, plain, _) = price else { return None };
    match name.as_str() {
        "Decimal" => {
            let Some(Value::Text(text)) = plain.first() else { return None };
            text.parse::<Usd>().ok().map(Usd::units)
        }
        "TieredPrices" => {
            let start = |tier: &&Value| match tier.get("start") {
                Some(Value::Number(start)) => start.parse::<u64>().ok(),
                Some(_) | None => None,
            };
            let reached = |tier: &&Value| start(tier).is_some_and(|start| input > start);
            match price.list("tiers").iter().filter(reached).max_by_key(start) {
                Some(tier) => rate(tier.get("price")?, input),
                None => rate(price.get("base")?, input),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "
providers: list[Provider] = [
    Provider(id='one', models=[
        ModelInfo(id='m', match=ClauseOr(or_=[ClauseEquals(equals='m'), ClauseRegex(regex='^m-\\\\d{8}$')]),
            prices=[ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('9'))),
                ConditionalPrice(constraint=StartDateConstraint(start_date=datetime.date(2026, 10, 4)), prices=ModelPrice(
                    input_mtok=TieredPrices(base=Decimal('2'), tiers=[Tier(start=200000, price=Decimal('4'))]),
                    cache_read_mtok=Decimal('0.2'), output_mtok=Decimal('8')))]),
        ModelInfo(id='n', match=ClauseAnd(and_=[ClauseStartsWith(starts_with='n'), ClauseRegex(regex='^(?!.*-tts$)')]),
            prices=[ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('1'))),
                ConditionalPrice(constraint=TimeOfDateConstraint(start_time=datetime.time(16, 30), end_time=datetime.time(0, 30)),
                    prices=ModelPrice(input_mtok=Decimal('0.5')))]),
    ]),
    Provider(id='two', fallback_model_providers=['one'], models=[]),
]
";

    #[test]
    fn a_name_finds_its_model_and_its_price_of_the_time() {
        let list = List::read(LIST).unwrap();
        for (provider, model, at, [input, cached, output], usd) in [
            ("one", "m", "2026-11-28T12:00:00Z", [100_000, 0, 0], Some("0.2")),
            ("one", "m", "2026-11-28T12:00:00Z", [200_001, 0, 0], Some("0.800004")),
            ("one", "M-20261004", "2026-11-28T12:00:00Z", [100_000, 100_000, 100_000], Some("1.02")),
            ("two", "m", "2026-11-28T12:00:00Z", [1, 0, 0], Some("0.000002")),
            ("one", "m", "2026-10-03T12:00:00Z", [1, 1, 0], Some("0.000018")),
            ("one", "n-1", "2026-11-28T16:29:00Z", [1, 0, 0], Some("0.000001")),
            ("one", "n-1", "2026-11-28T23:00:00Z", [1, 0, 0], Some("0.0000005")),
            ("one", "n-1", "2026-11-28T00:29:00Z", [1, 0, 0], Some("0.0000005")),
            ("one", "n-tts", "2026-11-28T00:29:00Z", [1, 0, 0], None),
            ("one", "m-2", "2026-11-28T00:29:00Z", [1, 0, 0], None),
        ] {
            let price = list.find(provider, model);
            let tokens = Tokens { input, cached, output };
            let cost = price.and_then(|price| price.cost(&tokens, at.parse().unwrap()));
            assert_eq!(cost.map(|usd| usd.to_string()).as_deref(), usd, "{provider} {model} {at}");
        }
    }
}
