//! What is decided about money.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_domain::budget::decide::{BudgetChange, LimitRaise};
use tollgate_domain::budget::{Amount, BudgetState, Figures, Judgement, Policy, decide, judge};
use tollgate_domain::event::{AllocationRequest, BudgetEvent, PolicyFigures, Ruling};
use tollgate_domain::ids::EventId;
use tollgate_domain::pool::{Demand, PoolRules, Refused, Settling};
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

use crate::problem::{Answer, STALE};

/// How long a request waits for figures that cover the log's end if it says nothing, and the longest that the queue of
/// a tenant waits for any.
pub(super) const WAIT: Duration = Duration::from_secs(2);

/// How long a view that did not answer is asked again, and one that an asker does not wait for.
pub(super) const BRIEFLY: Duration = Duration::from_millis(250);

/// What the id of the event that releases an allocation begins with; its name follows.
pub(super) const RELEASE: &str = "release";

/// What someone asks to be decided, under the id of the event that it becomes.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) id: EventId,
    pub(super) what: What,
    /// Whether its sender says what it will cost: then a retry has to say the same.
    pub(super) usd_given: bool,
    /// Whether its sender says from when on: then a retry has to say the same.
    pub(super) from_given: bool,
    /// How long what is allocated is reserved, in milliseconds from the decision on, if its sender says so: then a
    /// retry has to say the same.
    pub(super) ttl_given: Option<i64>,
    /// How long it waits for figures that cover the log's end.
    pub(super) wait: Duration,
}

impl Command {
    pub(super) const fn new(id: EventId, what: What) -> Self {
        Self { id, what, usd_given: false, from_given: false, ttl_given: None, wait: WAIT }
    }
}

/// How long these wait for the view: the one that waits longest.
pub(super) fn longest(commands: &[Command]) -> Duration {
    commands.iter().map(|command| command.wait.min(WAIT)).max().unwrap_or_default()
}

/// What is to be decided.
#[derive(Clone, Debug)]
pub(super) enum What {
    Budget(BudgetChange),
    Policy {
        policy: Box<Policy>,
        if_version: Option<u32>,
        author: Option<String>,
        reason: Option<String>,
    },
    Raise(LimitRaise),
    Withdraw {
        policy: String,
        raise: String,
        author: String,
        reason: String,
    },
    Allocate(Box<AllocationRequest>),
    Extend {
        allocation: String,
        by: Amount,
        ttl_ms: Option<i64>,
        priced: bool,
    },
    Release {
        allocation: String,
        author: Option<String>,
    },
    Expire {
        allocation: String,
    },
    /// A task that the gate would block draws from the pool of its tenant.
    Draw {
        demand: Demand,
        rules: Box<PoolRules>,
    },
    /// A closed task gives what it left, and gives back what it drew.
    Give {
        closed: Settling,
        rules: Box<PoolRules>,
    },
    /// Only asked: nothing is recorded.
    Check(Box<AllocationRequest>),
    /// The same for each of several.
    Route(Vec<AllocationRequest>),
    /// By which policies a task gets nothing more, for each of several.
    Exhausted {
        task: String,
        requests: Vec<AllocationRequest>,
    },
}

/// What became of a command.
#[derive(Clone, Debug)]
pub(super) enum Done {
    /// It is in the log.
    Recorded(Box<Recorded>),
    /// A policy says that already; nothing is recorded.
    Unchanged,
    /// An extension does not fit; nothing is recorded.
    DoesNotFit { by: Amount, judgement: Judgement },
    /// A task had drawn so many tokens already; nothing is recorded.
    Drawn(u64),
    /// A draw was refused; nothing is recorded.
    NotDrawn(Refused),
    /// What was said to a check.
    Judged(Judged),
    /// What was said to each of several.
    Routed { judgements: Vec<Judgement>, as_of: String },
    /// By name, the policies by which a task gets nothing more, with what each says.
    Exhausted(BTreeMap<String, String>),
}

/// What was said to a check.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) judgement: Judgement,
    /// The model that would be given instead.
    pub(super) instead: Option<String>,
    pub(super) as_of: String,
}

