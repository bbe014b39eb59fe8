//! Exports of usage and money.

use std::process::ExitCode;

use tollgate_client::{ExportQuery, FocusQuery};

use super::{ask, read};
use crate::args::{ExportArgs, FocusArgs, Form, Format, Global};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, json, out, say};

/// Charges in the format of FOCUS: always CSV, whatever `--format` says.
pub(crate) async fn focus(global: &Global, args: &FocusArgs) -> Result<ExitCode, Failure> {
    let wanted = FocusQuery {
        since: args.range.since.clone(),
        until: args.range.until.clone(),
        time_zone: args.range.time_zone.clone(),
        billing_account: args.billing_account.clone(),
        tags: args.tags.clone(),
        known_on: args.range.known_on.clone(),
    };
    let asked = ask(global, Access::Existing, async |it| it.client.focus(&wanted, &read(global)).await);
    out(&asked.await.map_err(in_names_of_flags)?);
    Ok(ExitCode::SUCCESS)
}

/// Usage and money by any dimensions.
pub(crate) async fn export(global: &Global, args: &ExportArgs) -> Result<ExitCode, Failure> {
    let wanted = ExportQuery {
        dimensions: args.dimensions.clone(),
        only: args.only.clone(),
        by: args.by.clone(),
        since: args.range.since.clone(),
        until: args.range.until.clone(),
        time_zone: args.range.time_zone.clone(),
        known_on: args.range.known_on.clone(),
    };
    if global.form == Form::Csv {
        let asked =
            ask(global, Access::Existing, async |it| it.client.export_csv(&wanted, &read(global)).await);
        out(&asked.await.map_err(in_names_of_flags)?);
        return Ok(ExitCode::SUCCESS);
    }
    let asked = ask(global, Access::Existing, async |it| it.client.export(&wanted, &read(global)).await);
    let export = asked.await.map_err(in_names_of_flags)?;
    match global.format {
        Format::Json => json(&export),
        Format::Table => say(&output::money_export(&export)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A failure with the flags of a range where the API has names of parameters: whoever typed `--to` looks for no
/// `until`.
fn in_names_of_flags(mut failure: Failure) -> Failure {
    let mut message = std::mem::take(&mut failure.message);
    for (name, flags) in [("since", "--since (--from)"), ("until", "--until (--to)")] {
        message = match message.strip_prefix(&format!("{name}: ")) {
            Some(rest) => format!("{flags}: {rest}"),
            None => message,
        };
        message = message.replace(&format!("`{name}`"), &format!("`{flags}`"));
    }
    failure.message = message;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_named_by_its_flags() {
        let message = "until: `2026-01-01`: must be later than `since`, which is 2026-01-02T00:00:00Z";
        assert_eq!(
            in_names_of_flags(Failure::refused(message)).message,
            "--until (--to): `2026-01-01`: must be later than `--since (--from)`, which is 2026-01-02T00:00:00Z"
        );
        assert_eq!(
            in_names_of_flags(Failure::refused("only: `x`: must be …")).message,
            "only: `x`: must be …"
        );
    }
}
