//! The file of policies: a map of their names to what they say, with the keys that `PUT /v1/policies/{policy}` takes.

use serde::Deserialize;
use serde_yaml::Mapping;
use tollgate_domain::budget::Policy;
use tollgate_domain::ids::TenantId;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::PolicyRule;

use super::Policies;

/// Every policy of a file that is wrong, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policies cannot be used:\n  {}", problems.join("\n  "))]
pub struct InvalidPolicies {
    /// What is wrong: of a policy with its name, the field, the value and the rule.
    pub problems: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    /// Refuses names that are there twice.
    policies: Mapping,
}

/// Reads a file of policies, in YAML or JSON. `name`: what people know it by. They are all of one tenant. One that does
/// not say since when it rules rules from the first usage on.
///
/// # Errors
///
/// [`InvalidPolicies`] with all that is wrong.
pub fn read_policies(name: &str, text: &str, tenant: &TenantId) -> Result<Policies, InvalidPolicies> {
    let file: PolicyFile = serde_yaml::from_str(text).map_err(|error| InvalidPolicies {
        problems: vec![format!(
            "{error}; the file holds `policies:` and below it each policy by its name, with the keys of the API"
        )],
    })?;
    let (mut policies, mut problems) = (Vec::new(), Vec::new());
    for (policy, said) in file.policies {
        let Some(policy) = policy.as_str().map(str::to_owned) else {
            problems.push(format!("policy `{policy:?}`: its name must be a text"));
            continue;
        };
        match read(&policy, said) {
            Ok(policy) => policies.push(policy),
            Err(problem) => problems.push(format!("policy `{policy}`: {problem}")),
        }
    }
    if !problems.is_empty() {
        return Err(InvalidPolicies { problems });
    }
    Ok(Policies { name: name.to_owned(), tenant: tenant.clone(), policies })
}

fn read(name: &str, said: serde_yaml::Value) -> Result<Policy, String> {
    let Some(fields) = said.as_mapping() else { return Err("must be a map of its fields".to_owned()) };
    let keys = fields.keys().map(|key| key.as_str().unwrap_or_default());
    if let Some(unknown) = keys.into_iter().find(|key| !PolicyRule::KEYS.contains(key)) {
        let hint = tollgate_domain::nearest::hint(unknown, PolicyRule::KEYS);
        return Err(format!("`{unknown}` is not a field of a policy{hint}"));
    }
    let rule: Result<PolicyRule, _> = serde_yaml::from_value(said.clone());
    let rule = rule.map_err(|error| match culprit(fields, &error.to_string()) {
        Some(field) => {
            format!("`{field}`: {error}; amounts of money are texts, in quotes, so that they are exact")
        }
        None => error.to_string(),
    })?;
    // Since when it rules if it does not say: before anything was recorded.
    let policy = rule.policy(name, Timestamp::from_micros(0).unwrap_or_default());
    let policy = policy.map_err(|error| error.to_string())?;
    policy.check().map_err(|error| error.to_string())?;
    Ok(policy)
}

/// The field without which the rest is read, or fails otherwise.
fn culprit<'a>(fields: &'a Mapping, problem: &str) -> Option<&'a str> {
    let without = |key: &serde_yaml::Value| {
        let mut rest = fields.clone();
        rest.remove(key);
        serde_yaml::from_value::<PolicyRule>(serde_yaml::Value::Mapping(rest)).err()
    };
    let found = fields.keys().find(|key| without(key).is_none_or(|error| error.to_string() != problem));
    found.and_then(|key| key.as_str())
}
