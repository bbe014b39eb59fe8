//! Processes that a run starts: they end with it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process that ends with the run. Its first line is read; the pipe stays open for the others.
pub(crate) struct Process {
    child: Child,
    pub(crate) first: String,
    stdout: BufReader<ChildStdout>,
    stdin: ChildStdin,
}

impl Process {
    pub(crate) fn start(binary: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(binary);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let stdin = child.stdin.take().expect("a pipe");
        let mut first = String::new();
        stdout.read_line(&mut first).expect("its first line");
        Self { child, first, stdout, stdin }
    }

    /// Another process of this program.
    pub(crate) fn start_this(args: &[&str]) -> Self {
        Self::start(&std::env::current_exe().expect("this program is there"), args)
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where a server says that it listens.
    pub(crate) fn url(&self) -> String {
        let url = self.first.split_whitespace().find(|word| word.starts_with("http://"));
        url.expect("the server says where it listens").trim_end_matches(',').to_owned()
    }

    /// Has it read a line.
    pub(crate) fn tell(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).expect("the process reads");
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("its next line");
        assert!(!line.is_empty(), "the process has ended");
        line
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It does not matter if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary that was built along with this one.
///
/// # Errors
///
/// A sentence if it is not there.
pub(crate) fn beside_this() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("finding this program: {error}"))?;
    let binary = this.with_file_name("tollgate");
    if binary.exists() {
        return Ok(binary);
    }
    Err(format!("`{}` is not there: build it, `cargo build --release --package tollgate`", binary.display()))
}
