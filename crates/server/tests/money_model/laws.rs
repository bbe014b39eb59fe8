//! What has to hold, whatever happened.
//!
//! * allocated + overrun = used + remaining + released + expired, for each allocation, and each is as the model has it;
//! * each policy has booked and reserved what adding up everything gives;
//! * the usage under policies that tell it apart is all usage;
//! * as long as all usage is that of open allocations, or fits when it arrives, no hard limit is oversold;
//! * both servers say the same as of the same position.

use serde_json::{Value, json};

use crate::ground::Answer;
use crate::history::History;
use crate::naive::{Allocation, Amount, State, Window};

impl History<'_> {
    /// What is asked of each server, with or without the list of allocations.
    pub(crate) fn questions(&self, all: bool) -> Vec<String> {
        let of = format!("tenant={}&at_least=tail&wait_ms=60000&limit=1000", self.tenant);
        let summary = format!("/v1/usage/summary?tenant={}&at_least=tail&wait_ms=60000", self.tenant);
        let mut questions = vec![format!("/v1/policies?{of}"), summary];
        questions.extend(all.then(|| format!("/v1/allocations?{of}")));
        questions
    }

    /// The first law that is broken.
    pub(crate) fn laws(&self, all: bool) -> Result<Vec<Answer>, String> {
        let mut answers = Vec::new();
        for question in self.questions(all) {
            let [first, second] = [0, 1].map(|nth| self.ground.get(nth, &question));
            if first != second {
                return Err(format!("{question}: one says {first:?}, the other {second:?}"));
            }
            if first.0 != 200 {
                return Err(format!("{question}: {first:?}"));
            }
            answers.push(first);
        }
        self.policies(&answers[0].1)?;
        self.sums(&answers[1].1)?;
        if let Some((_, answer)) = answers.get(2) {
            self.allocations(answer)?;
        }
        Ok(answers)
    }

    fn policies(&self, answer: &Value) -> Result<(), String> {
        let list = answer["policies"].as_array().ok_or("no policies")?;
        if list.len() != self.naive.policies.len() {
            return Err(format!("{} policies, the model has {}", list.len(), self.naive.policies.len()));
        }
        for view in list {
            let name = view["policy"].as_str().ok_or("no name")?;
            let policy = self.naive.policies.get(name).ok_or("an unknown policy")?;
            if policy.window == Window::Task {
                continue;
            }
            let said = ["booked", "reserved"].map(|what| Amount::read(&view["status"][what]));
            let model = [self.naive.booked(policy, ""), self.naive.reserved(policy, "")];
            if said != model.map(Some) {
                return Err(format!(
                    "policy {name}: booked and reserved are {said:?}, the model says {model:?}"
                ));
            }
            let [booked, reserved] = model;
            if self.strict && policy.hard && !policy.holds(booked.plus(reserved)) {
                return Err(format!("policy {name} is oversold: {booked:?} and {reserved:?} of {policy:?}"));
            }
        }
        self.tasks()
    }

    /// The same for policies that look at tasks one by one.
    fn tasks(&self) -> Result<(), String> {
        for (name, policy) in self.naive.policies.iter().filter(|(_, policy)| policy.window == Window::Task) {
            for task in self.naive.usage.iter().map(|usage| &usage.values.task) {
                let all = self.naive.booked(policy, task).plus(self.naive.reserved(policy, task));
                if self.strict && policy.hard && !policy.holds(all) {
                    return Err(format!("policy {name} is oversold for {task}: {all:?} of {policy:?}"));
                }
            }
        }
        Ok(())
    }

    fn allocations(&self, answer: &Value) -> Result<(), String> {
        let list = answer["allocations"].as_array().ok_or("no allocations")?;
        if list.len() != self.naive.allocations.len() {
            return Err(format!(
                "{} allocations, the model has {}",
                list.len(),
                self.naive.allocations.len()
            ));
        }
        for view in list {
            let name = view["allocation"].as_str().ok_or("no name")?;
            let known = self.naive.allocations.get(name).ok_or("an unknown allocation")?;
            self.allocation(known, view).map_err(|error| format!("allocation {name}: {error}: {view}"))?;
        }
        Ok(())
    }

    /// Whether an answer is what the model has of an allocation.
    pub(crate) fn allocation(&self, known: &Allocation, view: &Value) -> Result<(), String> {
        let read = |what: &str| Amount::read(&view[what]).ok_or_else(|| format!("no {what}"));
        let [amount, used, overrun] = [read("amount")?, read("used")?, read("overrun")?];
        let [remaining, released, expired] = [read("remaining")?, read("released")?, read("expired")?];
        let state = match known.state {
            State::Refused => "refused",
            State::Released => "released",
            State::Open if self.naive.is_open(known) => "open",
            State::Open => "expired",
        };
        if view["state"] != state {
            return Err(format!("the model says {state}"));
        }
        if (amount, used) != (known.amount, known.used) {
            return Err(format!("the model has {:?} allocated and {:?} used", known.amount, known.used));
        }
        let right = used.plus(remaining).plus(released).plus(expired);
        if known.state != State::Refused && amount.plus(overrun) != right {
            return Err("what is allocated is not what became of it".to_owned());
        }
        Ok(())
    }

    /// All usage, by another question than that of policies.
    fn sums(&self, answer: &Value) -> Result<(), String> {
        let all = self.naive.usage.iter().fold(Amount::default(), |sum, usage| sum.plus(usage.amount));
        let total = &answer["totals"];
        let usd = total["cost_usd"].as_str().unwrap_or("0");
        let said = Amount::read(&json!({"usd": usd, "tokens": total["tokens"]["total"]}));
        if said != Some(all) || total["usage_events"] != self.naive.usage.len() {
            return Err(format!(
                "all usage is {total}, the model says {all:?} of {}",
                self.naive.usage.len()
            ));
        }
        Ok(())
    }
}
