//! Policies.

use std::collections::BTreeMap;

use tollgate_wire::api::{PolicyRule, PolicyView};

use super::{Asked, done};
use crate::act::budgets::PolicyChange;
use crate::ask::times::zone_of;
use crate::fault::{Answer, Fault, Handled};
use crate::fields::Fields;
use crate::json::object;
use crate::names::{enforcement, period, tier};
use crate::views::policy::{policy, rule};
use crate::views::{page_of, paged};

/// The dimensions of a policy's scope that Tekton has.
const SCOPE: [&str; 4] = ["tier", "provider", "component", "task_type"];

/// `POST /policies`.
pub(super) async fn make(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let (kind, window) = (read.needed("type"), read.needed("period"));
    let budget = read.filled("budget_id");
    let change = change_of(&mut read)?;
    let scope = scope_of(&mut read)?;
    read.done()?;
    if change.token_limit.is_none() && change.cost_limit.is_none() {
        return Err(Fault::of(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "Either token_limit or cost_limit must be provided",
        ));
    }
    let window = period(&window)?;
    let rule = PolicyRule {
        budget: budget.clone(),
        scope,
        window: window.to_owned(),
        zone: zone_of(window, &asked.app.options.zone),
        limit_tokens: change.token_limit,
        limit_usd: change.cost_limit,
        enforcement: Some(enforcement(&kind)?),
        warn_at: change.warn_at,
        act_at: change.act_at,
        enabled: change.enabled,
        ..PolicyRule::default()
    };
    if let Some(budget) = &budget {
        asked.app.budget(budget).await?;
    }
    let made = asked.app.make_policy(&asked.id("policy"), rule).await?;
    Ok(Answer::created(policy(&made)))
}

/// The scope that a body names.
fn scope_of(read: &mut Fields) -> Handled<BTreeMap<String, String>> {
    let mut scope = BTreeMap::new();
    for name in SCOPE {
        let Some(value) = read.filled(name) else { continue };
        let value = if name == "tier" { tier(&value)?.as_str().to_owned() } else { value };
        scope.insert(name.to_owned(), value);
    }
    Ok(scope)
}

/// What a body says of a policy besides its scope.
fn change_of(read: &mut Fields) -> Handled<PolicyChange> {
    let kind = read.filled("type");
    let change = PolicyChange {
        enforcement: kind.as_deref().map(enforcement).transpose()?,
        token_limit: read.whole("token_limit"),
        cost_limit: read.money("cost_limit").map(|usd| usd.to_string()),
        warn_at: read.threshold("warning_threshold"),
        act_at: read.threshold("action_threshold"),
        enabled: read.flag("enabled"),
        budget: None,
    };
    Ok(change)
}

/// `GET /policies`: those that rule, unless others are asked for.
pub(super) async fn list(mut asked: Asked) -> Handled {
    let page = asked.query.page();
    let window = asked.query.text("period");
    let enabled = asked.query.flag("enabled").unwrap_or(true);
    let mut wanted = BTreeMap::new();
    for name in SCOPE {
        if let Some(value) = asked.query.text(name) {
            let value = if name == "tier" { tier(&value)?.as_str().to_owned() } else { value };
            wanted.insert(name, value);
        }
    }
    asked.query.done()?;
    let window = window.as_deref().map(period).transpose()?;
    let mut found = asked.app.policies(None).await?;
    found.retain(|it| {
        let said = rule(it);
        said.enabled.unwrap_or(true) == enabled
            && window.is_none_or(|window| said.window == window)
            && wanted.iter().all(|(name, value)| said.scope.get(*name) == Some(value))
    });
    Ok(page_of_policies(found, page))
}

fn page_of_policies(found: Vec<PolicyView>, page: crate::fields::Page) -> Answer {
    let (found, total) = page_of(found, page);
    Answer::ok(paged(found.iter().map(policy).collect(), total, page))
}

/// `GET /budgets/{id}/policies`. Who names no page gets all of them.
pub(super) async fn of_budget(mut asked: Asked, id: String) -> Handled {
    let mut page = asked.query.page();
    asked.query.done()?;
    asked.app.budget(&id).await?;
    let found = asked.app.policies(Some(&id)).await?;
    if !page.is_named {
        page.limit = u64::try_from(found.len()).unwrap_or_default().max(page.limit);
    }
    Ok(page_of_policies(found, page))
}

/// `PUT /budgets/{id}/policies`: adds policies to a budget.
pub(super) async fn attach(asked: Asked, id: String) -> Handled {
    let mut read = asked.fields()?;
    let policies = read.texts("policies");
    read.done()?;
    asked.app.budget(&id).await?;
    for name in &policies {
        let change = PolicyChange { budget: Some(id.clone()), ..PolicyChange::default() };
        asked.app.change_policy(name, &change).await?;
    }
    let found = asked.app.policies(Some(&id)).await?;
    let names: Vec<&String> = found.iter().map(|it| &it.policy).collect();
    Ok(Answer::ok(object! { "budget_id" => id, "policies" => names }))
}

/// `GET /policies/{id}`.
pub(super) async fn one(asked: Asked, id: String) -> Handled {
    Ok(Answer::ok(policy(&asked.app.policy(&id).await?)))
}

/// `PUT /policies/{id}`.
pub(super) async fn change(asked: Asked, id: String) -> Handled {
    let mut read = asked.fields()?;
    let change = change_of(&mut read)?;
    read.done()?;
    Ok(Answer::ok(policy(&asked.app.change_policy(&id, &change).await?)))
}

/// `DELETE /policies/{id}`: it rules no more.
pub(super) async fn end(asked: Asked, id: String) -> Handled {
    let change = PolicyChange { enabled: Some(false), ..PolicyChange::default() };
    asked.app.change_policy(&id, &change).await?;
    Ok(done(format!("Policy {id} disabled successfully")))
}
