//! Steps of a story about allocations: `allocate NAME TOKENS [refused] [expires=SECONDS] [team=…]` for the task of the
//! moment, `nobody` for none, `extend NAME TOKENS [warned]`, `release NAME`.

use tollgate_domain::budget::{Amount, AmountLimit};
use tollgate_domain::event::{
    Allocated, AllocationExtended, AllocationRefused, AllocationReleased, AllocationRequest, BudgetEvent,
    EventBody, PolicyFigures, Ruling,
};
use tollgate_domain::ids::BUDGET_TASK;
use tollgate_domain::units::UnitSums;

use crate::story::{Story, usd};

/// A day.
const EXPIRES_MS: i64 = 86_400_000;

impl Story {
    pub(crate) fn about_allocation(&mut self, words: &[&str]) {
        let at = self.now;
        let event: BudgetEvent = match words {
            ["allocate", name, tokens, said @ ..] => {
                let request = self.request(name, tokens, said);
                let as_of = "p".to_owned();
                if said.contains(&"refused") {
                    AllocationRefused { request, policies: Vec::new(), decided_at: at, as_of }.into()
                } else {
                    let (instead_of, policies) = (None, Vec::new());
                    Allocated { request, instead_of, policies, decided_at: at, as_of }.into()
                }
            }
            ["extend", name, tokens, said @ ..] => AllocationExtended {
                allocation: (*name).to_owned(),
                by: amount(tokens),
                expires_at: at.plus_millis(EXPIRES_MS),
                policies: said.iter().filter(|word| **word == "warned").map(|_| warning()).collect(),
                decided_at: at,
            }
            .into(),
            ["release", name] => {
                AllocationReleased { allocation: (*name).to_owned(), author: None, decided_at: at }.into()
            }
            _ => panic!("unknown step: {words:?}"),
        };
        let task = std::mem::replace(&mut self.task, BUDGET_TASK.to_owned());
        self.append(EventBody::Budget(event), at);
        self.task = task;
    }

    fn request(&self, name: &str, tokens: &str, said: &[&str]) -> AllocationRequest {
        let mut request = AllocationRequest {
            allocation: name.to_owned(),
            task: Some(self.task.clone()).filter(|_| !said.contains(&"nobody")),
            priority: 5,
            amount: amount(tokens),
            is_priced: true,
            expires_at: self.now.plus_millis(EXPIRES_MS),
            ..AllocationRequest::default()
        };
        for (key, value) in said.iter().filter_map(|word| word.split_once('=')) {
            if key == "expires" {
                request.expires_at = self.now.plus_millis(value.parse::<i64>().unwrap() * 1000);
            } else {
                request.labels.insert(key.to_owned(), value.to_owned());
            }
        }
        request
    }
}

/// What a policy says that only warns.
fn warning() -> PolicyFigures {
    PolicyFigures {
        policy: "live".to_owned(),
        version: 1,
        window: None,
        of: None,
        limit: AmountLimit::default(),
        booked: Amount::NOTHING,
        reserved: Amount::NOTHING,
        unpriced: Amount::NOTHING,
        unpriced_units: UnitSums::default(),
        ruling: Ruling::Over,
        retry_at: None,
    }
}

fn amount(tokens: &str) -> Amount {
    let tokens = tokens.parse().unwrap();
    Amount { tokens, usd: usd(tokens) }
}
