//! What usage cost, line by line: exports for accounting.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_domain::position::Position;
use tollgate_domain::price::Call;
use tollgate_domain::time::{Day, Timestamp};
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::zone::{Grain, Zone};
use tollgate_projection::money::{
    FOCUS_DIMENSIONS, FocusOptions, KindRates, LineDimension, MoneyLine, MoneyLines, export_csv, export_line,
    focus_csv, focus_rows,
};
use tollgate_projector::Wait;
use tollgate_projector::queries::{LinesFound, LinesOf};
use tollgate_wire::api::{MoneyExport, ReportPeriod};

use super::Queries;
use super::dimensions::{By, NO_PERIODS, dimensions, only};
use super::period::{PeriodQuery, Periods, known_on};
use super::query::Read;
use crate::ledger::settings::Settings;
use crate::problem::{Answer, INVALID, of_query};

/// The most lines that one export has: each takes some hundred bytes of memory while it is made.
pub(super) const MOST_LINES: usize = 250_000;

/// How many lines are written at a time.
const LINES_AT_ONCE: usize = 250;

/// Which lines to export.
#[derive(Clone, Debug, Default)]
pub struct ExportQuery {
    /// Only of this tenant; `None`: of all tenants.
    pub tenant: Option<String>,
    /// What lines are told apart by, separated by commas, besides what `by` names; `None`: nothing else, or, if `by`
    /// names nothing either, tenant, provider and model.
    pub dimensions: Option<String>,
    /// Only usage with these values, each as `dimension=value`, separated by commas.
    pub only: Option<String>,
    /// Which time to cover; `by` names a period, `none` for no periods, and dimensions. Without a period they are
    /// days, or, if it names dimensions, none.
    pub period: PeriodQuery,
    /// Only what was recorded by the end of this UTC day.
    pub known_on: Option<String>,
}

/// Which charges to export.
#[derive(Clone, Debug, Default)]
pub struct FocusQuery {
    /// Only of this tenant; `None`: of all tenants.
    pub tenant: Option<String>,
    /// The billing account that they are booked on; `None`: `tollgate`.
    pub billing_account: Option<String>,
    /// Dimensions to show as tags, separated by commas, or `none`; `None`: all labels.
    pub tags: Option<String>,
    /// Which time to cover. Charges are by day.
    pub period: PeriodQuery,
    /// Only what was recorded by the end of this UTC day.
    pub known_on: Option<String>,
}

/// Which lines to make.
struct Asked {
    by: Option<Grain>,
    dimensions: Vec<LineDimension>,
    only: Vec<(LineDimension, String)>,
}

/// What the word is for charges without tags.
const NO_TAGS: &str = "none";

/// Lines of an export.
#[derive(Debug)]
pub struct Lines {
    lines: MoneyLines,
    dimensions: Vec<LineDimension>,
    period: ReportPeriod,
    degraded: u64,
    as_of: Position,
    is_begun: bool,
}

/// Charges as rows of FOCUS.
pub struct FocusExport {
    lines: Lines,
    options: FocusOptions,
    rates: KnownRates,
}

/// The plain rates of models, each looked up once.
pub(super) struct KnownRates {
    settings: Arc<Settings>,
    known: HashMap<AskedRates<3>, Option<(String, KindRates)>>,
    by_version: HashMap<AskedRates<4>, Option<KindRates>>,
}

/// Rates are asked for by provider, model, service tier (and version of the prices) and time.
type AskedRates<const NAMES: usize> = ([String; NAMES], Timestamp);

impl Queries {
    /// Lines of usage and money.
    ///
    /// # Errors
    ///
    /// The problem with the query, or of reading the view.
    pub async fn export(&self, asked: &ExportQuery, read: &Read) -> Answer<Lines> {
        let By { period, dimensions: named } = By::of(asked.period.by.as_deref())?;
        let without = period.as_deref().map_or(!named.is_empty(), |word| word == NO_PERIODS);
        let by = period.filter(|_| !without);
        let periods = PeriodQuery { by, ..asked.period.clone() };
        let periods = periods.checked(&self.settings().config.reports.time_zone)?;
        let mut by = named;
        match &asked.dimensions {
            None if by.is_empty() => {
                by.extend([LineDimension::Tenant, LineDimension::Provider, LineDimension::Model]);
            }
            None => {}
            Some(names) => {
                let more = dimensions("dimensions", names)?;
                by.extend(more);
            }
        }
        let known = asked.known_on.as_deref();
        let mut only = only(asked.only.as_deref().unwrap_or_default())?;
        only.extend(asked.tenant.clone().map(|tenant| (LineDimension::Tenant, tenant)));
        let asked = Asked { by: (!without).then_some(periods.by), dimensions: each_once(by), only };
        self.lines(&periods, known_on(known, self.now())?, asked, read).await
    }

