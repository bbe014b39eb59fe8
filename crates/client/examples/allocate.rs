//! Reserves what a call may cost, makes the call with the model that was given, reports it, and releases the rest.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use tollgate_client::{Client, HttpTransport, TrackerBuilder, Usage};
use tollgate_domain::tokens::TokenCounts;
use tollgate_wire::api::{AllocateRequest, AllocationStateWord, AllocationView, AmountView, ReleaseRequest};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7070".to_owned());
    let became = work(&url, "T-1/call-1").await?;
    let AllocationView { allocation, state, used, released, figures, .. } = became;
    let mut out = std::io::stdout();
    match (used, released) {
        (Some(AmountView { tokens, usd }), Some(released)) => {
            let released = released.tokens;
            writeln!(out, "{allocation} {state}: {tokens} tokens for {usd} USD used, {released} released")?;
        }
        // It is released all the same.
        _ => writeln!(out, "{allocation} {state}: {}", figures.unwrap_or_default())?,
    }
    // Every policy that it falls under says why, with its numbers.
    for policy in became.policies {
        writeln!(out, "policy {}: {}", policy.policy, policy.sentence)?;
    }
    Ok(())
}

/// Makes one call if its cost may be spent. Returns what became of its allocation.
pub(crate) async fn work(url: &str, name: &str) -> Result<AllocationView> {
    let client = Client::new(Arc::new(HttpTransport::new(url)?));
    let labels = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
    // A name that is the same after a crash: the same request gets the first answer, and reserves once.
    let request = AllocateRequest {
        allocation: Some(name.to_owned()),
        task: Some("T-1".to_owned()),
        model: Some("gpt-5".to_owned()),
        labels: labels.clone(),
        tokens: Some(20_000),
        ..AllocateRequest::default()
    };
    let given = client.allocate(&request).await?;
    if given.state != AllocationStateWord::Open {
        // Refused, or made, used and released before: the caller has crashed since.
        return Ok(given);
    }
    // A policy may have given a cheaper model than the one that was asked for.
    let model = given.model.as_deref().unwrap_or("gpt-5");
    let tokens = call(model);

    let tracker = TrackerBuilder::to_server(url, "my-orchestrator").start()?;
    let mut usage = Usage::of("PLAN", model, tokens);
    usage.allocation = Some(name.to_owned());
    usage.labels = labels;
    tracker.report_usage("T-1", usage)?;
    tracker.close().await?;
    Ok(client.release_allocation(name, &ReleaseRequest::default()).await?)
}

/// Where the model is called.
fn call(_model: &str) -> TokenCounts {
    TokenCounts { input_uncached: 9_000, output: 1_000, ..TokenCounts::default() }
}
