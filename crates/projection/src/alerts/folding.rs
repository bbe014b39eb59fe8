//! Folds several levels of a task's limits that are passed by one event into a single alert.

use std::cmp::Reverse;

use tollgate_domain::alert::{AlertRule, AlertScope, Condition, Severity};

use super::truths::Conditions;

/// An alert to be raised.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Raising {
    pub(super) condition: Condition,
    pub(super) severity: Severity,
    pub(super) message: String,
    /// Conditions that became true with it, and are reported with it.
    pub(super) folded: Vec<Condition>,
}

/// New conditions as alerts. Everything about the limits of a task or its executions is one alert: for the
/// highest breach or, if there is none, the highest pressure; for the task before its executions. Its
/// severity is that of the most severe of them, and its sentence names the highest level of each.
pub(super) fn fold(new: Conditions) -> Vec<Raising> {
    let of_limits = |condition: &Condition| matches!(condition.rule, AlertRule::Pressure | AlertRule::Breach);
    let (limits, others): (Vec<_>, Vec<_>) = new.into_iter().partition(|(condition, _)| of_limits(condition));
    let one = |(condition, (severity, message))| Raising { condition, severity, message, folded: Vec::new() };
    others.into_iter().map(one).chain(together(limits)).collect()
}

fn together(mut limits: Vec<(Condition, (Severity, String))>) -> Option<Raising> {
    limits.sort_by_key(|(condition, _)| {
        let breach = condition.rule == AlertRule::Breach;
        (Reverse(breach), condition.scope != AlertScope::Task, Reverse(condition.level))
    });
    let severity = limits.iter().map(|(_, (severity, _))| *severity).max()?;
    let mut rest = limits.into_iter();
    let (condition, (_, mut message)) = rest.next()?;
    let mut told = vec![condition.scope.clone()];
    let mut folded = Vec::new();
    for (other, (_, sentence)) in rest {
        if !told.contains(&other.scope) {
            message = format!("{message}; {sentence}");
            told.push(other.scope.clone());
        }
        folded.push(other);
    }
    Some(Raising { condition, severity, message, folded })
}

#[cfg(test)]
mod tests {
    use tollgate_domain::phase::ExecutionId;

    use super::*;

    /// `pressure task 80 warning` and the like.
    fn conditions(list: &str) -> Conditions {
        let condition = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [rule, scope, level, severity] = words[..] else { panic!("{line}") };
            let scope = match scope {
                "task" => AlertScope::Task,
                phase => AlertScope::Execution(ExecutionId { phase: phase.parse().unwrap(), attempt: 1 }),
            };
            let condition =
                Condition { rule: AlertRule::from_word(rule).unwrap(), scope, level: level.parse().unwrap() };
            (condition, (Severity::from_word(severity).unwrap(), format!("{rule} of {words:?}")))
        };
        list.split(", ").filter(|line| !line.is_empty()).map(condition).collect()
    }

    fn told(raising: &Raising) -> String {
        let name =
            |condition: &Condition| format!("{} {} {}", condition.rule, condition.scope, condition.level);
        let folded: Vec<String> = raising.folded.iter().map(name).collect();
        format!("{} {}: {}", name(&raising.condition), raising.severity.as_str(), folded.join(", "))
    }

    #[test]
    fn what_is_passed_at_once_is_told_once() {
        for (new, alerts) in [
            ("", ""),
            ("pressure task 50 info", "pressure task 50 info: "),
            ("pressure task 50 info, pressure task 80 warning", "pressure task 80 warning: pressure task 50"),
            (
                "pressure task 100 error, breach task 100 warning, pressure task 90 warning",
                "breach task 100 error: pressure task 100, pressure task 90",
            ),
            (
                "breach PLAN 150 error, pressure PLAN 150 critical, breach task 100 warning, pressure task 100 error",
                "breach task 100 critical: breach PLAN 150, pressure task 100, pressure PLAN 150",
            ),
            (
                "stop_loss task 0 critical, drift task 2 warning, pressure task 80 warning",
                "stop_loss task 0 critical:  | drift task 2 warning:  | pressure task 80 warning: ",
            ),
        ] {
            let raised: Vec<String> = fold(conditions(new)).iter().map(told).collect();
            assert_eq!(raised.join(" | "), alerts, "{new}");
        }
    }

    #[test]
    fn the_sentence_names_the_highest_level_of_each_scope() {
        let new = "breach task 100 warning, pressure task 100 error, breach PLAN 150 error, breach PLAN 100 warning";
        let raised = fold(conditions(new));
        let message = &raised[0].message;
        assert_eq!(message.matches("; ").count(), 1, "{message}");
        assert!(message.starts_with("breach of [\"breach\", \"task\", \"100\""), "{message}");
        assert!(message.ends_with("\"PLAN\", \"150\", \"error\"]"), "{message}");
    }
}
