//! What a phase achieves for its tokens, in answers of the gate.

use serde::{Deserialize, Serialize};
use tollgate_domain::progress::ProgressFigures;
use tollgate_domain::progress::phase::Pace;
use utoipa::ToSchema;

use super::word::{self, list};

/// The phase that started last, for tasks whose budget follows progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgressView {
    /// Which phase.
    pub phase: String,
    /// Whether it still runs.
    pub is_running: bool,
    /// `unknown` (nothing counts as progress there, or nobody reports any), `productive`, `slow` or `spinning`.
    #[serde(with = "word")]
    #[schema(value_type = list::Pace)]
    pub pace: Pace,
    /// Its tokens.
    pub tokens: u64,
    /// The most points that it has had.
    pub points: u64,
    /// Tokens since it last made progress.
    pub since_progress_tokens: u64,
    /// What came up last, and how often in a row.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub repeated: Option<RepeatedView>,
    /// The limit in tokens that holds: its own, with what was added, carried to it and left by it.
    pub effective_limit_tokens: u64,
    /// Its own limit in tokens.
    pub limit_tokens: u64,
    /// What checks added.
    pub extended_tokens: u64,
    /// What earlier phases left to it.
    pub carried_in_tokens: u64,
    /// What it left to later phases.
    pub carried_out_tokens: u64,
    /// Reported waits in milliseconds.
    pub wait_ms: u64,
    /// The latest check, in percent of its own limit; 0: none so far.
    pub checked_percent: u64,
    /// Ask again after this many tokens: it is checked then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_check_tokens: Option<u64>,
    /// Where the phase is expected to end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forecast_phase_tokens: Option<u64>,
    /// Where the task is expected to end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forecast_task_tokens: Option<u64>,
}

/// The same thing several times in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepeatedView {
    /// The signal's name.
    pub signal: String,
    /// What it is about.
    pub key: String,
    /// How often.
    pub times: u64,
}

impl From<&ProgressFigures> for ProgressView {
    fn from(figures: &ProgressFigures) -> Self {
        Self {
            phase: figures.phase.to_string(),
            is_running: figures.is_running,
            pace: figures.pace,
            tokens: figures.tokens,
            points: figures.points,
            since_progress_tokens: figures.since_progress_tokens,
            repeated: figures.repeated.as_ref().map(|repeated| RepeatedView {
                signal: repeated.signal.clone(),
                key: repeated.key.clone(),
                times: repeated.times,
            }),
            effective_limit_tokens: figures.effective_limit(),
            limit_tokens: figures.limit_tokens,
            extended_tokens: figures.extended_tokens,
            carried_in_tokens: figures.carried_in_tokens,
            carried_out_tokens: figures.carried_out_tokens,
            wait_ms: figures.wait_ms,
            checked_percent: figures.checked_percent,
            next_check_tokens: figures.next_check_tokens,
            forecast_phase_tokens: figures.forecast_phase_tokens,
            forecast_task_tokens: figures.forecast_task_tokens,
        }
    }
}
