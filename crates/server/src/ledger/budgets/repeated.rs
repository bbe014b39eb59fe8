//! Whether a command comes again, or another one under the same name.

use tollgate_domain::event::{AllocationRequest, BudgetEvent};

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

/// Whether an event is the answer to the same command. Times are not compared: a retry comes later. Nor is a cost that
/// followed from a price: prices change. Where another model was given, its provider and cost are its own.
fn is_same(command: &Command, event: &BudgetEvent) -> bool {
    let same = |asked: &AllocationRequest, found: &AllocationRequest, instead_of: Option<&String>| {
        let model = instead_of.or(found.model.as_ref());
        let of = |request: &AllocationRequest| {
            let AllocationRequest { context, task, phase, component, labels, priority, .. } = request.clone();
            (context, task, phase, component, labels, priority, request.amount.tokens)
        };
        let is_other = instead_of.is_some();
        let costs_the_same = is_other || !command.usd_given || asked.amount.usd == found.amount.usd;
        of(asked) == of(found)
            && asked.model.as_ref() == model
            && (is_other || asked.provider == found.provider)
            && costs_the_same
    };
    match (&command.what, event) {
        (What::Allocate(asked), BudgetEvent::Allocated(made)) => {
            same(asked, &made.request, made.instead_of.as_ref())
        }
        (What::Allocate(asked), BudgetEvent::AllocationRefused(refused)) => {
            same(asked, &refused.request, None)
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
        // The ids of others are made by the server.
        (_, _) => false,
    }
}
