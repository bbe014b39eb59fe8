//! Why two lists disagree about a model, as far as their rates say it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use tollgate_domain::money::Usd;
use tollgate_domain::price::{Listed, TOLERANCE};

/// What is compared, and the field of the price book that it is.
const KINDS: [(&str, &str); 3] = [
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cached input", "cache_read_input_token_cost"),
];

/// One reason, for counting: a model may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// One list gives for nothing what costs money in the other.
    Free,
    /// All rates differ by the same factor.
    AllRates,
    /// The rate of input.
    Input,
    /// The rate of output.
    Output,
    /// The rate of cached input.
    Cached,
    /// What large contexts cost, or where they begin.
    LargeContext,
    /// What certain hours cost.
    Hours,
}

impl Cause {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free in one list",
            Self::AllRates => "all rates, by the same factor",
            Self::Input => "rate of input",
            Self::Output => "rate of output",
            Self::Cached => "rate of cached input",
            Self::LargeContext => "large contexts: what they cost, or where they begin",
            Self::Hours => "prices of certain hours",
        }
    }
}

/// The rates of a model: without a condition, and above sizes of the context.
#[derive(Debug, Default)]
struct Rates {
    base: BTreeMap<&'static str, Usd>,
    above: BTreeMap<u64, BTreeMap<&'static str, Usd>>,
}

impl Rates {
    fn of(listed: &Listed) -> Self {
        let mut rates = Self::default();
        for (field, raw) in fields(&listed.rates) {
            if field == "tiered_pricing" {
                rates.take_ranges(raw.get());
            } else if let (Some((kind, above)), Some(usd)) = (kind(&field), amount(&raw)) {
                rates.put(kind, above, usd);
            }
        }
        rates
    }

    fn put(&mut self, kind: &'static str, above: u64, usd: Usd) {
        let of = if above == 0 { &mut self.base } else { self.above.entry(above).or_default() };
        of.insert(kind, usd);
    }

    fn take_ranges(&mut self, json: &str) {
        let ranges: Vec<Box<RawValue>> = serde_json::from_str(json).unwrap_or_default();
        for range in ranges {
            let range = fields(range.get());
            let start = range.get("range").and_then(|raw| serde_json::from_str::<Vec<f64>>(raw.get()).ok());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of tokens")]
            let start = start.and_then(|range| range.first().copied()).unwrap_or_default() as u64;
            for (field, raw) in &range {
                if let (Some((kind, 0)), Some(usd)) = (kind(field), amount(raw)) {
                    self.put(kind, start, usd);
                }
            }
        }
    }
}

fn fields(json: &str) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(json).unwrap_or_default()
}

fn amount(raw: &RawValue) -> Option<Usd> {
    raw.get().trim_matches('"').parse().ok()
}

/// What a field is the rate of, and above how many tokens of input.
fn kind(field: &str) -> Option<(&'static str, u64)> {
    KINDS.iter().find_map(|(kind, plain)| {
        let rest = field.strip_prefix(plain)?;
        if rest.is_empty() {
            return Some((*kind, 0));
        }
        let size = rest.strip_prefix("_above_")?.strip_suffix("_tokens")?;
        let tokens = match size.strip_suffix('k') {
            Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1000)?,
            None => size.parse().ok()?,
        };
        Some((*kind, tokens))
    })
}

/// How much the second amount is above or below the first, in percent of the first: `+10 %`.
pub(crate) fn percent(one: Usd, other: Usd) -> String {
    let (one, apart) = (one.units(), other.units() - one.units());
    if one == 0 {
        return "from 0".to_owned();
    }
    // Rounded to a whole number, half away from zero.
    let twice = apart * 200 / one;
    let whole = (twice + twice.signum()) / 2;
    if whole < 0 { format!("−{} %", whole.abs()) } else { format!("+{whole} %") }
}

