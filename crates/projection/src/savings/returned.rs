//! Return on investment: `(saved − overhead) / cost`. One computation, for the live ledger and for replay.

use tollgate_domain::money::Usd;
use tollgate_wire::api::{EnforcementAdvice, ReturnVerdict, ReturnView, RunawayShare};

use super::interval::interval;
use crate::overview::{Share, decimals};

/// Tasks below which the share of runaways advises nothing.
pub const MIN_TASKS: u64 = 50;

/// The goal, and the floor below which the stop-loss is not worth it, in times.
const GOAL: i128 = 3;
const FLOOR: i128 = 2;

/// What people state, because no log knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// What the stop-loss cost to build in and run, in the time that is looked at.
    pub cost: Option<Usd>,
    /// What people's time costs for each interruption of work that was all right.
    pub interruption: Usd,
}

/// From this to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Between<T> {
    /// At least.
    pub from: T,
    /// At most.
    pub up_to: T,
}

/// What a stop-loss did, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// What was not spent because of it; `None`: not known, for this reason.
    pub saved: Option<Between<Usd>>,
    /// Why it is not known.
    pub lacks: Option<String>,
    /// Why more may have been saved than `saved` says at most; `None`: that is the most.
    pub open_end: Option<String>,
    /// Work that is done again because it was interrupted.
    pub repeated: Between<Usd>,
    /// Interruptions of work that was all right.
    pub interruptions: Between<u64>,
    /// Tasks that are runaways.
    pub runaways: Between<u64>,
    /// Of so many tasks.
    pub tasks: u64,
    /// What all this assumes.
    pub assumptions: Vec<String>,
}

/// The return of a stop-loss, and what it advises.
#[must_use]
pub fn return_on_investment(effect: &Effect, stated: Stated) -> ReturnView {
    let handling = |count: u64| {
        let all = stated.interruption.checked_times(count.into());
        all.unwrap_or(Usd::from_units(i128::MAX))
    };
    let overhead = Between {
        from: effect.repeated.from.saturating_add(handling(effect.interruptions.from)),
        up_to: effect.repeated.up_to.saturating_add(handling(effect.interruptions.up_to)),
    };
    let cost = stated.cost.filter(|cost| *cost > Usd::ZERO);
    let times = effect.saved.zip(cost).map(|(saved, cost)| Between {
        from: hundredths(saved.from, overhead.up_to, cost, false),
        up_to: hundredths(saved.up_to, overhead.from, cost, true),
    });
    let lacks = match (&effect.saved, cost) {
        (None, _) => effect.lacks.clone(),
        (Some(_), None) if stated.cost.is_some() => {
            Some("a cost of 0 USD is no base for a return: state what building it in and running it cost, with --cost-usd".to_owned())
        }
        (Some(_), None) => {
            Some("the cost of building it in and running it is not stated: --cost-usd".to_owned())
        }
        (Some(_), Some(_)) => effect.open_end.clone(),
    };
    let is_open = effect.open_end.is_some();
    let usd = |value: Usd| Some(value.to_string());
    ReturnView {
        saved_usd_from: effect.saved.and_then(|saved| usd(saved.from)),
        saved_usd_up_to: effect.saved.filter(|_| !is_open).and_then(|saved| usd(saved.up_to)),
        overhead_usd_from: usd(overhead.from),
        overhead_usd_up_to: usd(overhead.up_to),
        cost_usd: cost.and_then(usd),
        times_from: times.map(|times| signed(times.from)),
        times_up_to: times.filter(|_| !is_open).map(|times| signed(times.up_to)),
        verdict: times.map_or(ReturnVerdict::NotEnoughData, |times| verdict(times, is_open)),
        lacks,
        runaways: runaways(effect),
        assumptions: effect.assumptions.clone(),
    }
}

/// `(saved − overhead) / cost` in hundredths, rounded down or up.
fn hundredths(saved: Usd, overhead: Usd, cost: Usd, up: bool) -> i128 {
    let net = saved.units().saturating_sub(overhead.units()).saturating_mul(100);
    let down = net.div_euclid(cost.units().max(1));
    let is_whole = net.rem_euclid(cost.units().max(1)) == 0;
    down.saturating_add(i128::from(up && !is_whole))
}

/// `is_open`: it may be more than `times` says at most.
fn verdict(times: Between<i128>, is_open: bool) -> ReturnVerdict {
    let at_least = |times: i128, goal: i128| times >= goal.saturating_mul(100);
    if at_least(times.from, GOAL) {
        ReturnVerdict::MeetsGoal
    } else if at_least(times.from, FLOOR) {
        ReturnVerdict::WorthIt
    } else if is_open || at_least(times.up_to, FLOOR) {
        ReturnVerdict::Undecided
    } else {
        ReturnVerdict::BelowFloor
    }
}

fn signed(hundredths: i128) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}", decimals(hundredths.unsigned_abs()))
}

