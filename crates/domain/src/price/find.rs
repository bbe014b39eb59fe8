//! Which entry prices a call.

use super::ModelPrice;
use super::by_name::Sought;
use super::dated::InForceAt;
use super::provider;

/// An entry of the book: its name, and its price.
pub(super) type Entry<'a> = (&'a str, &'a ModelPrice);

/// Why no entry prices a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing<'a> {
    /// The book has no entry for it.
    NoEntry,
    /// The book names it but has no price for it: no other entry is used instead.
    LeftOut(&'a str),
    /// The call names a provider by a name that several have, and their prices differ.
    Ambiguous(&'a str, &'a str),
}

/// Whether an entry was found, and whether it has a price.
type Found<'a> = Result<Entry<'a>, Missing<'a>>;

/// The entry of a call. A key is bare or `provider/model`. A bare key belongs to the provider it names:
/// another provider's model of the same name has a different price. A model that the book does not have under
/// its dated name is looked up by the name without the date, and one that it does not have in capital letters in small
/// ones.
pub(super) fn find<'a>(models: InForceAt<'a>, provider: Option<&str>, model: &str) -> Found<'a> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    match in_these_letters(models, provider, model) {
        Err(Missing::NoEntry) if model.chars().any(char::is_uppercase) => {
            in_these_letters(models, provider, &model.to_lowercase())
        }
        found => found,
    }
}

fn in_these_letters<'a>(models: InForceAt<'a>, provider: Option<&str>, model: &str) -> Found<'a> {
    match by_name(models, provider, model) {
        Err(Missing::NoEntry) => {
            undated(model).map_or(Err(Missing::NoEntry), |undated| by_name(models, provider, undated))
        }
        found => found,
    }
}

/// The entry of exactly this name.
fn entry<'a>(models: InForceAt<'a>, name: &str) -> Found<'a> {
    found(models, Sought::named(name))
}

/// The entry `provider/model`.
fn of_provider<'a>(models: InForceAt<'a>, provider: &str, model: &str) -> Found<'a> {
    match Sought::of(provider, model) {
        Some(both) => found(models, both),
        None => entry(models, &format!("{provider}/{model}")),
    }
}

fn found<'a>(models: InForceAt<'a>, name: Sought<'_>) -> Found<'a> {
    match models.find(name) {
        Some((name, Some(price))) => Ok((name, price)),
        Some((name, None)) => Err(Missing::LeftOut(name)),
        None => Err(Missing::NoEntry),
    }
}

fn by_name<'a>(models: InForceAt<'a>, given: Option<&str>, model: &str) -> Found<'a> {
    let Some(given) = given.filter(|name| !name.trim().is_empty()) else {
        return without_provider(models, model);
    };
    match of_provider(models, given, model) {
        Err(Missing::NoEntry) => {}
        found => return found,
    }
    let mut found = Err(Missing::NoEntry);
    for one in provider::of_call(given).iter() {
        // Under the provider's name as given, there is none.
        let prefixed = (one != given).then(|| of_provider(models, one, model));
        let this = prefixed.filter(|found| !matches!(found, Err(Missing::NoEntry)));
        match (found, this.unwrap_or_else(|| bare_of(models, one, model))) {
            (_, Err(Missing::NoEntry)) => {}
            (Err(Missing::NoEntry), this) => found = this,
            // The call does not say which of the two providers it was, and their prices differ.
            (Ok((name, price)), Ok((other, others))) if !price.costs_like(others) => {
                return Err(Missing::Ambiguous(name, other));
            }
            (Ok(_), left_out @ Err(_)) => return left_out,
            (Ok(_) | Err(_), _) => {}
        }
    }
    match (found, model.split_once('/')) {
        // The gateway has no prices of its own, and the model names the provider.
        (Err(Missing::NoEntry), Some((named, rest))) if provider::is_gateway(given) && !rest.is_empty() => {
            by_name(models, Some(named), rest)
        }
        _ => found,
    }
}

/// The entry of a model of a provider under the model's name alone.
fn bare_of<'a>(models: InForceAt<'a>, one: &str, model: &str) -> Found<'a> {
    // `openai/gpt-5` of provider openai.
    let bare = model
        .split_once('/')
        .filter(|(prefix, _)| provider::of_call(prefix).iter().any(|prefix| prefix == one));
    let found = match (entry(models, model), bare) {
        (Err(Missing::NoEntry), Some((_, rest))) => entry(models, rest),
        (found, _) => found,
    };
    match found {
        Ok((_, price)) if !price.provider.as_deref().is_none_or(|theirs| provider::is_of(theirs, one)) => {
            Err(Missing::NoEntry)
        }
        found => found,
    }
}

/// A call that does not name a provider: the entry of exactly that name, otherwise the provider named in the model.
fn without_provider<'a>(models: InForceAt<'a>, model: &str) -> Found<'a> {
    match (entry(models, model), model.split_once('/')) {
        (Err(Missing::NoEntry), Some((prefix, rest))) if !rest.is_empty() => {
            by_name(models, Some(prefix), rest)
        }
        (found, _) => found,
    }
}

/// A model's name without its snapshot date: `gpt-5-2025-08-07`, `claude-haiku-4-5-20251001`, `…@20250929`,
/// `…-latest`; `None`: it has none.
#[must_use]
pub fn undated(model: &str) -> Option<&str> {
    if let Some(name) = model.strip_suffix("-latest") {
        return Some(name);
    }
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let (name, last) = model.rsplit_once(['-', '@'])?;
    if digits(last, 8) && last.starts_with("20") {
        return Some(name);
    }
    let (name, month) = name.rsplit_once('-').filter(|_| digits(last, 2))?;
    let (name, year) = name.rsplit_once('-').filter(|_| digits(month, 2))?;
    (digits(year, 4) && year.starts_with("20")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_snapshot_is_no_part_of_a_models_name() {
        for (model, name) in [
            ("gpt-5-2025-08-07", Some("gpt-5")),
            ("claude-haiku-4-5-20251001", Some("claude-haiku-4-5")),
            ("claude-sonnet-4-5@20250929", Some("claude-sonnet-4-5")),
            ("claude-sonnet-5-latest", Some("claude-sonnet-5")),
            ("gpt-4-0613", None),
            ("gpt-5", None),
            ("model-12345678", None),
            ("gemini-2.5-pro-preview-05-06", None),
        ] {
            assert_eq!(undated(model), name, "{model}");
        }
    }
}
