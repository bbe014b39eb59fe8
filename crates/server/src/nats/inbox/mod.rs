//! Drains the inbox: what was published by producers that can only publish becomes records of the ledger.
//! Every server drains; each message goes to one of them.
//!
//! A message is acknowledged to NATS after the ledger has acknowledged its events, never before. If a drainer
//! dies between the two, the message is redelivered and is a duplicate.

mod message;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_clock::Backoff;
use tollgate_log_jetstream::{Inbox, InboxMessage};
use tollgate_wire::Submitted;
use tollgate_wire::api::{EventOutcome, Outcome, Problem};

use self::message::Wrong;
pub(crate) use self::message::{CONTENT_TYPE, ID_HEADER, PRODUCER_HEADER, Published, read};
use crate::ledger::{Ledger, MAX_REQUEST_EVENTS, ReadEvent};
use crate::problem::{CONFLICT, INVALID, REFUSED};

/// How often to try a message that a rule refuses because of its task's state: what precedes it may be with
/// another server, which may have died with it. With [`pause`] that is 79 s, longer than a dead server keeps
/// a message.
const TRIES_FOR_STATE: u64 = 9;

/// How long before a message that could not be accepted is redelivered.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(16) };

/// The code of events that were refused along with another one of their task.
const REFUSED_WITH: &str = "refused_with";

/// Drains until it is stopped.
pub struct Drainer {
    stop: watch::Sender<bool>,
    draining: JoinHandle<()>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// Its events are in the log.
    Done,
    /// Tracking is switched off: nothing is recorded.
    Ignored,
    /// Not yet, and that is not, or may not be, the message's fault.
    Later(String),
    /// It is invalid.
    Wrong(Wrong),
}

impl Drainer {
    /// Starts draining.
    #[must_use]
    pub fn start(inbox: Inbox, ledger: Arc<Ledger>) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, draining: tokio::spawn(drain(inbox, ledger, stopped)) }
    }

    /// Accepts no more messages, and finishes those that it has.
    pub async fn stop(self) {
        // It may have panicked: then nothing is listening.
        let _ = self.stop.send(true);
        if self.draining.await.is_err() {
            tracing::error!("draining the inbox panicked");
        }
    }
}

async fn drain(mut inbox: Inbox, ledger: Arc<Ledger>, mut stopped: watch::Receiver<bool>) {
    let mut dropped = Dropped::default();
    loop {
        let messages = tokio::select! {
            biased;
            // The drainer is gone, or it was told to stop: both end it.
            _ = stopped.wait_for(|stop| *stop) => return,
            messages = inbox.next() => messages,
        };
        let ends = deal_with(&ledger, &messages).await;
        dropped.note(ends.iter().filter(|end| **end == End::Ignored).count() as u64);
        let waiting = messages.last().map_or(0, |message| message.pending);
        ledger.metrics().drained(ends.iter().map(End::label), waiting);
        join_all(messages.iter().zip(&ends).map(|(message, end)| tell(&ledger, message, end))).await;
    }
}

/// Messages that were accepted and dropped since tracking was switched off. Their publishers are not told, so
/// the process logs it.
#[derive(Default)]
struct Dropped(u64);

impl Dropped {
    /// Adds some, or notes that there were none. Logs at the first, and each time the number has doubled.
    fn note(&mut self, more: u64) -> bool {
        let before = self.0;
        self.0 = if more == 0 { 0 } else { before.saturating_add(more) };
        let says = more > 0 && (before == 0 || before.ilog2() < self.0.ilog2());
        if says {
            tracing::warn!(
                messages = self.0,
                "tracking is switched off: inbox messages are accepted and dropped; they will not be recorded later"
            );
        } else if more == 0 && before > 0 {
            tracing::warn!(
                messages = before,
                "tracking is on again; inbox messages were dropped while tracking was off"
            );
        }
        says
    }
}

