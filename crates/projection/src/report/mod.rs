//! What people and programs read about a task: its status, its budget report, its story. All from one row.

mod address;
mod budget_status;
mod csv;
mod executions;
mod explain;
mod findings;
mod html;
mod judgements;
mod ledger_csv;
mod markdown;
mod named;
mod phase_use;
mod progress;
mod redact;
mod similar;
mod task_report;
mod task_status;
mod words;

pub use address::{path_segment, report_path};
pub(crate) use budget_status::{task_budget_status, task_budget_status_of};
pub use csv::{COLUMNS as CSV_COLUMNS, TASK_COLUMNS, csv, tasks_csv, text as csv_text};
pub use explain::explain;
pub use html::{CONTENT_SECURITY_POLICY, html};
pub use ledger_csv::{LEDGER_COLUMNS, ledger_csv};
pub use markdown::markdown;
pub use named::Named;
pub use redact::{Pseudonyms, Redacted};
pub use similar::Similar;
pub use task_report::task_report;
pub use task_status::{summary, task_status};
pub use usage_csv::{usage_csv, usage_summary_csv};

use std::collections::BTreeMap;

use tollgate_domain::breach::Utilization;
use tollgate_domain::limits::PhaseLimit;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::UnitSums;
use tollgate_wire::api::{PhaseLimitView, TokenTotals, UtilizationView};

/// Sums as written by the API.
#[must_use]
pub fn token_totals(sums: &TokenSums) -> TokenTotals {
    TokenTotals {
        total: narrow(sums.total()),
        input_uncached: narrow(sums.input_uncached),
        cached_input: narrow(sums.cached_input),
        cache_write: narrow(sums.cache_write),
        output: narrow(sums.output),
        reasoning: narrow(sums.reasoning),
    }
}

/// Sums of other units as written by the API.
#[must_use]
pub fn unit_totals(sums: &UnitSums) -> BTreeMap<String, i64> {
    sums.iter().map(|(unit, sum)| (unit.as_str().to_owned(), narrow(sum))).collect()
}

/// Sums of other units of a task as written by the API: like its tokens, never below zero.
#[must_use]
pub fn task_units(sums: &UnitSums) -> BTreeMap<String, i64> {
    let mut totals = unit_totals(sums);
    totals.retain(|_, sum| *sum > 0);
    totals
}

/// Sums of a task as written by the API: corrections of usage that was not found may have made them negative,
/// but reported usage is never below zero.
#[must_use]
pub fn task_totals(sums: &TokenSums) -> TokenTotals {
    token_totals(&TokenSums {
        input_uncached: sums.input_uncached.max(0),
        cached_input: sums.cached_input.max(0),
        cache_write: sums.cache_write.max(0),
        output: sums.output.max(0),
        reasoning: sums.reasoning.max(0),
    })
}

/// A sum as written by the API: one beyond 64 bits is clamped to the last number within.
#[must_use]
pub fn narrow(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

/// A limit with everything it was computed from.
#[must_use]
pub fn limit_view(limit: &PhaseLimit) -> PhaseLimitView {
    let set = [(limit.overridden.tokens, "tokens"), (limit.overridden.latency_ms, "latency_ms")];
    PhaseLimitView {
        phase: limit.phase.as_str().to_owned(),
        base_tokens: limit.base_tokens,
        base_latency_ms: limit.base_latency_ms,
        weight: limit.weight.to_string(),
        tokens: limit.tokens,
        latency_ms: limit.latency_ms,
        overridden: set
            .iter()
            .filter(|(value, _)| value.is_some())
            .map(|(_, name)| (*name).to_owned())
            .collect(),
    }
}

/// Usage against a limit as written by the API.
#[must_use]
pub fn utilization_view(utilization: &Utilization) -> UtilizationView {
    let narrow = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
    UtilizationView {
        used: narrow(utilization.used),
        limit: narrow(utilization.limit),
        percent: utilization.percent().map(narrow),
    }
}

#[cfg(test)]
mod tests;
mod usage_csv;
