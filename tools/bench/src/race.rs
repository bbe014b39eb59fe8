//! A race: real processes ask for the last tokens of a budget at the same time, through two servers of one ledger on
//! NATS, or one of a data directory. Exactly those that fit win, in every round.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use tokio::runtime::Runtime;
use tollgate_client::{Client, ClientError, HttpTransport, Read};
use tollgate_clock::Stopwatch;
use tollgate_domain::budget::BudgetEnforcement;
use tollgate_wire::api::{
    AllocateRequest, AllocationStateWord, AllocationView, AppendRequest, PolicyRequest, PolicyRule,
    ReleaseRequest,
};

use crate::nats::NatsServer;
use crate::output::{print, progress};
use crate::place::Place;
use crate::process::{Process, beside_this};
use crate::service::{Backend, Service};
use crate::work::mix;

/// Tokens that each process asks for.
const TOKENS: u64 = 1_000;

/// Tenants that the budgets of the rounds are of, in turns: their decisions are in different partitions.
const TENANTS: u64 = 16;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Race {
    /// Processes that race
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(2..))]
    processes: u64,
    /// Budgets that they race for, one after the other
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Where the log is: two servers on `jetstream`, one on `embedded`
    #[arg(long, value_enum, default_value_t = Backend::JetStream)]
    log: Backend,
    /// In a new directory below this one, which must be on a disk; else below the build's directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What a process of the race is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Racer {
    /// The server that it asks
    #[arg(long, value_name = "URL")]
    server: String,
    /// Which one it is
    #[arg(long)]
    number: u64,
}

/// What was seen over all rounds.
#[derive(Debug, Default)]
struct Seen {
    winners: u64,
    oversold: u64,
    undersold: u64,
    retries: u64,
}

/// The budget of a round: a hard limit of which a part is used and a part is reserved; what is left fits this many.
struct Budget {
    round: u64,
    tenant: String,
    fits: u64,
    used: u64,
    reserved: u64,
}

impl Race {
    /// Runs it and prints what was seen.
    ///
    /// # Errors
    ///
    /// A sentence if a round was won by more or fewer than fit, or there is nowhere to run.
    pub(crate) fn run(&self) -> Result<(), String> {
        let binary = beside_this()?;
        let on = match self.log {
            Backend::JetStream => NatsServer::version()?,
            Backend::Embedded => "a data directory".to_owned(),
        };
        let place = Place::make(self.dir.as_deref())?;
        let dir = place.fresh("race");
        let servers = if self.log == Backend::JetStream { 2 } else { 1 };
        let service = Service::start(self.log, &binary, dir.path(), servers);
        let urls: Vec<String> = service.servers.iter().map(Process::url).collect();
        let racer = |number: u64| {
            let url = &urls[(number % urls.len() as u64) as usize];
            Process::start_this(&["racer", "--server", url, "--number", &number.to_string()])
        };
        let mut racers: Vec<Process> = (0..self.processes).map(racer).collect();
        let runtime = runtime()?;
        let clients: Vec<Client> = urls.iter().map(|url| client(url)).collect();
        let (mut seen, took) = (Seen::default(), Stopwatch::start());
        for round in 0..self.rounds {
            let budget = Budget::of(round, self.processes);
            runtime.block_on(budget.make(&clients));
            let winners = budget.race(&mut racers, &mut seen);
            runtime.block_on(budget.check(&clients, &winners, &mut seen));
            if (round + 1) % 100 == 0 {
                progress(&format!("round {} of {}: {seen:?}", round + 1, self.rounds));
            }
        }
        let Seen { winners, oversold, undersold, retries } = seen;
        print(&format!(
            "{} rounds of {} processes through {servers} servers on {on}, {:.0} s\n\
             winners: {winners}\noversold: {oversold}\nundersold: {undersold}\nrequests sent again: {retries}",
            self.rounds,
            self.processes,
            took.elapsed().as_secs_f64()
        ));
        drop((racers, service));
        place.clear(dir);
        if oversold == 0 && undersold == 0 {
            return Ok(());
        }
        Err(format!("{oversold} more and {undersold} fewer than fit were given"))
    }
}

impl Racer {
    /// Asks once for each round that it reads from stdin, and prints what it was told, and how often it had to ask
    /// again.
    ///
    /// # Errors
    ///
    /// The server refused a request for a reason that is none of the budget.
    pub(crate) fn run(&self) -> Result<(), String> {
        let (runtime, client) = (runtime()?, client(&self.server));
        runtime.block_on(client.position()).map_err(|error| error.to_string())?;
        print("ready");
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| error.to_string())?;
            let round = line.parse().map_err(|_| format!("round `{line}`: must be a number"))?;
            let request = Budget::request(round, format!("racer-{}", self.number), TOKENS);
            let (made, retries) = runtime.block_on(decided(&client, &request))?;
            let word = if made.state == AllocationStateWord::Open { "given" } else { "refused" };
            print(&format!("{word} {retries}"));
        }
        Ok(())
    }
}

impl Budget {
    fn of(round: u64, processes: u64) -> Self {
        // From none to one less than all.
        let fits = mix(round) % processes;
        let (used, reserved) = (mix(round + 1) % 1_000_000, 1 + mix(round + 2) % 1_000_000);
        Self { round, tenant: tenant(round), fits, used, reserved }
    }

