//! Asking about usage.

use std::collections::BTreeMap;
use std::process::ExitCode;

use tollgate_client::{SummaryQuery, UsageQuery};
use tollgate_projection::report::{usage_csv, usage_summary_csv};
use tollgate_wire::api::UsageList;

use super::{ask, read};
use crate::args::{Form, Global, UsageListArgs, UsageSummaryArgs, WhichUsage};
use crate::connect::{Access, Connection};
use crate::exit::Failure;
use crate::output::{self, json, out, say};

pub(super) async fn list(global: &Global, args: UsageListArgs) -> Result<ExitCode, Failure> {
    let UsageListArgs { which, allocation, before, limit } = args;
    let scope = scope(&which)?;
    let WhichUsage { since, until, .. } = which;
    let query = UsageQuery { scope, allocation, since, until, before, limit: Some(limit.into()) };
    let list = ask(global, Access::Existing, async |it| pages(it, query).await).await?;
    match global.form {
        Form::Json => json(&list),
        Form::Csv => out(&usage_csv(&list)),
        Form::Table | Form::Md | Form::Html => say(&output::usage_list(&list)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Pages until there are as many records as are wanted: each of them looks at so much of the log and no more.
async fn pages(it: &Connection, mut query: UsageQuery) -> Result<UsageList, Failure> {
    let wanted = query.limit.unwrap_or_default();
    let mut list = it.client.usage_records(&query).await?;
    while let Some(next) = list.next.take() {
        if list.records.len() >= wanted {
            list.next = Some(next);
            break;
        }
        query.before = Some(next);
        query.limit = Some(wanted.saturating_sub(list.records.len()));
        let page = it.client.usage_records(&query).await?;
        list.records.extend(page.records);
        list.unreadable = list.unreadable.saturating_add(page.unreadable);
        list.next = page.next;
    }
    Ok(list)
}

pub(super) async fn summary(global: &Global, args: UsageSummaryArgs) -> Result<ExitCode, Failure> {
    let UsageSummaryArgs { which, group_by, by, time_zone, after, limit } = args;
    let scope = scope(&which)?;
    let WhichUsage { since, until, .. } = which;
    let limit = Some(limit.into());
    let query = SummaryQuery { scope, group_by, by, time_zone, since, until, after, limit };
    let read = read(global);
    let asked = ask(global, Access::Existing, async |it| it.client.usage_summary(&query, &read).await);
    let summary = asked.await?;
    match global.form {
        Form::Json => json(&summary),
        Form::Csv => out(&usage_summary_csv(&summary)),
        Form::Table | Form::Md | Form::Html => say(&output::usage_summary(&summary)),
    }
    Ok(ExitCode::SUCCESS)
}

fn scope(which: &WhichUsage) -> Result<BTreeMap<String, String>, Failure> {
    let mut scope = BTreeMap::new();
    for given in &which.values {
        let named = given.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
        let Some((name, value)) = named else {
            return Err(Failure::refused(format!("--where `{given}`: must have the form NAME=VALUE")));
        };
        if scope.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::refused(format!("--where `{given}`: `{name}` is named twice")));
        }
    }
    Ok(scope)
}
