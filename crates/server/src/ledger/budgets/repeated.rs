//! Whether a command comes again, or another one under the same name.

use tollgate_domain::event::{AllocationRequest, BudgetEvent};

use super::command::{Command, What};

/// Whether an event is the answer to the same command. Times are not compared: a retry comes later. Nor is a cost that
/// followed from a price: prices change. Where another model was given, its provider and cost are its own.
pub(super) fn is_same(command: &Command, event: &BudgetEvent) -> bool {
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
