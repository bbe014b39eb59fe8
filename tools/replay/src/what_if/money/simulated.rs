//! History under the policies of one candidate, request by request, in one order: the rules are those by which a
//! ledger decides, and what a stopped task would not have spent counts for nobody.

use std::collections::{BTreeMap, HashMap};

use tollgate_domain::budget::{Amount, AmountLimit, BudgetState, Figures, Policy, Spent, judge, needed};
use tollgate_domain::event::{
    Allocated, AllocationExtended, AllocationReleased, AllocationRequest, BudgetEvent, PolicyFigures, Ruling,
};
use tollgate_domain::time::Timestamp;

use super::Policies;
use super::log::{Decided, Decision, Said};
use super::ordered::{Ordered, Step, TaskAt, Used};
use super::state_of;
use crate::what_if::result::RequestCounts;
use crate::what_if::settled;

/// What one candidate would have said.
#[derive(Default)]
pub(super) struct Simulated {
    pub(super) requests: RequestCounts,
    /// What the ledger said to a request, and what the candidate says.
    pub(super) pairs: BTreeMap<(Said, Said), u64>,
    /// How many requests each policy refused.
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) tasks: BTreeMap<TaskAt, TaskMoney>,
}

/// A task that asked under a policy.
#[derive(Default)]
pub(super) struct TaskMoney {
    pub(super) is_warned: bool,
    /// The first request that was refused here and by the ledger: the task went on as it did, with nothing after it.
    pub(super) refused: Option<Box<Block>>,
    pub(super) block: Option<Box<Block>>,
}

/// The request at which a task was stopped.
pub(super) struct Block {
    pub(super) at: Timestamp,
    pub(super) refusal: Box<Refusal>,
    /// What the task used from then on.
    pub(super) after: settled::Used,
}

/// What the first policy that refused a request saw.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) policy: String,
    pub(super) ruling: Ruling,
    pub(super) limit: AmountLimit,
    /// Spent and reserved.
    pub(super) used: Amount,
    pub(super) asked: Amount,
}

/// A ledger under the candidate's policies, as far as history has come.
struct Ledger<'a> {
    ordered: &'a Ordered<'a>,
    state: BudgetState,
    /// The same policies without an end: what is spent while one does not rule counts in its window all the same.
    counting: Option<BudgetState>,
    figures: Figures,
    /// Why allocations that the ledger made are not made: nobody uses these.
    refused: HashMap<&'a str, Box<Refusal>>,
    /// The allocations that were made for a task: they end with it.
    held: HashMap<TaskAt, Vec<&'a str>>,
    used: HashMap<&'a str, Amount>,
    simulated: Simulated,
}

/// Runs history through a candidate.
pub(super) fn simulate(ordered: &Ordered<'_>, candidate: &Policies) -> Simulated {
    let alone = candidate.policies.iter().map(|policy| Policy { budget: None, ..policy.clone() });
    let always = |policy: Policy| Policy { from: Timestamp::default(), to: None, enabled: true, ..policy };
    let is_always = |policy: &Policy| always(policy.clone()) == *policy;
    let counting = (!candidate.policies.iter().all(is_always)).then(|| state_of(alone.clone().map(always)));
    let mut ledger = Ledger {
        ordered,
        state: state_of(alone),
        counting,
        figures: Figures::default(),
        refused: HashMap::new(),
        held: HashMap::new(),
        used: HashMap::new(),
        simulated: Simulated::default(),
    };
    for step in &ordered.steps {
        match step {
            Step::Used(used) => ledger.take_use(used),
            Step::Decided(decision) => ledger.take_decision(decision),
        }
    }
    ledger.simulated
}

impl<'a> Ledger<'a> {
    fn take_use(&mut self, used: &Used<'a>) {
        if let Some(correction) = used.what.correction() {
            let block = self.block_of(used.by);
            match block.filter(|block| correction.used_at.is_some_and(|at| at >= block.at)) {
                Some(block) => add(&mut block.after, &used.what.spent_by_task()),
                None => self.count(used),
            }
            return;
        }
        if let Some(block) = self.block_of(used.by).filter(|block| block.at <= used.what.at) {
            add(&mut block.after, &used.what.spent_by_task());
            self.simulated.requests.stopped = self.simulated.requests.stopped.saturating_add(1);
            return;
        }
        if used.allocation.is_some_and(|name| self.covers(name, used.what.at)) {
            let requests = &mut self.simulated.requests;
            requests.covered = requests.covered.saturating_add(1);
            return self.count(used);
        }
        match used.allocation.and_then(|name| self.refused.get(name)).cloned() {
            // It was made before the allocation was refused.
            Some(_) if self.ordered.is_early(used) => self.ask_for(used),
            Some(refusal) => self.stop(Some(used.by), used.what.at, refusal, Some(used)),
            None => self.ask_for(used),
        }
    }

