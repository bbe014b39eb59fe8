//! A query to projectors as it is sent, and what comes back: an answer, or the answers of the parts.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::Partitions;
use tollgate_projection::fold::Projection;

use super::protocol::{Reply, Request, Trouble};
use crate::query::{Answered, Query, QueryError, Wait};

/// One query in flight.
pub(super) struct QueryMessage<'a> {
    pub(super) ask: &'a str,
    pub(super) query: Option<Box<serde_json::value::RawValue>>,
    pub(super) wait: Wait<'a>,
    /// Whether to wait for a projector if none answers.
    pub(super) patient: bool,
    /// Whether its answer may take long.
    pub(super) long: bool,
}

impl<'a> QueryMessage<'a> {
    pub(super) fn of<P: Projection, Q: Query<P>>(wait: Wait<'a>, query: &Q) -> Result<Self, QueryError> {
        let failed =
            |error: serde_json::Error| QueryError::Failed { view: P::NAME, reason: error.to_string() };
        let query = to_raw_value(query).map_err(failed)?;
        Ok(Self { ask: Q::VERB, query: Some(query), wait, patient: true, long: Q::OVER_MANY })
    }

    pub(super) fn payload(&self, left: Duration) -> Vec<u8> {
        let request = Request {
            ask: self.ask,
            query: self.query.as_deref(),
            at_least: self.wait.at_least.map(ToString::to_string),
            wait_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            begin: self.long,
        };
        encoded(&request)
    }
}

/// The answers of parts, until they cover all partitions.
pub(super) struct Parts<A> {
    pub(super) answers: Vec<Answered<A>>,
    pub(super) covered: Partitions,
}

impl<A> Parts<A> {
    pub(super) const fn new() -> Self {
        Self { answers: Vec::new(), covered: Partitions::NONE }
    }

    /// The first partition that no answer covers.
    pub(super) fn missing(&self) -> Option<PartitionId> {
        PartitionId::all().find(|partition| !self.covered.contains(*partition))
    }

    pub(super) fn add(
        &mut self,
        view: &'static str,
        asked: PartitionId,
        answer: Answered<A>,
    ) -> Result<(), QueryError> {
        if let Some(first) = self.answers.iter().find(|first| first.partitions.overlaps(answer.partitions)) {
            let (first, second) = (first.partitions, answer.partitions);
            return Err(QueryError::Overlap { view, first, second });
        }
        self.covered = self.covered.with(answer.partitions).with(Partitions::only(asked));
        self.answers.push(answer);
        Ok(())
    }
}

pub(super) fn encoded(request: &impl Serialize) -> Vec<u8> {
    // Texts, numbers, and JSON that is already encoded.
    serde_json::to_vec(request).expect("a question can be encoded")
}

pub(super) fn read<A: DeserializeOwned>(
    view: &'static str,
    payload: &[u8],
) -> Result<Answered<A>, QueryError> {
    let failed = |reason: String| QueryError::Failed { view, reason: format!("invalid answer: {reason}") };
    let reply: Reply = serde_json::from_slice(payload).map_err(|error| failed(error.to_string()))?;
    if let Some(error) = reply.error {
        return Err(Trouble::into_query_error(error, view));
    }
    let (Some(answer), Some(as_of), Some(partitions)) = (reply.answer, reply.as_of, reply.partitions) else {
        return Err(failed("it lacks answer, as_of or partitions".to_owned()));
    };
    Ok(Answered {
        answer: serde_json::from_str(answer.get()).map_err(|error| failed(error.to_string()))?,
        as_of: as_of.parse().map_err(|error| failed(format!("{error}")))?,
        partitions: partitions.parse().map_err(|error| failed(format!("{error}")))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_something_is_not_there_is_an_answer_and_no_answer_is_none() {
        let as_of = format!("{}@", "7".repeat(32));
        let reply = |answer: &str| format!(r#"{{{answer}"as_of":"{as_of}","partitions":"0-15"}}"#);
        let found = |answer: &str| read::<Option<u64>>("spending", reply(answer).as_bytes());
        for (answer, expected) in [(r#""answer":null,"#, None), (r#""answer":7,"#, Some(7))] {
            assert_eq!(found(answer).unwrap().answer, expected, "{answer}");
        }
        assert!(found("").unwrap_err().to_string().contains("it lacks answer"));
    }
}
