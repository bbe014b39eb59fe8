//! Prices.

use tollgate_wire::api::PriceUpdateRequest;

use super::Asked;
use crate::ask::recommend::Costed;
use crate::ask::records::costs_of;
use crate::fault::{Answer, Handled};
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::views::price::Price;

/// The most alternatives to the best model.
const ALTERNATIVES: usize = 5;

/// `GET /prices`.
pub(super) async fn list(mut asked: Asked) -> Handled {
    let (provider, model) = (asked.query.text("provider"), asked.query.text("model"));
    asked.query.done()?;
    let found = asked.app.prices(provider.as_deref(), model.as_deref()).await?;
    Ok(Answer::ok(found.iter().map(Price::json).collect::<Vec<_>>()))
}

/// `POST /prices/current`.
pub(super) async fn current(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let (provider, model) = (read.needed("provider"), read.needed("model"));
    read.done()?;
    Ok(Answer::ok(asked.app.price(&provider, &model).await?.json()))
}

/// `GET /prices/history/{provider}/{model}`.
pub(super) async fn history(asked: Asked, provider: &str, model: &str) -> Handled {
    let found = asked.app.price_history(provider, model).await?;
    Ok(Answer::ok(found.iter().map(Price::json).collect::<Vec<_>>()))
}

/// `POST /prices/calculate`.
pub(super) async fn calculate(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let (provider, model) = (read.needed("provider"), read.needed("model"));
    let input = read.needed_whole("input_tokens");
    let output = read.whole("output_tokens").unwrap_or_default();
    read.done()?;
    let costs = costs_of(&asked.app.quote(&provider, &model, input, output).await?);
    Ok(Answer::ok(object! {
        "input_cost" => costs.input,
        "output_cost" => costs.output,
        "total_cost" => costs.input.saturating_add(costs.output),
    }))
}

/// `POST /prices/update`.
pub(super) async fn update(asked: Asked) -> Handled {
    let updated = asked.app.ledger.update_prices(&PriceUpdateRequest::default()).await;
    let sources = match updated {
        Ok(report) => report.sources,
        // None are named: there is nothing to update from, and prices are those of the book.
        Err(error) if error.code() == Some("price_sources") => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let names: Vec<Json> = sources.iter().map(|source| Json::from(&source.source)).collect();
    Ok(Answer::ok(object! { "updates_started" => names.len(), "sources" => names }))
}

/// `POST /prices/recommendations`: beside a model, or for what is to be done, or both.
pub(super) async fn recommendations(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let (provider, model) = (read.filled("provider"), read.filled("model"));
    if provider.is_some() != model.is_some() {
        let (_, _) = (read.needed("provider"), read.needed("model"));
    }
    let tokens = read.within_bounds("context_size", (1, 1_000_000_000), 4000);
    let mut told = Vec::new();
    if let (Some(provider), Some(model)) = (&provider, &model) {
        read.done()?;
        let (items, current) = asked.app.recommended(provider, model, tokens).await?;
        told.extend(members(object! {
            "items" => items,
            "current_model" => model,
            "current_provider" => provider,
            "current_cost" => current,
        }));
    }
    told.extend(members(chosen(&asked, &mut read, tokens).await?));
    Ok(Answer::ok(Json::Object(told)))
}

fn members(json: Json) -> Vec<(String, Json)> {
    if let Json::Object(members) = json { members } else { Vec::new() }
}

/// The cheapest model for a task, and what else there is.
async fn chosen(asked: &Asked, read: &mut Fields, input: u64) -> Handled<Json> {
    let task = read.filled("task_type").unwrap_or_else(|| "default".to_owned());
    let output = read.within_bounds("output_size", (0, 1_000_000_000), 1000);
    let (prefer, most) = (read.filled("prefer_provider"), read.money("max_cost"));
    let named = read.filled("provider");
    read.done()?;
    let of: Vec<String> = prefer.iter().chain(&named).cloned().collect();
    let mut found = asked.app.costed(&of, (input, output)).await?;
    found.retain(|it| most.is_none_or(|most| it.cost <= most));
    if let Some(prefer) = &prefer {
        // The order by cost stays within each half.
        found.sort_by_key(|it| it.price.provider() != prefer);
    }
    let told = |it: &Costed| {
        let why = match &prefer {
            Some(prefer) if it.price.provider() == prefer => format!("the cheapest of {prefer}"),
            _ => "the cheapest".to_owned(),
        };
        it.because(format!(
            "{why} for {input} tokens of input and {output} of output ({task}): {} USD",
            it.cost
        ))
    };
    let mut models = found.iter().map(told);
    let best = models.next();
    let alternatives: Vec<Json> = models.take(ALTERNATIVES).collect();
    let mut tips =
        vec!["Prices are of plain input and output; input that a cache answers costs less.".to_owned()];
    if best.is_none() {
        tips.push("No model of the price book fits: raise max_cost, or name another provider.".to_owned());
    }
    Ok(object! { "best_match" => best, "alternatives" => alternatives, "optimization_tips" => tips })
}
