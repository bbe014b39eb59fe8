//! Where a reader's chain begins. The stream stores no chain: readers compute it from its first record. What was
//! computed once is remembered, so that a later reader of the process begins near where it is asked to.

use std::collections::BTreeMap;

use tollgate_domain::position::{PARTITIONS, PartitionId, Sequence};
use tollgate_log::contract::Partitions;
use tollgate_log::key::{ChainHash, RecordHash};

/// Records between two anchors of a reader: so many are read again at most.
pub(crate) const ANCHOR_EVERY: u64 = 1024;

/// Chains that were computed, by the sequence they contain everything up to.
#[derive(Debug, Default)]
pub(crate) struct Anchors {
    partitions: [BTreeMap<Sequence, ChainHash>; PARTITIONS],
}

/// The chains of a reader's partitions.
#[derive(Clone, Debug)]
pub(crate) struct Chains {
    /// Everything up to here is in them.
    pub(crate) through: Sequence,
    chains: [ChainHash; PARTITIONS],
}

impl Anchors {
    /// The latest chains of these partitions, all through the same sequence, at or before `after`.
    pub(crate) fn before(&self, partitions: Partitions, after: Sequence) -> Chains {
        let wanted = || PartitionId::all().filter(|partition| partitions.contains(*partition));
        let latest = |partition: PartitionId, through: Sequence| {
            self.partitions[partition.index()].range(..=through).next_back().map(|(at, chain)| (*at, *chain))
        };
        // All must have an anchor at the same place; the latest one that each has at or before it need not be the same.
        let mut through = after;
        loop {
            let reached =
                wanted().map(|partition| latest(partition, through).map_or(Sequence::ZERO, |(at, _)| at));
            let lowest = reached.min().unwrap_or_default();
            if lowest == through || lowest == Sequence::ZERO {
                through = lowest;
                break;
            }
            through = lowest;
        }
        let mut chains = [ChainHash::START; PARTITIONS];
        for partition in wanted() {
            if let Some((at, chain)) = latest(partition, through)
                && at == through
            {
                chains[partition.index()] = chain;
            }
        }
        Chains { through, chains }
    }

    /// Remembers the chains of a reader.
    pub(crate) fn remember(&mut self, partitions: Partitions, chains: &Chains) {
        for partition in PartitionId::all().filter(|partition| partitions.contains(*partition)) {
            let chain = chains.chains[partition.index()];
            self.partitions[partition.index()].insert(chains.through, chain);
        }
    }
}

impl Chains {
    /// At a place where they are not known.
    pub(crate) const fn unknown(through: Sequence) -> Self {
        Self { through, chains: [ChainHash::START; PARTITIONS] }
    }

    /// The chain of a partition after one more record.
    pub(crate) fn advance(&mut self, partition: PartitionId, record: RecordHash) -> ChainHash {
        let chain = &mut self.chains[partition.index()];
        *chain = chain.then(record);
        *chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(through: u64, partitions: &[u8]) -> Chains {
        let mut chains = Anchors::default().before(Partitions::ALL, Sequence::ZERO);
        for number in partitions {
            let partition = PartitionId::new(*number).unwrap();
            chains.advance(partition, RecordHash([*number; 32]));
        }
        chains.through = Sequence(through);
        chains
    }

    #[test]
    fn a_reader_begins_at_the_latest_anchor_that_all_its_partitions_have() {
        let one = PartitionId::new(1).unwrap();
        let mut anchors = Anchors::default();
        anchors.remember(Partitions::ALL, &chains(10, &[1]));
        anchors.remember(Partitions::only(one), &chains(20, &[1]));
        anchors.remember(Partitions::ALL, &chains(30, &[2]));
        let cases = [
            (Partitions::ALL, 9, 0),
            (Partitions::ALL, 10, 10),
            (Partitions::ALL, 29, 10),
            (Partitions::ALL, 99, 30),
            (Partitions::only(one), 29, 20),
            (Partitions::only(one), 19, 10),
        ];
        for (partitions, after, through) in cases {
            let found = anchors.before(partitions, Sequence(after));
            assert_eq!(found.through, Sequence(through), "{partitions:?} after {after}");
        }
        let found = anchors.before(Partitions::ALL, Sequence(10));
        assert_eq!(found.chains[1], ChainHash::START.then(RecordHash([1; 32])));
        assert_eq!(found.chains[2], ChainHash::START);
    }
}
