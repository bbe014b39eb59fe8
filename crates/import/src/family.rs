//! Conversations that share calls: an agent that forks a session copies its lines without marking them.

use tollgate_domain::event::{Event, EventBody, SignalRecorded};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};

/// The label with the task that a fork or a sub-agent comes from.
pub const ROOT: &str = "root";

/// What the signals count.
const SIGNAL: &str = "sessions";

/// Groups of a UUID.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// The conversation that a session continues, identified by its first line, which every fork copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The id of that line.
    pub root: String,
    /// The session of the file.
    pub session: String,
}

impl Family {
    /// The task of a session.
    #[must_use]
    pub fn task_of(session: &str) -> Option<TaskId> {
        TaskId::new(format!("claude-{session}")).ok()
    }

    /// Where the signals are that count the known sessions: with everything that belongs to no task. The
    /// trace of each signal is the session.
    #[must_use]
    pub fn met_in() -> TaskId {
        TaskId::ledger()
    }

    /// The id of the signal for the `nth` session of a conversation, from 1.
    #[must_use]
    pub fn signal_id(root: &str, nth: u32) -> Option<EventId> {
        EventId::new(format!("claude:{root}:{nth}")).ok()
    }

    /// The conversation for a signal's id.
    #[must_use]
    pub fn root_of_signal(id: &EventId) -> Option<&str> {
        let (root, _) = id.as_str().strip_prefix("claude:")?.rsplit_once(':')?;
        Some(root)
    }

    /// Counts the session as the `nth` of its conversation. `None` if its id is not a UUID, unlike all of the
    /// agent's sessions.
    #[must_use]
    pub fn signal(&self, nth: u32, tenant: &TenantId, producer: &ProducerId) -> Option<Event> {
        Some(Event {
            tenant: tenant.clone(),
            task: Self::met_in(),
            producer: producer.clone(),
            id: Self::signal_id(&self.root, nth)?,
            occurred_at: None,
            trace_parent: Some(trace_of(&self.session)?),
            body: EventBody::from(SignalRecorded {
                execution: None,
                name: SIGNAL.to_owned(),
                value: 1,
                key: None,
            }),
        })
    }
}

/// The session of a signal's trace.
#[must_use]
pub fn session_of(trace_parent: &str) -> Option<String> {
    let mut hex = trace_parent.strip_prefix("00-")?.split('-').next().filter(|hex| hex.len() == 32)?;
    let mut groups = Vec::new();
    for length in GROUPS {
        let (group, rest) = hex.split_at_checked(length)?;
        groups.push(group);
        hex = rest;
    }
    Some(groups.join("-"))
}

/// A trace context whose trace is the session.
fn trace_of(session: &str) -> Option<String> {
    let groups: Vec<&str> = session.split('-').collect();
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_uuid = groups.iter().map(|group| group.len()).eq(GROUPS)
        && groups.iter().all(|group| group.bytes().all(lower_hex));
    let hex = groups.concat();
    is_uuid.then(|| format!("00-{hex}-{}-00", &hex[16..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_of_a_session_names_it() {
        let session = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let trace = trace_of(session).unwrap();
        assert_eq!(trace, "00-0f8fad5bd9cb469fa16570867728950e-a16570867728950e-00");
        assert_eq!(session_of(&trace).as_deref(), Some(session));
        for other in ["S", "0F8FAD5B-d9cb-469f-a165-70867728950e", "0f8fad5bd9cb469fa16570867728950e", ""] {
            assert_eq!(trace_of(other), None, "{other}");
        }
        assert_eq!(session_of("00-0f8f-1-00"), None);
    }

    #[test]
    fn the_id_of_a_signal_names_its_conversation() {
        let id = Family::signal_id("a:b", 7).unwrap();
        assert_eq!((id.as_str(), Family::root_of_signal(&id)), ("claude:a:b:7", Some("a:b")));
        assert_eq!(Family::root_of_signal(&EventId::new("b:7").unwrap()), None);
    }
}