    fn policy(&self) -> String {
        format!("race-{}", self.round)
    }

    /// A request of a round under a name.
    fn request(round: u64, who: String, tokens: u64) -> AllocateRequest {
        AllocateRequest {
            tenant: Some(tenant(round)),
            allocation: Some(format!("race-{round}-{who}")),
            labels: BTreeMap::from([("race".to_owned(), round.to_string())]),
            tokens: Some(tokens),
            ..AllocateRequest::default()
        }
    }

    /// Makes it, each step through another server: its limit, what is reserved, what is used of that.
    async fn make(&self, clients: &[Client]) {
        let by = |step: u64| &clients[((self.round + step) % clients.len() as u64) as usize];
        let rule = PolicyRule {
            scope: BTreeMap::from([("label.race".to_owned(), self.round.to_string())]),
            window: "fixed".to_owned(),
            window_from: Some("2020-01-01T00:00:00Z".to_owned()),
            window_to: Some("2220-01-01T00:00:00Z".to_owned()),
            // Less than another request is left at the end.
            limit_tokens: Some(self.used + self.reserved + self.fits * TOKENS + mix(self.round + 3) % TOKENS),
            enforcement: Some(BudgetEnforcement::HardLimit),
            ..PolicyRule::default()
        };
        let tenant = Some(self.tenant.clone());
        let policy =
            PolicyRequest { tenant, id: None, rule, if_version: Some(0), author: None, reason: None };
        by(0).set_policy(&self.policy(), &policy).await.expect("a policy");
        let base = Self::request(self.round, "base".to_owned(), self.used + self.reserved);
        let (made, _) = decided(by(1), &base).await.expect("an allocation");
        assert_eq!(made.state, AllocationStateWord::Open, "{made:?}");
        let usage = json!({
            "id": format!("used-{}", self.round),
            "task": format!("T-{}", self.round),
            "usage_recorded": {
                "allocation": made.allocation,
                "labels": {"race": self.round.to_string()},
                "tokens": {"output": self.used},
            },
        });
        let usage = serde_json::value::to_raw_value(&usage).expect("JSON");
        let (tenant, producer) = (Some(self.tenant.clone()), Some("race".to_owned()));
        let sent = AppendRequest { tenant, producer, events: vec![usage], gates: Vec::new() };
        by(2).append(&sent).await.expect("usage is never refused for a budget");
    }

    /// Lets all ask at once; returns the numbers of those that won.
    fn race(&self, racers: &mut [Process], seen: &mut Seen) -> Vec<u64> {
        racers.iter_mut().for_each(|racer| racer.tell(&self.round.to_string()));
        let mut winners = Vec::new();
        for (number, racer) in (0..).zip(racers) {
            let line = racer.line();
            let (word, retries) = line.trim().split_once(' ').expect("a word and a number");
            seen.retries += retries.parse::<u64>().expect("a number");
            if word == "given" {
                winners.push(number);
            }
        }
        let given = winners.len() as u64;
        seen.winners += given;
        seen.oversold += given.saturating_sub(self.fits);
        seen.undersold += self.fits.saturating_sub(given);
        if given != self.fits {
            progress(&format!("round {}: {given} were given, {} fit", self.round, self.fits));
        }
        winners
    }

    /// Compares what the ledger says with what the processes were told, through every server, and sets all of it free.
    async fn check(&self, clients: &[Client], winners: &[u64], seen: &mut Seen) {
        let read = Read { at_least: Some("tail".to_owned()), ..Read::default() };
        for client in clients {
            let client = client.of_tenant(Some(self.tenant.clone()));
            let policy = client.policy(&self.policy(), &read).await.expect("the policy");
            let status = policy.status.expect("it rules");
            let told = self.reserved + winners.len() as u64 * TOKENS;
            let found = (status.booked.tokens.cast_unsigned(), status.reserved.tokens.cast_unsigned());
            if found != (self.used, told) {
                progress(&format!("round {}: {status:?}, told: {told}", self.round));
                seen.oversold += found.1.saturating_sub(told);
                seen.undersold += told.saturating_sub(found.1).max(u64::from(found.0 != self.used));
            }
        }
        let winners = winners.iter().map(|number| format!("racer-{number}"));
        for (client, who) in clients.iter().cycle().zip(winners.chain(["base".to_owned()])) {
            let release = ReleaseRequest { tenant: Some(self.tenant.clone()), author: None };
            let name = format!("race-{}-{who}", self.round);
            client.release_allocation(&name, &release).await.expect("it is open");
        }
    }
}

fn tenant(round: u64) -> String {
    format!("race-{}", round % TENANTS)
}

fn client(url: &str) -> Client {
    Client::new(Arc::new(HttpTransport::new(url).expect("an address")))
}

fn runtime() -> Result<Runtime, String> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| format!("starting the runtime: {error}"))
}

/// Asks until there is a decision; returns it, and how often the request was sent again.
async fn decided(client: &Client, request: &AllocateRequest) -> Result<(AllocationView, u64), String> {
    let mut retries = 0;
    loop {
        match client.allocate(request).await {
            Ok(made) => return Ok((made, retries)),
            Err(error) if retryable(&error) => retries += 1,
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Whether the server says that the same may be decided later. That it cannot be reached ends a race.
fn retryable(error: &ClientError) -> bool {
    error.is_retryable() && error.code().is_some()
}
