//! What happens in the ledger, as messages for the topics of one socket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tollgate_client::{AlertFilter, ClientError};
use tollgate_wire::api::LogPage;

use super::topic::{Topic, frame};
use crate::app::{PAGE, Tekton};
use crate::fault::Handled;
use crate::json::{Json, object};
use crate::number::Share;
use crate::views::price::{model_of, provider_of};

/// How long one look at the log waits for something new, in milliseconds.
const WAIT_MS: u64 = 20_000;

/// What the ledger says of a key that is not for what is asked.
const NOT_PERMITTED: &str = "not_permitted";

/// The periods that pages have cards for.
const CARDS: [&str; 3] = ["daily", "weekly", "monthly"];

/// How far a socket has followed the ledger.
pub(super) struct Follow {
    app: Arc<Tekton>,
    /// The last record that was looked at.
    after: u64,
    /// The last change of alerts.
    alerts_after: u64,
    /// Whether it may see all tenants' records, those about prices among them.
    sees_all: bool,
}

/// What records say that somebody may want to know.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Whether the budget may stand differently.
    pub(super) budget: bool,
    pub(super) allocations: BTreeSet<String>,
    /// Entries of the price book, with the source of the change.
    pub(super) prices: BTreeMap<String, String>,
    /// Whether alerts may have changed.
    pub(super) alerts: bool,
}

impl News {
    /// What events say, of a tenant's.
    fn of(events: &[Value], tenant: &str) -> Self {
        let mut news = Self::default();
        for event in events {
            let of = |kind: &str| event.get(kind).filter(|body| body.is_object());
            let name = |body: &Value, field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
            if let Some(changed) = of("price_changed") {
                let source = name(changed, "source").unwrap_or_default();
                news.prices.extend(name(changed, "entry").map(|entry| (entry, source)));
            }
            if event.get("tenant").and_then(Value::as_str) != Some(tenant) {
                continue;
            }
            news.alerts |=
                event.get("alert_acknowledged").is_some() || event.get("condition_observed").is_some();
            let changes = [
                "usage_recorded",
                "usage_adjusted",
                "usage_repriced",
                "budget_set",
                "policy_set",
                "limit_raised",
            ];
            news.budget |= changes.iter().any(|kind| of(kind).is_some());
            if let Some(usage) = of("usage_recorded") {
                let counted = usage.get("counts_as").and_then(|counts| name(counts, "allocation"));
                news.allocations.extend(counted.or_else(|| name(usage, "allocation")));
            }
            let made = of("allocated").and_then(|made| made.get("request"));
            news.allocations.extend(made.and_then(|made| name(made, "allocation")));
            for kind in ["allocation_extended", "allocation_released", "allocation_expired"] {
                news.allocations.extend(of(kind).and_then(|body| name(body, "allocation")));
            }
            news.budget |= !news.allocations.is_empty();
        }
        news
    }
}

