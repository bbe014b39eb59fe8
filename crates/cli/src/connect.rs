//! The ledger that answers: a server, or the data directory opened by this process. Commands cannot tell the
//! difference: both speak the same API.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use tollgate_client::{BoxFuture, Client, HttpTransport, OneLedger, Timeouts, Transport, TransportError};
use tollgate_clock::{Clock, Stopwatch, SystemClock};
use tollgate_domain::key::KeySecret;
use tollgate_log::embedded::{EmbeddedLog, OpenError, Options};
use tollgate_log_jetstream::{Access as NatsAccess, JetStreamLog, Options as NatsOptions, Tls};
use tollgate_server::edge::ConnectionLimits;
use tollgate_server::http::{App, Hosts, router};
use tollgate_server::ledger::{SettingsOptions, Views};
use tollgate_server::reactor::{Evidence, Remediations, Ways, give_closed};
use tollgate_server::{Ledger, LedgerOptions};
use tower::ServiceExt;

use crate::args::Global;
use crate::bound::Bound;
use crate::exit::Failure;
use crate::output::note;

/// A data directory's own config: in force unless another one is given.
pub(crate) const CONFIG_FILE: &str = "phase_budgets.yaml";

/// The file that makes a directory a ledger.
const LEDGER_FILE: &str = "ledger.json";

/// Where evidence goes unless the flags say otherwise.
pub(crate) const EVIDENCE_DIR: &str = "state/evidence";

/// How many records' ids a command reads when it connects to a log: a server reads more.
const COMMAND_KNOWS: u64 = 64;

/// How commands identify themselves in the lock of a data directory: they are short, so others wait for them.
const COMMAND_NOTE: &str = "a tollgate command";

/// How long a command that only asks goes on writing evidence of what others did.
const QUESTION_WRITES: Duration = Duration::from_secs(1);

/// How long to wait for one of them. Where many take turns, each has that long.
const COMMAND_WAIT: Duration = Duration::from_secs(10);

/// Whether a command may create a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It queries what exists.
    Existing,
    /// It writes, and may be the first to do so.
    MayCreate,
}

/// A ledger to query, and what has to be closed afterwards.
pub(crate) struct Connection {
    pub(crate) client: Client,
    local: Option<Local>,
}

/// The data directory, held by this process.
pub(crate) struct Local {
    pub(crate) ledger: Arc<Ledger>,
    /// Not if servers of the ledger write it.
    evidence: Option<Evidence>,
    /// How long it may go on writing evidence that is due.
    patience: Duration,
    remediations: Remediations,
}

impl Connection {
    /// Finds the ledger that the flags name.
    pub(crate) async fn open(global: &Global, access: Access) -> Result<Self, Failure> {
        if let Some(url) = &global.server {
            let transport = HttpTransport::trusting(url, global.ca.as_deref(), Timeouts::default())
                .map_err(|error| Failure::failed(error.to_string()))?;
            return Self::remote(OneLedger::new(Arc::new(transport)), global);
        }
        if let Some(url) = &global.log {
            let log = jetstream(global, url, Some(COMMAND_KNOWS)).await?;
            let (client, clock) = (log.client(), Arc::new(SystemClock));
            let options = ledger_options(global, Views::Nats(client), clock);
            return Self::of_ledger(global, Ledger::open(log, options).await?);
        }
        if let Some(server) = Bound::of_data(&global.data).await {
            return Self::remote(server, global);
        }
        Self::local(global, access, Arc::new(SystemClock)).await
    }

    /// Opens the data directory in this process.
    pub(crate) async fn local(
        global: &Global,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let (log, log_options) = match open_log(global, access, &clock).await {
            Ok(opened) => opened,
            Err(OpenError::NoLedger { dir }) => {
                // The demo keeps its ledger next to its evidence.
                let data = Path::new(&dir).join("data");
                if is_ledger(&data) {
                    return Err(Failure::failed(format!(
                        "{dir}: no ledger here, but there is one in it: --data {}",
                        data.display()
                    )));
                }
                return Err(Failure::failed(format!(
                    "{dir}: no ledger here; say where with --data DIR or --server URL, or make one: `tollgate import codex PATH`, \
                     `tollgate task open TASK`, `tollgate serve`"
                )));
            }
            Err(error) => return Err(error.into()),
        };
        let options = ledger_options(global, Views::below(&global.data), clock);
        let mut connection = Self::of_ledger(global, Ledger::open_here(log, log_options, options).await?)?;
        if let Some(local) = &mut connection.local {
            let dir = global.evidence_dir.clone().unwrap_or_else(|| EVIDENCE_DIR.into());
            let mark = global.data.join("evidence.json");
            let beside = Ways::open(None, Some(&dir)).map_err(|error| Failure::failed(error.to_string()))?;
            local.remediations = Remediations::new(Arc::clone(&local.ledger), beside);
            local.evidence = Some(Evidence::new(Arc::clone(&local.ledger), dir, mark));
            if access == Access::MayCreate {
                local.patience = Duration::MAX;
            }
        }
        Ok(connection)
    }

