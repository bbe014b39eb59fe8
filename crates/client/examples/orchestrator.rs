//! A minimal orchestrator: it takes a task through its phases, asks the gate before each, and reports what
//! each used.

use std::error::Error;

use tollgate_client::{SpoolOptions, Tracker, TrackerBuilder, Usage};
use tollgate_domain::event::TaskOutcome;
use tollgate_domain::gate::Verdict;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::tokens::TokenCounts;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7070".to_owned());
    work(&url, "var/tollgate-spool").await?;
    Ok(())
}

/// Takes T-1 as far as the gate allows. Returns whether it was completed.
pub(crate) async fn work(url: &str, spool: &str) -> Result<bool> {
    let tracker =
        TrackerBuilder::to_server(url, "my-orchestrator").spool(SpoolOptions::new(spool)).start()?;
    // Anything not specified is medium. Critical requires a reason.
    let metadata = TaskMetadata {
        title: Some("pay out on Fridays".to_owned()),
        complexity: Some(Complexity::Small),
        importance: Some(Importance::Critical),
        justification: Some("customers wait for their money".to_owned()),
        ..TaskMetadata::default()
    };
    tracker.open_task("T-1", metadata)?.await?;
    for phase in ["SPEC", "PLAN"] {
        let Some(model) = model_for(&tracker, phase).await? else {
            // The task stays open: a person overrides the block, or closes the task.
            tracker.close().await?;
            return Ok(false);
        };
        tracker.start_phase("T-1", phase)?;
        let tokens = TokenCounts { input_uncached: 900, output: 300, ..TokenCounts::default() };
        tracker.report_usage("T-1", Usage::of(phase, model, tokens))?;
        // A model that reports no tokens: they are estimated from the lengths of prompt and completion.
        tracker.report_usage("T-1", Usage::estimated(phase, "local", 800, 400))?;
        tracker.end_phase("T-1", phase, None)?;
    }
    tracker.close_task("T-1", TaskOutcome::Completed, None)?.await?;
    tracker.close().await?;
    Ok(true)
}

/// Asks whether the task may enter a phase, and picks the model for it. `None` if it may not.
async fn model_for(tracker: &Tracker, phase: &str) -> Result<Option<&'static str>> {
    // If the ledger cannot be reached, the tracker's policy decides, and `answer.decided_by` says so.
    let answer = tracker.gate("T-1", phase).await?;
    Ok(match answer.verdict {
        Verdict::Allow => Some("gpt-5"),
        // Above its budget, or blocked if the gate were enforcing: continue with a cheaper model.
        Verdict::Warn => Some("gpt-5-mini"),
        Verdict::Block => None,
    })
}
