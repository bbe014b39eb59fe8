//! A provider's bills beside the ledger: how they differ by day and model, and what that comes from.
//!
//! Both sides name a model by one name ([`PriceBook::one_name`](tollgate_domain::price::PriceBook::one_name)). A
//! snapshot and the model that it is of are one row where only one side tells them apart.
//!
//! Every explanation is a part of the difference, and what is left is said to be unexplained. Nothing is explained by
//! what only might be: a rate only where both sides have the same tokens.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::event::BillLine;
use tollgate_domain::money::Usd;
use tollgate_domain::time::Day;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::UnitSums;
use tollgate_wire::api::{BillComparisonRow, BillReason, ComparedAmounts, ExplainedDifference};

use super::{KindRates, LineDimension, MoneyLine};
use crate::report::{narrow, unit_totals};

/// What lines by day have to be told apart by to be compared with bills.
pub const RECONCILED_BY: [LineDimension; 4] =
    [LineDimension::Provider, LineDimension::Model, LineDimension::PriceVersion, LineDimension::Corrects];

/// Bills and usage of one provider, to be compared.
#[derive(Clone, Debug, Default)]
pub struct Reconciliation {
    /// Days that a bill covers: only these are compared.
    covered: BTreeSet<Day>,
    models: BTreeMap<String, Model>,
}

/// A model in the days that are compared.
#[derive(Clone, Debug, Default)]
struct Model {
    /// As both sides spell it.
    spelled: BTreeSet<String>,
    days: BTreeMap<Day, Row>,
}

/// A model on a day.
#[derive(Clone, Debug, Default)]
struct Row {
    is_billed: bool,
    billed: Usd,
    /// `None`: some line of the bill does not say.
    billed_tokens: Option<i128>,
    is_used: bool,
    cost: Usd,
    tokens: i128,
    unpriced: TokenSums,
    /// How many tokens have no price yet.
    unpriced_left: i128,
    /// And how much else.
    unpriced_units: UnitSums,
    /// What was added for tokens that had no price when they were recorded.
    priced_since: Usd,
    /// What corrections recorded on other days change about this day, less what those recorded on this day change about
    /// others.
    restated: Usd,
    restated_tokens: i128,
    explained: Vec<(BillReason, Usd)>,
    /// What is not explained yet.
    rest: Usd,
}

impl Reconciliation {
    /// A bill covers a day.
    pub fn cover(&mut self, day: Day) {
        self.covered.insert(day);
    }

    /// Adds a line of a bill; `model`: the one name of its model.
    pub fn bill(&mut self, day: Day, line: &BillLine, model: &str) {
        let row = self.row((model, &line.model), day);
        let known = if row.is_billed { row.billed_tokens } else { Some(0) };
        row.billed_tokens = known.zip(line.tokens).map(|(sum, more)| sum.saturating_add(more.into()));
        row.is_billed = true;
        row.billed = row.billed.saturating_add(line.amount);
    }

    /// Adds a line of the ledger by day, told apart by [`RECONCILED_BY`]; `model`: the one name of its model.
    pub fn usage(&mut self, line: &MoneyLine<'_>, model: &str) {
        let Some(day) = line.period.and_then(|period| period.name.parse::<Day>().ok()) else { return };
        let (model, sums) = ((model, line.value(&LineDimension::Model)), line.sums);
        let of = line.value(&LineDimension::Corrects).parse().unwrap_or(day);
        // What has a price now is of the day of the usage, whenever that was said, as what has none is.
        let row = self.row(model, of);
        row.unpriced_left = row.unpriced_left.saturating_add(sums.unpriced_tokens);
        row.unpriced_units.add(&sums.units.unpriced);
        row.priced_since = row.priced_since.saturating_add(sums.newly_priced);
        let (corrects, version) =
            (line.value(&LineDimension::Corrects), line.value(&LineDimension::PriceVersion));
        if version.is_empty() && (sums.unpriced_tokens != 0 || !corrects.is_empty()) {
            row.unpriced.add(&sums.tokens);
        }
        let row = self.row(model, day);
        row.is_used = true;
        row.cost = row.cost.saturating_add(sums.cost);
        row.tokens = row.tokens.saturating_add(sums.tokens.total());
        if of == day {
            return;
        }
        row.restated = negated(sums.cost).saturating_add(row.restated);
        row.restated_tokens = row.restated_tokens.saturating_sub(sums.tokens.total());
        let other = self.row(model, of);
        other.restated = other.restated.saturating_add(sums.cost);
        other.restated_tokens = other.restated_tokens.saturating_add(sums.tokens.total());
    }

