//! What the naive model says: it knows no index, no window of a view and no order, and looks at everything.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// Tokens and millionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) tokens: i64,
    pub(crate) micros: i64,
}

impl Amount {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { tokens: self.tokens + other.tokens, micros: self.micros + other.micros }
    }

    pub(crate) fn beyond(self, other: Self) -> Self {
        Self { tokens: (self.tokens - other.tokens).max(0), micros: (self.micros - other.micros).max(0) }
    }

    /// As an answer has it.
    pub(crate) fn read(view: &Value) -> Option<Self> {
        let (whole, part) = match view["usd"].as_str()?.split_once('.') {
            Some((whole, part)) => (whole, format!("{part:0<6}")),
            None => (view["usd"].as_str()?, "0".to_owned()),
        };
        let micros = whole.parse::<i64>().ok()? * 1_000_000 + part.parse::<i64>().ok()?;
        Some(Self { tokens: view["tokens"].as_i64()?, micros })
    }
}

/// The models that are used, each with its price of an output token in millionths of a dollar.
pub(crate) const MODELS: [(&str, i64); 2] = [("gpt-5", 10), ("gpt-5-mini", 2)];

/// What usage and requests can be told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values {
    pub(crate) task: String,
    pub(crate) team: Option<&'static str>,
    pub(crate) model: &'static str,
    pub(crate) price: i64,
}

impl Values {
    pub(crate) fn labels(&self) -> Value {
        self.team.map_or_else(|| json!({}), |team| json!({"team": team}))
    }

    pub(crate) fn of(&self, tokens: i64) -> Amount {
        Amount { tokens, micros: tokens * self.price }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    Ever,
    Hour,
    Day,
    Task,
}

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) team: Option<&'static str>,
    pub(crate) model: Option<&'static str>,
    pub(crate) window: Window,
    pub(crate) tokens: Option<i64>,
    pub(crate) micros: Option<i64>,
    pub(crate) hard: bool,
}

impl Policy {
    fn counts(&self, values: &Values) -> bool {
        self.team.is_none_or(|team| values.team == Some(team))
            && self.model.is_none_or(|model| values.model == model)
    }

    pub(crate) fn holds(&self, amount: Amount) -> bool {
        self.tokens.is_none_or(|most| amount.tokens <= most)
            && self.micros.is_none_or(|most| amount.micros <= most)
    }

    /// What its request says.
    pub(crate) fn request(&self, tenant: &str) -> Value {
        let mut rule = json!({"tenant": tenant, "scope": {}, "enforcement": if self.hard { "hard_limit" } else { "warn" }});
        for (dimension, value) in [("team", self.team), ("model", self.model)] {
            if let Some(value) = value {
                rule["scope"][dimension] = json!(value);
            }
        }
        rule["window"] = match self.window {
            Window::Ever => {
                // Not from long ago: what is used up a day is looked at day by day.
                rule["window_from"] = json!("2026-11-01T00:00:00Z");
                rule["window_to"] = json!("2029-11-01T00:00:00Z");
                json!("fixed")
            }
            Window::Hour => json!("hourly"),
            Window::Day => json!("daily"),
            Window::Task => json!("per_task"),
        };
        if let Some(tokens) = self.tokens {
            rule["limit_tokens"] = json!(tokens);
        }
        if let Some(micros) = self.micros {
            rule["limit_usd"] = json!(format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000));
        }
        rule
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Refused,
    Open,
    Released,
}

#[derive(Clone, Debug)]
pub(crate) struct Allocation {
    pub(crate) values: Values,
    pub(crate) amount: Amount,
    pub(crate) used: Amount,
    pub(crate) state: State,
    pub(crate) expires_at: i64,
    /// The request that made it, and the first answer.
    pub(crate) request: Value,
    pub(crate) first: Value,
}

#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) values: Values,
    pub(crate) amount: Amount,
    pub(crate) at: i64,
    pub(crate) event: Value,
}

