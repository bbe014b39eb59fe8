//! Deciding about prices.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use tollgate_client::{ClientError, PriceDecisionSearch};
use tollgate_domain::money::Usd;
use tollgate_domain::nearest;
use tollgate_domain::price::PricedKind;
use tollgate_server::ledger::{PRICE_SOURCES, named_sources};
use tollgate_wire::api::{
    PriceDecisionRequest, PriceSetRequest, PriceTier, PriceUpdateRequest, RepriceRequest,
};

use super::ask;
use crate::args::{
    Form, Global, PriceApproveArgs, PriceDecisionArgs, PriceHistoryArgs, PriceRejectArgs, PriceSetArgs,
    PriceUpdateArgs, RepriceArgs,
};
use crate::connect::{Access, is_ledger, is_served};
use crate::exit::{FAILED, Failure};
use crate::output::{self, error_line, out};

pub(crate) async fn update(global: &Global, args: PriceUpdateArgs) -> Result<ExitCode, Failure> {
    let PriceUpdateArgs { dry_run, refresh, accept_shrink } = args;
    let request = PriceUpdateRequest { dry_run, refresh, accept_shrink };
    let report = ask(global, Access::MayCreate, async |it| it.client.update_prices(&request).await).await?;
    let ended = shown(global, "days", &report, output::price_update)?;
    // Sources that the file no longer names were not asked.
    let asked = report.sources.iter().filter(|source| source.kind.is_some());
    let failed: Option<Vec<String>> =
        asked.map(|source| Some(format!("{}: {}", source.source, source.problem.as_deref()?))).collect();
    match failed {
        Some(reasons) if !reasons.is_empty() => {
            error_line(&format!("updating the prices: no source could be used; {}", reasons.join("; ")));
            Ok(ExitCode::from(FAILED))
        }
        Some(_) | None => Ok(ended),
    }
}

pub(crate) async fn approve(global: &Global, args: PriceApproveArgs) -> Result<ExitCode, Failure> {
    let PriceApproveArgs { decision, from } = args;
    let PriceDecisionArgs { price_version, by, reason, id } = decision;
    let request = PriceDecisionRequest { id, price_version, by, reason, from };
    let answer = ask(global, Access::Existing, async |it| it.client.approve_price(&request).await).await?;
    shown(global, "", &answer, output::price_decision)
}

pub(crate) async fn reject(global: &Global, args: PriceRejectArgs) -> Result<ExitCode, Failure> {
    let decision = args.decision;
    let PriceDecisionArgs { price_version, by, reason, id } = decision;
    let request = PriceDecisionRequest { id, price_version, by, reason, from: None };
    let answer = ask(global, Access::Existing, async |it| it.client.reject_price(&request).await).await?;
    shown(global, "", &answer, output::price_decision)
}

pub(crate) async fn set(global: &Global, args: PriceSetArgs) -> Result<ExitCode, Failure> {
    let PriceSetArgs { input, cached, cache_write, cache_write_1h, output, reasoning, .. } = args;
    let given = [input, cached, cache_write, cache_write_1h, output, reasoning];
    let mut usd_per_token = BTreeMap::new();
    for ((flag, kind), text) in KINDS.into_iter().zip(given) {
        let Some(text) = text else { continue };
        usd_per_token.insert(kind.as_str().to_owned(), per_token(&format!("--{flag}"), &text)?);
    }
    let mut usd_per_unit = BTreeMap::new();
    for given in &args.units {
        let (unit, usd) = given.split_once('=').ok_or_else(|| {
            Failure::refused(format!(
                "--unit `{given}`: must be a unit and its price, such as output_images=0.04"
            ))
        })?;
        if usd_per_unit.insert(unit.to_owned(), usd.to_owned()).is_some() {
            return Err(Failure::refused(format!("--unit `{given}`: {unit} is given twice")));
        }
    }
    let tiers = args.tiers.iter().map(|given| tier(given)).collect::<Result<Vec<PriceTier>, Failure>>()?;
    let PriceSetArgs { entry, provider, without, from, by, reason, id, .. } = args;
    let request = PriceSetRequest {
        id,
        entry,
        provider,
        usd_per_token,
        usd_per_unit,
        tiers,
        without,
        from,
        by,
        reason,
    };
    let answer = ask(global, Access::MayCreate, async |it| it.client.set_price(&request).await).await?;
    shown(global, "", &answer, output::price_decision)
}

