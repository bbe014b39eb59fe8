//! Histories are what their specification says, and the same on every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use tollgate_clock::ManualClock;
use tollgate_domain::event::RecordedEvent;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log::memory::MemoryLog;
use tollgate_projection::fold::{Projection, Rows, read_task_key};
use tollgate_projection::status::{Status, TaskRow};
use tollgate_wire::{Submitted, decode_stored};

use super::*;
use crate::calibrate::{Outcome, Sample, samples_of};

#[derive(Default)]
struct TaskRows(BTreeMap<Vec<u8>, TaskRow>);

impl Rows<TaskRow> for TaskRows {
    type Error = Infallible;

    fn change(&mut self, key: &[u8], make: impl FnOnce() -> TaskRow) -> Result<&mut TaskRow, Infallible> {
        Ok(self.0.entry(key.to_vec()).or_insert_with(make))
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<&TaskRow>, Infallible> {
        Ok(self.0.get(key))
    }
}

/// Appends a history to a log in memory and folds it into rows of tasks.
fn folded(spec: &Spec) -> TaskRows {
    let log = MemoryLog::new(Arc::new(ManualClock::at(spec.start)));
    let appended = pollster::block_on(append(spec.events().unwrap(), &log)).unwrap();
    let mut reader = pollster::block_on(log.read_from(Partitions::ALL, Sequence::ZERO)).unwrap();
    let (mut rows, mut events) = (TaskRows::default(), 0);
    loop {
        let records = pollster::block_on(reader.try_next()).unwrap();
        if records.is_empty() {
            assert_eq!(events, appended, "every event is in the log");
            return rows;
        }
        for stored in &records {
            for frame in stored.record.events() {
                let decoded = decode_stored(frame.payload).unwrap();
                let recorded_at = stored.record.recorded_at();
                let event = RecordedEvent {
                    sequence: stored.sequence,
                    partition: stored.record.partition(),
                    recorded_at,
                    tenant: stored.record.tenant(),
                    task: frame.task,
                    producer: frame.producer,
                    id: frame.id,
                    occurred_at: decoded.occurred_at.unwrap_or(recorded_at),
                    body: &decoded.body,
                };
                Status.apply(&event, &mut rows).unwrap();
                events += 1;
            }
        }
    }
}

fn hash(spec: &Spec) -> String {
    let mut hasher = blake3::Hasher::new();
    for event in spec.events().unwrap() {
        let submitted = Submitted::from_event(event).unwrap();
        hasher.update(&submitted.encode_stored(&submitted.event.body).unwrap());
    }
    hasher.finalize().to_hex().to_string()
}

#[test]
fn a_seed_gives_the_same_bytes_everywhere() {
    let spec = Spec::new(42, 200);
    assert_eq!(spec.events().unwrap().count(), 9_639);
    assert_eq!(hash(&spec), "4b0ff0cc1819df7b3d85ed322c1fb1b4609f895add80dd5347eefabc9585d71a");
    assert_ne!(hash(&spec), hash(&Spec::new(43, 200)));
}

/// Log, fold and samples made of rows say the same as the plans: nothing is lost, counted twice or put elsewhere.
#[test]
fn samples_of_the_folded_log_are_those_of_the_plans() {
    let spec = Spec { runaways_permille: 60, large_permille: 60, failed_permille: 60, ..Spec::new(5, 150) };
    let rows = folded(&spec);
    let mut of_rows: Vec<Sample> = Vec::new();
    for (key, row) in &rows.0 {
        let (tenant, task) = read_task_key(key).unwrap();
        let (tenant, task) = (TenantId::new(tenant).unwrap(), TaskId::new(task).unwrap());
        of_rows.extend(samples_of(&tenant, &task, row, None));
    }
    // A row has a sample for each attempt; they are added up.
    let mut summed: BTreeMap<(String, String), Sample> = BTreeMap::new();
    for sample in of_rows {
        let key = (sample.task.to_string(), sample.phase.as_ref().unwrap().to_string());
        match summed.get_mut(&key) {
            None => {
                summed.insert(key, sample);
            }
            Some(sum) => {
                sum.tokens += sample.tokens;
                sum.latency_ms = Some(sum.latency_ms.unwrap() + sample.latency_ms.unwrap());
                sum.cost = Some(sum.cost.unwrap().saturating_add(sample.cost.unwrap()));
            }
        }
    }
    let planned: BTreeMap<(String, String), Sample> = spec
        .samples()
        .map(|sample| ((sample.task.to_string(), sample.phase.as_ref().unwrap().to_string()), sample))
        .collect();
    assert_eq!(summed, planned);
    let outcomes: BTreeSet<Outcome> = planned.values().map(|sample| sample.outcome).collect();
    let all = [Outcome::Finished, Outcome::Legitimate, Outcome::Failed, Outcome::Runaway];
    assert_eq!(outcomes, BTreeSet::from(all), "every kind of task is in it");
    let waited = rows.0.values().flat_map(|row| &row.executions).filter(|it| it.activity.wait_ms > 0).count();
    let again = rows.0.values().flat_map(|row| &row.executions).filter(|it| it.id.attempt > 1).count();
    assert!(waited > 20 && again > 20, "{waited} waits, {again} second attempts");
}

#[test]
fn events_are_in_order_of_time_and_few_tasks_are_open_at_once() {
    let spec = Spec::new(9, 400);
    let (mut last, mut open, mut most) = (Timestamp::default(), BTreeSet::new(), 0);
    let ends: BTreeMap<String, usize> = spec.events().unwrap().fold(BTreeMap::new(), |mut ends, event| {
        *ends.entry(event.task.to_string()).or_default() += 1;
        ends
    });
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for event in spec.events().unwrap() {
        let at = event.occurred_at.unwrap();
        assert!(at >= last, "{} of {} is earlier than the one before", event.id, event.task);
        last = at;
        let task = event.task.to_string();
        let of_task = seen.entry(task.clone()).or_default();
        assert_eq!(event.id.as_str(), of_task.to_string(), "ids count the events of a task");
        *of_task += 1;
        if *of_task == ends[&task] {
            open.remove(&task)
        } else {
            open.insert(task)
        };
        most = most.max(open.len());
    }
    assert!(open.is_empty() && (1..40).contains(&most), "{most} of 400 tasks are open at once");
}

#[test]
fn what_is_planted_is_in_the_history() {
    let spec = Spec { runaways_permille: 30, large_permille: 20, ..Spec::new(3, 1_000) };
    let planted: Vec<Planted> = spec.planted().collect();
    let runaways = planted.iter().filter(|planted| planted.kind == TaskKind::Runaway).count();
    let large = planted.len() - runaways;
    // Four standard deviations of 30 and 20 of 1,000.
    assert!(runaways.abs_diff(30) <= 22 && large.abs_diff(20) <= 18, "{runaways} runaways, {large} large");
    for planted in planted {
        let plan = spec.plans().find(|plan| task_name(plan.number) == planted.task).unwrap();
        assert_eq!(planted.cost, cost_of(planted.tokens));
        let usual: f64 = spec
            .phases
            .iter()
            .map(|truth| {
                let tiers = (Some(plan.complexity), Some(plan.importance));
                spec.true_percentile(&truth.phase, Quantity::Tokens, tiers, 50).unwrap()
            })
            .sum();
        match planted.kind {
            TaskKind::Runaway => {
                assert!(planted.tokens as f64 > 4.0 * usual, "{planted:?}");
                let phase = plan.phases.iter().find(|phase| Some(&phase.phase) == planted.phase.as_ref());
                assert_eq!(phase.unwrap().wasted_tokens, planted.tokens);
            }
            TaskKind::Large => assert_eq!(planted.tokens, plan.tokens()),
            TaskKind::Ordinary | TaskKind::Failed => panic!("{planted:?}"),
        }
    }
}

/// The share of tasks below each true percentile, over all phases.
#[test]
fn true_percentiles_are_those_of_what_is_generated() {
    let spec = Spec { large_permille: 50, ..Spec::new(11, 3_000) };
    for (quantity, of) in [
        (Quantity::Tokens, (|sample: &Sample| sample.tokens) as fn(&Sample) -> u64),
        (Quantity::LatencyMs, |sample| sample.latency_ms.unwrap()),
    ] {
        for percent in [50, 75, 95, 99] {
            let truths: BTreeMap<_, f64> = spec
                .phases
                .iter()
                .map(|truth| {
                    let found = spec.true_percentile(&truth.phase, quantity, (None, None), percent);
                    (truth.phase.clone(), found.unwrap())
                })
                .collect();
            let (mut below, mut all) = (0_u64, 0_u64);
            for sample in spec.samples().filter(|sample| sample.outcome.is_good()) {
                all += 1;
                below += u64::from((of(&sample) as f64) <= truths[sample.phase.as_ref().unwrap()]);
            }
            let share = below * 1000 / all;
            assert!(
                share.abs_diff(percent * 10) <= 15,
                "{quantity:?}: {share} permille are below p{percent}"
            );
        }
    }
}
