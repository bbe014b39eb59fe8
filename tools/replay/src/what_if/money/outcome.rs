//! All candidates of policies over one history, with what became of the tasks.

use std::collections::BTreeMap;

use tollgate_domain::event::Mark;
use tollgate_domain::position::PartitionId;
use tollgate_projection::fold::read_task_key;

use super::Policies;
use super::log::{Decided, MoneyLog, Said};
use super::ordered::{Names, Ordered, Step, TaskAt};
use super::simulated::{Block, Simulated, TaskMoney, simulate};
use super::sums::MoneySums;
use super::windows::policy_results;
use crate::what_if::figures::{amounts, count, shown};
use crate::what_if::result::{
    DifferingMoney, LiveMoney, MoneyOutcome, MoneyResult, PolicyResult, RefusedRequest,
};
use crate::what_if::settled::Settled;

/// What is known of policies over history, until all tasks are added.
pub(in crate::what_if) struct Money {
    live: LiveMoney,
    /// What the ledger said to the requests of a task, at worst.
    live_tasks: BTreeMap<TaskAt, Said>,
    candidates: Vec<Candidate>,
    differing: Vec<DifferingMoney>,
}

struct Candidate {
    name: String,
    simulated: Simulated,
    policies: Vec<PolicyResult>,
    sums: MoneySums,
}

impl Money {
    /// Runs what partitions kept through all candidates; `None`: there are none.
    pub(in crate::what_if) fn of(
        given: &[Policies],
        logs: &[(PartitionId, MoneyLog)],
        names: &Names,
    ) -> Option<Self> {
        let tenant = &given.first()?.tenant;
        let ordered = Ordered::new(logs, names, tenant);
        let (live, live_tasks) = live(&ordered);
        let candidates = given.iter().map(|policies| {
            let simulated = simulate(&ordered, policies);
            let results = policy_results(policies, &ordered, &simulated, names);
            let (name, sums) = (policies.name.clone(), MoneySums::default());
            Candidate { name, simulated, policies: results, sums }
        });
        Some(Self { live, live_tasks, candidates: candidates.collect(), differing: Vec::new() })
    }

    /// Adds a task as it ended.
    pub(in crate::what_if) fn add(&mut self, at: TaskAt, key: &[u8], task: &Settled) {
        for candidate in &mut self.candidates {
            if let Some(money) = candidate.simulated.tasks.get(&at) {
                candidate.sums.add(task, money);
            }
        }
        let live = self.live_tasks.get(&at).copied();
        let under: Vec<Option<&TaskMoney>> =
            self.candidates.iter().map(|candidate| candidate.simulated.tasks.get(&at)).collect();
        if differs(&under, live) {
            let (tenant, name) = read_task_key(key).unwrap_or_default();
            self.differing.push(DifferingMoney {
                tenant: tenant.to_owned(),
                task: name.to_owned(),
                stage: task.stage.as_str(),
                mark: task.mark.map(Mark::as_str),
                used: amounts(&task.used),
                live: live.map(Said::as_str),
                outcomes: under.into_iter().map(outcome).collect(),
            });
        }
    }

    pub(in crate::what_if) fn result(mut self) -> MoneyResult {
        self.differing.sort_by(|one, other| one.task.cmp(&other.task));
        let candidates = self
            .candidates
            .into_iter()
            .map(|candidate| candidate.sums.result(candidate.name, candidate.simulated, candidate.policies));
        MoneyResult { live: self.live, candidates: candidates.collect(), differing: self.differing }
    }
}

/// What the ledger decided, of all requests and of those of each task.
fn live(ordered: &Ordered<'_>) -> (LiveMoney, BTreeMap<TaskAt, Said>) {
    let (mut live, mut tasks) = (LiveMoney::default(), BTreeMap::<TaskAt, Said>::new());
    for step in &ordered.steps {
        let (said, task) = match step {
            Step::Decided(decision) => match &decision.what {
                Decided::Asked(request, said) => (*said, ordered.task(request.task.as_deref())),
                Decided::Extended { said, allocation, .. } => (*said, ordered.holder(allocation)),
                Decided::Closed(_) => continue,
            },
            Step::Used(_) => continue,
        };
        count(&mut live.allowed, said == Said::Allowed);
        count(&mut live.warned, said == Said::Warned);
        count(&mut live.refused, said == Said::Refused);
        if let Some(task) = task {
            let worst = tasks.entry(task).or_insert(said);
            *worst = said.max(*worst);
        }
    }
    live.refused_tasks = tasks.values().filter(|said| **said == Said::Refused).count() as u64;
    (live, tasks)
}

/// What tells outcomes of a task apart: the word, and of a block when it came.
fn word(money: Option<&TaskMoney>) -> &'static str {
    match money {
        None => "not judged",
        Some(TaskMoney { block: Some(_), .. }) => "blocked",
        Some(TaskMoney { refused: Some(_), .. }) => "refused",
        Some(TaskMoney { is_warned: true, .. }) => "warned",
        Some(_) => "within",
    }
}

fn differs(under: &[Option<&TaskMoney>], live: Option<Said>) -> bool {
    let outcome = |money: &Option<&TaskMoney>| (word(*money), money.and_then(refusing).map(|block| block.at));
    match under {
        [] => false,
        // A request that the ledger refused and no policy of the candidate judges is allowed.
        [one] => matches!(outcome(one).0, "blocked" | "refused") != (live == Some(Said::Refused)),
        [first, others @ ..] => others.iter().any(|other| outcome(other) != outcome(first)),
    }
}

fn outcome(money: Option<&TaskMoney>) -> MoneyOutcome {
    MoneyOutcome { outcome: word(money), refused: money.and_then(refusing).map(refused) }
}

/// The request that stopped a task, or else the first that was refused as by the ledger.
fn refusing(money: &TaskMoney) -> Option<&Block> {
    money.block.as_deref().or(money.refused.as_deref())
}

fn refused(block: &Block) -> RefusedRequest {
    let refusal = &block.refusal;
    RefusedRequest {
        at: block.at.to_string(),
        policy: refusal.policy.clone(),
        ruling: refusal.ruling.as_str(),
        limit_tokens: refusal.limit.tokens,
        limit_usd: refusal.limit.usd.map(|usd| usd.to_string()),
        used_tokens: shown(refusal.used.tokens),
        used_usd: refusal.used.usd.to_string(),
        asked_tokens: shown(refusal.asked.tokens),
        asked_usd: refusal.asked.usd.to_string(),
        after: amounts(&block.after),
    }
}
