//! Words of closed lists in answers: typed here, a word in JSON, and all of the list in the description of the API.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serializer};
use tollgate_domain::words;
use tollgate_domain::words::Word;

words!(
    /// Usage compared with limits.
    BudgetStatus {
        /// Up to the limit.
        Within = "within",
        /// Above the limit, up to 1.5 times.
        Warning = "warning",
        /// Above 1.5 times the limit.
        Exceeded = "exceeded",
        /// It ended without reported usage.
        Unknown = "unknown",
        /// There are no limits: the task was never opened.
        NoLimits = "no_limits"
    }
);

words!(
    /// Whether a raise of a limit holds.
    RaiseState {
        /// It begins later.
        ToCome = "to_come",
        /// It holds.
        InForce = "in_force",
        /// Its time is now, and the policy does not rule or does not limit what it raises.
        WithoutEffect = "without_effect",
        /// Its time is over.
        Over = "over",
        /// It was withdrawn.
        Withdrawn = "withdrawn"
    }
);

words!(
    /// How far an execution of a phase is.
    ExecutionState {
        /// The phase has not started.
        NotStarted = "not_started",
        /// It has not ended.
        Running = "running",
        /// It has ended.
        Ended = "ended"
    }
);

words!(
    /// Whether the condition of an alert holds.
    AlertState {
        /// It holds.
        Raised = "raised",
        /// It no longer holds.
        Resolved = "resolved"
    }
);

words!(
    /// How far a delivery to an endpoint is.
    DeliveryState {
        /// It is retried automatically.
        Pending = "pending",
        /// The receiver accepted it.
        Delivered = "delivered",
        /// It was retried for as long as the schedule says, without success.
        GaveUp = "gave_up",
        /// The receiver declined further messages.
        Disabled = "disabled",
        /// There was nothing to send.
        Skipped = "skipped"
    }
);

words!(
    /// How the service is.
    HealthStatus {
        /// Everything is as intended.
        Ok = "ok",
        /// The service works, but something is not as intended or is left undone.
        Degraded = "degraded",
        /// Something does not work.
        Failing = "failing"
    }
);

words!(
    /// How a figure of budget health is.
    FigureVerdict {
        /// It meets its target.
        Ok = "ok",
        /// It is near its target.
        Watch = "watch",
        /// It misses its target.
        Bad = "bad",
        /// There are too few tasks to say.
        NotEnoughData = "not enough data"
    }
);

words!(
    /// What a return on investment means for the stop-loss.
    ReturnVerdict {
        /// At least three times what it cost: the goal.
        MeetsGoal = "meets_goal",
        /// At least twice what it cost, and not surely three times.
        WorthIt = "worth_it",
        /// The range reaches below and above twice what it cost.
        Undecided = "undecided",
        /// Less than twice what it cost: after four weeks, consider switching it off.
        BelowFloor = "below_floor",
        /// It cannot be said.
        NotEnoughData = "not_enough_data"
    }
);

words!(
    /// What the share of runaways advises.
    EnforcementAdvice {
        /// More than 10 % of tasks are runaways: enforce.
        Enforce = "enforce",
        /// Between: observe longer, or enforce for low and medium importance only.
        Undecided = "undecided",
        /// Less than 5 %: alert only.
        AlertOnly = "alert_only",
        /// It cannot be said.
        NotEnoughData = "not_enough_data"
    }
);

words!(
    /// What became of a message that the inbox refused.
    QuarantineState {
        /// It is waiting for a person.
        Open = "open",
        /// A person sent it again.
        Redriven = "redriven",
        /// A person dropped it.
        Dropped = "dropped"
    }
);

words!(
    /// Where the config in force was taken from.
    ConfigOrigin {
        /// It ships with the program.
        BuiltIn = "built-in",
        /// A file.
        File = "file",
        /// The log: it was the last one in force.
        Log = "log"
    }
);

words!(
    /// How far a policy's limit is used up.
    PolicyLevel {
        /// Below its thresholds.
        Within = "within",
        /// The warning threshold is reached.
        Warning = "warning",
        /// The threshold at which someone should act is reached.
        Action = "action",
        /// The limit is reached.
        Exhausted = "exhausted"
    }
);

words!(
    /// Where an allocation is in its life.
    AllocationStateWord {
        /// It was never made.
        Refused = "refused",
        /// It is reserved.
        Open = "open",
        /// What it had left was set free.
        Released = "released",
        /// Its time is over.
        Expired = "expired"
    }
);

pub(super) fn serialize<W: Word, S: Serializer>(word: &W, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word.as_str())
}

pub(super) fn deserialize<'de, W: Word, D: Deserializer<'de>>(deserializer: D) -> Result<W, D::Error> {
    let word = Cow::<str>::deserialize(deserializer)?;
    W::from_word(&word).ok_or_else(|| unknown(&word, W::NAMES))
}

