//! Budgets and policies as tables and sentences.

use std::collections::BTreeMap;
use std::fmt::Write;

use tollgate_domain::budget::Measure;
use tollgate_domain::printable::printable;
use tollgate_domain::units::in_words;
use tollgate_wire::api::{
    AmountView, BudgetList, BudgetView, LimitView, NearLimit, PolicyList, PolicyRule, PolicyStatus,
    PolicyView, RaiseState, RaiseView, UnpricedView,
};

use super::{counted, grouped, grouped_u64, table, time};

/// Budgets, one per line.
pub(crate) fn budget_list(list: &BudgetList) -> String {
    if list.budgets.is_empty() {
        return "no budgets: make one with `tollgate budget set NAME`, or those that ship with `tollgate budget defaults`\n"
            .to_owned();
    }
    let rows = list.budgets.iter().map(|budget| {
        vec![
            budget.budget.clone(),
            budget.title.clone().unwrap_or_default(),
            budget.owner.clone().unwrap_or_default(),
            if budget.active { "active" } else { "inactive" }.to_owned(),
            budget.policies.len().to_string(),
        ]
    });
    table(&["budget", "title", "owner", "state", "policies"], &[4], rows.collect())
}

/// A budget, and its policies with how they stand, as far as they are known.
pub(crate) fn budget(budget: &BudgetView, policies: &PolicyList) -> String {
    let state = if budget.active { "active" } else { "inactive: its policies do not rule" };
    let mut text = format!("{}  {state}\n", printable(&budget.budget));
    for (name, value) in [("title", &budget.title), ("about", &budget.description), ("owner", &budget.owner)]
    {
        fact(&mut text, name, value.as_deref());
    }
    if budget.policies.is_empty() {
        fact(&mut text, "policies", Some("none: make one with `tollgate policy set NAME --budget BUDGET`"));
    } else if policies.policies.is_empty() {
        fact(&mut text, "policies", Some(&budget.policies.join(", ")));
    } else {
        let _ = write!(text, "\n{}", policy_list(policies, None));
    }
    text
}

/// Policies, one per line, with how they stand.
///
/// `at`: in the windows of this moment; `None`: now.
pub(crate) fn policy_list(list: &PolicyList, at: Option<&str>) -> String {
    if list.policies.is_empty() {
        return "no policies: make one with `tollgate policy set NAME --window monthly --limit-usd 100`\n"
            .to_owned();
    }
    let header = ["policy", "window", "enforcement", "limit", "spent", "reserved", "left", "level", "burn"];
    let mut text =
        table(&header, &[3, 4, 5, 6], list.policies.iter().map(|policy| row(policy, at)).collect());
    for policy in &list.policies {
        if policy.status.as_ref().is_some_and(|status| status.made_later) {
            let _ = writeln!(text, "! {}: {}", printable(&policy.policy), MADE_LATER);
        }
        if let Some(line) = policy.status.as_ref().and_then(unpriced) {
            let _ = writeln!(text, "! {}: {line}", printable(&policy.policy));
        }
    }
    if let Some(next) = &list.next {
        let _ = writeln!(text, "more policies after {}: use --after {0}", printable(next));
    }
    text
}

/// The version that rules, else the last one.
pub(super) fn shown(policy: &PolicyView) -> Option<&PolicyRule> {
    let ruling = policy.version.and_then(|version| usize::try_from(version).ok()?.checked_sub(1));
    ruling.and_then(|index| policy.versions.get(index)).or(policy.versions.last())
}

/// Of a window that was over when the policy was made.
const MADE_LATER: &str = "made after this window: it shows what had been spent, and ruled nothing in it";

fn row(policy: &PolicyView, at: Option<&str>) -> Vec<String> {
    let Some(rule) = shown(policy) else { return vec![policy.policy.clone()] };
    let mut row = vec![policy.policy.clone(), rule.window.clone(), enforcement(rule)];
    match &policy.status {
        Some(status) => row.extend([
            limit(&status.limit),
            amount(&status.limit, &status.booked),
            amount(&status.limit, &status.reserved),
            left(status),
            status.level.to_string(),
            status.burn.as_ref().map(|burn| burn.sentence.clone()).unwrap_or_default(),
        ]),
        None => {
            let own = LimitView { tokens: rule.limit_tokens, usd: rule.limit_usd.clone() };
            let [spent, reserved, left] = ["–"; 3].map(str::to_owned);
            row.extend([limit(&own), spent, reserved, left, without_status(policy, rule, at), String::new()]);
        }
    }
    row
}

