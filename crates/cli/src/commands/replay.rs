//! Running history through other limits.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Handle;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::{MoneyError, Usd};
use tollgate_domain::price::PriceBook;
use tollgate_files::make_private_dirs;
use tollgate_import::reader::Format as Agent;
use tollgate_log::embedded::Snapshot;
use tollgate_projection::savings::Stated;
use tollgate_replay::source::sessions::{self, Completion};
use tollgate_replay::source::{History, LedgerHistory, LogHistory};
use tollgate_replay::what_if::{
    Candidate, Policies, Progress, Question, ReplayError, Replayed, Unopened, read_policies, what_if,
};
use tollgate_server::ledger::BUILT_IN;

use super::config::read_config;
use super::price_book;
use crate::args::{CostArgs, Form, Global, ReplayCommand, WhatIfArgs};
use crate::connect::{is_ledger, jetstream};
use crate::exit::{Failure, INTERRUPTED};
use crate::output::{counted, differing_csv, grouped_u64, json, note, out, what_if as shown};

/// How many records a thread works before what is done is written down: some seconds of work.
const CHECKPOINT_RECORDS: u64 = 100_000;

/// Remarks about session files that are shown; the rest are only counted.
const SHOWN_REMARKS: usize = 20;

/// A history, and what is done in it with tasks that were not opened unless the flags say otherwise.
struct Opened {
    history: Box<dyn History>,
    unopened: Unopened,
}

pub(crate) async fn run(global: &Global, command: ReplayCommand) -> Result<ExitCode, Failure> {
    match command {
        ReplayCommand::WhatIf(args) => run_what_if(global, &args).await,
    }
}

async fn run_what_if(global: &Global, args: &WhatIfArgs) -> Result<ExitCode, Failure> {
    let candidates = args.configs.iter().map(|path| candidate(path)).collect::<Result<Vec<_>, _>>()?;
    let policies = args.policies.as_deref().map(|path| policies(global, path)).transpose()?;
    let stated = stated(&args.cost)?;
    let out_dir = args.out.as_deref().map(|dir| own_directory(dir, &args.from)).transpose()?;
    let opened = open(global, args).await?;
    let unopened = match args.unopened.as_deref() {
        Some("judge") => Unopened::Judge,
        Some(_) => Unopened::LeaveOut,
        None => opened.unopened,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let question = Question {
        candidates: &candidates,
        policies: policies.as_ref(),
        unopened,
        stated,
        threads: args.threads.map_or(cores, usize::from),
        out: out_dir,
        checkpoint_records: CHECKPOINT_RECORDS,
    };
    let replayed = match worked(opened.history.as_ref(), &question) {
        Ok(replayed) => replayed,
        Err(ReplayError::Interrupted) => {
            note(match out_dir {
                Some(_) if opened.history.is_lasting() => {
                    "interrupted; the same command goes on from where it was"
                }
                Some(_) => "interrupted; session files are read anew",
                None => "interrupted; with --out DIR the same command would go on from where it was",
            });
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(error) => return Err(Failure::failed(error.to_string())),
    };
    if let Some(dir) = out_dir {
        write(dir, &replayed)?;
    }
    match global.form {
        Form::Json => json(&replayed),
        Form::Csv => out(&differing_csv(&replayed.result)),
        Form::Table | Form::Md | Form::Html => {
            crate::output::say(&shown(&replayed));
            if let Some(dir) = out_dir {
                note(&format!("everything is in {}", dir.join("what-if.json").display()));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs it, with a progress bar on a terminal; Ctrl-C stops it.
fn worked(history: &dyn History, question: &Question<'_>) -> Result<Replayed, ReplayError> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    let watch = tokio::spawn(async move {
        // Without a handler Ctrl-C ends the process, which loses nothing either.
        if tokio::signal::ctrl_c().await.is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    });
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} %  {msg}  {eta} left") {
        bar.set_style(style);
    }
    let progress = |progress: Progress| {
        bar.set_length(progress.of_records);
        bar.set_position(progress.records);
        let seconds = bar.elapsed().as_millis().max(1);
        let rate = u128::from(progress.events).saturating_mul(1_000) / seconds;
        bar.set_message(format!("{} events/s", grouped_u64(u64::try_from(rate).unwrap_or(u64::MAX))));
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let replayed = tokio::task::block_in_place(|| what_if(history, question, &Handle::current(), &progress));
    watch.abort();
    bar.finish_and_clear();
    replayed
}

fn candidate(path: &Path) -> Result<Candidate, Failure> {
    let name = path.display().to_string();
    let config = if name == BUILT_IN { BudgetConfig::built_in() } else { read_config(path)? };
    Ok(Candidate { name, config })
}

fn policies(global: &Global, path: &Path) -> Result<Policies, Failure> {
    let name = path.display();
    let text = tollgate_files::read_settings(path)
        .map_err(|error| Failure::failed(format!("reading {name}: {error}")))?;
    read_policies(&text, &tenant(global)?).map_err(|invalid| Failure::differs(format!("{name}: {invalid}")))
}

fn tenant(global: &Global) -> Result<TenantId, Failure> {
    match &global.tenant {
        Some(name) => TenantId::new(&**name).map_err(|error| Failure::refused(error.to_string())),
        None => Ok(TenantId::default_tenant()),
    }
}

fn stated(cost: &CostArgs) -> Result<Stated, Failure> {
    let read = |flag: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(usd) if usd >= Usd::ZERO => Ok(Some(usd)),
            Ok(_) => Err(Failure::refused(format!("{flag}: `{text}`: must not be negative"))),
            Err(error) => {
                let error: MoneyError = error;
                Err(Failure::refused(format!("{flag}: `{text}`: {error}")))
            }
        },
    };
    let interruption = read("--interruption-usd", &cost.interruption_usd)?;
    Ok(Stated { cost: read("--cost-usd", &cost.cost_usd)?, interruption: interruption.unwrap_or_default() })
}

/// The run's own directory: never one that holds the history.
fn own_directory<'a>(dir: &'a Path, from: &str) -> Result<&'a Path, Failure> {
    let failed = |error| Failure::failed(format!("making {}: {error}", dir.display()));
    let source = std::fs::canonicalize(from).ok();
    // Looked at before anything is made: the closest directory that exists.
    let existing = dir.ancestors().find_map(|above| {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        std::fs::canonicalize(above).ok()
    });
    if let (Some(source), Some(existing)) = (source, existing)
        && existing.starts_with(&source)
    {
        return Err(Failure::refused(format!(
            "--out {}: it is inside {from}, where the history is; choose a directory of its own",
            dir.display()
        )));
    }
    make_private_dirs(dir).map_err(failed)?;
    Ok(dir)
}

