//! How long phase transitions take, as a figure.

use tollgate_domain::gate::grouped;
use tollgate_wire::api::{BreakerState, FigureRow, FigureVerdict};

use super::share::Share;

/// The row for the p95 of phase transitions compared with the baseline.
#[must_use]
pub fn transitions_row(state: &BreakerState) -> FigureRow {
    let (value, verdict, counted) = match (state.baseline_p95_us, state.recent_p95_us) {
        (Some(baseline), Some(now)) => {
            let share = Share { part: now, of: baseline };
            let verdict = match () {
                () if share.above(200) => FigureVerdict::Bad,
                () if share.above(120) => FigureVerdict::Watch,
                () => FigureVerdict::Ok,
            };
            let counted = format!("p95 {} µs; baseline {} µs", grouped(now.into()), grouped(baseline.into()));
            (share.percent().map(|percent| format!("{percent} % of the baseline")), verdict, counted)
        }
        (None, _) => {
            let counted = format!(
                "no baseline: {} transitions were measured under `rollout: observe`, 100 are needed",
                grouped(state.baseline_transitions.into())
            );
            (None, FigureVerdict::NotEnoughData, counted)
        }
        (Some(_), None) => (None, FigureVerdict::NotEnoughData, "nothing was measured lately".to_owned()),
    };
    let (verdict, counted) = if state.open {
        (
            FigureVerdict::Bad,
            format!(
                "{counted}; the circuit breaker is open: nothing is blocked until `tollgate breaker reset`"
            ),
        )
    } else {
        (verdict, counted)
    };
    FigureRow {
        figure: "transitions_p95".to_owned(),
        value,
        target: "<= 120 % of the baseline".to_owned(),
        verdict,
        counted,
    }
}