/// Why a policy has no figures.
fn without_status(policy: &PolicyView, rule: &PolicyRule, at: Option<&str>) -> String {
    match (policy.version, rule.window.as_str()) {
        (None, _) if rule.enabled == Some(false) => "does not rule: it is switched off".to_owned(),
        (None, _) => match (&rule.from, &rule.to) {
            (Some(from), Some(to)) => format!("does not rule but from {} to {}", time(from), time(to)),
            (Some(from), None) => format!("does not rule before {}", time(from)),
            (None, Some(to)) => format!("does not rule since {}", time(to)),
            (None, None) => "does not rule".to_owned(),
        },
        (Some(_), "per_task") => "each task by itself".to_owned(),
        (Some(_), "per_session") => "each session by itself".to_owned(),
        (Some(_), _) => {
            let when = at.map_or_else(|| "now".to_owned(), |at| format!("at {}", time(at)));
            format!("counts nothing {when}: its window or its budget is not open")
        }
    }
}

/// A policy: what it says, how it stands, its versions and raises.
///
/// `at`: in the window of this moment; `None`: now.
pub(crate) fn policy(policy: &PolicyView, at: Option<&str>) -> String {
    let mut text = printable(&policy.policy).into_owned();
    let _ = match (policy.version, policy.versions.len()) {
        (Some(version), all) => writeln!(text, "  version {version} of {all}"),
        (None, all) => writeln!(text, "  does not rule; the last version is {all}"),
    };
    let Some(rule) = shown(policy) else { return text };
    says(&mut text, rule);
    fact(&mut text, "until", until(policy, rule).as_deref());
    match &policy.status {
        Some(status) => stands(&mut text, status),
        None => fact(&mut text, "figures", Some(&without_figures(policy, rule, at))),
    }
    for near in &policy.near {
        fact(&mut text, "near", Some(&near_limit(near)));
    }
    let partial = "not all could be looked at, there are too many: `tollgate alerts --rule task_budget --all` has each that reached a threshold";
    fact(&mut text, "near", policy.near_is_partial.then_some(partial));
    let holds = |raise: &&RaiseView| match raise.state {
        RaiseState::InForce | RaiseState::ToCome => true,
        RaiseState::WithoutEffect | RaiseState::Over | RaiseState::Withdrawn => false,
    };
    for raise in policy.raises.iter().filter(holds) {
        fact(&mut text, "raised", Some(&raised(raise)));
    }
    let past = policy.raises.iter().filter(|raise| !holds(raise)).count();
    let past =
        (past > 0).then(|| format!("{past} without effect now: over or withdrawn (--format json shows all)"));
    fact(&mut text, "raises", past.as_deref());
    if policy.versions.len() > 1 {
        let _ = write!(text, "\n{}", versions(policy));
    }
    text
}

/// `T-3  exhausted: 120 of 100 tokens spent, 0 reserved`.
fn near_limit(near: &NearLimit) -> String {
    let NearLimit { of, limit, booked, reserved, level } = near;
    format!("{of}  {level}: {} spent, {} reserved", spent(limit, booked), amount(limit, reserved))
}

fn without_figures(policy: &PolicyView, rule: &PolicyRule, at: Option<&str>) -> String {
    if let Some(figures) = &policy.figures {
        return figures.clone();
    }
    let why = without_status(policy, rule, at);
    match (policy.version, rule.window.as_str()) {
        (None, _) => format!("none: it {why}"),
        (Some(_), "per_task" | "per_session") => {
            format!("{why}: ask with `tollgate check`, and name the task or the session")
        }
        (Some(_), _) => why,
    }
}

