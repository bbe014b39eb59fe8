//! How the limits of a period stand: by tier for the two older components, by policy for all others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::said::component;
use crate::app::Tekton;
use crate::ask::summary::{Summary, Wanted};
use crate::fault::Handled;
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::names::{period, tier};
use crate::number::{Share, share};

/// What Apollo calls the tiers, and what everybody else does.
const TIERS: [(&str, &str); 3] = [
    ("lightweight", "local_lightweight"),
    ("midweight", "local_midweight"),
    ("heavyweight", "remote_heavyweight"),
];

pub(super) async fn status(app: &Arc<Tekton>, sender: &str, read: &mut Fields) -> Handled<Json> {
    let period = period(&read.filled("period").unwrap_or_else(|| "daily".to_owned()))?;
    let mut scope = BTreeMap::new();
    if let Some(named) = read.filled("tier") {
        scope.insert("tier".to_owned(), tier(&named)?.as_str().to_owned());
    }
    let asker = component(read, sender).to_ascii_lowercase();
    let is_older = matches!(asker.as_str(), "apollo" | "rhetor");
    for name in ["provider", "component"] {
        // Of the two older ones, the component is who asks.
        if let Some(value) = read.filled(name).filter(|_| name == "provider" || !is_older) {
            scope.insert(name.to_owned(), value);
        }
    }
    read.done()?;
    let told = object! { "period" => period, "success" => true };
    if is_older {
        return Ok(told.with("tiers", tiers(app, period, asker == "apollo").await?));
    }
    let wanted = Wanted { period: period.to_owned(), budget: None, scope };
    let summaries: Vec<Json> = app.summaries(&wanted).await?.iter().map(summary).collect();
    Ok(told.with("summaries", summaries))
}

fn summary(found: &Summary) -> Json {
    let scope = |dimension: &str| found.rule.scope.get(dimension);
    object! {
        "budget_id" => found.rule.budget.as_ref(),
        "tier" => scope("tier"),
        "provider" => scope("provider"),
        "component" => scope("component"),
        "tokens_allocated" => found.allocated,
        "tokens_used" => found.used,
        "tokens_remaining" => found.tokens_left(),
        "token_limit" => found.token_limit,
        "token_usage_percentage" => found.token_share(Share::Fraction),
        "token_limit_exceeded" => found.exceeds_tokens(),
        "cost" => found.cost,
        "cost_limit" => found.cost_limit,
        "cost_usage_percentage" => found.cost_share(Share::Fraction),
        "cost_limit_exceeded" => found.exceeds_cost(),
    }
}

/// Tokens of one tier, or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Tokens {
    allocated: i64,
    used: i64,
    limit: Option<u64>,
}

impl Tokens {
    fn json(self) -> Json {
        let limit = self.limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
        object! {
            "allocated" => self.allocated,
            "used" => self.used,
            "remaining" => limit.map(|limit| limit.saturating_sub(self.used).max(0)),
            "limit" => limit,
            "usage_percentage" => limit.map(|limit| share(self.used.into(), limit.into(), Share::Fraction)),
            "limit_exceeded" => limit.is_some_and(|limit| self.used > limit),
        }
    }
}

async fn tiers(app: &Arc<Tekton>, period: &str, in_words_of_apollo: bool) -> Handled<Json> {
    let (mut told, mut all) = (Vec::new(), Tokens { limit: Some(0), ..Tokens::default() });
    for (short, name) in TIERS {
        let scope = BTreeMap::from([("tier".to_owned(), name.to_owned())]);
        let wanted = Wanted { period: period.to_owned(), budget: None, scope };
        let found = app.summaries(&wanted).await?;
        // The limit of the tier as a whole, if there is one, or else the narrowest one.
        let best = found.iter().filter(|it| it.token_limit.is_some()).min_by_key(|it| it.rule.scope.len());
        let best = best.or(found.first());
        let tokens = best.map_or(Tokens::default(), |it| Tokens {
            allocated: it.allocated,
            used: it.used,
            limit: it.token_limit,
        });
        all.allocated = all.allocated.saturating_add(tokens.allocated);
        all.used = all.used.saturating_add(tokens.used);
        all.limit = all.limit.zip(tokens.limit).map(|(sum, limit)| sum.saturating_add(limit));
        told.push((if in_words_of_apollo { short } else { name }.to_owned(), tokens.json()));
    }
    told.push(("all".to_owned(), all.json()));
    Ok(Json::Object(told))
}
