//! From a command about money to the event that it causes, or the rule that refuses it.

mod set;

use super::amount::{MOST_LIMIT_TOKENS, MOST_USD};
use super::policy::MAX_NAME_BYTES;
use super::{Amount, BudgetRejection, BudgetState, Figures, InvalidPolicy, OpenAllocation, Policy, judge};
use crate::event::{
    Allocated, AllocationExpired, AllocationExtended, AllocationRefused, AllocationReleased,
    AllocationRequest, BudgetEvent, LimitRaised, PolicySet,
};
use crate::money::Usd;
use crate::time::Timestamp;

pub use set::{BudgetChange, set_budget};

/// How long something may be reserved: 366 days.
const LONGEST_MS: i64 = 366 * 24 * 60 * 60 * 1000;

/// The most tokens of one request: as many as a thousand of the largest usage events hold.
const MOST_TOKENS: i128 = 1_000_000_000_000_000;

type Decision = Result<BudgetEvent, BudgetRejection>;

/// What somebody adds to a limit for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRaise {
    /// Its name, unique in the policy; empty: its number among the policy's raises.
    pub raise: String,
    /// Of which policy.
    pub policy: String,
    /// By how much.
    pub by: Amount,
    /// From when on; `None`: from the decision on.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Timestamp,
    /// Who allows it.
    pub author: String,
    /// The reason.
    pub reason: String,
}

/// Makes a policy, or the next version of one. With `if_version`, only if that is the latest one; 0: if there is
/// none.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn set_policy(
    state: &BudgetState,
    policy: Policy,
    if_version: Option<u32>,
    author: Option<String>,
    reason: Option<String>,
) -> Decision {
    name("policy", &policy.id)?;
    policy.check().map_err(|because| BudgetRejection::Policy { policy: policy.id.clone(), because })?;
    if let Some(budget) = policy.budget.as_ref().filter(|budget| state.budget(budget).is_none()) {
        return Err(BudgetRejection::UnknownBudget(budget.clone()));
    }
    let versions = state.policy(&policy.id).map_or(0, |history| history.versions.len());
    let current = u32::try_from(versions).unwrap_or(u32::MAX);
    if let Some(asked) = if_version.filter(|asked| *asked != current) {
        return Err(BudgetRejection::VersionMismatch { policy: policy.id, asked, current });
    }
    Ok(PolicySet { version: current.saturating_add(1), policy, author, reason }.into())
}

/// Checks that a version of a policy changes nothing of the past: what was decided under an earlier version stays as it
/// was, and so does how windows that are over stood. The first version may begin in the past: nothing ruled then, and
/// its author says since when it holds.
///
/// # Errors
///
/// It is a further one, and begins before now.
pub fn changes_no_past(state: &BudgetState, policy: &Policy, now: Timestamp) -> Result<(), BudgetRejection> {
    let (from, is_first) = (policy.from, state.policy(&policy.id).is_none());
    if is_first || from >= now {
        return Ok(());
    }
    let because = InvalidPolicy::BeginsInThePast { from, now };
    Err(BudgetRejection::Policy { policy: policy.id.clone(), because })
}

/// Raises the limit of a policy for a time to come: what was decided under the limit of an earlier time stays as it
/// was, and so does how windows that are over stood.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn raise_limit(state: &BudgetState, raise: LimitRaise, at: Timestamp) -> Decision {
    let LimitRaise { raise, policy, by, from, until, author, reason } = raise;
    let (from, withdraws) = (from.unwrap_or(at), None);
    let raised = LimitRaised { raise, withdraws, policy, by, from, until, author, reason };
    let Some(history) = state.policy(&raised.policy) else {
        return Err(BudgetRejection::UnknownPolicy(raised.policy));
    };
    let wrong = |because| Err(BudgetRejection::Raise { policy: raised.policy.clone(), because });
    if raised.by.tokens < 0 || raised.by.usd < Usd::ZERO {
        return wrong("must raise it: tokens and usd must not be negative");
    }
    if raised.by.tokens > i128::from(MOST_LIMIT_TOKENS) || raised.by.usd > MOST_USD {
        return wrong(
            "must raise it by at most 10^18 tokens and 10^15 USD: a policy that limits nothing is none",
        );
    }
    if raised.by == Amount::NOTHING {
        return wrong("must say by how much: give `tokens`, `usd` or both");
    }
    if raised.until <= raised.from {
        return wrong("must end after it begins");
    }
    if raised.until <= at {
        return wrong("must end in the time to come: nothing is decided any more before `until`");
    }
    if raised.from < at {
        return wrong(
            "must not begin in the past: what was decided under the limit of then stays; leave `from` out to raise it from now on",
        );
    }
    let limits = |of: fn(&Policy) -> bool| history.between(raised.from, raised.until).any(of);
    if raised.by.tokens > 0 && !limits(|policy| policy.limit.tokens.is_some()) {
        return wrong(
            "limits no tokens in that time: leave `tokens` out, or set a version with `limit_tokens` first",
        );
    }
    if raised.by.usd > Usd::ZERO && !limits(|policy| policy.limit.usd.is_some()) {
        return wrong(
            "limits no money in that time: leave `usd` out, or set a version with `limit_usd` first",
        );
    }
    if raised.author.is_empty() || raised.reason.is_empty() {
        return wrong("must say who allows it, and why: give `author` and `reason`");
    }
    Ok(raised.into())
}

