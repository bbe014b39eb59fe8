//! What a new version of a policy no longer says.

use serde_json::{Map, Value};
use tollgate_domain::budget::OnStale;
use tollgate_wire::api::{PolicyRule, PolicyView};

/// What the version before had, and the latest one has not because nobody named it; `None`: nothing. `said`: what was
/// named.
pub(crate) fn dropped(set: &PolicyView, said: &PolicyRule) -> Option<String> {
    let [.., before, now] = set.versions.as_slice() else { return None };
    let [fields, kept, said] = [before, now, said].map(fields);
    let is_dropped = |(field, value): &(&String, &Value)| {
        // A version always begins anew; what holds while figures are behind follows from the enforcement.
        let is_own = match field.as_str() {
            "from" => false,
            "on_stale" => !is_by_itself(before),
            _ => true,
        };
        is_own && !said.contains_key(*field) && kept.get(*field) != Some(value)
    };
    let flag = |(field, _): (&String, &Value)| match field.as_str() {
        "enabled" => "--disabled".to_owned(),
        field => format!("--{}", field.replace('_', "-")),
    };
    let flags: Vec<String> = fields.iter().filter(is_dropped).map(flag).collect();
    let latest = set.versions.len();
    (!flags.is_empty()).then(|| {
        let earlier = latest.saturating_sub(1);
        format!(
            "version {latest} does not have what version {earlier} had by {}: what is not given has its default; give it again to keep it",
            flags.join(", ")
        )
    })
}

fn fields(rule: &PolicyRule) -> Map<String, Value> {
    match serde_json::to_value(rule) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    }
}

fn is_by_itself(rule: &PolicyRule) -> bool {
    let refuses = rule.enforcement.is_some_and(|enforcement| enforcement.can_refuse());
    rule.on_stale == Some(if refuses { OnStale::Refuse } else { OnStale::Allow })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_named_again_is_named() {
        let before = json!({"window": "daily", "limit_usd": "5", "enforcement": "warn", "on_stale": "allow",
            "budget": "b", "scope": {"team": "x"}, "enabled": false, "warn_at": "0.8"});
        let now = json!({"window": "daily", "limit_usd": "5", "enforcement": "hard_limit",
            "on_stale": "refuse", "enabled": true, "warn_at": "0.8"});
        let set = |versions: Vec<Value>| -> PolicyView {
            serde_json::from_value(json!({"policy": "p", "tenant": "t", "versions": versions, "as_of": ""}))
                .unwrap()
        };
        let rule = |rule: Value| -> PolicyRule { serde_json::from_value(rule).unwrap() };
        let said = json!({"window": "daily", "limit_usd": "5", "enforcement": "hard_limit"});
        let told = dropped(&set(vec![before.clone(), now.clone()]), &rule(said)).unwrap();
        let expected = "version 2 does not have what version 1 had by --budget, --disabled, --scope: ";
        assert!(told.starts_with(expected), "{told}");
        assert_eq!(dropped(&set(vec![now.clone(), now.clone()]), &rule(now.clone())), None);
        assert_eq!(dropped(&set(vec![before]), &rule(now)), None);
    }
}
