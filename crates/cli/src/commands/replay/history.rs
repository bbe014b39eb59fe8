//! Where history comes from, where results go, and the configs they are about.

use std::path::{Component, Path, PathBuf};

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::ids::TenantId;
use tollgate_domain::price::PriceBook;
use tollgate_files::make_private_dirs;
use tollgate_import::reader::Format as Agent;
use tollgate_log::embedded::Snapshot;
use tollgate_replay::Marks;
use tollgate_replay::session_phases::{PhaseCoverage, Rules, SHIPPED};
use tollgate_replay::source::sessions::{self, Completion};
use tollgate_replay::source::{History, LedgerHistory, LogHistory, last_config};
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

/// Names the config in force among others.
const IN_FORCE: &str = "in-force";

/// Remarks about session files that are shown; the rest are only counted.
const SHOWN_REMARKS: usize = 20;

/// A history, and what is done in it with tasks that were not opened unless the flags say otherwise.
pub(super) struct Opened {
    pub(super) history: Box<dyn History>,
    pub(super) unopened: Unopened,
    /// The configs that were named for it, in their order, and that in force where that was named.
    pub(super) configs: Vec<Candidate>,
    /// What the phases of sessions came from, if rules gave them any.
    pub(super) session_phases: Option<PhaseCoverage>,
}

impl Opened {
    async fn of_ledger(
        history: Box<dyn History>,
        named: &[Named],
        dir: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut configs = Vec::with_capacity(named.len());
        for named in named {
            configs.push(match named {
                Named::Config(candidate) => candidate.as_ref().clone(),
                Named::InForce => in_force(history.as_ref(), dir).await?,
            });
        }
        Ok(Self { history, unopened: Unopened::LeaveOut, configs, session_phases: None })
    }
}

/// A config as flags name it.
pub(super) enum Named {
    /// This one.
    Config(Box<Candidate>),
    /// The one that is in force where the history ends.
    InForce,
}

impl Named {
    /// The config of a file, the built-in one, or that in force.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        match path.to_str() {
            Some(IN_FORCE) => Ok(Self::InForce),
            Some(_) | None => Ok(Self::Config(Box::new(candidate(path)?))),
        }
    }
}

/// The history that `--from` names, for these configs.
pub(super) async fn open(global: &Global, args: &HistoryArgs, named: &[Named]) -> Result<Opened, Failure> {
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
        return Opened::of_ledger(Box::new(history), named, None).await;
    }
    let path = PathBuf::from(&args.from);
    if let Some(dir) = ledger(&path) {
        let history = LedgerHistory::open(&dir)?;
        return Opened::of_ledger(Box::new(history), named, Some(&dir)).await;
    }
    if !path.exists() {
        return Err(Failure::failed(format!(
            "--from {}: does not exist; name a data directory, a backup, nats://HOST:PORT, or session files",
            args.from
        )));
    }
    // No config was in force over session files.
    let configs = named.iter().map(|named| match named {
        Named::Config(candidate) => candidate.as_ref().clone(),
        Named::InForce => built_in(),
    });
    let configs: Vec<Candidate> = configs.collect();
    let rules = rules(args.phases.as_deref(), &configs)?;
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
    Ok(Opened {
        history: Box::new(read.history),
        unopened: Unopened::Judge,
        configs,
        session_phases: read.phases,
    })
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

/// What people say that tasks of a history were.
pub(super) fn marks(global: &Global, args: &HistoryArgs) -> Result<Option<Marks>, Failure> {
    let Some(path) = &args.marks else { return Ok(None) };
    let name = path.display().to_string();
    let text = tollgate_files::read_settings(path)
        .map_err(|error| Failure::failed(format!("reading {name}: {error}")))?;
    Marks::read(&name, &text, &tenant(global)?)
        .map(Some)
        .map_err(|invalid| Failure::differs(format!("{name}: {invalid}")))
}