fn runaways(effect: &Effect) -> RunawayShare {
    let of = effect.tasks;
    let low = interval(Share { part: effect.runaways.from, of }).map(|(low, _)| low);
    let high = interval(Share { part: effect.runaways.up_to, of }).map(|(_, high)| high);
    let advice = match low.zip(high) {
        Some((low, high)) if of >= MIN_TASKS => match (low, high) {
            (low, _) if low > 1_000 => EnforcementAdvice::Enforce,
            (_, high) if high < 500 => EnforcementAdvice::AlertOnly,
            (_, _) => EnforcementAdvice::Undecided,
        },
        Some(_) | None => EnforcementAdvice::NotEnoughData,
    };
    RunawayShare {
        tasks_from: effect.runaways.from,
        tasks_up_to: effect.runaways.up_to,
        of,
        percent_from: low.map(|low| decimals(low.into())),
        percent_up_to: high.map(|high| decimals(high.into())),
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    fn effect(saved: (&str, &str), repeated: &str, interruptions: (u64, u64)) -> Effect {
        Effect {
            saved: Some(Between { from: usd(saved.0), up_to: usd(saved.1) }),
            repeated: Between { from: Usd::ZERO, up_to: usd(repeated) },
            interruptions: Between { from: interruptions.0, up_to: interruptions.1 },
            ..Effect::default()
        }
    }

    #[test]
    fn the_return_is_what_was_saved_less_the_overhead_for_the_cost() {
        for (saved, repeated, interruptions, cost, per_interruption, times, verdict) in [
            (("30", "40"), "0", (0, 0), "10", "0", ("3", "4"), ReturnVerdict::MeetsGoal),
            (("29.99", "40"), "0", (0, 0), "10", "0", ("2.99", "4"), ReturnVerdict::WorthIt),
            (("19", "40"), "0", (0, 0), "10", "0", ("1.9", "4"), ReturnVerdict::Undecided),
            (("0", "19.99"), "0", (0, 0), "10", "0", ("0", "2"), ReturnVerdict::Undecided),
            (("0", "19.9"), "0", (0, 0), "10", "0", ("0", "1.99"), ReturnVerdict::BelowFloor),
            // The least is saved at the largest overhead, the most at the smallest.
            (("30", "30"), "5", (1, 3), "10", "2", ("1.9", "2.8"), ReturnVerdict::Undecided),
            (("0", "1"), "0", (2, 2), "10", "10", ("-2", "-1.9"), ReturnVerdict::BelowFloor),
            (("1", "1"), "0", (0, 0), "3", "0", ("0.33", "0.34"), ReturnVerdict::BelowFloor),
        ] {
            let stated = Stated { cost: Some(usd(cost)), interruption: usd(per_interruption) };
            let found = return_on_investment(&effect(saved, repeated, interruptions), stated);
            let range = found.times_from.as_deref().zip(found.times_up_to.as_deref());
            assert_eq!((range, found.verdict), (Some(times), verdict), "{saved:?} − {repeated} / {cost}");
        }
    }

    #[test]
    fn without_a_cost_or_something_saved_there_is_no_return() {
        let known = effect(("1", "2"), "0", (0, 0));
        for cost in [None, Some(Usd::ZERO)] {
            let found = return_on_investment(&known, Stated { cost, ..Stated::default() });
            assert_eq!((found.times_from, found.verdict), (None, ReturnVerdict::NotEnoughData));
            assert!(found.lacks.unwrap().contains("--cost-usd"));
        }
        let unknown = Effect { saved: None, lacks: Some("no price".to_owned()), ..known };
        let found = return_on_investment(&unknown, Stated { cost: Some(usd("1")), ..Stated::default() });
        assert_eq!((found.times_from, found.lacks.as_deref()), (None, Some("no price")));
    }

    #[test]
    fn without_an_upper_end_a_return_is_never_below_the_floor() {
        for (saved, times, verdict) in [
            ("30", "3", ReturnVerdict::MeetsGoal),
            ("20", "2", ReturnVerdict::WorthIt),
            ("0", "0", ReturnVerdict::Undecided),
        ] {
            let effect =
                Effect { open_end: Some("stopped".to_owned()), ..effect((saved, saved), "0", (0, 0)) };
            let found = return_on_investment(&effect, Stated { cost: Some(usd("10")), ..Stated::default() });
            assert_eq!((found.saved_usd_from.as_deref(), &found.saved_usd_up_to), (Some(saved), &None));
            assert_eq!((found.times_from.as_deref(), &found.times_up_to), (Some(times), &None));
            assert_eq!((found.verdict, found.lacks.as_deref()), (verdict, Some("stopped")));
            let [said, _] = crate::savings::in_words(&found);
            assert!(said.starts_with(&format!("return at least {times} times: saved at least {saved} USD")));
            assert!(said.ends_with("; how much more is not known: stopped"), "{said}");
        }
    }

    #[test]
    fn of_no_task_there_is_no_share_in_words() {
        let [_, said] =
            crate::savings::in_words(&return_on_investment(&Effect::default(), Stated::default()));
        assert_eq!(said, "runaways unknown: there is no task that the gate could block");
    }

    #[test]
    fn the_share_of_runaways_advises_only_what_is_sure() {
        for (from, up_to, tasks, advice) in [
            (200, 200, 1000, EnforcementAdvice::Enforce),
            (110, 110, 1000, EnforcementAdvice::Undecided),
            (20, 20, 1000, EnforcementAdvice::AlertOnly),
            (20, 60, 1000, EnforcementAdvice::Undecided),
            (0, 0, 49, EnforcementAdvice::NotEnoughData),
            (0, 0, 50, EnforcementAdvice::Undecided),
            (0, 0, 100, EnforcementAdvice::AlertOnly),
        ] {
            let effect = Effect { runaways: Between { from, up_to }, tasks, ..Effect::default() };
            let found = return_on_investment(&effect, Stated::default()).runaways;
            assert_eq!(found.advice, advice, "{from} to {up_to} of {tasks}: {found:?}");
        }
    }
}
