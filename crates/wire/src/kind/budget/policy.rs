//! A policy, as it is stored.

use serde_json::Value;
use tollgate_domain::budget::{
    AmountLimit, BudgetEnforcement, Measure, OnStale, Policy, Rollover, Scope, Threshold, Window,
};
use tollgate_domain::zone::Zone;

use super::parts::{limit, limit_content, required, span, span_content, time, written_limit, written_span};
use crate::error::FieldError;
use crate::out::Out;
use crate::proto;
use crate::values::{optional, or_empty, time_to_proto, word};

const ROLLOVERS: [&str; 3] = ["nothing", "all", "up_to"];

pub(super) fn to_domain(stored: proto::Policy) -> Result<Policy, FieldError> {
    let fixed = span("fixed", stored.fixed)?;
    let values = stored.scope.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let scope = Scope::new(values).map_err(|error| {
        FieldError::new("scope", &format!("{} values", stored.scope.len()), error.to_string())
    })?;
    let zone: Zone = stored.zone.parse().map_err(|error: tollgate_domain::zone::UnknownZone| {
        FieldError::new("zone", &stored.zone, error.to_string())
    })?;
    let cap = limit("rollover_cap", stored.rollover_cap)?;
    let on_stale = word("on_stale", &stored.on_stale, OnStale::NAMES, OnStale::from_word)?;
    Ok(Policy {
        id: stored.id,
        budget: optional(stored.budget),
        scope,
        window: word("window", &stored.window, &Window::NAMES, |word| Window::from_word(word, fixed))?,
        zone,
        limit: limit("limit", stored.limit)?,
        enforcement: word(
            "enforcement",
            &stored.enforcement,
            BudgetEnforcement::NAMES,
            BudgetEnforcement::from_word,
        )?,
        warn_at: threshold("warn_at", stored.warn_at)?,
        act_at: threshold("act_at", stored.act_at)?,
        measure: word("measure", &stored.measure, Measure::NAMES, Measure::from_word)?,
        rollover: word("rollover", &stored.rollover, &ROLLOVERS, |word| rollover(word, cap))?,
        passes_from: u8::try_from(stored.passes_from).ok().filter(|priority| *priority > 0),
        degrade_to: stored.degrade_to,
        throttle_per_minute: (stored.throttle_per_minute > 0).then_some(stored.throttle_per_minute),
        on_stale,
        from: required("from", stored.from)?,
        to: time("to", stored.to)?,
        enabled: stored.enabled,
    })
}

fn threshold(field: &str, stored: u32) -> Result<Threshold, FieldError> {
    let rule = "must be ten thousandths of the limit, from 1 to 100000";
    Threshold::from_ten_thousandths(stored).ok_or_else(|| FieldError::new(field, &stored.to_string(), rule))
}

fn rollover(word: &str, cap: AmountLimit) -> Option<Rollover> {
    match word {
        "nothing" => Some(Rollover::Nothing),
        "all" => Some(Rollover::All),
        "up_to" => Some(Rollover::UpTo(cap)),
        _ => None,
    }
}

pub(super) fn content(policy: &Policy) -> proto::Policy {
    let (rollover, cap) = match policy.rollover {
        Rollover::Nothing => ("nothing", None),
        Rollover::All => ("all", None),
        Rollover::UpTo(cap) => ("up_to", Some(limit_content(cap))),
    };
    let fixed = if let Window::Fixed(span) = policy.window { Some(span_content(span)) } else { None };
    let scope = policy.scope.iter();
    proto::Policy {
        id: policy.id.clone(),
        budget: or_empty(policy.budget.as_ref()),
        scope: scope.map(|(dimension, value)| (dimension.to_string(), value.to_owned())).collect(),
        window: policy.window.as_str().to_owned(),
        fixed,
        zone: policy.zone.name().to_owned(),
        limit: Some(limit_content(policy.limit)),
        enforcement: policy.enforcement.as_str().to_owned(),
        warn_at: policy.warn_at.ten_thousandths(),
        act_at: policy.act_at.ten_thousandths(),
        measure: policy.measure.as_str().to_owned(),
        rollover: rollover.to_owned(),
        rollover_cap: cap,
        passes_from: policy.passes_from.unwrap_or_default().into(),
        degrade_to: policy.degrade_to.clone(),
        throttle_per_minute: policy.throttle_per_minute.unwrap_or_default(),
        on_stale: policy.on_stale.as_str().to_owned(),
        from: Some(time_to_proto(policy.from)),
        to: policy.to.map(time_to_proto),
        enabled: policy.enabled,
    }
}

pub(super) fn written(content: &proto::Policy) -> Value {
    let mut out = Out::default();
    let part =
        |parts| Threshold::from_ten_thousandths(parts).map(|part| part.to_string()).unwrap_or_default();
    out.text("id", &content.id);
    out.text("budget", &content.budget);
    out.labels("scope", &content.scope);
    out.text("window", &content.window);
    out.optional("fixed", content.fixed.as_ref().map(written_span));
    out.text("zone", &content.zone);
    out.optional("limit", content.limit.as_ref().map(written_limit));
    out.text("enforcement", &content.enforcement);
    out.text("warn_at", &part(content.warn_at));
    out.text("act_at", &part(content.act_at));
    out.text("measure", &content.measure);
    out.text("rollover", &content.rollover);
    out.optional("rollover_cap", content.rollover_cap.as_ref().map(written_limit));
    if content.passes_from > 0 {
        out.count("passes_from", content.passes_from);
    }
    out.texts("degrade_to", &content.degrade_to);
    if content.throttle_per_minute > 0 {
        out.count("throttle_per_minute", content.throttle_per_minute);
    }
    out.text("on_stale", &content.on_stale);
    out.time("from", content.from);
    out.time("to", content.to);
    out.value("enabled", content.enabled.into());
    out.object()
}
