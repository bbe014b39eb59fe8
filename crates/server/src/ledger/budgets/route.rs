//! The cheapest model that may be used.

use std::collections::BTreeSet;

use tollgate_domain::budget::{Amount, Judgement, ModelTier};
use tollgate_domain::event::AllocationRequest;
use tollgate_domain::money::Usd;
use tollgate_domain::nearest;
use tollgate_domain::price::PriceEntry;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_wire::api::{RouteRequest, RouteResponse, RouteView};

use super::BudgetDecisions;
use super::allocations::{makes_sense, of_another_kind};
use super::answer::without_price;
use super::command::{Command, Done, What};
use super::request::{allocation, call, fresh, id, named, tenant, wait};
use crate::ledger::Settings;
use crate::problem::{Answer, INVALID};

/// The most models that policies are asked about.
const JUDGED: usize = 100;

/// The most models that an answer names beside the chosen one.
const OTHERS: usize = 10;

/// A model that satisfies what is asked, with what the call costs.
struct Candidate {
    request: AllocationRequest,
    tier: ModelTier,
    cost: Usd,
    arithmetic: String,
}

impl BudgetDecisions {
    /// The cheapest model that satisfies what is asked and that every policy allows. A model without a price is never
    /// one of them. Nothing is recorded or reserved. Poll the future until it is done, or drop it: the tenant's other
    /// decisions may wait for it.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn route(&self, sent: &RouteRequest) -> Answer<RouteResponse> {
        let tenant = tenant(sent.request.tenant.as_ref())?;
        has_effect(sent)?;
        let (settings, now) = (self.ask.settings(), self.ask.now());
        let asked = allocation(&settings, &sent.request, now)?;
        let mode = sent.mode.as_deref().unwrap_or("chat");
        makes_sense("looking for a model", &asked, now)?;
        let tokens = tokens_of(sent, &asked, mode)?;
        let least = tier_of(sent)?;
        known(sent, mode, &settings, now)?;
        // What is embedded or ranked is many texts, and each of them has the limit for itself.
        let is_many = matches!(mode, "embedding" | "rerank");
        let takes = |entry: &PriceEntry<'_>| is_many || settings.prices.takes(entry, &tokens);
        let mut candidates: Vec<Candidate> = settings
            .prices
            .entries(now)
            .filter(|entry| entry.is_priced() && entry.mode().is_none_or(|own| own == mode))
            .filter(takes)
            .filter(|entry| {
                let of = |provider: &String| entry.is_of(provider);
                sent.providers.is_empty() || sent.providers.iter().any(of)
            })
            .filter(|entry| sent.models.is_empty() || sent.models.iter().any(|model| model == entry.name))
            .filter_map(|entry| candidate(&settings, &asked, entry, &tokens, now))
            .filter(|candidate| candidate.tier >= least)
            .collect();
        candidates.sort_by(|a, b| (a.cost, &a.request.model).cmp(&(b.cost, &b.request.model)));
        candidates.truncate(JUDGED);
        let preferred = asked.model.as_ref().and_then(|model| {
            let entry = settings.prices.quote(call(&settings, &asked, now), &tokens).ok()?.entry;
            if entry.mode().is_some_and(|own| own != mode) || !takes(&entry) {
                return None;
            }
            let mut found = candidate(&settings, &asked, entry, &tokens, now)?;
            found.request.model = Some(model.clone());
            found.request = named(&settings, found.request, now);
            Some(found)
        });
        let left_out = asked.model.as_ref().filter(|_| preferred.is_none());
        let is_priced = || settings.prices.quote(call(&settings, &asked, now), &tokens).is_ok();
        let not_looked_at = left_out.map(|model| why_left_out(model, is_priced(), mode));
        let mut requests: Vec<AllocationRequest> =
            candidates.iter().map(|candidate| candidate.request.clone()).collect();
        requests.extend(preferred.iter().map(|preferred| preferred.request.clone()));
        let mut command = Command::new(id("route", "id", &fresh())?, What::Route(requests));
        command.wait = wait(sent.request.wait_ms)?;
        let Done::Routed { mut judgements, as_of } = self.decided(&tenant, command).await? else {
            return Err(of_another_kind());
        };
        let policies = judgements.iter().flat_map(|judgement| &judgement.policies);
        let unpriced: BTreeSet<String> = policies
            .filter_map(|found| Some(format!("policy `{}`: {}", found.policy, without_price(found)?)))
            .collect();
        let preferred = preferred.and_then(|preferred| Some(view(&preferred, &judgements.pop()?)));
        let mut views: Vec<RouteView> = candidates
            .iter()
            .zip(&judgements)
            .map(|(candidate, judgement)| view(candidate, judgement))
            .collect();
        let chosen = views.iter().position(|view| view.fits).map(|at| views.remove(at));
        views.truncate(OTHERS);
        Ok(RouteResponse {
            chosen,
            preferred,
            not_looked_at,
            others: views,
            unpriced: unpriced.into_iter().collect(),
            as_of,
        })
    }
}

