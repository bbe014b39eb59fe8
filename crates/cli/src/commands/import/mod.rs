//! Importing the sessions of coding agents.

mod books;
mod ledger;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use tollgate_domain::ids::{ProducerId, TenantId};
use tollgate_import::item::Item;
use tollgate_import::reader::{Format as Source, SessionReader};
use tollgate_import::sources::sources;
use tollgate_import::summary::ImportSummary;

use self::books::{Books, Outcomes};
use self::ledger::ImportTarget;
use super::ask;
use crate::args::{Format, Global, ImportArgs};
use crate::connect::Access;
use crate::exit::{DIFFERS, Failure, INTERRUPTED};
use crate::output::{counted, grouped, grouped_u64, json, line, note};

/// How many problems are shown; the rest are only counted.
const SHOWN_PROBLEMS: u64 = 20;

/// How often the progress is shown, in items.
const PROGRESS_ITEMS: u64 = 64;

/// An import in progress.
struct Import<'a> {
    source: Source,
    books: Books<'a>,
    progress: ProgressBar,
    summary: ImportSummary,
    shown: u64,
    interrupted: Interrupted,
}

pub(crate) async fn run(global: &Global, source: Source, args: &ImportArgs) -> Result<ExitCode, Failure> {
    let refused = |error: tollgate_domain::ids::InvalidId| Failure::refused(error.to_string());
    let tenant = match &global.tenant {
        Some(name) => TenantId::new(&**name).map_err(refused)?,
        None => TenantId::default_tenant(),
    };
    let producer = ProducerId::new(source.producer()).map_err(refused)?;
    let mut found = sources(&args.paths);
    let order = source.arrange(&mut found);
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
    let interrupted = Interrupted::watched();
    let imported = ask(global, Access::MayCreate, async |it| {
        let ledger = ImportTarget { client: &it.client, tenant: tenant.clone(), producer: producer.clone() };
        let mut import = Import {
            source,
            books: Books::new(ledger, &order, interrupted.clone()),
            progress: progress.clone(),
            summary: ImportSummary::default(),
            shown: 0,
            interrupted: interrupted.clone(),
        };
        let mut before = 0;
        for file in found.files.iter().take_while(|_| !interrupted.is_set()) {
            import.file(&file.path, &tenant, before).await?;
            before += file.bytes;
        }
        import.books.flush().await?;
        import.show_outcomes();
        Ok::<_, Failure>((import.summary, import.books.outcomes, import.shown))
    });
    let imported = imported.await;
    progress.finish_and_clear();
    let (summary, outcomes, shown) = imported?;
    if interrupted.is_set() {
        tell_interrupted(global, &outcomes);
        return Ok(ExitCode::from(INTERRUPTED));
    }
    tell(global, &summary, &outcomes, shown);
    let unreadable = !found.problems.is_empty() || summary.problems > 0 || outcomes.refused > 0;
    Ok(if unreadable { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

/// Whether Ctrl-C was pressed: the current request is then completed, and no further one is sent. A second
/// Ctrl-C ends the process.
#[derive(Clone, Debug)]
struct Interrupted(Arc<AtomicBool>);

impl Interrupted {
    fn watched() -> Self {
        let flag = Self(Arc::default());
        let set = Arc::clone(&flag.0);
        tokio::spawn(async move {
            // Without a handler Ctrl-C ends the process, as it would have anyway.
            if tokio::signal::ctrl_c().await.is_ok() {
                set.store(true, Ordering::Relaxed);
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(INTERRUPTED.into());
                }
            }
        });
        flag
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Import<'_> {
    async fn file(&mut self, path: &Path, tenant: &TenantId, before: u64) -> Result<(), Failure> {
        self.progress.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        self.books.next_file();
        let mut reader: Box<dyn SessionReader> = match self.source.open(path, tenant) {
            Ok(reader) => reader,
            Err(problem) => {
                self.summary.problems += 1;
                self.show(&problem.to_string());
                return Ok(());
            }
        };
        let mut items: u64 = 0;
        while let Some(item) = reader.next() {
            if self.interrupted.is_set() {
                return Ok(());
            }
            self.summary.count(&item);
            match item {
                Item::Call(call) => self.books.call(*call).await?,
                Item::Miscounted(event) => self.books.miscounted(*event).await?,
                Item::Family(family) => self.books.family(*family).await?,
                Item::Problem(problem) => self.show(&problem.to_string()),
                Item::Note(note) => self.show(&note.to_string()),
            }
            self.show_outcomes();
            items += 1;
            if items.is_multiple_of(PROGRESS_ITEMS) {
                self.progress.set_position(before + reader.bytes_read());
            }
        }
        self.summary.finish_file(reader.counts());
        Ok(())
    }

    fn show_outcomes(&mut self) {
        for message in std::mem::take(&mut self.books.outcomes.messages) {
            self.show(&message);
        }
    }

    fn show(&mut self, text: &str) {
        self.shown += 1;
        if self.shown <= SHOWN_PROBLEMS {
            self.progress.suspend(|| note(&format!("! {text}")));
        }
    }
}

fn tell_interrupted(global: &Global, outcomes: &Outcomes) {
    let Outcomes { new, duplicate, corrected, refused, .. } = *outcomes;
    if global.format == Format::Json {
        json(
            &serde_json::json!({"interrupted": true, "new": new, "duplicate": duplicate, "corrected": corrected,
            "refused": refused}),
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

fn tell(global: &Global, summary: &ImportSummary, outcomes: &Outcomes, shown: u64) {
    // A copy belongs to a call that is counted once; what the snapshots report is what was counted.
    let events = summary.events.saturating_sub(outcomes.copies);
    let tokens = summary.tokens.without(&outcomes.copied);
    let tokens = tollgate_projection::report::token_totals(&tokens);
    if global.format == Format::Json {
        json(
            &serde_json::json!({"files": summary.files, "files_with_usage": summary.files_with_usage, "lines": summary.lines,
            "events": events, "copies": outcomes.copies, "new": outcomes.new, "duplicate": outcomes.duplicate, "corrected": outcomes.corrected, "corrected_unpriced": outcomes.corrected_unpriced, "refused": outcomes.refused,
            "problems": summary.problems, "tokens": tokens}),
        );
        return;
    }
    if shown > SHOWN_PROBLEMS {
        note(&format!("! and {} more", shown - SHOWN_PROBLEMS));
    }
    line(&format!(
        "{} with {}: {} with {} tokens",
        counted(summary.files, "file"),
        counted(summary.lines, "line"),
        counted(events, "event"),
        grouped(tokens.total)
    ));
    line(&format!(
        "  {} new, {} were there already",
        grouped_u64(outcomes.new),
        grouped_u64(outcomes.duplicate)
    ));
    if outcomes.copies > 0 {
        line(&format!("  copies of these calls, not counted again: {}", grouped_u64(outcomes.copies)));
    }
    if outcomes.corrected > 0 {
        line(&format!("  {} of what was counted before", counted(outcomes.corrected, "correction")));
    }
    if outcomes.corrected_unpriced > 0 {
        let corrections = counted(outcomes.corrected_unpriced, "correction");
        line(&format!(
            "  {corrections} without a price, as prices have changed since: the cost stays as it was charged"
        ));
    }
    if outcomes.refused > 0 || summary.problems > 0 {
        line(&format!(
            "  {} refused, {}",
            grouped_u64(outcomes.refused),
            counted(summary.problems, "problem")
        ));
    }
}
