//! Running history through other limits.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::runtime::Handle;
use tollgate_domain::money::{MoneyError, Usd};
use tollgate_domain::pool::PoolRules;
use tollgate_projection::savings::Stated;
use tollgate_replay::ReplayError;
use tollgate_replay::pictures::what_if_page;
use tollgate_replay::what_if::{Candidate, Policies, Question, Replayed, Unopened, read_policies, what_if};

use super::history::{Named, make, marks, named, names, open, own_directory, replace, tenant};
use super::interrupted::{SAVE_EVERY, interrupted, resumed};
use super::pictures::Pictures;
use super::progress::{Watched, watched};
use crate::args::{CostArgs, Form, Global, WhatIfArgs};
use crate::exit::{Failure, INTERRUPTED};
use crate::output::{differing_csv, json, note, out, what_if as shown};

/// Runs it, shows the result, and writes it to its directory.
pub(super) async fn run(global: &Global, args: &WhatIfArgs) -> Result<ExitCode, Failure> {
    let mut named = named(&args.configs)?;
    if named.is_empty() {
        named.push(Named::InForce);
    }
    let policies = policies(global, &args.policies)?;
    let marks = marks(global, &args.history)?;
    let pool = args.pool.as_deref().map(pool).transpose()?;
    let stated = stated(&args.cost)?;
    let out_dir =
        args.out.as_deref().map(|dir| own_directory("--out", dir, &args.history.from)).transpose()?;
    let pictures = Pictures::checked(&args.pictures, &args.history.from)?;
    let opened = open(global, &args.history, &named).await?;
    if let Some(given) = args.pool.as_deref() {
        one_pool(given, &opened.configs)?;
    }
    out_dir.map_or(Ok(()), make)?;
    let unopened = match args.unopened.as_deref() {
        Some("judge") => Unopened::Judge,
        Some(_) => Unopened::LeaveOut,
        None => opened.unopened,
    };
    let question = Question {
        candidates: &opened.configs,
        policies: &policies,
        marks: marks.as_ref(),
        pool: pool.as_ref(),
        unopened,
        session_phases: opened.session_phases.as_ref(),
        stated,
        threads: args.history.threads(),
        out: out_dir,
        checkpoint_events: args.save_every.unwrap_or(SAVE_EVERY),
    };
    let replayed =
        |progress: &Watched<'_>| what_if(opened.history.as_ref(), &question, &Handle::current(), progress);
    let replayed = match watched(replayed) {
        Ok(replayed) => replayed,
        Err(ReplayError::Interrupted) => {
            note(interrupted(out_dir, opened.history.as_ref()));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(error) => return Err(Failure::failed(error.to_string())),
    };
    if let Some(dir) = out_dir {
        write(dir, &replayed)?;
    }
    pictures.write(|| what_if_page(&replayed))?;
    if replayed.resumed {
        note(&resumed(&replayed.source.position, replayed.read_anew));
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

fn policies(global: &Global, paths: &[PathBuf]) -> Result<Vec<Policies>, Failure> {
    let tenant = tenant(global)?;
    let read = |(path, name): (&PathBuf, String)| {
        let text = tollgate_files::read_settings(path)
            .map_err(|error| Failure::failed(format!("reading {}: {error}", path.display())))?;
        read_policies(&name, &text, &tenant)
            .map_err(|invalid| Failure::differs(format!("{}: {invalid}", path.display())))
    };
    paths.iter().zip(names("policies", &[], paths)?).map(read).collect()
}

fn pool(path: &Path) -> Result<PoolRules, Failure> {
    let name = path.display();
    let text = tollgate_files::read_settings(path)
        .map_err(|error| Failure::failed(format!("reading {name}: {error}")))?;
    PoolRules::from_yaml(&text).map_err(|invalid| Failure::differs(format!("{name}: {invalid}")))
}

/// A config with a pool of its own is replayed with that one: which of two was meant nobody knows.
fn one_pool(given: &Path, configs: &[Candidate]) -> Result<(), Failure> {
    let Some(config) = configs.iter().find(|candidate| candidate.config.pool.is_some()) else {
        return Ok(());
    };
    Err(Failure::refused(format!(
        "--pool {}: config `{}` has a section `pool` of its own, and is replayed with that: leave --pool out, or take the section \
         out of the config",
        given.display(),
        config.name
    )))
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

fn write(dir: &Path, replayed: &Replayed) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(replayed).map_err(|error| Failure::failed(error.to_string()))?;
    for (name, text) in [("what-if.json", text + "\n"), ("differing.csv", differing_csv(&replayed.result))] {
        replace(&dir.join(name), &text)?;
    }
    Ok(())
}
