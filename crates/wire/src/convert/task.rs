//! The life of a task: opened, phases, overrides, closed.

use std::collections::BTreeMap;

use tollgate_domain::event::{
    ImportanceChanged, Mark, OverrideGranted, OverrideScope, PhaseEnded, PhaseStarted, TaskClosed,
    TaskMarked, TaskOpened, TaskOutcome,
};
use tollgate_domain::metadata::{Enforcement, LimitOverride, TaskMetadata};
use tollgate_domain::phase::Phase;
use tollgate_domain::tier::{Complexity, Importance};

use super::limits;
use super::text::{advance, decimal, optional, or_empty, phase, tier, word};
use crate::error::FieldError;
use crate::proto::{self, override_granted::Scope};

pub(super) fn opened(
    sent: proto::TaskOpened,
    limits: Option<Box<proto::TaskLimits>>,
) -> Result<TaskOpened, FieldError> {
    let multiplier = &sent.budget_multiplier;
    let metadata = TaskMetadata {
        title: optional(sent.title),
        complexity: tier("complexity", &sent.complexity, Complexity::NAMES)?,
        importance: tier("importance", &sent.importance, Importance::NAMES)?,
        justification: optional(sent.justification),
        budget_multiplier: match multiplier.as_str() {
            "" => None,
            text => Some(decimal("budget_multiplier", text)?),
        },
        budget_overrides: overrides(sent.budget_overrides)
            .map_err(|error| error.within("budget_overrides"))?,
        tags: sent.tags,
        labels: sent.labels,
        enforcement: match sent.enforcement.as_str() {
            "" => Enforcement::On,
            text => word("enforcement", text, &["on", "off"], enforcement_word)?,
        },
        author: optional(sent.author),
    };
    let limits = limits.map(|limits| limits::to_domain(*limits)).transpose();
    Ok(TaskOpened { metadata, limits: limits.map_err(|error| error.within("limits"))? })
}

pub(super) fn opened_content(metadata: &TaskMetadata) -> proto::TaskOpened {
    proto::TaskOpened {
        title: or_empty(metadata.title.as_ref()),
        complexity: metadata.complexity.map_or("", Complexity::as_str).to_owned(),
        importance: metadata.importance.map_or("", Importance::as_str).to_owned(),
        justification: or_empty(metadata.justification.as_ref()),
        budget_multiplier: metadata.budget_multiplier.map(|factor| factor.to_string()).unwrap_or_default(),
        budget_overrides: metadata
            .budget_overrides
            .iter()
            .map(|(phase, limit)| (phase.as_str().to_owned(), override_to_proto(limit)))
            .collect(),
        tags: metadata.tags.clone(),
        labels: metadata.labels.clone(),
        enforcement: match metadata.enforcement {
            Enforcement::On => String::new(),
            Enforcement::Off => "off".to_owned(),
        },
        author: or_empty(metadata.author.as_ref()),
    }
}

pub(super) fn closed(sent: proto::TaskClosed) -> Result<TaskClosed, FieldError> {
    let outcome = word("outcome", &sent.outcome, &TaskOutcome::NAMES, TaskOutcome::from_word)?;
    Ok(TaskClosed { outcome, reason: optional(sent.reason), author: optional(sent.author) })
}

pub(super) fn closed_content(closed: &TaskClosed) -> proto::TaskClosed {
    proto::TaskClosed {
        outcome: closed.outcome.as_str().to_owned(),
        reason: or_empty(closed.reason.as_ref()),
        author: or_empty(closed.author.as_ref()),
    }
}

/// `added`: the attempt that the decision assigned, 0 where it has not yet.
pub(super) fn started(sent: &proto::PhaseStarted, added: u32) -> Result<PhaseStarted, FieldError> {
    Ok(PhaseStarted { phase: phase("phase", &sent.phase)?, attempt: assigned(added) })
}

/// `added`: the attempt that the decision filled in, 0 where the producer named it or none is decided yet.
pub(super) fn ended(sent: &proto::PhaseEnded, added: u32) -> Result<PhaseEnded, FieldError> {
    let attempt = sent.attempt.or(assigned(added));
    Ok(PhaseEnded { phase: phase("phase", &sent.phase)?, attempt })
}

