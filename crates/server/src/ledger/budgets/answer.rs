//! From decisions about money to answers.

use tollgate_domain::budget::{
    Amount, AmountLimit, BudgetState, Judgement, Policy, PolicyHistory, Rollover, SetBy, Window,
};
use tollgate_domain::event::{AllocationRequest, BudgetSet, LimitRaised, PolicyFigures, Ruling};
use tollgate_domain::gate::grouped;
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_projection::budgets::AllocationRow;
use tollgate_projection::report::unit_totals;
use tollgate_wire::api::{
    AllocationStateWord, AllocationView, AmountView, BudgetView, CheckResponse, LimitView, PolicyFiguresView,
    PolicyRule, PolicyView, RaiseState, RaiseView, UnpricedView, VersionSource,
};

pub(super) fn amount(amount: Amount) -> AmountView {
    let bound = if amount.tokens < 0 { i64::MIN } else { i64::MAX };
    AmountView { tokens: i64::try_from(amount.tokens).unwrap_or(bound), usd: amount.usd.to_string() }
}

/// What has no price; its money may be of any size.
pub(super) fn unpriced(unpriced: Amount) -> UnpricedView {
    let AmountView { tokens, usd } = amount(unpriced);
    UnpricedView { tokens, usd: (unpriced.usd != Usd::MAX).then_some(usd) }
}

pub(super) fn limit(limit: AmountLimit) -> LimitView {
    LimitView { tokens: limit.tokens, usd: limit.usd.map(|usd| usd.to_string()) }
}

/// What a limit leaves after an amount, of what it limits.
pub(super) fn remaining(of: AmountLimit, used: Amount) -> LimitView {
    let left = of.left_after(used);
    LimitView {
        tokens: of.tokens.map(|_| u64::try_from(left.tokens).unwrap_or_default()),
        usd: of.usd.map(|_| left.usd.to_string()),
    }
}

pub(super) fn budget(set: &BudgetSet, tenant: &str, policies: Vec<String>, as_of: String) -> BudgetView {
    BudgetView {
        budget: set.budget.clone(),
        tenant: tenant.to_owned(),
        title: set.title.clone(),
        description: set.description.clone(),
        owner: set.owner.clone(),
        active: set.active,
        labels: set.labels.clone(),
        made_at: set.made_at.map(|at| at.to_string()),
        changed_at: set.decided_at.map(|at| at.to_string()),
        policies,
        as_of,
    }
}

/// The policies of a budget, by the version that rules, or else the last one.
pub(super) fn policies_of(state: &BudgetState, budget: &str, now: Timestamp) -> Vec<String> {
    let of = state.policies().iter().filter(|(_, history)| {
        let latest = history.ruling_at(now).map(|(_, policy)| policy).or(history.versions.last());
        latest.is_some_and(|policy| policy.budget.as_deref() == Some(budget))
    });
    of.map(|(name, _)| name.clone()).collect()
}

/// A policy without how it stands, and without a position.
pub(super) fn policy(
    (name, history): (&str, &PolicyHistory),
    tenant: &str,
    version: Option<u32>,
    now: Timestamp,
) -> PolicyView {
    PolicyView {
        policy: name.to_owned(),
        tenant: tenant.to_owned(),
        version,
        versions: history.versions.iter().map(rule).collect(),
        then: then(history, now),
        set_by: set_by(history),
        raises: history.raises.iter().map(|found| raise(history, found, now)).collect(),
        status: None,
        figures: None,
        near: Vec::new(),
        near_is_partial: false,
        warnings: Vec::new(),
        as_of: String::new(),
    }
}

/// The version that rules when the one that rules now ends.
fn then(history: &PolicyHistory, now: Timestamp) -> Option<u32> {
    let (_, ruling) = history.ruling_at(now)?;
    history.ruling_at(ruling.to?).map(|(version, _)| version)
}

fn rule(policy: &Policy) -> PolicyRule {
    let fixed = if let Window::Fixed(span) = policy.window { Some(span) } else { None };
    let (rollover, cap) = match policy.rollover {
        Rollover::Nothing => ("nothing", AmountLimit::default()),
        Rollover::All => ("all", AmountLimit::default()),
        Rollover::UpTo(cap) => ("up_to", cap),
    };
    let scope = policy.scope.iter().map(|(dimension, value)| (dimension.to_string(), value.to_owned()));
    PolicyRule {
        budget: policy.budget.clone(),
        scope: scope.collect(),
        window: policy.window.as_str().to_owned(),
        window_from: fixed.map(|span| span.from.to_string()),
        window_to: fixed.map(|span| span.to.to_string()),
        zone: Some(policy.zone.name().to_owned()),
        limit_tokens: policy.limit.tokens,
        limit_usd: policy.limit.usd.map(|usd| usd.to_string()),
        enforcement: Some(policy.enforcement),
        warn_at: Some(policy.warn_at.to_string()),
        act_at: Some(policy.act_at.to_string()),
        measure: Some(policy.measure),
        rollover: Some(rollover.to_owned()),
        rollover_cap_tokens: cap.tokens,
        rollover_cap_usd: cap.usd.map(|usd| usd.to_string()),
        passes_from: policy.passes_from,
        degrade_to: policy.degrade_to.clone(),
        throttle_per_minute: policy.throttle_per_minute,
        on_stale: Some(policy.on_stale),
        from: Some(policy.from.to_string()),
        to: policy.to.map(|to| to.to_string()),
        enabled: Some(policy.enabled),
    }
}

