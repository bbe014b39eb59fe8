//! The remediation of a blocked task: a separate task for the people who look into it.

use crate::hex::hex_of_sha256;
use crate::ids::{MAX_ID_BYTES, TaskId};

/// Prefix of a remediation's name.
const PREFIX: &str = "FIX-BUDGET-BREACH-";

/// The remediation of a task: `FIX-BUDGET-BREACH-{task}`. A name that would be too long is cut, and ends with
/// 16 hex digits of the SHA-256 of the task's id, so that two tasks never share one.
#[must_use]
pub fn remediation_of(task: &TaskId) -> TaskId {
    let name = task.as_str();
    let whole = format!("{PREFIX}{name}");
    if whole.len() <= MAX_ID_BYTES {
        return TaskId::new(whole).expect("a task's name with plain letters before it is one");
    }
    let hash = hex_of_sha256(name, 8);
    let room = MAX_ID_BYTES.saturating_sub(PREFIX.len()).saturating_sub(hash.len()).saturating_sub(1);
    let mut end = room.min(name.len());
    while !name.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    TaskId::new(format!("{PREFIX}{}-{hash}", &name[..end]))
        .expect("within the length, and no blank at an end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_a_remediation_of_its_own() {
        let of = |name: &str| remediation_of(&TaskId::new(name).unwrap()).as_str().to_owned();
        assert_eq!(of("T-1"), "FIX-BUDGET-BREACH-T-1");
        let (fits, long) = ("x".repeat(110), "é".repeat(64));
        assert_eq!(of(&fits), format!("FIX-BUDGET-BREACH-{fits}"));
        let (cut, other) = (of(&long), of(&format!("{}ab", "é".repeat(63))));
        assert!(cut.len() <= MAX_ID_BYTES && cut.starts_with("FIX-BUDGET-BREACH-éé"), "{cut}");
        assert_ne!(cut, other, "names that begin alike stay apart");
        assert_eq!(of(&long), cut);
    }
}