    /// Charges by day, as FOCUS has them.
    ///
    /// # Errors
    ///
    /// The problem with the query, or of reading the view.
    pub async fn focus(&self, asked: &FocusQuery, read: &Read) -> Answer<FocusExport> {
        let settings = self.settings();
        let periods = asked.period.checked(&settings.config.reports.time_zone)?;
        let tags = match asked.tags.as_deref() {
            None => vec![LineDimension::Labels],
            Some(NO_TAGS) => Vec::new(),
            Some(names) => dimensions("tags", names)?,
        };
        let account = asked.billing_account.clone().unwrap_or_else(|| "tollgate".to_owned());
        if account.trim().is_empty() {
            return Err(INVALID.of_field(
                "billing_account",
                &account,
                "must name the account of the charges",
            ));
        }
        let by = each_once(FOCUS_DIMENSIONS.into_iter().chain(tags.iter().cloned()));
        let only = asked.tenant.clone().map(|tenant| (LineDimension::Tenant, tenant));
        let known_on = known_on(asked.known_on.as_deref(), self.now())?;
        let charges = Asked { by: Some(Grain::Day), dimensions: by, only: only.into_iter().collect() };
        let lines = self.lines(&periods, known_on, charges, read).await?;
        let options = FocusOptions { zone: periods.zone, billing_account: account, tags };
        Ok(FocusExport { lines, options, rates: KnownRates::under(settings) })
    }

    async fn lines(
        &self,
        periods: &Periods,
        known_on: Option<Day>,
        asked: Asked,
        read: &Read,
    ) -> Answer<Lines> {
        let Asked { by, dimensions, only } = asked;
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let (zone, span) = (periods.zone.clone(), periods.span());
        let question =
            LinesOf { by, zone, span, known_on, dimensions: dimensions.clone(), only, most: MOST_LINES };
        let asked = self.reports().ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let found = self.make(move || {
            let mut found = LinesFound::default();
            parts.into_iter().for_each(|part| found.merge(part));
            found
        });
        let found = found.await?;
        if found.is_cut || found.lines.len() > MOST_LINES {
            return Err(INVALID.with(format!(
                "the export has more than {MOST_LINES} lines: ask for a shorter time range, longer periods or fewer \
                 dimensions; of FOCUS, name the labels that you need as `tags`"
            )));
        }
        let databases: Vec<String> = found.zone_databases.into_iter().collect();
        let period = ReportPeriod {
            by: by.map_or(NO_PERIODS, Grain::as_str).to_owned(),
            time_zone: periods.zone.to_string(),
            time_zone_database: databases.join(", "),
            since: periods.since.map(|since| since.to_string()),
            until: periods.until.map(|until| until.to_string()),
            known_on: known_on.map(|day| day.to_string()),
        };
        let (lines, degraded) = (found.lines, found.degraded);
        Ok(Lines { lines, dimensions, period, degraded, as_of, is_begun: false })
    }
}

impl Lines {
    /// The position that they cover.
    #[must_use]
    pub const fn as_of(&self) -> &Position {
        &self.as_of
    }

    /// As one answer.
    #[must_use]
    pub fn answer(&self) -> MoneyExport {
        MoneyExport {
            as_of: self.as_of.to_string(),
            period: self.period.clone(),
            dimensions: self.dimensions.iter().map(LineDimension::to_string).collect(),
            totals: tollgate_projection::reports::totals(&self.lines.total()),
            lines: self.lines.iter().map(|line| export_line(&line)).collect(),
            degraded_tasks: self.degraded,
        }
    }

    /// The next part of them as CSV; `None`: that was all.
    pub fn next_csv(&mut self) -> Option<Vec<u8>> {
        let (part, first) = self.next_part()?;
        let head = first.then(|| self.dimensions.clone());
        Some(export_csv(part.iter(), head.as_deref()).into_bytes())
    }