/// Withdraws a raise from now on: what was spent meanwhile stays spent.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn withdraw_raise(
    state: &BudgetState,
    policy: String,
    raise: String,
    (author, reason): (String, String),
    at: Timestamp,
) -> Decision {
    let Some(history) = state.policy(&policy) else { return Err(BudgetRejection::UnknownPolicy(policy)) };
    let Some(found) = history.raise(&raise) else {
        return Err(BudgetRejection::UnknownRaise { policy, raise });
    };
    let until = found.until;
    if until <= at || history.withdrawal_of(&raise).is_some() {
        let because = "is over already: nothing is left to withdraw";
        return Err(BudgetRejection::Raise { policy, because });
    }
    if author.is_empty() || reason.is_empty() {
        let because = "must say who withdraws it, and why: give `author` and `reason`";
        return Err(BudgetRejection::Raise { policy, because });
    }
    let by = Amount::NOTHING;
    let withdraws = Some(raise);
    Ok(LimitRaised { raise: String::new(), withdraws, policy, by, from: at, until, author, reason }.into())
}

/// Allocates what is asked for, or the first alternative that fits, or records that nothing did. Alternatives
/// are the same request with the models that policies degrade to, in order, with their own price.
///
/// # Errors
///
/// A request that makes no sense; one that does not fit is a decision.
pub fn allocate(
    state: &BudgetState,
    request: AllocationRequest,
    alternatives: &[AllocationRequest],
    figures: &Figures,
    at: Timestamp,
) -> Decision {
    check(&request, at)?;
    let judged = |request: &AllocationRequest| judge(state, request, request.amount, figures, at);
    let (judgement, as_of) = (judged(&request), figures.as_of.clone());
    if judgement.is_allowed() {
        let policies = judgement.policies;
        return Ok(Allocated { request, instead_of: None, policies, decided_at: at, as_of }.into());
    }
    for model in &judgement.degrade_to {
        let named = alternatives.iter().find(|other| other.model.as_ref() == Some(model));
        let is_asked = |other: &&AllocationRequest| other.is_priced || !request.is_priced;
        let Some(other) = named.filter(is_asked).filter(|other| check(other, at).is_ok()) else { continue };
        let found = judged(other);
        if found.is_allowed() {
            let (instead_of, request) = (request.model, other.clone());
            let policies = found.policies;
            return Ok(Allocated { request, instead_of, policies, decided_at: at, as_of }.into());
        }
    }
    Ok(AllocationRefused { request, policies: judgement.policies, decided_at: at, as_of }.into())
}

/// What an allocation is extended by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// By how much it becomes larger.
    pub by: Amount,
    /// Whether its money is known. Policies that limit money refuse one where it is not.
    pub is_priced: bool,
    /// Until when it lasts; never shorter than it did.
    pub expires_at: Option<Timestamp>,
}

/// Makes an allocation larger, or lets it last longer.
///
/// One that only lasts longer is given whatever policies say: what it has left counts under them already, and goes on
/// counting. If it ended instead, its holder would spend all the same, and others would be offered the same money.
///
/// # Errors
///
/// The first rule that it breaks. An extension that does not fit is no event: `Ok(Err(…))` has the figures.
pub fn extend(
    state: &BudgetState,
    allocation: &str,
    extension: Extension,
    figures: &Figures,
    at: Timestamp,
) -> Result<Result<BudgetEvent, judge::Judgement>, BudgetRejection> {
    let open = still_open(state, allocation, at)?;
    let Extension { by, is_priced, expires_at } = extension;
    let expires_at = expires_at.unwrap_or(open.expires_at).max(open.expires_at);
    let amount = open.amount.plus(by);
    let is_priced = is_priced && open.request.is_priced;
    let whole = AllocationRequest { amount, expires_at, is_priced, ..open.request.clone() };
    if by.tokens < 0 || by.usd < Usd::ZERO {
        let because = "must become larger, not smaller: allocate less, or release it";
        return Err(BudgetRejection::Request {
            allocation: allocation.to_owned(),
            because: because.to_owned(),
        });
    }
    if let Some(because) = without_effect(open, extension) {
        return Err(BudgetRejection::Request {
            allocation: allocation.to_owned(),
            because: because.to_owned(),
        });
    }
    check(&whole, at)?;
    let judgement = if by == Amount::NOTHING {
        judge::Judgement::default()
    } else {
        judge(state, &whole, by, figures, at)
    };
    if !judgement.is_allowed() {
        return Ok(Err(judgement));
    }
    let (allocation, policies) = (allocation.to_owned(), judgement.policies);
    Ok(Ok(AllocationExtended { allocation, by, expires_at, policies, decided_at: at }.into()))
}

