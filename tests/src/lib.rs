//! What end-to-end tests share: a separate place for each test, the binary, a running server, agent sessions.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "in a test an error is a failed test")]

pub mod blocks;
pub mod chaos;
pub mod disk;
pub mod nats;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{ChildStdout, ExitStatus, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tollgate_test_process::{Process, Program, temporary};

/// A separate directory, with the binary at hand.
pub struct Place {
    dir: TempDir,
}

/// The result of a command.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

impl Place {
    /// An empty one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "an empty place on disk is no default value")]
    pub fn new() -> Self {
        Self { dir: temporary() }
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file, creating the directories it needs.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A command of the binary, to be run in this place with nothing of the outer environment but the clock.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Program {
        let mut command = Program::bare(binary());
        command.args(args).current_dir(self.dir.path()).env("NO_COLOR", "1");
        command
    }

    /// The binary with arguments, where no file may grow beyond this many bytes (`ulimit -f`).
    #[must_use]
    pub fn command_with_small_files(&self, bytes: u64, args: &[&str]) -> Program {
        let mut command = Program::bare("/bin/sh");
        // Its unit is 512 bytes.
        let limited = format!("ulimit -f {} && exec \"$0\" \"$@\"", bytes / 512);
        command.args(["-c", &limited]).arg(binary()).args(args);
        command.current_dir(self.dir.path()).env("NO_COLOR", "1");
        command
    }

    /// Runs the binary to its end.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Said {
        let output = self.command(args).output();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs a command line to its end.
    #[must_use]
    pub fn run_line(&self, line: &str) -> Said {
        self.run(&words(line))
    }

    /// Runs a command line that must succeed; returns its stdout.
    #[track_caller]
    #[must_use]
    pub fn ok(&self, line: &str) -> String {
        let said = self.run(&words(line));
        assert_eq!(said.code, 0, "tollgate {line}\n{}{}", said.out, said.err);
        said.out
    }

    /// Runs a command line that must succeed, with `--format json`.
    #[track_caller]
    #[must_use]
    pub fn json(&self, line: &str) -> Value {
        let out = self.ok(&format!("{line} --format json"));
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("tollgate {line}: {error}\n{out}"))
    }

    /// Runs a command line that must end with this code; returns its messages.
    #[track_caller]
    #[must_use]
    pub fn fails(&self, code: i32, line: &str) -> String {
        let said = self.run(&words(line));
        assert_eq!(said.code, code, "tollgate {line}\n{}{}", said.out, said.err);
        said.err
    }

    /// Totals of the ledger in the directory `data`.
    #[must_use]
    pub fn totals(&self, data: &str) -> (u64, i64, String) {
        let report = self.json(&format!("--data {data} report"));
        let usd = report["cost_usd"].as_str().unwrap().to_owned();
        (report["usage_events"].as_u64().unwrap(), report["tokens"]["total"].as_i64().unwrap(), usd)
    }
}

/// The words of a line; text in double quotes is one word.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (nth, part) in line.split('"').enumerate() {
        if nth % 2 == 1 { words.push(part) } else { words.extend(part.split_whitespace()) }
    }
    words
}

/// The binary next to the test's own: `tools/test` builds it first.
#[must_use]
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let found = own.ancestors().skip(1).take(2).map(|dir| dir.join("tollgate")).find(|path| path.is_file());
    found
        .expect("the tollgate binary is built before its tests: cargo build -p tollgate, or run ./tools/test")
}

/// A server of a data directory, on a free port. It is killed when dropped.
pub struct Server {
    process: Process,
    stdout: BufReader<ChildStdout>,
    /// Where it listens.
    pub url: String,
}

impl Server {
    /// Starts one and waits until it accepts requests.
    #[must_use]
    pub fn start(place: &Place, data: &str) -> Self {
        Self::start_at(place, data, "127.0.0.1:0")
    }

    /// Starts one at an address, to take the place of an earlier one.
    #[must_use]
    pub fn start_at(place: &Place, data: &str, address: &str) -> Self {
        Self::of(place, &["--data", data, "serve", "--listen", address])
    }

