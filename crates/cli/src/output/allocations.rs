//! What may be spent, what is reserved, and why something is refused: as sentences and tables.

use std::fmt::Write;

use tollgate_domain::event::Ruling;
use tollgate_domain::printable::printable;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{
    AllocationList, AllocationStateWord, AllocationView, AmountView, CheckResponse, PolicyFiguresView,
    RouteResponse, RouteView,
};

use super::budgets::{fact, limit, without_price};
use super::{grouped, quoted, table, time};

/// Whether something may be spent, with what every policy says.
pub(crate) fn check(answer: &CheckResponse) -> String {
    let verdict = match (&answer.instead, answer.allowed) {
        (Some(model), _) => format!("allowed with {} instead", printable(model)),
        (None, true) => "allowed".to_owned(),
        (None, false) => "refused".to_owned(),
    };
    let mut text =
        format!("{verdict}: {}{}\n", both(&answer.amount), unknown_cost(answer.priced, &answer.amount));
    if let Some(similar) = &answer.similar_model {
        let _ = writeln!(
            text,
            "! the model has no entry in the price book; did you mean `{}`?",
            printable(similar)
        );
    }
    sentences(&mut text, &answer.policies);
    if answer.policies.is_empty() {
        text.push_str("  no policy is about it\n");
    }
    if answer.as_of.is_empty() {
        text.push_str("! the figures are behind: they do not cover the end of the log\n");
    }
    if !answer.allowed {
        text.push_str(&what_to_do(&answer.policies));
    }
    text
}

/// Beside an amount whose cost nobody knows.
fn unknown_cost(priced: bool, amount: &AmountView) -> &'static str {
    if priced || amount.usd != "0" { "" } else { ", at a cost that is not known" }
}

fn sentences(text: &mut String, policies: &[PolicyFiguresView]) {
    for policy in policies {
        // Writing to a String cannot fail, here and elsewhere.
        let _ = writeln!(text, "  {}", printable(&policy.sentence));
        // One that limits money says so itself.
        if policy.limit.usd.is_none()
            && let Some(unpriced) =
                policy.unpriced.as_ref().and_then(|unpriced| without_price(unpriced, &policy.unpriced_units))
        {
            let _ = writeln!(text, "    {unpriced}");
        }
    }
}

/// What gets a refused request through, by policy.
fn what_to_do(policies: &[PolicyFiguresView]) -> String {
    let mut text = "to do\n".to_owned();
    for policy in policies {
        let advice = match policy.ruling {
            Ruling::Refused => exceeded(policy),
            Ruling::Unpriced => {
                "name a model that has a price (`tollgate prices list`), or say what it costs with --usd"
                    .to_owned()
            }
            Ruling::Unnamed => "name the task with --task, or the session with --label session=ID".to_owned(),
            Ruling::Stale => {
                "ask again; if the figures stay behind, `tollgate status` shows which view is".to_owned()
            }
            Ruling::Fits
            | Ruling::Warns
            | Ruling::Ignored
            | Ruling::Over
            | Ruling::OverSoft
            | Ruling::Passed
            | Ruling::Throttled
            | Ruling::StaleAllowed => continue,
        };
        let _ = writeln!(text, "  {}: {advice}", printable(&policy.policy));
    }
    text
}

fn exceeded(policy: &PolicyFiguresView) -> String {
    let remaining = policy.remaining.clone().unwrap_or_default();
    let is_used_up = remaining.tokens == Some(0) || remaining.usd.as_deref() == Some("0");
    let left = limit(&remaining);
    // Usage without a price may count as well, at the most that it can cost: then that much may still be too much.
    let is_certain =
        !is_used_up && policy.unpriced.as_ref().is_some_and(|unpriced| unpriced.usd.as_deref() == Some("0"));
    let less = if !is_certain { String::new() } else { format!("ask for at most {left}, ") };
    // The rate lets one pass, or the window ends and its limit is new.
    let ends = policy.retry_at.iter().chain(&policy.window_to).map(|end| end.parse::<Timestamp>());
    let wait =
        ends.flatten().min().map(|end| format!("wait until {}, ", whole_second(end))).unwrap_or_default();
    let name = quoted(&policy.policy);
    format!(
        "{less}{wait}release what is not needed (`tollgate allocate list --state open --policy {name}`), or have it raised (`tollgate policy raise {name} -h`)"
    )
}

