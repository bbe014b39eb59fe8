//! Whether a command comes again, or another one under the same name.

use tollgate_domain::event::{AllocationRequest, BudgetEvent};

use super::command::What;

/// Whether an event is the answer to the same command. Times are not compared: a retry comes later.
pub(super) fn is_same(what: &What, event: &BudgetEvent) -> bool {
    let same = |asked: &AllocationRequest, found: &AllocationRequest, instead_of: Option<&String>| {
        let model = instead_of.or(found.model.as_ref());
        let of = |request: &AllocationRequest| {
            let AllocationRequest { context, task, component, provider, labels, priority, .. } =
                request.clone();
            (context, task, component, provider, labels, priority, request.amount.tokens)
        };
        of(asked) == of(found) && asked.model.as_ref() == model
    };
    match (what, event) {
        (What::Allocate(asked), BudgetEvent::Allocated(made)) => {
            same(asked, &made.request, made.instead_of.as_ref())
        }
        (What::Allocate(asked), BudgetEvent::AllocationRefused(refused)) => {
            same(asked, &refused.request, None)
        }
        (What::Extend { allocation, by, .. }, BudgetEvent::AllocationExtended(extended)) => {
            *allocation == extended.allocation && by.tokens == extended.by.tokens
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
