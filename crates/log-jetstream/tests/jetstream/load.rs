//! Work on a log while its servers fail: facts that must all be there exactly once afterwards, and decisions
//! of which one of two wins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_domain::position::Sequence;
use tollgate_log::conformance::{batch, decision, event};
use tollgate_log::contract::{AppendError, AppendOutcome, Batch, Durability, EventLog, Partitions, Receipt};
use tollgate_log_jetstream::{JetStreamLog, Options};

use crate::support::within;

/// The task that is decided about.
const DECIDED: &str = "T-decided";

/// How to reach a log of class `replicated` here: with a short append timeout, so that some outcomes stay
/// unknown.
pub(crate) fn replicated(urls: String) -> Options {
    Options {
        durability: Durability::Replicated,
        request_timeout: Duration::from_secs(2),
        ack_timeout: Duration::from_secs(1),
        append_timeout: Duration::from_secs(3),
        ..Options::new(urls)
    }
}

/// The same for cases where no outcome may stay unknown.
pub(crate) fn patient(urls: String) -> Options {
    Options { append_timeout: Duration::from_secs(60), ..replicated(urls) }
}

/// Appenders and deciders, each with its own log.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: watch::Receiver<u64>,
    appenders: Vec<JoinHandle<Vec<Sequence>>>,
    decider: JoinHandle<Vec<Sequence>>,
}

/// What was acknowledged.
pub(crate) struct Acknowledged {
    /// For each appender, the records of its facts `e0`, `e1` and so on about `T-<number>`.
    facts: Vec<Vec<Sequence>>,
    /// The records of the decisions that won, one per round.
    decisions: Vec<Sequence>,
}

impl Load {
    /// Starts the load.
    pub(crate) async fn start(logs: Vec<Options>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = watch::Sender::new(0);
        let mut appenders = Vec::new();
        for (number, options) in logs.iter().enumerate() {
            let log = connect(options).await;
            appenders.push(tokio::spawn(append(log, number, Arc::clone(&stop), acknowledged.clone())));
        }
        let racers = [connect(&logs[0]).await, connect(&logs[1 % logs.len()]).await];
        let decider = tokio::spawn(decide(racers.map(Arc::new), Arc::clone(&stop), acknowledged.clone()));
        Self { stop, acknowledged: acknowledged.subscribe(), appenders, decider }
    }

    /// Waits until this many more facts and rounds are acknowledged.
    pub(crate) async fn more(&mut self, count: u64) {
        let end = *self.acknowledged.borrow_and_update() + count;
        within(self.acknowledged.wait_for(|count| *count >= end)).await.unwrap();
    }

    /// The number acknowledged so far.
    pub(crate) fn count(&self) -> u64 {
        *self.acknowledged.borrow()
    }

    /// Stops the load, once everything that was begun is acknowledged.
    pub(crate) async fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::SeqCst);
        let mut facts = Vec::new();
        for appender in self.appenders {
            facts.push(within(appender).await.unwrap());
        }
        Acknowledged { facts, decisions: within(self.decider).await.unwrap() }
    }
}

/// Connects as soon as that is possible.
pub(crate) async fn connect(options: &Options) -> JetStreamLog {
    within(async {
        loop {
            if let Ok(log) = JetStreamLog::connect(options.clone()).await {
                return log;
            }
        }
    })
    .await
}

async fn append(
    log: JetStreamLog,
    number: usize,
    stop: Arc<AtomicBool>,
    acknowledged: watch::Sender<u64>,
) -> Vec<Sequence> {
    let mut sequences: Vec<Sequence> = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let id = format!("e{}", sequences.len());
        let receipt = settled(&log, &batch(vec![event(&format!("T-{number}"), &id, "x")])).await.unwrap();
        assert_eq!(receipt.durability, Durability::Replicated);
        let sequence = receipt.position.highest();
        assert!(
            sequences.last().is_none_or(|last| *last < sequence),
            "T-{number}/{id} is before its task's last"
        );
        sequences.push(sequence);
        acknowledged.send_modify(|count| *count += 1);
    }
    sequences
}

