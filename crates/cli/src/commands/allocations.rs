//! Asking before something is spent.

use std::collections::BTreeMap;
use std::process::ExitCode;

use tollgate_client::AllocationSearch;
use tollgate_wire::api::{
    AllocateRequest, AllocationStateWord, AllocationView, ExtendRequest, ReleaseRequest, RouteRequest,
};

use super::events::wrong;
use super::{WAIT_MS, ask, read};
use crate::args::{
    AllocateArgs, AllocateCommand, AllocationListArgs, CheckSpendArgs, ExtendArgs, ExtendBy, Form, Format,
    Global, RouteArgs, SpendArgs,
};
use crate::connect::Access;
use crate::exit::{BLOCKED, Failure};
use crate::output::{self, json, out, say};

/// Asks whether something may be spent. A refusal has the exit code of a block, so that a script stops there.
pub(crate) async fn check(global: &Global, args: &CheckSpendArgs) -> Result<ExitCode, Failure> {
    let request = request(global, args.spend.clone(), args.usd.clone())?;
    let answer = ask(global, Access::Existing, async |it| it.client.check(&request).await).await?;
    super::answer(global, "policies", &answer, output::check);
    Ok(if answer.allowed { ExitCode::SUCCESS } else { ExitCode::from(BLOCKED) })
}

/// Finds the cheapest model. If none is allowed, that has the exit code of a block.
pub(crate) async fn route(global: &Global, args: RouteArgs) -> Result<ExitCode, Failure> {
    let RouteArgs { spend, output_tokens, only_provider, only_model, mode, tier } = args;
    let request = RouteRequest {
        request: request(global, spend, None)?,
        output_tokens,
        providers: only_provider,
        models: only_model,
        mode,
        tier,
    };
    let answer = ask(global, Access::Existing, async |it| it.client.route(&request).await).await?;
    super::answer(global, "", &answer, output::route);
    Ok(if answer.chosen.is_some() { ExitCode::SUCCESS } else { ExitCode::from(BLOCKED) })
}

pub(crate) async fn run(global: &Global, command: AllocateCommand) -> Result<ExitCode, Failure> {
    let found = match command {
        AllocateCommand::Create(args) => {
            let AllocateArgs { name, spend, usd, context, ttl } = *args;
            let request =
                AllocateRequest { allocation: name, context, ttl_s: ttl, ..request(global, spend, usd)? };
            ask(global, Access::Existing, async |it| it.client.allocate(&request).await).await?
        }
        AllocateCommand::Show { allocation } => {
            let read = read(global);
            let found =
                ask(global, Access::Existing, async |it| it.client.allocation(&allocation, &read).await);
            show(global, &found.await?);
            return Ok(ExitCode::SUCCESS);
        }
        AllocateCommand::List(args) => {
            list(global, args).await?;
            return Ok(ExitCode::SUCCESS);
        }
        AllocateCommand::Extend(args) => extend(global, args).await?,
        AllocateCommand::Release { allocation, author } => {
            let request = ReleaseRequest { tenant: None, author };
            let released = ask(global, Access::Existing, async |it| {
                it.client.release_allocation(&allocation, &request).await
            });
            released.await?
        }
    };
    show(global, &found);
    let refused = found.state == AllocationStateWord::Refused;
    Ok(if refused { ExitCode::from(BLOCKED) } else { ExitCode::SUCCESS })
}

async fn extend(global: &Global, args: ExtendArgs) -> Result<AllocationView, Failure> {
    let ExtendArgs { allocation, by: ExtendBy { tokens, usd, ttl }, id } = args;
    let request = ExtendRequest { tenant: None, id, tokens, usd, ttl_s: ttl };
    ask(global, Access::Existing, async |it| it.client.extend_allocation(&allocation, &request).await).await
}

async fn list(global: &Global, args: AllocationListArgs) -> Result<(), Failure> {
    let read = read(global);
    let AllocationListArgs { context, task, model, policy, labels, state, before, limit } = args;
    let labels = (!labels.is_empty()).then(|| labels.join(","));
    let (state, limit) = (Some(state), Some(limit.into()));
    let wanted = AllocationSearch { context, task, model, policy, labels, state, before, limit };
    let list = ask(global, Access::Existing, async |it| it.client.allocations(&wanted, &read).await).await?;
    match (global.form, global.format) {
        (Form::Csv, _) => out(&output::allocations_csv(&list)),
        (_, Format::Json) => json(&list),
        (_, Format::Table) => say(&output::allocation_list(&list)),
    }
    Ok(())
}

fn show(global: &Global, allocation: &AllocationView) {
    super::answer(global, "", allocation, output::allocation);
}

fn request(global: &Global, spend: SpendArgs, usd: Option<String>) -> Result<AllocateRequest, Failure> {
    let mut labels = BTreeMap::new();
    for label in &spend.labels {
        let (name, value) = label.split_once('=').ok_or_else(|| wrong("--label", label, "NAME=VALUE"))?;
        labels.insert(name.to_owned(), value.to_owned());
    }
    let mut units = BTreeMap::new();
    for given in &spend.units {
        let wrong = || wrong("--unit", given, "UNIT=COUNT");
        let (unit, count) = given.split_once('=').ok_or_else(wrong)?;
        units.insert(unit.to_owned(), count.parse().map_err(|_| wrong())?);
    }
    Ok(AllocateRequest {
        service_tier: spend.service_tier,
        units,
        tenant: None,
        allocation: None,
        context: None,
        task: spend.task,
        phase: spend.phase,
        component: spend.component,
        provider: spend.provider,
        model: spend.model,
        labels,
        priority: spend.priority,
        tokens: spend.tokens,
        input_tokens: spend.input_tokens,
        usd,
        ttl_s: None,
        wait_ms: (!global.no_wait).then_some(WAIT_MS),
    })
}