/// The second in which, or at whose beginning, a moment has come: nobody who waits for it comes too early.
fn whole_second(end: Timestamp) -> String {
    let end = Timestamp::from_micros(end.micros().saturating_add(999_999)).unwrap_or(end);
    time(&end.to_string())
}

/// An allocation with all its figures.
pub(crate) fn allocation(view: &AllocationView) -> String {
    let mut text = format!("{}  {}", printable(&view.allocation), view.state);
    text.push_str(if view.repeated { ", as decided before\n" } else { "\n" });
    let about = about(view);
    fact(&mut text, "for", Some(about.as_str()).filter(|about| !about.is_empty()));
    fact(&mut text, "context", view.context.as_deref());
    let instead = view.instead_of.as_ref();
    fact(&mut text, "instead", instead.map(|model| format!("of {model}, which does not fit")).as_deref());
    let is_made = view.state != AllocationStateWord::Refused;
    let name = if is_made { "allocated" } else { "asked for" };
    let cost = unknown_cost(view.priced, &view.amount);
    fact(&mut text, name, Some(&format!("{}{cost}", both(&view.amount))));
    if is_made {
        fact(&mut text, "used", view.used.as_ref().map(both).as_deref());
        fact(&mut text, "left", view.remaining.as_ref().map(both).as_deref());
        for (name, amount) in
            [("released", &view.released), ("expired", &view.expired), ("overrun", &view.overrun)]
        {
            let amount = amount.as_ref().filter(|amount| !is_nothing(amount));
            fact(&mut text, name, amount.map(both).as_deref());
        }
        fact(&mut text, "figures", view.figures.as_deref());
        fact(&mut text, "until", Some(&time(&view.expires_at)));
    }
    fact(&mut text, "decided", Some(&time(&view.decided_at)));
    sentences(&mut text, &view.policies);
    match view.state {
        AllocationStateWord::Refused => text.push_str(&what_to_do(&view.policies)),
        AllocationStateWord::Open | AllocationStateWord::Released | AllocationStateWord::Expired => {}
    }
    text
}

fn about(view: &AllocationView) -> String {
    let task = view.task.as_ref().map(|task| format!("task {task}"));
    let phase = view.phase.as_ref().map(|phase| format!("phase {phase}"));
    let model = view.model.as_ref().map(|model| match &view.provider {
        Some(provider) => format!("{model} of {provider}"),
        None => model.clone(),
    });
    let component = view.component.as_ref().map(|component| format!("component {component}"));
    let labels = view.labels.iter().map(|(name, value)| format!("{name}={value}"));
    let priority = (view.priority != 5).then(|| format!("priority {}", view.priority));
    let parts = [task, phase, model, component].into_iter().flatten().chain(labels).chain(priority);
    parts.collect::<Vec<_>>().join(", ")
}

/// Allocations, one per line, the latest first.
pub(crate) fn allocation_list(list: &AllocationList) -> String {
    if list.allocations.is_empty() {
        return "no allocations\n".to_owned();
    }
    let rows = list.allocations.iter().map(|view| {
        vec![
            view.allocation.clone(),
            view.state.to_string(),
            view.task.clone().unwrap_or_default(),
            view.model.clone().unwrap_or_default(),
            grouped(view.amount.tokens),
            view.amount.usd.clone(),
            view.used.as_ref().map(|used| grouped(used.tokens)).unwrap_or_default(),
            view.used.as_ref().map(|used| used.usd.clone()).unwrap_or_default(),
            view.remaining.as_ref().map(|left| left.usd.clone()).unwrap_or_default(),
            time(&view.expires_at),
        ]
    });
    let header =
        ["allocation", "state", "task", "model", "tokens", "USD", "used", "used USD", "left USD", "until"];
    let mut text = table(&header, &[4, 5, 6, 7, 8], rows.collect());
    if let Some(next) = list.next {
        let _ = writeln!(text, "more allocations before {next}: use --before {next}");
    }
    text
}

