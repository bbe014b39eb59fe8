//! Importing the sessions of coding agents.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::value::RawValue;
use tollgate_client::{Client, ClientError};
use tollgate_domain::event::Event;
use tollgate_domain::ids::TenantId;
use tollgate_import::item::Item;
use tollgate_import::reader::{Format as Source, SessionReader};
use tollgate_import::sources::sources;
use tollgate_import::summary::ImportSummary;
use tollgate_wire::Submitted;
use tollgate_wire::api::{AppendRequest, EventOutcome, Outcome};

use super::ask;
use crate::args::{Format, Global, ImportArgs};
use crate::connect::Access;
use crate::exit::{DIFFERS, Failure, INTERRUPTED};
use crate::output::{counted, grouped, grouped_u64, json, line, note};

/// Events of a request: its limit.
const REQUEST_EVENTS: usize = 500;

/// Bytes of a request's events: below the 1 MiB of a body.
const REQUEST_BYTES: usize = 900 * 1024;

/// Problems that are shown; the rest is counted.
const SHOWN_PROBLEMS: u64 = 20;

/// An import that runs.
struct Import<'a> {
    client: &'a Client,
    producer: &'a str,
    progress: ProgressBar,
    events: Vec<Box<RawValue>>,
    bytes: usize,
    summary: ImportSummary,
    outcomes: Outcomes,
    interrupted: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Outcomes {
    new: u64,
    duplicate: u64,
    refused: u64,
    shown: u64,
}

pub(crate) async fn run(global: &Global, args: &ImportArgs) -> Result<ExitCode, Failure> {
    let tenant = match &global.tenant {
        Some(name) => TenantId::new(&**name).map_err(|error| Failure::refused(error.to_string()))?,
        None => TenantId::default_tenant(),
    };
    let found = sources(&args.paths);
    for problem in &found.problems {
        note(&format!("! {problem}"));
    }
    if found.files.is_empty() {
        return Err(Failure::failed("nothing to import"));
    }
    let progress = ProgressBar::new(found.bytes());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {wide_msg}") {
        progress.set_style(style);
    }
    let interrupted = interruptible();
    let imported = ask(global, Access::MayCreate, async |it| {
        let mut import = Import {
            client: &it.client,
            producer: &global.producer,
            progress: progress.clone(),
            events: Vec::new(),
            bytes: 0,
            summary: ImportSummary::default(),
            outcomes: Outcomes::default(),
            interrupted: Arc::clone(&interrupted),
        };
        let mut before = 0;
        for file in found.files.iter().take_while(|_| !stopped(&interrupted)) {
            import.file(&file.path, &tenant, before).await?;
            before += file.bytes;
        }
        if !stopped(&interrupted) {
            import.send().await?;
        }
        Ok::<_, Failure>((import.summary, import.outcomes))
    });
    let imported = imported.await;
    progress.finish_and_clear();
    let (summary, outcomes) = imported?;
    if stopped(&interrupted) {
        tell_interrupted(global, &outcomes);
        return Ok(ExitCode::from(INTERRUPTED));
    }
    tell(global, &summary, &outcomes);
    let unreadable = !found.problems.is_empty() || summary.problems > 0 || outcomes.refused > 0;
    Ok(if unreadable { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

/// A flag that the first Ctrl-C sets: the request that runs is answered, and no other is sent. A second one ends the process.
fn interruptible() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    tokio::spawn(async move {
        // Without a handler Ctrl-C ends the process, as it would have.
        if tokio::signal::ctrl_c().await.is_ok() {
            set.store(true, Ordering::Relaxed);
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(INTERRUPTED.into());
            }
        }
    });
    flag
}

