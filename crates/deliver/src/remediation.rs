//! Opening a remediation where people work: as a file, by a signed webhook, by a command.

pub mod config;
mod ways;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

pub use ways::{CommandWay, FileWay};

use crate::bus::Publish;
use crate::channel::Channel;
use crate::config::Endpoint;
use crate::connect::ChannelError;
use crate::notice::Remediation;
use tollgate_outbound::guard::SystemResolver;

/// One way in which remediations are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemediationWay {
    /// Its name, by which the ledger identifies it.
    pub name: String,
    /// Where it opens them.
    pub to: To,
}

/// Where a remediation is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// In a file in this directory; `None` for the directory with the evidence of the blocked task.
    File(Option<PathBuf>),
    /// By HTTP.
    Webhook(Box<Endpoint>),
    /// By a program that the operator provides.
    Command {
        /// The program and its arguments, which no shell interprets.
        argv: Vec<String>,
        /// The number of seconds after which it is killed.
        timeout_s: u64,
    },
}

impl RemediationWay {
    /// The default way if nothing is configured: a file next to the evidence.
    #[must_use]
    pub fn evidence() -> Self {
        Self { name: "evidence".to_owned(), to: To::File(None) }
    }

    /// The channel that opens remediations this way; `None` if it is a file next to evidence and there is no
    /// directory for that. `evidence` returns the directory of a task's evidence.
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

/// A name as a file name: letters, digits, `-` and `_` stay, every other byte is escaped as in a URL, so that
/// no name leaves its directory.
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

/// Webhooks need no bus.
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
