//! Converts older stored forms to the current one, on read. Pure; one step per version.

use crate::error::DecodeError;
use crate::proto::StoredEvent;

/// The version of the stored form that this crate writes. Increased only when the meaning of a stored field
/// changes; new fields and new kinds do not increase it.
pub const SCHEMA_VERSION: u32 = 1;

/// One step: converts an event from version n to version n + 1.
type Step = fn(StoredEvent) -> StoredEvent;

/// The steps in order; the first converts version 1. None yet: there is only one version.
const STEPS: [Step; SCHEMA_VERSION as usize - 1] = [];

/// Converts a stored event to the current version.
///
/// # Errors
///
/// [`DecodeError::NewerSchema`] for a version newer than the known one.
pub(crate) fn upcast(stored: StoredEvent) -> Result<StoredEvent, DecodeError> {
    along(&STEPS, stored)
}

fn along(steps: &[Step], stored: StoredEvent) -> Result<StoredEvent, DecodeError> {
    let version = stored.added.as_ref().map_or(0, |added| added.schema_version).max(1);
    // Version 1 takes all steps, the newest none.
    let done = (version - 1) as usize;
    match steps.get(done..) {
        Some(rest) => Ok(rest.iter().fold(stored, |stored, step| step(stored))),
        None => Err(DecodeError::NewerSchema { version, known: steps.len() as u32 + 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Added, PhaseStarted, stored_event::Body};

    fn event(version: Option<u32>) -> StoredEvent {
        let added = version.map(|schema_version| Added { schema_version, ..Added::default() });
        let body =
            Some(Body::PhaseStarted(PhaseStarted { phase: "P".to_owned(), concluded_by: String::new() }));
        StoredEvent { occurred_at: None, body, added }
    }

    fn with_letter(letter: char) -> impl Fn(StoredEvent) -> StoredEvent {
        move |mut stored| {
            if let Some(Body::PhaseStarted(started)) = &mut stored.body {
                started.phase.push(letter);
            }
            stored
        }
    }

    #[test]
    fn each_version_takes_the_steps_from_its_own_on() {
        let steps: [Step; 2] = [|stored| with_letter('2')(stored), |stored| with_letter('3')(stored)];
        for (version, phase) in
            [(None, "P23"), (Some(0), "P23"), (Some(1), "P23"), (Some(2), "P3"), (Some(3), "P")]
        {
            let Some(Body::PhaseStarted(started)) = along(&steps, event(version)).unwrap().body else {
                panic!("the body keeps its kind")
            };
            assert_eq!(started.phase, phase, "version {version:?}");
        }
        let error = along(&steps, event(Some(4))).unwrap_err();
        assert_eq!(error, DecodeError::NewerSchema { version: 4, known: 3 });
    }

    #[test]
    fn a_newer_version_is_not_guessed_at() {
        let error = upcast(event(Some(SCHEMA_VERSION + 1))).unwrap_err().to_string();
        assert!(error.contains("schema version 2 is newer than 1"), "{error}");
    }
}