impl Judged {
    /// What would be said to a request. Nothing is reserved.
    pub(super) fn of(
        state: &BudgetState,
        request: &AllocationRequest,
        others: &[AllocationRequest],
        figures: &Figures,
        at: Timestamp,
    ) -> Self {
        let judgement = judge(state, request, request.amount, figures, at);
        let as_of = figures.as_of.clone();
        let instead = match decide::allocate(state, request.clone(), others, figures, at) {
            Ok(BudgetEvent::Allocated(made)) if made.instead_of.is_some() => made.request.model,
            Ok(_) | Err(_) => None,
        };
        Self { judgement, instead, as_of }
    }
}

/// A decision in the log.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) event: BudgetEvent,
    pub(super) sequence: Sequence,
    /// The position of its record.
    pub(super) position: String,
    /// Whether it was there before.
    pub(super) repeated: bool,
    /// When it was decided, as the command sees it.
    pub(super) at: Timestamp,
    /// How much was allocated, with extensions, of an allocation that this released.
    pub(super) closed: Option<Amount>,
}

impl What {
    /// Whether it is only asked, and nothing is recorded.
    pub(super) const fn is_question(&self) -> bool {
        matches!(self, Self::Check(_) | Self::Route(_) | Self::Exhausted { .. })
    }

    /// Whether what was spent decides about it.
    pub(super) const fn needs_figures(&self) -> bool {
        match self {
            Self::Allocate(_) | Self::Check(_) | Self::Route(_) | Self::Exhausted { .. } => true,
            // One that only lasts longer is not judged.
            Self::Extend { by, .. } => by.tokens != 0 || by.usd.units() != 0,
            Self::Budget(_)
            | Self::Policy { .. }
            | Self::Raise(_)
            | Self::Withdraw { .. }
            | Self::Release { .. }
            | Self::Expire { .. }
            | Self::Draw { .. }
            | Self::Give { .. } => false,
        }
    }

    /// Whether the sums that were read before it will not do after it: what is used of a released allocation meanwhile
    /// is in none of them, and a policy that rules from now on needs sums of its own.
    pub(super) const fn outdates_figures(&self) -> bool {
        matches!(self, Self::Release { .. } | Self::Policy { .. } | Self::Budget(_))
    }

    /// Checks that none refused because the figures are behind. That is no decision: the same may be allowed in a
    /// moment.
    pub(super) fn is_known(&self, policies: &[PolicyFigures]) -> Answer<()> {
        let behind = policies.iter().find(|policy| policy.ruling == Ruling::Stale);
        let Some(PolicyFigures { policy, .. }) = behind else { return Ok(()) };
        let what = self.in_words();
        Err(STALE.with(format!(
            "{what}: what was spent is not known up to the log's end, and policy `{policy}` says to wait; ask again"
        )))
    }

    /// What is asked for, in words.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Budget(change) => format!("setting budget `{}`", change.budget),
            Self::Policy { policy, .. } => format!("setting policy `{}`", policy.id),
            Self::Raise(raised) => format!("raising the limit of policy `{}`", raised.policy),
            Self::Withdraw { policy, raise, .. } => {
                format!("withdrawing raise `{raise}` of policy `{policy}`")
            }
            Self::Allocate(request) => format!("allocating `{}`", request.allocation),
            Self::Extend { allocation, .. } => format!("extending allocation `{allocation}`"),
            Self::Release { allocation, .. } => format!("releasing allocation `{allocation}`"),
            Self::Expire { allocation } => format!("recording that allocation `{allocation}` has expired"),
            Self::Draw { demand, .. } => format!("drawing from the pool for task `{}`", demand.task),
            Self::Give { closed, .. } => format!("giving to the pool what task `{}` left", closed.task),
            Self::Check(_) => "checking a request".to_owned(),
            Self::Route(_) => "looking for a model".to_owned(),
            Self::Exhausted { task, .. } => {
                format!("looking for policies that are used up for task `{task}`")
            }
        }
    }
}
