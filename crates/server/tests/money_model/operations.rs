//! What happens: each is done through a server and told to the model, and what is answered is what the model says.

use serde_json::{Value, json};

use crate::ground::{Answer, Asked, at};
use crate::history::History;
use crate::naive::{Allocation, Amount, HOUR, State, Usage, Values};

impl History<'_> {
    pub(crate) fn allocate(&mut self) -> Result<(), String> {
        let values = self.values();
        let asked = self.allocation_of(&values);
        let answer = self.settled(&asked, true);
        self.allocated(values, &asked, &answer)
    }

    fn allocation_of(&mut self, values: &Values) -> Asked {
        let body = json!({
            "tenant": self.tenant,
            "allocation": format!("a{}", self.fresh()),
            "task": values.task,
            "labels": values.labels(),
            "model": values.model,
            "tokens": 1 + self.random.below(700),
            "ttl_s": 60 + self.random.below(5400),
        });
        Asked { path: "/v1/allocations".to_owned(), body }
    }

    /// Takes the answer to an allocation over, if it is the one of the model.
    fn allocated(&mut self, values: Values, asked: &Asked, answer: &Answer) -> Result<(), String> {
        let (status, answer) = answer;
        let amount = values.of(asked.body["tokens"].as_i64().unwrap());
        if *status != 200 {
            return Err(format!("allocating: {answer}"));
        }
        let allowed = self.naive.judges(&values, amount, answer)?;
        let state = if allowed { State::Open } else { State::Refused };
        let expires_at = self.naive.now + asked.body["ttl_s"].as_i64().unwrap() * 1_000_000;
        let (used, request, first) = (Amount::default(), asked.body.clone(), answer.clone());
        let made = Allocation { values, amount, used, state, expires_at, request, first };
        self.allocation(&made, answer).map_err(|error| format!("{error}: {answer}"))?;
        self.tried.note(if allowed { "allocated" } else { "refused" });
        self.naive.allocations.insert(asked.body["allocation"].as_str().unwrap().to_owned(), made);
        Ok(())
    }

    /// Mostly one of the latest.
    fn some_allocation(&mut self) -> Option<(String, Allocation)> {
        let mut names: Vec<&String> = self.naive.allocations.keys().collect();
        names.sort_by_key(|name| name[1..].parse::<u64>().unwrap());
        let back = self.random.below(names.len().clamp(1, 16) as u64) as usize;
        let name = names.len().checked_sub(1 + back).map(|nth| names[nth].clone())?;
        let found = self.naive.allocations[&name].clone();
        Some((name, found))
    }

    pub(crate) fn use_allocation(&mut self) -> Result<(), String> {
        let Some((name, found)) = self.some_allocation() else { return Ok(()) };
        let left = found.amount.beyond(found.used).tokens;
        let mut tokens = 1 + self.random.below(300) as i64;
        let mut when = self.naive.now;
        if self.strict {
            // Late usage of what is closed, and overruns, are facts, too; but not promised to fit.
            if !self.naive.is_open(&found) || left == 0 {
                return Ok(());
            }
            tokens = tokens.min(left);
        } else {
            when -= self.random.below(2 * HOUR as u64) as i64;
        }
        if tokens > left || !self.naive.is_open(&found) {
            self.tried.note("used beyond");
        }
        self.use_now(found.values, tokens, when, Some(name))
    }

    pub(crate) fn free_usage(&mut self) -> Result<(), String> {
        let (values, tokens) = (self.values(), 1 + self.random.below(300) as i64);
        self.use_now(values, tokens, self.naive.now, None)
    }

    /// Usage that names an allocation which is made later, or never: it is use of none.
    pub(crate) fn use_before(&mut self) -> Result<(), String> {
        let (values, tokens) = (self.values(), 1 + self.random.below(100) as i64);
        if self.strict && !self.naive.exceeded(&values, values.of(tokens)).0.is_empty() {
            return Ok(());
        }
        let id = self.fresh();
        let usage = json!({"model": values.model, "labels": values.labels(), "tokens": {"output": tokens},
            "allocation": format!("a{}", id + 1 + self.random.below(3))});
        let when = self.naive.now;
        let event = json!({"id": format!("u{id}"), "task": values.task, "occurred_at": at(when), "usage_recorded": usage});
        let (status, answer) = self.settled(&self.events(&event), true);
        if !matches!(status, 200 | 201) {
            return Err(format!("using before it is made: {answer}"));
        }
        self.tried.note("used before");
        self.used(Usage { amount: values.of(tokens), values, at: when, event }, None);
        Ok(())
    }

    fn use_now(
        &mut self,
        values: Values,
        tokens: i64,
        when: i64,
        name: Option<String>,
    ) -> Result<(), String> {
        let mut event = json!({
            "id": format!("u{}", self.fresh()),
            "task": values.task,
            "occurred_at": at(when),
            "usage_recorded": {"model": values.model, "labels": values.labels(), "tokens": {"output": tokens}},
        });
        if let Some(name) = &name {
            event["usage_recorded"]["allocation"] = json!(name);
        }
        let (status, answer) = self.settled(&self.events(&event), true);
        if !matches!(status, 200 | 201) {
            return Err(format!("using: {answer}"));
        }
        self.tried.note("used");
        self.used(Usage { amount: values.of(tokens), values, at: when, event }, name.as_deref());
        Ok(())
    }

    fn used(&mut self, usage: Usage, name: Option<&str>) {
        if let Some(found) = name.and_then(|name| self.naive.allocations.get_mut(name)) {
            found.used = found.used.plus(usage.amount);
        }
        self.naive.usage.push(usage);
    }

    /// Usage that was recorded before.
    pub(crate) fn send_again(&mut self) -> Result<(), String> {
        let Some(nth) = self.naive.usage.len().checked_sub(1) else { return Ok(()) };
        let nth = nth.saturating_sub(self.random.below(40) as usize);
        let (status, answer) = self.settled(&self.events(&self.naive.usage[nth].event), true);
        self.tried.note("sent again");
        if status == 200 && answer["outcomes"][0]["outcome"] == "duplicate" {
            return Ok(());
        }
        Err(format!("sending again: {answer}"))
    }

    pub(crate) fn extend(&mut self) -> Result<(), String> {
        let Some((name, found)) = self.some_allocation() else { return Ok(()) };
        // One that only lasts longer is given whatever the limits are.
        let tokens = if self.random.below(5) == 0 { 0 } else { 1 + self.random.below(200) as i64 };
        let ttl = 60 + self.random.below(5400) as i64;
        let body = json!({"tenant": self.tenant, "tokens": tokens, "ttl_s": ttl, "id": format!("e{}", self.fresh())});
        let asked = Asked { path: format!("/v1/allocations/{name}/extend"), body };
        let by = found.values.of(tokens);
        let fits = tokens == 0 || self.naive.exceeded(&found.values, by).0.is_empty();
        // What is not recorded could be decided later, when it fits: a caller who leaves here never knows.
        let (status, answer) = self.settled(&asked, false);
        match (self.naive.is_open(&found), fits, status) {
            (true, true, 200) => {
                let expires_at = found.expires_at.max(self.naive.now + ttl * 1_000_000);
                let extended = Allocation { amount: found.amount.plus(by), expires_at, ..found };
                self.allocation(&extended, &answer).map_err(|error| format!("{error}: {answer}"))?;
                self.naive.allocations.insert(name, extended);
                self.tried.note("extended");
                Ok(())
            }
            (true, false, 409) => {
                self.tried.note("not extended");
                Ok(())
            }
            (false, _, 422) => Ok(()),
            (open, ..) => Err(format!(
                "extending {name} of {:?}: {answer}; the model says open {open}, fits {fits}, {:?}",
                found.values,
                self.naive.sums(&found.values)
            )),
        }
    }

    pub(crate) fn release(&mut self) -> Result<(), String> {
        let Some((name, found)) = self.some_allocation() else { return Ok(()) };
        let asked =
            Asked { path: format!("/v1/allocations/{name}/release"), body: json!({"tenant": self.tenant}) };
        let (status, answer) = self.settled(&asked, true);
        match (found.state, self.naive.is_open(&found), status) {
            (State::Released, _, 200) if answer["repeated"] == true => self.allocation(&found, &answer),
            (State::Open, true, 200) => {
                let released = Allocation { state: State::Released, ..found };
                self.allocation(&released, &answer).map_err(|error| format!("{error}: {answer}"))?;
                self.naive.allocations.insert(name, released);
                self.tried.note("released");
                Ok(())
            }
            (State::Open | State::Refused, false, 422) => Ok(()),
            (state, open, _) => {
                Err(format!("releasing {name}: {answer}; the model says {state:?}, open {open}"))
            }
        }
    }

    /// The same request under the same name gets the first answer, with what became of it since; another one is a
    /// conflict.
    pub(crate) fn ask_again(&mut self) -> Result<(), String> {
        let Some((name, found)) = self.some_allocation() else { return Ok(()) };
        let mut asked = Asked { path: "/v1/allocations".to_owned(), body: found.request.clone() };
        let (status, answer) = self.settled(&asked, true);
        let same = |what: &str| answer[what] == found.first[what];
        if status != 200 || answer["repeated"] != true || !same("decided_at") || !same("policies") {
            return Err(format!("asking for {name} again: {answer}, first {}", found.first));
        }
        self.allocation(&found, &answer).map_err(|error| format!("asking for {name} again: {error}"))?;
        self.tried.note("asked again");
        asked.body["tokens"] = json!(found.request["tokens"].as_i64().unwrap() + 1);
        let (status, answer) = self.settled(&asked, true);
        if status == 409 { Ok(()) } else { Err(format!("another request under {name}: {answer}")) }
    }

    /// Whether it may be spent is what an allocation would say, and nothing is reserved.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        let values = self.values();
        let mut asked = self.allocation_of(&values);
        asked.path = "/v1/check".to_owned();
        for field in ["allocation", "ttl_s"] {
            asked.body.as_object_mut().unwrap().remove(field);
        }
        let (_, answer) = self.ground.post(self.random.below(2) as usize, &asked);
        let amount = values.of(asked.body["tokens"].as_i64().unwrap());
        let allowed = self.naive.judges(&values, amount, &answer)?;
        if answer["allowed"] == allowed { Ok(()) } else { Err(format!("checking: {answer}")) }
    }

    /// Requests through both servers at once, and usage of something that is open: some order explains the answers.
    pub(crate) fn at_once(&mut self) -> Result<(), String> {
        let many = 2 + self.random.below(2);
        let requests: Vec<(Values, Asked)> = (0..many)
            .map(|_| {
                let values = self.values();
                let asked = self.allocation_of(&values);
                (values, asked)
            })
            .collect();
        let mut all: Vec<(usize, Asked)> =
            requests.iter().zip([0, 1, 0]).map(|((_, asked), nth)| (nth, asked.clone())).collect();
        let used = self.use_of_open();
        all.extend(used.iter().map(|(usage, _)| (1, self.events(&usage.event))));
        let mut answers = self.ground.at_once(&all);
        if let Some((usage, name)) = used {
            let (status, answer) = answers.pop().unwrap();
            if status != 201 {
                return Err(format!("using at once: {answer}"));
            }
            // It moves the same from one sum to the other: whether a decision has seen it makes no difference.
            self.used(usage, Some(&name));
        }
        self.tried.note("at once");
        self.in_some_order(&requests, &answers)
    }

    fn use_of_open(&mut self) -> Option<(Usage, String)> {
        let (name, found) = self.some_allocation()?;
        let left = found.amount.beyond(found.used).tokens;
        if !self.naive.is_open(&found) || left == 0 {
            return None;
        }
        let tokens = (1 + self.random.below(200) as i64).min(left);
        let (values, when) = (found.values, self.naive.now);
        let event = json!({
            "id": format!("u{}", self.fresh()),
            "task": values.task,
            "occurred_at": at(when),
            "usage_recorded":
                {"model": values.model, "labels": values.labels(), "tokens": {"output": tokens}, "allocation": name},
        });
        Some((Usage { amount: values.of(tokens), values, at: when, event }, name))
    }

    fn in_some_order(&mut self, requests: &[(Values, Asked)], answers: &[Answer]) -> Result<(), String> {
        let before = self.naive.clone();
        let mut why = Vec::new();
        for order in orders(requests.len()) {
            self.naive = before.clone();
            let taken = order.iter().try_for_each(|&nth| {
                let (values, asked) = &requests[nth];
                self.allocated(values.clone(), asked, &answers[nth])
            });
            match taken {
                Ok(()) => return Ok(()),
                Err(error) => why.push(error),
            }
        }
        let said: Vec<&Value> = answers.iter().map(|(_, answer)| &answer["policies"]).collect();
        Err(format!("no order explains {said:?}: {why:?}"))
    }
}

/// All orders of so many.
fn orders(many: usize) -> Vec<Vec<usize>> {
    if many == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(many - 1);
    let all = shorter.iter().flat_map(|order| {
        (0..many).map(|place| {
            let mut order = order.clone();
            order.insert(place, many - 1);
            order
        })
    });
    all.collect()
}
