//! What became of a request's events: of each part that goes into the log together, then of all of them.

use tollgate_domain::position::Position;
use tollgate_log::contract::{AppendOutcome, Receipt};
use tollgate_wire::api::{EventOutcome, Outcome, Problem};

use crate::problem::CONFLICT;

/// What became of a request's events.
#[derive(Debug)]
pub struct Appended {
    /// One outcome per event, in their order.
    pub outcomes: Vec<EventOutcome>,
    /// Covers every event that is in the log.
    pub position: Position,
    /// The first thing that kept events out of the log without being their fault.
    pub trouble: Option<Box<Problem>>,
}

/// What became of some events of a request: those of one task, or those of one record.
#[derive(Debug)]
pub(super) struct Part {
    /// By their index in the request, ascending.
    outcomes: Vec<(usize, EventOutcome)>,
    position: Option<Position>,
    trouble: Option<Box<Problem>>,
}

impl Appended {
    /// Of nothing yet: everything is refused until a part says otherwise.
    pub(super) fn unanswered(ids: impl Iterator<Item = String>, position: Position) -> Self {
        Self { outcomes: ids.map(unanswered).collect(), position, trouble: None }
    }

    /// Adds what became of a part.
    pub(super) fn add(&mut self, part: Part) {
        for (place, outcome) in part.outcomes {
            self.outcomes[place] = outcome;
        }
        if let Some(position) = &part.position {
            self.position.merge(position);
        }
        if self.trouble.is_none() {
            self.trouble = part.trouble;
        }
    }
}

impl Part {
    /// For the events with these indexes and ids.
    pub(super) fn unanswered(events: impl Iterator<Item = (usize, String)>) -> Self {
        let mut outcomes: Vec<_> = events.map(|(place, id)| (place, unanswered(id))).collect();
        outcomes.sort_by_key(|(place, _)| *place);
        Self { outcomes, position: None, trouble: None }
    }

    /// The index of its first event.
    pub(super) fn first(&self) -> Option<usize> {
        self.outcomes.first().map(|(place, _)| *place)
    }

    /// The outcome of the event at an index of this part.
    pub(super) fn at(&mut self, place: usize) -> &mut EventOutcome {
        let found = self.outcomes.binary_search_by_key(&place, |(place, _)| *place);
        // Callers take the index from the events that the part was made of.
        let index = found.unwrap_or_else(|_| unreachable!("place {place} is of another part"));
        &mut self.outcomes[index].1
    }

    /// Adds what the log answered for the events at these indexes, in the order of the record.
    pub(super) fn settle(&mut self, places: &[usize], receipt: &Receipt) {
        self.position = Some(receipt.position.clone());
        for (place, outcome) in places.iter().zip(&receipt.outcomes) {
            let because = match outcome {
                AppendOutcome::Refused { because } => {
                    places.get(*because).map(|place| self.at(*place).id.clone())
                }
                AppendOutcome::Appended(_) | AppendOutcome::Duplicate(_) | AppendOutcome::Conflict(_) => None,
            };
            let answer = self.at(*place);
            match outcome {
                AppendOutcome::Appended(sequence) => {
                    (answer.outcome, answer.sequence) = (Outcome::Appended, Some(sequence.0));
                }
                AppendOutcome::Duplicate(sequence) => {
                    (answer.outcome, answer.sequence) = (Outcome::Duplicate, Some(sequence.0));
                }
                AppendOutcome::Conflict(sequence) => {
                    (answer.outcome, answer.sequence) = (Outcome::Conflict, Some(sequence.0));
                    answer.code = Some(CONFLICT.code.to_owned());
                    answer.detail = Some(format!(
                        "event id `{}` is already used by record {sequence}, which has other content: a retry must resend \
                         exactly the same content, another event needs an id of its own",
                        answer.id
                    ));
                }
                AppendOutcome::Refused { .. } => {
                    answer.code = Some("refused_with".to_owned());
                    let because = because.unwrap_or_default();
                    answer.detail = Some(format!(
                        "event `{because}` of the same task is in conflict, so none of the task's events was appended"
                    ));
                }
            }
        }
    }

    /// Refuses all events of a task because of one of them.
    pub(super) fn refuse(&mut self, guilty: usize, code: &str, detail: &str) {
        let id = self.at(guilty).id.clone();
        for (place, answer) in &mut self.outcomes {
            answer.outcome = Outcome::Refused;
            if *place == guilty {
                (answer.code, answer.detail) = (Some(code.to_owned()), Some(detail.to_owned()));
            } else {
                answer.code = Some("refused_with".to_owned());
                answer.detail = Some(format!(
                    "event `{id}` of the same task was refused, so none of the task's events was appended"
                ));
            }
        }
    }

    /// What kept all of these events out of the log without being their fault.
    pub(super) fn fail(&mut self, problem: Box<Problem>) {
        for (_, answer) in &mut self.outcomes {
            answer.outcome = Outcome::Refused;
            (answer.code, answer.detail) = (Some(problem.code.clone()), Some(problem.detail.clone()));
        }
        self.trouble = Some(problem);
    }
}

fn unanswered(id: String) -> EventOutcome {
    EventOutcome {
        id,
        outcome: Outcome::Refused,
        sequence: None,
        code: None,
        detail: None,
        attempt: None,
        warnings: Vec::new(),
    }
}
