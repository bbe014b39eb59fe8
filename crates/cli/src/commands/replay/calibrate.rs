//! Proposing limits from history.

use std::path::Path;
use std::process::ExitCode;

use tokio::runtime::Handle;
use tollgate_replay::ReplayError;
use tollgate_replay::calibrate::{Confidence, Options, WeightRule};
use tollgate_replay::collect::{Asked, Calibrated, CollectError, calibrate_history};
use tollgate_replay::pictures::calibration_page;

use super::history::{Named, make, marks, open, own_directory, replace};
use super::interrupted::{SAVE_EVERY, interrupted, resumed};
use super::pictures::Pictures;
use super::progress::{Watched, watched};
use crate::args::{CalibrateArgs, Form, Global};
use crate::exit::{Failure, INTERRUPTED};
use crate::output::{calibrated_md, calibrated_summary, json, note, out, rows_csv};

/// The proposed config.
const PROPOSAL: &str = "calibrated.yaml";

/// Reads the history, shows what is proposed, and writes it to its directory.
pub(super) async fn run(global: &Global, args: &CalibrateArgs) -> Result<ExitCode, Failure> {
    let from = &args.history.from;
    let current = global.config.as_deref().map_or(Ok(Named::InForce), Named::read)?;
    let options = options(args)?;
    let marks = marks(global, &args.history)?;
    let out_dir = args.out.as_deref().map(|dir| own_directory("--out", dir, from)).transpose()?;
    let pictures = Pictures::checked(&args.pictures, from)?;
    let opened = open(global, &args.history, std::slice::from_ref(&current)).await?;
    let asked = Asked {
        current: opened.configs.first().ok_or_else(|| Failure::failed("replay: no config".to_owned()))?,
        options: &options,
        marks: marks.as_ref(),
        session_phases: opened.session_phases.as_ref(),
        threads: args.history.threads(),
        out: out_dir,
        checkpoint_events: args.save_every.unwrap_or(SAVE_EVERY),
    };
    let is_new = out_dir.filter(|dir| !dir.exists());
    let history = opened.history.as_ref();
    let done =
        watched(|progress: &Watched<'_>| calibrate_history(history, &asked, &Handle::current(), progress));
    let calibrated = match done {
        Ok(calibrated) => calibrated,
        Err(CollectError::Read(ReplayError::Interrupted)) => {
            note(interrupted(out_dir, history));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(error) => {
            // Of a run that proposes nothing, nothing stays; what is not empty is not removed.
            let _ = is_new.map(std::fs::remove_dir);
            return Err(Failure::failed(error.to_string()));
        }
    };
    if let Some(dir) = out_dir {
        write(dir, &calibrated)?;
    }
    pictures.write(|| calibration_page(&calibrated))?;
    if calibrated.resumed {
        note(&resumed(&calibrated.source.position, calibrated.read_anew));
    }
    match global.form {
        Form::Json => json(&calibrated),
        Form::Csv => out(&rows_csv(&calibrated.result.calibration, "groups")),
        Form::Table | Form::Md | Form::Html => {
            out(&calibrated_summary(&calibrated));
            note(&match out_dir {
                Some(dir) => format!("the config is {}", dir.join(PROPOSAL).display()),
                None => "nothing was written; --out DIR writes the config".to_owned(),
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn options(args: &CalibrateArgs) -> Result<Options, Failure> {
    let usual = Options::default();
    let confidence = args.confidence.map(Confidence::from_percent).transpose();
    let confidence = confidence.map_err(|error| Failure::refused(error.to_string()))?;
    Ok(Options {
        confidence: confidence.unwrap_or(usual.confidence),
        holdout_percent: args.holdout.unwrap_or(usual.holdout_percent),
        false_positives_permille: args.false_positives.unwrap_or(usual.false_positives_permille),
        latency_margin_percent: args.latency_margin.unwrap_or(usual.latency_margin_percent),
        weights: args.weights.as_deref().and_then(WeightRule::from_word).unwrap_or(usual.weights),
        precision_points: usual.precision_points,
    })
}

fn write(dir: &Path, calibrated: &Calibrated) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(calibrated).map_err(|error| Failure::failed(error.to_string()))?;
    make(dir)?;
    replace(&dir.join(PROPOSAL), calibrated.config_file())?;
    replace(&dir.join("calibrate.md"), calibrated_md(calibrated))?;
    replace(&dir.join("calibrate.json"), &(text + "\n"))
}
