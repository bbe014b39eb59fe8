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
