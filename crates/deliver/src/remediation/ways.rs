//! Ways on this machine: a file, a command.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tollgate_domain::time::Timestamp;
use tollgate_files::{make_private_dirs, replace};

use crate::BoxFuture;
use crate::channel::Channel;
use crate::message::{Content, Message};
use crate::notice::{Remediation, shortened};
use crate::schedule::Answer;

/// The environment variable with the id of the message, which is the same at every attempt.
const COMMAND_ID: &str = "TOLLGATE_REMEDIATION_ID";

/// The most bytes read of a command's output about its failure.
const MAX_SAID_BYTES: u64 = 4096;

/// The most bytes of that output in an error.
const MAX_ERROR_BYTES: usize = 300;

/// Where the file of a remediation is.
type PathOf = Box<dyn Fn(&Remediation) -> PathBuf + Send + Sync>;

/// Writes each remediation into its own file, whole or not at all.
pub struct FileWay {
    path: PathOf,
}

impl FileWay {
    /// Files at these paths.
    #[must_use]
    pub fn new(path: PathOf) -> Self {
        Self { path }
    }
}

impl Channel for FileWay {
    fn send<'a>(&'a self, message: &'a Message, _: Timestamp) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let Content::Remediation(told) = &message.content else { return not_ours() };
            let path = (self.path)(told);
            match write(&path, &message.body()) {
                Ok(()) => Answer::Delivered { status: None },
                Err(error) => failed(format!("writing {}: {error}", path.display())),
            }
        })
    }
}

fn write(path: &Path, body: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        make_private_dirs(parent)?;
    }
    replace(path, &[body, b"\n"].concat())
}

/// Runs a program of the operator's, with the message on its standard input. It has succeeded when it exits
/// with 0.
///
/// No shell interprets the arguments, they contain nothing from a task, and its environment has only the path
/// and the message's id.
pub struct CommandWay {
    argv: Vec<String>,
    timeout: Duration,
}

impl CommandWay {
    /// The program and its arguments.
    #[must_use]
    pub fn new(argv: Vec<String>, timeout_s: u64) -> Self {
        Self { argv, timeout: Duration::from_secs(timeout_s) }
    }

    async fn run(&self, message: &Message) -> Result<(), String> {
        let Some((program, args)) = self.argv.split_first() else { return Err("no command".to_owned()) };
        let mut command = Command::new(program);
        command.args(args).env_clear().env(COMMAND_ID, message.id.as_str()).kill_on_drop(true);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("starting {program}: {error}"))?;
        let (input, errors) = (child.stdin.take(), child.stderr.take());
        let body = message.body();
        let write = async {
            if let Some(mut input) = input {
                // A program that does not read all of it may exit early; its exit code decides whether that
                // is fine.
                let _ = input.write_all(&body).await;
            }
        };
        let read = async {
            let mut said = Vec::new();
            if let Some(errors) = errors {
                let mut few = errors.take(MAX_SAID_BYTES);
                // Its output is only for people.
                let _ = few.read_to_end(&mut said).await;
            }
            said
        };
        let ((), said, status) = tokio::join!(write, read, child.wait());
        let status = status.map_err(|error| format!("waiting for {program}: {error}"))?;
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        Err(format!("{program} ended with {status}: {}", shortened(said.trim(), MAX_ERROR_BYTES)))
    }
}

impl Channel for CommandWay {
    fn send<'a>(&'a self, message: &'a Message, _: Timestamp) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match tokio::time::timeout(self.timeout, self.run(message)).await {
                Ok(Ok(())) => Answer::Delivered { status: None },
                Ok(Err(error)) => failed(error),
                Err(_) => failed(format!(
                    "{}: no end within {} s, it was ended",
                    self.argv.first().map_or("command", String::as_str),
                    self.timeout.as_secs()
                )),
            }
        })
    }
}

fn failed(error: String) -> Answer {
    Answer::Failed { status: None, error }
}

fn not_ours() -> Answer {
    failed("this way takes remediations only".to_owned())
}
