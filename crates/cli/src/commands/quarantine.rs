//! What the NATS inbox refused.

use std::process::ExitCode;

use tollgate_client::ClientError;
use tollgate_projector::FOREIGN;
use tollgate_wire::api::{QuarantineEndRequest, QuarantineEnded};

use super::{ask, read};
use crate::args::{Format, Global, QuarantineCommand, QuarantineEndArgs};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, json, line, say};

/// Maximum number of messages in a list: their payloads come with it.
const LIST: usize = 100;

/// Shows what was refused, or settles it.
pub(crate) async fn run(global: &Global, command: QuarantineCommand) -> Result<ExitCode, Failure> {
    let (read, as_json) = (read(global), global.format == Format::Json);
    match command {
        QuarantineCommand::List { all } => {
            let (list, health) = ask(global, Access::Existing, async |it| {
                let list = it.client.quarantine(all, LIST, &read).await?;
                Ok::<_, ClientError>((list, it.client.health().await?))
            })
            .await?;
            let foreign = health.views.iter().flat_map(|view| &view.quarantined);
            let foreign = foreign.filter(|waits| waits.task == FOREIGN).max_by_key(|waits| waits.waiting);
            super::answer(global, "messages", &list, |list| output::quarantine(list, foreign));
        }
        QuarantineCommand::Explain { id } => {
            let message =
                ask(global, Access::Existing, async |it| it.client.quarantined(&id, &read).await).await?;
            if as_json { json(&message) } else { say(&output::quarantined(&message)) }
        }
        QuarantineCommand::Redrive(args) => {
            let payload = match &args.payload {
                Some(path) => Some(
                    std::fs::read_to_string(path)
                        .map_err(|error| tollgate_files::explained(path, error))
                        .map_err(|error| Failure::failed(format!("reading {}: {error}", path.display())))?,
                ),
                None => None,
            };
            let request = QuarantineEndRequest {
                payload,
                producer: Some(global.producer.clone()),
                ..request(&args.end)
            };
            let id = &args.end.id;
            let ended =
                ask(global, Access::Existing, async |it| it.client.redrive(id, &request).await).await?;
            tell(global, &ended);
        }
        QuarantineCommand::Drop(args) => {
            let request = request(&args);
            let ended =
                ask(global, Access::Existing, async |it| it.client.drop_message(&args.id, &request).await)
                    .await?;
            tell(global, &ended);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn request(args: &QuarantineEndArgs) -> QuarantineEndRequest {
    QuarantineEndRequest {
        by: args.by.clone(),
        reason: args.reason.clone(),
        ..QuarantineEndRequest::default()
    }
}

fn tell(global: &Global, ended: &QuarantineEnded) {
    if global.format == Format::Json {
        json(ended);
        return;
    }
    let message = &ended.message;
    let by = message.ended_by.as_deref().unwrap_or_default();
    line(&format!("{}: {} by {by}", message.id, message.state));
    for outcome in &ended.outcomes {
        line(&format!("  event {}: {}", outcome.id, outcome.outcome.as_str()));
    }
}
