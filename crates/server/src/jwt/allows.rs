//! What a token allows, in the words of keys. What is there and cannot be read is refused: a restriction that was
//! misspelt must not become none.

use serde_json::{Map, Value};
use tollgate_domain::key::{Key, KeyReach, KeyScope};
use tollgate_domain::nearest;

use super::config::Claims;
use super::token::{Said, shown};

/// The fields of a claim that has all of them.
const FIELDS: [&str; 4] = ["scopes", "tenants", "producers", "components"];

/// How scopes begin among the words of other services.
const PREFIX: &str = "tollgate:";

/// What the name of whoever has a token begins with. No key's name has a colon.
const NAMED: &str = "jwt:";

/// What a key, or the token that stands for one, is called in sentences, by the key's name.
pub(crate) fn called(name: &str) -> String {
    let what = if name.starts_with(NAMED) { "token" } else { "key" };
    format!("{what} `{name}`")
}

/// The key that a token stands for.
///
/// # Errors
///
/// Which claim breaks which rule.
pub(super) fn key_of(said: &Said, claims: &Claims) -> Result<Key, String> {
    let (scopes, reach) = match claims {
        Claims::One(name) => of_one(&said.claims, name)?,
        Claims::Each { scopes, tenants, producers, components } => {
            let scopes = prefixed(&said.claims, scopes)?;
            let is_admin = scopes.contains(&KeyScope::Admin);
            let named = |name: &Option<String>| restricted(&said.claims, name.as_deref(), is_admin);
            let reach = KeyReach {
                tenants: named(tenants)?,
                producers: named(producers)?,
                components: named(components)?,
            };
            (scopes, reach)
        }
    };
    let name = format!("{NAMED}{}", said.subject);
    Key::of_token(name, scopes, reach, said.until).map_err(|rejection| format!("its claims: {rejection}"))
}

/// From a claim with the fields of a key. Without it a token allows nothing that needs a scope.
fn of_one(claims: &Map<String, Value>, name: &str) -> Result<(Vec<KeyScope>, KeyReach), String> {
    let fields = match claims.get(name) {
        None => return Ok((Vec::new(), KeyReach::default())),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(format!("its claim `{name}` must be an object with {}", FIELDS.join(", "))),
    };
    if let Some(unknown) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        let (shown, hint) = (shown(unknown), nearest::hint(unknown, &FIELDS));
        return Err(format!("its claim `{name}` has `{shown}`, must have only {}{hint}", FIELDS.join(", ")));
    }
    let list = |field: &str| match fields.get(field) {
        None => Ok(Vec::new()),
        Some(value) => listed(&format!("{name}.{field}"), value),
    };
    let scopes = list("scopes")?;
    let scopes =
        scopes.iter().map(|word| scope(&format!("{name}.scopes"), word)).collect::<Result<_, _>>()?;
    let reach = KeyReach {
        tenants: list("tenants")?,
        producers: list("producers")?,
        components: list("components")?,
    };
    Ok((scopes, reach))
}

/// Scopes among the words of a claim.
fn prefixed(claims: &Map<String, Value>, name: &str) -> Result<Vec<KeyScope>, String> {
    let Some(value) = claims.get(name) else { return Ok(Vec::new()) };
    let words = words(name, value)?;
    words.iter().filter_map(|word| word.strip_prefix(PREFIX)).map(|word| scope(name, word)).collect()
}

/// The names that a token is restricted to by a claim. Where the config names one, only who may do everything is
/// without it.
fn restricted(
    claims: &Map<String, Value>,
    name: Option<&str>,
    is_admin: bool,
) -> Result<Vec<String>, String> {
    let Some(name) = name else { return Ok(Vec::new()) };
    match claims.get(name) {
        None if is_admin => Ok(Vec::new()),
        None => Err(format!("it has no claim `{name}`, which says what it is restricted to")),
        Some(Value::String(_)) => {
            let words = words(name, claims.get(name).unwrap_or(&Value::Null))?;
            if words.is_empty() { Err(none_named(name)) } else { Ok(words) }
        }
        Some(value) => listed(name, value),
    }
}

fn scope(name: &str, word: &str) -> Result<KeyScope, String> {
    KeyScope::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = KeyScope::ALL.iter().map(|scope| scope.as_str()).collect();
        let hint = nearest::hint(word, &known);
        format!(
            "its claim `{name}` has the scope `{}`, must be one of {}{hint}",
            shown(word),
            known.join(", ")
        )
    })
}

/// Words with spaces between them, or a list.
fn words(name: &str, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(items) if items.is_empty() => Ok(Vec::new()),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            listed(name, value)
        }
    }
}

/// A list of names. One reader would take an empty one for nothing, and another for everything.
fn listed(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let names = value.as_array().and_then(|items| {
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    let names = names.ok_or_else(|| format!("its claim `{name}` must be a list of text"))?;
    if names.is_empty() { Err(none_named(name)) } else { Ok(names) }
}

fn none_named(name: &str) -> String {
    format!("its claim `{name}` names nothing: must name at least one, or not be there")
}
