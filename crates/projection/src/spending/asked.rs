//! Sums that were asked for lately, kept up to date with each usage: who asks again needs no scan.

use std::collections::HashMap;

use tollgate_domain::budget::{Dimension, Spent};
use tollgate_domain::position::{PartitionId, Position, Sequence};

use super::{Counted, SpentAsk, Touched, Uses};
use crate::text::write_text;

/// The most sums that are kept: ten thousand policies with their windows of now and before. Each takes about
/// half a kilobyte.
const MOST: usize = 32_768;

/// Of these the least recently asked are dropped at once, so that finding them costs little.
const DROPPED: usize = 8;

/// The most scans that may be filling the same sum. Some may never finish.
const FILLERS: usize = 4;

/// The sums of scopes and windows that were asked for lately.
///
/// A sum is first [begun](Self::begin) at a position, then read by a scan of the rows as of that position,
/// then [filled](Self::fill): what was folded meanwhile is neither missed nor counted twice.
#[derive(Debug)]
pub struct Asked {
    kept: Vec<Option<Kept>>,
    free: Vec<usize>,
    /// By tenant, scope and window.
    found: HashMap<String, HashMap<SpentAsk, usize>>,
    /// By the dimensions that scopes name, then by tenant and values. A usage is looked up once per group.
    groups: HashMap<Vec<Dimension>, HashMap<Vec<u8>, Vec<usize>>>,
    /// Counts questions.
    clock: u64,
    most: usize,
    uses: Uses,
    touched: Touched,
}

#[derive(Debug)]
struct Kept {
    tenant: String,
    ask: SpentAsk,
    from: i64,
    to: i64,
    state: State,
    asked: u64,
}

#[derive(Debug)]
enum State {
    /// Scans are reading it: the position of their rows, and what was folded since.
    Filling(Vec<(Position, Spent)>),
    Filled(Spent),
}

impl Kept {
    /// Adds what of a usage is in its window.
    fn count(&mut self, usage: &Counted<'_>) {
        let (from, to) = (self.from, self.to);
        for (_, sums) in usage.parts().filter(|(at, _)| from <= *at && *at < to) {
            match &mut self.state {
                State::Filled(sum) => sum.add(&sums.spent),
                State::Filling(fillers) => {
                    fillers.iter_mut().for_each(|(_, since)| since.add(&sums.spent));
                }
            }
        }
    }
}

impl Default for Asked {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl Asked {
    /// Keeps this many sums.
    pub(super) fn of(most: usize) -> Self {
        Self {
            kept: Vec::new(),
            free: Vec::new(),
            found: HashMap::new(),
            groups: HashMap::new(),
            clock: 0,
            most,
            uses: Uses::default(),
            touched: Touched::default(),
        }
    }

    /// Whether nothing was asked yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.uses.is_idle() && self.touched.is_idle()
    }

    /// What was used of allocations lately.
    #[must_use]
    pub const fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Begins to keep what is used of allocations, at the position of now.
    pub fn begin_uses(&mut self, as_of: &Position) {
        self.uses.begin(as_of);
    }

    /// Adds a usage of a record to all that it belongs to.
    pub(super) fn follow(&mut self, partition: PartitionId, sequence: Sequence, usage: &Counted<'_>) {
        self.count(usage);
        self.uses.count(partition, sequence, usage);
        self.touched.count(partition, sequence, usage);
    }

    /// Which tasks and sessions used something lately.
    #[must_use]
    pub const fn touched(&self) -> &Touched {
        &self.touched
    }

    /// Begins to keep which tasks and sessions use something, at the position of now.
    pub fn begin_touched(&mut self, as_of: &Position) {
        self.touched.begin(as_of);
    }

    /// A sum, as of what was folded last; `None`: it has to be read from the rows.
    pub fn sum(&mut self, tenant: &str, ask: &SpentAsk) -> Option<&Spent> {
        let place = *self.found.get(tenant)?.get(ask)?;
        self.clock = self.clock.saturating_add(1);
        let kept = self.kept.get_mut(place)?.as_mut()?;
        kept.asked = self.clock;
        match &kept.state {
            State::Filled(sum) => Some(sum),
            State::Filling(_) => None,
        }
    }

