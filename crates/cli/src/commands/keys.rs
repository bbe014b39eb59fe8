//! Keys of the API.

use std::process::ExitCode;

use tollgate_wire::api::{KeyRequest, KeyResponse, KeyRevokeRequest, KeyRotateRequest};

use super::ask;
use crate::args::{Format, Global, KeyCommand, KeyCreateArgs};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, json, line, note};

pub(crate) async fn run(global: &Global, command: KeyCommand) -> Result<ExitCode, Failure> {
    match command {
        KeyCommand::Create(args) => {
            let request = request(args);
            let made =
                ask(global, Access::MayCreate, async |it| it.client.create_key(&request).await).await?;
            show_secret(global, &made, &output::key_made(&made.key));
        }
        KeyCommand::List => {
            let list = ask(global, Access::Existing, async |it| it.client.keys().await).await?;
            super::answer(global, "keys", &list, output::key_list);
        }
        KeyCommand::Rotate(args) => {
            let overlap_s = Some(u32::try_from(args.overlap).unwrap_or(u32::MAX));
            let request = KeyRotateRequest { overlap_s };
            let rotated =
                ask(global, Access::Existing, async |it| it.client.rotate_key(&args.name, &request).await);
            let rotated = rotated.await?;
            show_secret(global, &rotated, &output::key_rotated(&rotated.key));
        }
        KeyCommand::Revoke(args) => {
            let request = KeyRevokeRequest { reason: args.reason };
            let revoked =
                ask(global, Access::Existing, async |it| it.client.revoke_key(&args.name, &request).await);
            let revoked = revoked.await?;
            match global.format {
                Format::Json => json(&revoked),
                Format::Table => line(&output::key_revoked(&revoked)),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn request(args: KeyCreateArgs) -> KeyRequest {
    KeyRequest {
        key: args.name,
        scopes: args.scopes,
        tenants: args.tenants,
        producers: args.producers,
        components: args.components,
        expires_at: args.expires,
        requests_per_second: args.rate,
        burst: args.burst,
    }
}

/// The secret alone goes to stdout, so that a script can take it from there.
fn show_secret(global: &Global, made: &KeyResponse, said: &str) {
    if global.format == Format::Json {
        return json(made);
    }
    note(said);
    if let Some(secret) = &made.secret {
        note(
            "this is the only time that the secret is shown; set TOLLGATE_API_KEY to it, or send it as `Authorization: Bearer`",
        );
        line(&secret.0);
    }
}
