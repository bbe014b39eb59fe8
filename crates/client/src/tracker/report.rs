//! What an orchestrator reports.

use std::collections::BTreeMap;

use tollgate_domain::ids::InvalidId;
use tollgate_domain::phase::Phase;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::{Cost, NamedExecution, UsageRecorded, estimate};
use tollgate_wire::FieldError;

/// The id and the time of an event, where the orchestrator has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The idempotency key; made by the tracker where absent. Give one that can be found again to report the same call
    /// twice without harm, for example the provider's request id.
    pub id: Option<String>,
    /// When it happened; now where absent.
    pub occurred_at: Option<Timestamp>,
    /// W3C trace context.
    pub trace_parent: Option<String>,
}

/// One model call's usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The phase it belongs to; unphased where absent.
    pub phase: Option<String>,
    /// Which attempt of the phase; the latest one where absent.
    pub attempt: Option<u32>,
    /// Who served the model.
    pub provider: Option<String>,
    /// Which model; without it no price is known.
    pub model: Option<String>,
    /// Which part of the orchestrator called.
    pub component: Option<String>,
    /// The provider's id of the call.
    pub request_id: Option<String>,
    /// The provider's tier that served it.
    pub service_tier: Option<String>,
    /// Free pairs.
    pub labels: BTreeMap<String, String>,
    /// Tokens by kind.
    pub tokens: TokenCounts,
    /// Whether the counts are an estimate.
    pub estimated: bool,
    /// Its id and time.
    pub stamp: Stamp,
}

impl Usage {
    /// Usage that the model reported, of a phase.
    #[must_use]
    pub fn of(phase: &str, model: &str, tokens: TokenCounts) -> Self {
        Self { phase: Some(phase.to_owned()), model: Some(model.to_owned()), tokens, ..Self::default() }
    }

    /// Usage that no model reported, from the characters of prompt and completion.
    #[must_use]
    pub fn estimated(phase: &str, model: &str, prompt_chars: u64, completion_chars: u64) -> Self {
        let tokens = estimate(prompt_chars, completion_chars);
        Self { estimated: true, ..Self::of(phase, model, tokens) }
    }

    pub(super) fn recorded(self) -> Result<(UsageRecorded, Stamp), FieldError> {
        let execution = execution(self.phase.as_deref(), self.attempt)?;
        let body = UsageRecorded {
            execution,
            provider: self.provider,
            model: self.model,
            component: self.component,
            request_id: self.request_id,
            service_tier: self.service_tier,
            labels: self.labels,
            tokens: self.tokens,
            estimated: self.estimated,
            cost: Cost::Unpriced,
        };
        Ok((body, self.stamp))
    }
}

/// A wait: for a queue, a rate limit, a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// The phase that waited; the task as a whole where absent.
    pub phase: Option<String>,
    /// Which attempt of the phase; the latest one where absent.
    pub attempt: Option<u32>,
    /// For what: `queue`, `rate_limit`, `human` or another word.
    pub kind: String,
    /// How long, in milliseconds.
    pub wait_ms: u64,
    /// Its id and time.
    pub stamp: Stamp,
}

pub(super) fn execution(
    phase: Option<&str>,
    attempt: Option<u32>,
) -> Result<Option<NamedExecution>, FieldError> {
    match (phase, attempt) {
        (Some(name), attempt) => Ok(Some(NamedExecution { phase: phase_of(name)?, attempt })),
        (None, None) => Ok(None),
        (None, Some(attempt)) => Err(FieldError {
            field: "attempt".to_owned(),
            value: attempt.to_string(),
            rule: "needs a phase: attempts are counted per phase".to_owned(),
        }),
    }
}

/// A name that breaks its rule.
pub(super) fn invalid(error: &InvalidId) -> FieldError {
    FieldError { field: error.field.to_owned(), value: error.value.clone(), rule: error.rule.to_owned() }
}

pub(super) fn phase_of(name: &str) -> Result<Phase, FieldError> {
    name.parse().map_err(|_| FieldError {
        field: "phase".to_owned(),
        value: name.chars().take(80).collect(),
        rule: "must be 1 to 32 of A-Z 0-9 _ - and begin with a letter".to_owned(),
    })
}
