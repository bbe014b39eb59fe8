//! May a call be made?

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_domain::money::Usd;
use tollgate_domain::usage::estimate;
use tollgate_wire::api::{AllocateRequest, CheckResponse, PolicyFiguresView};

use super::said::{component, task_type};
use crate::app::Tekton;
use crate::ask::records::costs_of;
use crate::fault::Handled;
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::names::{TASK_TYPE, task_of, type_of};
use crate::views::policy::rule;
use crate::views::usage::Costs;

/// How long an answer is expected to be, in characters.
const OUTPUT_CHARS: u64 = 500;

/// The most alternatives of one answer.
const ALTERNATIVES: usize = 3;

/// What a call is expected to use and cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) costs: Costs,
    /// Whether its price is known.
    pub(super) is_priced: bool,
}

impl Expected {
    /// Of a call with this text.
    pub(super) async fn of(app: &Tekton, provider: &str, model: &str, text: &str) -> Handled<Self> {
        let tokens = estimate(u64::try_from(text.chars().count()).unwrap_or_default(), OUTPUT_CHARS);
        let (input, output) = (tokens.input_uncached, tokens.output);
        let (costs, is_priced) = match app.quote(provider, model, input, output).await {
            Ok(quote) => (costs_of(&quote), true),
            Err(fault) if fault.status.as_u16() == 404 => (Costs::default(), false),
            Err(fault) => return Err(fault),
        };
        Ok(Self { input, output, costs, is_priced })
    }

    pub(super) fn total(&self) -> Usd {
        self.costs.input.saturating_add(self.costs.output)
    }

    fn json(&self) -> Json {
        object! {
            "input_tokens" => self.input,
            "output_tokens" => self.output,
            "input_cost" => self.costs.input,
            "output_cost" => self.costs.output,
            "total_cost" => self.total(),
        }
    }
}

/// A call whose place in the budget is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) component: String,
    pub(super) task_type: String,
    pub(super) context: Option<String>,
}

impl Call {
    /// As the ledger is asked about it.
    pub(super) fn request(&self, expected: &Expected) -> AllocateRequest {
        let task = self.context.as_deref().map(task_of);
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        AllocateRequest {
            context: task.clone(),
            task,
            component: text(&self.component),
            provider: text(&self.provider),
            model: text(&self.model),
            labels: BTreeMap::from([(TASK_TYPE.to_owned(), self.task_type.clone())]),
            tokens: Some(expected.input + expected.output),
            // What it costs says what its parts are.
            input_tokens: (!expected.is_priced).then_some(expected.input),
            usd: expected.is_priced.then(|| expected.total().to_string()),
            ..AllocateRequest::default()
        }
    }
}

pub(super) async fn check(app: &Arc<Tekton>, sender: &str, read: &mut Fields) -> Handled<Json> {
    let call = Call {
        provider: read.needed("provider"),
        model: read.needed("model"),
        component: component(read, sender),
        task_type: task_type(read),
        context: read.filled("context_id"),
    };
    let text = read.text("input_text").unwrap_or_default();
    read.done()?;
    let expected = Expected::of(app, &call.provider, &call.model, &text).await?;
    let is_free = expected.is_priced && expected.total() == Usd::ZERO;
    let found = app.ledger.check(&call.request(&expected)).await?;
    let refusing = found.policies.iter().find(|policy| policy.ruling.refuses());
    let info = match refusing {
        Some(policy) => denied(app, policy, &expected).await?,
        None if is_free => {
            object! { "allowed" => true, "reason" => "Free model", "cost_estimate" => expected.json() }
        }
        None => allowed(app, &call, &expected, &found).await?,
    };
    Ok(object! { "allowed" => found.allowed, "info" => info })
}

async fn allowed(app: &Tekton, call: &Call, expected: &Expected, found: &CheckResponse) -> Handled<Json> {
    let current = expected.total();
    let counts = (expected.input, expected.output);
    let cheaper = app.cheaper((&call.provider, &call.model), counts, current).await?;
    let alternatives: Vec<Json> = cheaper.iter().take(ALTERNATIVES).map(|it| it.beside(current)).collect();
    let warnings = warnings(found);
    let told = object! {
        "allowed" => true,
        "cost_estimate" => expected.json(),
        "alternatives" => alternatives,
        "context_id" => call.context.as_ref(),
    };
    Ok(if warnings.is_empty() { told } else { told.with("warnings", warnings) })
}

/// What policies say to a call that they allow.
pub(super) fn warnings(found: &CheckResponse) -> Vec<String> {
    let says = |policy: &&PolicyFiguresView| !matches!(policy.ruling.as_str(), "fits" | "ignored");
    found.policies.iter().filter(says).map(|policy| policy.sentence.clone()).collect()
}

async fn denied(app: &Tekton, policy: &PolicyFiguresView, expected: &Expected) -> Handled<Json> {
    let said = rule(&app.policy(&policy.policy).await?);
    let mut period = said.window.replace('_', " ");
    if let Some(first) = period.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let booked = policy.booked.as_ref();
    let (limit, usage) = match (&policy.limit.usd, policy.limit.tokens) {
        (Some(usd), _) => (Json::money(usd), booked.map(|booked| Json::money(&booked.usd))),
        (None, tokens) => (tokens.into(), booked.map(|booked| booked.tokens.into())),
    };
    Ok(object! {
        "allowed" => false,
        "reason" => format!("{period} budget limit exceeded"),
        "limit" => limit,
        "usage" => usage,
        "estimated_cost" => expected.total(),
        "policy" => said.enforcement.map(type_of),
        "cost_estimate" => expected.json(),
    })
}