fn says(text: &mut String, rule: &PolicyRule) {
    fact(text, "budget", rule.budget.as_deref());
    let scope: Vec<String> = rule.scope.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let scope = if scope.is_empty() { "everything".to_owned() } else { scope.join(", ") };
    fact(text, "counts", Some(&scope));
    let zone = rule.zone.as_deref().filter(|zone| *zone != "UTC");
    let zone = zone.map(|zone| format!(", days of {zone}")).unwrap_or_default();
    let span = match (&rule.window_from, &rule.window_to) {
        (Some(from), Some(to)) => format!(" from {} to {}", time(from), time(to)),
        _ => String::new(),
    };
    fact(text, "window", Some(&format!("{}{span}{zone}", rule.window)));
    let own = LimitView { tokens: rule.limit_tokens, usd: rule.limit_usd.clone() };
    fact(text, "limit", Some(&format!("{}, {}", limit(&own), enforcement(rule))));
    let part = |at: &Option<String>| at.clone().unwrap_or_default();
    let measure = match rule.measure {
        Some(Measure::Booked) => " of the limit is spent",
        Some(Measure::Worst) => " of the limit is spent or reserved, with what has no price at its dearest",
        Some(Measure::Reserved) | None => " of the limit is spent or reserved",
    };
    let levels = format!("warning when {}, action when {}{measure}", part(&rule.warn_at), part(&rule.act_at));
    fact(text, "levels", Some(&levels));
    fact(text, "rollover", rollover(rule).as_deref());
    let passes = rule.passes_from.map(|priority| format!("from priority {priority} on"));
    fact(text, "passed", passes.as_deref());
    let stale = rule.on_stale.map(|on_stale| format!("{on_stale} while the figures are behind"));
    fact(text, "stale", stale.as_deref());
}

/// When the version that is shown ends, and what rules then.
fn until(policy: &PolicyView, rule: &PolicyRule) -> Option<String> {
    let to = time(rule.to.as_ref()?);
    Some(match (policy.version, policy.then) {
        (None, _) => to.to_string(),
        (Some(_), Some(then)) => format!("{to}, then version {then} rules again"),
        (Some(_), None) => format!("{to}, then no version rules: nothing is limited by it"),
    })
}

fn enforcement(rule: &PolicyRule) -> String {
    let mut text = rule.enforcement.map(|word| word.to_string()).unwrap_or_default();
    if !rule.degrade_to.is_empty() {
        let _ = write!(text, " to {}", rule.degrade_to.join(", "));
    }
    if let Some(rate) = rule.throttle_per_minute {
        let _ = write!(text, " to {rate} a minute");
    }
    text
}

fn rollover(rule: &PolicyRule) -> Option<String> {
    let word = rule.rollover.as_deref().filter(|word| *word != "nothing")?;
    let cap = LimitView { tokens: rule.rollover_cap_tokens, usd: rule.rollover_cap_usd.clone() };
    Some(if word == "all" { "all that is left".to_owned() } else { format!("up to {}", limit(&cap)) })
}

fn stands(text: &mut String, status: &PolicyStatus) {
    text.push('\n');
    if let (Some(from), Some(to)) = (&status.window_from, &status.window_to) {
        let name = if status.is_over { "over" } else { "now" };
        fact(text, name, Some(&format!("{} to {}", time(from), time(to))));
    }
    fact(text, "policy", Some(MADE_LATER).filter(|_| status.made_later));
    fact(text, "spent", Some(&spent(&status.limit, &status.booked)));
    let reserved = amount(&status.limit, &status.reserved);
    fact(text, "reserved", Some(reserved.as_str()).filter(|_| !status.is_over));
    fact(text, "unpriced", unpriced(status).as_deref());
    fact(text, "left", Some(&left(status)));
    fact(text, "level", Some(status.level.as_str()));
    fact(text, "burn", status.burn.as_ref().map(|burn| burn.sentence.as_str()));
}

fn raised(raise: &RaiseView) -> String {
    let mut by = Vec::new();
    if raise.by.usd != "0" {
        by.push(format!("{} USD", raise.by.usd));
    }
    if raise.by.tokens != 0 {
        by.push(format!("{} tokens", grouped(raise.by.tokens)));
    }
    let (from, until) = (time(&raise.from), time(&raise.until));
    let RaiseView { raise: name, author, reason, .. } = raise;
    format!("by {} from {from} until {until}, by {author}: {reason} (raise `{name}`)", by.join(" and "))
}

