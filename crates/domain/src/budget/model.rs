//! Random histories of decisions and usage beside a naive model. The laws are checked at every step:
//!
//! * allocated + overrun = used + remaining + released + expired, for each allocation and for all together;
//! * nothing is oversold: as long as all usage is that of allocations, or fits when it arrives, what is spent and what
//!   is still reserved stays within every hard limit, whatever usage arrives while something is decided;
//! * what is used of an allocation counts where it was reserved: usage from before it was made uses none of it;
//! * every ruling is that of the naive model, which knows no index and looks at everything.
//!
//! `TOLLGATE_MODEL_STEPS` runs more steps. Planted faults have to be found.

mod laws;
mod naive;
pub(super) mod random;

use std::collections::{BTreeMap, BTreeSet};

use self::random::Random;
use super::testing::{begin, policy, request, usage_of};
use super::*;
use crate::event::{Allocated, AllocationRequest, BudgetEvent};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::usage::{CountsAs, UsageRecorded};

/// What goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    /// A decision is folded twice.
    FoldsTwice,
    /// A decision is lost.
    Forgets,
    /// What was used of allocations is newer than what was booked.
    TornSums,
    /// Usage is counted twice for its allocation.
    CountsUseTwice,
    /// What has expired is free although it was extended.
    IgnoresExtension,
    /// Sums are behind the end that the log had when something was released or expired.
    Behind,
    /// Usage that names an allocation uses it, also if that was made later.
    UsesBefore,
}

/// What the naive model keeps of an allocation.
#[derive(Clone, Debug)]
struct Kept {
    request: AllocationRequest,
    amount: Amount,
    used: Amount,
    released: bool,
    expires_at: Timestamp,
}

struct Usage {
    /// With what it counts.
    request: AllocationRequest,
    /// The allocation that it uses.
    allocation: Option<String>,
    at: Timestamp,
    amount: Amount,
}

struct Model {
    random: Random,
    fault: Fault,
    /// Whether all usage is that of allocations and within them.
    strict: bool,
    /// Whether the state is told what was used, or each judgement.
    notes: bool,
    now: Timestamp,
    state: BudgetState,
    policies: Vec<Policy>,
    kept: BTreeMap<String, Kept>,
    usage: Vec<Usage>,
    made: u64,
    refused: u64,
}

const HOUR_MS: i64 = 60 * 60 * 1000;
const VALUES: [&str; 3] = ["a", "b", "c"];

impl Model {
    fn new(seed: u64, strict: bool, fault: Fault) -> Self {
        let mut model = Self {
            random: Random(seed),
            fault,
            strict,
            notes: seed.is_multiple_of(2),
            now: begin(),
            state: BudgetState::default(),
            policies: Vec::new(),
            kept: BTreeMap::new(),
            usage: Vec::new(),
            made: 0,
            refused: 0,
        };
        for nth in 0..5 {
            model.set_policy(nth);
        }
        model
    }

    fn set_policy(&mut self, nth: usize) {
        let scopes = [vec![], vec!["team"], vec!["model"], vec!["team", "model"], vec!["user"]];
        let values: Vec<(&str, &str)> =
            scopes[nth % 5].iter().map(|name| (*name, *self.random.of(&VALUES))).collect();
        // Windows that end would let what was allocated before count in the next one: allowed, and looked at by the
        // rulings. For the law of the limits all of them are as long as the run.
        let windows = [Window::Hourly, Window::Daily, Window::Monthly];
        let window = if self.strict { Window::Monthly } else { *self.random.of(&windows) };
        let policy = Policy {
            scope: Scope::new(values).unwrap(),
            window,
            limit: AmountLimit {
                tokens: Some(500 + self.random.below(8000)),
                usd: nth
                    .is_multiple_of(2)
                    .then(|| Usd::from_units(1000 + i128::from(self.random.below(20_000)))),
            },
            ..policy(&format!("p{nth}"))
        };
        let event = decide::set_policy(&self.state, policy.clone(), None, None, None).unwrap();
        self.state.apply(&event);
        self.policies.retain(|other| other.id != policy.id);
        self.policies.push(policy);
    }

    fn random_request(&mut self) -> AllocationRequest {
        self.made += 1;
        let tokens = i128::from(1 + self.random.below(300));
        let mut labels = BTreeMap::new();
        for key in ["team", "user"] {
            labels.insert(key.to_owned(), (*self.random.of(&VALUES)).to_owned());
        }
        let usd = Usd::from_units(i128::from(self.random.below(700)));
        AllocationRequest {
            labels,
            model: Some((*self.random.of(&VALUES)).to_owned()),
            amount: Amount { tokens, usd },
            expires_at: self.now.plus_millis(1 + self.random.below(3 * HOUR_MS as u64) as i64),
            ..request(&format!("a{}", self.made), tokens)
        }
    }

