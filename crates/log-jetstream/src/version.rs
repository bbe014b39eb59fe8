//! What needs which server version: the only place where a version decides.

use std::fmt;

use tollgate_log::contract::Durability;

use crate::durability::DurabilityEvidence;
use crate::error::ConnectError;

/// The version of a server, as it reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    text: String,
    numbers: (u64, u64, u64),
}

/// From here on a replicated stream continues within seconds when its leader is lost. On 2.11 retries stay
/// unanswered for the two minutes in which ids are known; before that, several racing decisions may also win.
const REPLICAS: (u64, u64, u64) = (2, 12, 0);

/// From here on a server can be configured to sync before it acknowledges (`sync_interval: always`).
const SYNCS_WHEN_TOLD: (u64, u64, u64) = (2, 10, 0);

/// From here on a stream whose disk fails is stopped. Before, a full disk makes the server hang silently.
const STOPS_ON_DISK_ERRORS: (u64, u64, u64) = (2, 14, 0);

/// These can forget a whole stream when they are killed, however they sync.
const FORGET_STREAMS: [(u64, u64, u64); 3] = [(2, 10, 20), (2, 10, 21), (2, 10, 22)];

impl Version {
    pub(crate) fn of(client: &async_nats::Client) -> Self {
        Self::read(client.server_info().version)
    }

    pub(crate) fn read(text: String) -> Self {
        let mut numbers = text.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let numbers = (next(), next(), next());
        Self { text, numbers }
    }

    /// Whether it maintains this many replicas the way a ledger needs.
    pub(crate) fn check_replicas(&self, replicas: usize) -> Result<(), ConnectError> {
        if replicas > 1 && self.numbers < REPLICAS {
            return Err(ConnectError::Unsupported {
                version: self.text.clone(),
                what: format!(
                    "the stream has {replicas} replicas, which need 2.12 or newer: before, appends may hang for two minutes when a \
                     leader is lost, and before 2.11 two racing decisions may both win; upgrade the servers, or use one replica"
                ),
            });
        }
        Ok(())
    }

    /// Whether it can be configured to sync before it acknowledges.
    pub(crate) fn syncs_when_told(&self) -> bool {
        self.numbers >= SYNCS_WHEN_TOLD
    }

    /// When it syncs, given how it is known what an acknowledgement guarantees.
    pub(crate) fn sync_policy(&self, durability: Durability, evidence: &DurabilityEvidence) -> String {
        match (durability, evidence) {
            (Durability::Fsync, DurabilityEvidence::Declared) => {
                "syncs before it acknowledges, as declared".to_owned()
            }
            (Durability::Fsync, _) => format!("syncs before it acknowledges ({evidence})"),
            _ if self.syncs_when_told() => {
                "acknowledges before it syncs, unless its sync_interval is always".to_owned()
            }
            _ => "acknowledges before it syncs, which it does once a minute".to_owned(),
        }
    }

    /// What it does not promise with this many replicas and acknowledgements of this class, one sentence
    /// each.
    pub(crate) fn not_promised(&self, replicas: usize, durability: Durability) -> Vec<String> {
        let told = if self.syncs_when_told() { "" } else { ", and has no setting for that before 2.10" };
        let table = [
            (
                FORGET_STREAMS.contains(&self.numbers),
                "a killed server may forget the whole stream (2.10.20 to 2.10.22): upgrade it now".to_owned(),
            ),
            (
                replicas == 1,
                "one server has the only copy: what its disk loses is lost without a backup".to_owned(),
            ),
            (
                replicas == 1 && durability != Durability::Fsync,
                format!("a power cut can take the last acknowledged records: it syncs after it acknowledges{told}"),
            ),
            (
                replicas > 1 && durability != Durability::Fsync,
                "a power cut at more than one server at a time can take the last acknowledged records".to_owned(),
            ),
            (
                replicas > 1,
                "a store that was lost counts as a copy before it is filled again: no second one may fail until then"
                    .to_owned(),
            ),
            (
                self.numbers < STOPS_ON_DISK_ERRORS,
                "a full disk may hang the server without a word (before 2.14): keep max_bytes below it".to_owned(),
            ),
        ];
        table.into_iter().filter_map(|(so, what)| so.then_some(what)).collect()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_need_a_server_that_keeps_them() {
        let table = [
            ("2.9.10", 1, true),
            ("2.9.10", 3, false),
            ("2.10.29", 3, false),
            ("2.11.11", 1, true),
            ("2.11.11", 3, false),
            ("2.12.0", 3, true),
            ("2.12.1-RC.2", 3, true),
            ("3.0.0", 5, true),
            ("strange", 3, false),
        ];
        for (version, replicas, fine) in table {
            let checked = Version::read(version.to_owned()).check_replicas(replicas);
            assert_eq!(checked.is_ok(), fine, "{version} with {replicas}");
        }
    }

    #[test]
    fn what_a_version_does_not_promise() {
        use Durability::{Fsync, PageCache, Replicated};
        let (copy, minute, power) =
            ("the only copy", "no setting for that before 2.10", "the last acknowledged records");
        let (two, wiped) = ("more than one server at a time", "no second one may fail");
        let (disk, forgets) = ("a full disk", "forget the whole stream");
        let table: &[(&str, usize, Durability, &[&str])] = &[
            ("2.9.10", 1, PageCache, &[copy, minute, disk]),
            ("2.9.10", 1, Fsync, &[copy, disk]),
            ("2.10.21", 1, PageCache, &[forgets, copy, power, disk]),
            ("2.10.23", 1, Fsync, &[copy, disk]),
            ("2.12.0", 3, Replicated, &[two, wiped, disk]),
            ("2.12.8", 3, Fsync, &[wiped, disk]),
            ("2.15.1", 1, PageCache, &[copy, power]),
            ("2.15.1", 3, Replicated, &[two, wiped]),
            ("2.15.1", 3, Fsync, &[wiped]),
        ];
        for (version, replicas, durability, expected) in table {
            let found = Version::read((*version).to_owned()).not_promised(*replicas, *durability);
            let fits = found.len() == expected.len()
                && found.iter().zip(*expected).all(|(found, expected)| found.contains(expected));
            assert!(fits, "{version}, {replicas}, {durability}: {found:#?}");
        }
    }

    #[test]
    fn when_it_syncs_is_said_as_far_as_it_is_known() {
        let monitor = DurabilityEvidence::Monitor("http://m:8222".to_owned());
        let table = [
            ("2.9.10", Durability::PageCache, DurabilityEvidence::Stock, "once a minute"),
            ("2.15.1", Durability::Replicated, DurabilityEvidence::Replicas(3), "unless its sync_interval"),
            ("2.15.1", Durability::Fsync, monitor, "before it acknowledges (http://m:8222"),
            ("2.9.10", Durability::Fsync, DurabilityEvidence::Declared, "as declared"),
        ];
        for (version, durability, evidence, part) in table {
            let said = Version::read(version.to_owned()).sync_policy(durability, &evidence);
            assert!(said.contains(part), "{version}: {said}");
        }
    }
}
