//! Where history comes from, where results go, and the configs they are about.

use std::path::{Component, Path, PathBuf};

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::ids::TenantId;
use tollgate_domain::price::PriceBook;
use tollgate_files::make_private_dirs;
use tollgate_import::reader::Format as Agent;
use tollgate_log::embedded::Snapshot;
use tollgate_replay::session_phases::{PhaseCoverage, Rules, SHIPPED};
use tollgate_replay::source::sessions::{self, Completion};
use tollgate_replay::source::{History, LedgerHistory, LogHistory};
use tollgate_replay::what_if::{Candidate, Unopened};
use tollgate_server::ledger::BUILT_IN;

use crate::args::{Global, HistoryArgs};
use crate::commands::config::read_config;
use crate::commands::price_book;
use crate::connect::{CONFIG_FILE, is_ledger, jetstream};
use crate::exit::Failure;
use crate::output::{counted, note};

/// Says that sessions are to have no phases.
const NO_RULES: &str = "none";

/// Remarks about session files that are shown; the rest are only counted.
const SHOWN_REMARKS: usize = 20;

/// A history, and what is done in it with tasks that were not opened unless the flags say otherwise.
pub(super) struct Opened {
    pub(super) history: Box<dyn History>,
    pub(super) unopened: Unopened,
    /// What the phases of sessions came from, if rules gave them any.
    pub(super) session_phases: Option<PhaseCoverage>,
}

impl Opened {
    fn of_ledger(history: Box<dyn History>) -> Self {
        Self { history, unopened: Unopened::LeaveOut, session_phases: None }
    }
}

/// The history that `--from` names, for these configs.
pub(super) async fn open(
    global: &Global,
    args: &HistoryArgs,
    configs: &[Candidate],
) -> Result<Opened, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let is_log = args.from.contains("://") || ledger(Path::new(&args.from)).is_some();
    if let Some(agent) = args.agent.as_deref().filter(|_| is_log) {
        let from = &args.from;
        return Err(Failure::refused(format!(
            "--agent {agent}: {from} is a ledger, not session files of an agent"
        )));
    }
    if let Some(rules) = args.phases.as_deref().filter(|_| is_log) {
        let from = &args.from;
        return Err(Failure::refused(format!(
            "--phases {rules}: {from} is a ledger, its phases are those that were reported; rules are for session files of an agent"
        )));
    }
    if args.from.contains("://") {
        let log = jetstream(global, &args.from, Some(0)).await?;
        let origin = format!("stream {} of {}", global.nats.stream, args.from);
        let history = LogHistory::open(origin, log).await.map_err(|error| failed(&error))?;
        return Ok(Opened::of_ledger(Box::new(history)));
    }
    let path = PathBuf::from(&args.from);
    if let Some(dir) = ledger(&path) {
        let history = LedgerHistory::open(&dir)?;
        return Ok(Opened::of_ledger(Box::new(history)));
    }
    if !path.exists() {
        return Err(Failure::failed(format!(
            "--from {}: does not exist; name a data directory, a backup, nats://HOST:PORT, or session files",
            args.from
        )));
    }
    let rules = rules(args.phases.as_deref(), configs)?;
    let agent = args.agent.as_deref().and_then(Agent::from_word).or_else(|| sessions::format_of(&path));
    let prices = match &global.prices {
        Some(path) => price_book::read(path)?.0,
        None => PriceBook::shipped(),
    };
    let completion = Completion { tenant: tenant(global)?, prices, config: BudgetConfig::built_in() };
    let read = sessions::read(&path, agent.unwrap_or(Agent::Codex), &completion, rules.as_ref()).await;
    let read = read.map_err(|error| failed(&error))?;
    for remark in read.remarks.iter().take(SHOWN_REMARKS) {
        note(&format!("! {remark}"));
    }
    if read.remarks.len() > SHOWN_REMARKS {
        note(&format!("! … and {} more", read.remarks.len() - SHOWN_REMARKS));
    }
    note(&format!("{}, {} in them", counted(read.files, "file"), counted(read.calls, "call")));
    if read.calls == 0 {
        return Err(Failure::failed(format!(
            "--from {}: no call of a model is in it; --agent says whose sessions they are",
            args.from
        )));
    }
    Ok(Opened { history: Box::new(read.history), unopened: Unopened::Judge, session_phases: read.phases })
}