pub(super) fn granted(sent: proto::OverrideGranted) -> Result<OverrideGranted, FieldError> {
    let scope = match sent.scope {
        Some(Scope::Limit(scope)) => OverrideScope::Limit {
            phase: phase("limit.phase", &scope.phase)?,
            limit: LimitOverride { tokens: scope.tokens, latency_ms: scope.latency_ms },
        },
        Some(Scope::Block(scope)) => {
            OverrideScope::Block { advance: advance("block.advance", &scope.advance)? }
        }
        None => {
            let rule = "must say what is set aside: give `limit` (a phase with tokens or latency_ms) or `block` (an advance)";
            return Err(FieldError::new("", "nothing", rule));
        }
    };
    Ok(OverrideGranted { scope, approver: sent.approver, reason: sent.reason })
}

pub(super) fn granted_content(granted: &OverrideGranted) -> proto::OverrideGranted {
    let scope = match &granted.scope {
        OverrideScope::Limit { phase, limit } => Scope::Limit(proto::LimitScope {
            phase: phase.as_str().to_owned(),
            tokens: limit.tokens,
            latency_ms: limit.latency_ms,
        }),
        OverrideScope::Block { advance } => Scope::Block(proto::BlockScope { advance: advance.to_string() }),
    };
    proto::OverrideGranted {
        scope: Some(scope),
        approver: granted.approver.clone(),
        reason: granted.reason.clone(),
    }
}

/// `added`: the importance that the decision filled in, empty where the producer named it or none is decided yet.
pub(super) fn importance(
    sent: proto::ImportanceChanged,
    added: &str,
) -> Result<ImportanceChanged, FieldError> {
    let from = if sent.from.is_empty() { added } else { &sent.from };
    let to = tier("to", &sent.to, Importance::NAMES)?.ok_or_else(|| FieldError::missing("to"))?;
    let from = tier("from", from, Importance::NAMES)?;
    Ok(ImportanceChanged { from, to, author: sent.author, reason: sent.reason })
}

pub(super) fn importance_content(changed: &ImportanceChanged) -> proto::ImportanceChanged {
    proto::ImportanceChanged {
        from: changed.from.map_or("", Importance::as_str).to_owned(),
        to: changed.to.as_str().to_owned(),
        author: changed.author.clone(),
        reason: changed.reason.clone(),
    }
}

pub(super) fn marked(sent: proto::TaskMarked) -> Result<TaskMarked, FieldError> {
    if sent.mark.is_empty() {
        return Err(FieldError::missing("mark"));
    }
    let mark = word("mark", &sent.mark, Mark::NAMES, Mark::from_word)?;
    Ok(TaskMarked { mark, author: sent.author, reason: sent.reason })
}

pub(super) fn marked_content(marked: &TaskMarked) -> proto::TaskMarked {
    proto::TaskMarked {
        mark: marked.mark.as_str().to_owned(),
        author: marked.author.clone(),
        reason: marked.reason.clone(),
    }
}

pub(super) fn override_to_proto(limit: &LimitOverride) -> proto::LimitOverride {
    proto::LimitOverride { tokens: limit.tokens, latency_ms: limit.latency_ms }
}

fn overrides(
    sent: BTreeMap<String, proto::LimitOverride>,
) -> Result<BTreeMap<Phase, LimitOverride>, FieldError> {
    let mut overrides = BTreeMap::new();
    for (name, limit) in sent {
        let limit = LimitOverride { tokens: limit.tokens, latency_ms: limit.latency_ms };
        if overrides.insert(phase(&name, &name)?, limit).is_some() {
            return Err(FieldError::new(&*name, &name, "names the phase a second time, in another case"));
        }
    }
    Ok(overrides)
}

fn enforcement_word(text: &str) -> Option<Enforcement> {
    match text {
        "on" => Some(Enforcement::On),
        "off" => Some(Enforcement::Off),
        _ => None,
    }
}

fn assigned(attempt: u32) -> Option<u32> {
    (attempt > 0).then_some(attempt)
}