/// Who set each version of a policy.
fn set_by(history: &PolicyHistory) -> Vec<VersionSource> {
    let of = |(version, by): (u32, &SetBy)| VersionSource {
        version,
        author: by.author.clone(),
        reason: by.reason.clone(),
    };
    (1..).zip(&history.set_by).map(of).collect()
}

fn raise(history: &PolicyHistory, raised: &LimitRaised, now: Timestamp) -> RaiseView {
    let withdrawal = history.withdrawal_of(&raised.raise);
    let has_effect = history.ruling_at(now).is_some_and(|(_, policy)| {
        (raised.by.tokens > 0 && policy.limit.tokens.is_some())
            || (raised.by.usd > Usd::ZERO && policy.limit.usd.is_some())
    });
    let state = if withdrawal.is_some() {
        RaiseState::Withdrawn
    } else if raised.until <= now {
        RaiseState::Over
    } else if now < raised.from {
        RaiseState::ToCome
    } else if has_effect {
        RaiseState::InForce
    } else {
        RaiseState::WithoutEffect
    };
    RaiseView {
        raise: raised.raise.clone(),
        state,
        withdrawn_by: withdrawal.map(|withdrawal| withdrawal.author.clone()),
        withdrawn_because: withdrawal.map(|withdrawal| withdrawal.reason.clone()),
        by: amount(raised.by),
        from: raised.from.to_string(),
        until: raised.until.to_string(),
        author: raised.author.clone(),
        reason: raised.reason.clone(),
    }
}

/// The answer to a check.
pub(super) fn check(
    request: &AllocationRequest,
    judgement: &Judgement,
    instead: Option<String>,
    as_of: String,
) -> CheckResponse {
    CheckResponse {
        allowed: judgement.is_allowed() || instead.is_some(),
        instead,
        amount: amount(request.amount),
        priced: request.is_priced,
        similar_model: None,
        policies: judgement.policies.iter().map(|found| figures(found, request)).collect(),
        as_of,
    }
}

/// An allocation; `used`: what was used of it, if that is known.
pub(super) fn allocation(
    row: &AllocationRow,
    used: Option<Amount>,
    tenant: &str,
    now: Timestamp,
    repeated: bool,
    as_of: String,
) -> AllocationView {
    let AllocationRow { request, .. } = row;
    let unused = used.map(|used| row.amount.beyond(used));
    let nothing = Some(Amount::NOTHING);
    let state = row.state_at(now);
    let [remaining, released, expired] = match state {
        AllocationStateWord::Refused => [nothing; 3],
        AllocationStateWord::Released => [nothing, unused, nothing],
        AllocationStateWord::Expired => [nothing, nothing, unused],
        AllocationStateWord::Open => [unused, nothing, nothing],
    };
    let is_made = state != AllocationStateWord::Refused;
    let overrun = if is_made { used.map(|used| used.beyond(row.amount)) } else { nothing };
    AllocationView {
        allocation: request.allocation.clone(),
        tenant: tenant.to_owned(),
        state,
        context: request.context.clone(),
        task: request.task.clone(),
        phase: request.phase.as_ref().map(ToString::to_string),
        component: request.component.clone(),
        provider: request.provider.clone(),
        model: request.model.clone(),
        instead_of: row.instead_of.clone(),
        labels: request.labels.clone(),
        priority: request.priority,
        amount: amount(row.amount),
        priced: request.is_priced,
        used: used.map(amount),
        remaining: remaining.map(amount),
        released: released.map(amount),
        expired: expired.map(amount),
        overrun: overrun.map(amount),
        figures: None,
        expires_at: row.expires_at.to_string(),
        decided_at: row.decided_at.to_string(),
        policies: row.policies.iter().map(|found| figures(found, request)).collect(),
        repeated,
        as_of,
    }
}