    fn row(&mut self, (model, spelled): (&str, &str), day: Day) -> &mut Row {
        let model = self.models.entry(model.to_owned()).or_default();
        if !model.spelled.contains(spelled) {
            model.spelled.insert(spelled.to_owned());
        }
        model.days.entry(day).or_default()
    }

    /// How many days a bill covers.
    #[must_use]
    pub fn covered_days(&self) -> usize {
        self.covered.len()
    }

    /// The comparison of the days that are covered, in order of days and models, and of all of them together. `rates`
    /// are those of a model at the prices in force.
    #[must_use]
    pub fn compare(
        mut self,
        mut rates: impl FnMut(&str) -> Option<KindRates>,
    ) -> (Vec<BillComparisonRow>, ComparedAmounts) {
        let mut found = BTreeMap::new();
        let mut total = Row { billed_tokens: Some(0), ..Row::default() };
        for model in self.models.values_mut() {
            model.days.retain(|day, row| self.covered.contains(day) && (row.is_billed || row.is_used));
        }
        self.models.retain(|_, model| !model.days.is_empty());
        for (name, Model { spelled, mut days }) in names::joined(self.models) {
            let rates = rates(&name);
            days.values_mut().for_each(|row| row.explain_alone(rates.as_ref()));
            explain_neighbours(&mut days);
            let (billed, used) =
                (days.values().any(|row| row.is_billed), days.values().any(|row| row.is_used));
            days.values_mut().for_each(|row| row.explain_rest(billed, used));
            let shown = names::shown(&name, &spelled);
            for (day, row) in days {
                total.add(&row);
                found.insert((day, shown.clone(), name.clone()), (row, spelled.clone()));
            }
        }
        let rows = found.into_iter().map(|((day, model, _), (row, spelled))| BillComparisonRow {
            day: day.to_string(),
            names: spelled.into_iter().filter(|name| *name != model && !name.is_empty()).collect(),
            model,
            amounts: row.amounts(),
            explained: row.explained.iter().map(|(reason, amount)| sentence(*reason, *amount)).collect(),
        });
        (rows.collect(), total.amounts())
    }
}

impl Row {
    fn difference(&self) -> Usd {
        self.billed.saturating_add(negated(self.cost))
    }

    /// Billed − ledger, in tokens; `None`: the bill does not say.
    fn tokens_apart(&self) -> Option<i128> {
        let ledger = self.tokens.saturating_add(self.restated_tokens);
        let billed = if self.is_billed { self.billed_tokens? } else { 0 };
        Some(billed.saturating_sub(ledger))
    }

    fn note(&mut self, reason: BillReason, amount: Usd) {
        if amount != Usd::ZERO {
            self.explained.push((reason, amount));
            self.rest = self.rest.saturating_add(negated(amount));
        }
    }

    /// What the ledger itself knows about the difference.
    fn explain_alone(&mut self, rates: Option<&KindRates>) {
        self.rest = self.difference();
        // Where both sides agree, the bill has a correction on the day on which the ledger has it.
        if self.rest == Usd::ZERO {
            return;
        }
        self.note(BillReason::Correction, self.restated);
        let now = rates.and_then(|rates| rates.cost(&self.unpriced)).unwrap_or_default();
        if self.unpriced_left > 0 {
            // What was priced since is in the ledger's own sum already.
            self.note(BillReason::Unpriced, now.saturating_add(negated(self.priced_since)));
        }
    }

    /// Whether both sides are about something else than tokens, and the ledger has no price for it.
    fn is_without_tokens(&self) -> bool {
        let ledger = self.tokens.saturating_add(self.restated_tokens);
        self.billed_tokens.is_none() && ledger == 0 && !self.unpriced_units.is_empty()
    }

    /// What is known once all days of the model are: whether a side has it at all.
    fn explain_rest(&mut self, billed: bool, used: bool) {
        if !used {
            self.note(BillReason::NotInLedger, self.rest);
        } else if !billed {
            self.note(BillReason::NotBilled, self.rest);
        } else if self.is_billed
            && self.is_used
            && (self.tokens_apart() == Some(0) || self.is_without_tokens())
        {
            let without = (self.unpriced_left > 0 || !self.unpriced_units.is_empty())
                && !self.explained.iter().any(|(reason, _)| *reason == BillReason::Unpriced);
            self.note(if without { BillReason::Unpriced } else { BillReason::Rate }, self.rest);
        }
    }