/// Why a model that was asked for is not compared.
fn why_left_out(model: &str, is_priced: bool, mode: &str) -> String {
    if is_priced {
        return format!(
            "`{model}` does not take such a call: it is of another mode than `{mode}`, or its context is too small"
        );
    }
    format!("`{model}` has no price; `tollgate prices list` has the names")
}

/// Refuses what means nothing to a route.
fn has_effect(sent: &RouteRequest) -> Answer<()> {
    if let Some(unit) = sent.request.units.keys().next() {
        let rule = "a route compares models by the price of their tokens: give `tokens`, and leave it out";
        return Err(INVALID.of_field("units", unit, rule));
    }
    if let Some(usd) = &sent.request.usd {
        let rule = "a route asks what tokens cost with each model: give `tokens`, and leave it out";
        return Err(INVALID.of_field("usd", usd, rule));
    }
    if let (Some(provider), None) = (&sent.request.provider, &sent.request.model) {
        let rule = "serves the preferred `model`, and none is named: to choose among its models, say `providers` (`--only-provider`)";
        return Err(INVALID.of_field("provider", provider, rule));
    }
    Ok(())
}

/// Refuses what no entry of the price book has: a mistyped word would look as if nothing were allowed.
fn known(sent: &RouteRequest, mode: &str, settings: &Settings, at: Timestamp) -> Answer<()> {
    let modes: BTreeSet<&str> = settings.prices.entries(at).filter_map(|entry| entry.mode()).collect();
    if sent.mode.is_some() && !modes.contains(mode) {
        let words: Vec<&str> = modes.into_iter().collect();
        let hint = nearest::hint(mode, &words);
        let rule = format!("must be one of {}{hint}", words.join(", "));
        return Err(INVALID.of_field("mode", mode, &rule));
    }
    let names: BTreeSet<&str> = settings.prices.entries(at).map(|entry| entry.name).collect();
    match sent.models.iter().find(|model| !names.contains(model.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let rule = "must be an entry of the price book; `tollgate prices list` shows them";
            Err(INVALID.of_field("models", unknown, rule))
        }
    }
}

/// The tokens of the call: what is not given as output is input.
fn tokens_of(sent: &RouteRequest, asked: &AllocationRequest, mode: &str) -> Answer<TokenCounts> {
    let all = u64::try_from(asked.amount.tokens).unwrap_or_default();
    let output = match (sent.output_tokens, sent.request.input_tokens) {
        (Some(output), None) => output,
        (None, Some(input)) => all.saturating_sub(input),
        // Such models write no tokens.
        (None, None) if matches!(mode, "embedding" | "rerank") => 0,
        // Nothing is known of them: the usual quarter is output.
        (None, None) => all.div_ceil(4),
        (Some(output), Some(input)) if input.checked_add(output) == Some(all) => output,
        (Some(output), Some(input)) => {
            let rule = format!("must be tokens {all} less input_tokens {input}; leave one of them out");
            return Err(INVALID.of_field("output_tokens", &output.to_string(), &rule));
        }
    };
    if output > all {
        let rule = format!("must not be more than tokens {all}: it is a part of them");
        return Err(INVALID.of_field("output_tokens", &output.to_string(), &rule));
    }
    Ok(TokenCounts { input_uncached: all.saturating_sub(output), output, ..TokenCounts::default() })
}

fn tier_of(sent: &RouteRequest) -> Answer<ModelTier> {
    let Some(word) = &sent.tier else { return Ok(ModelTier::LocalLightweight) };
    ModelTier::from_word(word).ok_or_else(|| {
        INVALID.of_field("tier", word, &format!("must be one of {}", ModelTier::NAMES.join(", ")))
    })
}

fn candidate(
    settings: &Settings,
    asked: &AllocationRequest,
    entry: PriceEntry<'_>,
    tokens: &TokenCounts,
    at: Timestamp,
) -> Option<Candidate> {
    let provider = entry.provider().map(str::to_owned);
    let mut request = AllocationRequest { model: Some(entry.name.to_owned()), provider, ..asked.clone() };
    request = named(settings, request, at);
    let quote = settings.prices.quote(call(settings, &request, at), tokens).ok()?;
    let cost = quote.usd?;
    let lines = quote.lines.iter().filter(|line| line.tokens > 0);
    let lines: Vec<String> =
        lines.filter_map(|line| Some(format!("{} {} × {}", line.tokens, line.kind, line.rate?))).collect();
    let arithmetic = format!("{} = {cost} USD", lines.join(" + "));
    (request.amount, request.is_priced) = (Amount { usd: cost, ..asked.amount }, true);
    let tier = ModelTier::of(request.provider.as_deref(), request.model.as_deref());
    Some(Candidate { request, tier, cost, arithmetic })
}

fn view(candidate: &Candidate, judgement: &Judgement) -> RouteView {
    let refusing = judgement.policies.iter().filter(|found| found.ruling.refuses());
    RouteView {
        model: candidate.request.model.clone().unwrap_or_default(),
        provider: candidate.request.provider.clone(),
        tier: candidate.tier.as_str().to_owned(),
        cost_usd: candidate.cost.to_string(),
        arithmetic: candidate.arithmetic.clone(),
        fits: judgement.is_allowed(),
        refused_by: refusing.map(|found| found.policy.clone()).collect(),
    }
}