/// Appends what can be appended: everything together or, if that refuses some, message by message, so that
/// none is refused because of another.
async fn deal_with(ledger: &Ledger, messages: &[InboxMessage]) -> Vec<End> {
    if ledger.settings().tracking_off() {
        return vec![End::Ignored; messages.len()];
    }
    let read: Vec<Result<Vec<Submitted>, Wrong>> =
        messages.iter().map(|message| read(&Published::of(message))).collect();
    let mut ends: Vec<End> = read.iter().map(|read| read.as_ref().err().map_or(End::Done, wrong)).collect();
    let good: Vec<(usize, &[Submitted])> = read
        .iter()
        .enumerate()
        .filter_map(|(place, read)| read.as_ref().ok().map(|events| (place, events.as_slice())))
        .collect();
    for together in packed(&good) {
        let found = append(ledger, together).await;
        for (&(place, events), mut end) in together.iter().zip(found) {
            if matches!(end, End::Wrong(_)) && together.len() > 1 {
                let alone = append(ledger, &[(place, events)]).await;
                end = alone.into_iter().next().unwrap_or(end);
            }
            ends[place] = end;
        }
    }
    for (message, end) in messages.iter().zip(&mut ends) {
        if let End::Wrong(wrong) = end
            && is_for_state(&wrong.code)
            && message.deliveries < TRIES_FOR_STATE
        {
            *end = End::Later(wrong.reason.clone());
        }
    }
    ends
}

fn wrong(wrong: &Wrong) -> End {
    End::Wrong(wrong.clone())
}

/// Whether it was refused by a rule that looks at the state of the task.
fn is_for_state(code: &str) -> bool {
    ![INVALID.code, CONFLICT.code, REFUSED.code].contains(&code)
}

/// The messages in runs with no more events than a request may hold.
fn packed<'a, 'b>(messages: &'b [(usize, &'a [Submitted])]) -> Vec<&'b [(usize, &'a [Submitted])]> {
    let (mut runs, mut begin, mut events) = (Vec::new(), 0, 0);
    for (nth, (_, more)) in messages.iter().enumerate() {
        if events + more.len() > MAX_REQUEST_EVENTS && nth > begin {
            runs.push(&messages[begin..nth]);
            (begin, events) = (nth, 0);
        }
        events += more.len();
    }
    runs.push(&messages[begin..]);
    runs.retain(|run| !run.is_empty());
    runs
}

/// Appends the events of several messages together; returns the outcome of each message.
async fn append(ledger: &Ledger, messages: &[(usize, &[Submitted])]) -> Vec<End> {
    if let Err(problem) = ledger.operate().takes_events() {
        // They stay in the inbox.
        return vec![End::Later(problem.detail); messages.len()];
    }
    let events = messages.iter().flat_map(|(_, events)| *events);
    let events = events.map(|event| ReadEvent::Good(Box::new(event.clone()))).collect();
    let appended = ledger.write().append(events).await;
    let mut outcomes = appended.outcomes.as_slice();
    let mut ends = Vec::with_capacity(messages.len());
    for (_, events) in messages {
        let (own, rest) = outcomes.split_at(events.len().min(outcomes.len()));
        outcomes = rest;
        ends.push(end_of(own, appended.trouble.as_deref()));
    }
    ends
}

fn end_of(outcomes: &[EventOutcome], trouble: Option<&Problem>) -> End {
    use Outcome::{Appended, Duplicate, Ignored};
    let is_in = |answer: &&EventOutcome| matches!(answer.outcome, Appended | Duplicate | Ignored);
    let code = |answer: &EventOutcome| answer.code.clone().unwrap_or_default();
    let mut left = outcomes.iter().filter(|answer| !is_in(answer));
    let Some(first) = left.clone().next() else {
        let ignored = outcomes.iter().any(|answer| answer.outcome == Ignored);
        return if ignored { End::Ignored } else { End::Done };
    };
    if let Some(trouble) = trouble
        && left.any(|answer| code(answer) == trouble.code)
    {
        return End::Later(trouble.detail.clone());
    }
    let guilty = outcomes.iter().filter(|answer| !is_in(answer)).find(|answer| code(answer) != REFUSED_WITH);
    let first = guilty.unwrap_or(first);
    let reason = first.detail.clone().unwrap_or_default();
    let reason = if first.id.is_empty() { reason } else { format!("event `{}`: {reason}", first.id) };
    End::Wrong(Wrong { code: code(first), reason })
}

impl End {
    const fn label(&self) -> &'static str {
        match self {
            Self::Done => "appended",
            Self::Ignored => "ignored",
            Self::Later(_) => "later",
            Self::Wrong(_) => "rejected",
        }
    }
}

