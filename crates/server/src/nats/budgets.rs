//! Asking and deciding about money by a request over NATS: the same bodies and answers as over HTTP, with the name of
//! what it is about as the field `name`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::service::{Request, Service, ServiceExt};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tollgate_domain::position::Sequence;
use tollgate_projector::queries::ListAllocations;

use crate::asked::{allocation_state, page_limit, reading, tenant};
use crate::fit;
use crate::http::usage::{RecordsParams, SummaryParams};
use crate::ledger::{Ledger, PolicyPage};
use crate::nats::CONTENT_TYPE;
use crate::problem::{Answer, INTERNAL, INVALID};

/// What the subjects of requests about money begin with; the operation follows.
pub const BUDGET_SUBJECT: &str = "tollgate.v1.budget";

/// The name of the service, as `nats micro` shows it.
const SERVICE: &str = "tollgate-budget";

/// The version of the requests and their answers.
const VERSION: &str = "1.0.0";

/// How many requests are carried out at once; more wait at the NATS server.
const AT_ONCE: usize = 256;

/// The operations.
const OPERATIONS: [&str; 18] = [
    "check",
    "route",
    "allocate",
    "extend",
    "release",
    "allocation",
    "allocations",
    "set",
    "set_defaults",
    "list",
    "budget",
    "set_policy",
    "policy",
    "policies",
    "raise",
    "withdraw",
    "usage",
    "usage_summary",
];

/// Answers requests about money over NATS until it is stopped. Servers of one ledger share the requests.
pub struct BudgetService {
    service: Service,
    endpoints: JoinSet<()>,
}

/// What a question about all budgets takes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListRequest {
    tenant: Option<String>,
    at_least: Option<String>,
    wait_ms: Option<u64>,
}

/// What a question about one budget or allocation takes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneRequest {
    tenant: Option<String>,
    name: Option<String>,
    at_least: Option<String>,
    wait_ms: Option<u64>,
}

/// What a question about allocations takes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AllocationsRequest {
    tenant: Option<String>,
    context: Option<String>,
    task: Option<String>,
    model: Option<String>,
    policy: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    state: Option<String>,
    before: Option<u64>,
    limit: Option<usize>,
    at_least: Option<String>,
    wait_ms: Option<u64>,
}

/// What a question about policies takes; about one of them, only its name and the moment.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoliciesRequest {
    tenant: Option<String>,
    name: Option<String>,
    budget: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
    at: Option<String>,
    at_least: Option<String>,
    wait_ms: Option<u64>,
}

impl BudgetService {
    /// Starts answering.
    ///
    /// # Errors
    ///
    /// If the NATS server does not accept the subscriptions.
    pub async fn start(client: &async_nats::Client, ledger: &Arc<Ledger>) -> Result<Self, async_nats::Error> {
        let service = client
            .service_builder()
            .description("decides about money in a tollgate ledger")
            .start(SERVICE, VERSION)
            .await?;
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let mut endpoints = JoinSet::new();
        for operation in OPERATIONS {
            let subject = format!("{BUDGET_SUBJECT}.{operation}");
            let mut endpoint = service.endpoint_builder().name(operation).add(subject).await?;
            let (ledger, at_once) = (Arc::clone(ledger), Arc::clone(&at_once));
            endpoints.spawn(async move {
                let mut running = JoinSet::new();
                while let Some(request) = endpoint.next().await {
                    while running.try_join_next().is_some() {}
                    let Ok(permit) = Arc::clone(&at_once).acquire_owned().await else { return };
                    let ledger = Arc::clone(&ledger);
                    running.spawn(async move {
                        respond(&ledger, operation, request).await;
                        drop(permit);
                    });
                }
                running.join_all().await;
            });
        }
        Ok(Self { service, endpoints })
    }

    /// The answer to a request, as JSON.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn answer(ledger: &Ledger, operation: &str, payload: &[u8]) -> Answer<Vec<u8>> {
        carry_out(ledger, operation, payload).await
    }

    /// Stops accepting requests, and answers those in progress.
    pub async fn stop(self) {
        if let Err(error) = self.service.stop().await {
            tracing::warn!(%error, "the budget service did not stop as it should");
        }
        self.endpoints.join_all().await;
    }
}

async fn respond(ledger: &Ledger, operation: &str, request: Request) {
    let answer = BudgetService::answer(ledger, operation, &request.message.payload).await;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, "application/json");
    let body = match answer {
        Ok(body) => body,
        Err(problem) => {
            headers.insert("Nats-Service-Error", problem.title.as_str());
            headers.insert("Nats-Service-Error-Code", problem.status.to_string());
            serde_json::to_vec(&problem).unwrap_or_default()
        }
    };
    if let Err(error) = request.respond_with_headers(Ok(Bytes::from(body)), headers).await {
        tracing::warn!(%error, "a request about money was carried out, and its answer could not be sent; who sent it asks again");
    }
}