/// The history that `--from` names.
async fn open(global: &Global, args: &WhatIfArgs) -> Result<Opened, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    if args.from.contains("://") {
        let log = jetstream(global, &args.from, Some(0)).await?;
        let origin = format!("stream {} of {}", global.nats.stream, args.from);
        let history = LogHistory::open(origin, log).await.map_err(|error| failed(&error))?;
        return Ok(Opened { history: Box::new(history), unopened: Unopened::LeaveOut });
    }
    let path = PathBuf::from(&args.from);
    // The demo keeps its ledger in a directory of its own.
    let within = path.join("data");
    let ledger = [&path, &within].into_iter().find(|dir| is_ledger(dir) || Snapshot::is_backup(dir));
    if let Some(dir) = ledger {
        let history = LedgerHistory::open(dir)?;
        return Ok(Opened { history: Box::new(history), unopened: Unopened::LeaveOut });
    }
    if !path.exists() {
        return Err(Failure::failed(format!(
            "--from {}: does not exist; name a data directory, a backup, nats://HOST:PORT, or session files",
            args.from
        )));
    }
    let agent = args.agent.as_deref().and_then(Agent::from_word).or_else(|| sessions::format_of(&path));
    let prices = match &global.prices {
        Some(path) => price_book::read(path)?.0,
        None => PriceBook::shipped(),
    };
    let completion = Completion { tenant: tenant(global)?, prices, config: BudgetConfig::built_in() };
    let read = sessions::read(&path, agent.unwrap_or(Agent::Codex), &completion).await;
    let read = read.map_err(|error| failed(&error))?;
    for remark in read.remarks.iter().take(SHOWN_REMARKS) {
        note(&format!("! {remark}"));
    }
    if read.remarks.len() > SHOWN_REMARKS {
        note(&format!("! … and {} more", read.remarks.len() - SHOWN_REMARKS));
    }
    note(&format!("{}, {} in them", counted(read.files, "file"), counted(read.calls, "call")));
    Ok(Opened { history: Box::new(read.history), unopened: Unopened::Judge })
}

fn write(dir: &Path, replayed: &Replayed) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(replayed).map_err(|error| Failure::failed(error.to_string()))?;
    for (name, text) in [("what-if.json", text + "\n"), ("differing.csv", differing_csv(&replayed.result))] {
        let path = dir.join(name);
        tollgate_files::replace(&path, text.as_bytes())
            .map_err(|error| Failure::failed(format!("writing {}: {error}", path.display())))?;
    }
    Ok(())
}
