//! Names: ids that this port makes up, and the words of Tekton beside those of the ledger.

use std::fmt::Write;

use tollgate_domain::budget::{BudgetEnforcement, ModelTier};
use tollgate_domain::ids::TaskId;
use uuid::{Builder, Uuid};

use crate::fault::{Fault, Handled};

/// The producer of the usage that comes in here.
pub(crate) const PRODUCER: &str = "tekton";

/// Labels that keep what only Tekton knows. They begin as notes do: nothing is counted by them.
pub(crate) const METADATA: &str = "_metadata";
/// The operation that usage belongs to.
pub(crate) const OPERATION: &str = "_operation_id";
/// The context, where it is no name of a task.
pub(crate) const CONTEXT: &str = "_context";
/// The budget that an allocation names.
pub(crate) const BUDGET: &str = "_budget_id";

/// What a task is for.
pub(crate) const TASK_TYPE: &str = "task_type";
/// Who used it.
pub(crate) const USER: &str = "user";
/// The tier that is asked for.
pub(crate) const TIER: &str = "tier";

/// The type of a task that names none.
pub(crate) const DEFAULT_TASK_TYPE: &str = "default";

/// The task of a context: the context itself, or a name that follows from it, where it cannot be the name of a task.
pub(crate) fn task_of(context: &str) -> String {
    TaskId::of_context(context).as_str().to_owned()
}

/// An id that nobody has. Its first characters tell it apart, since people are shown no more of it.
pub(crate) fn fresh() -> String {
    named(&[&Uuid::now_v7().to_string()])
}

/// The id that follows from these words, the same every time.
pub(crate) fn named(words: &[&str]) -> String {
    let hash = blake3::hash(words.join("\n").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// The id of a usage record: where it stands in the log, and enough of a hash of its name to tell it apart there.
pub(crate) fn record_id(sequence: u64, task: &str, producer: &str, id: &str) -> String {
    let hash = blake3::hash([task, producer, id].join("\n").as_bytes());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&hash.as_bytes()[..8]);
    bytes[8..].copy_from_slice(&sequence.to_be_bytes());
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// Where the record with an id stands in the log; `None`: it is no such id.
pub(crate) fn record_sequence(id: &str) -> Option<u64> {
    let uuid = Uuid::parse_str(id).ok()?;
    let tail: [u8; 8] = uuid.as_bytes()[8..].try_into().ok()?;
    // The variant takes the two highest bits.
    let sequence = u64::from_be_bytes(tail) & (u64::MAX >> 2);
    (sequence > 0 && uuid.get_version_num() == 8).then_some(sequence)
}

/// A tier in Tekton's or Apollo's words, in any case.
pub(crate) fn tier(word: &str) -> Handled<ModelTier> {
    let lower = word.trim().to_ascii_lowercase();
    let tier = match lower.as_str() {
        "lightweight" => Some(ModelTier::LocalLightweight),
        "midweight" => Some(ModelTier::LocalMidweight),
        "heavyweight" => Some(ModelTier::RemoteHeavyweight),
        other => ModelTier::from_word(other),
    };
    tier.ok_or_else(|| Fault::bad(format!("Invalid tier: {word}")))
}

/// The periods, as both sides call them.
pub(crate) const PERIODS: [&str; 6] = ["hourly", "daily", "weekly", "monthly", "per_session", "per_task"];

/// A period, in any case.
pub(crate) fn period(word: &str) -> Handled<&'static str> {
    let lower = word.trim().to_ascii_lowercase();
    let found = PERIODS.into_iter().find(|period| *period == lower);
    found.ok_or_else(|| Fault::bad(format!("Invalid period: {word}")))
}

/// What happens at the limit, in the words of Tekton, Rhetor or the user interface.
pub(crate) fn enforcement(word: &str) -> Handled<BudgetEnforcement> {
    match word.trim().to_ascii_lowercase().as_str() {
        "ignore" => Ok(BudgetEnforcement::Ignore),
        "warn" | "warning" => Ok(BudgetEnforcement::Warn),
        "soft_limit" => Ok(BudgetEnforcement::SoftLimit),
        "hard_limit" | "enforce" => Ok(BudgetEnforcement::HardLimit),
        _ => Err(Fault::bad(format!("'{word}' is not a valid BudgetPolicyType"))),
    }
}

/// The same for Tekton, which knows four: what can refuse is a hard limit.
pub(crate) const fn type_of(enforcement: BudgetEnforcement) -> &'static str {
    match enforcement {
        BudgetEnforcement::Ignore => "ignore",
        BudgetEnforcement::Warn => "warn",
        BudgetEnforcement::SoftLimit => "soft_limit",
        BudgetEnforcement::HardLimit | BudgetEnforcement::Degrade | BudgetEnforcement::Throttle => {
            "hard_limit"
        }
    }
}

/// A text as HTML shows it.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' | '\'' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_again_by_its_id() {
        for sequence in [1, 77, 1 << 40, (1 << 62) - 1] {
            let id = record_id(sequence, "T-1", "tekton", "u-1");
            assert_eq!(record_sequence(&id), Some(sequence), "{id}");
            assert_ne!(id, record_id(sequence, "T-1", "tekton", "u-2"));
        }
        for other in ["", "x", "0190a0a0-0000-7000-8000-000000000001"] {
            assert_eq!(record_sequence(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_characters_of_ids_made_at_once_differ() {
        let ids: std::collections::BTreeSet<String> = (0..50).map(|_| fresh()[..8].to_owned()).collect();
        assert_eq!(ids.len(), 50);
        assert_eq!(named(&["a", "b"]), named(&["a", "b"]));
    }

    #[test]
    fn contexts_that_are_no_task_get_a_name_that_is_one() {
        assert_eq!(task_of("session/7"), "session/7");
        for context in ["_budget", "", " x", &"y".repeat(300)] {
            let task = task_of(context);
            assert!(task.starts_with("context-") && task.len() == 40, "{context}: {task}");
        }
    }

    #[test]
    fn words_of_all_sides_are_understood() {
        for (word, means) in [
            ("lightweight", Some("local_lightweight")),
            ("local_lightweight", Some("local_lightweight")),
            ("REMOTE_HEAVYWEIGHT", Some("remote_heavyweight")),
            ("Midweight", Some("local_midweight")),
            ("huge", None),
        ] {
            assert_eq!(tier(word).ok().map(|tier| tier.as_str()), means, "{word}");
        }
        for (word, means) in [
            ("warn", Some("warn")),
            ("warning", Some("warn")),
            ("ENFORCE", Some("hard_limit")),
            ("soft_limit", Some("soft_limit")),
            ("ignore", Some("ignore")),
            ("downgrade", None),
        ] {
            assert_eq!(enforcement(word).ok().map(type_of), means, "{word}");
        }
        assert_eq!((period("Daily").ok(), period("yearly").is_err()), (Some("daily"), true));
        assert_eq!(escaped("<b a=\"1\">&</b>"), "&lt;b a=&#34;1&#34;&gt;&amp;&lt;/b&gt;");
    }
}
