//! From requests to what is decided: names, defaults, and what tokens are expected to cost.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_domain::budget::{Amount, BudgetState, defaults};
use tollgate_domain::event::AllocationRequest;
use tollgate_domain::ids::{EventId, InvalidId, MAX_ID_BYTES, TenantId};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::{InvalidPhase, Phase};
use tollgate_domain::price::{AtMost, Call};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts};
use tollgate_domain::units::{Unit, UnitCounts, UnitSums};
use tollgate_wire::api::{AllocateRequest, Problem};
use uuid::Uuid;

use super::command::WAIT;
use crate::asked;
use crate::ledger::Settings;
use crate::problem::{Answer, INVALID};

/// How long something is reserved if nobody says: 24 hours.
const DEFAULT_TTL_S: u64 = 24 * 60 * 60;

/// The priority of a request that names none.
pub(super) const NORMAL: u8 = 5;

/// The tenant of a request.
pub(super) fn tenant(named: Option<&String>) -> Answer<TenantId> {
    named.map_or_else(
        || Ok(TenantId::default_tenant()),
        |name| TenantId::new(name.as_str()).map_err(|error| invalid_id(&error)),
    )
}

/// An id of a decision: what is decided, and the caller's name for it.
pub(super) fn id(what: &str, field: &str, name: &str) -> Answer<EventId> {
    EventId::new(format!("{what}/{name}")).map_err(|error| {
        let mut problem = INVALID.of_field(field, name, error.rule);
        let most = MAX_ID_BYTES.saturating_sub(what.len()).saturating_sub(1);
        if name.len() > most {
            problem = INVALID.of_field(field, name, &format!("must have at most {most} bytes"));
        }
        problem
    })
}

/// A name that nobody chose.
pub(super) fn fresh() -> String {
    Uuid::now_v7().to_string()
}

fn invalid_id(error: &InvalidId) -> Box<Problem> {
    INVALID.of_field(error.field, &error.value, error.rule)
}

/// Money as text.
pub(super) fn usd(field: &str, text: &str) -> Answer<Usd> {
    text.parse().map_err(|error: tollgate_domain::money::MoneyError| {
        INVALID.of_field(field, text, &error.to_string())
    })
}

/// A phase by its name.
fn phase(name: &str) -> Answer<Phase> {
    name.parse().map_err(|_: InvalidPhase| INVALID.of_field("phase", name, InvalidPhase::RULE))
}

/// How long, in milliseconds.
pub(super) fn ttl_ms(seconds: Option<u64>) -> Answer<Option<i64>> {
    let too_long = |seconds: u64| {
        INVALID.of_field("ttl_s", &seconds.to_string(), "must be from 1 to 31622400 seconds (366 days)")
    };
    let ms = |seconds: u64| {
        let within = (1..=366 * 24 * 60 * 60).contains(&seconds);
        let ms = i64::try_from(seconds).ok().filter(|_| within).map(|seconds| seconds.saturating_mul(1000));
        ms.ok_or_else(|| too_long(seconds))
    };
    seconds.map(ms).transpose()
}

/// How long a request waits for figures that cover the log's end.
pub(super) fn wait(ms: Option<u64>) -> Answer<Duration> {
    ms.map_or(Ok(WAIT), asked::wait)
}

/// What is asked for, with defaults and the expected cost.
pub(super) fn allocation(
    settings: &Settings,
    sent: &AllocateRequest,
    at: Timestamp,
) -> Answer<AllocationRequest> {
    let priority = sent.priority.unwrap_or(NORMAL);
    let ttl = ttl_ms(Some(sent.ttl_s.unwrap_or(DEFAULT_TTL_S)))?.unwrap_or_default();
    let default = || defaults::allocation(sent.labels.get("task_type").map(String::as_str), priority);
    let tokens = match (sent.tokens, sent.input_tokens) {
        (Some(tokens), Some(input)) if input > tokens => {
            let rule = format!("must not be more than tokens {tokens}: it is a part of them");
            return Err(INVALID.of_field("input_tokens", &input.to_string(), &rule));
        }
        (None, Some(input)) => {
            let rule = "needs `tokens`: it is a part of them";
            return Err(INVALID.of_field("input_tokens", &input.to_string(), rule));
        }
        (Some(_), Some(input)) if sent.usd.is_some() => {
            let rule = "says what the tokens cost, and `usd` says that already: leave one of them out";
            return Err(INVALID.of_field("input_tokens", &input.to_string(), rule));
        }
        (Some(tokens), _) => tokens,
        (None, None) if sent.usd.is_some() || !sent.units.is_empty() => 0,
        (None, None) => default(),
    };
    let mut request = AllocationRequest {
        allocation: sent.allocation.clone().unwrap_or_else(fresh),
        context: sent.context.clone(),
        task: sent.task.clone(),
        phase: sent.phase.as_deref().map(phase).transpose()?,
        component: sent.component.clone(),
        provider: sent.provider.clone(),
        model: sent.model.clone(),
        labels: sent.labels.clone(),
        priority,
        amount: Amount { tokens: tokens.into(), usd: Usd::ZERO },
        tokens_unsaid: sent.tokens.is_none() && (sent.usd.is_some() || !sent.units.is_empty()),
        is_priced: false,
        expires_at: at.plus_millis(ttl),
        priced_provider: None,
        priced_model: None,
        service_tier: sent.service_tier.clone(),
        units: units(&sent.units)?,
    };
    for (field, value) in [
        ("context", &request.context),
        ("task", &request.task),
        ("component", &request.component),
        ("provider", &request.provider),
        ("model", &request.model),
        ("service_tier", &request.service_tier),
    ] {
        if value.as_deref() == Some("") {
            return Err(INVALID.of_field(field, "", "omit it instead of sending an empty value"));
        }
    }
    if let Some(text) = &sent.usd {
        request.amount.usd = usd("usd", text)?;
        request.is_priced = true;
    } else {
        let tokens = match sent.input_tokens {
            Some(input) => AtMost::Split { input, output: tokens.saturating_sub(input) },
            None => AtMost::Any(tokens),
        };
        let units = counts(&request.units);
        if let Some(usd) = settings.prices.most(call(settings, &request, at), tokens, &units) {
            (request.amount.usd, request.is_priced) = (usd, true);
        }
    }
    Ok(named(settings, request, at))
}