    /// A ledger in this process.
    fn of_ledger(global: &Global, ledger: Ledger) -> Result<Self, Failure> {
        let ledger = Arc::new(ledger);
        let app = App::new(Arc::clone(&ledger), Hosts::default(), ConnectionLimits::default());
        // Whoever opens the log may do everything with it.
        let router = router(app.without_keys());
        let client = as_flags(Client::new(Arc::new(InProcess(router))), global)?;
        let remediations = Remediations::new(Arc::clone(&ledger), Ways::default());
        Ok(Self {
            client,
            local: Some(Local { ledger, evidence: None, patience: QUESTION_WRITES, remediations }),
        })
    }

    fn remote(server: impl Transport, global: &Global) -> Result<Self, Failure> {
        let of_the_server = [("--config", global.config.is_some()), ("--prices", global.prices.is_some())];
        for (flag, _) in of_the_server.into_iter().filter(|(_, given)| *given) {
            note(&format!("! {flag} has no effect here: a server answers, and it uses its own settings"));
        }
        Ok(Self { client: as_flags(Client::new(Arc::new(server)), global)?, local: None })
    }

    /// The ledger in this process, if there is one.
    pub(crate) const fn ledger(&self) -> Option<&Arc<Ledger>> {
        match &self.local {
            Some(local) => Some(&local.ledger),
            None => None,
        }
    }

    /// Commits the views and writes the evidence that is due, if that is this process's task. A report that
    /// cannot be written does not affect what the command did: it is reported, and the next command writes
    /// it.
    pub(crate) async fn close(self) {
        let Some(mut local) = self.local else { return };
        if local.remediations.round().await > 0 {
            note(
                "! the remediation of a blocked task is not open everywhere yet; a server goes on with it, or the task's next block",
            );
        }
        if give_closed(&local.ledger).await > 0 {
            note("! a closed task has not given to its pool yet; the next server goes on with it");
        }
        if let Some(evidence) = &mut local.evidence {
            match evidence.catch_up_within(local.patience).await {
                Ok(true) => {}
                Ok(false) => {
                    note("! more evidence is to be written: a server goes on with it, or the next command");
                }
                Err(error) => note(&format!("! {error}; the next command tries again")),
            }
        }
        local.ledger.stop().await;
    }
}

/// The JetStream log that the flags name. `known`: how many records' ids are read at once; the default if not
/// given.
pub(crate) async fn jetstream(
    global: &Global,
    url: &str,
    known: Option<u64>,
) -> Result<Arc<JetStreamLog>, Failure> {
    let mut options = nats_options(global, url)?;
    if let Some(known) = known {
        options.known_records = known;
    }
    Ok(Arc::new(JetStreamLog::connect(options).await?))
}

/// How the flags say to reach the NATS server.
pub(crate) fn nats_options(global: &Global, url: &str) -> Result<NatsOptions, Failure> {
    let mut options = NatsOptions::new(url);
    options.stream.clone_from(&global.nats.stream);
    options.client_name = format!("tollgate {}", std::process::id());
    let flags = &global.nats;
    let access = NatsAccess {
        user: flags.nats_user.clone(),
        password_file: flags.nats_password_file.clone(),
        token_file: flags.nats_token_file.clone(),
        credentials_file: flags.nats_creds.clone(),
        nkey_file: flags.nats_nkey.clone(),
        ..NatsAccess::default()
    };
    options.credentials = access.credentials().map_err(|error| Failure::failed(error.to_string()))?;
    options.tls = Tls {
        required: flags.nats_tls,
        ca: flags.nats_ca.clone(),
        certificate: flags.nats_cert.clone(),
        key: flags.nats_key.clone(),
    };
    if let Some(prefix) = &flags.nats_inbox_prefix {
        options.inbox_prefix.clone_from(prefix);
    }
    options.monitor.clone_from(&flags.nats_monitor);
    options.store_dir.clone_from(&flags.nats_store);
    options.declared = flags.durability_declared;
    Ok(options)
}