/// The directory of a ledger or backup that a path names.
fn ledger(path: &Path) -> Option<PathBuf> {
    // The demo keeps its ledger in a directory of its own.
    [path.to_owned(), path.join("data")].into_iter().find(|dir| is_ledger(dir) || Snapshot::is_backup(dir))
}

/// The config in force where a history ends: the last one that its log has. A ledger whose log has none never put one
/// in force: it would take that of its directory, else the built-in one.
async fn in_force(history: &dyn History, dir: Option<&Path>) -> Result<Candidate, Failure> {
    let last = last_config(history).await.map_err(|error| Failure::failed(error.to_string()))?;
    let Some(last) = last else {
        let own = dir.map(|dir| dir.join(CONFIG_FILE)).filter(|path| path.is_file());
        return own.map_or_else(|| Ok(built_in()), |path| candidate(&path));
    };
    let config = BudgetConfig::from_canonical(&last.canonical).map_err(|invalid| {
        Failure::differs(format!(
            "the config {:.12} of {}, in force since {}, cannot be used by this version: {invalid}; name a config with --config",
            last.hash, last.source, last.since
        ))
    })?;
    // Earlier versions shipped other limits under the same name.
    let is_earlier = last.source == BUILT_IN && config != BudgetConfig::built_in();
    let name = if is_earlier { format!("{BUILT_IN} of an earlier version") } else { last.source };
    Ok(Candidate { name, config })
}

fn built_in() -> Candidate {
    Candidate { name: BUILT_IN.to_owned(), config: BudgetConfig::built_in() }
}

/// The configs that flags name. A name is as much of a file's path as tells the files apart, however the path was
/// typed: it is in the result, and in its hash.
pub(super) fn named(paths: &[PathBuf]) -> Result<Vec<Named>, Failure> {
    let read = |(path, name): (&PathBuf, String)| match Named::read(path)? {
        Named::Config(candidate) => Ok(Named::Config(Box::new(Candidate { name, ..*candidate }))),
        Named::InForce => Ok(Named::InForce),
    };
    paths.iter().zip(names("config", &[BUILT_IN, IN_FORCE], paths)?).map(read).collect()
}

/// The names of what files hold, and of these words; a file that is named twice is refused.
pub(super) fn names(kind: &str, words: &[&str], paths: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let is_word = |path: &Path| words.iter().any(|word| path == Path::new(word));
    let full: Vec<PathBuf> = paths
        .iter()
        .map(|path| {
            if is_word(path) {
                path.clone()
            } else {
                std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())
            }
        })
        .collect();
    for (nth, path) in full.iter().enumerate() {
        if let Some(earlier) = full.iter().take(nth).position(|other| other == path) {
            let [one, other] = [earlier, nth]
                .map(|nth| paths.get(nth).map_or_else(String::new, |path| path.display().to_string()));
            let twice = if one == other {
                format!("--{kind} `{one}` is named twice")
            } else {
                format!("--{kind} `{one}` and `{other}` are the same file")
            };
            return Err(Failure::failed(format!("replay: {twice}: name each once")));
        }
    }
    Ok(full.iter().map(|path| short(path, &full)).collect())
}

/// The end of a path that no other one has.
fn short(path: &Path, all: &[PathBuf]) -> String {
    let parts = path.components().count();
    let end = |path: &Path, parts: usize| -> PathBuf {
        let skipped = path.components().count().saturating_sub(parts);
        path.components().skip(skipped).collect()
    };
    let alone = |of: usize| all.iter().filter(|other| end(other, of) == end(path, of)).count() <= 1;
    let of = (1..parts).find(|of| alone(*of)).unwrap_or(parts);
    end(path, of).display().to_string()
}

/// A config by its file.
fn candidate(path: &Path) -> Result<Candidate, Failure> {
    let name = path.display().to_string();
    if name == BUILT_IN { Ok(built_in()) } else { Ok(Candidate { name, config: read_config(path)? }) }
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