/// Why an extension would change nothing that anybody counts.
fn without_effect(open: &OpenAllocation, extension: Extension) -> Option<&'static str> {
    let Extension { by, expires_at, .. } = extension;
    if by == Amount::NOTHING && expires_at.is_none() {
        return Some("must say by how much, or for how long: give `tokens`, `usd` or `ttl_s`");
    }
    if by.tokens > 0 && open.amount.tokens == 0 {
        return Some("reserves money and no tokens: extend it by `usd`, or allocate anew with `tokens`");
    }
    if by.usd > Usd::ZERO && open.amount.usd == Usd::ZERO && !open.request.is_priced {
        let because = "reserves tokens whose cost is not known, and no money: extend it by `tokens`, or allocate anew with `usd`";
        return Some(because);
    }
    None
}

/// Sets free what an allocation has left.
///
/// # Errors
///
/// It is not open.
pub fn release(state: &BudgetState, allocation: &str, author: Option<String>, at: Timestamp) -> Decision {
    still_open(state, allocation, at)?;
    Ok(AllocationReleased { allocation: allocation.to_owned(), author, decided_at: at }.into())
}

/// Records that an allocation's time is over.
///
/// # Errors
///
/// It is not open, or its time is not over.
pub fn expire(state: &BudgetState, allocation: &str, at: Timestamp) -> Decision {
    let open = state.open(allocation).ok_or_else(|| BudgetRejection::NotOpen(allocation.to_owned()))?;
    if at < open.expires_at {
        let expires_at = open.expires_at;
        return Err(BudgetRejection::NotExpired { allocation: allocation.to_owned(), expires_at });
    }
    Ok(AllocationExpired { allocation: allocation.to_owned(), expired_at: open.expires_at }.into())
}

fn still_open<'a>(
    state: &'a BudgetState,
    allocation: &str,
    at: Timestamp,
) -> Result<&'a OpenAllocation, BudgetRejection> {
    let open = state.open(allocation).ok_or_else(|| BudgetRejection::NotOpen(allocation.to_owned()))?;
    if open.expires_at <= at {
        let expired_at = open.expires_at;
        return Err(BudgetRejection::Expired { allocation: allocation.to_owned(), expired_at });
    }
    Ok(open)
}

/// Checks what someone asks for, at the time of the decision.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn check(request: &AllocationRequest, at: Timestamp) -> Result<(), BudgetRejection> {
    name("allocation", &request.allocation)?;
    if let Some(context) = &request.context {
        name("context", context)?;
    }
    let wrong = |because: &str| {
        let because = because.to_owned();
        Err(BudgetRejection::Request { allocation: request.allocation.clone(), because })
    };
    let Amount { tokens, usd } = request.amount;
    if tokens < 0 {
        return wrong(&format!("tokens `{tokens}`: must not be negative"));
    }
    if usd < Usd::ZERO {
        return wrong(&format!("usd `{usd}`: must not be negative"));
    }
    if request.amount == Amount::NOTHING {
        return wrong("must be of something: give `tokens`, `usd` or both");
    }
    if tokens > MOST_TOKENS {
        return wrong(&format!("tokens `{tokens}`: must be at most 10^15"));
    }
    if usd > MOST_USD {
        return wrong(&format!("usd `{usd}`: must be at most 10^15"));
    }
    if !(1..=10).contains(&request.priority) {
        return wrong("priority must be from 1 (low) through 5 (normal) and 8 (high) to 10 (critical)");
    }
    if request.expires_at <= at {
        return wrong("expires_at must be after the time of the decision");
    }
    if request.expires_at.millis_since(at) > LONGEST_MS {
        return wrong("expires_at must be within 366 days");
    }
    Ok(())
}

fn name(field: &'static str, name: &str) -> Result<(), BudgetRejection> {
    let is_name = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(char::is_control);
    if is_name { Ok(()) } else { Err(BudgetRejection::Name { field }) }
}
