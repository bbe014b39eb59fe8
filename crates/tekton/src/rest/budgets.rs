//! Budgets.

use std::collections::BTreeMap;

use tollgate_wire::api::BudgetRequest;

use super::{Asked, done};
use crate::act::budgets::label;
use crate::ask::summary::{Summary, Wanted};
use crate::ask::times::period_of_time;
use crate::fault::{Answer, Handled};
use crate::fields::Fields;
use crate::json::Json;
use crate::names::METADATA;
use crate::number::Share;
use crate::views::budget::budget;
use crate::views::{page_of, paged};

/// `POST /budgets`.
pub(super) async fn make(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let request =
        BudgetRequest { title: Some(read.needed("name")), active: Some(true), ..changes(&mut read) };
    read.done()?;
    let made = asked.app.make_budget(&asked.id("budget"), request).await?;
    Ok(Answer::created(budget(&made)))
}

/// What a body says of a budget.
fn changes(read: &mut Fields) -> BudgetRequest {
    BudgetRequest {
        title: read.filled("name"),
        description: read.text("description"),
        owner: read.text("owner"),
        active: read.flag("is_active"),
        labels: label(METADATA, read.object("metadata")),
        ..BudgetRequest::default()
    }
}

/// `GET /budgets`: a page, or all of a name where the command line asks.
pub(super) async fn list(mut asked: Asked) -> Handled {
    let page = asked.query.page();
    let (name, owner) = (asked.query.text("name"), asked.query.text("owner"));
    let is_active = asked.query.flag("is_active");
    asked.query.done()?;
    let mut found = asked.app.budgets().await?;
    found.retain(|it| {
        name.as_ref().is_none_or(|name| it.title.as_ref().unwrap_or(&it.budget) == name)
            && owner.as_ref().is_none_or(|owner| it.owner.as_ref() == Some(owner))
            && is_active.is_none_or(|is_active| it.active == is_active)
    });
    if name.is_some() && !asked.is_v1 && !page.is_named {
        return Ok(Answer::ok(found.iter().map(budget).collect::<Vec<_>>()));
    }
    let (found, total) = page_of(found, page);
    Ok(Answer::ok(paged(found.iter().map(budget).collect(), total, page)))
}

/// `GET /budgets/{id}`.
pub(super) async fn one(asked: Asked, id: String) -> Handled {
    Ok(Answer::ok(budget(&asked.app.budget(&id).await?)))
}

/// `PUT /budgets/{id}`.
pub(super) async fn change(asked: Asked, id: String) -> Handled {
    let mut read = asked.fields()?;
    let request = changes(&mut read);
    read.done()?;
    Ok(Answer::ok(budget(&asked.app.change_budget(&id, request).await?)))
}

/// `DELETE /budgets/{id}`: its policies rule no more.
pub(super) async fn end(asked: Asked, id: String) -> Handled {
    let request = BudgetRequest { active: Some(false), ..BudgetRequest::default() };
    asked.app.change_budget(&id, request).await?;
    Ok(done(format!("Budget {id} deleted successfully")))
}

/// `GET /budgets/summary`: the one limit of money that a card shows, as a percentage.
pub(super) async fn overview(mut asked: Asked) -> Handled {
    let period = asked.query.text("period").unwrap_or_else(|| "daily".to_owned());
    asked.query.done()?;
    let first = asked.app.card(period_of_time(&period)?).await?;
    Ok(Answer::ok(vec![first.json(Share::Percent)]))
}

/// `GET /budgets/{id}/summary`.
pub(super) async fn summary(mut asked: Asked, id: String) -> Handled {
    let period = asked.query.text("period").unwrap_or_else(|| "daily".to_owned());
    asked.query.done()?;
    let found = asked.app.budget(&id).await?;
    let title = found.title.clone().unwrap_or_default();
    let period = period_of_time(&period)?.to_owned();
    let wanted = Wanted { period, budget: Some((id, title)), scope: BTreeMap::new() };
    let summaries = asked.app.summaries(&wanted).await?;
    // The page writes two numbers of the first one.
    let told: Vec<Json> = summaries.iter().enumerate().map(|(nth, it)| told(nth, it)).collect();
    Ok(Answer::ok(told))
}

fn told(nth: usize, summary: &Summary) -> Json {
    let json = summary.json(Share::Fraction);
    if nth == 0 && summary.cost_limit.is_none() { json.with("limit", 0) } else { json }
}
