//! One attempt to deliver a message to an endpoint: signed, posted, its answer classified.

use std::sync::Arc;

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use tollgate_domain::time::Timestamp;

use crate::channel::Channel;
use crate::message::Message;
use crate::schedule::Answer;
use crate::signature::Signer;
use crate::{BoxFuture, secret};
use tollgate_outbound::client::{Client, Connections, Timeouts};
use tollgate_outbound::guard::Resolve;
use tollgate_outbound::retry_after;
use tollgate_outbound::target::Target;
use tollgate_outbound::tls::{TlsError, Trust};

/// Why an endpoint cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// A secret cannot be read.
    #[error("{0}")]
    Secret(#[from] secret::SecretError),
    /// Certificates cannot be checked.
    #[error("{0}")]
    Tls(#[from] TlsError),
}

/// Delivers messages to one endpoint.
pub struct Webhook {
    client: Client,
    signer: Signer,
}

impl Webhook {
    /// Sends to a target, signed by a signer.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if there is no certificate authority to trust.
    pub fn new(
        target: Target,
        signer: Signer,
        trust: &Trust,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, TlsError> {
        // Each attempt goes to an address that is checked for it, and none fails because an idle connection
        // was being closed.
        let client = Client::new(target, trust, resolver, Timeouts::default(), Connections::OneEach)?;
        Ok(Self { client, signer })
    }

    /// The same with different timeouts.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { client: self.client.with_timeouts(timeouts), ..self }
    }

    /// Makes one attempt. `now` is the time of the attempt, which is signed.
    pub async fn attempt(&self, message: &Message, now: Timestamp) -> Answer {
        let body = message.body();
        let headers = self.signer.headers(&message.id, now, &body);
        match self.client.post("application/json", headers, body).await {
            Ok(response) => answer_of(&response, now),
            Err(error) => Answer::Failed { status: None, error: error.to_string() },
        }
    }
}

impl Channel for Webhook {
    fn send<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, Answer> {
        Box::pin(self.attempt(message, now))
    }
}

fn answer_of(response: &Response<()>, now: Timestamp) -> Answer {
    let status = response.status();
    let code = status.as_u16();
    let failed = |error: String| Answer::Failed { status: Some(code), error };
    match status {
        status if status.is_success() => Answer::Delivered { status: Some(code) },
        StatusCode::GONE => Answer::Gone,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            Answer::Throttled { status: code, retry_after: asked.and_then(|asked| retry_after(asked, now)) }
        }
        status if status.is_redirection() => {
            failed(format!("status {code}: redirects are not followed, write the address it leads to"))
        }
        _ => failed(format!("status {code}")),
    }
}
