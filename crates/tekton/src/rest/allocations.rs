//! Allocations.

use tollgate_client::AllocationSearch;
use tollgate_wire::api::AllocationView;

use super::Asked;
use crate::act::allocate::Wish;
use crate::ask::times::range;
use crate::fault::{Answer, Fault, Handled};
use crate::fields::Page;
use crate::json::{Json, object};
use crate::names::{BUDGET, DEFAULT_TASK_TYPE, TASK_TYPE, task_of, tier};
use crate::views::allocation::{context, is_active, tier as tier_of};
use crate::views::{page_of, paged};

/// `POST /allocations`.
pub(super) async fn make(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let (context, component) = (read.needed("context_id"), read.needed("component"));
    let tokens = read.needed_whole("tokens_allocated");
    if tokens == 0 && read.raw("tokens_allocated").is_some() {
        read.refuse("tokens_allocated", "Input should be greater than 0");
    }
    let _ = read.whole("expected_tokens_used");
    let named_tier = read.filled("tier");
    let wish = Wish {
        id: Some(asked.id("allocation")),
        budget: read.filled("budget_id"),
        context,
        component,
        task_type: read.filled("task_type").unwrap_or_else(|| DEFAULT_TASK_TYPE.to_owned()),
        tier: None,
        provider: read.filled("provider"),
        model: read.filled("model"),
        priority: read.within_bounds("priority", (0, 10), 5),
        tokens,
        ttl_s: None,
        metadata: read.object("metadata"),
    };
    let (_, until) = range(&mut read, ("none", "expiration_time"), &asked.app.options.zone);
    read.done()?;
    let ttl_s = until.map(|until| {
        let left = until.micros().saturating_sub(asked.app.now().micros()) / 1_000_000;
        u64::try_from(left).unwrap_or_default()
    });
    if ttl_s == Some(0) {
        return Err(Fault::field("expiration_time", "must be in the time to come", "past"));
    }
    if let Some(budget) = &wish.budget {
        asked.app.budget(budget).await?;
    }
    let tier = named_tier.as_deref().map(tier).transpose()?.map(|tier| tier.as_str());
    let made = asked.app.allocate(Wish { tier, ttl_s, ..wish }).await?;
    Ok(Answer::created(asked.app.told_allocation(&made).await?))
}

/// `GET /allocations`: all of them where the command line asks, else a page.
pub(super) async fn list(mut asked: Asked) -> Handled {
    let page = asked.query.page();
    let query = &mut asked.query;
    let named =
        ["context_id", "component", "tier", "provider", "model", "task_type"].map(|name| query.text(name));
    let active = query.flag("is_active");
    query.done()?;
    let [of_context, component, wanted_tier, provider, model, task_type] = named;
    let wanted_tier = wanted_tier.as_deref().map(tier).transpose()?.map(|tier| tier.as_str());
    let search = AllocationSearch {
        context: of_context.as_deref().map(task_of),
        state: active.filter(|active| *active).map(|_| "open".to_owned()),
        ..AllocationSearch::default()
    };
    let mut found = asked.app.allocations(search).await?;
    found.retain(|it| {
        let same =
            |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
        active.is_none_or(|active| is_active(it) == active)
            && same(&of_context, context(it))
            && same(&component, it.component.as_ref())
            && same(&provider, it.provider.as_ref())
            && same(&model, it.model.as_ref())
            && same(&task_type, it.labels.get(TASK_TYPE))
            && wanted_tier.is_none_or(|wanted| tier_of(it) == wanted)
    });
    if !asked.is_v1 && !page.is_named {
        return Ok(Answer::ok(told(&asked, &found).await?));
    }
    page_of_allocations(&asked, found, page).await
}

async fn told(asked: &Asked, found: &[AllocationView]) -> Handled<Vec<Json>> {
    let mut told = Vec::new();
    for it in found {
        told.push(asked.app.told_allocation(it).await?);
    }
    Ok(told)
}

async fn page_of_allocations(asked: &Asked, found: Vec<AllocationView>, page: Page) -> Handled {
    let (found, total) = page_of(found, page);
    Ok(Answer::ok(paged(told(asked, &found).await?, total, page)))
}

/// `GET /budgets/{id}/allocations`: those that name the budget.
pub(super) async fn of_budget(mut asked: Asked, id: String) -> Handled {
    let page = asked.query.page();
    let active = asked.query.flag("is_active").unwrap_or(true);
    asked.query.done()?;
    asked.app.budget(&id).await?;
    let mut found = asked.app.allocations(AllocationSearch::default()).await?;
    found.retain(|it| it.labels.get(BUDGET) == Some(&id) && is_active(it) == active);
    page_of_allocations(&asked, found, page).await
}

/// `GET /allocations/{id}`.
pub(super) async fn one(asked: Asked, id: String) -> Handled {
    let found = asked.app.allocation(&id).await?;
    Ok(Answer::ok(asked.app.told_allocation(&found).await?))
}

/// `GET /allocations/context/{context}`.
pub(super) async fn of_context(asked: Asked, context: String) -> Handled {
    let found = asked.app.allocation_of(&context).await?;
    let found =
        found.ok_or_else(|| Fault::missing(format!("No active allocation found for context: {context}")))?;
    Ok(Answer::ok(asked.app.told_allocation(&found).await?))
}

/// `POST /allocations/{id}/release`.
pub(super) async fn release(asked: Asked, id: String) -> Handled {
    let tokens = asked.app.release(&id).await?;
    Ok(Answer::ok(object! {
        "message" => format!("Allocation {id} released successfully"),
        "data" => Json::Null,
        "tokens_released" => tokens,
    }))
}