async fn carry_out(ledger: &Ledger, operation: &str, payload: &[u8]) -> Answer<Vec<u8>> {
    let budgets = ledger.budgets();
    match operation {
        "check" => written(&budgets.check(&read(payload)?).await?),
        "route" => written(&budgets.route(&read(payload)?).await?),
        "allocate" => written(&budgets.allocate(&read(payload)?).await?),
        "extend" => {
            let (name, request) = named(payload)?;
            written(&budgets.extend(&name, &request).await?)
        }
        "release" => {
            let (name, request) = named(payload)?;
            written(&budgets.release(&name, &request).await?)
        }
        "set" => {
            let (name, request) = named(payload)?;
            written(&budgets.set_budget(&name, &request).await?)
        }
        "set_defaults" => written(&budgets.set_defaults(&read(payload)?).await?),
        "set_policy" => {
            let (name, request) = named(payload)?;
            written(&budgets.set_policy(&name, &request).await?)
        }
        "raise" => {
            let (name, request) = named(payload)?;
            written(&budgets.raise_limit(&name, &request).await?)
        }
        "withdraw" => {
            let (name, request) = named(payload)?;
            written(&budgets.withdraw_raise(&name, &request).await?)
        }
        "allocation" | "allocations" | "list" | "budget" | "policy" | "policies" => {
            look(ledger, operation, payload).await
        }
        "usage" => {
            let asked: RecordsParams = read(payload)?;
            written(&ledger.ask().usage_records(&asked.query()?).await?)
        }
        "usage_summary" => {
            let asked: SummaryParams = read(payload)?;
            let (query, read) = asked.query()?;
            written(&ledger.ask().usage_summary(&query, &read).await?)
        }
        other => Err(INTERNAL.with(format!("there is no operation `{other}`"))),
    }
}

async fn look(ledger: &Ledger, operation: &str, payload: &[u8]) -> Answer<Vec<u8>> {
    let budgets = ledger.budgets();
    let needs = |name: Option<String>| name.ok_or_else(|| INVALID.of_field("name", "", "is missing"));
    match operation {
        "allocation" | "budget" => {
            let OneRequest { tenant: named, name, at_least, wait_ms } = read(payload)?;
            let (tenant, name, read) = (tenant(named.as_deref()), needs(name)?, reading(at_least, wait_ms)?);
            if operation == "budget" {
                return written(&budgets.budget(tenant, &name, &read).await?);
            }
            written(&budgets.allocation(tenant, &name, &read).await?)
        }
        "allocations" => {
            let asked: AllocationsRequest = read(payload)?;
            let wanted = ListAllocations {
                before: asked.before.map(Sequence),
                context: asked.context,
                task: asked.task,
                model: asked.model,
                policy: asked.policy,
                labels: asked.labels,
                state: allocation_state(asked.state.as_deref())?,
                limit: page_limit(asked.limit)?,
                ..ListAllocations::default()
            };
            let read = reading(asked.at_least, asked.wait_ms)?;
            written(&budgets.allocations(tenant(asked.tenant.as_deref()), wanted, &read).await?)
        }
        "list" => {
            let ListRequest { tenant: named, at_least, wait_ms } = read(payload)?;
            written(&budgets.budgets(tenant(named.as_deref()), &reading(at_least, wait_ms)?).await?)
        }
        _ => {
            let asked: PoliciesRequest = read(payload)?;
            let (tenant, at) = (tenant(asked.tenant.as_deref()), asked.at.as_deref());
            let (read, limit) = (reading(asked.at_least, asked.wait_ms)?, page_limit(asked.limit)?);
            if operation == "policy" {
                return written(&budgets.policy(tenant, &needs(asked.name)?, at, &read).await?);
            }
            let (budget, after) = (asked.budget.as_deref(), asked.after.as_deref());
            let page = PolicyPage { budget, after, limit, only: asked.name.as_deref(), at };
            written(&budgets.policies(tenant, &page, &read).await?)
        }
    }
}

/// What does not fit, if something does not.
const REQUEST: &str = "the request";

/// A request about something that has a name, in a field beside those of the request.
fn named<T: DeserializeOwned>(payload: &[u8]) -> Answer<(String, T)> {
    let mut fields: Map<String, Value> = read(payload)?;
    match fields.remove("name") {
        Some(Value::String(name)) => Ok((name, fit::of_value(REQUEST, Value::Object(fields))?)),
        Some(other) => Err(INVALID.of_field("name", &other.to_string(), "must be a string")),
        None => Err(INVALID.of_field("name", "", "is missing")),
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Answer<T> {
    let payload = if payload.trim_ascii().is_empty() { b"{}" } else { payload };
    fit::read(REQUEST, payload)
}

fn written(answer: &impl Serialize) -> Answer<Vec<u8>> {
    serde_json::to_vec(answer).map_err(|error| INTERNAL.with(format!("writing the answer: {error}")))
}

#[cfg(test)]
mod tests {
    use tollgate_wire::api::ReleaseRequest;

    use super::named;

    #[test]
    fn a_request_with_a_name_is_read_as_strictly_as_one_without() {
        let (name, request) = named::<ReleaseRequest>(br#"{"name":"a","author":"ada"}"#).unwrap();
        assert_eq!((name.as_str(), request.author.as_deref()), ("a", Some("ada")));
        for (sent, because) in [
            (r#"{"name":"a","tennant":"x"}"#, "unknown field `tennant`"),
            (r#"{"author":"ada"}"#, "name: ``: is missing"),
            (r#"{"name":1}"#, "name: `1`: must be a string"),
            ("[]", "does not fit"),
            (r#"{"name":"a","author":7}"#, "does not fit this operation: author: invalid type: integer `7`"),
        ] {
            let problem = named::<ReleaseRequest>(sent.as_bytes()).unwrap_err();
            assert!(problem.detail.contains(because), "{sent}: {}", problem.detail);
        }
    }
}