/// Reports the outcome of a message to NATS. If the report is lost, the message is redelivered.
async fn tell(ledger: &Ledger, message: &InboxMessage, end: &End) {
    let later = match end {
        End::Done | End::Ignored => None,
        End::Later(reason) => Some(reason.clone()),
        End::Wrong(wrong) => quarantine(ledger, message, wrong).await.err(),
    };
    let told = match later {
        None => message.ack().await,
        Some(reason) => {
            let InboxMessage { tenant, task, sequence, deliveries, .. } = message;
            tracing::warn!(%tenant, %task, sequence, deliveries, reason, "a message of the inbox comes again");
            message.later(pause(message.deliveries)).await
        }
    };
    if let Err(error) = told {
        tracing::warn!(%error, "a message of the inbox comes again");
    }
}

/// Records that a message was refused, with its contents.
async fn quarantine(ledger: &Ledger, message: &InboxMessage, wrong: &Wrong) -> Result<(), String> {
    let (InboxMessage { subject, sequence, .. }, Wrong { code, reason }) = (message, wrong);
    tracing::error!(
        subject,
        sequence,
        code,
        reason,
        "a message of the inbox was refused; it waits in quarantine"
    );
    ledger
        .operate()
        .reject(&message.tenant, message.received_at, &message::rejection(message, wrong))
        .await
        .map_err(|error| format!("its rejection could not be recorded: {error}"))
}

/// How long before a message that was delivered this many times is redelivered.
fn pause(deliveries: u64) -> Duration {
    BACKOFF.doubled(u32::try_from(deliveries).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(outcome: Outcome, code: &str) -> EventOutcome {
        EventOutcome {
            id: "e".to_owned(),
            outcome,
            sequence: None,
            code: (!code.is_empty()).then(|| code.to_owned()),
            detail: Some("why".to_owned()),
            attempt: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_message_ends_as_its_events_do() {
        use Outcome::{Appended, Conflict, Duplicate, Ignored, Refused};
        let trouble = crate::problem::UNKNOWN_OUTCOME.with("away");
        for (what, outcomes, trouble, expected) in [
            ("all new", vec![(Appended, ""), (Appended, "")], None, "done"),
            ("all known", vec![(Duplicate, "")], None, "done"),
            ("tracking off", vec![(Ignored, "")], None, "ignored"),
            ("trouble of others", vec![(Appended, "")], Some(&*trouble), "done"),
            ("trouble", vec![(Refused, "unknown_outcome")], Some(&*trouble), "later away"),
            ("conflict", vec![(Refused, "refused_with"), (Conflict, "conflict")], None, "wrong conflict"),
            (
                "a rule",
                vec![(Refused, "task_not_open"), (Refused, "refused_with")],
                None,
                "wrong task_not_open",
            ),
            ("wrong, beside trouble of others", vec![(Refused, "invalid")], Some(&*trouble), "wrong invalid"),
            ("with another message", vec![(Refused, "refused_with")], None, "wrong refused_with"),
        ] {
            let outcomes: Vec<EventOutcome> =
                outcomes.into_iter().map(|(outcome, code)| self::outcome(outcome, code)).collect();
            let found = match end_of(&outcomes, trouble) {
                End::Done => "done".to_owned(),
                End::Ignored => "ignored".to_owned(),
                End::Later(reason) => format!("later {reason}"),
                End::Wrong(Wrong { code, .. }) => format!("wrong {code}"),
            };
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn messages_that_are_dropped_are_told_at_the_first_and_each_time_that_they_doubled() {
        let mut dropped = Dropped::default();
        let said = [1, 1, 1, 1, 3, 0, 0, 100, 1].map(|more| dropped.note(more));
        assert_eq!(said, [true, true, false, true, false, false, false, true, false]);
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_outlast_a_dead_server() {
        let pauses: Vec<u64> = (1..=7).map(|deliveries| pause(deliveries).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 16, 16]);
        let all: Duration = (1..TRIES_FOR_STATE).map(pause).sum();
        assert!(all > tollgate_log_jetstream::inbox::ACK_WAIT, "{all:?}");
    }
}