    /// The next lines, and whether they are the first ones. There is a first part even without lines.
    fn next_part(&mut self) -> Option<(MoneyLines, bool)> {
        let first = !std::mem::replace(&mut self.is_begun, true);
        let part = self.lines.take_first(LINES_AT_ONCE);
        (first || !part.is_empty()).then_some((part, first))
    }
}

impl FocusExport {
    /// The position that they cover.
    #[must_use]
    pub const fn as_of(&self) -> &Position {
        self.lines.as_of()
    }

    /// The next part of the rows as CSV; `None`: that was all.
    pub fn next_csv(&mut self) -> Option<Vec<u8>> {
        let Self { lines, options, rates } = self;
        let (part, first) = lines.next_part()?;
        let mut rows = Vec::new();
        for line in part.iter() {
            rows.extend(focus_rows(&line, rates.of_line(&line, &options.zone), options));
        }
        Some(focus_csv(rows.iter(), first))
    }
}

impl KnownRates {
    pub(super) fn under(settings: Arc<Settings>) -> Self {
        Self { settings, known: HashMap::new(), by_version: HashMap::new() }
    }

    /// Those that a line of a day was costed with: those of the beginning or the end of that day, if they are of the
    /// version that it names or it names none, otherwise those of that version.
    pub(super) fn of_line(&mut self, line: &MoneyLine<'_>, zone: &Zone) -> Option<&KindRates> {
        let named = |dimension: LineDimension| Some(line.value(&dimension)).filter(|value| !value.is_empty());
        let (provider, model) = (named(LineDimension::Provider), named(LineDimension::Model));
        let (tier, priced_with) = (named(LineDimension::ServiceTier), named(LineDimension::PriceVersion));
        // A correction is costed at the prices of the day that it corrects.
        let day = named(LineDimension::Corrects).or(line.period.map(|period| period.name.as_str()))?;
        let day: Day = day.parse().ok()?;
        let ends = [zone.start_of(day)?, zone.start_of(Day(day.0.saturating_add(1)))?.plus_millis(-1)];
        let matches = |known: &mut Self, at: &Timestamp| {
            let found = known.at(provider, model, tier, *at);
            found.is_some_and(|(version, _)| priced_with.is_none_or(|named| named == version))
        };
        match ends.into_iter().find(|at| matches(self, at)) {
            Some(at) => self.at(provider, model, tier, at).map(|(_, rates)| rates),
            // Another price was decided for that time since.
            None => self.by_version(provider, model, tier, ends[0], priced_with?),
        }
    }

    /// Those of a version, as costs name it.
    fn by_version(
        &mut self,
        provider: Option<&str>,
        model: Option<&str>,
        service_tier: Option<&str>,
        at: Timestamp,
        version: &str,
    ) -> Option<&KindRates> {
        let (book, aliases) = (&self.settings.prices, &self.settings.config.prices);
        let names =
            [provider, model, service_tier, Some(version)].map(|name| name.unwrap_or_default().to_owned());
        let found = self.by_version.entry((names, at)).or_insert_with(|| {
            let call = aliases.apply(Call { provider, model, service_tier, at });
            book.quote_by(version, call, &TokenCounts::default()).ok().map(|quote| KindRates::from(&quote))
        });
        found.as_ref()
    }

    /// Those of a model at a time.
    pub(super) fn of_model(
        &mut self,
        provider: Option<&str>,
        model: Option<&str>,
        at: Timestamp,
    ) -> Option<&KindRates> {
        self.at(provider, model, None, at).map(|(_, rates)| rates)
    }

    /// With the version of their prices.
    fn at(
        &mut self,
        provider: Option<&str>,
        model: Option<&str>,
        service_tier: Option<&str>,
        at: Timestamp,
    ) -> Option<&(String, KindRates)> {
        let (book, aliases) = (&self.settings.prices, &self.settings.config.prices);
        let names = [provider, model, service_tier].map(|name| name.unwrap_or_default().to_owned());
        let found = self.known.entry((names, at)).or_insert_with(|| {
            let call = aliases.apply(Call { provider, model, service_tier, at });
            let quote = book.quote(call, &TokenCounts::default()).ok()?;
            Some((quote.price_version.to_owned(), KindRates::from(&quote)))
        });
        found.as_ref()
    }
}

fn each_once(dimensions: impl IntoIterator<Item = LineDimension>) -> Vec<LineDimension> {
    let mut found = Vec::new();
    for dimension in dimensions {
        if !found.contains(&dimension) {
            found.push(dimension);
        }
    }
    found
}