fn versions(policy: &PolicyView) -> String {
    let rows = policy.versions.iter().zip(1..).map(|(rule, number): (_, u32)| {
        let by = policy.set_by.iter().find(|by| by.version == number).cloned().unwrap_or_default();
        let until = rule.to.as_ref().map(|to| time(to)).unwrap_or_default();
        let own = LimitView { tokens: rule.limit_tokens, usd: rule.limit_usd.clone() };
        let state = if rule.enabled == Some(false) { "disabled" } else { "" };
        let from = rule.from.as_ref().map(|from| time(from)).unwrap_or_default();
        let said = [by.author, by.reason].into_iter().flatten().collect::<Vec<_>>().join(": ");
        let said = printable(&said).into_owned();
        vec![
            number.to_string(),
            from,
            until,
            rule.window.clone(),
            limit(&own),
            enforcement(rule),
            state.to_owned(),
            said,
        ]
    });
    table(
        &["version", "from", "until", "window", "limit", "enforcement", "", "set by"],
        &[0, 4],
        rows.collect(),
    )
}

/// A line of a description: a name and a value, if there is one.
pub(super) fn fact(text: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        // Writing to a String cannot fail, here and elsewhere.
        let _ = writeln!(text, "  {name:<9} {}", printable(value));
    }
}

/// `5 USD`, `1,000 tokens` or both.
pub(super) fn limit(limit: &LimitView) -> String {
    let usd = limit.usd.as_ref().map(|usd| format!("{usd} USD"));
    let tokens = limit.tokens.map(|tokens| format!("{} tokens", grouped_u64(tokens)));
    [usd, tokens].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `1 of 5 USD, 10 of 1,000 tokens`.
fn spent(limit: &LimitView, booked: &AmountView) -> String {
    let usd = limit.usd.as_ref().map(|usd| format!("{} of {usd} USD", booked.usd));
    let tokens =
        limit.tokens.map(|limit| format!("{} of {} tokens", grouped(booked.tokens), grouped_u64(limit)));
    [usd, tokens].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Of an amount what the limit limits.
pub(super) fn amount(limit: &LimitView, amount: &AmountView) -> String {
    let usd = limit.usd.as_ref().map(|_| format!("{} USD", amount.usd));
    let tokens = limit.tokens.map(|_| format!("{} tokens", grouped(amount.tokens)));
    [usd, tokens].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What is left: from the least to the most, if they differ.
fn left(status: &PolicyStatus) -> String {
    let (least, most) = (&status.remaining_least, &status.remaining_most);
    let between = |least: String, most: String, unit: &str| {
        if least == most { format!("{least} {unit}") } else { format!("{least} to {most} {unit}") }
    };
    let usd = least.usd.clone().zip(most.usd.clone()).map(|(least, most)| between(least, most, "USD"));
    let tokens = least.tokens.zip(most.tokens);
    let tokens = tokens.map(|(least, most)| between(grouped_u64(least), grouped_u64(most), "tokens"));
    [usd, tokens].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What was spent and has no price.
fn unpriced(status: &PolicyStatus) -> Option<String> {
    without_price(&status.unpriced, &status.unpriced_units)
}

/// Tokens and other units without a price, and what they may cost.
pub(super) fn without_price(unpriced: &UnpricedView, units: &BTreeMap<String, i64>) -> Option<String> {
    let UnpricedView { tokens, usd } = unpriced;
    let tokens = u64::try_from(*tokens).ok().filter(|tokens| *tokens > 0);
    let tokens = tokens.map(|tokens| counted(tokens, "token"));
    let units = Some(in_words(units)).filter(|units| !units.is_empty());
    let what: Vec<String> = tokens.into_iter().chain(units).collect();
    if what.is_empty() {
        return None;
    }
    let money = match usd.as_deref() {
        None => ": nothing says what it may cost".to_owned(),
        Some("0") => String::new(),
        Some(usd) => format!(": up to {usd} USD more"),
    };
    Some(format!("{} without a price{money}", what.join(" and ")))
}
