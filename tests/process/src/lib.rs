//! How tests start processes: with the test's clock, and so that none of them outlives the test.
//!
//! Every process of a test is a [`Program`] that was started. It runs by the test's own clock, even if
//! nothing else of the environment is passed on, and it ends with the test, whatever ends that: completion, a
//! panic, SIGKILL. The same holds for a directory from [`temporary`].

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "in a test an error is a failed test")]

mod clock;
pub mod cut;
mod keeper;
pub mod nats;
pub mod nats_cluster;
mod sessions;

use std::ffi::OsStr;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

pub use clock::now;
pub use sessions::real_sessions;
use tempfile::TempDir;

/// A process yet to be started.
#[derive(Debug)]
pub struct Program(Command);

impl Program {
    /// One that inherits the test's environment.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self(Command::new(program))
    }

    /// One that inherits only the clock from the environment.
    #[must_use]
    pub fn bare(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.env_clear().envs(clock::variables());
        Self(command)
    }

    /// One more argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.0.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = A>) -> &mut Self {
        self.0.args(args);
        self
    }

    /// An environment variable for it.
    pub fn env(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.0.env(name, value);
        self
    }

    /// More variables.
    pub fn envs<'a>(&mut self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> &mut Self {
        self.0.envs(variables);
        self
    }

    /// Its working directory.
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Self {
        self.0.current_dir(dir);
        self
    }

    /// Its stdin.
    pub fn stdin(&mut self, stdin: Stdio) -> &mut Self {
        self.0.stdin(stdin);
        self
    }

    /// Its stdout.
    pub fn stdout(&mut self, stdout: Stdio) -> &mut Self {
        self.0.stdout(stdout);
        self
    }

    /// Its stderr.
    pub fn stderr(&mut self, stderr: Stdio) -> &mut Self {
        self.0.stderr(stderr);
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(&mut self) -> Process {
        self.try_start().unwrap()
    }

    /// The same for a program that may not be installed.
    ///
    /// # Errors
    ///
    /// It could not be started.
    pub fn try_start(&mut self) -> io::Result<Process> {
        // In a separate group, so that the keeper also reaches what it starts itself.
        let child = self.0.process_group(0).spawn()?;
        keeper::started(child.id());
        Ok(Process { child: Some(child) })
    }

    /// Runs it to its end, with nothing to read; returns what it printed.
    #[must_use]
    pub fn output(&mut self) -> Output {
        self.try_output().unwrap()
    }

    /// The same for a program that may not be installed.
    ///
    /// # Errors
    ///
    /// It could not be started.
    pub fn try_output(&mut self) -> io::Result<Output> {
        self.0.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(self.try_start()?.wait_with_output())
    }
}

/// A running process. It is killed when dropped, and when the test ends without that.
#[derive(Debug)]
pub struct Process {
    /// `None` once its output has been waited for.
    child: Option<Child>,
}

impl Process {
    /// Waits until it ends and closes its output; returns all of that.
    #[must_use]
    pub fn wait_with_output(mut self) -> Output {
        let child = self.child.take().unwrap();
        let id = child.id();
        let output = child.wait_with_output().unwrap();
        keeper::ended(id);
        output
    }

    /// Kills it without warning, as a crash would, and waits until it is gone.
    pub fn crash(mut self) -> ExitStatus {
        self.kill().unwrap();
        self.wait().unwrap()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        self.child.as_ref().unwrap()
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        self.child.as_mut().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
            keeper::ended(child.id());
        }
    }
}

/// The test's own directory. It is removed when dropped, and when the test ends without that.
#[must_use]
pub fn temporary() -> TempDir {
    tempfile::tempdir_in(keeper::directory()).unwrap()
}
