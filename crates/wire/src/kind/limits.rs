//! The limits of a task with everything they were computed from.

use serde_json::Value;
use tollgate_domain::config::{BudgetedLatency, Profile, Thresholds};
use tollgate_domain::limits::{PhaseLimit, TaskLimits};
use tollgate_domain::metadata::LimitOverride;
use tollgate_domain::tier::{Complexity, Importance, ImportanceSource};

use super::progress;
use super::task::{override_to_proto, written_override};
use crate::error::FieldError;
use crate::out::{Out, whole};
use crate::proto;
use crate::values::{self, decimal, phase, texts, word};

pub(super) fn to_domain(stored: proto::TaskLimits) -> Result<TaskLimits, FieldError> {
    let phases = stored.phases.into_iter().enumerate();
    let phases = phases.map(|(nth, limit)| {
        phase_limit(limit).map_err(|error| error.within(&format!("[{nth}]")).within("phases"))
    });
    Ok(TaskLimits {
        complexity: word("complexity", &stored.complexity, Complexity::NAMES, |text| text.parse().ok())?,
        complexity_multiplier: decimal("complexity_multiplier", &stored.complexity_multiplier)?,
        importance: word("importance", &stored.importance, Importance::NAMES, |text| text.parse().ok())?,
        importance_multiplier: decimal("importance_multiplier", &stored.importance_multiplier)?,
        importance_source: importance_source(&stored.importance_source, stored.importance_tag)?,
        budget_multiplier: match stored.budget_multiplier.as_str() {
            "" => None,
            text => Some(decimal("budget_multiplier", text)?),
        },
        phases: phases.collect::<Result<_, _>>()?,
        thresholds: thresholds(&stored.thresholds.unwrap_or_default())
            .map_err(|error| error.within("thresholds"))?,
        pressure_levels: stored.pressure_levels,
        budgeted_latency: word(
            "budgeted_latency",
            &stored.budgeted_latency,
            BudgetedLatency::NAMES,
            BudgetedLatency::from_word,
        )?,
        config_hash: stored.config_hash,
        warnings: stored.warnings,
        progress: stored
            .progress
            .map(|rules| progress::rules(rules).map(Box::new).map_err(|error| error.within("progress")))
            .transpose()?,
        // Only later decisions of the gate raise it.
        drawn_tokens: 0,
    })
}

pub(super) fn to_proto(limits: &TaskLimits) -> proto::TaskLimits {
    let (source, tag) = match &limits.importance_source {
        ImportanceSource::Stated => ("stated", ""),
        ImportanceSource::Tag(tag) => ("tag", tag.as_str()),
        ImportanceSource::Default => ("default", ""),
    };
    proto::TaskLimits {
        complexity: limits.complexity.to_string(),
        complexity_multiplier: limits.complexity_multiplier.to_string(),
        importance: limits.importance.to_string(),
        importance_multiplier: limits.importance_multiplier.to_string(),
        importance_source: source.to_owned(),
        importance_tag: tag.to_owned(),
        budget_multiplier: limits.budget_multiplier.map(|factor| factor.to_string()).unwrap_or_default(),
        phases: limits.phases.iter().map(phase_limit_to_proto).collect(),
        thresholds: Some(thresholds_to_proto(&limits.thresholds)),
        pressure_levels: limits.pressure_levels.clone(),
        budgeted_latency: limits.budgeted_latency.as_str().to_owned(),
        config_hash: limits.config_hash.clone(),
        warnings: limits.warnings.clone(),
        progress: limits.progress.as_deref().map(progress::rules_to_proto),
    }
}

fn importance_source(word: &str, tag: String) -> Result<ImportanceSource, FieldError> {
    const NAMES: [&str; 3] = ["stated", "tag", "default"];
    let source = values::word("importance_source", word, &NAMES, |word| match word {
        "stated" => Some(ImportanceSource::Stated),
        "tag" => Some(ImportanceSource::Tag(String::new())),
        "default" => Some(ImportanceSource::Default),
        _ => None,
    })?;
    Ok(match source {
        ImportanceSource::Tag(_) => ImportanceSource::Tag(tag),
        ImportanceSource::Stated | ImportanceSource::Default => source,
    })
}

fn phase_limit(stored: proto::PhaseLimit) -> Result<PhaseLimit, FieldError> {
    let overridden = stored.overridden.unwrap_or_default();
    Ok(PhaseLimit {
        phase: phase("phase", &stored.phase)?,
        base_tokens: stored.base_tokens,
        base_latency_ms: stored.base_latency_ms,
        weight: decimal("weight", &stored.weight)?,
        tokens: stored.tokens,
        latency_ms: stored.latency_ms,
        overridden: LimitOverride { tokens: overridden.tokens, latency_ms: overridden.latency_ms },
    })
}

