//! What a few rows add to the entries that they share: those are then changed once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_domain::time::{Day, Timestamp};

use super::day;
use super::entry::{Entry, TenantFigures, ledger_key, week_key};
use super::part::Part;
use super::sums::FacetSums;
use super::tally::Tally;
use crate::fold::Entries;
use crate::overview::Figure;

/// What rows add to entries that they share, or take back from them.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Under the keys of sums.
    sums: BTreeMap<Vec<u8>, FacetSums>,
    tenants: BTreeMap<String, OfTenant>,
}

#[derive(Debug, Default)]
struct OfTenant {
    weeks: BTreeMap<Day, BTreeMap<Figure, i128>>,
    reviews: [i64; 3],
    last_at: Timestamp,
}

impl Gathered {
    pub(super) fn of_facets(&mut self, tenant: &str, was: Option<&Part>, now: &Part) {
        if was.is_some_and(|was| was.facet == now.facet && was.sums == now.sums && was.began == now.began) {
            return;
        }
        let keys =
            |part: &Part| [part.facet.sums_key(tenant), day::sums_key(tenant, part.began, &part.facet)];
        if let Some(was) = was {
            for key in keys(was) {
                self.sums.entry(key).or_default().take_back(&was.sums);
            }
        }
        for key in keys(now) {
            self.sums.entry(key).or_default().add(&now.sums);
        }
    }

    pub(super) fn of_ledger(&mut self, tenant: &str, was: Option<&Part>, now: &Part) {
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.to_owned(), OfTenant::default());
        }
        let Some(of_tenant) = self.tenants.get_mut(tenant) else { return };
        of_tenant.last_at = of_tenant.last_at.max(now.last_at);
        let before = was.map(|was| was.reviews).unwrap_or_default();
        for ((count, was), now) in of_tenant.reviews.iter_mut().zip(before).zip(now.reviews) {
            *count = count.wrapping_add(now.into()).wrapping_sub(was.into());
        }
        let was = was.map_or(&[][..], |was| &was.figures);
        if was.len() == now.figures.len() {
            for (was, now) in was.iter().zip(&now.figures).filter(|(was, now)| was != now) {
                of_tenant.put(was, false);
                of_tenant.put(now, true);
            }
        } else {
            was.iter().for_each(|figure| of_tenant.put(figure, false));
            now.figures.iter().for_each(|figure| of_tenant.put(figure, true));
        }
    }

    /// Changes the entries.
    pub(super) fn settle<E: Entries<Entry>>(self, entries: &mut E) -> Result<(), E::Error> {
        for (key, gathered) in self.sums {
            let Entry::Sums(sums) = entries.change(&key, || Entry::Sums(Box::default()))? else { continue };
            sums.add(&gathered);
            if sums.tasks == 0 {
                let gone = Entry::Sums(sums.clone());
                entries.remove(&key, gone);
            }
        }
        for (tenant, gathered) in &self.tenants {
            for tenant in [Some(tenant.as_str()), None] {
                gathered.settle(tenant, entries)?;
            }
        }
        Ok(())
    }
}

impl OfTenant {
    fn put(&mut self, (week, figure, amount): &(Day, Figure, u64), is_new: bool) {
        let week = self.weeks.entry(*week).or_default();
        let amount = i128::from(*amount);
        let amount = if is_new { amount } else { amount.wrapping_neg() };
        match week.get_mut(figure) {
            Some(sum) => *sum = sum.wrapping_add(amount),
            None => {
                week.insert(figure.clone(), amount);
            }
        }
    }

    fn settle<E: Entries<Entry>>(&self, tenant: Option<&str>, entries: &mut E) -> Result<(), E::Error> {
        let entry = entries.change(&ledger_key(tenant), || Entry::Tenant(TenantFigures::default()))?;
        if let Entry::Tenant(ledger) = entry {
            ledger.last_at = ledger.last_at.max(self.last_at);
            for (count, gathered) in ledger.reviews.iter_mut().zip(self.reviews) {
                *count = count.wrapping_add_signed(gathered);
            }
        }
        for (week, figures) in &self.weeks {
            if figures.values().all(|amount| *amount == 0) {
                continue;
            }
            let key = week_key(tenant, *week);
            let Entry::Week(tally) = entries.change(&key, || Entry::Week(Arc::default()))? else { continue };
            let changed: &mut Tally = Arc::make_mut(tally);
            figures.iter().for_each(|(figure, amount)| changed.add(figure, *amount));
            if changed.is_empty() {
                let gone = Entry::Week(Arc::clone(tally));
                entries.remove(&key, gone);
            }
        }
        Ok(())
    }
}