/// Opens the log; if another command has it, waits for that to finish.
async fn open_log(
    global: &Global,
    access: Access,
    clock: &Arc<dyn Clock>,
) -> Result<(EmbeddedLog, Options), OpenError> {
    let data = &global.data;
    let (mut waited, mut waited_for) = (Stopwatch::start(), None);
    loop {
        let options = Options {
            clock: Arc::clone(clock),
            lock_note: format!("{COMMAND_NOTE}, process {}", std::process::id()),
            accept_loss: global.accept_loss,
            ..Options::default()
        };
        let opened = match access {
            Access::MayCreate => EmbeddedLog::open_or_create(data, options.clone()),
            Access::Existing => EmbeddedLog::open(data, options.clone()),
        };
        let holder = match &opened {
            // A holder without a note is about to write one.
            Err(OpenError::Locked { holder, .. })
                if holder.is_empty() || holder.starts_with(COMMAND_NOTE) =>
            {
                Some(holder.clone())
            }
            Ok(_) | Err(_) => return opened.map(|log| (log, options)),
        };
        if waited_for != holder {
            (waited, waited_for) = (Stopwatch::start(), holder);
        }
        let left = COMMAND_WAIT.saturating_sub(waited.elapsed());
        if left.is_zero() {
            return opened.map(|log| (log, options));
        }
        released(data, left).await;
    }
}

/// Returns when no one holds the data directory, or time is up.
async fn released(data: &Path, up_to: Duration) {
    let dir = data.to_owned();
    let (free, freed) = tokio::sync::oneshot::channel();
    // A separate thread, not one of the runtime's: it may wait longer than this process lives.
    let waiting = std::thread::Builder::new().spawn(move || {
        if std::fs::File::open(dir).and_then(|held| held.lock()).is_ok() {
            // Nobody is waiting any more, so there is nobody to notify.
            let _ = free.send(());
        }
    });
    if waiting.is_ok() {
        // Timed out or free: the next attempt will tell.
        let _ = tokio::time::timeout(up_to, freed).await;
    }
}

/// Who is asking, and about whose tasks. The user's name is the asker's own claim, like a flag.
///
/// # Errors
///
/// It is neither a key nor a token. Its text is in no message.
fn as_flags(client: Client, global: &Global) -> Result<Client, Failure> {
    let user = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    let reader = global.reader.clone().or_else(user);
    let client = client.of_tenant(global.tenant.clone()).reading_as(reader.as_deref());
    let Some(key) = &global.api_key else { return Ok(client) };
    let refused = |rule: String| Failure::refused(format!("--api-key or TOLLGATE_API_KEY: {rule}"));
    // A token of an issuer has two dots, and a key has none. Only a server can say more about it.
    let sent = key.reveal().trim();
    if sent.matches('.').count() == 2 {
        return client.with_key(sent).map_err(|error| refused(error.to_string()));
    }
    let secret = KeySecret::read(sent).map_err(|error| refused(error.to_string()))?;
    client.with_key(secret.reveal()).map_err(|error| refused(error.to_string()))
}

fn ledger_options(global: &Global, views: Views, clock: Arc<dyn Clock>) -> LedgerOptions {
    let redaction_key = global.redaction_key.clone().or_else(|| views.redaction_key());
    LedgerOptions { views, settings: settings_options(global), clock, redaction_key }
}

/// Config and prices from the flags.
pub(crate) fn settings_options(global: &Global) -> SettingsOptions {
    let off = |value: &str| matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off");
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| !off(&value));
    SettingsOptions {
        config: config_file(global),
        strict: global.strict_config,
        prices: global.prices.clone(),
        price_sources: global.price_sources.clone(),
        enforcement_disabled: is_set("DISABLE_BUDGET_ENFORCEMENT"),
        tracking_disabled: is_set("DISABLE_BUDGET_TRACKING"),
    }
}

/// The config from the flags, otherwise the one in the data directory; `None`: the built-in one.
pub(crate) fn config_file(global: &Global) -> Option<PathBuf> {
    let own = global.data.join(CONFIG_FILE);
    global.config.clone().or_else(|| own.is_file().then_some(own))
}

/// Whether a directory holds a ledger.
pub(crate) fn is_ledger(data: &Path) -> bool {
    data.join(LEDGER_FILE).is_file()
}

/// Whether a server owns a data directory and answers.
pub(crate) async fn is_served(data: &Path) -> bool {
    Bound::of_data(data).await.is_some()
}

/// Requests to a router in this process.
pub(crate) struct InProcess(pub(crate) axum::Router);

impl Transport for InProcess {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let (method, url) = (request.method().to_string(), request.uri().to_string());
        let router = self.0.clone();
        Box::pin(async move {
            let failed = |reason: String| TransportError { method, url, reason };
            let answered = router.oneshot(request.map(Body::from)).await;
            let response = match answered {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| failed(error.to_string()))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        })
    }
}
