//! The list of genai-prices. Its package has it as a module of Python's; here that becomes the list that the
//! project publishes, version 2 of its `data.json`, and is read as every source of prices is.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::price::{Listed, ModelName};
use tollgate_domain::time::Timestamp;
use tollgate_price_sources::{Kind, Request};

use crate::python::{self, Value};

/// The published list, from the text of the module `data.py`.
pub(crate) fn published(module: &str) -> Result<String, String> {
    let mut text = String::new();
    write(&python::read(module, "providers")?, &mut text)?;
    Ok(text)
}

/// What the published list says at a time about these models, and about those that it names itself.
pub(crate) fn read(
    published: &str,
    models: &BTreeSet<ModelName>,
    at: Timestamp,
) -> Result<BTreeMap<ModelName, Listed>, String> {
    let listed = Kind::GenaiPrices.adapter().read(published, &Request { models, at });
    let listed = listed.map_err(|error| error.to_string())?;
    Ok(listed.into_iter().map(|one| (one.model.clone(), one)).collect())
}

fn write(value: &Value, text: &mut String) -> Result<(), String> {
    match value {
        Value::Text(one) => text.push_str(&quoted(one)),
        Value::Number(number) => text.push_str(number),
        Value::Name(name) => text.push_str(match name.as_str() {
            "None" => "null",
            "True" => "true",
            "False" => "false",
            other => return Err(format!("`{other}` is no value of the published list")),
        }),
        Value::List(items) => {
            text.push('[');
            for (nth, item) in items.iter().enumerate() {
                if nth > 0 {
                    text.push(',');
                }
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Call(name, plain, named) if plain.is_empty() => object(name, named, text)?,
        Value::Call(name, plain, _) => text.push_str(&scalar(name, plain)?),
    }
    Ok(())
}

/// An object: what is not given is left out, and a name that Python keeps for itself has no underscore here.
fn object(name: &str, named: &[(String, Value)], text: &mut String) -> Result<(), String> {
    text.push('{');
    let given = named.iter().filter(|(_, value)| !matches!(value, Value::Name(none) if none == "None"));
    for (nth, (key, value)) in given.enumerate() {
        if nth > 0 {
            text.push(',');
        }
        let key = if name.starts_with("Clause") { key.trim_end_matches('_') } else { key };
        text.push_str(&quoted(key));
        text.push(':');
        write(value, text)?;
    }
    text.push('}');
    Ok(())
}

/// A decimal, a date or a time of the day.
fn scalar(name: &str, plain: &[Value]) -> Result<String, String> {
    let number = |nth: usize| match plain.get(nth) {
        Some(Value::Number(text)) => text.parse::<u32>().map_err(|_| format!("{name}({text}…)")),
        Some(other) => Err(format!("{name} of {other:?}")),
        None => Ok(0),
    };
    match (name, plain) {
        ("Decimal", [Value::Text(amount)]) => Ok(amount.clone()),
        ("datetime.date", [_, _, _]) => {
            Ok(format!("\"{:04}-{:02}-{:02}\"", number(0)?, number(1)?, number(2)?))
        }
        ("datetime.time", _) => Ok(format!("\"{:02}:{:02}:{:02}Z\"", number(0)?, number(1)?, number(2)?)),
        _ => Err(format!("`{name}(…)` is no value of the published list")),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "
providers: list[Provider] = [
    Provider(id='one', name=None, models=[
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
    fn the_module_becomes_the_published_list_and_is_read_as_a_source() {
        let text = published(MODULE).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        let name = |(provider, model): (&str, &str)| ModelName {
            provider: provider.to_owned(),
            model: model.to_owned(),
        };
        let asked = [("one", "M-20261004"), ("one", "m-2"), ("one", "n-tts"), ("two", "m")];
        let models: BTreeSet<ModelName> = asked.into_iter().map(name).collect();
        let at = |time: &str| -> Vec<String> {
            let found = read(&text, &models, time.parse().unwrap()).unwrap();
            found
                .values()
                .map(|one| format!("{}/{} {}", one.model.provider, one.model.model, one.rates))
                .collect()
        };
        let since =
            r#""input_cost_per_token": 0.000002, "input_cost_per_token_above_200000_tokens": 0.000004"#;
        let found = at("2026-11-28T12:00:00Z");
        let names: Vec<&str> = found.iter().filter_map(|one| one.split(' ').next()).collect();
        assert_eq!(names, ["one/M-20261004", "one/m", "one/n", "two/m"]);
        assert!(found[0].contains(since) && found[3].contains(since), "{found:?}");
        assert!(found[2].contains(
            r#""off_peak_pricing": {"hours_utc": ["16:30-00:30"], "input_cost_per_token": 0.0000005}"#
        ));
        assert!(at("2026-10-03T12:00:00Z")[1].contains(r#""input_cost_per_token": 0.000009"#));
    }

    #[test]
    fn what_is_no_value_of_a_list_is_refused() {
        for (value, problem) in [
            ("[Provider(id=NAME)]", "`NAME` is no value"),
            ("[Provider(id=Fraction(1, 3))]", "`Fraction(…)` is no value"),
            ("[Provider(on=datetime.date('x', 1, 1))]", "datetime.date of Text"),
        ] {
            let error = published(&format!("\nproviders = {value}\n")).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