/// The reasons, and the same in words: LiteLLM's map first, genai-prices second.
pub(crate) fn of(litellm: &Listed, genai: &Listed) -> (BTreeSet<Cause>, String) {
    let (ours, theirs) = (Rates::of(litellm), Rates::of(genai));
    let (mut causes, mut words) = (BTreeSet::new(), Vec::new());
    let common =
        KINDS.iter().filter_map(|(kind, _)| Some((*kind, *ours.base.get(kind)?, *theirs.base.get(kind)?)));
    let common: Vec<(&str, Usd, Usd)> = common.collect();
    let free = |of: fn(&(&str, Usd, Usd)) -> Usd| common.iter().all(|one| of(one) == Usd::ZERO);
    let (free_here, free_there) = (free(|one| one.1), free(|one| one.2));
    if free_here != free_there {
        causes.insert(Cause::Free);
        words.push(format!("free in {}", if free_here { "LiteLLM's map" } else { "genai-prices" }));
    }
    let differing = common.iter().filter(|(_, one, other)| is_apart(*one, *other));
    let changes: Vec<(&str, String)> =
        differing.map(|(kind, one, other)| (*kind, percent(*one, *other))).collect();
    let same = changes.windows(2).all(|pair| matches!(pair, [(_, one), (_, other)] if one == other));
    // What is without a condition is the price of the day in one list, and that of the night in the other.
    let is_told = !causes.is_empty() || (litellm.has_hours() && genai.has_hours());
    if is_told {
        // Nothing more to say about plain rates.
    } else if same && changes.len() > 1 && changes.len() == common.len() {
        causes.insert(Cause::AllRates);
        words.push(format!("all rates {}", changes[0].1));
    } else {
        for (kind, percent) in &changes {
            causes.insert(match *kind {
                "input" => Cause::Input,
                "output" => Cause::Output,
                _ => Cause::Cached,
            });
            words.push(format!("{kind} {percent}"));
        }
    }
    if let Some(word) = large_contexts(&ours, &theirs) {
        causes.insert(Cause::LargeContext);
        words.push(word);
    }
    match (litellm.has_hours(), genai.has_hours()) {
        (true, false) => words.push("prices of certain hours only in LiteLLM's map".to_owned()),
        (false, true) => words.push("prices of certain hours only in genai-prices".to_owned()),
        (true, true) => words.push("prices of certain hours in both, which differ".to_owned()),
        (false, false) => {}
    }
    if litellm.has_hours() || genai.has_hours() {
        causes.insert(Cause::Hours);
    }
    (causes, words.join("; "))
}

/// What the lists say differently about large contexts, beyond what their plain rates say already.
fn large_contexts(ours: &Rates, theirs: &Rates) -> Option<String> {
    let sizes = |rates: &Rates| -> Vec<u64> { rates.above.keys().copied().collect() };
    let (own, other) = (sizes(ours), sizes(theirs));
    let shown = |sizes: &[u64]| {
        let one = |size: &u64| {
            if size.is_multiple_of(1000) { format!("{} k", size / 1000) } else { size.to_string() }
        };
        sizes.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    match (own.is_empty(), other.is_empty()) {
        (true, true) => return None,
        (false, true) => return Some(format!("prices above {} only in LiteLLM's map", shown(&own))),
        (true, false) => return Some(format!("prices above {} only in genai-prices", shown(&other))),
        (false, false) => {}
    }
    if own != other {
        return Some(format!("large contexts begin above {} and above {}", shown(&own), shown(&other)));
    }
    let differs = |size: &u64| {
        KINDS.iter().any(|(kind, _)| {
            let pair = |of: fn(&Rates, u64) -> Option<&BTreeMap<&'static str, Usd>>| {
                Some((*of(ours, *size)?.get(kind)?, *of(theirs, *size)?.get(kind)?))
            };
            let apart = |pair: Option<(Usd, Usd)>| pair.is_some_and(|(one, other)| is_apart(one, other));
            apart(pair(|rates, size| rates.above.get(&size))) && !apart(pair(|rates, _| Some(&rates.base)))
        })
    };
    let at: Vec<u64> = own.into_iter().filter(differs).collect();
    (!at.is_empty()).then(|| format!("rates above {}", shown(&at)))
}