impl Follow {
    /// From now on.
    pub(super) async fn begin(app: Arc<Tekton>) -> Handled<Self> {
        let (page, sees_all) = match app.ledger.of_tenant(None).log(0, 1, None, 0).await {
            Ok(page) => (page, true),
            // With a key for some tenants only.
            Err(error) if error.code() == Some(NOT_PERMITTED) => {
                (app.ledger.log(0, 1, None, 0).await?, false)
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { app, after: page.tail, alerts_after: page.tail, sees_all })
    }

    /// The next records, or none after a while. Nothing is lost if it is not waited for.
    pub(super) async fn next(&self) -> Result<LogPage, ClientError> {
        // Prices are of no tenant.
        let tenant = (!self.sees_all).then(|| self.app.tenant.clone());
        self.app.ledger.of_tenant(tenant).log(self.after, PAGE, None, WAIT_MS).await
    }

    /// What a page of records says.
    pub(super) fn read(&mut self, page: &LogPage) -> News {
        self.after = self.after.max(page.last);
        News::of(&page.events, &self.app.tenant)
    }

    /// Messages for these topics. The budget's is not among them: it is told of once in a while.
    pub(super) async fn messages(&mut self, news: &News, topics: &BTreeSet<Topic>) -> Handled<Vec<String>> {
        let mut messages = Vec::new();
        if topics.contains(&Topic::Allocations) {
            for name in &news.allocations {
                messages.push(self.allocation(name).await?);
            }
        }
        if topics.contains(&Topic::Prices) {
            for (entry, source) in &news.prices {
                messages.extend(self.price(entry, source).await?);
            }
        }
        if news.alerts && topics.contains(&Topic::Alerts) {
            messages.extend(self.alerts().await?);
        }
        Ok(messages)
    }

    async fn allocation(&self, name: &str) -> Handled<String> {
        let found = self.app.allocation(name).await?;
        let told = self.app.told_allocation(&found).await?;
        let payload = object! { "allocation_id" => name, "allocation" => told };
        Ok(frame("allocation_update", Topic::Allocations.as_str(), payload, self.app.now()))
    }

    async fn price(&self, entry: &str, source: &str) -> Handled<Option<String>> {
        let found = self.app.prices(None, Some(entry)).await?;
        let Some(price) = found.into_iter().find(|price| price.entry == entry) else { return Ok(None) };
        let provider = price.provider.as_deref();
        let payload = object! {
            "provider" => provider_of(entry, provider),
            "model" => model_of(entry, provider),
            "update" => price.json().with("source", source),
        };
        Ok(Some(frame("price_update", Topic::Prices.as_str(), payload, self.app.now())))
    }

    async fn alerts(&mut self) -> Handled<Option<String>> {
        // With all that the log has told of. The latest are first.
        let filter = AlertFilter { state: Some("all".to_owned()), ..AlertFilter::default() };
        let found = self.app.ledger.alerts(&filter, PAGE, &Tekton::latest()).await?.alerts;
        let mut raised: Vec<_> = found.into_iter().filter(|alert| alert.raised > self.alerts_after).collect();
        raised.reverse();
        self.alerts_after = raised.iter().map(|alert| alert.raised).fold(self.alerts_after, u64::max);
        let raised = self.app.with_policies(raised).await?;
        if raised.is_empty() {
            return Ok(None);
        }
        let told: Vec<Json> = raised.iter().map(crate::views::alert::Told::json).collect();
        Ok(Some(frame("alert", Topic::Alerts.as_str(), object! { "alerts" => told }, self.app.now())))
    }

    /// How the budget stands: a card for each period in percent, and for programs the day as a fraction.
    pub(super) async fn budget(&self) -> Handled<String> {
        let (mut cards, mut first) = (Vec::new(), None);
        for period in CARDS {
            let card = self.app.card(period).await?;
            cards.push(card.json(Share::Percent));
            first.get_or_insert(card);
        }
        let first = first.unwrap_or_default();
        let payload = object! {
            "summaries" => cards,
            "budget_id" => first.rule.budget.as_ref(),
            "summary" => first.json(Share::Fraction),
        };
        Ok(frame("budget_update", Topic::Budget.as_str(), payload, self.app.now()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_say_what_somebody_may_want_to_know() {
        let events = [
            json!({"tenant": "default", "usage_recorded": {"counts_as": {"allocation": "a-1"}}}),
            json!({"tenant": "default", "allocated": {"request": {"allocation": "a-2"}}}),
            json!({"tenant": "other", "allocation_released": {"allocation": "a-3"}}),
            json!({"tenant": "_ledger", "price_changed": {"entry": "gpt-5", "source": "manual"}}),
        ];
        let news = News::of(&events, "default");
        assert_eq!(news.allocations.into_iter().collect::<Vec<_>>(), ["a-1", "a-2"]);
        assert_eq!((news.budget, news.alerts, news.prices.len()), (true, false, 1));
        let observed = [json!({"tenant": "default", "condition_observed": {"rule": "budget"}})];
        let news = News::of(&observed, "default");
        assert_eq!((news.budget, news.alerts), (false, true));
    }
}