    /// Whether an allocation is made, neither released nor ended with its task, and its time is not over.
    fn covers(&self, allocation: &str, at: Timestamp) -> bool {
        self.state.open(allocation).is_some_and(|open| at < open.expires_at)
    }

    /// A use that no allocation covers is a request for exactly what it used.
    fn ask_for(&mut self, used: &Used<'a>) {
        let request = used.shape.request(used.task, used.what.amount());
        let policies = self.judge(&request, request.amount, used.what.at);
        if policies.is_empty() {
            return self.count(used);
        }
        match self.note(Some(used.by), &policies, request.amount) {
            Ok(()) => {
                self.note_rate(policies, used.what.at);
                self.count(used);
            }
            Err(refusal) => self.stop(Some(used.by), used.what.at, refusal, Some(used)),
        }
    }

    fn take_decision(&mut self, decision: &'a Decision) {
        match &decision.what {
            Decided::Asked(request, said) => self.allocate(request, *said, decision.at),
            Decided::Extended { allocation, by, expires_at, said } => {
                let asked = Extension { allocation, by: *by, expires_at: *expires_at };
                self.extend(&asked, *said, decision.at);
            }
            Decided::Closed(allocation) => self.close(allocation, decision.at),
        }
    }

    /// What an allocation has left is free.
    fn close(&mut self, allocation: &str, at: Timestamp) {
        let (allocation, decided_at) = (allocation.to_owned(), at);
        let released = AllocationReleased { allocation, author: None, decided_at };
        self.state.apply(&BudgetEvent::AllocationReleased(released));
    }

    fn allocate(&mut self, request: &'a AllocationRequest, live: Said, at: Timestamp) {
        let task = self.ordered.task(request.task.as_deref());
        if let Some(block) = task.and_then(|task| self.block_of(task)) {
            let refusal = block.refusal.clone();
            self.refused.insert(&request.allocation, refusal);
            self.simulated.requests.stopped = self.simulated.requests.stopped.saturating_add(1);
            return self.pair(live, Said::Stopped);
        }
        let policies = self.judge(request, request.amount, at);
        if !policies.is_empty() {
            self.pair(live, Said::of(&policies));
        }
        match self.note(task, &policies, request.amount) {
            // What it would have used is not known: it reserves nothing, and its task's uses ask for themselves.
            Ok(()) if live == Said::Refused => {}
            // One that no policy judges is reserved as well: another may begin to rule.
            Ok(()) => {
                if let Some(task) = task {
                    self.held.entry(task).or_default().push(&request.allocation);
                }
                let (request, as_of) = (request.clone(), String::new());
                let made = Allocated { request, instead_of: None, policies, decided_at: at, as_of };
                self.state.apply(&BudgetEvent::Allocated(Box::new(made)));
            }
            Err(refusal) if live == Said::Refused => self.refuse_too(task, at, refusal),
            Err(refusal) => {
                self.refused.insert(&request.allocation, refusal.clone());
                self.stop(task, at, refusal, None);
            }
        }
    }

    fn extend(&mut self, asked: &Extension<'_>, live: Said, at: Timestamp) {
        let task = self.ordered.holder(asked.allocation);
        // One that only lasts longer is given whatever policies say, as in the ledger: nobody is asked.
        let is_asked = asked.by != Amount::NOTHING;
        if task.is_some_and(|task| self.block_of(task).is_some()) {
            if is_asked {
                self.simulated.requests.stopped = self.simulated.requests.stopped.saturating_add(1);
                self.pair(live, Said::Stopped);
            }
            return;
        }
        let Some(open) = self.state.open(asked.allocation) else { return };
        let amount = open.amount.plus(asked.by);
        let request = AllocationRequest { amount, expires_at: asked.expires_at, ..open.request.clone() };
        let policies = if is_asked { self.judge(&request, asked.by, at) } else { Vec::new() };
        if !policies.is_empty() {
            self.pair(live, Said::of(&policies));
        }
        match self.note(task, &policies, asked.by) {
            Ok(()) => {
                let (allocation, by) = (asked.allocation.to_owned(), asked.by);
                let expires_at = asked.expires_at;
                let extended = AllocationExtended { allocation, by, expires_at, policies, decided_at: at };
                self.state.apply(&BudgetEvent::AllocationExtended(Box::new(extended)));
            }
            Err(refusal) if live == Said::Refused => self.refuse_too(task, at, refusal),
            Err(refusal) => self.stop(task, at, refusal, None),
        }
    }

