//! Alerts.

use tollgate_client::Read;
use tollgate_wire::api::AcknowledgeRequest;

use super::Asked;
use crate::app::Tekton;
use crate::ask::alerts::Wanted;
use crate::fault::{Answer, Handled};
use crate::json::Json;
use crate::names::period;
use crate::views::alert::Told;
use crate::views::{page_of, paged};

/// Who acknowledges an alert without saying who they are.
const ANYBODY: &str = "default-user";

/// `GET /alerts`: all of them where the command line asks, else a page.
pub(super) async fn list(mut asked: Asked) -> Handled {
    let page = asked.query.page();
    let query = &mut asked.query;
    let wanted = Wanted {
        budget: query.text("budget_id"),
        severity: query.text("severity"),
        kind: query.text("type"),
        acknowledged: query.flag("acknowledged"),
        period: None,
    };
    query.done()?;
    let found = asked.app.alerts(&wanted).await?;
    let told = |found: &[Told]| found.iter().map(Told::json).collect::<Vec<Json>>();
    if !asked.is_v1 && !page.is_named {
        return Ok(Answer::ok(told(&found)));
    }
    let (found, total) = page_of(found, page);
    Ok(Answer::ok(paged(told(&found), total, page)))
}

/// `GET /alerts/{id}`.
pub(super) async fn one(asked: Asked, id: String) -> Handled {
    Ok(Answer::ok(asked.app.alert(&id, &Tekton::latest()).await?.json()))
}

/// `POST /alerts/{id}/acknowledge`. Again, it is as it was the first time.
pub(super) async fn acknowledge(asked: Asked, id: String) -> Handled {
    let found = asked.app.alert(&id, &Tekton::latest()).await?;
    if found.is_acknowledged() {
        return Ok(Answer::ok(found.json()));
    }
    let request = AcknowledgeRequest { by: ANYBODY.to_owned(), ..AcknowledgeRequest::default() };
    let done = asked.app.ledger.acknowledge(&id, &request).await?;
    let read = Read { at_least: Some(done.position), wait_ms: None };
    Ok(Answer::ok(asked.app.alert(&id, &read).await?.json()))
}

/// `POST /alerts/check`: those that were raised since the last check.
pub(super) async fn check(mut asked: Asked) -> Handled {
    let query = &mut asked.query;
    let (budget, named) = (query.text("budget_id"), query.text("period"));
    query.done()?;
    let period = named.as_deref().map(period).transpose()?.map(str::to_owned);
    if let Some(budget) = &budget {
        asked.app.budget(budget).await?;
    }
    let found = asked.app.checked(&Wanted { budget, period, ..Wanted::default() }).await?;
    Ok(Answer::ok(found.iter().map(Told::json).collect::<Vec<_>>()))
}