    /// Notes that a scan begins to read a sum from the rows of this position, which is that of now.
    pub fn begin(&mut self, tenant: &str, ask: &SpentAsk, as_of: &Position) {
        let place = match self.found.get(tenant).and_then(|asks| asks.get(ask)) {
            Some(place) => *place,
            None => self.keep(tenant, ask),
        };
        let Some(Some(kept)) = self.kept.get_mut(place) else { return };
        if let State::Filling(fillers) = &mut kept.state {
            if fillers.iter().any(|(position, _)| position == as_of) {
                return;
            }
            if fillers.len() >= FILLERS {
                fillers.remove(0);
            }
            fillers.push((as_of.clone(), Spent::default()));
        }
    }

    /// A scan has read a sum from the rows of this position.
    pub fn fill(&mut self, tenant: &str, ask: &SpentAsk, as_of: &Position, mut read: Spent) {
        let Some(place) = self.found.get(tenant).and_then(|asks| asks.get(ask)) else { return };
        let Some(Some(kept)) = self.kept.get_mut(*place) else { return };
        let State::Filling(fillers) = &kept.state else { return };
        let Some((_, since)) = fillers.iter().find(|(position, _)| position == as_of) else { return };
        read.add(since);
        kept.state = State::Filled(read);
    }

    /// Adds a usage to the sums that it belongs to.
    pub fn count(&mut self, usage: &Counted<'_>) {
        let mut key = Vec::new();
        for (dimensions, values) in &self.groups {
            for named in usage.dimensions.under_each_name(dimensions) {
                key.clear();
                write_text(usage.tenant, &mut key);
                let says_all = dimensions.iter().all(|dimension| {
                    named.get(dimension).is_some_and(|value| {
                        write_text(value, &mut key);
                        true
                    })
                });
                if !says_all {
                    continue;
                }
                for &place in values.get(&*key).into_iter().flatten() {
                    if let Some(Some(kept)) = self.kept.get_mut(place) {
                        kept.count(usage);
                    }
                }
            }
        }
    }

    /// Makes room for a sum; returns its place.
    fn keep(&mut self, tenant: &str, ask: &SpentAsk) -> usize {
        if self.kept.len().saturating_sub(self.free.len()) >= self.most {
            self.drop_oldest();
        }
        self.clock = self.clock.saturating_add(1);
        let (from, to) = ask.seconds();
        let state = State::Filling(Vec::new());
        let kept = Kept { tenant: tenant.to_owned(), ask: ask.clone(), from, to, state, asked: self.clock };
        let (dimensions, key) = group_of(&kept);
        let place = self.free.pop().unwrap_or(self.kept.len());
        match self.kept.get_mut(place) {
            Some(slot) => *slot = Some(kept),
            None => self.kept.push(Some(kept)),
        }
        self.groups.entry(dimensions).or_default().entry(key).or_default().push(place);
        self.found.entry(tenant.to_owned()).or_default().insert(ask.clone(), place);
        place
    }

    fn drop_oldest(&mut self) {
        let mut by_age: Vec<(u64, usize)> = self
            .kept
            .iter()
            .enumerate()
            .filter_map(|(place, kept)| Some((kept.as_ref()?.asked, place)))
            .collect();
        by_age.sort_unstable();
        let many = by_age.len().div_ceil(DROPPED);
        for (_, place) in by_age.into_iter().take(many) {
            self.remove(place);
        }
    }

    fn remove(&mut self, place: usize) {
        let Some(kept) = self.kept.get_mut(place).and_then(Option::take) else { return };
        self.free.push(place);
        let (dimensions, key) = group_of(&kept);
        if let Some(group) = self.groups.get_mut(&dimensions) {
            if let Some(places) = group.get_mut(&key) {
                places.retain(|of| *of != place);
                if places.is_empty() {
                    group.remove(&key);
                }
            }
            if group.is_empty() {
                self.groups.remove(&dimensions);
            }
        }
        if let Some(asks) = self.found.get_mut(&kept.tenant) {
            asks.remove(&kept.ask);
            if asks.is_empty() {
                self.found.remove(&kept.tenant);
            }
        }
    }
}

/// The dimensions that a sum's scope names, and its tenant and values as a key.
fn group_of(kept: &Kept) -> (Vec<Dimension>, Vec<u8>) {
    let mut key = Vec::new();
    write_text(&kept.tenant, &mut key);
    let mut dimensions = Vec::new();
    for (dimension, value) in kept.ask.scope.iter() {
        write_text(value, &mut key);
        dimensions.push(dimension.clone());
    }
    (dimensions, key)
}
