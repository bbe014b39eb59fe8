//! The API as typed calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tollgate_wire::api::{
    AccessList, AppendRequest, AppendResponse, ConfigResponse, FindRequest, FindResponse, GateRequest,
    GateResponse, Health, LedgerReport, LimitsResponse, LogPage, PositionResponse, Problem, RebuildResponse,
    ReloadResponse, SavingsReport, TaskList, TaskReport, TaskStatus,
};

use crate::address::{Address, Read, escaped};
use crate::error::ClientError;
use crate::selection::{ReportQuery, TaskQuery};
use crate::transport::{Transport, TransportError};

/// Calls to one ledger.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    tenant: Option<String>,
    authorization: Option<HeaderValue>,
    reader: Option<HeaderValue>,
    redacted: bool,
}

/// Longest `Retry-After` that is honoured: a longer one is a mistake, and events would pile up meanwhile.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// A key that cannot be sent in a header. The key itself is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key: must hold only visible ASCII characters, because it is sent in a header")]
pub struct InvalidKey;

impl Client {
    /// Calls through a transport.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, tenant: None, authorization: None, reader: None, redacted: false }
    }

    /// A copy of this client for the tasks of a tenant other than `default`.
    #[must_use]
    pub fn of_tenant(&self, tenant: Option<String>) -> Self {
        Self { tenant, ..self.clone() }
    }

    /// A copy of this client for a named reader: the ledger records who read a report. A name that cannot be
    /// sent in a header is left out, and the read is recorded as `anonymous`.
    #[must_use]
    pub fn reading_as(&self, reader: Option<&str>) -> Self {
        let reader = reader.and_then(|name| HeaderValue::from_bytes(name.as_bytes()).ok());
        Self { reader, ..self.clone() }
    }

    /// A copy of this client that gets reports and stories under pseudonyms: for people who must not know
    /// whose task it is.
    #[must_use]
    pub fn redacted(&self, redacted: bool) -> Self {
        Self { redacted, ..self.clone() }
    }

    /// The tenant whose data is requested; `None` for the ledger's default, or all.
    pub(crate) fn tenant(&self) -> Option<&String> {
        self.tenant.as_ref()
    }

    /// Whose data a request with a body is about: the tenant that it names, else the client's.
    pub(crate) fn owner(&self, named: Option<&String>) -> Option<String> {
        named.or(self.tenant.as_ref()).cloned()
    }

    /// A copy of this client with a key that is sent as `Authorization: Bearer`.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`].
    pub fn with_key(&self, key: &str) -> Result<Self, InvalidKey> {
        let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| InvalidKey)?;
        value.set_sensitive(true);
        Ok(Self { authorization: Some(value), ..self.clone() })
    }

    /// What the log has under the names of one task's events.
    pub async fn find_events(&self, request: &FindRequest) -> Result<FindResponse, ClientError> {
        self.post("/v1/events/find", request).await
    }

    /// Appends events. A problem response also holds one outcome per event.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for all calls. After a retryable one, send the same events again.
    pub async fn append(&self, request: &AppendRequest) -> Result<AppendResponse, ClientError> {
        self.post("/v1/events", request).await
    }

    /// Like [`Self::append`]; also returns how long the ledger asks to wait before the next try.
    pub(crate) async fn append_once(
        &self,
        request: &AppendRequest,
    ) -> (Result<AppendResponse, ClientError>, Option<Duration>) {
        match self.send(Method::POST, "/v1/events", json(request)).await {
            Ok(answer) => append_answer(&answer),
            Err(error) => (Err(error), None),
        }
    }

    /// Sends a command in its flat form: `open`, or for an existing task `close`, `phases`,
    /// `phases/{phase}/end` or `overrides`.
    pub async fn command(
        &self,
        task: Option<&str>,
        what: &str,
        body: &Value,
    ) -> Result<AppendResponse, ClientError> {
        let path = match task {
            None => "/v1/tasks".to_owned(),
            Some(task) => format!("/v1/tasks/{}/{what}", escaped(task)),
        };
        self.post(&Address::new(&path).with("tenant", self.tenant.as_ref()).text, body).await
    }

    /// Asks the gate whether this task may go on.
    pub async fn gate(&self, task: &str, request: &GateRequest) -> Result<GateResponse, ClientError> {
        let path = format!("/v1/tasks/{}/gate", escaped(task));
        self.post(&Address::new(&path).with("tenant", self.tenant.as_ref()).text, request).await
    }

    /// Tasks after `after`, at most `limit`; only those of one stage, if given.
    pub async fn tasks(
        &self,
        after: Option<&str>,
        limit: usize,
        stage: Option<&str>,
        read: &Read,
    ) -> Result<TaskList, ClientError> {
        let address = Address::new("/v1/tasks").with("tenant", self.tenant.as_ref());
        self.get(
            &address.with("after", after).with("limit", Some(limit)).with("stage", stage).read(read).text,
        )
        .await
    }

    /// One page of the tasks that match a selection.
    pub async fn select_tasks(&self, wanted: &TaskQuery, read: &Read) -> Result<TaskList, ClientError> {
        let address = Address::new("/v1/tasks").with("tenant", self.tenant.as_ref());
        self.get(&wanted.in_address(address).read(read).text).await
    }

    /// The status of one task.
    pub async fn task(&self, task: &str, read: &Read) -> Result<TaskStatus, ClientError> {
        self.get(&self.of_task(task, "", read).text).await
    }

    /// The budget report of a task.
    pub async fn task_report(&self, task: &str, read: &Read) -> Result<TaskReport, ClientError> {
        self.get(&self.report_of(task, "/report", read).text).await
    }

    /// The budget report of a task as Markdown.
    pub async fn task_report_markdown(&self, task: &str, read: &Read) -> Result<String, ClientError> {
        self.task_report_as(task, "md", read).await
    }

    /// The budget report of a task as a text: `md`, `html`, `csv` or `json`.
    pub async fn task_report_as(&self, task: &str, form: &str, read: &Read) -> Result<String, ClientError> {
        self.text(&self.report_of(task, "/report", read).with("format", Some(form)).text).await
    }

    /// Who read which report, the latest first; filtered by reader and by task, if given.
    pub async fn accesses(
        &self,
        reader: Option<&str>,
        task: Option<&str>,
        limit: usize,
        read: &Read,
    ) -> Result<AccessList, ClientError> {
        let address = Address::new("/v1/report/accesses").with("tenant", self.tenant.as_ref());
        let address = address.with("reader", reader).with("task", task).with("limit", Some(limit));
        self.get(&address.read(read).text).await
    }

    /// How much money the stop-loss saved; only for the client's tenant if it has one. What it cost, and what an
    /// interruption costs, both in US dollars, are for the return on investment.
    pub async fn savings(
        &self,
        cost_usd: Option<&str>,
        interruption_usd: Option<&str>,
        read: &Read,
    ) -> Result<SavingsReport, ClientError> {
        let address = Address::new("/v1/report/savings").with("tenant", self.tenant.as_ref());
        let address = address.with("cost_usd", cost_usd).with("interruption_usd", interruption_usd);
        self.get(&address.read(read).text).await
    }

    /// Why a task has its current status, in sentences.
    pub async fn explain(&self, task: &str, read: &Read) -> Result<String, ClientError> {
        self.text(&self.report_of(task, "/explain", read).text).await
    }

    /// The limits a task of these tiers would have, and what remains of them if these phases are completed.
    pub async fn limits(
        &self,
        complexity: Option<&str>,
        importance: Option<&str>,
        multiplier: Option<&str>,
        completed: Option<&str>,
    ) -> Result<LimitsResponse, ClientError> {
        let address =
            Address::new("/v1/limits").with("complexity", complexity).with("importance", importance);
        self.get(&address.with("multiplier", multiplier).with("completed", completed).text).await
    }

    /// Totals of the ledger; only for the client's tenant if it has one.
    pub async fn report(&self, read: &Read) -> Result<LedgerReport, ClientError> {
        self.report_by(&ReportQuery::default(), read).await
    }

    /// The same for a time range, divided into periods in a time zone, with a limited number of groups in
    /// each list.
    pub async fn report_by(&self, wanted: &ReportQuery, read: &Read) -> Result<LedgerReport, ClientError> {
        let address = Address::new("/v1/report").with("tenant", self.tenant.as_ref());
        self.get(&wanted.in_address(address).read(read).text).await
    }

    /// The current end of the log.
    pub async fn position(&self) -> Result<PositionResponse, ClientError> {
        self.get("/v1/position").await
    }

    /// A page of the log: events of records after `after`.
    pub async fn log(
        &self,
        after: u64,
        limit: usize,
        task: Option<&str>,
        wait_ms: u64,
    ) -> Result<LogPage, ClientError> {
        let address = Address::new("/v1/log").with("after", Some(after)).with("limit", Some(limit));
        let address = address.with("tenant", self.tenant.as_ref()).with("task", task);
        self.get(&address.with("wait_ms", (wait_ms > 0).then_some(wait_ms)).text).await
    }

    /// Whether everything works. A failing ledger answers too.
    pub async fn health(&self) -> Result<Health, ClientError> {
        let answer = self.send(Method::GET, "/v1/health", Bytes::new()).await?;
        if answer.status().is_success() || answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            return read("GET /v1/health", &answer);
        }
        Err(problem("GET /v1/health", &answer))
    }

    /// Counters and gauges, as OpenMetrics text.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        self.text("/metrics").await
    }

    /// The API's own OpenAPI description.
    pub async fn openapi(&self) -> Result<Value, ClientError> {
        self.get("/v1/openapi.json").await
    }

    /// Builds a view a second time and compares the two.
    pub async fn rebuild(&self, view: &str) -> Result<RebuildResponse, ClientError> {
        self.post(&format!("/v1/views/{}/rebuild", escaped(view)), &Value::Object(serde_json::Map::new()))
            .await
    }

    /// The config in force.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn config(&self) -> Result<ConfigResponse, ClientError> {
        self.get("/v1/config").await
    }

    /// Makes the server read its config again.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `config_invalid` if the config in force is kept.
    pub async fn reload(&self) -> Result<ReloadResponse, ClientError> {
        self.post("/v1/config/reload", &Value::Object(serde_json::Map::new())).await
    }

    fn of_task(&self, task: &str, what: &str, read: &Read) -> Address {
        let path = format!("/v1/tasks/{}{what}", escaped(task));
        Address::new(&path).with("tenant", self.tenant.as_ref()).read(read)
    }

    fn report_of(&self, task: &str, what: &str, read: &Read) -> Address {
        self.of_task(task, what, read).with("redact", self.redacted.then_some(true))
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        address: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let answer = self.send(Method::POST, address, json(body)).await?;
        good(&format!("POST {address}"), &answer)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, ClientError> {
        let answer = self.send(Method::GET, address, Bytes::new()).await?;
        good(&format!("GET {address}"), &answer)
    }

    pub(crate) async fn text(&self, address: &str) -> Result<String, ClientError> {
        let answer = self.send(Method::GET, address, Bytes::new()).await?;
        if answer.status().is_success() {
            return Ok(String::from_utf8_lossy(answer.body()).into_owned());
        }
        Err(problem(&format!("GET {address}"), &answer))
    }

    async fn send(&self, method: Method, address: &str, body: Bytes) -> Result<Response<Bytes>, ClientError> {
        let request = Request::builder().method(method.clone()).uri(address);
        let request = request.header(ACCEPT, "application/json").header(CONTENT_TYPE, "application/json");
        let request = request.body(body).map_err(|error| TransportError {
            method: method.to_string(),
            url: address.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(self.forward(request).await?)
    }

    /// Sends a request that somebody else wrote, with this client's key and reader. Whose data it is about stands in
    /// the request; its URI is only path and query. The answer may be a problem.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if there is no answer.
    pub async fn forward(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let headers = request.headers_mut();
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(reader) = &self.reader {
            headers.insert("tollgate-reader", reader.clone());
        }
        self.transport.send(request).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyed = self.authorization.is_some();
        f.debug_struct("Client").field("tenant", &self.tenant).field("keyed", &keyed).finish_non_exhaustive()
    }
}

/// The body of a request.
fn json(body: &impl Serialize) -> Bytes {
    // The API's types contain nothing that JSON cannot represent.
    serde_json::to_vec(body).unwrap_or_default().into()
}

fn good<T: DeserializeOwned>(endpoint: &str, answer: &Response<Bytes>) -> Result<T, ClientError> {
    if answer.status().is_success() { read(endpoint, answer) } else { Err(problem(endpoint, answer)) }
}

fn problem(endpoint: &str, answer: &Response<Bytes>) -> ClientError {
    match read::<Problem>(endpoint, answer) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(error) => error,
    }
}

fn read<T: DeserializeOwned>(endpoint: &str, answer: &Response<Bytes>) -> Result<T, ClientError> {
    serde_json::from_slice(answer.body()).map_err(|_| ClientError::Unreadable {
        endpoint: endpoint.to_owned(),
        status: answer.status().as_u16(),
        begins: String::from_utf8_lossy(answer.body()).chars().take(80).collect(),
    })
}

/// What an answer to an append says, and how long the ledger asks to wait before the next try.
pub(crate) fn append_answer(
    answer: &Response<Bytes>,
) -> (Result<AppendResponse, ClientError>, Option<Duration>) {
    (good("POST /v1/events", answer), retry_after(answer))
}

/// `Retry-After` in seconds; ledgers do not use the date form.
fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}
