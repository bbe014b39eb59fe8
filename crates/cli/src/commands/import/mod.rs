//! Importing the sessions of coding agents.

mod books;
mod ledger;
pub(crate) mod older;
mod outcomes;
mod phasing;
mod tell;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use tollgate_client::Client;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::ids::{ProducerId, TenantId};
use tollgate_import::item::Item;
use tollgate_import::reader::{Format as Source, SessionReader};
use tollgate_import::sources::sources;
use tollgate_import::summary::ImportSummary;
use tollgate_replay::session_phases::{PhasePlan, Rules};
use tollgate_replay::what_if::Candidate;

use self::books::Books;
use self::ledger::ImportTarget;
use self::phasing::Phasing;
use self::tell::{tell, tell_interrupted};
use super::ask;
use super::replay::session_rules;
use crate::args::{Global, ImportArgs};
use crate::connect::Access;
use crate::exit::{DIFFERS, Failure, INTERRUPTED};
use crate::output::note;

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
        let rules = rules(args.phases.as_deref(), &it.client).await?;
        let plan = rules.map(|rules| PhasePlan::read(&found, &order, source, &tenant, &rules));
        let ledger = ImportTarget { client: &it.client, tenant: tenant.clone(), producer: producer.clone() };
        let mut import = Import {
            source,
            books: Books::new(ledger, &order, plan.map(Phasing::new), interrupted.clone()),
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
        Ok::<_, Failure>((import.summary, import.books.finished(), import.shown))
    });
    let imported = imported.await;
    progress.finish_and_clear();
    let (summary, (outcomes, phasing), shown) = imported?;
    if interrupted.is_set() {
        tell_interrupted(global, &outcomes);
        return Ok(ExitCode::from(INTERRUPTED));
    }
    tell(global, &summary, &outcomes, phasing.as_ref(), shown.saturating_sub(SHOWN_PROBLEMS));
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

/// The rules that are to give calls phases, for the config in force in the ledger.
async fn rules(given: Option<&str>, client: &Client) -> Result<Option<Rules>, Failure> {
    if given.is_none() {
        return Ok(None);
    }
    let in_force = client.config().await?;
    let config = BudgetConfig::from_yaml(&in_force.yaml).map_err(|invalid| {
        Failure::failed(format!("reading the config in force, from {}: {invalid}", in_force.source))
    })?;
    session_rules(given, &[Candidate { name: in_force.source, config }])
}
