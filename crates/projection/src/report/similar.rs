//! Compares a task with others of its class: complexity × importance.

use tollgate_domain::decimal::Decimal;
use tollgate_wire::api::{ClassComparison, Comparison, PhaseComparison};

use super::phase_use::{FAR_ABOVE, FAR_BELOW, PhaseUse};
use super::words::counted;
use crate::reports::{ClassSums, Sums};
use crate::status::{Figures, TaskRow};

/// The number of other tasks from which their average is meaningful: two can differ by chance.
const ENOUGH: u64 = 3;

/// What other tasks of the class used, as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Similar {
    /// The task has no class: it was not opened.
    NoClass,
    /// What the others used, without the task itself.
    Known(ClassSums),
    /// It could not be determined, for this reason.
    Unavailable(String),
}

impl Similar {
    pub(super) fn phase(&self, phase: &str) -> Option<&Sums> {
        match self {
            Self::Known(sums) => sums.phases.get(phase),
            Self::NoClass | Self::Unavailable(_) => None,
        }
    }
}

/// How far a finished phase is from what similar tasks used for it, with the size of the distance.
pub(super) fn anomaly(used: &PhaseUse<'_>, similar: &Similar) -> Option<(u128, String)> {
    let sums = similar.phase(used.phase.as_str()).filter(|sums| sums.tasks >= ENOUGH)?;
    let compared = sums.compared(used.tokens.used)?;
    let (percent, average) = (compared.percent()?, sums.average()?);
    let far = compared.above(FAR_ABOVE) || (!used.runs && used.usage_events > 0 && compared.below(FAR_BELOW));
    let distance = if compared.above(Decimal::ONE) { percent } else { 100_u128.saturating_sub(percent) };
    far.then(|| {
        let phase = used.phase;
        let tokens = counted(used.tokens.used, "token");
        let others = counted(sums.tasks.into(), "similar task");
        let average = counted(average, "token");
        (distance, format!("{phase} used {tokens}, {percent}% of the average of {others} ({average})"))
    })
}

/// The task and its phases compared with their class; `None` if it has none or nothing is known.
pub(super) fn comparison<'a>(
    row: &TaskRow,
    figures: &Figures,
    phases: impl Iterator<Item = PhaseUse<'a>>,
    similar: &Similar,
) -> Option<ClassComparison> {
    let Similar::Known(sums) = similar else { return None };
    let limits = row.state.limits.as_deref()?;
    let of_phase = |used: PhaseUse<'_>| {
        let sums = sums.phases.get(used.phase.as_str()).copied().unwrap_or_default();
        let comparison = compare(used.tokens.used, sums);
        PhaseComparison { phase: used.phase.as_str().to_owned(), comparison }
    };
    Some(ClassComparison {
        complexity: limits.complexity,
        importance: limits.importance,
        whole: compare(figures.total.tokens.used(), sums.whole),
        phases: phases.map(of_phase).collect(),
    })
}

fn compare(tokens: u128, sums: Sums) -> Comparison {
    let narrow = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
    Comparison {
        tokens_used: narrow(tokens),
        tasks: sums.tasks,
        average_tokens: sums.average().map(narrow),
        percent: sums.compared(tokens).and_then(|compared| compared.percent()).map(narrow),
    }
}
