//! Where a reader's chain begins. The stream stores no chain: readers compute it from its first record.
//! Computed chains are remembered, so that a later reader of the process begins close to where it was asked
//! to.

use std::collections::BTreeMap;

use tollgate_domain::position::{PARTITIONS, PartitionId, Sequence};
use tollgate_log::contract::Partitions;
use tollgate_log::key::{ChainHash, RecordHash};

/// Number of records between two anchors of a reader near the stream's end, and so the most that are reread.
pub(crate) const ANCHOR_EVERY: u64 = 1024;

/// The most anchors, about 150 kB. They are dense near the stream's end and sparser the older they are.
const MAX_ANCHORS: usize = 256;

/// Chains that were computed or provided, by the sequence up to which they contain everything.
#[derive(Debug, Default)]
pub(crate) struct Anchors(BTreeMap<Sequence, Anchor>);

/// Chains of some partitions.
#[derive(Debug)]
struct Anchor {
    partitions: Partitions,
    chains: [ChainHash; PARTITIONS],
}

/// The chains of a reader's partitions.
#[derive(Clone, Debug)]
pub(crate) struct Chains {
    /// The chains contain everything up to here.
    pub(crate) through: Sequence,
    chains: [ChainHash; PARTITIONS],
}

impl Anchors {
    /// The latest chains of all these partitions at or before `after`.
    pub(crate) fn before(&self, partitions: Partitions, after: Sequence) -> Chains {
        let has_all = |anchor: &Anchor| anchor.partitions.with(partitions) == anchor.partitions;
        match self.0.range(..=after).rev().find(|(_, anchor)| has_all(anchor)) {
            Some((through, anchor)) => Chains { through: *through, chains: anchor.chains },
            None => Chains { through: Sequence::ZERO, chains: [ChainHash::START; PARTITIONS] },
        }
    }

    /// Remembers the chains of a reader.
    pub(crate) fn remember(&mut self, partitions: Partitions, chains: &Chains) {
        self.tell(chains.through, partitions.iter().map(|it| (it, chains.chains[it.index()])));
    }

    /// Adds chains that are known up to and including a sequence.
    pub(crate) fn tell(
        &mut self,
        through: Sequence,
        chains: impl IntoIterator<Item = (PartitionId, ChainHash)>,
    ) {
        let unknown = || Anchor { partitions: Partitions::NONE, chains: [ChainHash::START; PARTITIONS] };
        let anchor = self.0.entry(through).or_insert_with(unknown);
        for (partition, chain) in chains {
            anchor.partitions = anchor.partitions.with(Partitions::only(partition));
            anchor.chains[partition.index()] = chain;
        }
        if self.0.len() > MAX_ANCHORS {
            self.forget_one(through);
        }
    }

    /// Forgets the anchor whose removal leaves the smallest gap for its age. Never the one provided last: its
    /// reader has yet to begin.
    fn forget_one(&mut self, told: Sequence) {
        let places: Vec<u64> = self.0.keys().map(|sequence| sequence.0).collect();
        let end = places.last().copied().unwrap_or_default();
        let mut weakest: Option<(u64, u64, u64)> = None;
        for (nth, at) in places.iter().copied().enumerate().filter(|(_, at)| *at != told.0) {
            let before = nth.checked_sub(1).map_or(0, |before| places[before]);
            let gap = places.get(nth + 1).copied().unwrap_or(end) - before;
            let age = end - before;
            let weaker = weakest.is_none_or(|(weakest_gap, weakest_age, _)| {
                u128::from(gap) * u128::from(weakest_age) < u128::from(weakest_gap) * u128::from(age)
            });
            if weaker {
                weakest = Some((gap, age, at));
            }
        }
        if let Some((_, _, at)) = weakest {
            self.0.remove(&Sequence(at));
        }
    }
}

impl Chains {
    /// Chains at a sequence where they are not known.
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
            (Partitions::only(one).with(Partitions::only(PartitionId::new(2).unwrap())), 29, 10),
        ];
        for (partitions, after, through) in cases {
            let found = anchors.before(partitions, Sequence(after));
            assert_eq!(found.through, Sequence(through), "{partitions:?} after {after}");
        }
        let found = anchors.before(Partitions::ALL, Sequence(10));
        assert_eq!(found.chains[1], ChainHash::START.then(RecordHash([1; 32])));
        assert_eq!(found.chains[2], ChainHash::START);
    }
    #[test]
    fn a_checkpoint_of_some_partitions_is_an_anchor_of_those() {
        let [one, two] = [1, 2].map(|number| PartitionId::new(number).unwrap());
        let known = ChainHash::START.then(RecordHash([7; 32]));
        let mut anchors = Anchors::default();
        anchors.tell(Sequence(50), [(one, known)]);
        let found = anchors.before(Partitions::only(one), Sequence(60));
        assert_eq!((found.through, found.chains[1]), (Sequence(50), known));
        for wider in [Partitions::ALL, Partitions::only(one).with(Partitions::only(two))] {
            assert_eq!(anchors.before(wider, Sequence(60)).through, Sequence::ZERO);
        }
        anchors.tell(Sequence(50), [(two, known)]);
        let both = Partitions::only(one).with(Partitions::only(two));
        assert_eq!(anchors.before(both, Sequence(60)).through, Sequence(50), "they add up");
    }

    #[test]
    fn anchors_are_bounded_and_lie_closest_at_the_end() {
        let mut anchors = Anchors::default();
        let last = 10_000 * ANCHOR_EVERY;
        for nth in 1..=10_000 {
            anchors.remember(Partitions::ALL, &chains(nth * ANCHOR_EVERY, &[]));
            assert!(anchors.0.len() <= MAX_ANCHORS, "{nth}");
        }
        let again =
            |back: u64| last - back - anchors.before(Partitions::ALL, Sequence(last - back)).through.0;
        assert_eq!(again(0), 0);
        for back in [1, 5_000, 100_000, 1_000_000, 5_000_000] {
            let allowed = ANCHOR_EVERY + back / 5;
            assert!(again(back) <= allowed, "{back} before the end: {} are read again", again(back));
        }
        // One that was provided is kept, however old it is.
        anchors.tell(Sequence(777), [(PartitionId::new(0).unwrap(), ChainHash::START)]);
        assert!(anchors.0.len() <= MAX_ANCHORS && anchors.0.contains_key(&Sequence(777)));
    }
}