/// Whether two rates are further apart than what counts as agreement.
fn is_apart(one: Usd, other: Usd) -> bool {
    let (one, other) = (one.units().unsigned_abs(), other.units().unsigned_abs());
    one.abs_diff(other) * 100 > one.max(other) * u128::from(TOLERANCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(one: &str, other: &str) -> String {
        let listed = |rates: &str| Listed::read("m", rates).unwrap();
        let (causes, words) = of(&listed(one), &listed(other));
        let causes: Vec<String> = causes.iter().map(|cause| format!("{cause:?}")).collect();
        format!("{} | {words}", causes.join(" "))
    }

    #[test]
    fn the_rates_say_why_two_lists_disagree() {
        let rates = |input: &str, output: &str, more: &str| {
            format!(r#"{{"input_cost_per_token": {input}, "output_cost_per_token": {output}{more}}}"#)
        };
        let cached = |rate: &str| format!(r#", "cache_read_input_token_cost": {rate}"#);
        let above =
            |size: &str, rate: &str| format!(r#", "input_cost_per_token_above_{size}_tokens": {rate}"#);
        let ranges = r#"{"tiered_pricing": [{"range": [0, 32000], "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
            {"range": [32000, 128000], "input_cost_per_token": 3e-6, "output_cost_per_token": 2e-6}]}"#;
        let hours = r#", "off_peak_pricing": {"hours_utc": "16:30-00:30", "input_cost_per_token": 5e-7}"#;
        let plain = rates("1e-6", "2e-6", "");
        for (one, other, expected) in [
            (plain.clone(), plain.clone(), " | "),
            (plain.clone(), rates("1.1e-6", "2.2e-6", ""), "AllRates | all rates +10 %"),
            (plain.clone(), rates("2e-6", "2.1e-6", ""), "Input | input +100 %"),
            (plain.clone(), rates("5e-7", "3e-6", ""), "Input Output | input −50 %; output +50 %"),
            (rates("0", "0", ""), plain.clone(), "Free | free in LiteLLM's map"),
            (plain.clone(), rates("0", "0", ""), "Free | free in genai-prices"),
            (
                rates("1e-6", "2e-6", &cached("1e-7")),
                rates("1e-6", "2e-6", &cached("2e-7")),
                "Cached | cached input +100 %",
            ),
            (
                rates("1e-6", "2e-6", &above("200k", "2e-6")),
                plain.clone(),
                "LargeContext | prices above 200 k only in LiteLLM's map",
            ),
            (plain.clone(), ranges.to_owned(), "LargeContext | prices above 32 k only in genai-prices"),
            (
                rates("1e-6", "2e-6", &above("200k", "2e-6")),
                rates("1e-6", "2e-6", &above("128000", "2e-6")),
                "LargeContext | large contexts begin above 200 k and above 128 k",
            ),
            (
                rates("1e-6", "2e-6", &above("200k", "2e-6")),
                rates("1e-6", "2e-6", &above("200000", "3e-6")),
                "LargeContext | rates above 200 k",
            ),
            (
                rates("1e-6", "2e-6", hours),
                rates("5e-7", "2e-6", hours),
                "Hours | prices of certain hours in both, which differ",
            ),
            (rates("1e-6", "2e-6", hours), plain, "Hours | prices of certain hours only in LiteLLM's map"),
        ] {
            assert_eq!(cause(&one, &other), expected, "{one} | {other}");
        }
    }

    #[test]
    fn a_change_is_a_share_of_the_first_amount() {
        for (one, other, expected) in [
            ("1", "1.5", "+50 %"),
            ("1.5", "1", "−33 %"),
            ("1", "0", "−100 %"),
            ("0", "1", "from 0"),
            ("3", "5", "+67 %"),
        ] {
            assert_eq!(percent(one.parse().unwrap(), other.parse().unwrap()), expected, "{one} {other}");
        }
    }
}
