//! The settings that came into force last, as stored in the log: servers started without settings use these.

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{EventBody, LedgerEvent, RecordedEvent};
use tollgate_domain::time::Timestamp;

use super::ReportRow;
use crate::fold::Rows;

/// The key of the one row.
pub const LAST_SETTINGS: &[u8] = b"s";

/// What came into force last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSettings {
    /// The config; `None`: the log has none.
    pub config: Option<LastConfig>,
    /// The price book; `None`: the log has none.
    pub prices: Option<LastPrices>,
}

/// The config that came into force last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastConfig {
    /// Its hash.
    pub hash: String,
    /// Its canonical content. Empty: the log has only the hash.
    pub canonical: String,
    /// The file it came from, or `built-in`.
    pub source: String,
    /// When it was first recorded, with no other one since.
    pub since: Timestamp,
}

/// The price book that came into force last. The log has its version, not its prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPrices {
    /// Its version: a name and a hash of its text.
    pub version: String,
    /// The file it came from, or `shipped`.
    pub source: String,
    /// When it was first recorded, with no other one since.
    pub since: Timestamp,
}

impl LastSettings {
    /// Folds an event; events about anything else change nothing.
    pub fn apply(&mut self, event: &RecordedEvent<'_>) {
        let since = event.recorded_at;
        // A config recorded again, by another server or from another file, has been in force since the first time.
        if let EventBody::Ledger(LedgerEvent::ConfigLoaded(loaded)) = event.body
            && self.config.as_ref().is_none_or(|last| last.hash != loaded.config_hash)
        {
            self.config = Some(LastConfig {
                hash: loaded.config_hash.clone(),
                canonical: loaded.canonical.clone(),
                source: loaded.source.clone(),
                since,
            });
        }
        if let EventBody::Ledger(LedgerEvent::PriceBookLoaded(loaded)) = event.body
            && self.prices.as_ref().is_none_or(|last| last.version != loaded.price_version)
        {
            self.prices = Some(LastPrices {
                version: loaded.price_version.clone(),
                source: loaded.source.clone(),
                since,
            });
        }
    }
}

/// Records what came into force.
pub(super) fn note<R: Rows<ReportRow>>(rows: &mut R, event: &RecordedEvent<'_>) -> Result<(), R::Error> {
    if let ReportRow::LastSettings(last) =
        rows.change(LAST_SETTINGS, || ReportRow::LastSettings(Box::default()))?
    {
        last.apply(event);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tollgate_domain::event::{ConfigLoaded, PriceBookLoaded};
    use tollgate_domain::position::{PartitionId, Sequence};

    use super::*;

    fn config(hash: &str, source: &str) -> EventBody {
        let (config_hash, canonical, source) = (hash.to_owned(), format!("{hash}'s"), source.to_owned());
        EventBody::from(ConfigLoaded { config_hash, canonical, source })
    }

    fn prices(version: &str) -> EventBody {
        let (price_version, source) = (version.to_owned(), "p.json".to_owned());
        EventBody::from(PriceBookLoaded { price_version, source, models: 1 })
    }

    #[test]
    fn the_last_one_counts_since_it_was_recorded_without_another_between() {
        for (bodies, expected) in [
            (vec![], (None, None)),
            (vec![config("a", "a.yaml")], (Some(("a", "a.yaml", 1)), None)),
            (vec![config("a", "a.yaml"), config("b", "b.yaml")], (Some(("b", "b.yaml", 2)), None)),
            (
                vec![config("a", "a.yaml"), config("b", "b.yaml"), config("a", "c.yaml")],
                (Some(("a", "c.yaml", 3)), None),
            ),
            (vec![config("a", "a.yaml"), config("a", "b.yaml")], (Some(("a", "a.yaml", 1)), None)),
            (
                vec![prices("p@1"), config("a", "a.yaml"), prices("p@1")],
                (Some(("a", "a.yaml", 2)), Some(("p@1", 1))),
            ),
            (vec![prices("p@1"), prices("p@2")], (None, Some(("p@2", 2)))),
        ] {
            let mut last = LastSettings::default();
            for (nth, body) in bodies.iter().enumerate() {
                let at = Timestamp::from_micros(i64::try_from(nth).unwrap() + 1).unwrap();
                let event = RecordedEvent {
                    sequence: Sequence(nth as u64 + 1),
                    partition: PartitionId::of("t", "t"),
                    recorded_at: at,
                    tenant: "t",
                    task: "t",
                    producer: "p",
                    id: "i",
                    occurred_at: at,
                    body,
                };
                last.apply(&event);
            }
            let found = (
                last.config.as_ref().map(|it| (it.hash.as_str(), it.source.as_str(), it.since.micros())),
                last.prices.as_ref().map(|it| (it.version.as_str(), it.since.micros())),
            );
            assert_eq!(found, expected);
        }
    }
}
