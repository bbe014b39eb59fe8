//! Usage records: one, or a page of them.

use std::collections::BTreeMap;

use tollgate_client::{PriceQuery, SummaryQuery, UsageQuery};
use tollgate_domain::money::Usd;
use tollgate_domain::price::PricedKind;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;

use super::times::{quarter_after, quarter_before};
use crate::app::{PAGE, Tekton};
use crate::fault::{Fault, Handled};
use crate::fields::Page;
use crate::json::{Json, object};
use crate::names::record_sequence;
use crate::views::usage::{Costs, UsageEntry, usage};

/// Which usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Values by the ledger's dimensions.
    pub(crate) scope: BTreeMap<String, String>,
    pub(crate) allocation: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

impl Wanted {
    pub(crate) fn with(mut self, dimension: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.scope.insert(dimension.to_owned(), value);
        }
        self
    }

    /// Its sums, by quarters of an hour that enclose its times.
    pub(crate) fn sums(&self, group_by: &str) -> SummaryQuery {
        SummaryQuery {
            scope: self.scope.clone(),
            group_by: Some(group_by.to_owned()).filter(|names| !names.is_empty()),
            since: self.since.map(|at| quarter_before(at).to_string()),
            until: self.until.map(|at| quarter_after(at).to_string()),
            limit: Some(PAGE),
            ..SummaryQuery::default()
        }
    }

    /// Whether its sums are exactly of it.
    fn is_summed(&self) -> bool {
        self.allocation.is_none()
            && self.since.is_none_or(|at| quarter_before(at) == at)
            && self.until.is_none_or(|at| quarter_before(at) == at)
    }
}

impl Tekton {
    /// A page of usage, the latest recorded first, and how much there is.
    pub(crate) async fn records(&self, wanted: &Wanted, page: Page) -> Handled<(Vec<UsageEntry>, u64)> {
        let (from, to) = ((page.page - 1).saturating_mul(page.limit), page.page.saturating_mul(page.limit));
        let known = match wanted.is_summed() {
            true => {
                Some(self.ledger.usage_summary(&wanted.sums(""), &Self::latest()).await?.totals.usage_events)
            }
            false => None,
        };
        let mut query = UsageQuery {
            scope: wanted.scope.clone(),
            allocation: wanted.allocation.clone(),
            since: wanted.since.map(|at| at.to_string()),
            until: wanted.until.map(|at| at.to_string()),
            before: None,
            limit: Some(PAGE),
        };
        let (mut records, mut seen) = (Vec::new(), 0_u64);
        // How many there are in all is known, or counted.
        while known.is_none_or(|known| seen < to.min(known)) {
            let found = self.ledger.usage_records(&query).await?;
            // Corrections belong to the sums; they are no records of Tekton's.
            for record in found.records.iter().filter(|record| record.adjusts.is_none()) {
                if (from..to).contains(&seen) {
                    records.push(UsageEntry::of_list(record));
                }
                seen += 1;
            }
            match found.next {
                Some(next) => query.before = Some(next),
                None => break,
            }
        }
        Ok((records, known.unwrap_or(seen).max(seen)))
    }

    /// One usage record.
    pub(crate) async fn record(&self, id: &str) -> Handled<UsageEntry> {
        let unknown = || Fault::unknown("Usage record", id);
        let sequence = record_sequence(id).ok_or_else(unknown)?;
        let mut after = sequence.saturating_sub(1);
        loop {
            let page = self.ledger.log(after, PAGE, None, 0).await?;
            let found = page.events.iter().filter_map(UsageEntry::of_event).find(|record| record.id == id);
            if let Some(record) = found {
                return Ok(record);
            }
            // The events of one record may be on several pages.
            if page.last >= sequence || page.last <= after {
                return Err(unknown());
            }
            after = page.last;
        }
    }

    /// The parts of what usage cost. They are those of the price in force when it happened, where they add up to what
    /// it
    /// was booked with; else all of it is the price of the larger side.
    pub(crate) async fn costs(&self, record: &UsageEntry) -> Costs {
        let (Some(cost), false) = (record.cost, record.is_booked()) else { return Costs::default() };
        if cost == Usd::ZERO {
            return Costs::default();
        }
        let tokens = match (u64::try_from(record.input), u64::try_from(record.output)) {
            (Ok(input_uncached), Ok(output)) => {
                TokenCounts { input_uncached, output, ..TokenCounts::default() }
            }
            _ => return Costs::default(),
        };
        let parts = self.parts(record, tokens).await.unwrap_or_default();
        if parts.input.saturating_add(parts.output) == cost {
            return parts;
        }
        if record.output > 0 && record.input == 0 {
            Costs { input: Usd::ZERO, output: cost }
        } else if record.output == 0 {
            Costs { input: cost, output: Usd::ZERO }
        } else {
            // What the output costs at most; the rest is what the input cost, whatever was cached of it.
            let output = parts.output.min(cost);
            Costs { input: cost.checked_sub(output).unwrap_or_default(), output }
        }
    }

    async fn parts(&self, record: &UsageEntry, tokens: TokenCounts) -> Handled<Costs> {
        let asked = PriceQuery {
            model: record.model.clone().unwrap_or_default(),
            provider: record.provider.clone(),
            at: Some(record.at.clone()),
            tokens,
            ..PriceQuery::default()
        };
        Ok(costs_of(&self.ledger.price_quote(&asked).await?))
    }

    /// Usage records in Tekton's form.
    pub(crate) async fn told(&self, records: &[UsageEntry]) -> Vec<Json> {
        let mut told = Vec::new();
        for record in records {
            told.push(usage(record, self.costs(record).await));
        }
        told
    }

    /// The models that were used most.
    pub(crate) async fn top_usage(&self, wanted: &Wanted) -> Handled<Vec<Json>> {
        let sums = self.ledger.usage_summary(&wanted.sums("provider,model"), &Self::latest()).await?;
        let mut groups = sums.groups;
        groups.sort_by_key(|group| std::cmp::Reverse(group.totals.tokens.total));
        let told = groups.iter().take(10).map(|group| {
            let value = |name: &str| group.values.get(name).map_or("unknown", String::as_str);
            object! {
                "model" => value("model"),
                "provider" => value("provider"),
                "requests" => group.totals.usage_events,
                "tokens" => group.totals.tokens.total,
                "cost" => Json::money(&group.totals.cost_usd),
            }
        });
        Ok(told.collect())
    }
}

/// What a quote says of input and of output.
pub(crate) fn costs_of(quote: &tollgate_wire::api::PriceQuote) -> Costs {
    let mut costs = Costs::default();
    for line in &quote.lines {
        let usd: Usd = line.cost_usd.as_ref().and_then(|usd| usd.parse().ok()).unwrap_or_default();
        let side = match line.kind {
            PricedKind::Output | PricedKind::Reasoning => &mut costs.output,
            PricedKind::Input
            | PricedKind::CachedInput
            | PricedKind::CacheWrite
            | PricedKind::CacheWrite1h => &mut costs.input,
        };
        *side = side.saturating_add(usd);
    }
    costs
}
