//! A provider's bills beside the ledger.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tollgate_domain::ids::TaskId;
use tollgate_domain::position::PartitionId;
use tollgate_domain::price::{Call, name_of_provider};
use tollgate_domain::time::{Day, Timestamp};
use tollgate_domain::zone::{Grain, Zone};
use tollgate_projection::money::{LineDimension, RECONCILED_BY, Reconciliation};
use tollgate_projection::reports::{BillDay, Span};
use tollgate_projector::Wait;
use tollgate_projector::queries::{BillsOf, LinesFound, LinesOf};
use tollgate_wire::api::BillComparison;

use super::money::{KnownRates, MOST_LINES};
use super::period::known_on;
use super::query::Read;
use super::{Queries, VIEW_WAIT};
use crate::ledger::Settings;
use crate::problem::{Answer, INVALID, of_query};

/// Which bills to compare.
#[derive(Clone, Debug, Default)]
pub struct BillQuery {
    /// Who was billed.
    pub tenant: String,
    /// Who billed.
    pub provider: String,
    /// The first day.
    pub from: String,
    /// The first day that is not compared any more.
    pub to: String,
    /// The zone in which the ledger's usage is put into days; `None`: UTC, in which most providers bill.
    pub time_zone: Option<String>,
    /// Only what was recorded by the end of this UTC day.
    pub known_on: Option<String>,
}

impl Queries {
    /// What is in force of an account's bills, up to the last of them.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub(in crate::ledger) async fn bills_in_force(
        &self,
        account: &str,
        bills: &BillsOf,
    ) -> Answer<BTreeMap<Day, BillDay>> {
        let end = self.end().await?.only(PartitionId::of(&bills.tenant, TaskId::ledger().as_str()));
        let wait = Wait { at_least: Some(&end), up_to: VIEW_WAIT };
        let (found, _) = self.reports().ask_all(wait, bills).await.map_err(|error| of_query(&error))?;
        let own = found.into_iter().flatten().filter(|(of, ..)| of == account);
        Ok(own.map(|(_, day, bill)| (day, bill)).collect())
    }

    /// Compares a provider's bills with the ledger, by day and model.
    ///
    /// # Errors
    ///
    /// The problem with the query, or of reading the view.
    pub async fn compare_bills(&self, asked: &BillQuery, read: &Read) -> Answer<BillComparison> {
        let zone = zone(asked.time_zone.as_deref())?;
        let (from, to) = (day("from", &asked.from)?, day("to", &asked.to)?);
        if from >= to {
            let rule =
                format!("must be later than `from`, which is {from}: it is the first day that is left out");
            return Err(INVALID.of_field("to", &asked.to, &rule));
        }
        let known_on = known_on(asked.known_on.as_deref(), self.now())?;
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let (tenant, provider) = (asked.tenant.clone(), asked.provider.clone());
        let bills = BillsOf { tenant, provider, from, to, known_on };
        let (bills, _) = self.reports().ask_all(wait, &bills).await.map_err(|error| of_query(&error))?;
        // Corrections of these days may have been recorded at any time since.
        let since = zone.start_of(from).map(|at| at.micros().div_euclid(1_000_000));
        let lines = LinesOf {
            by: Some(Grain::Day),
            zone: zone.clone(),
            span: Span { since, until: None },
            known_on,
            dimensions: RECONCILED_BY.to_vec(),
            // A provider has many names, and a model may imply one.
            only: vec![(LineDimension::Tenant, asked.tenant.clone())],
            most: MOST_LINES,
        };
        let (parts, as_of) = self.reports().ask_all(wait, &lines).await.map_err(|error| of_query(&error))?;
        let (settings, now) = (self.settings(), self.now());
        let mut rates = KnownRates::under(Arc::clone(&settings));
        let asked = asked.clone();
        self.make(move || {
            let mut all = Reconciliation::default();
            let mut names = Names::of(&settings, &asked.provider, now);
            for (_, day, bill) in bills.into_iter().flatten() {
                all.cover(day);
                bill.lines.iter().for_each(|line| all.bill(day, line, &names.of_bill(&line.model)));
            }
            let mut found = LinesFound::default();
            parts.into_iter().for_each(|part| found.merge(part));
            if found.is_cut {
                return Err(INVALID.with(format!(
                    "the ledger has more than {MOST_LINES} lines since {from}: compare later days"
                )));
            }
            for line in found.lines.iter() {
                let named = [LineDimension::Provider, LineDimension::Model].map(|of| line.value(&of));
                if let Some(model) = names.of_usage(named) {
                    all.usage(&line, &model);
                }
            }
            let days = u64::from(to.0.abs_diff(from.0));
            let covered = all.covered_days() as u64;
            let (rows, total) =
                all.compare(|model| rates.of_model(Some(&asked.provider), Some(model), now).cloned());
            Ok(BillComparison {
                as_of: as_of.to_string(),
                provider: asked.provider,
                time_zone: zone.to_string(),
                from: from.to_string(),
                to: Day(to.0.saturating_sub(1)).to_string(),
                known_on: known_on.map(|day| day.to_string()),
                days_without_bill: days.saturating_sub(covered),
                total,
                rows,
            })
        })
        .await?
    }
}

/// By which name models are compared: the one by which the prices in force know them.
struct Names<'a> {
    settings: &'a Settings,
    provider: &'a str,
    /// The provider by its one name.
    one_name: String,
    at: Timestamp,
    /// By provider and model; `None`: they are not the provider's.
    known: HashMap<[String; 2], Option<String>>,
}

impl<'a> Names<'a> {
    fn of(settings: &'a Settings, provider: &'a str, at: Timestamp) -> Self {
        Self { settings, provider, one_name: name_of_provider(provider), at, known: HashMap::new() }
    }

    fn of_bill(&self, model: &str) -> String {
        let Settings { prices, config, .. } = self.settings;
        let call =
            Call { provider: Some(self.provider), model: Some(model), service_tier: None, at: self.at };
        prices.one_name(config.prices.apply(call))
    }

    /// The model of usage that the provider served, as the usage names it or as it is priced; `None`: another did.
    fn of_usage(&mut self, named: [&str; 2]) -> Option<String> {
        let key = named.map(str::to_owned);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let Settings { prices, config, .. } = self.settings;
        let [provider, model] = named.map(|name| Some(name).filter(|name| !name.is_empty()));
        let call = config.prices.apply(Call { provider, model, service_tier: None, at: self.at });
        let names = [provider.map(name_of_provider), Some(prices.priced_as(call).provider)];
        let is_served = names.into_iter().flatten().any(|name| name == self.one_name);
        let found = is_served.then(|| prices.one_name(call));
        self.known.insert(key, found.clone());
        found
    }
}

fn zone(named: Option<&str>) -> Answer<Zone> {
    let Some(name) = named else { return Ok(Zone::utc()) };
    name.parse::<Zone>().map_err(|error| INVALID.of_field("time_zone", name, &error.to_string()))
}

fn day(field: &str, text: &str) -> Answer<Day> {
    text.parse().map_err(|_| INVALID.of_field(field, text, "must be a day such as 2026-11-21"))
}
