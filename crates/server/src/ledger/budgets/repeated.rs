//! Whether a command comes again, or another one under the same name.

use tollgate_domain::budget::decide::{BudgetChange, LimitRaise};
use tollgate_domain::budget::{BudgetState, Policy, SetBy};
use tollgate_domain::event::{AllocationRequest, BudgetEvent, BudgetSet, LimitRaised};
use tollgate_domain::time::Timestamp;

use super::command::{Command, Done, Recorded, What};
use crate::problem::{Answer, CONFLICT};

/// The first answer again, if it was an answer to the same.
pub(super) fn answer_again(command: &Command, first: Recorded) -> Answer<Done> {
    if !is_same(command, &first.event) {
        let what = command.what.in_words();
        return Err(CONFLICT.with(format!(
            "{what}: the same name was used before with something else; use another one, or ask for what it was"
        )));
    }
    Ok(Done::Recorded(Box::new(first)))
}

/// Whether an event is the answer to the same command. Times are not compared, but for how long something was asked
/// for: a retry comes later. Nor is a cost that followed from a price: prices change. Where another model was given,
/// its provider and cost are its own.
fn is_same(command: &Command, event: &BudgetEvent) -> bool {
    let same = |asked: &AllocationRequest, found: &AllocationRequest, instead_of: Option<&String>| {
        let model = instead_of.or(found.model.as_ref());
        let of = |request: &AllocationRequest| {
            let AllocationRequest { context, task, phase, component, labels, priority, .. } = request.clone();
            let billed = (request.service_tier.clone(), request.units.clone());
            (context, task, phase, component, labels, priority, request.amount.tokens, billed)
        };
        let is_other = instead_of.is_some();
        let costs_the_same = is_other || !command.usd_given || asked.amount.usd == found.amount.usd;
        of(asked) == of(found)
            && asked.model.as_ref() == model
            && (is_other || asked.provider == found.provider)
            && costs_the_same
    };
    let lasts = |found: &AllocationRequest, decided_at: Timestamp| {
        command.ttl_given.is_none_or(|ttl| is_ttl(ttl, found.expires_at, decided_at))
    };
    match (&command.what, event) {
        (What::Allocate(asked), BudgetEvent::Allocated(made)) => {
            same(asked, &made.request, made.instead_of.as_ref()) && lasts(&made.request, made.decided_at)
        }
        (What::Allocate(asked), BudgetEvent::AllocationRefused(refused)) => {
            same(asked, &refused.request, None) && lasts(&refused.request, refused.decided_at)
        }
        (What::Extend { allocation, by, .. }, BudgetEvent::AllocationExtended(extended)) => {
            *allocation == extended.allocation
                && by.tokens == extended.by.tokens
                && (!command.usd_given || by.usd == extended.by.usd)
        }
        (What::Release { allocation, .. }, BudgetEvent::AllocationReleased(released)) => {
            *allocation == released.allocation
        }
        (What::Expire { allocation }, BudgetEvent::AllocationExpired(expired)) => {
            *allocation == expired.allocation
        }
        (What::Draw { demand, .. }, BudgetEvent::PoolDrawn(drawn)) => {
            demand.task == drawn.task && demand.needed == drawn.drawn
        }
        // What it left may have been corrected since: the first answer holds.
        (What::Give { closed, .. }, BudgetEvent::PoolGiven(given)) => closed.task == given.task,
        (What::Budget(change), BudgetEvent::BudgetSet(set)) => is_same_budget(change, set),
        (What::Policy { policy, author, reason, .. }, BudgetEvent::PolicySet(set)) => {
            let from = if command.from_given { policy.from } else { set.policy.from };
            Policy { from, ..(**policy).clone() } == set.policy
                && (author, reason) == (&set.author, &set.reason)
        }
        (What::Raise(asked), BudgetEvent::LimitRaised(found)) => {
            let LimitRaise { raise, policy, by, from, until, author, reason } = asked.clone();
            let from = from.unwrap_or(found.from);
            LimitRaised { raise, withdraws: None, policy, by, from, until, author, reason } == **found
        }
        (What::Withdraw { policy, raise, author, reason }, BudgetEvent::LimitRaised(found)) => {
            let asked = (policy, Some(raise), author, reason);
            asked == (&found.policy, found.withdraws.as_ref(), &found.author, &found.reason)
        }
        (_, _) => false,
    }
}

/// Whether something that was decided then was asked for so long. Where nobody said how long, or an earlier version
/// decided, the time began a little before the decision: then it is no whole number of seconds, and as long as a
/// request may wait less than was asked for.
fn is_ttl(ttl_ms: i64, expires_at: Timestamp, decided_at: Timestamp) -> bool {
    const WAITED_MS: i64 = 65_000;
    let micros = expires_at.micros().saturating_sub(decided_at.micros());
    let asked = ttl_ms.saturating_mul(1000);
    if micros % 1_000_000 == 0 {
        return micros == asked;
    }
    (0..=WAITED_MS.saturating_mul(1000)).contains(&asked.saturating_sub(micros))
}

/// Whether a policy's latest version says the same, by the same author for the same reason: from the same time on, or
/// from whenever it does if nobody says.
pub(super) fn is_latest(
    state: &BudgetState,
    policy: &Policy,
    from_given: bool,
    (author, reason): (&Option<String>, &Option<String>),
) -> bool {
    let Some(history) = state.policy(&policy.id) else { return false };
    let by = SetBy { author: author.clone(), reason: reason.clone() };
    let latest = history.versions.last().zip(history.set_by.last());
    latest.is_some_and(|(latest, set_by)| {
        *set_by == by
            && (if from_given { latest.from == policy.from } else { latest.from <= policy.from })
            && Policy { from: latest.from, ..policy.clone() } == *latest
    })
}

/// Whether a budget was set to what a change names. What that leaves as it was is not compared: it may have changed.
fn is_same_budget(change: &BudgetChange, set: &BudgetSet) -> bool {
    let same = |asked: &Option<String>, found: &Option<String>| {
        asked.as_ref().is_none_or(|asked| *asked == found.clone().unwrap_or_default())
    };
    change.budget == set.budget
        && same(&change.title, &set.title)
        && same(&change.description, &set.description)
        && same(&change.owner, &set.owner)
        && change.active.is_none_or(|active| active == set.active)
        && change.author == set.author
        && change.labels.iter().all(|(key, value)| set.labels.get(key).map_or("", String::as_str) == value)
}
