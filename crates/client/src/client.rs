//! The API as typed calls.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tollgate_wire::api::{
    AppendRequest, AppendResponse, GateRequest, GateResponse, Health, LedgerReport, LimitsResponse, LogPage,
    PositionResponse, Problem, RebuildResponse, TaskList, TaskReport, TaskStatus,
};

use crate::error::ClientError;
use crate::transport::Transport;

/// What a question has to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// A position that an append gave, or `tail`.
    pub at_least: Option<String>,
    /// How long to wait for that, in milliseconds.
    pub wait_ms: Option<u64>,
}

/// Calls to one ledger.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    tenant: Option<String>,
}

/// A path with a query, built piece by piece.
struct Address {
    text: String,
    separator: char,
}

impl Address {
    fn new(path: &str) -> Self {
        Self { text: path.to_owned(), separator: '?' }
    }

    fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            let value = escaped(&value.to_string());
            // Writing to a String cannot fail.
            let _ = write!(self.text, "{}{name}={value}", self.separator);
            self.separator = '&';
        }
        self
    }

    fn read(self, read: &Read) -> Self {
        self.with("at_least", read.at_least.as_ref()).with("wait_ms", read.wait_ms)
    }
}

impl Client {
    /// Calls through a transport.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, tenant: None }
    }

    /// The same, for the tasks of a tenant other than `default`.
    #[must_use]
    pub fn of_tenant(&self, tenant: Option<String>) -> Self {
        Self { transport: Arc::clone(&self.transport), tenant }
    }

    /// Appends events. A problem holds one outcome per event too.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as of all calls. After one that is retryable send the same events again.
    pub async fn append(&self, request: &AppendRequest) -> Result<AppendResponse, ClientError> {
        self.post("/v1/events", request).await
    }

    /// A command in its flat form: `open`, or about a task its `close`, `phases`, `phases/{phase}/end` or `overrides`.
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

    /// May this task go on?
    pub async fn gate(&self, task: &str, request: &GateRequest) -> Result<GateResponse, ClientError> {
        let path = format!("/v1/tasks/{}/gate", escaped(task));
        self.post(&Address::new(&path).with("tenant", self.tenant.as_ref()).text, request).await
    }

    /// Tasks behind `after`, at most `limit`, of one stage where it is given.
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

    /// Where one task stands.
    pub async fn task(&self, task: &str, read: &Read) -> Result<TaskStatus, ClientError> {
        self.get(&self.of_task(task, "", read).text).await
    }

    /// The budget report of a task.
    pub async fn task_report(&self, task: &str, read: &Read) -> Result<TaskReport, ClientError> {
        self.get(&self.of_task(task, "/report", read).text).await
    }

    /// The budget report of a task as Markdown.
    pub async fn task_report_markdown(&self, task: &str, read: &Read) -> Result<String, ClientError> {
        self.text(&self.of_task(task, "/report", read).with("format", Some("md")).text).await
    }

    /// Why a task stands where it stands, in sentences.
    pub async fn explain(&self, task: &str, read: &Read) -> Result<String, ClientError> {
        self.text(&self.of_task(task, "/explain", read).text).await
    }

    /// The limits a task of these tiers would have.
    pub async fn limits(
        &self,
        complexity: Option<&str>,
        importance: Option<&str>,
        multiplier: Option<&str>,
    ) -> Result<LimitsResponse, ClientError> {
        let address = Address::new("/v1/limits").with("complexity", complexity);
        self.get(&address.with("importance", importance).with("multiplier", multiplier).text).await
    }

    /// Totals of the ledger; of the client's tenant where it has one.
    pub async fn report(&self, read: &Read) -> Result<LedgerReport, ClientError> {
        self.get(&Address::new("/v1/report").with("tenant", self.tenant.as_ref()).read(read).text).await
    }

    /// Where the log ends.
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

    /// Whether everything works. A ledger that fails answers too.
    pub async fn health(&self) -> Result<Health, ClientError> {
        let (status, body) = self.exchange(Method::GET, "/v1/health", Bytes::new()).await?;
        read("GET /v1/health", status, &body)
    }

    /// Builds a view a second time and compares.
    pub async fn rebuild(&self, view: &str) -> Result<RebuildResponse, ClientError> {
        self.post(&format!("/v1/views/{}/rebuild", escaped(view)), &Value::Object(serde_json::Map::new()))
            .await
    }

    fn of_task(&self, task: &str, what: &str, read: &Read) -> Address {
        let path = format!("/v1/tasks/{}{what}", escaped(task));
        Address::new(&path).with("tenant", self.tenant.as_ref()).read(read)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        address: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        // The types of the API hold nothing that JSON cannot.
        let body = serde_json::to_vec(body).unwrap_or_default();
        let (status, answer) = self.exchange(Method::POST, address, body.into()).await?;
        good(&format!("POST {address}"), status, &answer)
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, ClientError> {
        let (status, answer) = self.exchange(Method::GET, address, Bytes::new()).await?;
        good(&format!("GET {address}"), status, &answer)
    }

    async fn text(&self, address: &str) -> Result<String, ClientError> {
        let (status, answer) = self.exchange(Method::GET, address, Bytes::new()).await?;
        if status == 200 {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
        Err(problem(&format!("GET {address}"), status, &answer))
    }

    async fn exchange(
        &self,
        method: Method,
        address: &str,
        body: Bytes,
    ) -> Result<(u16, Bytes), ClientError> {
        let request = Request::builder()
            .method(method.clone())
            .uri(address)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| crate::transport::TransportError {
                method: method.to_string(),
                url: address.to_owned(),
                reason: error.to_string(),
            })?;
        let response = self.transport.send(request).await?;
        Ok((response.status().as_u16(), response.into_body()))
    }
}

fn good<T: DeserializeOwned>(endpoint: &str, status: u16, answer: &[u8]) -> Result<T, ClientError> {
    if (200..300).contains(&status) {
        read(endpoint, status, answer)
    } else {
        Err(problem(endpoint, status, answer))
    }
}

fn problem(endpoint: &str, status: u16, answer: &[u8]) -> ClientError {
    match read::<Problem>(endpoint, status, answer) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(error) => error,
    }
}

fn read<T: DeserializeOwned>(endpoint: &str, status: u16, answer: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(answer).map_err(|_| ClientError::Unreadable {
        endpoint: endpoint.to_owned(),
        status,
        begins: String::from_utf8_lossy(answer).chars().take(80).collect(),
    })
}

/// A text as one segment or value of an address.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