/// The cheapest model, and what else was looked at.
pub(crate) fn route(answer: &RouteResponse) -> String {
    let mut text = match &answer.chosen {
        Some(chosen) => format!("{}: {}\n", printable(&named(chosen)), printable(&chosen.arithmetic)),
        None => "no model is allowed\n".to_owned(),
    };
    if let Some(preferred) = &answer.preferred {
        let fits = if preferred.fits { "fits too".to_owned() } else { refused_by(preferred) };
        let _ = writeln!(
            text,
            "preferred {}: {} ({fits})",
            printable(&named(preferred)),
            printable(&preferred.arithmetic)
        );
    }
    if let Some(why) = &answer.not_looked_at {
        let _ = writeln!(text, "! {}", printable(why));
    }
    if !answer.others.is_empty() {
        let rows = answer.others.iter().map(|other| {
            let fits = if other.fits { "fits".to_owned() } else { refused_by(other) };
            vec![other.model.clone(), other.tier.clone(), other.cost_usd.clone(), fits]
        });
        let _ = write!(text, "\n{}", table(&["also", "tier", "USD", ""], &[2], rows.collect()));
    }
    for unpriced in &answer.unpriced {
        let _ = writeln!(text, "! {}", printable(unpriced));
    }
    text
}

fn named(view: &RouteView) -> String {
    match &view.provider {
        Some(provider) => format!("{} of {provider}, {}", view.model, view.tier),
        None => format!("{}, {}", view.model, view.tier),
    }
}

fn refused_by(view: &RouteView) -> String {
    format!("refused by {}", view.refused_by.join(", "))
}

/// `1,000 tokens, 0.5 USD`.
fn both(amount: &AmountView) -> String {
    match (amount.tokens, amount.usd.as_str()) {
        (0, usd) => format!("{usd} USD"),
        (tokens, "0") => format!("{} tokens", grouped(tokens)),
        (tokens, usd) => format!("{} tokens, {usd} USD", grouped(tokens)),
    }
}

fn is_nothing(amount: &AmountView) -> bool {
    amount.tokens == 0 && amount.usd == "0"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_told_of_the_first_moment_that_lets_it_pass() {
        let figures = |retry_at: Option<&str>, window_to: Option<&str>| {
            let mut refused = serde_json::json!({
                "policy": "p", "version": 1, "limit": {"usd": "5"}, "booked": {"tokens": 0, "usd": "5"},
                "reserved": {"tokens": 0, "usd": "0"}, "unpriced": {"tokens": 0, "usd": "0"},
                "remaining": {"usd": "0"}, "ruling": "refused", "sentence": "…"
            });
            for (field, value) in [("retry_at", retry_at), ("window_to", window_to)] {
                refused[field] = value.into();
            }
            serde_json::from_value::<PolicyFiguresView>(refused).unwrap()
        };
        let ends = Some("2026-12-01T00:00:00Z");
        for (retry_at, window_to, says) in [
            (None, ends, "wait until 2026-12-01 00:00:00Z, "),
            (Some("2026-11-20T10:00:42.000001Z"), ends, "wait until 2026-11-20 10:00:43Z, "),
            (Some("2026-11-20T10:00:42Z"), None, "wait until 2026-11-20 10:00:42Z, "),
            (Some("2026-12-01T00:00:20Z"), ends, "wait until 2026-12-01 00:00:00Z, "),
            (None, None, "release what is not needed"),
        ] {
            let told = what_to_do(&[figures(retry_at, window_to)]);
            assert!(told.starts_with(&format!("to do\n  p: {says}")), "{told}");
        }
    }
}
