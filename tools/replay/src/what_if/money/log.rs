//! What a partition keeps of its history for policies: what was used, and what was decided about allocations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{Amount, Dimension, Dimensions, Spent};
use tollgate_domain::event::{
    AllocationRequest, BudgetEvent, EventBody, PolicyFigures, RecordedEvent, Ruling, UsageEvent,
};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::Phase;
use tollgate_domain::time::Timestamp;
use tollgate_domain::words;
use tollgate_projection::spending::counted;

use super::Policies;

/// What of usage the policies of all candidates can tell apart, and whose it is.
pub(in crate::what_if) struct MoneyRules<'a> {
    tenant: Option<&'a str>,
    phase: bool,
    component: bool,
    model: bool,
    labels: BTreeSet<&'a str>,
}

/// What a partition keeps: 64 bytes for each use, and what is said of each kind of use once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::what_if) struct MoneyLog {
    pub(super) shapes: Interned<Shape>,
    pub(super) allocations: Interned<String>,
    pub(super) uses: Vec<Use>,
    pub(super) decisions: Vec<Decision>,
}

/// Values, each once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de> + Eq + Hash"))]
pub(super) struct Interned<T: Eq + Hash> {
    pub(super) values: Vec<T>,
    places: HashMap<T, u32, FixedState>,
}

/// By what policies tell usage apart, but for its task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Shape {
    phase: Option<Phase>,
    component: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    priced_provider: Option<String>,
    priced_model: Option<String>,
    labels: BTreeMap<String, String>,
}

/// What one event adds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Use {
    /// When it counts.
    pub(super) at: Timestamp,
    tokens: i128,
    usd: Usd,
    /// The place of its task in the partition.
    pub(super) task: u32,
    /// Among [`MoneyLog::shapes`].
    pub(super) shape: u32,
    /// Among [`MoneyLog::allocations`]: what it uses.
    pub(super) allocation: Option<u32>,
    /// What few uses have.
    rest: Option<Box<Rest>>,
}

/// What else is known of a use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    /// What it adds beside tokens and money.
    other: Spent,
    /// What it adds to what had no price at the time of the use that it corrects.
    earlier: Spent,
    correction: Option<Correction>,
}

/// What corrects an earlier use, or its price: nobody asks before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Correction {
    /// When that was; `None`: it was not found.
    pub(super) used_at: Option<Timestamp>,
}

/// What was decided about an allocation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) at: Timestamp,
    pub(super) what: Decided,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Decided {
    /// It was asked for, and this is what the ledger said.
    Asked(Box<AllocationRequest>, Said),
    Extended {
        allocation: String,
        by: Amount,
        expires_at: Timestamp,
        said: Said,
    },
    /// It was released, or its time was over.
    Closed(String),
}

words!(
    /// What is said to a request.
    Said {
        /// It may go on.
        Allowed = "allowed",
        /// It may go on, and a threshold or a limit that only warns was reached.
        Warned = "warned",
        /// It may not.
        Refused = "refused",
        /// It is not made: its task was stopped before.
        Stopped = "stopped",
    }
);

impl Said {
    /// What policies say together.
    pub(super) fn of(policies: &[PolicyFigures]) -> Self {
        policies.iter().map(|figures| Self::of_one(figures.ruling)).max().unwrap_or(Self::Allowed)
    }

    const fn of_one(ruling: Ruling) -> Self {
        match ruling {
            Ruling::Fits | Ruling::Ignored => Self::Allowed,
            Ruling::Warns
            | Ruling::Over
            | Ruling::OverSoft
            | Ruling::Passed
            | Ruling::Throttled
            | Ruling::StaleAllowed => Self::Warned,
            Ruling::Refused | Ruling::Unpriced | Ruling::Unnamed | Ruling::Stale => Self::Refused,
        }
    }
}

impl Decision {
    /// What was asked for, if it made an allocation.
    pub(super) fn made(&self) -> Option<&AllocationRequest> {
        match &self.what {
            Decided::Asked(request, said) => (*said != Said::Refused).then_some(request),
            Decided::Extended { .. } | Decided::Closed(_) => None,
        }
    }
}

impl<'a> MoneyRules<'a> {
    pub(in crate::what_if) fn new(candidates: &'a [Policies]) -> Self {
        let tenant = candidates.first().map(|first| first.tenant.as_str());
        let mut rules =
            Self { tenant, phase: false, component: false, model: false, labels: BTreeSet::new() };
        for policy in candidates.iter().flat_map(|candidate| &candidate.policies) {
            policy.scope.iter().for_each(|(dimension, _)| rules.needs(dimension));
            if policy.window.dimension() == Some(Dimension::Session) {
                rules.labels.insert("session");
            }
        }
        rules
    }

    fn needs(&mut self, dimension: &'a Dimension) {
        let label = match dimension {
            Dimension::Phase => return self.phase = true,
            Dimension::Component => return self.component = true,
            Dimension::Tier | Dimension::Provider | Dimension::Model => return self.model = true,
            Dimension::Task => return,
            Dimension::Team => "team",
            Dimension::User => "user",
            Dimension::TaskType => "task_type",
            Dimension::Session => "session",
            Dimension::Label(key) => key,
        };
        self.labels.insert(label);
    }

    fn shape(&self, usage: &Dimensions<'_>) -> Shape {
        let owned = |is_needed: bool, value: Option<&str>| value.filter(|_| is_needed).map(str::to_owned);
        let labels = self.labels.iter().filter_map(|key| usage.labels.get_key_value(*key));
        Shape {
            phase: usage.phase.filter(|_| self.phase).and_then(|phase| phase.parse().ok()),
            component: owned(self.component, usage.component),
            provider: owned(self.model, usage.provider),
            model: owned(self.model, usage.model),
            priced_provider: owned(self.model, usage.also.provider),
            priced_model: owned(self.model, usage.also.model),
            labels: labels.map(|(key, value)| (key.clone(), value.clone())).collect(),
        }
    }
}

