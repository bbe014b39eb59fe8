//! What was spent, for those who decide about money.

use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::budget::{Dimension, Scope, Spent};
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_projection::spending::{GroupKey, Grouping, SpentAsk, Summary};
use tollgate_projector::Wait;
use tollgate_projector::queries::{
    Nearest, NearestTo, SinceAnswer, SpentAnswer, SpentNow, SpentOf, SpentOnce, SpentSince, UsageSummaryOf,
    UsageSummaryPart,
};

use super::{Queries, VIEW_WAIT};
use crate::problem::{Answer, of_query};

impl Queries {
    /// What was spent in scopes and windows, and used of allocations: all as of one position, which is returned.
    ///
    /// Sums that were asked for lately are at hand; others are read from the rows once, and then kept.
    ///
    /// # Errors
    ///
    /// The problem to answer with: `stale` if the view does not get to the wanted position in time.
    pub async fn spent(
        &self,
        query: SpentOf,
        at_least: Option<&Position>,
        up_to: Duration,
    ) -> Answer<(SpentAnswer, Position)> {
        let waited = Stopwatch::start();
        let query = SpentNow(query);
        if let Some(found) = self.spent_now(&query, Wait { at_least, up_to }).await? {
            return Ok(found);
        }
        let group = PartitionId::of(&query.0.tenant, &query.0.tenant).index();
        let _filling = self.filling[group].lock().await;
        // Somebody else may have read them meanwhile.
        let wait = Wait { at_least, up_to: up_to.saturating_sub(waited.elapsed()) };
        if let Some(found) = self.spent_now(&query, wait).await? {
            return Ok(found);
        }
        let wait = Wait { at_least, up_to: up_to.saturating_sub(waited.elapsed()) };
        let asked = self.spending.ask_all(wait, &query.0).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut spent = SpentAnswer::default();
        parts.iter().for_each(|part| spent.merge(part));
        Ok((spent, as_of))
    }

    /// Sums, and what was used of allocations since a position, if all parts have it at hand.
    ///
    /// # Errors
    ///
    /// As for [`Self::spent`].
    pub(in crate::ledger) async fn spent_since(
        &self,
        query: &SpentSince,
        wait: Wait<'_>,
    ) -> Answer<Option<(SinceAnswer, Position)>> {
        let asked = self.spending.ask_all(wait, query).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut since = SinceAnswer::default();
        for part in parts {
            let Some(part) = part else { return Ok(None) };
            since.merge(&part);
        }
        Ok(Some((since, as_of)))
    }

    /// The same as [`Self::spent`], of sums that are not kept.
    ///
    /// # Errors
    ///
    /// As for [`Self::spent`].
    pub(in crate::ledger) async fn spent_once(&self, query: SpentOf, wait: Wait<'_>) -> Answer<SpentAnswer> {
        let asked = self.spending.ask_all(wait, &SpentOnce(query)).await;
        let mut spent = SpentAnswer::default();
        asked.map_err(|error| of_query(&error))?.0.iter().for_each(|part| spent.merge(part));
        Ok(spent)
    }

    /// What was spent in a scope by each value of a dimension, in order, after one of them: so many at most, and where
    /// the next ones begin, if there are more.
    ///
    /// # Errors
    ///
    /// As for [`Self::spent`].
    pub(in crate::ledger) async fn spent_by(
        &self,
        tenant: &TenantId,
        (scope, dimension): (&Scope, &Dimension),
        after: Option<GroupKey>,
        limit: usize,
        at_least: &Position,
    ) -> Answer<(Vec<(String, Spent)>, Option<GroupKey>)> {
        let ask = SpentAsk { scope: scope.clone(), from: None, to: None };
        let grouping = Grouping { ask, by: vec![dimension.clone()], periods: None, after, limit };
        let question = UsageSummaryOf { tenant: tenant.as_str().to_owned(), grouping };
        let wait = Wait { at_least: Some(at_least), up_to: VIEW_WAIT };
        let asked = self.spending.ask_all(wait, &question).await;
        let mut found = UsageSummaryPart::default();
        asked.map_err(|error| of_query(&error))?.0.into_iter().for_each(|part| found.merge(part, limit));
        let Summary { groups, more, .. } = found.summary;
        let next = groups.last_key_value().filter(|_| more).map(|(key, _)| key.clone());
        let named = groups.into_iter().filter_map(|(mut key, sums)| Some((key.values.pop()??, sums.spent)));
        Ok((named.collect(), next))
    }

    /// Which tasks or sessions spent the largest part of a limit that each has for itself, of each part so many.
    ///
    /// # Errors
    ///
    /// As for [`Self::spent`].
    pub(in crate::ledger) async fn nearest_to(
        &self,
        query: &NearestTo,
        at_least: &Position,
    ) -> Answer<Nearest> {
        let wait = Wait { at_least: Some(at_least), up_to: VIEW_WAIT };
        let asked = self.spending.ask_all(wait, query).await;
        let mut all = Nearest::default();
        for part in asked.map_err(|error| of_query(&error))?.0 {
            all.of.extend(part.of);
            all.more |= part.more;
            all.is_partial |= part.is_partial;
        }
        Ok(all)
    }

    /// The same as [`Self::spent`] if all parts have it at hand.
    async fn spent_now(&self, query: &SpentNow, wait: Wait<'_>) -> Answer<Option<(SpentAnswer, Position)>> {
        let asked = self.spending.ask_all(wait, query).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut spent = SpentAnswer::default();
        for part in parts {
            let Some(part) = part else { return Ok(None) };
            spent.merge(&part);
        }
        Ok(Some((spent, as_of)))
    }
}
