//! The OpenAPI document, made from the handlers.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use super::{alerts, deliveries, events, govern, operate, quarantine, reports, tasks, views};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tollgate",
        description = "The budget ledger for AI agents. Errors are `application/problem+json` with a stable `code`. \
                       Every answer of a view says `as_of`; pass an append's `position` as `at_least` to see it."
    ),
    paths(
        events::append,
        tasks::open,
        tasks::close,
        tasks::start_phase,
        tasks::end_phase,
        tasks::explain_phase,
        tasks::grant_override,
        tasks::change_importance,
        tasks::mark,
        tasks::gate,
        views::tasks,
        views::task,
        reports::task_report,
        reports::explain,
        views::limits,
        reports::report,
        reports::accesses,
        reports::savings,
        alerts::list,
        alerts::changes,
        alerts::stream,
        deliveries::list,
        deliveries::resend,
        alerts::one,
        alerts::acknowledge,
        quarantine::list,
        quarantine::one,
        quarantine::redrive,
        quarantine::give_up,
        operate::position,
        operate::log,
        operate::health,
        govern::budgets,
        govern::breaker,
        govern::reset,
        operate::metrics,
        operate::rebuild,
        operate::config,
        operate::reload,
    )
)]
struct Api;

/// The document.
#[must_use]
pub fn document() -> Document {
    Api::openapi()
}

pub(crate) async fn serve() -> Json<Document> {
    Json(document())
}
