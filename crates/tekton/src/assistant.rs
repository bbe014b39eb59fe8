//! What the ledger's figures say, in sentences: where the money goes, and what would cost less.

use std::fmt::Write;
use std::sync::Arc;

use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;

use crate::app::Tekton;
use crate::ask::recommend::Costed;
use crate::ask::records::Wanted;
use crate::ask::summary::Summary;
use crate::ask::sums::{Added, Sums};
use crate::fault::Handled;
use crate::json::{Json, object};
use crate::number::{Share, share_of_money};

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// How many groups are named.
const NAMED: usize = 5;

/// What a model asked for nothing.
const RULES: &str = "These are rules on the ledger's figures; no language model was asked.";

/// What was looked at.
pub(crate) struct Look {
    days: u64,
    added: Added,
    card: Summary,
}

impl Look {
    /// The usage of the last days, and how the limit of a period stands.
    pub(crate) async fn at(app: &Arc<Tekton>, period: &str, days: u64) -> Handled<Self> {
        let now = app.now();
        let back = DAY.saturating_mul(i64::try_from(days).unwrap_or(i64::MAX));
        let since = Timestamp::from_micros(now.micros().saturating_sub(back)).ok();
        let added = app.added(&Wanted { since, ..Wanted::default() }).await?;
        Ok(Self { days, added, card: app.card(period).await? })
    }

    /// Where the money goes.
    pub(crate) fn analysis(&self) -> String {
        let totals = &self.added.totals;
        let mut text = format!(
            "In the last {} days: {} USD for {} tokens ({} in, {} out) in {} calls.\n",
            self.days, totals.cost, totals.total, totals.input, totals.output, totals.count
        );
        if totals.count == 0 {
            text = format!("No usage was recorded in the last {} days.\n", self.days);
        }
        let models = self
            .added
            .by([0, 1])
            .into_iter()
            .map(|([provider, model], sums)| (format!("{provider}/{model}"), sums));
        list(&mut text, "By model", models, totals);
        let components = self.added.by([2]).into_iter().map(|([component], sums)| (component, sums));
        list(&mut text, "By component", components, totals);
        if let Some(limit) = self.card.cost_limit {
            let used = share_of_money(self.card.cost, limit, Share::Percent);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "Limit ({}): {} of {limit} USD, {used} %.",
                self.card.rule.window, self.card.cost
            );
        }
        text + RULES
    }

    /// What would cost less.
    pub(crate) async fn recommendations(&self, app: &Arc<Tekton>) -> Handled<String> {
        let mut text = String::new();
        for ([provider, model], sums) in self.added.by([0, 1]).into_iter().take(NAMED) {
            let counts = (
                u64::try_from(sums.input).unwrap_or_default(),
                u64::try_from(sums.output).unwrap_or_default(),
            );
            if sums.cost == Usd::ZERO {
                continue;
            }
            let cheaper = app.cheaper((&provider, &model), counts, sums.cost).await?;
            let mut same = cheaper.iter().filter(|it| it.price.provider() == provider);
            // The dearest of the cheaper ones is the closest to what is used.
            if let Some(best) = same.next_back() {
                let saved = sums.cost.checked_sub(best.cost).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "- {provider}/{model} cost {} USD; {} would have cost {} USD for the same tokens: {saved} USD less, if it will do.",
                    sums.cost,
                    best.price.model(),
                    best.cost
                );
            }
        }
        if self.card.exceeds_cost() {
            let _ = writeln!(
                text,
                "- The {} limit is exceeded: raise it, or spend less until the period ends.",
                self.card.rule.window
            );
        }
        if text.is_empty() {
            "Nothing that was used has a cheaper model of the same provider in the price book.\n"
                .clone_into(&mut text);
        }
        Ok(text + RULES)
    }

    /// The figures themselves.
    pub(crate) fn raw(&self) -> Json {
        let models = self
            .added
            .by([0, 1])
            .into_iter()
            .map(|([provider, model], sums)| sums.json().with("provider", provider).with("model", model));
        object! {
            "days" => self.days,
            "totals" => self.added.totals.json(),
            "models" => models.collect::<Vec<_>>(),
            "budget" => self.card.json(Share::Fraction),
        }
    }
}

fn list(text: &mut String, title: &str, groups: impl Iterator<Item = (String, Sums)>, totals: &Sums) {
    let told: Vec<String> = groups
        .take(NAMED)
        .map(|(name, sums)| {
            format!("{name} {} USD ({} %)", sums.cost, share_of_money(sums.cost, totals.cost, Share::Percent))
        })
        .collect();
    if !told.is_empty() {
        let _ = writeln!(text, "{title}: {}.", told.join(", "));
    }
}

/// A workload that a model is wanted for.
pub(crate) struct Workload {
    pub(crate) task: String,
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// Calls a day.
    pub(crate) often: u64,
    /// What a day may cost.
    pub(crate) limit: Usd,
    pub(crate) areas: String,
}

impl Workload {
    /// The dearest models that a day's calls still fit the limit with: price is the one sign of strength that the
    /// ledger has.
    pub(crate) async fn models(&self, app: &Arc<Tekton>) -> Handled<(String, Json)> {
        let found = app.costed(&[], (self.input, self.output)).await?;
        let a_day = |it: &Costed| it.cost.checked_times(self.often.into()).unwrap_or(Usd::MAX);
        let fitting: Vec<&Costed> = found.iter().filter(|it| a_day(it) <= self.limit).collect();
        let chosen: Vec<&&Costed> = fitting.iter().rev().take(NAMED).collect();
        let mut text = format!(
            "For `{}` ({} calls a day of {} tokens in and {} out, at most {} USD a day, priorities: {}):\n",
            self.task, self.often, self.input, self.output, self.limit, self.areas
        );
        for it in &chosen {
            let _ = writeln!(
                text,
                "- {}/{}: {} USD a call, {} USD a day.",
                it.price.provider(),
                it.price.model(),
                it.cost,
                a_day(it)
            );
        }
        if chosen.is_empty() {
            text.push_str("No model of the price book fits that limit.\n");
        }
        let data = chosen.iter().map(|it| it.because(format!("{} USD a day", a_day(it))));
        let data = object! { "models" => data.collect::<Vec<_>>(), "considered" => found.len(), "fitting" => fitting.len() };
        Ok((text + RULES, data))
    }
}
