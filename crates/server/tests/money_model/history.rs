//! A history: what happens to one tenant, step by step, from a seed.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_clock::Clock;
use tollgate_domain::time::Timestamp;

use crate::ground::{Answer, Asked, Ground, Outcome};
use crate::log::Moment;
use crate::naive::{MODELS, Naive, Policy, Values, Window};
use crate::random::Random;

/// The laws are checked after so many steps.
const LAWS_EVERY: u64 = 20;

/// Of these, every so many times with the list of all allocations, which is long.
const ALL_EVERY: u64 = 5;

/// Which usage there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Regime {
    /// Only that of open allocations, and within them: then no hard limit may be oversold.
    WithinAllocations,
    /// Late, beyond what was allocated, without an allocation; and policies change.
    Any,
}

/// How often things were tried, by name.
#[derive(Debug, Default)]
pub(crate) struct Tried(BTreeMap<&'static str, u64>);

/// One tenant's history.
pub(crate) struct History<'a> {
    pub(crate) ground: &'a mut Ground,
    pub(crate) tenant: String,
    pub(crate) naive: Naive,
    pub(crate) random: Random,
    /// Whether all usage is within open allocations.
    pub(crate) strict: bool,
    pub(crate) tried: Tried,
    /// How many names there are.
    pub(crate) made: u64,
    steps: u64,
}

impl Tried {
    pub(crate) fn note(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, many) in &other.0 {
            *self.0.entry(what).or_default() += many;
        }
    }

    /// Whether everything was tried: a model in which nothing is refused shows nothing.
    #[track_caller]
    pub(crate) fn is_enough(&self, steps: u64, regime: Regime) {
        for (what, one_in) in [
            ("allocated", 10),
            ("refused", 20),
            ("used", 10),
            ("extended", 60),
            ("not extended", 200),
            ("released", 60),
            ("asked again", 60),
            ("sent again", 100),
            ("used beyond", 100),
            ("used before", 400),
            ("at once", 60),
            ("a caller left", 100),
            ("a server ended before its record", 200),
            ("a server ended after its record", 200),
        ] {
            let many = self.0.get(what).copied().unwrap_or_default();
            if what == "used beyond" && regime == Regime::WithinAllocations {
                continue;
            }
            assert!(many >= steps / one_in / 4, "{what}: {many} times in {steps} steps: {self:?}");
        }
    }
}

impl<'a> History<'a> {
    pub(crate) fn new(ground: &'a mut Ground, seed: u64, regime: Regime) -> Self {
        let now = ground.clock.now().micros();
        let mut history = Self {
            ground,
            tenant: format!("m{seed}"),
            naive: Naive { now, ..Naive::default() },
            random: Random(seed),
            strict: regime == Regime::WithinAllocations,
            tried: Tried::default(),
            made: 0,
            steps: 0,
        };
        for nth in 0..5 {
            history.set_policy(nth).unwrap();
        }
        history
    }

    /// Something happens.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        match self.random.below(100) {
            0..=29 => self.allocate()?,
            30..=52 => self.use_allocation()?,
            53..=59 => self.extend()?,
            60..=67 => self.release()?,
            68..=73 => self.ask_again()?,
            74..=77 => self.send_again()?,
            78..=83 => self.at_once()?,
            84..=88 => self.time_passes(),
            89..=90 => self.ground.record_expired(self.random.below(2) as usize),
            91 => self.use_before()?,
            92 => self.ground.observe_levels(self.random.below(2) as usize),
            93..=95 if !self.strict => self.free_usage()?,
            96..=97 if !self.strict => {
                let nth = self.random.below(5);
                self.set_policy(nth)?;
            }
            98 if self.random.once_in(2) => self.ground.crash(self.random.below(2) as usize),
            99 if self.random.once_in(5) => self.ground.restart(),
            _ => self.check()?,
        }
        self.steps += 1;
        if self.steps.is_multiple_of(LAWS_EVERY) {
            self.laws(self.steps.is_multiple_of(LAWS_EVERY * ALL_EVERY))?;
        }
        Ok(())
    }

    /// The laws once more, and a server that reads the log from its beginning says the same.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        let said = self.laws(true)?;
        // Each tenth history: the whole log is read again.
        if self.random.once_in(10) {
            let anew = self.ground.says_anew(&self.questions(true));
            if anew != said {
                return Err(format!("views said {said:?}, built anew they say {anew:?}"));
            }
        }
        Ok(())
    }

    /// An answer to something that has one effect however often it is asked: now and then the caller leaves, or the
    /// server ends, and it is asked again.
    pub(crate) fn settled(&mut self, asked: &Asked, may_leave: bool) -> Answer {
        let nth = self.random.below(2) as usize;
        let moments = [
            (Moment::BeforeItsRecord, "a server ended before its record"),
            (Moment::AfterItsRecord, "a server ended after its record"),
        ];
        match self.random.below(40) {
            0 | 1 => {
                let (moment, name) = *self.random.of(&moments);
                match self.ground.crash_in(nth, asked, moment) {
                    Outcome::Answered(answer) => return answer,
                    Outcome::Unknown => self.tried.note(name),
                }
            }
            2 | 3 if may_leave => {
                self.ground.abandon(nth, asked);
                self.tried.note("a caller left");
            }
            _ => return self.ground.post(nth, asked),
        }
        self.ground.post(self.random.below(2) as usize, asked)
    }

    fn time_passes(&mut self) {
        // Mostly minutes; now and then over the end of an hour.
        let minutes = if self.random.once_in(8) { 50 } else { 6 };
        self.naive.now += self.random.below(minutes * 60_000_000) as i64;
        self.ground.clock.set(Timestamp::from_micros(self.naive.now).unwrap());
    }

    fn set_policy(&mut self, nth: u64) -> Result<(), String> {
        let kinds = [
            (None, None, Window::Ever),
            (Some("a"), None, Window::Day),
            (None, Some("gpt-5"), Window::Hour),
            (Some("b"), Some("gpt-5-mini"), Window::Ever),
            (None, None, Window::Task),
        ];
        let (team, model, window) = kinds[nth as usize];
        let size = if window == Window::Ever { 12_000 } else { 5000 };
        let tokens = (!self.random.once_in(3)).then(|| (size + self.random.below(size)) as i64);
        let micros = (tokens.is_none() || self.random.once_in(2))
            .then(|| (size * 6 + self.random.below(size * 6)) as i64);
        let hard = nth != 3 || self.random.once_in(2);
        let policy = Policy { team, model, window, tokens, micros, hard };
        let name = format!("p{nth}");
        let asked = Asked { path: format!("/v1/policies/{name}"), body: policy.request(&self.tenant) };
        let (status, answer) = self.ground.post(self.random.below(2) as usize, &asked);
        if status != 200 {
            return Err(format!("setting {name}: {answer}"));
        }
        self.naive.policies.insert(name, policy);
        Ok(())
    }

    pub(crate) fn values(&mut self) -> Values {
        let (model, price) = *self.random.of(&MODELS);
        let team = *self.random.of(&[None, Some("a"), Some("a"), Some("b")]);
        Values { task: format!("T-{}", self.random.below(5)), team, model, price }
    }

    /// A name that was not used before.
    pub(crate) fn fresh(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(crate) fn events(&self, event: &Value) -> Asked {
        let body = json!({"tenant": self.tenant, "producer": "agent", "events": [event]});
        Asked { path: "/v1/events".to_owned(), body }
    }
}
