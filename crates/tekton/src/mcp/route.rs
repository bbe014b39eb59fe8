//! Which model to use: the one that is preferred, or a cheaper one where that no longer fits.

use std::sync::Arc;

use tollgate_wire::api::RouteRequest;

use super::check::{Call, Expected, warnings};
use super::said::{component, task_type};
use crate::app::Tekton;
use crate::ask::recommend::KNOWN;
use crate::fault::Handled;
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::views::price::model_of;

pub(super) async fn route(app: &Arc<Tekton>, sender: &str, read: &mut Fields) -> Handled<Json> {
    let text = read.needed("input_text");
    let (provider, model) = (read.filled("default_provider"), read.filled("default_model"));
    let call = Call {
        provider: provider.clone().unwrap_or_default(),
        model: model.clone().unwrap_or_default(),
        component: component(read, sender),
        task_type: task_type(read),
        context: None,
    };
    read.done()?;
    let expected = Expected::of(app, &call.provider, &call.model, &text).await?;
    let (mut told, mut fits) = (Vec::new(), false);
    if model.is_some() {
        let found = app.ledger.check(&call.request(&expected)).await?;
        (told, fits) = (warnings(&found), found.allowed);
    }
    let mut chosen = (call.provider.clone(), call.model.clone());
    if !fits {
        match cheaper(app, &call, &expected).await? {
            Some(found) => chosen = found,
            None => told.push("No model of the price book fits what is left of the budget".to_owned()),
        }
    }
    let is_downgraded = model.is_some() && chosen.1 != call.model;
    Ok(object! {
        "provider" => chosen.0,
        "model" => chosen.1,
        "warnings" => told,
        "original_provider" => provider,
        "original_model" => model,
        "is_downgraded" => is_downgraded,
    })
}

/// The cheapest model that every policy allows: of the same provider if there is one, else of any that is known.
async fn cheaper(app: &Tekton, call: &Call, expected: &Expected) -> Handled<Option<(String, String)>> {
    let of_all = KNOWN.map(str::to_owned).to_vec();
    let own = Some(vec![call.provider.clone()]).filter(|_| !call.provider.is_empty());
    for providers in own.into_iter().chain([of_all]) {
        let mut request = call.request(expected);
        (request.usd, request.provider) = (None, None);
        request.input_tokens = Some(expected.input);
        let asked = RouteRequest {
            request,
            output_tokens: Some(expected.output),
            providers,
            mode: Some("chat".to_owned()),
            ..RouteRequest::default()
        };
        if let Some(found) = app.ledger.route(&asked).await?.chosen {
            let provider = found.provider.clone().unwrap_or_default();
            let model = model_of(&found.model, found.provider.as_deref()).to_owned();
            return Ok(Some((provider, model)));
        }
    }
    Ok(None)
}
