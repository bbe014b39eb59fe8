//! What is reserved is looked up: the same as when everything is added up.

use super::*;
use crate::budget::model::random::Random;
use crate::event::{Allocated, PolicySet};

const VALUES: [&str; 3] = ["a", "b", "c"];

/// A tenant, and what was used of its allocations, both in the state and beside it.
struct Both {
    random: Random,
    noted: BudgetState,
    told: BudgetState,
    used: BTreeMap<String, Amount>,
    now: Timestamp,
    made: u64,
}

impl Both {
    fn apply(&mut self, event: &BudgetEvent) {
        self.noted.apply(event);
        self.told.apply(event);
    }

    /// A version of a policy, over all, one team or each task or session by itself.
    fn set_policy(&mut self) {
        let windows = [Window::Monthly, Window::PerTask, Window::PerSession];
        let (window, team) = (*self.random.of(&windows), *self.random.of(&VALUES));
        let scope = if self.random.below(2) == 0 { Scope::default() } else { scope(&[("team", team)]) };
        let policy = Policy {
            scope,
            window,
            enforcement: BudgetEnforcement::Warn,
            ..policy(["p", "q", "r"][self.random.below(3) as usize])
        };
        let event = decide::set_policy(&self.told, policy, None, None, None).unwrap();
        self.apply(&event);
    }

    fn request(&mut self) -> AllocationRequest {
        self.made += 1;
        let labels = ["team", "session"].map(|key| (key.to_owned(), (*self.random.of(&VALUES)).to_owned()));
        let task = (self.random.below(4) > 0).then(|| (*self.random.of(&VALUES)).to_owned());
        let expires_at = self.now.plus_millis(1 + self.random.below(200) as i64);
        let tokens = 1 + i128::from(self.random.below(100));
        AllocationRequest {
            labels: labels.into(),
            task,
            expires_at,
            ..request(&format!("a{}", self.made), tokens)
        }
    }

    fn some(&mut self) -> Option<String> {
        let names: Vec<String> = self.told.all_open().keys().cloned().collect();
        (!names.is_empty()).then(|| self.random.of(&names).clone())
    }

    fn step(&mut self) {
        let figures = Figures::default();
        match self.random.below(10) {
            0 => self.set_policy(),
            1..=4 => {
                let request = self.request();
                let event = decide::allocate(&self.told, request, &[], &figures, self.now).unwrap();
                self.apply(&event);
            }
            5..=6 => {
                let Some(name) = self.some() else { return };
                let more = Amount { tokens: i128::from(self.random.below(80)), usd: Usd::ZERO };
                let sum = self.used.entry(name.clone()).or_default();
                *sum = sum.plus(more);
                let sum = *sum;
                self.noted.note_used([(name.as_str(), sum), ("not open", sum)]);
            }
            7 => {
                let Some(name) = self.some() else { return };
                let by = Amount { tokens: i128::from(self.random.below(50)), usd: Usd::ZERO };
                let expires_at = Some(self.now.plus_millis(self.random.below(300) as i64));
                let extension = decide::Extension { by, is_priced: true, expires_at };
                if let Ok(Ok(event)) = decide::extend(&self.told, &name, extension, &figures, self.now) {
                    self.apply(&event);
                }
            }
            8 => {
                let Some(name) = self.some() else { return };
                let event = decide::release(&self.told, &name, None, self.now);
                if let Ok(event) = event.or_else(|_| decide::expire(&self.told, &name, self.now)) {
                    self.apply(&event);
                }
            }
            _ => self.now = self.now.plus_millis(self.random.below(30) as i64),
        }
    }

    fn compare(&mut self) {
        let request = self.request();
        let mut told = Figures::default();
        for name in self.told.all_open().keys() {
            told.used.insert(name.clone(), self.used.get(name).copied().unwrap_or_default());
        }
        let judged = |state: &BudgetState, figures: &Figures| {
            judge(state, &request, request.amount, figures, self.now).policies
        };
        assert_eq!(judged(&self.noted, &Figures::default()), judged(&self.told, &told));
    }
}

#[test]
fn looked_up_and_added_up_are_the_same_whatever_is_decided_used_and_read_again() {
    for seed in 0..40 {
        let mut both = Both {
            random: Random(seed),
            noted: BudgetState::default(),
            told: BudgetState::default(),
            used: BTreeMap::new(),
            now: begin(),
            made: 0,
        };
        both.set_policy();
        for step in 0..250 {
            both.step();
            both.compare();
            if step % 50 == 49 {
                let stored = serde_json::to_vec(&both.noted).unwrap();
                both.noted = serde_json::from_slice(&stored).unwrap();
                both.noted.note_used(both.used.iter().map(|(name, used)| (name.as_str(), *used)));
            }
        }
    }
}

/// Sums that are too large to be exact are added up anew each time.
#[test]
fn an_absurd_amount_of_money_spoils_no_sum_after_it() {
    let warns = Policy { enforcement: BudgetEnforcement::Warn, ..policy("p") };
    let mut tenant = Tenant::of(vec![warns]);
    let most = Usd::from_units(i128::MAX);
    for (name, usd) in [("a", most), ("b", most), ("c", Usd::from_units(5))] {
        // As an earlier version recorded it: nobody can ask for so much any more.
        let request = AllocationRequest { amount: Amount { tokens: 1, usd }, ..request(name, 1) };
        tenant.apply(&allocated(request));
    }
    for name in ["a", "b"] {
        tenant.apply(&decide::release(&tenant.state, name, None, begin()).unwrap());
    }
    let asked = request("d", 1);
    let nothing = needed(&tenant.state, &asked, begin()).into_iter().map(|sum| (sum, Default::default()));
    let figures = Figures { spent: nothing.collect(), ..Figures::default() };
    let found = judge(&tenant.state, &asked, Amount::NOTHING, &figures, begin());
    assert_eq!(found.policies[0].reserved, Amount { tokens: 1, usd: Usd::from_units(5) });
}

fn allocated(request: AllocationRequest) -> BudgetEvent {
    Allocated { request, instead_of: None, policies: Vec::new(), decided_at: begin(), as_of: String::new() }
        .into()
}

/// A sum that is larger than what can be kept fits no limit, however large that is.
#[test]
fn a_sum_that_cannot_be_kept_fits_no_limit() {
    let most = Usd::from_units(i128::MAX);
    for (limit, reserved, ruling) in [
        (most, most, Ruling::Refused),
        (Usd::from_units(i128::MAX - 1), Usd::from_units(i128::MAX - 2), Ruling::Warns),
    ] {
        let limit = AmountLimit { tokens: None, usd: Some(limit) };
        let mut tenant = Tenant::of(Vec::new());
        let policy = Policy { limit, ..policy("p") };
        tenant.apply(&PolicySet { version: 1, policy, author: None, reason: None }.into());
        let request =
            |name: &str, usd| AllocationRequest { amount: Amount { tokens: 0, usd }, ..request(name, 0) };
        tenant.apply(&allocated(request("a", reserved)));
        says(&tenant, &request("b", Usd::from_units(1)), begin(), &[("p", ruling)]);
    }
}
