//! Looking prices up.

use std::path::Path;
use std::process::ExitCode;

use tollgate_client::Clock;
use tollgate_client::{ClientError, PriceQuery, PriceSearch, SystemClock};
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::price::PriceBook;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_server::ledger::{PricesQuery, QuoteQuery, prices_of, quote_of};

use super::{ask, price_book, price_decisions};
use crate::args::{Form, Format, Global, PriceListArgs, PriceShowArgs, PricesCommand};
use crate::commands::config::read_config;
use crate::connect::{Access, config_file, is_ledger, is_served};
use crate::exit::Failure;
use crate::output::{self, json, out, say};

pub(crate) async fn run(global: &Global, command: PricesCommand) -> Result<ExitCode, Failure> {
    match command {
        PricesCommand::List(args) => list(global, args).await,
        PricesCommand::Show(args) => show(global, args).await,
        PricesCommand::Update(args) => price_decisions::update(global, args).await,
        PricesCommand::Approve(args) => price_decisions::approve(global, args).await,
        PricesCommand::Reject(args) => price_decisions::reject(global, args).await,
        PricesCommand::Set(args) => price_decisions::set(global, args).await,
        PricesCommand::History(args) => price_decisions::history(global, args).await,
        PricesCommand::Sources => price_decisions::sources(global).await,
        PricesCommand::Reprice(args) => price_decisions::reprice(global, args).await,
    }
}

async fn list(global: &Global, args: PriceListArgs) -> Result<ExitCode, Failure> {
    let PriceListArgs { search, provider, after, limit } = args;
    let limit = usize::from(limit);
    let list = if has_ledger(global).await {
        let wanted = PriceSearch { search, provider, after, limit: Some(limit) };
        ask(global, Access::Existing, async |it| it.client.prices(&wanted).await).await?
    } else {
        let (book, source, _) = named(global)?;
        prices_of(&book, &source, &PricesQuery { search, provider, after, limit }, SystemClock.now())
    };
    if global.form == Form::Csv {
        out(&output::prices_csv(&list));
        return Ok(ExitCode::SUCCESS);
    }
    match global.format {
        Format::Json => json(&list),
        Format::Table => say(&output::price_list(&list)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(global: &Global, args: PriceShowArgs) -> Result<ExitCode, Failure> {
    let tokens = TokenCounts {
        input_uncached: args.input,
        cached_input: args.cached,
        cache_write: args.cache_write,
        cache_write_1h: args.cache_write_1h,
        output: args.output,
        reasoning: args.reasoning,
    };
    let units = args.units.join(",");
    let units: UnitCounts =
        units.parse().map_err(|rule: String| Failure::refused(format!("--unit: {rule}")))?;
    let PriceShowArgs { model, provider, service_tier, at, .. } = args;
    let quote = if has_ledger(global).await {
        let wanted = PriceQuery { model, provider, service_tier, at, tokens, units };
        ask(global, Access::Existing, async |it| it.client.price_quote(&wanted).await).await?
    } else {
        let (book, _, config) = named(global)?;
        let time = |text: String| {
            text.parse::<Timestamp>().map_err(|_| {
                Failure::refused(format!("--at `{text}`: must be a time such as 2026-11-21T08:30:00Z"))
            })
        };
        let query =
            QuoteQuery { model, provider, service_tier, at: at.map(time).transpose()?, tokens, units };
        quote_of(&book, &config.prices, &query, SystemClock.now())
            .map_err(|problem| Failure::from(ClientError::Problem(problem)))?
    };
    super::answer(global, "lines", &quote, output::price_quote);
    Ok(ExitCode::SUCCESS)
}

/// Whether a ledger says which prices are in force. With `--prices` only a server does: it has its own.
async fn has_ledger(global: &Global) -> bool {
    let named = global.server.is_some() || global.log.is_some();
    named || (global.prices.is_none() && (is_served(&global.data).await || is_ledger(&global.data)))
}

/// The price book that is named, or else the shipped one; and the config with its aliases.
fn named(global: &Global) -> Result<(PriceBook, String, BudgetConfig), Failure> {
    let config =
        config_file(global).map_or_else(|| Ok(BudgetConfig::built_in()), |path| read_config(&path))?;
    let path = global.prices.as_deref().unwrap_or(Path::new(PriceBook::SHIPPED));
    let (book, source) = price_book::read(path)?;
    Ok((book, source, config))
}
