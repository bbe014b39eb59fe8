//! Uses and decisions of all partitions in one order.

use std::collections::HashMap;

use tollgate_domain::event::AllocationRequest;
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::PartitionId;
use tollgate_domain::time::Timestamp;
use tollgate_projection::fold::read_task_key;

use super::log::{Decided, Decision, MoneyLog, Shape, Use};

/// A task by its partition and its place there.
pub(in crate::what_if) type TaskAt = (u8, u32);

/// The keys of tasks.
pub(in crate::what_if) type Names = HashMap<TaskAt, Box<[u8]>>;

/// What happened, by the time at which it counts.
///
/// Of the same moment an allocation is made before it is used, and used before it is closed; otherwise it is the order
/// of partitions, and in each that of its log: neither threads nor records show in it. A use that is dated before its
/// allocation comes after it: the ledger knew the allocation when the use was recorded, or would have noted that it
/// uses none.
pub(super) struct Ordered<'a> {
    pub(super) steps: Vec<Step<'a>>,
    /// The tasks of the tenant by name: an allocation says for which one it is.
    tasks: HashMap<&'a str, TaskAt>,
    /// The allocations that the ledger made: when, and what was asked for.
    made: HashMap<&'a str, (Timestamp, &'a AllocationRequest)>,
}

/// One of these.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Used(Used<'a>),
    Decided(&'a Decision),
}

/// A use, with what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Used<'a> {
    pub(super) what: &'a Use,
    pub(super) by: TaskAt,
    pub(super) task: &'a str,
    pub(super) shape: &'a Shape,
    pub(super) allocation: Option<&'a str>,
}

impl<'a> Ordered<'a> {
    pub(super) fn new(logs: &'a [(PartitionId, MoneyLog)], names: &'a Names, tenant: &TenantId) -> Self {
        let mut steps: Vec<(Timestamp, u8, Step<'a>)> = Vec::new();
        let made: HashMap<&'a str, (Timestamp, &'a AllocationRequest)> = logs
            .iter()
            .flat_map(|(_, log)| &log.decisions)
            .filter_map(|decision| {
                let request = decision.made()?;
                Some((request.allocation.as_str(), (decision.at, request)))
            })
            .collect();
        for (partition, log) in logs {
            let used = log.uses.iter().filter_map(|what| {
                let by = (partition.number(), what.task);
                let (_, task) = read_task_key(names.get(&by)?)?;
                let shape = log.shapes.get(what.shape)?;
                let allocation = what.allocation.and_then(|place| log.allocations.get(place));
                let used = Used { what, by, task, shape, allocation: allocation.map(String::as_str) };
                let from = used.allocation.and_then(|name| made.get(name)).map(|(made, _)| *made);
                Some((from.map_or(what.at, |from| from.max(what.at)), 1, Step::Used(used)))
            });
            steps.extend(used);
            let decided = log.decisions.iter().map(|decision| {
                let rank = match decision.what {
                    Decided::Asked(..) | Decided::Extended { .. } => 0,
                    Decided::Closed(_) => 2,
                };
                (decision.at, rank, Step::Decided(decision))
            });
            steps.extend(decided);
        }
        // Stable: what is equal stays in the order of partitions and of their logs.
        steps.sort_by_key(|(at, rank, _)| (*at, *rank));
        let tasks = names.iter().filter_map(|(at, key)| {
            let (owner, task) = read_task_key(key)?;
            (owner == tenant.as_str()).then_some((task, *at))
        });
        Self { steps: steps.into_iter().map(|(_, _, step)| step).collect(), tasks: tasks.collect(), made }
    }

    /// Whether a use is dated before its allocation was made.
    pub(super) fn is_early(&self, used: &Used<'_>) -> bool {
        let made = used.allocation.and_then(|name| self.made.get(name));
        made.is_some_and(|(made, _)| used.what.at < *made)
    }

    /// The task that an allocation is for, if it says so and the history has it.
    pub(super) fn holder(&self, allocation: &str) -> Option<TaskAt> {
        self.task(self.made.get(allocation)?.1.task.as_deref())
    }

    /// The task of a request, if the history has it.
    pub(super) fn task(&self, name: Option<&str>) -> Option<TaskAt> {
        self.tasks.get(name?).copied()
    }
}
