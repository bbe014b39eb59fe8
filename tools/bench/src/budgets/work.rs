//! The policies of a tenant, and the requests that fall under five of them each: the same for every candidate.

use std::collections::BTreeMap;

use tollgate_wire::api::{AllocateRequest, PolicyRequest, PolicyRule};

use crate::usage::{MODELS, team};
use crate::work::mix;

/// Policies of the tenant.
pub(crate) const POLICIES: u64 = 1_000;

/// Tokens of each request.
pub(crate) const TOKENS: u64 = 1_000;

/// What no request reaches.
const PLENTY: u64 = 1_000_000_000_000_000;

const TEAMS: u64 = 45;
const COMPONENTS: u64 = 50;

/// What a request may be told apart by, beside the tenant.
pub(crate) const DIMENSIONS: [&str; 4] = ["team", "model", "user", "component"];

/// How many of a number of policies are about each dimension; the one that is left is about all of the tenant.
pub(crate) fn shares(policies: u64) -> [u64; 4] {
    let models = (policies / 5).clamp(1, MODELS.len() as u64);
    let teams = (policies / 5).clamp(1, TEAMS);
    let components = (policies / 5).clamp(1, COMPONENTS);
    [teams, models, policies - 1 - models - teams - components, components]
}

/// The value of a dimension that has this number.
pub(crate) fn value(dimension: usize, number: u64) -> String {
    match DIMENSIONS[dimension] {
        "team" => team(number),
        "model" => MODELS[number as usize].to_owned(),
        name => format!("{name}-{number}"),
    }
}

/// The scopes of the policies: each with the name of a dimension and its value; without: all of the tenant.
pub(crate) fn scopes(policies: u64) -> Vec<Option<(&'static str, String)>> {
    let each = shares(policies).into_iter().enumerate();
    let of = each.flat_map(|(dimension, number)| {
        (0..number).map(move |nth| Some((DIMENSIONS[dimension], value(dimension, nth))))
    });
    std::iter::once(None).chain(of).collect()
}

/// The values of a request, one for each dimension: any of those that have a policy.
pub(crate) fn values(request: u64, policies: u64) -> [String; 4] {
    let shares = shares(policies);
    std::array::from_fn(|dimension| value(dimension, mix(request * 4 + dimension as u64) % shares[dimension]))
}

/// The name of the policy with a scope.
pub(crate) fn policy_name(scope: Option<&(&str, String)>) -> String {
    scope.map_or_else(|| "tenant".to_owned(), |(dimension, value)| format!("{dimension}-{value}"))
}

/// A hard limit on tokens: that of the tenant is the one that is reached.
pub(crate) fn policy(scope: Option<&(&str, String)>, limit_of_tenant: u64) -> PolicyRequest {
    let limit = if scope.is_some() { PLENTY } else { limit_of_tenant };
    let scope = scope.map(|(dimension, value)| ((*dimension).to_owned(), value.clone()));
    let rule = PolicyRule {
        scope: scope.into_iter().collect(),
        window: "monthly".to_owned(),
        limit_tokens: Some(limit),
        enforcement: Some(tollgate_domain::budget::BudgetEnforcement::HardLimit),
        ..PolicyRule::default()
    };
    PolicyRequest { tenant: None, id: None, rule, if_version: None, author: None, reason: None }
}

/// A request under a name.
pub(crate) fn request(number: u64) -> AllocateRequest {
    let [team, model, user, component] = values(number, POLICIES);
    AllocateRequest {
        allocation: Some(format!("job-{number}")),
        task: Some(format!("T-{}", number % 100)),
        component: Some(component),
        model: Some(model),
        labels: BTreeMap::from([("team".to_owned(), team), ("user".to_owned(), user)]),
        tokens: Some(TOKENS),
        ..AllocateRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_request_falls_under_five_policies_whatever_their_number() {
        for policies in [10, 1_000, 10_000] {
            let scopes = scopes(policies);
            let names: BTreeSet<String> = scopes.iter().map(|scope| policy_name(scope.as_ref())).collect();
            assert_eq!(names.len() as u64, policies);
            for number in 0..100 {
                let values = values(number, policies);
                let matching = scopes.iter().flatten().filter(|(dimension, value)| {
                    DIMENSIONS.iter().zip(&values).any(|(name, of)| name == dimension && of == value)
                });
                assert_eq!(matching.count(), 4, "{policies}: {values:?}");
            }
        }
    }
}