fn stopped(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

impl Import<'_> {
    async fn file(&mut self, path: &Path, tenant: &TenantId, before: u64) -> Result<(), Failure> {
        self.progress.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let mut reader: Box<dyn SessionReader> = match Source::Codex.open(path, tenant) {
            Ok(reader) => reader,
            Err(problem) => {
                self.summary.problems += 1;
                self.show(&problem.to_string());
                return Ok(());
            }
        };
        while let Some(item) = reader.next() {
            if stopped(&self.interrupted) {
                return Ok(());
            }
            self.summary.count(&item);
            match item {
                Item::Event(event) => self.add(*event).await?,
                Item::Problem(problem) => self.show(&problem.to_string()),
                Item::Note(told) => self.show(&told.to_string()),
            }
            self.progress.set_position(before + reader.bytes_read());
        }
        self.summary.finish_file(reader.counts());
        Ok(())
    }

    async fn add(&mut self, event: Event) -> Result<(), Failure> {
        let id = event.id.clone();
        let json = Submitted::from_event(event).map(|submitted| submitted.to_json().to_string());
        let raw = match json
            .map_err(|error| error.to_string())
            .and_then(|json| RawValue::from_string(json).map_err(|error| error.to_string()))
        {
            Ok(raw) => raw,
            Err(error) => {
                self.summary.problems += 1;
                self.show(&format!("event {id}: {error}"));
                return Ok(());
            }
        };
        let bytes = raw.get().len();
        if self.events.len() == REQUEST_EVENTS || self.bytes + bytes > REQUEST_BYTES {
            self.send().await?;
        }
        self.bytes += bytes;
        self.events.push(raw);
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Failure> {
        if self.events.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut self.events);
        self.bytes = 0;
        let request = AppendRequest {
            tenant: None,
            producer: Some(self.producer.to_owned()),
            events,
            gates: Vec::new(),
        };
        match self.client.append(&request).await {
            Ok(answer) => self.count(&answer.outcomes),
            // Refused events of one session do not keep the others out.
            Err(ClientError::Problem(problem)) if !problem.retryable && !problem.outcomes.is_empty() => {
                self.count(&problem.outcomes);
            }
            Err(error) => {
                return Err(Failure::failed(format!(
                    "{error}\nimport again: what is in the ledger already is not counted twice"
                )));
            }
        }
        Ok(())
    }

    fn count(&mut self, outcomes: &[EventOutcome]) {
        for answer in outcomes {
            match answer.outcome {
                Outcome::Appended => self.outcomes.new += 1,
                Outcome::Duplicate => self.outcomes.duplicate += 1,
                Outcome::Ignored => {
                    self.outcomes.refused += 1;
                    self.show(answer.warnings.first().map_or("ignored", String::as_str));
                }
                Outcome::Conflict | Outcome::Refused => {
                    self.outcomes.refused += 1;
                    if answer.code.as_deref() != Some("refused_with") {
                        self.show(answer.detail.as_deref().unwrap_or("refused"));
                    }
                }
            }
        }
    }

    fn show(&mut self, text: &str) {
        self.outcomes.shown += 1;
        if self.outcomes.shown <= SHOWN_PROBLEMS {
            self.progress.suspend(|| note(&format!("! {text}")));
        }
    }
}

fn tell_interrupted(global: &Global, outcomes: &Outcomes) {
    let Outcomes { new, duplicate, refused, .. } = *outcomes;
    if global.format == Format::Json {
        json(
            &serde_json::json!({"interrupted": true, "new": new, "duplicate": duplicate, "refused": refused}),
        );
        return;
    }
    line(&format!(
        "stopped by Ctrl-C: {} of this import {} in the ledger ({} new, {} were there already)",
        counted(new + duplicate, "event"),
        if new + duplicate == 1 { "is" } else { "are" },
        grouped_u64(new),
        grouped_u64(duplicate)
    ));
    line("  run the same command again: it takes in the rest, and counts nothing twice");
}

fn tell(global: &Global, summary: &ImportSummary, outcomes: &Outcomes) {
    let tokens = tollgate_projection::report::token_totals(&summary.tokens);
    if global.format == Format::Json {
        json(
            &serde_json::json!({"files": summary.files, "files_with_usage": summary.files_with_usage, "lines": summary.lines,
            "events": summary.events, "new": outcomes.new, "duplicate": outcomes.duplicate, "refused": outcomes.refused,
            "problems": summary.problems, "tokens": tokens}),
        );
        return;
    }
    if outcomes.shown > SHOWN_PROBLEMS {
        note(&format!("! and {} more", outcomes.shown - SHOWN_PROBLEMS));
    }
    line(&format!(
        "{} with {}: {} with {} tokens",
        counted(summary.files, "file"),
        counted(summary.lines, "line"),
        counted(summary.events, "event"),
        grouped(tokens.total)
    ));
    line(&format!(
        "  {} new, {} were there already",
        grouped_u64(outcomes.new),
        grouped_u64(outcomes.duplicate)
    ));
    if outcomes.refused > 0 || summary.problems > 0 {
        line(&format!(
            "  {} refused, {}",
            grouped_u64(outcomes.refused),
            counted(summary.problems, "problem")
        ));
    }
}
