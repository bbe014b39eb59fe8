//! What was decided before, under the same ids.

use tollgate_domain::event::EventBody;
use tollgate_domain::ids::{ProducerId, TaskId};
use tollgate_domain::position::Position;
use tollgate_log::contract::EventName;
use tollgate_wire::DecodedEvent;

use super::{Command, Decider, Done, Recorded};
use crate::ledger::OWN_PRODUCER;
use crate::ledger::budgets::repeated::answer_again;
use crate::problem::{Answer, INTERNAL};

impl Decider {
    /// The answers to commands whose events are in the log already.
    pub(super) async fn recorded_before(&self, commands: &[Command]) -> Answer<Vec<Option<Answer<Done>>>> {
        let producer = ProducerId::new(OWN_PRODUCER).map_err(|error| INTERNAL.with(error.to_string()))?;
        let name = |command: &Command| EventName {
            tenant: self.tenant.clone(),
            task: TaskId::budget(),
            producer: producer.clone(),
            id: command.id.clone(),
        };
        if commands.iter().all(|command| command.what.is_question()) {
            return Ok(vec![None; commands.len()]);
        }
        let names: Vec<EventName> = commands.iter().map(name).collect();
        let found = self.ask.find(names.clone()).await?;
        let mut answers = Vec::with_capacity(commands.len());
        for ((command, name), found) in commands.iter().zip(names).zip(found) {
            answers.push(match found {
                None => None,
                Some(_) => match self.ask.recorded(name).await? {
                    Some((sequence, DecodedEvent { body: EventBody::Budget(event), .. })) => {
                        let mut position = Position::start(self.log.epoch().id);
                        position.advance(self.partition, sequence);
                        let position = position.to_string();
                        let at = self.ask.now();
                        let first = Recorded { event, sequence, position, repeated: true, at, closed: None };
                        Some(answer_again(command, first))
                    }
                    Some(_) | None => None,
                },
            });
        }
        Ok(answers)
    }
}
