//! The OpenAPI document, generated from the handlers.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi};

use super::access::{May, rule_of};
use super::extract::NoParams;
use super::{
    alerts, allocations, bills, budgets, deliveries, events, follow, govern, keys, messages, money, operate,
    price_decisions, prices, quarantine, reports, tasks, usage, views,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tollgate",
        description = "The budget ledger for AI agents. Errors are `application/problem+json` with a stable `code`. \
                       Every answer of a view says `as_of`; pass an append's `position` as `at_least` to see it."
    ),
    modifiers(&Problems, &Keys),
    paths(
        events::append,
        events::find,
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
        prices::list,
        prices::quote,
        budgets::list,
        budgets::one,
        budgets::pool,
        budgets::set,
        budgets::set_defaults,
        budgets::policies,
        budgets::policy,
        budgets::set_policy,
        budgets::raise,
        budgets::withdraw,
        allocations::check,
        allocations::route,
        allocations::list,
        allocations::allocate,
        allocations::one,
        allocations::extend,
        allocations::release,
        usage::list,
        usage::summary,
        price_decisions::history,
        price_decisions::sources,
        price_decisions::update,
        price_decisions::approve,
        price_decisions::reject,
        price_decisions::set,
        price_decisions::reprice,
        reports::report,
        reports::accesses,
        reports::savings,
        bills::record,
        bills::compare,
        money::focus,
        money::export,
        alerts::list,
        alerts::changes,
        follow::stream,
        deliveries::list,
        deliveries::resend,
        alerts::one,
        alerts::acknowledge,
        alerts::look,
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
        keys::list,
        keys::create,
        keys::rotate,
        keys::revoke,
        messages::answer,
    )
)]
struct Api;

/// Adds the problems that any operation may return, each as `application/problem+json`.
struct Problems;

/// For every operation.
const ANYWHERE: [(&str, &str); 7] = [
    ("400", "A parameter, header or body is invalid or unknown"),
    ("401", "The ledger has keys, and the request has none that opens"),
    (
        "403",
        "The key does not allow it; or the request is addressed to another name, or is a cross-origin request",
    ),
    ("405", "Method not allowed; see the header `Allow`"),
    ("421", "The header `tollgate-ledger` names a different ledger"),
    ("500", "Internal error"),
    ("503", "Temporarily or permanently unavailable; see `retryable`"),
];

/// For operations whose path has parameters.
const NAMED: [(&str, &str); 1] = [("404", "Not found")];

/// For operations that write.
const WRITES: [(&str, &str); 6] = [
    ("408", "The body did not arrive in time"),
    ("409", "An id was already used with different content"),
    ("413", "The body is too large"),
    ("415", "The body is not UTF-8 JSON, plain or gzipped"),
    ("429", "Too many requests are waiting for the log, or the key sends more than it may"),
    ("507", "The disk is full"),
];

impl Modify for Problems {
    fn modify(&self, document: &mut Document) {
        let responses = &mut document.components.get_or_insert_default().responses;
        for (status, description) in ANYWHERE.into_iter().chain(NAMED).chain(WRITES) {
            let mut response = ResponseBuilder::new().description(description).build();
            response.content.insert(PROBLEM_JSON.to_owned(), content());
            responses.insert(name(status), RefOr::T(response));
        }
        for (path, item) in &mut document.paths.paths {
            let named: &[_] = if path.contains('{') { &NAMED } else { &[] };
            for (operation, further) in [(&mut item.get, &[][..]), (&mut item.post, &WRITES[..])] {
                let Some(operation) = operation else { continue };
                operation.parameters.iter_mut().flatten().for_each(never_null);
                let responses = &mut operation.responses.responses;
                for response in responses.values_mut() {
                    if let RefOr::T(response) = response {
                        as_problem(response);
                    }
                }
                for &(status, _) in ANYWHERE.iter().chain(named).chain(further) {
                    let shared = || RefOr::Ref(Ref::from_response_name(name(status)));
                    if let RefOr::T(response) = responses.entry(status.to_owned()).or_insert_with(shared) {
                        response.content.entry(PROBLEM_JSON.to_owned()).or_insert_with(content);
                    }
                }
            }
        }
    }
}

/// Says of every operation which key it needs, once the ledger has one.
struct Keys;

/// How a key is sent, by its name in the document.
const KEY: &str = "key";

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("tg_…");
        let bearer = bearer.description(Some(
            "Needed once the ledger has a key. The scopes are those of `tollgate key create`.",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(KEY, SecurityScheme::Http(bearer.build()));
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in [(Method::GET, &mut item.get), (Method::POST, &mut item.post)] {
                let Some(operation) = operation else { continue };
                operation.security = match rule_of(&method, path).map(|rule| rule.may) {
                    Ok(May::Anybody) => Some(Vec::new()),
                    Ok(May::AnyKey) => Some(vec![SecurityRequirement::new(KEY, Vec::<String>::new())]),
                    Ok(May::Key(scope)) => Some(vec![SecurityRequirement::new(KEY, [scope.as_str()])]),
                    // Nobody may use it, whatever the key; a test finds that.
                    Err(_) => None,
                };
            }
        }
    }
}

const PROBLEM_JSON: &str = "application/problem+json";

/// The name of the response that operations share for this status.
fn name(status: &str) -> String {
    format!("Problem{status}")
}

fn content() -> RefOr<Content> {
    RefOr::T(Content::new(Some(problem())))
}

fn problem() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name("Problem"))
}

/// A parameter may be omitted, but there is no way to write `null`.
fn never_null(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(Parameter { schema: Some(RefOr::T(Schema::Object(schema))), .. }) = parameter
        && let SchemaType::Array(types) = &schema.schema_type
        && let [only] = types.iter().filter(|&of| *of != Type::Null).collect::<Vec<_>>()[..]
    {
        schema.schema_type = SchemaType::Type(only.clone());
    }
}

/// Gives a problem the media type that it is sent with.
fn as_problem(response: &mut Response) {
    let content = std::mem::take(&mut response.content).into_iter();
    let renamed = content.map(|(media_type, content)| match &content {
        RefOr::T(of) if of.schema == Some(problem()) => (PROBLEM_JSON.to_owned(), content),
        RefOr::T(_) | RefOr::Ref(_) => (media_type, content),
    });
    response.content = renamed.collect();
}

/// The document.
#[must_use]
pub fn document() -> Document {
    Api::openapi()
}

/// The same as it is served. To make it takes milliseconds, and anybody may ask for it.
static SERVED: LazyLock<Bytes> = LazyLock::new(|| serde_json::to_vec(&document()).unwrap_or_default().into());

pub(crate) async fn serve(_: NoParams) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], SERVED.clone())
}
