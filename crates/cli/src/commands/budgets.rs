//! Budgets and policies.

use std::collections::BTreeMap;
use std::process::ExitCode;

use tollgate_client::PolicySearch;
use tollgate_wire::api::{
    BudgetRequest, BudgetView, DefaultsRequest, PolicyList, PolicyRequest, PolicyView, RaiseRequest,
    WithdrawRequest,
};

use tollgate_domain::printable::printable;

use super::events::wrong;
use super::{ask, read};
use crate::args::{
    BudgetCommand, BudgetSetArgs, Form, Format, Global, PolicyCommand, PolicyListArgs, PolicySetArgs,
    RaiseArgs, RaiseBy, WithdrawArgs,
};
use crate::connect::{Access, Connection};
use crate::exit::Failure;
use crate::output::{self, json, note, out, say};

/// The most policies that are shown with their budget.
const SHOWN: usize = 1000;

pub(crate) async fn budget(global: &Global, command: BudgetCommand) -> Result<ExitCode, Failure> {
    match command {
        BudgetCommand::Set(args) => {
            let BudgetSetArgs { budget, title, description, owner, active, inactive, author } = args;
            let active = (active || inactive).then_some(active);
            let request =
                BudgetRequest { title, description, owner, active, author, ..BudgetRequest::default() };
            let set =
                ask(global, Access::MayCreate, async |it| it.client.set_budget(&budget, &request).await);
            show_budget(global, &set.await?, &PolicyList::default());
        }
        BudgetCommand::Show { budget } => {
            let read = read(global);
            let wanted =
                PolicySearch { budget: Some(budget.clone()), limit: Some(SHOWN), ..PolicySearch::default() };
            let found = ask(global, Access::Existing, async |it| {
                let found = it.client.budget(&budget, &read).await?;
                Ok::<_, Failure>((found, policies_of(it, global, &wanted).await?))
            });
            let (found, policies) = found.await?;
            show_budget(global, &found, &policies);
        }
        BudgetCommand::List => {
            let read = read(global);
            let list = ask(global, Access::Existing, async |it| it.client.budgets(&read).await).await?;
            match (global.form, global.format) {
                (Form::Csv, _) => out(&output::budgets_csv(&list)),
                (_, Format::Json) => json(&list),
                (_, Format::Table) => say(&output::budget_list(&list)),
            }
        }
        BudgetCommand::Pool => {
            let read = read(global);
            let pool = ask(global, Access::Existing, async |it| it.client.pool(&read).await).await?;
            match global.format {
                Format::Json => json(&pool),
                Format::Table => say(&output::live_pool(&pool)),
            }
        }
        BudgetCommand::Defaults { author } => {
            let request = DefaultsRequest { tenant: None, author };
            let wanted = PolicySearch { limit: Some(SHOWN), ..PolicySearch::default() };
            let made = ask(global, Access::MayCreate, async |it| {
                let made = it.client.set_default_policies(&request).await?;
                let wanted = PolicySearch { budget: Some(made.budget.clone()), ..wanted };
                Ok::<_, Failure>((made, policies_of(it, global, &wanted).await?))
            });
            let (made, policies) = made.await?;
            show_budget(global, &made, &policies);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The policies of a budget, where a person reads the answer; the API's answer about a budget has only their names.
async fn policies_of(
    connection: &Connection,
    global: &Global,
    wanted: &PolicySearch,
) -> Result<PolicyList, Failure> {
    match global.format {
        Format::Json => Ok(PolicyList::default()),
        Format::Table => Ok(connection.client.policies(wanted, &read(global)).await?),
    }
}

fn show_budget(global: &Global, budget: &BudgetView, policies: &PolicyList) {
    match global.format {
        Format::Json => json(budget),
        Format::Table => say(&output::budget(budget, policies)),
    }
}

pub(crate) async fn policy(global: &Global, command: PolicyCommand) -> Result<ExitCode, Failure> {
    match command {
        PolicyCommand::Set(args) => set(global, *args).await?,
        PolicyCommand::Show { policy, at } => {
            let read = read(global);
            let found = ask(global, Access::Existing, async |it| {
                it.client.policy_at(&policy, at.as_deref(), &read).await
            });
            show_policy(global, &found.await?, at.as_deref());
        }
        PolicyCommand::List(args) => list(global, args).await?,
        PolicyCommand::Raise(args) => raise(global, args).await?,
        PolicyCommand::Withdraw(args) => withdraw(global, args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(global: &Global, args: PolicySetArgs) -> Result<(), Failure> {
    let PolicySetArgs { policy, rule, id, if_version, author, reason } = args;
    let (mut rule, typed) = rule.rule();
    rule.scope = scope(&typed)?;
    let request = PolicyRequest { tenant: None, id, rule, if_version, author, reason };
    let set = ask(global, Access::MayCreate, async |it| it.client.set_policy(&policy, &request).await);
    let set = set.await?;
    if let Some(dropped) = output::dropped(&set, &request.rule) {
        note(&format!("! {dropped}"));
    }
    for warning in &set.warnings {
        note(&format!("! {}", printable(warning)));
    }
    show_policy(global, &set, None);
    Ok(())
}

async fn list(global: &Global, args: PolicyListArgs) -> Result<(), Failure> {
    let read = read(global);
    let PolicyListArgs { budget, after, limit, at } = args;
    let wanted = PolicySearch { budget, after, limit: Some(limit.into()), at };
    let list = ask(global, Access::Existing, async |it| it.client.policies(&wanted, &read).await).await?;
    match (global.form, global.format) {
        (Form::Csv, _) => out(&output::policies_csv(&list)),
        (_, Format::Json) => json(&list),
        (_, Format::Table) => say(&output::policy_list(&list, wanted.at.as_deref())),
    }
    Ok(())
}

async fn raise(global: &Global, args: RaiseArgs) -> Result<(), Failure> {
    let RaiseArgs { policy, by: RaiseBy { usd, tokens }, id, from, until, author, reason } = args;
    let request = RaiseRequest { tenant: None, id, tokens, usd, from, until, author, reason };
    let raised = ask(global, Access::Existing, async |it| it.client.raise_limit(&policy, &request).await);
    show_policy(global, &raised.await?, None);
    Ok(())
}

async fn withdraw(global: &Global, args: WithdrawArgs) -> Result<(), Failure> {
    let WithdrawArgs { policy, raise, id, author, reason } = args;
    let request = WithdrawRequest { tenant: None, id, raise, author, reason };
    let shown = ask(global, Access::Existing, async |it| it.client.withdraw_raise(&policy, &request).await);
    show_policy(global, &shown.await?, None);
    Ok(())
}

fn show_policy(global: &Global, policy: &PolicyView, at: Option<&str>) {
    match global.format {
        Format::Json => json(policy),
        Format::Table => say(&output::policy(policy, at)),
    }
}

/// What counts, as it is typed: each dimension has one value, since usage has one.
fn scope(typed: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut scope = BTreeMap::new();
    for pair in typed {
        let (name, value) = pair.split_once('=').ok_or_else(|| wrong("--scope", pair, "NAME=VALUE"))?;
        if let Some(other) = scope.insert(name.to_owned(), value.to_owned()) {
            return Err(Failure::refused(format!(
                "--scope `{pair}`: {name} is `{other}` already, and no usage has two; make a policy for each"
            )));
        }
    }
    Ok(scope)
}