    fn fold(&mut self, event: &BudgetEvent) {
        let hit = self.random.below(10) == 0;
        match self.fault {
            Fault::Forgets if hit => return,
            Fault::FoldsTwice if hit && matches!(event, BudgetEvent::AllocationExtended(_)) => {
                self.state.apply(event);
            }
            Fault::IgnoresExtension if matches!(event, BudgetEvent::AllocationExtended(_)) => return,
            Fault::Nothing
            | Fault::FoldsTwice
            | Fault::Forgets
            | Fault::TornSums
            | Fault::CountsUseTwice
            | Fault::IgnoresExtension
            | Fault::Behind
            | Fault::UsesBefore => {}
        }
        self.state.apply(event);
    }

    fn allocate(&mut self) -> Result<(), String> {
        let request = self.random_request();
        let figures = self.figures(&request);
        let expected = self.expected(&request, request.amount, &figures);
        let figures = self.noted(figures);
        let judged = judge(&self.state, &request, request.amount, &figures, self.now);
        let rulings: BTreeSet<_> =
            judged.policies.iter().map(|found| (found.policy.clone(), found.ruling)).collect();
        if rulings != expected {
            return Err(format!("rulings {rulings:?}, the model says {expected:?}"));
        }
        let event = decide::allocate(&self.state, request.clone(), &[], &figures, self.now)
            .map_err(|error| error.to_string())?;
        if let BudgetEvent::Allocated(made) = &event {
            let Allocated { request, .. } = &**made;
            let (amount, expires_at) = (request.amount, request.expires_at);
            // None, whatever usage named it before.
            let used = Amount::NOTHING;
            let kept = Kept { request: request.clone(), amount, used, released: false, expires_at };
            self.kept.insert(request.allocation.clone(), kept);
        } else {
            self.refused += 1;
        }
        self.fold(&event);
        Ok(())
    }

    fn some_allocation(&mut self) -> Option<String> {
        let names: Vec<&String> = self.kept.keys().collect();
        // Mostly the latest: the others are closed.
        let nth = names.len().checked_sub(1 + self.random.below(names.len().clamp(1, 12) as u64) as usize)?;
        Some(names[nth].clone())
    }

    fn is_open(&self, kept: &Kept) -> bool {
        !kept.released && kept.expires_at > self.now
    }

    fn use_allocation(&mut self) {
        let Some(name) = self.some_allocation() else { return };
        let kept = self.kept[&name].clone();
        let mut amount = Amount {
            tokens: i128::from(1 + self.random.below(200)),
            usd: Usd::from_units(i128::from(self.random.below(400))),
        };
        if self.strict {
            // Late usage of what is closed, and overruns, are facts, too; but not promised to fit.
            if !self.is_open(&kept) {
                return;
            }
            let left = kept.amount.beyond(kept.used);
            amount = Amount { tokens: amount.tokens.min(left.tokens), usd: amount.usd.min(left.usd) };
        }
        let late = if self.strict { 0 } else { self.random.below(2 * HOUR_MS as u64) as i64 };
        let at = self.now.plus_millis(-late);
        if let Some(kept) = self.kept.get_mut(&name) {
            kept.used = kept.used.plus(amount);
        }
        self.usage.push(Usage { request: kept.request, allocation: Some(name), at, amount });
    }

    fn free_usage(&mut self) {
        let request = self.random_request();
        let amount = request.amount;
        self.usage.push(Usage { request, allocation: None, at: self.now, amount });
    }

    /// Usage that names one of the next allocations, and says itself as what it counts.
    fn use_before(&mut self) {
        let name = format!("a{}", self.made + 1 + self.random.below(2));
        let request = self.random_request();
        self.made -= 1;
        // The appender looks for what the allocation was made for, and does not find it.
        let counts_as = (self.fault != Fault::UsesBefore).then(CountsAs::of_unmade);
        let usage = UsageRecorded { counts_as, ..usage_of(&name) };
        let allocation = usage.used_allocation().map(str::to_owned);
        let amount = Amount { tokens: 1 + i128::from(self.random.below(50)), usd: Usd::ZERO };
        // Spending that is no allocation's is only promised to fit where it does.
        let fits = |policy: &Policy| {
            !Self::counts(policy, &request) || policy.limit.holds(self.counted(policy).plus(amount))
        };
        if self.strict && !self.policies.iter().all(fits) {
            return;
        }
        self.usage.push(Usage { request, allocation, at: self.now, amount });
    }