fn unknown<E: serde::de::Error>(word: &str, expected: &'static [&'static str]) -> E {
    E::unknown_variant(word, expected)
}

/// A word that may be absent.
pub(super) mod optional {
    use super::{Cow, Deserialize, Deserializer, Serializer, Word, unknown};

    #[expect(clippy::ref_option, reason = "serde asks with a reference")]
    pub(in crate::api) fn serialize<W: Word, S: Serializer>(
        word: &Option<W>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match word {
            Some(word) => serializer.serialize_some(word.as_str()),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::api) fn deserialize<'de, W: Word, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<W>, D::Error> {
        let word = Option::<Cow<'_, str>>::deserialize(deserializer)?;
        word.map(|word| W::from_word(&word).ok_or_else(|| unknown(&word, W::NAMES))).transpose()
    }
}

/// The lists in the description of the API: a schema of each, by the name of the type. (Types of other crates cannot
/// have a schema here.)
pub(super) mod list {
    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
    use utoipa::{PartialSchema, ToSchema};

    macro_rules! lists {
        ($($name:ident: $word:ty),+ $(,)?) => {
            $(
                pub(in crate::api) enum $name {}

                impl PartialSchema for $name {
                    fn schema() -> RefOr<Schema> {
                        let words = <$word>::NAMES.iter().copied();
                        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
                    }
                }

                impl ToSchema for $name {}
            )+
        };
    }

    lists! {
        AlertState: super::AlertState,
        AllocationStateWord: super::AllocationStateWord,
        BudgetEnforcement: tollgate_domain::budget::BudgetEnforcement,
        BillReason: crate::api::BillReason,
        BudgetStatus: super::BudgetStatus,
        Change: tollgate_domain::event::Change,
        Complexity: tollgate_domain::tier::Complexity,
        DeliveryOutcome: tollgate_domain::event::DeliveryOutcome,
        ConfigOrigin: super::ConfigOrigin,
        DeliveryState: super::DeliveryState,
        EnforcementAdvice: super::EnforcementAdvice,
        ExecutionState: super::ExecutionState,
        FigureVerdict: super::FigureVerdict,
        HealthStatus: super::HealthStatus,
        KeyState: crate::api::KeyState,
        Importance: tollgate_domain::tier::Importance,
        Measure: tollgate_domain::budget::Measure,
        OnStale: tollgate_domain::budget::OnStale,
        PolicyLevel: super::PolicyLevel,
        PricedKind: tollgate_domain::price::PricedKind,
        Unit: tollgate_domain::units::Unit,
        QuarantineState: super::QuarantineState,
        RaiseState: super::RaiseState,
        Ruling: tollgate_domain::event::Ruling,
        Pace: tollgate_domain::progress::phase::Pace,
        SpinningAction: tollgate_domain::progress::rules::SpinningAction,
        ReturnVerdict: super::ReturnVerdict,
        Rollout: tollgate_domain::config::Rollout,
        Severity: tollgate_domain::alert::Severity,
        Side: tollgate_domain::progress::anomaly::Side,
        TaskStage: tollgate_domain::task::TaskStage,
        Verdict: tollgate_domain::gate::Verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::BudgetStatus;
    use crate::api::{ActivePhase, TaskSummary};
    use tollgate_domain::gate::Verdict;
    use tollgate_domain::task::TaskStage;
    use tollgate_domain::words::Word;

    #[test]
    fn a_stage_is_one_word_and_back() {
        for word in TaskStage::NAMES {
            assert_eq!(TaskStage::from_word(word).map(|stage| stage.as_str()), Some(*word));
        }
        assert_eq!(<TaskStage as Word>::from_word("closed"), None);
    }

    #[test]
    fn words_are_texts_in_json_and_an_unknown_one_is_refused_with_the_list() {
        let text = r#"{"tenant":"default","task":"T-1","stage":"open","budget_status":"no_limits","tokens_used":0,
            "latency_ms":0,"cost_usd":"0","unpriced_tokens":0,"verdict":"warn","first_at":"","last_at":"","degraded":false}"#;
        let summary: TaskSummary = serde_json::from_str(text).unwrap();
        assert_eq!(summary.budget_status, BudgetStatus::NoLimits);
        assert_eq!((summary.stage, summary.verdict), (TaskStage::Open, Some(Verdict::Warn)));
        assert_eq!(summary.complexity, None);
        assert_eq!(summary.active, None::<ActivePhase>);
        let written = serde_json::to_value(&summary).unwrap();
        assert_eq!((&written["budget_status"], &written["verdict"]), (&"no_limits".into(), &"warn".into()));
        assert!(written.get("complexity").is_none(), "{written}");
        let wrong = text.replace("no_limits", "fine");
        let error = serde_json::from_str::<TaskSummary>(&wrong).unwrap_err().to_string();
        assert!(error.contains("`fine`") && error.contains("`exceeded`"), "{error}");
    }
}
