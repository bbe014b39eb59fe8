//! The nats-server that tests start: which program, on ports it picks itself, and restarted on the same ones. It has a
//! loopback address of its own, so that nothing else takes its ports while it is down.
//!
//! It is `nats-server`, unless the environment names a different program: `tools/test` runs the tests of the
//! log on NATS a second time with another version.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Process, Program};

/// Names the program.
const PROGRAM: &str = "TOLLGATE_TEST_NATS_SERVER";

/// What a configuration for several servers may need of the ports that its server has had.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// For clients.
    pub clients: Option<u16>,
    /// For monitoring.
    pub monitor: Option<u16>,
    /// For the other servers.
    pub routes: Option<u16>,
}

/// The version of the nats-server that tests start, as it reports it: `2.9.10`. `None`, with a loud message,
/// if there is none.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn version() -> Option<String> {
    let Ok(output) = Program::new(program()).arg("--version").try_output() else {
        eprintln!("SKIPPED: nats-server is not installed; `tools/test` installs it where it may");
        return None;
    };
    let said = String::from_utf8(output.stdout).unwrap();
    Some(said.trim().rsplit_once('v').unwrap().1.to_owned())
}

/// Whether a version, such as `2.9.10`, is at least the second one.
#[must_use]
pub fn is_at_least(version: &str, least: (u32, u32)) -> bool {
    let mut numbers = version.split(['.', '-']).map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap()) >= least
}

fn program() -> OsString {
    std::env::var_os(PROGRAM).unwrap_or_else(|| "nats-server".into())
}

/// A nats-server with its own configuration. It can be killed and restarted on the same ports.
#[derive(Debug)]
pub struct NatsServer {
    config: PathBuf,
    variables: Vec<(&'static str, &'static str)>,
    routed: bool,
    host: Ipv4Addr,
    ports: Ports,
    process: Option<Process>,
}

impl NatsServer {
    /// One that is not running yet, with a configuration file.
    #[must_use]
    pub fn new(config: PathBuf) -> Self {
        let (host, ports) = (own_host(), Ports::default());
        Self { config, variables: Vec::new(), routed: false, host, ports, process: None }
    }

    /// What the configuration may take from the environment.
    #[must_use]
    pub fn variables(mut self, variables: &[(&'static str, &'static str)]) -> Self {
        self.variables = variables.to_vec();
        self
    }

    /// One of several: it also listens for the others.
    #[must_use]
    pub fn routed(mut self) -> Self {
        self.routed = true;
        self
    }

    /// Starts it, restarting it if it is running, and waits until it is ready.
    pub fn start(&mut self) {
        self.kill();
        // The ports that it had: a new one for its monitor could be that of its clients, which it opens later.
        let again = |port: Option<u16>| port.map_or_else(|| "-1".to_owned(), |port| port.to_string());
        let (port, monitor) = (again(self.ports.clients), again(self.ports.monitor));
        let host = self.host.to_string();
        let mut process = Program::new(program())
            .envs(self.variables.iter().copied())
            .args(["--addr", &host, "--port", &port, "--http_port", &monitor, "--config"])
            .arg(&self.config)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .start();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        self.process = Some(process);
        let (mut said, mut ready, mut ports) = (Vec::new(), false, Ports::default());
        while !ready || (self.routed && ports.routes.is_none()) {
            let Some(Ok(line)) = lines.next() else {
                panic!("nats-server did not start:\n{}", said.join("\n"))
            };
            ready |= line.contains("Server is ready");
            ports.clients = ports.clients.or_else(|| port_in(&line, "Listening for client connections on "));
            ports.routes = ports.routes.or_else(|| port_in(&line, "Listening for route connections on "));
            ports.monitor = ports.monitor.or_else(|| port_in(&line, "Starting http monitor on "));
            said.push(line);
        }
        self.ports = ports;
        // A full pipe would stop the server.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.crash();
        }
    }

    /// Whether it was started and has not been killed since.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// The ports that it has, or had when it last ran.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        self.ports
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn host(&self) -> Ipv4Addr {
        self.host
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.ports.clients.unwrap())
    }

    /// The same as a Tollgate address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Where its monitoring answers.
    #[must_use]
    pub fn monitor(&self) -> String {
        format!("http://{}:{}", self.host, self.ports.monitor.unwrap())
    }
}

/// A loopback address that no other server of a running test has; 127.0.0.1 where the system has only that one.
fn own_host() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_mul(31).wrapping_add(NEXT.fetch_add(1, Ordering::SeqCst));
    let [_, high, middle, low] = number.to_be_bytes();
    let host = Ipv4Addr::new(127, 64 + high % 64, middle, low);
    if TcpListener::bind((host, 0)).is_ok() { host } else { Ipv4Addr::LOCALHOST }
}

fn port_in(line: &str, what: &str) -> Option<u16> {
    let (_, address) = line.split_once(what)?;
    address.rsplit_once(':').map(|(_, port)| port.trim().parse().unwrap())
}
