//! How far behind the views are, and what they cannot read.

use std::collections::BTreeMap;

use tollgate_domain::config::WatchConfig;
use tollgate_domain::event::ConditionObserved;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::Partitions;
use tollgate_projection::alerts::watch::{foreign, lag, unreadable};
use tollgate_projection::fold::Projection;
use tollgate_projection::status::Status;
use tollgate_wire::api::ViewHealth;

use super::{Watch, WatchError};
use crate::view::FOREIGN;

/// How many records before a foreign message are searched for one with a time.
const LOOKED_BACK: usize = 100;

impl Watch {
    /// Examines how far behind the views are, and what they cannot read; returns the number of observations
    /// written.
    pub(super) async fn look_at_views(&mut self) -> Result<usize, WatchError> {
        let (now, config) = (self.clock.now(), (self.config)());
        let tail = self.log.tail().await?;
        let (mut found, mut late) = (BTreeMap::new(), BTreeMap::new());
        let mut health = self.views.status.health().await;
        health.extend(self.views.reports.health().await);
        health.extend(self.views.alerts.health().await);
        health.extend(self.views.spending.health().await);
        for part in &health {
            for (seen, lacks) in self.lags(part, now, &config).await? {
                if self.late.get(&seen.condition).is_some_and(|tail| lacks <= *tail) {
                    found.insert(seen.condition.clone(), seen.clone());
                }
                late.insert(seen.condition, tail.highest());
            }
            for seen in self.unreadable(part).await? {
                found.insert(seen.condition.clone(), seen);
            }
        }
        (self.late, self.looked) = (late, Some((tail, now)));
        let begun: Vec<_> =
            found.values().filter(|seen| !self.of_views.contains_key(&seen.condition)).cloned().collect();
        // Nothing is known about a part that does not answer: what held for it stays.
        let silent = health.iter().any(|part| part.as_of.is_empty());
        let ended: Vec<_> = self
            .of_views
            .values()
            .filter(|seen| !silent && !found.contains_key(&seen.condition))
            .map(|seen| ConditionObserved { active: false, threshold_ms: 0, ..seen.clone() })
            .collect();
        let (tenant, task) = (TenantId::ledger(), TaskId::ledger());
        let all: Vec<_> = begun.iter().chain(&ended).cloned().collect();
        if all.is_empty() {
            return Ok(0);
        }
        self.write(&tenant, &task, &all).await?;
        for seen in ended {
            self.of_views.remove(&seen.condition);
        }
        self.of_views.extend(begun.into_iter().map(|seen| (seen.condition.clone(), seen)));
        Ok(all.len())
    }

    /// The partitions of a view that lack a record older than allowed, with that record. A view that was late
    /// stays late until it has caught up, or nearly.
    async fn lags(
        &self,
        part: &ViewHealth,
        now: Timestamp,
        config: &WatchConfig,
    ) -> Result<Vec<(ConditionObserved, Sequence)>, WatchError> {
        let mut found = Vec::new();
        let Ok(as_of) = part.as_of.parse::<Position>() else { return Ok(found) };
        if config.lag_after_ms == 0 {
            return Ok(found);
        }
        for partition in part.partition_lag_records.keys().filter_map(|number| PartitionId::new(*number)) {
            if self.lacks_only_new(partition, &as_of, now, config) {
                continue;
            }
            let only = Partitions::only(partition);
            let mut reader = self.log.read_unchained(only, as_of.get(partition)).await?;
            // It may have caught up in the meantime.
            let Some(first) = reader.try_next().await?.into_iter().next() else { continue };
            let seen = lag(&part.view, partition, first.record.recorded_at(), true, config);
            let half = i64::try_from(config.lag_after_ms.div_euclid(2)).unwrap_or(i64::MAX);
            let known = self.of_views.contains_key(&seen.condition);
            if seen.due() <= now || (known && seen.since.plus_millis(half) <= now) {
                found.push((seen, first.sequence));
            }
        }
        Ok(found)
    }

    /// Whether a view has everything that was there at the last look, and that look was too recent for
    /// anything since then to be late: in that case nothing has to be read. A view that folds in groups lacks
    /// the latest records at most looks.
    fn lacks_only_new(
        &self,
        partition: PartitionId,
        as_of: &Position,
        now: Timestamp,
        config: &WatchConfig,
    ) -> bool {
        self.looked.as_ref().is_some_and(|(tail, at)| {
            let since = u64::try_from(now.millis_since(*at)).unwrap_or(u64::MAX);
            as_of.get(partition) >= tail.get(partition) && since < config.lag_after_ms / 2
        })
    }

    /// The partitions of a view that have an unreadable record.
    async fn unreadable(&self, part: &ViewHealth) -> Result<Vec<ConditionObserved>, WatchError> {
        let mut first: BTreeMap<PartitionId, Sequence> = BTreeMap::new();
        let (passed, waiting): (Vec<_>, Vec<_>) =
            part.quarantined.iter().filter(|task| task.sequence > 0).partition(|task| task.task == FOREIGN);
        for task in waiting {
            let sequence = Sequence(task.sequence);
            let known = first.entry(PartitionId::of(&task.tenant, &task.task)).or_insert(sequence);
            *known = (*known).min(sequence);
        }
        let mut found = Vec::new();
        for (partition, sequence) in first {
            // An unreadable frame stops the view; this one can be read.
            let Some(record) = self.log.record_at(sequence).await? else { continue };
            found.push(unreadable(&part.view, partition, sequence.0, record.recorded_at(), true));
        }
        // Every view passes over them; only one of them reports it.
        for task in passed.into_iter().filter(|_| part.view == Status::NAME) {
            let sequence = Sequence(task.sequence);
            let Some(record) = self.log.record_at(sequence).await? else { continue };
            let after = self.time_before(sequence).await?;
            found.push(foreign(&part.view, record.partition(), sequence.0, &task.error, after));
        }
        Ok(found)
    }

    /// When the last record before this one was appended; if there is none, when the log was created.
    async fn time_before(&self, sequence: Sequence) -> Result<Timestamp, WatchError> {
        for before in (1..sequence.0).rev().take(LOOKED_BACK) {
            if let Some(record) = self.log.record_at(Sequence(before)).await?
                && record.foreign().is_none()
            {
                return Ok(record.recorded_at());
            }
        }
        Ok(self.log.epoch().created_at)
    }
}