/// A request with the names by which it is priced: policies count it, and its usage, under these, too.
pub(super) fn named(settings: &Settings, request: AllocationRequest, at: Timestamp) -> AllocationRequest {
    let priced = settings.prices.priced_as(call(settings, &request, at));
    request.priced_as(&priced)
}

/// The call of a request, as the config applies to it.
pub(super) fn call<'a>(settings: &'a Settings, request: &'a AllocationRequest, at: Timestamp) -> Call<'a> {
    settings.config.prices.apply(Call {
        provider: request.provider.as_deref(),
        model: request.model.as_deref(),
        service_tier: request.service_tier.as_deref(),
        at,
    })
}

/// Units by their names.
fn units(sent: &BTreeMap<String, u64>) -> Answer<UnitSums> {
    let unit = |(name, count): (&String, &u64)| {
        let rule = || format!("must be one of {}", Unit::NAMES.join(", "));
        let unit = Unit::from_word(name).ok_or_else(|| INVALID.of_field("units", name, &rule()))?;
        if *count > MAX_TOKENS_PER_EVENT {
            let rule = format!("must be at most {MAX_TOKENS_PER_EVENT}, the most one event may hold");
            return Err(INVALID.of_field(&format!("units.{name}"), &count.to_string(), &rule));
        }
        Ok((unit, i128::from(*count)))
    };
    Ok(UnitSums::from_pairs(sent.iter().map(unit).collect::<Answer<Vec<_>>>()?))
}

/// As counts of one call.
fn counts(units: &UnitSums) -> UnitCounts {
    let count = |(unit, count)| Some((unit, u64::try_from(count).ok()?));
    UnitCounts::from_pairs(units.iter().filter_map(count))
}

/// An amount with what its tokens cost at most at the price of the request's model, and whether that is known.
pub(super) fn price_of(
    settings: &Settings,
    request: &AllocationRequest,
    amount: Amount,
    at: Timestamp,
) -> (Amount, bool) {
    let tokens = u64::try_from(amount.tokens).unwrap_or_default();
    match settings.prices.most(call(settings, request, at), AtMost::Any(tokens), &UnitCounts::NONE) {
        Some(usd) => (Amount { usd, ..amount }, true),
        None => (amount, false),
    }
}

/// The same request with each model that the policies over it may degrade to, at that model's price. Who serves it
/// is what its entry of the price book says.
pub(super) fn alternatives(
    settings: &Settings,
    state: &BudgetState,
    request: &AllocationRequest,
    at: Timestamp,
) -> Vec<AllocationRequest> {
    let ruling = state.ruling(&request.dimensions(), at);
    let models = ruling.iter().flat_map(|(_, _, policy)| &policy.degrade_to);
    models.map(|model| with_model(settings, request, model, at)).collect()
}

/// The same request with another model, at its price.
pub(super) fn with_model(
    settings: &Settings,
    request: &AllocationRequest,
    model: &str,
    at: Timestamp,
) -> AllocationRequest {
    let asked = Call { provider: None, model: Some(model), service_tier: None, at };
    let quote = settings.prices.quote(settings.config.prices.apply(asked), &TokenCounts::default()).ok();
    let provider = quote.and_then(|quote| quote.entry.provider().map(str::to_owned));
    let other = AllocationRequest { model: Some(model.to_owned()), provider, ..request.clone() };
    let other = named(settings, other, at);
    if request.amount.tokens == 0 && request.units.is_empty() {
        // Money alone was asked for: it is the same whatever the model.
        return other;
    }
    let tokens = AtMost::Any(u64::try_from(request.amount.tokens).unwrap_or_default());
    let most = settings.prices.most(call(settings, &other, at), tokens, &counts(&request.units));
    let (usd, is_priced) = (most.unwrap_or(request.amount.usd), most.is_some());
    AllocationRequest { amount: Amount { usd, ..request.amount }, is_priced, ..other }
}