/// Rounds of two decisions that both follow the last one, in two logs at the same time.
async fn decide(
    logs: [Arc<JetStreamLog>; 2],
    stop: Arc<AtomicBool>,
    acknowledged: watch::Sender<u64>,
) -> Vec<Sequence> {
    let mut won: Vec<Sequence> = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let last = won.last().copied().unwrap_or_default();
        let racers = [0, 1].map(|racer| {
            let (log, id) = (Arc::clone(&logs[racer]), format!("d{}-{racer}", won.len()));
            let batch = decision(last.0, vec![event(DECIDED, &id, "x")]);
            tokio::spawn(async move { settled(&log, &batch).await })
        });
        let (mut winners, mut losers) = (Vec::new(), Vec::new());
        for racer in racers {
            match racer.await.unwrap() {
                Ok(receipt) => winners.push(receipt.position.highest()),
                Err(AppendError::WrongExpected { actual, .. }) => losers.push(actual),
                Err(error) => panic!("round {}: {error}", won.len()),
            }
        }
        assert_eq!(winners.len(), 1, "winners of round {} after {last}: {winners:?}", won.len());
        assert_eq!(losers, winners, "the loser of round {} is told who won", won.len());
        won.push(winners[0]);
        acknowledged.send_modify(|count| *count += 1);
    }
    won
}

/// Appends with the same ids until the outcome is known.
pub(crate) async fn settled(log: &JetStreamLog, batch: &Batch) -> Result<Receipt, AppendError> {
    loop {
        match log.append(batch.clone()).await {
            Err(AppendError::Unknown { .. }) => {}
            done => return done,
        }
    }
}

impl Acknowledged {
    /// Checks that all of it is in the log, exactly once, where it was acknowledged, and that there is
    /// nothing else; `extra` is known to be there too.
    pub(crate) async fn check(&self, log: &JetStreamLog, extra: &[&str]) {
        let mut expected: Vec<(Sequence, String)> = Vec::new();
        for (number, facts) in self.facts.iter().enumerate() {
            expected.extend(facts.iter().enumerate().map(|(nth, at)| (*at, format!("T-{number}/e{nth}"))));
        }
        let of_decisions = self.decisions.iter().enumerate();
        expected.extend(of_decisions.map(|(round, at)| (*at, format!("{DECIDED}/d{round}"))));
        expected.sort();
        let mut reader = within(log.read_from(Partitions::ALL, Sequence::ZERO)).await.unwrap();
        let mut found = Vec::new();
        let end = within(log.tail()).await.unwrap().highest();
        let mut last = Sequence::ZERO;
        while last < end {
            for stored in within(reader.next()).await.unwrap() {
                last = stored.sequence;
                for event in stored.record.events() {
                    // Either decision may win a round.
                    let id =
                        if event.task == DECIDED { event.id.rsplit_once('-').unwrap().0 } else { event.id };
                    let name = format!("{}/{id}", event.task);
                    if !extra.contains(&name.as_str()) {
                        found.push((stored.sequence, name));
                    }
                }
            }
        }
        let lost: Vec<_> = expected.iter().filter(|acknowledged| !found.contains(acknowledged)).collect();
        assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
        assert_eq!(found, expected, "what is there more than once, or was never acknowledged");
        // Later processes recognize them for what they are.
        for (number, facts) in self.facts.iter().enumerate() {
            // The last one: after a slow run the server itself may no longer know the first.
            let Some((last, nth)) = facts.last().zip(facts.len().checked_sub(1)) else { continue };
            let again = batch(vec![event(&format!("T-{number}"), &format!("e{nth}"), "x")]);
            let receipt = settled(log, &again).await.unwrap();
            assert_eq!(receipt.outcomes, [AppendOutcome::Duplicate(*last)]);
        }
    }
}