impl Shape {
    /// What a use of it would ask for before it is made.
    pub(super) fn request(&self, task: &str, amount: Amount) -> AllocationRequest {
        AllocationRequest {
            task: Some(task.to_owned()),
            phase: self.phase.clone(),
            component: self.component.clone(),
            provider: self.provider.clone(),
            model: self.model.clone(),
            priced_provider: self.priced_provider.clone(),
            priced_model: self.priced_model.clone(),
            labels: self.labels.clone(),
            priority: NORMAL_PRIORITY,
            amount,
            is_priced: true,
            ..AllocationRequest::default()
        }
    }
}

/// What a use without an allocation has for a priority.
const NORMAL_PRIORITY: u8 = 5;

impl MoneyLog {
    /// Keeps what an event of a task used. `task`: its place in the partition.
    pub(in crate::what_if) fn take(&mut self, event: &RecordedEvent<'_>, task: u32, rules: &MoneyRules<'_>) {
        if rules.tenant != Some(event.tenant) {
            return;
        }
        let Some(usage) = counted(event) else { return };
        let spent = usage.sums.spent;
        let rest = Rest {
            earlier: usage.earlier.map(|(_, sums)| sums.spent).unwrap_or_default(),
            correction: correction(event.body),
            other: Spent { events: 0, tokens: 0, usd: Usd::ZERO, ..spent.clone() },
        };
        self.uses.push(Use {
            at: usage.at,
            tokens: spent.tokens,
            usd: spent.usd,
            task,
            shape: self.shapes.place(rules.shape(&usage.dimensions)),
            allocation: usage.allocation.map(|name| self.allocations.place(name.to_owned())),
            rest: (rest != Rest::default()).then(|| Box::new(rest)),
        });
    }

    /// Keeps what was decided about an allocation.
    pub(in crate::what_if) fn decide(&mut self, tenant: &str, decided: &BudgetEvent, rules: &MoneyRules<'_>) {
        if rules.tenant != Some(tenant) {
            return;
        }
        let (at, what) = match decided {
            BudgetEvent::Allocated(made) => {
                (made.decided_at, Decided::Asked(Box::new(made.request.clone()), Said::of(&made.policies)))
            }
            BudgetEvent::AllocationRefused(refused) => {
                (refused.decided_at, Decided::Asked(Box::new(refused.request.clone()), Said::Refused))
            }
            BudgetEvent::AllocationExtended(extended) => {
                let (allocation, by) = (extended.allocation.clone(), extended.by);
                let (expires_at, said) = (extended.expires_at, Said::of(&extended.policies));
                (extended.decided_at, Decided::Extended { allocation, by, expires_at, said })
            }
            BudgetEvent::AllocationReleased(released) => {
                (released.decided_at, Decided::Closed(released.allocation.clone()))
            }
            BudgetEvent::AllocationExpired(expired) => {
                (expired.expired_at, Decided::Closed(expired.allocation.clone()))
            }
            BudgetEvent::BudgetSet(_)
            | BudgetEvent::PolicySet(_)
            | BudgetEvent::LimitRaised(_)
            | BudgetEvent::PoolGiven(_)
            | BudgetEvent::PoolDrawn(_) => return,
        };
        self.decisions.push(Decision { at, what });
    }
}

/// `None`: it is no correction.
fn correction(body: &EventBody) -> Option<Correction> {
    match body {
        EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) => {
            Some(Correction { used_at: adjusted.used_at() })
        }
        EventBody::Usage(UsageEvent::UsageRepriced(repriced)) => {
            Some(Correction { used_at: Some(repriced.used_at) })
        }
        EventBody::Usage(
            UsageEvent::UsageRecorded(_)
            | UsageEvent::WaitRecorded(_)
            | UsageEvent::SignalRecorded(_)
            | UsageEvent::PhaseExplained(_),
        )
        | EventBody::Task(_)
        | EventBody::Gate(_)
        | EventBody::Ledger(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Price(_)
        | EventBody::Budget(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => None,
    }
}

impl Use {
    /// Tokens and money.
    pub(super) const fn amount(&self) -> Amount {
        Amount { tokens: self.tokens, usd: self.usd }
    }

    /// What it adds to a window.
    pub(super) fn spent(&self) -> Spent {
        let other = self.rest.as_ref().map(|rest| rest.other.clone()).unwrap_or_default();
        Spent { events: u64::from(self.correction().is_none()), tokens: self.tokens, usd: self.usd, ..other }
    }

    /// What it adds to what its task used: with what it adds to an earlier time.
    pub(super) fn spent_by_task(&self) -> Spent {
        let mut spent = self.spent();
        if let Some(rest) = &self.rest {
            spent.add(&rest.earlier);
        }
        spent
    }

    /// `None`: it is a use of its own.
    pub(super) fn correction(&self) -> Option<Correction> {
        self.rest.as_ref()?.correction
    }
}

impl<T: Eq + Hash> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), places: HashMap::default() }
    }
}

impl<T: Clone + Eq + Hash> Interned<T> {
    fn place(&mut self, value: T) -> u32 {
        if let Some(place) = self.places.get(&value) {
            return *place;
        }
        // More than four thousand million different ones do not fit the memory for them.
        let place = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.clone());
        self.places.insert(value, place);
        place
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.values.get(place as usize)
    }
}