    fn judge(&mut self, request: &AllocationRequest, more: Amount, at: Timestamp) -> Vec<PolicyFigures> {
        for sum in needed(&self.state, request, at) {
            self.figures.spent.entry(sum).or_default();
        }
        judge(&self.state, request, more, &self.figures, at).policies
    }

    /// Counts what policies said to a request.
    fn note(
        &mut self,
        task: Option<TaskAt>,
        policies: &[PolicyFigures],
        asked: Amount,
    ) -> Result<(), Box<Refusal>> {
        if policies.is_empty() {
            return Ok(());
        }
        let said = Said::of(policies);
        let requests = &mut self.simulated.requests;
        requests.judged = requests.judged.saturating_add(1);
        let counted = match said {
            Said::Allowed => &mut requests.allowed,
            Said::Warned => &mut requests.warned,
            Said::Refused | Said::Stopped => &mut requests.refused,
        };
        *counted = counted.saturating_add(1);
        if let Some(task) = task {
            self.simulated.tasks.entry(task).or_default().is_warned |= said == Said::Warned;
        }
        let mut refusing = policies.iter().filter(|figures| figures.ruling.refuses()).peekable();
        let refusal = refusing.peek().map(|first| {
            Box::new(Refusal {
                policy: first.policy.clone(),
                ruling: first.ruling,
                limit: first.limit,
                used: first.booked.plus(first.reserved),
                asked,
            })
        });
        for figures in refusing {
            let count = self.simulated.refused.entry(figures.policy.clone()).or_default();
            *count = count.saturating_add(1);
        }
        refusal.map_or(Ok(()), Err)
    }

    /// Notes the rates that a use passed by: what an allocation notes when it is made.
    fn note_rate(&mut self, policies: Vec<PolicyFigures>, at: Timestamp) {
        if policies.iter().any(|figures| figures.ruling == Ruling::Throttled) {
            let (allocation, by, expires_at) = (String::new(), Amount::NOTHING, at);
            let extended = AllocationExtended { allocation, by, expires_at, policies, decided_at: at };
            self.state.apply(&BudgetEvent::AllocationExtended(Box::new(extended)));
        }
    }

    /// What followed when the ledger refused the same is what history has: the task goes on as it did.
    fn refuse_too(&mut self, task: Option<TaskAt>, at: Timestamp, refusal: Box<Refusal>) {
        let Some(task) = task else { return };
        let task = self.simulated.tasks.entry(task).or_default();
        task.refused.get_or_insert_with(|| Box::new(Block { at, refusal, after: settled::Used::default() }));
    }

    /// A task whose request is refused is taken to stop, and its allocations end. `used`: what it would have used.
    fn stop(&mut self, task: Option<TaskAt>, at: Timestamp, refusal: Box<Refusal>, used: Option<&Used<'a>>) {
        let Some(task) = task else { return };
        for allocation in self.held.remove(&task).into_iter().flatten() {
            self.close(allocation, at);
        }
        let block = Block { at, refusal, after: settled::Used::default() };
        let task = self.simulated.tasks.entry(task).or_default();
        let block = task.block.get_or_insert_with(|| Box::new(block));
        if let Some(used) = used {
            add(&mut block.after, &used.what.spent_by_task());
        }
    }

    /// Counts what was used, in every window that it belongs to, and of its allocation.
    fn count(&mut self, used: &Used<'a>) {
        let request = used.shape.request(used.task, Amount::NOTHING);
        let state = self.counting.as_ref().unwrap_or(&self.state);
        let at = used.what.at;
        let counts = needed(state, &request, at);
        let spent = used.what.spent();
        for sum in counts.into_iter().filter(|sum| sum.span.is_none_or(|span| span.contains(at))) {
            self.figures.spent.entry(sum).or_default().0.add(&spent);
        }
        if let Some(name) = used.allocation.filter(|name| self.state.open(name).is_some()) {
            let sum = self.used.entry(name).or_default();
            *sum = sum.plus(used.what.amount());
            self.state.note_used([(name, *sum)]);
        }
    }

    fn pair(&mut self, live: Said, candidate: Said) {
        let times = self.simulated.pairs.entry((live, candidate)).or_default();
        *times = times.saturating_add(1);
    }

    fn block_of(&mut self, task: TaskAt) -> Option<&mut Block> {
        self.simulated.tasks.get_mut(&task)?.block.as_deref_mut()
    }
}

/// What is asked of an allocation that is open.
struct Extension<'a> {
    allocation: &'a str,
    by: Amount,
    expires_at: Timestamp,
}

fn add(sum: &mut settled::Used, spent: &Spent) {
    sum.merge(&settled::Used {
        tokens: spent.tokens,
        cost: spent.usd,
        unpriced_tokens: spent.unpriced_tokens(),
        unpriced_units: spent.all_unpriced_units(),
    });
}