    /// Adds what is said of the same day of another name of the model.
    fn absorb(&mut self, other: &Self) {
        self.billed_tokens = match (self.is_billed, other.is_billed) {
            (true, true) => {
                self.billed_tokens.zip(other.billed_tokens).map(|(one, two)| one.saturating_add(two))
            }
            (true, false) => self.billed_tokens,
            (false, _) => other.billed_tokens,
        };
        self.is_billed |= other.is_billed;
        self.is_used |= other.is_used;
        self.billed = self.billed.saturating_add(other.billed);
        self.cost = self.cost.saturating_add(other.cost);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.unpriced.add(&other.unpriced);
        self.unpriced_left = self.unpriced_left.saturating_add(other.unpriced_left);
        self.unpriced_units.add(&other.unpriced_units);
        self.priced_since = self.priced_since.saturating_add(other.priced_since);
        self.restated = self.restated.saturating_add(other.restated);
        self.restated_tokens = self.restated_tokens.saturating_add(other.restated_tokens);
    }

    fn add(&mut self, other: &Self) {
        self.billed = self.billed.saturating_add(other.billed);
        let tokens = if other.is_billed { other.billed_tokens } else { Some(0) };
        self.billed_tokens = self.billed_tokens.zip(tokens).map(|(one, two)| one.saturating_add(two));
        self.cost = self.cost.saturating_add(other.cost);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.unpriced_left = self.unpriced_left.saturating_add(other.unpriced_left);
        self.unpriced_units.add(&other.unpriced_units);
        self.rest = self.rest.saturating_add(other.rest);
        self.is_billed |= other.is_billed;
    }

    fn amounts(&self) -> ComparedAmounts {
        let tokens = self.billed_tokens.filter(|_| self.is_billed);
        ComparedAmounts {
            billed_usd: self.billed.to_string(),
            ledger_usd: self.cost.to_string(),
            difference_usd: self.difference().to_string(),
            difference_percent: percent(self.difference(), self.cost),
            billed_tokens: tokens.map(|tokens| u64::try_from(tokens).unwrap_or_default()),
            ledger_tokens: narrow(self.tokens),
            unpriced_tokens: narrow(self.unpriced_left),
            unpriced_units: unit_totals(&self.unpriced_units),
            unexplained_usd: self.rest.to_string(),
        }
    }
}

/// What one side has on a day and the other on the next: differences of opposite signs, as far as they cancel.
/// Where the bill says how many tokens it is about, they have to be apart the same way.
fn explain_neighbours(days: &mut BTreeMap<Day, Row>) {
    let dates: Vec<Day> = days.keys().copied().collect();
    for day in dates {
        let next = Day(day.0.saturating_add(1));
        let (Some(one), Some(two)) = (days.get(&day), days.get(&next)) else { continue };
        let (here, there) = (one.rest.units(), two.rest.units());
        let apart = one.tokens_apart().zip(two.tokens_apart());
        let same_way =
            apart.is_none_or(|(one, two)| one.signum() == here.signum() && two.signum() == there.signum());
        if here.signum().saturating_mul(there.signum()) >= 0 || !same_way {
            continue;
        }
        let moved = here.saturating_abs().min(there.saturating_abs());
        for (day, sign) in [(day, here.signum()), (next, there.signum())] {
            if let Some(row) = days.get_mut(&day) {
                row.note(BillReason::NeighbouringDay, Usd::from_units(moved.saturating_mul(sign)));
            }
        }
    }
}

fn sentence(reason: BillReason, amount: Usd) -> ExplainedDifference {
    let note = match reason {
        BillReason::Correction => "corrections that the ledger recorded on another day than the usage",
        BillReason::Unpriced => "usage that had no price when it was recorded",
        BillReason::NeighbouringDay => "usage that the other side has on the day before or after",
        BillReason::NotInLedger => "the ledger has no usage of this model in these days",
        BillReason::NotBilled => "the bill has nothing for this model in these days",
        BillReason::Rate => "the same tokens at another price",
    };
    ExplainedDifference { reason, amount_usd: amount.to_string(), note: note.to_owned() }
}

/// A part in percent of a whole, with two decimal places, rounded towards zero.
fn percent(part: Usd, whole: Usd) -> Option<String> {
    let hundredths = part.units().checked_mul(10_000)?.checked_div(whole.units().checked_abs()?)?;
    let sign = if hundredths < 0 { "-" } else { "" };
    let count = hundredths.unsigned_abs();
    let (percent, rest) =
        (count.checked_div(100).unwrap_or_default(), count.checked_rem(100).unwrap_or_default());
    Some(format!("{sign}{percent}.{rest:02}"))
}

fn negated(usd: Usd) -> Usd {
    Usd::from_units(usd.units().saturating_neg())
}

mod names;

#[cfg(test)]
mod tests;