    fn extend(&mut self) -> Result<(), String> {
        let Some(name) = self.some_allocation() else { return Ok(()) };
        let by = Amount { tokens: i128::from(self.random.below(100)), usd: Usd::ZERO };
        let until = self.now.plus_millis(self.random.below(3 * HOUR_MS as u64) as i64);
        let extension = decide::Extension { by, is_priced: true, expires_at: Some(until) };
        let kept = self.kept[&name].clone();
        let figures = self.figures(&kept.request);
        let expected = self.expected(&kept.request, by, &figures);
        let figures = self.noted(figures);
        let allowed = by == Amount::NOTHING || !expected.iter().any(|(_, ruling)| ruling.refuses());
        match decide::extend(&self.state, &name, extension, &figures, self.now) {
            Ok(Ok(event)) if self.is_open(&kept) && allowed => {
                if let Some(kept) = self.kept.get_mut(&name) {
                    kept.amount = kept.amount.plus(by);
                    kept.expires_at = kept.expires_at.max(until);
                }
                self.fold(&event);
                Ok(())
            }
            Ok(Err(_)) if self.is_open(&kept) && !allowed => Ok(()),
            Err(_) if !self.is_open(&kept) => Ok(()),
            other => {
                Err(format!("extending {name} by {by:?}: {other:?}, the model says {expected:?} ({allowed})"))
            }
        }
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(name) = self.some_allocation() else { return Ok(()) };
        let kept = self.kept[&name].clone();
        let event = if self.is_open(&kept) {
            decide::release(&self.state, &name, None, self.now)
        } else if kept.released {
            return match decide::release(&self.state, &name, None, self.now) {
                Err(_) => Ok(()),
                Ok(_) => Err(format!("{name} was released twice")),
            };
        } else if self.state.open(&name).is_none() && self.fault == Fault::Nothing {
            return Ok(());
        } else {
            decide::expire(&self.state, &name, self.now)
        };
        match event {
            Ok(event) => {
                if let Some(kept) = self.kept.get_mut(&name) {
                    kept.released |= matches!(event, BudgetEvent::AllocationReleased(_));
                }
                self.fold(&event);
                Ok(())
            }
            Err(error) => Err(format!("closing {name}: {error}")),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.below(100) {
            0..=39 => self.allocate()?,
            40..=67 => self.use_allocation(),
            68..=69 => self.use_before(),
            70..=79 => self.extend()?,
            80..=89 => self.close()?,
            90..=96 => self.now = self.now.plus_millis(self.random.below(HOUR_MS as u64 / 8) as i64),
            97..=98 if !self.strict => self.free_usage(),
            99 if !self.strict => {
                let nth = self.random.below(5) as usize;
                self.set_policy(nth);
            }
            // A restart: the state is read from what is stored.
            _ => {
                let stored = serde_json::to_vec(&self.state).unwrap();
                self.state = serde_json::from_slice(&stored).unwrap();
            }
        }
        // Old allocations can't matter any more: the run stays quick.
        if self.kept.len() > 60 {
            let oldest = self.kept.iter().find(|(_, kept)| !self.is_open(kept)).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.kept.remove(&name));
        }
        self.laws()
    }
}

/// Runs histories of 250 steps until there were this many; returns what was allocated and what refused, or the
/// first law that was broken.
fn run(steps: u64, first_seed: u64, strict: bool, fault: Fault) -> Result<(u64, u64), String> {
    let (mut allocated, mut refused) = (0, 0);
    for seed in first_seed..first_seed + steps.div_ceil(250) {
        let mut model = Model::new(seed, strict, fault);
        for step in 0..250 {
            model.step().map_err(|error| format!("seed {seed}, step {step}: {error}"))?;
        }
        allocated += model.made - model.refused;
        refused += model.refused;
    }
    Ok((allocated, refused))
}

#[test]
fn the_laws_hold_at_every_step_of_random_histories() {
    let steps = std::env::var("TOLLGATE_MODEL_STEPS").ok().map_or(10_000, |steps| steps.parse().unwrap());
    for strict in [true, false] {
        let (allocated, refused) = run(steps / 2, 1, strict, Fault::Nothing).unwrap();
        assert!(allocated > steps / 50 && refused > steps / 50, "{allocated} allocated, {refused} refused");
    }
}

#[test]
fn planted_faults_are_found() {
    for fault in [
        Fault::FoldsTwice,
        Fault::Forgets,
        Fault::TornSums,
        Fault::CountsUseTwice,
        Fault::IgnoresExtension,
        Fault::Behind,
        Fault::UsesBefore,
    ] {
        let found = [true, false].map(|strict| run(20_000, 1, strict, fault).err());
        assert!(found.iter().flatten().next().is_some(), "{fault:?} was not found");
    }
}
