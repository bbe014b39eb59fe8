//! Registration with Tekton's registry, heartbeats to it, and the end of both.

pub mod address;
mod body;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::watch;
use tollgate_clock::{Backoff, sleep};
use tollgate_outbound::client::Connections;
use tollgate_outbound::tls::Trust;
use tollgate_outbound::{Client, RequestError, SystemResolver, Target, Timeouts};

use self::address::{Form, Registry};
use crate::app::Tekton;
use crate::json::Json;

/// The header that a registered component is known by.
const TOKEN: &str = "x-authentication-token";

/// The most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// How long to wait before the next try.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// How long the registry is told at the end that this component is gone.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the registry has not done what it was asked.
#[derive(Debug)]
struct Refused {
    status: Option<StatusCode>,
    reason: String,
}

impl Registry {
    async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Json>,
    ) -> Result<Value, Refused> {
        let refused = |reason: String| Refused { status: None, reason };
        let target = Target::parse(&format!("{}{path}", self.base), &self.permits)
            .map_err(|error| refused(error.to_string()))?;
        let client = Client::new(
            target,
            &Trust::System,
            Arc::new(SystemResolver),
            Timeouts::default(),
            Connections::OneEach,
        );
        let client = client.map_err(|error| refused(error.to_string()))?;
        let headers = [("content-type", Some("application/json")), (TOKEN, token)];
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let answer = client.exchanged(method, headers, body, MAX_ANSWER_BYTES).await;
        let answer = answer.map_err(|error: RequestError| refused(error.to_string()))?;
        if !answer.status().is_success() {
            let reason = format!("{path}: status {}", answer.status().as_u16());
            return Err(Refused { status: Some(answer.status()), reason });
        }
        Ok(serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
    }

    /// Registers; returns what the registry knows this component by.
    async fn register(&self, app: &Tekton) -> Result<Known, Refused> {
        match self.form {
            Form::Hermes => {
                let answer =
                    self.send(Method::POST, "/api/register", None, Some(body::hermes(self, app))).await?;
                let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
                if answer.get("success") == Some(&Value::Bool(false)) {
                    let reason = text("message").unwrap_or_else(|| "refused".to_owned());
                    return Err(Refused { status: None, reason });
                }
                let component = text("component_id").unwrap_or_else(|| body::NAME.to_owned());
                let mut known = Known { component, token: text("token"), tools: Vec::new() };
                known.tools = self.tools(&known, app).await;
                Ok(known)
            }
            Form::Registration => {
                let asked = body::registration(self);
                self.send(Method::POST, "/registration/register", None, Some(asked)).await?;
                Ok(Known { component: body::COMPONENT.to_owned(), token: None, tools: Vec::new() })
            }
        }
    }

    /// Registers the tools. A registry that takes none has this component all the same.
    async fn tools(&self, known: &Known, app: &Tekton) -> Vec<String> {
        let mut ids = Vec::new();
        for tool in body::tools(self, app) {
            match self.send(Method::POST, "/api/mcp/v2/tools", known.token.as_deref(), Some(tool)).await {
                Ok(answer) => ids.extend(answer.get("tool_id").and_then(Value::as_str).map(str::to_owned)),
                Err(Refused { reason, .. }) => {
                    tracing::debug!(reason, "the registry takes no tools");
                    break;
                }
            }
        }
        ids
    }

    async fn beat(&self, known: &Known) -> Result<(), Refused> {
        let (path, body) = match self.form {
            Form::Hermes => ("/api/heartbeat", body::hermes_beat(&known.component)),
            Form::Registration => ("/registration/heartbeat", body::registration_beat(&known.component)),
        };
        self.send(Method::POST, path, known.token.as_deref(), Some(body)).await.map(|_| ())
    }

    async fn unregister(&self, known: &Known) {
        for tool in &known.tools {
            // Whatever cannot be taken back is forgotten by the registry when heartbeats are missing.
            let _ = self
                .send(Method::DELETE, &format!("/api/mcp/v2/tools/{tool}"), known.token.as_deref(), None)
                .await;
        }
        let _ = match self.form {
            Form::Hermes => {
                let path = format!("/api/unregister?component_id={}", body::in_query(&known.component));
                self.send(Method::POST, &path, known.token.as_deref(), None).await
            }
            Form::Registration => {
                let body = body::registration_end(&known.component);
                self.send(Method::POST, "/registration/unregister", None, Some(body)).await
            }
        };
    }
}

/// What a registry knows this component by.
struct Known {
    component: String,
    token: Option<String>,
    /// The ids of its tools.
    tools: Vec<String>,
}

/// Keeps this component registered until it is told to stop. Without a registry there is nothing to do.
pub async fn run(app: Arc<Tekton>, mut stopped: watch::Receiver<bool>) {
    let Some(registry) = app.options.registry.clone() else { return };
    let mut known = None;
    tokio::select! {
        () = keep(&app, &registry, &mut known) => {}
        // An error means that the sender is gone, along with the server.
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    app.set_registered(false);
    if let Some(known) = known {
        let _ = tokio::time::timeout(FAREWELL, registry.unregister(&known)).await;
    }
}

/// Never ends.
async fn keep(app: &Arc<Tekton>, registry: &Registry, known: &mut Option<Known>) {
    let mut failures = 0;
    loop {
        let done = match &*known {
            Some(known) => registry.beat(known).await,
            None => registry.register(app).await.map(|registered| *known = Some(registered)),
        };
        match done {
            Ok(()) => {
                if !app.is_registered() {
                    tracing::info!(registry = registry.base, "registered with Tekton's registry");
                }
                app.set_registered(true);
                failures = 0;
                sleep(registry.every).await;
            }
            Err(Refused { status, reason }) => {
                if app.is_registered() || failures == 0 {
                    tracing::warn!(reason, "Tekton's registry does not answer as it should; trying again");
                }
                app.set_registered(false);
                // A registry that was started anew knows nobody.
                if status.is_some_and(|status| status.is_client_error()) {
                    *known = None;
                }
                failures += 1;
                sleep(BACKOFF.doubled(failures).min(registry.every)).await;
            }
        }
    }
}
