//! Prices that wait for a person, prices on which sources do not agree, and sources that cannot be used. They end
//! with the decision, when the sources agree again, and when the list is used again.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{
    ConditionObserved, PriceChanged, PriceEvent, PriceProposed, RecordedEvent, WaitReason,
};
use tollgate_domain::price::Percent;

use super::conditions::observe;
use super::row::Watch;

/// A price that came into force is told if a usage point costs more than so many percent more or less: what sources may
/// differ by and still agree is none.
const NOTABLE: Percent = 5;

/// Folds what was said or decided about a price into the ledger's own watch.
pub(super) fn note(watch: &mut Watch, event: &RecordedEvent<'_>, decided: &PriceEvent) {
    let seen = |rule, entry: &str, detail: Option<String>| ConditionObserved {
        condition: Condition { rule, scope: AlertScope::Price(entry.to_owned()), level: 0 },
        active: detail.is_some(),
        since: event.recorded_at,
        threshold_ms: 0,
        detail: detail.unwrap_or_default(),
    };
    match decided {
        PriceEvent::PriceProposed(proposed) => {
            let entry = &proposed.entry;
            // Another proposal about the same entry: the sentence is that of the one that waits.
            observe(watch, &seen(AlertRule::PriceWaiting, entry, None));
            observe(watch, &seen(AlertRule::PriceWaiting, entry, Some(waiting(proposed))));
        }
        PriceEvent::PriceDecided(made) => observe(watch, &seen(AlertRule::PriceWaiting, &made.entry, None)),
        PriceEvent::PriceDisputed(disputed) => {
            let said = (!disputed.said.is_empty()).then(|| {
                format!("Sources do not agree on what {} costs. {}", disputed.entry, disputed.said.join(". "))
            });
            observe(watch, &seen(AlertRule::PriceDisputed, &disputed.entry, said));
        }
        PriceEvent::PriceSourceChecked(checked) => {
            let problem = checked.problem.as_ref();
            let said = problem.map(|problem| {
                format!("The list of prices of the source {} is not used: {problem}", checked.source)
            });
            observe(watch, &seen(AlertRule::PriceSource, &checked.source, said));
        }
        PriceEvent::PriceChanged(made) => {
            if let Some(percent) = made.percent.filter(|percent| *percent > NOTABLE) {
                observe(watch, &seen(AlertRule::PriceChanged, &made.entry, None));
                observe(watch, &seen(AlertRule::PriceChanged, &made.entry, Some(changed(made, percent))));
            }
        }
        PriceEvent::PriceUpdateBegun(_) => {}
    }
}

fn changed(made: &PriceChanged, percent: Percent) -> String {
    let PriceChanged { entry, source, price_version, from, .. } = made;
    let by = if percent == Percent::MAX {
        "from nothing to something".to_owned()
    } else {
        format!("by {percent} % at most")
    };
    let who = made.approved_by.as_ref().map(|who| format!(", decided by {who}")).unwrap_or_default();
    format!(
        "The price of {entry} changes {by} from {from} on, by {source}{who}: {price_version}. `tollgate prices history` shows old and new"
    )
}

fn waiting(proposed: &PriceProposed) -> String {
    let PriceProposed { entry, source, price_version, percent, waits, .. } = proposed;
    let why: Vec<&str> = waits.iter().map(|wait| because(*wait)).collect();
    let by = match percent {
        None => String::new(),
        Some(u32::MAX) => " (from nothing to something)".to_owned(),
        Some(percent) => format!(" (by {percent} %)"),
    };
    format!(
        "A price of {entry} by {source} waits for a person: {}{by}. `tollgate prices approve {price_version}` puts it in force, `reject` does not",
        why.join("; ")
    )
}

const fn because(wait: WaitReason) -> &'static str {
    match wait {
        WaitReason::LargeChange => "it changes by more than half",
        WaitReason::Free => "it is free where others take money",
        WaitReason::RateMissing => "it lacks a rate that the price in force has",
        WaitReason::Unverified => "too few sources agree on it",
        WaitReason::Scraped => "it was read from a page made for people",
        WaitReason::SetByHand => "a person set the price in force, and only a person replaces it",
    }
}