/// The kinds of tokens, each with its flag.
const KINDS: [(&str, PricedKind); 6] = [
    ("input", PricedKind::Input),
    ("cached", PricedKind::CachedInput),
    ("cache-write", PricedKind::CacheWrite),
    ("cache-write-1h", PricedKind::CacheWrite1h),
    ("output", PricedKind::Output),
    ("reasoning", PricedKind::Reasoning),
];

/// Prices of large requests, or of a service tier: `flex,above=200000,input=4,output=12`.
fn tier(given: &str) -> Result<PriceTier, Failure> {
    let refused = |rule: &str| Failure::refused(format!("--tier `{given}`: {rule}"));
    let mut tier = PriceTier::default();
    for part in given.split(',').map(str::trim) {
        let twice = match part.split_once('=') {
            None => tier.service_tier.replace(part.to_owned()).is_some(),
            Some(("above", size)) => {
                let size = size.parse().map_err(|_| refused("above= must be a number of input tokens"))?;
                tier.above_input.replace(size).is_some()
            }
            Some((name, usd)) => {
                let of_flag = KINDS.iter().find(|(flag, _)| *flag == name.replace('_', "-"));
                let kind = of_flag.map(|(_, kind)| *kind).or_else(|| PricedKind::from_word(name));
                let kind = kind.ok_or_else(|| {
                    let flags: Vec<&str> = KINDS.iter().map(|(flag, _)| *flag).collect();
                    let (known, hint) = (flags.join(", "), nearest::hint(name, &flags));
                    refused(&format!("`{name}` must be above or one of {known}{hint}"))
                })?;
                tier.usd_per_token.insert(kind.as_str().to_owned(), per_token("--tier", usd)?).is_some()
            }
        };
        if twice {
            return Err(refused(&format!("`{part}` says again what another part says")));
        }
    }
    Ok(tier)
}

/// A price of a million tokens, as one of a token.
fn per_token(flag: &str, text: &str) -> Result<String, Failure> {
    let refused = |rule: &str| Failure::refused(format!("{flag} `{text}`: {rule}"));
    let usd: Usd =
        text.parse().map_err(|error: tollgate_domain::money::MoneyError| refused(&error.to_string()))?;
    if usd.units() % 1_000_000 != 0 {
        return Err(refused("must have at most 12 decimal places: it is a price of a million tokens"));
    }
    Ok(Usd::from_units(usd.units() / 1_000_000).to_string())
}

pub(crate) async fn history(global: &Global, args: PriceHistoryArgs) -> Result<ExitCode, Failure> {
    let PriceHistoryArgs { search, waiting, as_known_on, after, limit } = args;
    let wanted = PriceDecisionSearch { search, waiting, as_known_on, after, limit: Some(limit.into()) };
    let decided = ask(global, Access::Existing, async |it| it.client.price_decisions(&wanted).await).await?;
    if global.form == Form::Csv {
        out(&output::price_history_csv(&decided));
        return Ok(ExitCode::SUCCESS);
    }
    shown(global, "", &decided, output::price_history)
}

pub(crate) async fn sources(global: &Global) -> Result<ExitCode, Failure> {
    let sources = if has_ledger(global).await {
        ask(global, Access::Existing, async |it| it.client.price_sources().await).await?
    } else {
        // A question makes no ledger: without one, nothing is known about the sources that the file names.
        let own = global.data.join(PRICE_SOURCES);
        let file = global.price_sources.as_deref().unwrap_or(&own);
        named_sources(file).map_err(|problem| Failure::from(ClientError::Problem(problem)))?
    };
    shown(global, "sources", &sources, output::price_sources)
}

/// Whether there is a ledger to ask.
async fn has_ledger(global: &Global) -> bool {
    global.server.is_some()
        || global.log.is_some()
        || is_served(&global.data).await
        || is_ledger(&global.data)
}

pub(crate) async fn reprice(global: &Global, args: RepriceArgs) -> Result<ExitCode, Failure> {
    let RepriceArgs { model, provider, from, to, dry_run, by, reason } = args;
    let request = RepriceRequest { model, provider, from, to, dry_run, by, reason };
    let report = ask(global, Access::Existing, async |it| it.client.reprice(&request).await).await?;
    shown(global, "days", &report, output::repriced)
}

fn shown<T: Serialize>(
    global: &Global,
    list: &str,
    answer: &T,
    table: impl FnOnce(&T) -> String,
) -> Result<ExitCode, Failure> {
    super::answer(global, list, answer, table);
    Ok(ExitCode::SUCCESS)
}
