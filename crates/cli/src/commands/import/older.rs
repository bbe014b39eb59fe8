//! Taking over the stores of older budget services: once, or again and again while they still run.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;
use tokio::signal::unix::{SignalKind, signal};
use tollgate_client::{Client, ClientError};
use tollgate_clock::sleep;
use tollgate_domain::money::Usd;
use tollgate_domain::zone::Zone;
use tollgate_import::older::{OlderPolicy, OlderStore, OlderUsage, apollo, rhetor};
use tollgate_wire::api::{AppendRequest, BudgetRequest, Outcome, PolicyRequest, PolicyRule};

use super::super::ask;
use crate::args::{ApolloArgs, Format, Global, RhetorArgs};
use crate::connect::Access;
use crate::exit::{DIFFERS, Failure};
use crate::output::{counted, grouped, json as json_out, line, note};

/// The most usage of one request: each may have 2 KB of metadata, and a request 1 MiB.
const REQUEST_EVENTS: usize = 200;

/// How many problems are shown; the rest are only counted.
const SHOWN_PROBLEMS: usize = 20;

/// Who sets what is taken over.
const AUTHOR: &str = "import";

/// What was taken over.
#[derive(Debug, Default)]
struct Taken {
    policies: usize,
    usage: usize,
    new: u64,
    duplicate: u64,
    refused: u64,
    tokens: u64,
    usd: Usd,
    problems: Vec<String>,
    notes: Vec<String>,
}

/// Takes over Apollo's files.
pub(crate) async fn apollo(global: &Global, args: &ApolloArgs) -> Result<ExitCode, Failure> {
    let zone = zone(args.zone.as_ref());
    let read = || {
        let files = apollo::files(&args.paths).map_err(Failure::failed)?;
        Ok(apollo::read(&files, &zone))
    };
    repeat(global, args.every, read).await
}

/// Takes over Rhetor's store.
pub(crate) async fn rhetor(global: &Global, args: &RhetorArgs) -> Result<ExitCode, Failure> {
    let zone = zone(args.zone.as_ref());
    let read = || {
        rhetor::read(&args.file, args.source.as_deref(), &zone)
            .map_err(|error| Failure::failed(error.to_string()))
    };
    repeat(global, args.every, read).await
}

/// The zone of times without one: the one that is named, that of the variable TZ, or UTC.
fn zone(named: Option<&Zone>) -> Zone {
    let of_machine = || std::env::var("TZ").ok().and_then(|name| name.parse().ok());
    named.cloned().or_else(of_machine).unwrap_or_else(Zone::utc)
}