    /// Starts one with these arguments.
    #[must_use]
    pub fn of(place: &Place, args: &[&str]) -> Self {
        Self::within(place, args, &[])
    }

    /// The same with environment variables.
    #[must_use]
    pub fn within(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = place.command(args);
        command.envs(variables.iter().copied());
        Self::run(command)
    }

    /// Starts a program that becomes a server, and waits until it accepts requests.
    #[must_use]
    pub fn run(mut command: Program) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).start();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let url =
            first.split_whitespace().find(|word| word.starts_with("http://") || word.starts_with("https://"));
        let Some(url) = url.map(|url| url.trim_end_matches(',').to_owned()) else {
            let mut err = String::new();
            process.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            panic!("the server did not start: {first}{err}");
        };
        Self { process, stdout, url }
    }

    /// The next line that it prints on stdout.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Kills it without warning, as a crash would.
    pub fn kill(self) {
        self.process.crash();
    }

    /// Asks it to stop, as an operator would, and waits for it to end.
    #[must_use]
    pub fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.process.wait().unwrap()
    }

    /// Likewise; returns what it printed on stderr.
    #[must_use]
    pub fn end(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.ends()
    }

    /// Waits until it ends by itself; also returns what it printed on stderr.
    #[must_use]
    pub fn ends(mut self) -> (ExitStatus, String) {
        let (mut err, mut told) = (self.process.stderr.take().unwrap(), String::new());
        err.read_to_string(&mut told).unwrap();
        (self.process.wait().unwrap(), told)
    }

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// The most memory that it ever held, in KiB. `None`: this system does not report it.
    #[must_use]
    pub fn peak_memory_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Sends one request over a separate connection; returns status and body. `None`: nothing answers.
    #[must_use]
    pub fn post(&self, path: &str, body: &str) -> Option<(u16, String)> {
        request(&self.url, "POST", path, body)
    }
}

/// One request over a separate connection. `None`: no complete answer came.
#[must_use]
pub fn request(url: &str, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut answer = String::new();
    send(url, method, path, body)?.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
}

/// Sends one request over a separate connection, on which its answer comes. `None`: nothing takes it.
#[must_use]
pub fn send(url: &str, method: &str, path: &str, body: &str) -> Option<TcpStream> {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    Some(stream)
}

/// A Codex session with this usage in each of its turns: input, cached input, output, reasoning.
#[must_use]
pub fn session(id: &str, turns: &[[u64; 4]]) -> String {
    let at = r#""timestamp":"2025-10-10T01:00:00Z""#;
    let mut text = format!("{{{at},\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\"}}}}\n");
    text += &format!("{{{at},\"type\":\"turn_context\",\"payload\":{{\"model\":\"gpt-5\"}}}}\n");
    let mut sums = [0; 4];
    for turn in turns {
        sums.iter_mut().zip(turn).for_each(|(sum, count)| *sum += count);
        let [input, cached, output, reasoning] = sums;
        text += &format!(
            "{{{at},\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{{\"input_tokens\":{input},\"cached_input_tokens\":{cached},\"output_tokens\":{output},\"reasoning_output_tokens\":{reasoning}}}}}}}}}\n"
        );
    }
    text
}

/// What a long-running command prints, line by line.
pub struct Follower {
    _process: Process,
    lines: BufReader<ChildStdout>,
}

impl Follower {
    /// Follows from the first record on.
    #[must_use]
    pub fn start(place: &Place, server: &Server) -> Self {
        Self::of(
            place,
            &["--server", &server.url, "--format", "json", "log", "tail", "--follow", "--records", "0"],
        )
    }

    /// Follows what a command of this kind prints.
    #[must_use]
    pub fn of(place: &Place, args: &[&str]) -> Self {
        let mut process = place.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).start();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { _process: process, lines }
    }

    /// Waits for this many lines.
    pub fn wait_for(&mut self, lines: usize) {
        let mut line = String::new();
        for _ in 0..lines {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended early");
        }
    }

    /// Waits for a line that contains these words.
    pub fn wait_for_line(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended before `{words}`");
        }
    }
}
