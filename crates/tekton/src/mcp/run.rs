//! The operations, run: what each answers, and what it answers where it fails.

use std::sync::Arc;

use tollgate_domain::usage::estimate;

use super::said::{component, task_type};
use super::{Operation, analytics, check, route, status};
use crate::act::allocate::Wish;
use crate::act::usage::UsageReport;
use crate::app::Tekton;
use crate::fault::{Fault, Handled};
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::names::{fresh, tier};
use crate::views::allocation::{remaining, tier as tier_of};

/// What an operation came to.
pub(crate) struct Done {
    pub(crate) payload: Json,
    /// Why it failed; then the payload is what is said of a failure.
    pub(crate) error: Option<String>,
}

/// Runs an operation for a sender.
pub(crate) async fn run(app: &Arc<Tekton>, operation: Operation, sender: &str, read: &mut Fields) -> Done {
    let failed = of_failure(operation, read);
    match done(app, operation, sender, read).await {
        Ok(payload) => Done { payload, error: None },
        Err(fault) => Done { payload: failed(&fault.text), error: Some(fault.text) },
    }
}

async fn done(app: &Arc<Tekton>, operation: Operation, sender: &str, read: &mut Fields) -> Handled<Json> {
    app.options.check(operation.capability())?;
    match operation {
        Operation::Allocate => allocate(app, sender, read).await,
        Operation::Check => check::check(app, sender, read).await,
        Operation::Record => record(app, sender, read).await,
        Operation::Status => status::status(app, sender, read).await,
        Operation::Recommend => recommend(app, read).await,
        Operation::Route => route::route(app, sender, read).await,
        Operation::Analyze => analytics::analytics(app, read).await,
    }
}

/// What is said where an operation fails.
fn of_failure(operation: Operation, read: &mut Fields) -> impl FnOnce(&str) -> Json + use<> {
    let text = |read: &mut Fields, name: &str| read.text(name).unwrap_or_default();
    let context = read.text("context_id").unwrap_or_default();
    let (provider, model) = (text(read, "provider"), text(read, "model"));
    let (to_provider, to_model) = (text(read, "default_provider"), text(read, "default_model"));
    let period = read.text("period").unwrap_or_else(|| "daily".to_owned());
    // What is wrong with these is told by the operation itself.
    let _ = read.done();
    move |error| match operation {
        Operation::Allocate => object! { "context_id" => context, "amount" => 0, "remaining" => 0 },
        Operation::Check => object! { "allowed" => false, "info" => object! { "error" => error } },
        Operation::Record => {
            object! { "context_id" => context, "recorded_tokens" => 0, "remaining" => 0, "success" => false }
        }
        Operation::Status => object! { "period" => period, "success" => false },
        Operation::Recommend => {
            object! { "provider" => provider, "model" => model, "recommendations" => Json::List(Vec::new()) }
        }
        Operation::Route => object! {
            "provider" => &to_provider,
            "model" => &to_model,
            "warnings" => vec![format!("Error: {error}")],
            "original_provider" => &to_provider,
            "original_model" => &to_model,
            "is_downgraded" => false,
        },
        Operation::Analyze => object! { "period" => period, "success" => false, "error" => error },
    }
}

async fn allocate(app: &Arc<Tekton>, sender: &str, read: &mut Fields) -> Handled<Json> {
    let tier = read.filled("tier").as_deref().map(tier).transpose()?.map(|tier| tier.as_str());
    let wish = Wish {
        context: read.filled("context_id").unwrap_or_else(fresh),
        component: component(read, sender),
        task_type: task_type(read),
        tier,
        provider: read.filled("provider"),
        model: read.filled("model"),
        priority: read.whole("priority").unwrap_or(5),
        tokens: read.whole("amount").unwrap_or_default(),
        ..Wish::default()
    };
    read.done()?;
    let context = wish.context.clone();
    let made = app.allocate(Wish { id: Some(fresh()), ..wish }).await?;
    Ok(object! {
        "allocation_id" => &made.allocation,
        "context_id" => context,
        "amount" => made.amount.tokens,
        "remaining" => remaining(&made),
        "tier" => tier_of(&made),
        "provider" => made.provider.as_ref(),
        "model" => made.model.as_ref(),
    })
}

async fn record(app: &Arc<Tekton>, sender: &str, read: &mut Fields) -> Handled<Json> {
    let component = component(read, sender);
    let (provider, model) = (read.needed("provider"), read.needed("model"));
    let counted = (read.whole("input_tokens"), read.whole("output_tokens"));
    let texts = (read.text("input_text"), read.text("output_text"));
    let (input, output, estimated) = match (counted, texts) {
        ((None, None), (None, None)) => {
            return Err(Fault::bad(
                "Either input_tokens and output_tokens or input_text and output_text must be provided",
            ));
        }
        ((None, None), (input, output)) => {
            let chars = |text: Option<String>| {
                u64::try_from(text.unwrap_or_default().chars().count()).unwrap_or_default()
            };
            let tokens = estimate(chars(input), chars(output));
            (tokens.input_uncached, tokens.output, true)
        }
        ((input, output), _) => (input.unwrap_or_default(), output.unwrap_or_default(), false),
    };
    let allocation = read.filled("allocation_id");
    // Usage has to belong to something; what names nothing belongs to its component.
    let of_component = || allocation.is_none().then(|| component.clone());
    let context = read.filled("context_id").or_else(of_component);
    let spent = UsageReport {
        id: None,
        context,
        allocation,
        provider,
        model,
        task_type: task_type(read),
        input,
        output,
        estimated,
        request: read.filled("request_id"),
        metadata: read.object("metadata"),
        component,
        ..UsageReport::default()
    };
    read.done()?;
    let recorded = app.spend(spent).await?;
    let (costs, remaining) = (app.costs(&recorded).await, app.left_of(&recorded).await?);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Ok(object! {
        "context_id" => recorded.context(),
        "allocation_id" => recorded.allocation.as_ref(),
        "recorded_tokens" => recorded.input + recorded.output,
        "remaining" => remaining,
        "success" => true,
        "provider" => text(&recorded.provider),
        "model" => text(&recorded.model),
        "component" => text(&recorded.component),
        "task_type" => recorded.labels.get("task_type"),
        "timestamp" => &recorded.at,
        "input_tokens" => recorded.input,
        "output_tokens" => recorded.output,
        "total_tokens" => recorded.input + recorded.output,
        "input_cost" => costs.input,
        "output_cost" => costs.output,
        "total_cost" => recorded.cost.unwrap_or_default(),
        "record_id" => &recorded.id,
    }
    .without_nulls())
}

async fn recommend(app: &Arc<Tekton>, read: &mut Fields) -> Handled<Json> {
    let (provider, model) = (read.needed("provider"), read.needed("model"));
    let (task, size) = (task_type(read), read.whole("context_size").unwrap_or(4000));
    read.done()?;
    let recommendations = match app.recommended(&provider, &model, size).await {
        Ok((recommendations, _)) => recommendations,
        // A model without a price has no cheaper ones.
        Err(fault) if fault.status.as_u16() == 404 => Vec::new(),
        Err(fault) => return Err(fault),
    };
    Ok(object! {
        "provider" => provider,
        "model" => model,
        "task_type" => task,
        "context_size" => size,
        "recommendations" => recommendations,
    })
}