pub(super) fn figures(found: &PolicyFigures, request: &AllocationRequest) -> PolicyFiguresView {
    let counted = found.booked.plus(found.reserved);
    let has_figures = found.ruling.has_figures();
    let known = |figure| has_figures.then(|| amount(figure));
    PolicyFiguresView {
        policy: found.policy.clone(),
        version: found.version,
        window_from: found.window.map(|span| span.from.to_string()),
        window_to: found.window.map(|span| span.to.to_string()),
        of: found.of.clone(),
        limit: limit(found.limit),
        booked: known(found.booked),
        reserved: known(found.reserved),
        unpriced: has_figures.then(|| unpriced(found.unpriced)),
        unpriced_units: unit_totals(&found.unpriced_units),
        remaining: has_figures.then(|| remaining(found.limit, counted)),
        ruling: found.ruling,
        retry_at: found.retry_at.map(|at| at.to_string()),
        sentence: sentence(found, Some(request)),
    }
}

/// What a policy says, as a sentence with its numbers; `asked`: to this request.
pub(super) fn sentence(found: &PolicyFigures, asked: Option<&AllocationRequest>) -> String {
    let PolicyFigures { policy, version, limit, booked, reserved, .. } = found;
    let of = found.of.as_ref().map(|of| format!(" for `{of}`")).unwrap_or_default();
    let until = found.window.map(|span| format!(" until {}", span.to)).unwrap_or_default();
    let mut parts = Vec::new();
    let has_figures = found.ruling.has_figures();
    let spent = |booked: String, reserved: String, most: String| {
        if has_figures {
            format!("{booked} of {most} spent, {reserved} reserved")
        } else {
            format!("an unknown part of {most} spent")
        }
    };
    if let Some(most) = limit.usd {
        let asked = match asked {
            Some(AllocationRequest { is_priced: false, .. }) => ", an unknown amount asked for".to_owned(),
            Some(AllocationRequest { amount, .. }) => format!(", {} asked for", amount.usd),
            None => String::new(),
        };
        let spent = spent(booked.usd.to_string(), reserved.usd.to_string(), format!("{most} USD"));
        parts.push(format!("{spent}{asked}"));
    }
    if let Some(most) = limit.tokens {
        let shown = |tokens: i128| grouped(tokens.max(0).unsigned_abs());
        let asked = match asked {
            Some(AllocationRequest { tokens_unsaid: true, .. }) => ", an unknown number asked for".to_owned(),
            Some(AllocationRequest { amount, .. }) => format!(", {} asked for", shown(amount.tokens)),
            None => String::new(),
        };
        let most = format!("{} tokens", grouped(most.into()));
        let spent = spent(shown(booked.tokens), shown(reserved.tokens), most);
        parts.push(format!("{spent}{asked}"));
    }
    let without_price = without_price(found).map(|found| format!("; {found}")).unwrap_or_default();
    let numbers = parts.join("; ");
    let says = match found.ruling {
        Ruling::Fits => "fits",
        Ruling::Warns => "fits, and its warning threshold is reached",
        Ruling::Ignored => "would be exceeded, which it ignores",
        Ruling::Over => "is exceeded, which it warns of",
        Ruling::OverSoft => "is a soft limit and is exceeded",
        Ruling::Passed => "is exceeded, and the priority passes it",
        Ruling::Throttled => "is exceeded, and this is within the rate that it allows beyond",
        Ruling::Refused if asked.is_none() => "is used up",
        Ruling::Refused => match found.retry_at {
            Some(at) => &format!("would be exceeded, and its rate lets the next one pass at {at}"),
            None => "would be exceeded",
        },
        Ruling::Unpriced => {
            "limits money, and what this will cost is not known: name a model that has a price, or give `usd`"
        }
        Ruling::Unnamed => "looks at tasks or sessions one by one, and the request names none",
        Ruling::Stale => "cannot say: what was spent is not known up to the log's end",
        Ruling::StaleAllowed => {
            "cannot say, and lets it pass: what was spent is not known up to the log's end, and `on_stale` is `allow`"
        }
    };
    format!("policy `{policy}` (version {version}){of} {says}: {numbers}{until}{without_price}")
}

/// What was spent without a price under a policy that limits money: whatever the policy measures, who decides by its
/// figures knows what they leave out.
pub(super) fn without_price(found: &PolicyFigures) -> Option<String> {
    let PolicyFigures { limit, unpriced, unpriced_units, .. } = found;
    limit.usd?;
    let tokens = (unpriced.tokens > 0).then(|| match unpriced.tokens {
        1 => "1 token".to_owned(),
        tokens => format!("{} tokens", grouped(tokens.unsigned_abs())),
    });
    let units = (!unpriced_units.is_empty()).then(|| unpriced_units.to_string());
    let what: Vec<String> = tokens.into_iter().chain(units).collect();
    if what.is_empty() {
        return None;
    }
    let what = what.join(" and ");
    let most = match unpriced.usd {
        Usd::MAX => format!("{what} without a price, and nothing says what they may cost"),
        Usd::ZERO => format!("{what} without a price"),
        most => format!("up to {most} USD more for {what} without a price"),
    };
    Some(format!("{most}: it counts against the limit with `measure: worst`, and otherwise not"))
}
