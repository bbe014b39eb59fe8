//! Bills of providers: recorded, and compared with the ledger.

use std::path::Path;
use std::process::ExitCode;

use tollgate_client::BillQuery;
use tollgate_import::bill::{Columns, read as read_bill};
use tollgate_wire::api::{BillLineView, BillRequest};

use super::{ask, read};
use crate::args::{BillCommand, BillCompareArgs, BillImportArgs, Form, Format, Global};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, json, out, say};

pub(crate) async fn run(global: &Global, command: BillCommand) -> Result<ExitCode, Failure> {
    match command {
        BillCommand::Import(args) => import(global, args).await,
        BillCommand::Compare(args) => compare(global, args).await,
    }
}

async fn import(global: &Global, args: BillImportArgs) -> Result<ExitCode, Failure> {
    let wrong = |path: &Path, why: String| Failure::refused(format!("{}: {why}", path.display()));
    let text = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| tollgate_files::explained(path, error))
            .map_err(|error| Failure::failed(format!("reading {}: {error}", path.display())))
    };
    let columns = match &args.map {
        None => Columns::default(),
        Some(path) => Columns::from_yaml(&text(path)?).map_err(|error| wrong(path, error.to_string()))?,
    };
    let lines =
        read_bill(&text(&args.file)?, &columns).map_err(|error| wrong(&args.file, error.to_string()))?;
    let line = |(day, line): (_, tollgate_domain::event::BillLine)| BillLineView {
        day: tollgate_domain::time::Day::to_string(&day),
        model: line.model,
        tokens: line.tokens,
        amount_usd: line.amount.to_string(),
    };
    let request = BillRequest {
        id: args.id,
        tenant: None,
        provider: args.provider,
        account: args.account,
        source: args.file.file_name().map(|name| name.to_string_lossy().into_owned()),
        lines: lines.into_iter().map(line).collect(),
    };
    let recorded = ask(global, Access::MayCreate, async |it| it.client.record_bill(&request).await).await?;
    match global.format {
        Format::Json => json(&recorded),
        Format::Table => say(&output::bill_recorded(&request.provider, &recorded)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn compare(global: &Global, args: BillCompareArgs) -> Result<ExitCode, Failure> {
    let BillCompareArgs { provider, from, to, time_zone, known_on } = args;
    let wanted = BillQuery { provider, from, to, time_zone, known_on };
    let asked =
        ask(global, Access::Existing, async |it| it.client.compare_bills(&wanted, &read(global)).await);
    let comparison = asked.await?;
    if global.form == Form::Csv {
        out(&output::bill_comparison_csv(&comparison));
        return Ok(ExitCode::SUCCESS);
    }
    match global.format {
        Format::Json => json(&comparison),
        Format::Table => say(&output::bill_comparison(&comparison)),
    }
    Ok(ExitCode::SUCCESS)
}