fn phase_limit_to_proto(limit: &PhaseLimit) -> proto::PhaseLimit {
    let overridden = (limit.overridden != LimitOverride::default()).then_some(limit.overridden);
    proto::PhaseLimit {
        phase: limit.phase.as_str().to_owned(),
        base_tokens: limit.base_tokens,
        base_latency_ms: limit.base_latency_ms,
        weight: limit.weight.to_string(),
        tokens: limit.tokens,
        latency_ms: limit.latency_ms,
        overridden: overridden.as_ref().map(override_to_proto),
    }
}

fn thresholds(stored: &proto::Thresholds) -> Result<Thresholds, FieldError> {
    let nearly_done = stored.nearly_done_phases.iter();
    Ok(Thresholds {
        profile: word("profile", &stored.profile, Profile::NAMES, Profile::from_word)?,
        cumulative_token: decimal("cumulative_token", &stored.cumulative_token)?,
        cumulative_latency: decimal("cumulative_latency", &stored.cumulative_latency)?,
        per_phase: decimal("per_phase", &stored.per_phase)?,
        allow_completion: decimal("allow_completion", &stored.allow_completion)?,
        checkpoint_phase: match stored.checkpoint_phase.as_str() {
            "" => None,
            text => Some(phase("checkpoint_phase", text)?),
        },
        early_warn: decimal("early_warn", &stored.early_warn)?,
        early_block: decimal("early_block", &stored.early_block)?,
        nearly_done_phases: nearly_done
            .map(|name| phase("nearly_done_phases", name))
            .collect::<Result<_, _>>()?,
    })
}

fn thresholds_to_proto(thresholds: &Thresholds) -> proto::Thresholds {
    proto::Thresholds {
        profile: thresholds.profile.as_str().to_owned(),
        cumulative_token: thresholds.cumulative_token.to_string(),
        cumulative_latency: thresholds.cumulative_latency.to_string(),
        per_phase: thresholds.per_phase.to_string(),
        allow_completion: thresholds.allow_completion.to_string(),
        checkpoint_phase: thresholds.checkpoint_phase.as_ref().map(ToString::to_string).unwrap_or_default(),
        early_warn: thresholds.early_warn.to_string(),
        early_block: thresholds.early_block.to_string(),
        nearly_done_phases: texts(&thresholds.nearly_done_phases),
    }
}

pub(super) fn written(limits: &proto::TaskLimits) -> Value {
    let mut out = Out::default();
    out.text("complexity", &limits.complexity);
    out.text("complexity_multiplier", &limits.complexity_multiplier);
    out.text("importance", &limits.importance);
    out.text("importance_multiplier", &limits.importance_multiplier);
    out.text("importance_source", &limits.importance_source);
    out.text("importance_tag", &limits.importance_tag);
    out.text("budget_multiplier", &limits.budget_multiplier);
    out.value("phases", limits.phases.iter().map(written_phase).collect());
    out.optional("thresholds", limits.thresholds.as_ref().map(written_thresholds));
    out.value("pressure_levels", limits.pressure_levels.iter().copied().map(whole).collect());
    out.text("budgeted_latency", &limits.budgeted_latency);
    out.text("config_hash", &limits.config_hash);
    out.texts("warnings", &limits.warnings);
    out.optional("progress", limits.progress.as_ref().map(progress::written_rules));
    out.object()
}

fn written_phase(limit: &proto::PhaseLimit) -> Value {
    let mut out = Out::default();
    out.text("phase", &limit.phase);
    out.count("base_tokens", limit.base_tokens);
    out.count("base_latency_ms", limit.base_latency_ms);
    out.text("weight", &limit.weight);
    out.count("tokens", limit.tokens);
    out.count("latency_ms", limit.latency_ms);
    out.optional("overridden", limit.overridden.as_ref().map(written_override));
    out.object()
}

fn written_thresholds(thresholds: &proto::Thresholds) -> Value {
    let mut out = Out::default();
    out.text("profile", &thresholds.profile);
    out.text("cumulative_token", &thresholds.cumulative_token);
    out.text("cumulative_latency", &thresholds.cumulative_latency);
    out.text("per_phase", &thresholds.per_phase);
    out.text("allow_completion", &thresholds.allow_completion);
    out.text("checkpoint_phase", &thresholds.checkpoint_phase);
    out.text("early_warn", &thresholds.early_warn);
    out.text("early_block", &thresholds.early_block);
    out.texts("nearly_done_phases", &thresholds.nearly_done_phases);
    out.object()
}