/// All that happened to a tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naive {
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) allocations: BTreeMap<String, Allocation>,
    pub(crate) usage: Vec<Usage>,
    pub(crate) now: i64,
}

impl Naive {
    pub(crate) fn is_open(&self, allocation: &Allocation) -> bool {
        allocation.state == State::Open && allocation.expires_at > self.now
    }

    /// What was spent under a policy in its window of now, of this task if it looks at tasks one by one.
    pub(crate) fn booked(&self, policy: &Policy, task: &str) -> Amount {
        let begin = |length: i64| self.now - self.now.rem_euclid(length);
        let counts = |usage: &&Usage| {
            let in_window = match policy.window {
                Window::Ever => true,
                Window::Task => usage.values.task == task,
                Window::Hour => (begin(HOUR)..begin(HOUR) + HOUR).contains(&usage.at),
                Window::Day => (begin(24 * HOUR)..begin(24 * HOUR) + 24 * HOUR).contains(&usage.at),
            };
            in_window && policy.counts(&usage.values)
        };
        self.usage.iter().filter(counts).fold(Amount::default(), |sum, usage| sum.plus(usage.amount))
    }

    /// What is allocated under a policy and not used.
    pub(crate) fn reserved(&self, policy: &Policy, task: &str) -> Amount {
        let counts = |found: &&Allocation| {
            let of_task = policy.window != Window::Task || found.values.task == task;
            self.is_open(found) && of_task && policy.counts(&found.values)
        };
        let open = self.allocations.values().filter(counts);
        open.fold(Amount::default(), |sum, found| sum.plus(found.amount.beyond(found.used)))
    }

    /// The policies that so much more would exceed, by name: those that refuse it, and all.
    pub(crate) fn exceeded(&self, values: &Values, more: Amount) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let over = |policy: &Policy| {
            let [booked, reserved] = [self.booked(policy, &values.task), self.reserved(policy, &values.task)];
            !policy.holds(booked.plus(reserved).plus(more))
        };
        let all = self.policies.iter().filter(|(_, policy)| policy.counts(values) && over(policy));
        let (refusing, all): (Vec<_>, Vec<_>) =
            all.map(|(name, policy)| (policy.hard.then_some(&**name), &**name)).unzip();
        (refusing.into_iter().flatten().collect(), all.into_iter().collect())
    }

    /// What is booked and reserved under each policy that looks at what these values name, for people.
    pub(crate) fn sums(&self, values: &Values) -> Vec<(&str, Amount, Amount)> {
        let over = self.policies.iter().filter(|(_, policy)| policy.counts(values));
        let sums = over.map(|(name, policy)| {
            (&**name, self.booked(policy, &values.task), self.reserved(policy, &values.task))
        });
        sums.collect()
    }

    /// The policies that look at what these values name.
    pub(crate) fn over(&self, values: &Values) -> BTreeSet<&str> {
        let over = self.policies.iter().filter(|(_, policy)| policy.counts(values));
        over.map(|(name, _)| &**name).collect()
    }

    /// Whether what an answer says about a request is what all this says.
    pub(crate) fn judges(&self, values: &Values, more: Amount, answer: &Value) -> Result<bool, String> {
        let (refusing, exceeded) = self.exceeded(values, more);
        let said: BTreeMap<&str, &str> = answer["policies"]
            .as_array()
            .ok_or_else(|| format!("no policies: {answer}"))?
            .iter()
            .filter_map(|found| Some((found["policy"].as_str()?, found["ruling"].as_str()?)))
            .collect();
        let expected: BTreeMap<&str, &str> = self
            .over(values)
            .into_iter()
            .map(|name| {
                let word = match (refusing.contains(name), exceeded.contains(name)) {
                    (true, _) => "refused",
                    (false, true) => "over",
                    (false, false) if said.get(name) == Some(&"warns") => "warns",
                    (false, false) => "fits",
                };
                (name, word)
            })
            .collect();
        if said == expected {
            return Ok(refusing.is_empty());
        }
        Err(format!("{values:?} for {more:?}: said {said:?}, the model says {expected:?}"))
    }
}