/// Takes a store over, and again after each interval if there is one, until Ctrl-C.
async fn repeat(
    global: &Global,
    every: Option<u64>,
    read: impl Fn() -> Result<OlderStore, Failure>,
) -> Result<ExitCode, Failure> {
    // Heard from here on: Ctrl-C in the middle of a round ends the import after it.
    let mut interrupt = every.map(|_| signal(SignalKind::interrupt())).transpose()?;
    loop {
        let store = read();
        let taken = match store {
            Ok(store) => ask(global, Access::MayCreate, async |it| take(&it.client, &store).await).await,
            Err(failure) => Err(failure),
        };
        let Some((every, interrupt)) = every.zip(interrupt.as_mut()) else {
            let taken = taken?;
            tell(global, &taken);
            let is_whole = taken.problems.is_empty() && taken.refused == 0;
            return Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) });
        };
        // The older service may be writing, or the ledger may be away: the next round tells.
        match taken {
            Ok(taken) if taken.new > 0 || !taken.problems.is_empty() => tell(global, &taken),
            Ok(_) => {}
            Err(failure) => note(&format!("! {}; trying again in {every} s", failure.message)),
        }
        tokio::select! {
            () = sleep(Duration::from_secs(every)) => {}
            _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Takes over a store. What the ledger has already is not added again.
async fn take(client: &Client, store: &OlderStore) -> Result<Taken, Failure> {
    let mut taken =
        Taken { problems: store.problems.clone(), notes: store.notes.clone(), ..Taken::default() };
    let budget = BudgetRequest {
        id: Some(format!("import/{}", store.budget)),
        title: Some(store.title.to_owned()),
        owner: Some(store.owner.to_owned()),
        author: Some(AUTHOR.to_owned()),
        ..BudgetRequest::default()
    };
    client.set_budget(store.budget, &budget).await?;
    for policy in &store.policies {
        match set(client, store.budget, policy).await {
            Ok(()) => taken.policies += 1,
            Err(error) if error.is_retryable() => return Err(error.into()),
            Err(error) => taken.problems.push(format!("policy {}: {error}", policy.name)),
        }
    }
    for usage in store.usage.chunks(REQUEST_EVENTS) {
        append(client, store.owner, usage, &mut taken).await?;
    }
    for usage in &store.usage {
        taken.usage += 1;
        taken.tokens = taken.tokens.saturating_add(usage.input).saturating_add(usage.output);
        taken.usd = taken.usd.saturating_add(usage.booked.unwrap_or_default());
    }
    Ok(taken)
}

/// Makes a policy, or another version of it if the older service changed it since.
async fn set(client: &Client, budget: &str, policy: &OlderPolicy) -> Result<(), ClientError> {
    let rule = PolicyRule {
        budget: Some(budget.to_owned()),
        scope: policy.scope.clone(),
        window: policy.window.clone(),
        limit_tokens: policy.tokens,
        limit_usd: policy.usd.map(|usd| usd.to_string()),
        enforcement: Some(policy.enforcement),
        warn_at: policy.warn_at.clone(),
        act_at: policy.act_at.clone(),
        from: policy.from.map(|from| from.to_string()),
        to: policy.to.map(|to| to.to_string()),
        enabled: Some(policy.enabled),
        ..PolicyRule::default()
    };
    // The same content is the same request, whenever it is read.
    let content = serde_json::to_string(&rule).unwrap_or_default();
    let key = format!("import/{}", &tollgate_domain::hex::hex_of_sha256(&content, 8));
    let request = PolicyRequest {
        id: Some(format!("{key}/{}", policy.name)),
        rule,
        author: Some(AUTHOR.to_owned()),
        ..PolicyRequest::default()
    };
    match client.set_policy(&policy.name, &request).await {
        Ok(_) => Ok(()),
        // A later version never begins in the past.
        Err(error) if !error.is_retryable() && request.rule.from.is_some() => {
            let rule = PolicyRule { from: None, ..request.rule.clone() };
            let again = PolicyRequest { rule, id: request.id.map(|id| format!("{id}/now")), ..request };
            client.set_policy(&policy.name, &again).await.map(|_| ())
        }
        Err(error) => Err(error),
    }
}

async fn append(
    client: &Client,
    producer: &str,
    usage: &[OlderUsage],
    taken: &mut Taken,
) -> Result<(), Failure> {
    let events = usage.iter().map(event).collect::<Result<Vec<_>, _>>();
    let events = events.map_err(|error| Failure::failed(error.to_string()))?;
    let request =
        AppendRequest { tenant: None, producer: Some(producer.to_owned()), events, gates: Vec::new() };
    let outcomes = match client.append(&request).await {
        Ok(answer) => answer.outcomes,
        Err(ClientError::Problem(problem)) if !problem.outcomes.is_empty() => problem.outcomes,
        Err(error) => return Err(error.into()),
    };
    for outcome in outcomes {
        match outcome.outcome {
            Outcome::Appended | Outcome::Ignored => taken.new += 1,
            Outcome::Duplicate => taken.duplicate += 1,
            Outcome::Conflict | Outcome::Refused => {
                taken.refused += 1;
                taken.problems.push(format!("usage {}: {}", outcome.id, outcome.detail.unwrap_or_default()));
            }
        }
    }
    Ok(())
}

fn event(usage: &OlderUsage) -> Result<Box<RawValue>, serde_json::Error> {
    let mut recorded = json!({
        "tokens": {"input_uncached": usage.input, "output": usage.output},
        "labels": usage.labels,
    });
    let given = [
        ("component", usage.component.clone()),
        ("provider", usage.provider.clone()),
        ("model", usage.model.clone()),
        ("booked_usd", usage.booked.map(|usd| usd.to_string())),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            recorded[name] = value.into();
        }
    }
    if usage.estimated {
        recorded["estimated"] = true.into();
    }
    serde_json::value::to_raw_value(&json!({
        "id": usage.id,
        "task": usage.task,
        "occurred_at": usage.at.to_string(),
        "usage_recorded": recorded,
    }))
}

fn tell(global: &Global, taken: &Taken) {
    let Taken { policies, usage, new, duplicate, refused, tokens, usd, problems, notes } = taken;
    for problem in problems.iter().take(SHOWN_PROBLEMS) {
        note(&format!("! {problem}"));
    }
    if problems.len() > SHOWN_PROBLEMS {
        note(&format!("! and {} more", problems.len() - SHOWN_PROBLEMS));
    }
    if global.format == Format::Json {
        json_out(
            &json!({"policies": policies, "usage": usage, "new": new, "duplicate": duplicate, "refused": refused,
            "tokens": tokens, "booked_usd": usd.to_string(), "problems": problems, "notes": notes}),
        );
        return;
    }
    notes.iter().for_each(|text| note(text));
    line(&format!(
        "{policies} {} and {}: {} tokens, {usd} USD booked",
        if *policies == 1 { "policy" } else { "policies" },
        counted(u64::try_from(*usage).unwrap_or_default(), "usage record"),
        grouped(i64::try_from(*tokens).unwrap_or(i64::MAX))
    ));
    line(&format!("  {new} new, {duplicate} were there already, {refused} refused"));
}
