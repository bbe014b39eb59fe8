//! Where budgets stand.

use tollgate_domain::words::Word;
use tollgate_wire::api::{PolicyList, PolicyView, TaskStatus};

use super::{amount, compared, limit, read};

/// Of one task.
pub(crate) fn task(body: &[u8]) -> serde_json::Result<String> {
    let status: TaskStatus = read(body)?;
    let task = &status.summary;
    let title = task.title.as_ref().map(|title| format!(", {title}")).unwrap_or_default();
    let mut lines = vec![format!(
        "Task `{}`{title}: {}, budget {}.",
        task.task,
        task.stage.as_str(),
        task.budget_status.as_str()
    )];
    match &task.tokens_budget {
        Some(of) => lines.push(format!("Tokens: {}.", compared(of))),
        None => lines.push(format!("Tokens: {}, without a limit.", task.tokens_used)),
    }
    if let Some(of) = &task.latency_budget {
        lines.push(format!("Milliseconds: {}.", compared(of)));
    }
    let unpriced = match task.unpriced_tokens {
        0 => String::new(),
        tokens => format!("; {tokens} tokens have no known price, which is not zero"),
    };
    lines.push(format!("Cost: {} USD{unpriced}.", task.cost_usd));
    for execution in &status.executions {
        let of = execution.tokens_limit.map(|most| format!(" of {most}")).unwrap_or_default();
        lines.push(format!(
            "- {} ({}): {}{of} tokens, {}",
            execution.phase,
            execution.state.as_str().replace('_', " "),
            execution.tokens_used,
            execution.breach_status.as_str()
        ));
    }
    if let Some(decision) = &status.last_decision {
        lines.push(format!(
            "Last decision of the gate: {} on {}.",
            decision.verdict.as_str(),
            decision.advance_to
        ));
    }
    lines.extend(status.warnings.iter().map(|warning| format!("Warning: {warning}")));
    Ok(lines.join("\n"))
}

/// Of one policy.
pub(crate) fn policy(body: &[u8]) -> serde_json::Result<String> {
    let view: PolicyView = read(body)?;
    let mut lines = one(&view);
    for near in &view.near {
        lines.push(format!(
            "- `{}`: {} spent, {} reserved, of {} ({})",
            near.of,
            amount(&near.booked),
            amount(&near.reserved),
            limit(&near.limit),
            near.level.as_str()
        ));
    }
    Ok(lines.join("\n"))
}

/// Of a list of policies.
pub(crate) fn policies(body: &[u8]) -> serde_json::Result<String> {
    let list: PolicyList = read(body)?;
    let mut lines: Vec<String> = list.policies.iter().flat_map(one).collect();
    if list.policies.is_empty() {
        lines.push("There are no policies: nothing limits tokens or money here.".to_owned());
    }
    lines.extend(list.next.iter().map(|next| format!("There are more: ask with `after` = `{next}`.")));
    Ok(lines.join("\n"))
}

fn one(view: &PolicyView) -> Vec<String> {
    let rules = view.version.and_then(|version| usize::try_from(version).ok()?.checked_sub(1));
    let Some(rule) = rules.and_then(|at| view.versions.get(at)) else {
        return vec![format!("Policy `{}`: does not rule now.", view.policy)];
    };
    let scope: Vec<String> = rule.scope.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let scope = if scope.is_empty() { "all usage".to_owned() } else { scope.join(", ") };
    let enforcement = rule.enforcement.map(Word::as_str).unwrap_or("warn");
    let head = format!("Policy `{}` ({}, {enforcement}, {scope})", view.policy, rule.window);
    let Some(status) = &view.status else {
        let why =
            view.figures.as_deref().unwrap_or("it counts tasks or sessions one by one, or does not rule");
        return vec![format!("{head}: {why}.")];
    };
    let mut lines = vec![format!(
        "{head}: {} spent, {} reserved, of {}; left {}, level {}.",
        amount(&status.booked),
        amount(&status.reserved),
        limit(&status.limit),
        limit(&status.remaining_least),
        status.level.as_str()
    )];
    lines.extend(status.burn.iter().map(|burn| format!("  {}", burn.sentence)));
    lines
}
