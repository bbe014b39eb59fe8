//! Alerts.

use std::process::ExitCode;

use tollgate_client::AlertFilter;
use tollgate_wire::api::{AcknowledgeRequest, AlertList, ResendRequest};

use super::events::tell;
use super::{ask, read};
use crate::args::{
    AcknowledgeArgs, AlertsArgs, AlertsCommand, DeliveriesArgs, Form, Format, Global, ResendArgs,
};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, counted, json, json_line, line, out, say, time};

/// How long one query for a change waits.
const FOLLOW_MS: u64 = 30_000;

/// Alerts that are active, latest first; or what happens to them, as it happens.
pub(crate) async fn run(global: &Global, args: &AlertsArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        Some(AlertsCommand::Ack(args)) => return acknowledge(global, args).await,
        Some(AlertsCommand::Look) => return look(global).await,
        Some(AlertsCommand::Show { alert }) => return show(global, alert).await,
        Some(AlertsCommand::Deliveries(args)) => return deliveries(global, args).await,
        Some(AlertsCommand::Resend(args)) => return resend(global, args).await,
        None => {}
    }
    if args.follow {
        return follow(global).await;
    }
    let read = read(global);
    let filter = AlertFilter {
        task: args.task.clone(),
        rule: args.rule.clone(),
        severity: args.severity.clone(),
        state: args.state.clone().or(args.all.then(|| "all".to_owned())),
    };
    let list = ask(global, Access::Existing, async |it| it.client.alerts(&filter, 1000, &read).await).await?;
    if global.form == Form::Csv {
        out(&output::alerts_csv(&list));
        return Ok(ExitCode::SUCCESS);
    }
    match global.format {
        Format::Json => json(&list),
        Format::Table => say(&output::alerts(&list)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn look(global: &Global) -> Result<ExitCode, Failure> {
    let looked = ask(global, Access::Existing, async |it| it.client.look_at_policies().await).await?;
    match global.format {
        Format::Json => json(&looked),
        Format::Table => line(&match looked.recorded {
            0 => "nothing new: every level was as it is now".to_owned(),
            new => format!("{} recorded: `tollgate alerts` shows what is raised", counted(new, "change")),
        }),
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(global: &Global, alert: &str) -> Result<ExitCode, Failure> {
    let read = read(global);
    let alert = ask(global, Access::Existing, async |it| it.client.alert(alert, &read).await).await?;
    if global.format == Format::Json {
        json(&alert);
        return Ok(ExitCode::SUCCESS);
    }
    let list = AlertList { alerts: vec![alert], more: 0, as_of: String::new() };
    match global.form {
        Form::Csv => out(&output::alerts_csv(&list)),
        Form::Table | Form::Json | Form::Md | Form::Html => say(&output::alerts(&list)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn deliveries(global: &Global, args: &DeliveriesArgs) -> Result<ExitCode, Failure> {
    let read = read(global);
    let (alert, endpoint) = (args.alert.as_deref(), args.endpoint.as_deref());
    let list = ask(global, Access::Existing, async |it| {
        it.client.deliveries(alert, endpoint, args.all, 1000, &read).await
    });
    let list = list.await?;
    super::answer(global, "deliveries", &list, output::deliveries);
    Ok(ExitCode::SUCCESS)
}

async fn resend(global: &Global, args: &ResendArgs) -> Result<ExitCode, Failure> {
    let request = ResendRequest {
        change: Some(args.change.clone()),
        endpoint: args.endpoint.clone(),
        by: args.by.clone(),
        reason: args.reason.clone(),
        id: None,
    };
    let noted =
        ask(global, Access::Existing, async |it| it.client.resend(&args.alert, &request).await).await?;
    match global.format {
        Format::Json => json(&noted),
        Format::Table => {
            let to = noted.endpoint.as_deref().unwrap_or("every endpoint that wants it");
            line(&format!(
                "{} will be delivered to {to} again by the server that delivers alerts",
                noted.change
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn acknowledge(global: &Global, args: &AcknowledgeArgs) -> Result<ExitCode, Failure> {
    let request = AcknowledgeRequest {
        by: args.by.clone(),
        note: args.note.clone(),
        id: None,
        producer: Some(global.producer.clone()),
    };
    let answer =
        ask(global, Access::Existing, async |it| it.client.acknowledge(&args.alert, &request).await).await?;
    tell(global, &answer, &format!("{}: seen by {}", args.alert, args.by));
    Ok(ExitCode::SUCCESS)
}

async fn follow(global: &Global) -> Result<ExitCode, Failure> {
    ask::<ExitCode, Failure>(global, Access::Existing, async |it| {
        let mut after = 0;
        loop {
            let page = it.client.alert_changes(after, FOLLOW_MS).await?;
            for change in &page.changes {
                let alert = &change.alert;
                if global.format == Format::Json {
                    json_line(change);
                    continue;
                }
                let at = match change.change.as_str() {
                    "resolved" => alert.resolved_at.as_ref(),
                    "acknowledged" => alert.acknowledged_at.as_ref(),
                    _ => None,
                };
                let at = time(at.unwrap_or(&alert.raised_at));
                line(&format!("{at}  {:<12} {:<8} {}", change.change, alert.severity, alert.message));
            }
            after = page.last;
        }
    })
    .await
}
