//! Opening a remediation where people work: as a file, by a signed webhook, by a command.

pub mod config;
mod ways;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tollgate_domain::time::Timestamp;

pub use ways::{CommandWay, FileWay};

use crate::bus::Publish;
use crate::config::{ChannelError, Endpoint};
use crate::message::{Content, Message, as_text, shortened};
use crate::runner::Channel;
use crate::signature::WebhookId;
use tollgate_outbound::guard::SystemResolver;

/// Longest texts, in bytes.
const MAX_TEXT_BYTES: usize = 1000;

/// What is told of a task that the gate blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remediation {
    /// The task that people are to work on.
    pub remediation: String,
    /// The tenant of both.
    pub tenant: String,
    /// The task that is blocked.
    pub task: String,
    /// Where it wanted to go.
    pub advance_to: String,
    /// Why it was blocked, in sentences that name everything.
    pub message: String,
    /// Its tokens; `None` where they were not known.
    pub tokens_used: Option<u64>,
    /// Their limit.
    pub tokens_limit: Option<u64>,
    /// Where the server has its report: a path.
    pub report: String,
    /// When it was blocked.
    #[serde(serialize_with = "as_text")]
    pub blocked_at: Timestamp,
}

impl Remediation {
    /// The message to a way. Its id is the same at every attempt, by every server, for the life of the ledger.
    #[must_use]
    pub fn message_to(&self, way: &str) -> Message {
        let id = WebhookId::of(&["remediation", way, &self.tenant, &self.task]);
        let mut told = self.clone();
        told.message = shortened(&self.message, MAX_TEXT_BYTES);
        Message { id, content: Content::Remediation(Box::new(told)) }
    }
}

/// One way in which remediations are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemediationWay {
    /// Its name: what the ledger knows it by.
    pub name: String,
    /// Where to.
    pub to: To,
}

/// Where a remediation is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// In a file of this directory; `None`: beside the evidence of the task that is blocked.
    File(Option<PathBuf>),
    /// By HTTP.
    Webhook(Box<Endpoint>),
    /// By a program of the operator's.
    Command {
        /// The program, and its arguments. No shell reads them.
        argv: Vec<String>,
        /// After how many seconds it is ended.
        timeout_s: u64,
    },
}

impl RemediationWay {
    /// The way that holds where nothing was configured: a file beside the evidence.
    #[must_use]
    pub fn evidence() -> Self {
        Self { name: "evidence".to_owned(), to: To::File(None) }
    }

    /// What opens remediations this way; `None`: it is a file beside evidence, and there is no directory for that.
    /// `evidence` gives the directory of a task's evidence.
    ///
    /// # Errors
    ///
    /// [`ChannelError`] with the name of the way.
    pub fn channel(&self, evidence: Option<EvidenceOf>) -> Result<Option<Arc<dyn Channel>>, ChannelError> {
        match &self.to {
            To::File(Some(dir)) => {
                let dir = dir.clone();
                let path = move |told: &Remediation| {
                    dir.join(safe(&told.tenant)).join(safe(&told.remediation) + ".json")
                };
                Ok(Some(Arc::new(FileWay::new(Box::new(path)))))
            }
            To::File(None) => Ok(evidence.map(|of| {
                let path = move |told: &Remediation| of(&told.tenant, &told.task).join("remediation.json");
                Arc::new(FileWay::new(Box::new(path))) as Arc<dyn Channel>
            })),
            To::Webhook(endpoint) => {
                Ok(Some(endpoint.channel_with(None::<NoBus>, Arc::new(SystemResolver))?))
            }
            To::Command { argv, timeout_s } => Ok(Some(Arc::new(CommandWay::new(argv.clone(), *timeout_s)))),
        }
    }
}

/// The directory of the evidence of a tenant's task.
pub type EvidenceOf = Box<dyn Fn(&str, &str) -> PathBuf + Send + Sync>;

/// A name as a file: letters, digits, `-` and `_` stay, every other byte is escaped like in an address, so
/// that none leaves its directory.
fn safe(name: &str) -> String {
    let mut file = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            file.push(char::from(byte));
        } else {
            let _ = write!(file, "%{byte:02X}");
        }
    }
    file
}

/// Webhooks need none.
struct NoBus;

impl Publish for NoBus {
    fn publish<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: bytes::Bytes,
    ) -> crate::BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Err("there is no bus".to_owned()) })
    }
}

#[cfg(test)]
mod tests;