/// The rules that give sessions phases, the shipped ones if nothing is named; `None`: they are to have none.
pub(in crate::commands) fn rules(
    given: Option<&str>,
    configs: &[Candidate],
) -> Result<Option<Rules>, Failure> {
    const INSTEAD: &str =
        "name other rules with --phases FILE, or leave sessions without phases by --phases none";
    match given {
        Some(NO_RULES) => Ok(None),
        None | Some(SHIPPED) => Rules::shipped(configs).map(Some).map_err(|invalid| {
            Failure::differs(format!("the shipped rules for phases of sessions: {invalid}; {INSTEAD}"))
        }),
        Some(path) => {
            let text = tollgate_files::read_settings(Path::new(path))
                .map_err(|error| Failure::failed(format!("reading {path}: {error}")))?;
            Rules::read(path, &text, configs)
                .map(Some)
                .map_err(|invalid| Failure::differs(format!("{path}: {invalid}")))
        }
    }
}

/// The directory of a ledger or backup that a path names.
fn ledger(path: &Path) -> Option<PathBuf> {
    // The demo keeps its ledger in a directory of its own.
    [path.to_owned(), path.join("data")].into_iter().find(|dir| is_ledger(dir) || Snapshot::is_backup(dir))
}

/// The config in force: the one that the flags name, else that of the ledger's directory, else the built-in one.
pub(super) fn current(global: &Global, from: &str) -> Result<Candidate, Failure> {
    let own = || Some(ledger(Path::new(from))?.join(CONFIG_FILE)).filter(|path| path.is_file());
    candidate(&global.config.clone().or_else(own).unwrap_or_else(|| PathBuf::from(BUILT_IN)))
}

/// A config by its file.
pub(super) fn candidate(path: &Path) -> Result<Candidate, Failure> {
    let name = path.display().to_string();
    let config = if name == BUILT_IN { BudgetConfig::built_in() } else { read_config(path)? };
    Ok(Candidate { name, config })
}

/// Whose tasks they are.
pub(super) fn tenant(global: &Global) -> Result<TenantId, Failure> {
    match &global.tenant {
        Some(name) => TenantId::new(&**name).map_err(|error| Failure::refused(error.to_string())),
        None => Ok(TenantId::default_tenant()),
    }
}

/// The run's own directory, checked and not made: never one that holds the history.
pub(super) fn own_directory<'a>(flag: &str, dir: &'a Path, from: &str) -> Result<&'a Path, Failure> {
    if dir.is_file() {
        return Err(Failure::refused(format!("{flag} {}: is a file; name a directory", dir.display())));
    }
    if dir.components().any(|part| part == Component::ParentDir) && !dir.exists() {
        return Err(Failure::refused(format!(
            "{flag} {}: does not exist, and where `..` leads is not known; name it without",
            dir.display()
        )));
    }
    outside(flag, dir, from)?;
    Ok(dir)
}

/// Refuses a path inside the history.
pub(super) fn outside(flag: &str, path: &Path, from: &str) -> Result<(), Failure> {
    if let (Ok(source), Some(existing)) = (std::fs::canonicalize(from), existing(path))
        && existing.starts_with(&source)
    {
        return Err(Failure::refused(format!(
            "{flag} {}: it is inside {from}, where the history is; choose a place of its own",
            path.display()
        )));
    }
    Ok(())
}

/// Looked at before anything is made: the path itself, or the closest directory above it that exists.
pub(super) fn existing(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|above| {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        std::fs::canonicalize(above).ok()
    })
}

/// Makes the run's own directory.
pub(super) fn make(dir: &Path) -> Result<(), Failure> {
    make_private_dirs(dir).map_err(|error| Failure::failed(format!("making {}: {error}", dir.display())))
}

/// Writes a file of it, as a whole or not at all.
pub(super) fn replace(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    tollgate_files::replace(path, bytes.as_ref())
        .map_err(|error| Failure::failed(format!("writing {}: {error}", path.display())))
}
