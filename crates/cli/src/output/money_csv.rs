//! Lists of budgets, policies and allocations as CSV (RFC 4180): numbers as the API gives them.

use tollgate_domain::units::in_pairs;
use tollgate_projection::report::csv_text;
use tollgate_wire::api::{
    AllocationList, AmountView, BudgetList, LimitView, PolicyList, PolicyRule, PolicyStatus,
};

/// A row per budget.
pub(crate) fn budgets_csv(list: &BudgetList) -> String {
    let rows = list.budgets.iter().map(|budget| {
        vec![
            csv_text(&budget.tenant),
            csv_text(&budget.budget),
            maybe(&budget.title),
            maybe(&budget.description),
            maybe(&budget.owner),
            budget.active.to_string(),
            csv_text(&budget.policies.join(" ")),
        ]
    });
    lines(&["tenant", "budget", "title", "description", "owner", "active", "policies"], rows)
}

/// A row per policy: what its version in force says, and how it stands.
pub(crate) fn policies_csv(list: &PolicyList) -> String {
    let header = [
        "tenant",
        "policy",
        "budget",
        "version",
        "window",
        "window_from",
        "window_to",
        "enforcement",
        "limit_tokens",
        "limit_usd",
        "booked_tokens",
        "booked_usd",
        "reserved_tokens",
        "reserved_usd",
        "unpriced_tokens",
        "unpriced_usd",
        "unpriced_units",
        "remaining_least_tokens",
        "remaining_least_usd",
        "remaining_most_tokens",
        "remaining_most_usd",
        "level",
        "exhausted_at",
        "is_over",
        "made_later",
    ];
    let rows = list.policies.iter().map(|policy| {
        let rule = super::budgets::shown(policy);
        let of = |field: fn(&PolicyRule) -> String| rule.map(field).unwrap_or_default();
        let version = policy.version.map(|version| version.to_string()).unwrap_or_default();
        let mut row = vec![
            csv_text(&policy.tenant),
            csv_text(&policy.policy),
            of(|rule| maybe(&rule.budget)),
            version,
            of(|rule| rule.window.clone()),
        ];
        let status = policy.status.as_ref();
        let at = |field: fn(&PolicyStatus) -> &Option<String>| {
            status.and_then(|status| field(status).clone()).unwrap_or_default()
        };
        row.extend([at(|status| &status.window_from), at(|status| &status.window_to)]);
        row.push(of(|rule| rule.enforcement.map(|word| word.to_string()).unwrap_or_default()));
        match status {
            Some(status) => {
                row.extend(limit(&status.limit));
                row.extend([&status.booked, &status.reserved].into_iter().flat_map(amount));
                row.extend([status.unpriced.tokens.to_string(), maybe(&status.unpriced.usd)]);
                row.push(csv_text(&in_pairs(&status.unpriced_units)));
                row.extend([&status.remaining_least, &status.remaining_most].into_iter().flat_map(limit));
                row.push(status.level.to_string());
                let burn = status.burn.as_ref();
                row.push(burn.and_then(|burn| burn.exhausted_at.clone()).unwrap_or_default());
                row.extend([status.is_over, status.made_later].map(|is| is.to_string()));
            }
            None => {
                row.push(of(|rule| rule.limit_tokens.map(|tokens| tokens.to_string()).unwrap_or_default()));
                row.push(of(|rule| rule.limit_usd.clone().unwrap_or_default()));
            }
        }
        row.resize(header.len(), String::new());
        row
    });
    lines(&header, rows)
}

/// A row per allocation.
pub(crate) fn allocations_csv(list: &AllocationList) -> String {
    let header = [
        "tenant",
        "allocation",
        "state",
        "context",
        "task",
        "component",
        "provider",
        "model",
        "instead_of",
        "priority",
        "amount_tokens",
        "amount_usd",
        "used_tokens",
        "used_usd",
        "remaining_tokens",
        "remaining_usd",
        "released_tokens",
        "released_usd",
        "expired_tokens",
        "expired_usd",
        "overrun_tokens",
        "overrun_usd",
        "expires_at",
        "decided_at",
    ];
    let rows = list.allocations.iter().map(|view| {
        let mut row = vec![csv_text(&view.tenant), csv_text(&view.allocation), view.state.to_string()];
        let texts =
            [&view.context, &view.task, &view.component, &view.provider, &view.model, &view.instead_of];
        row.extend(texts.map(maybe));
        row.push(view.priority.to_string());
        row.extend(amount(&view.amount));
        let figures = [&view.used, &view.remaining, &view.released, &view.expired, &view.overrun];
        row.extend(figures.into_iter().flat_map(|figure| figure.as_ref().map(amount).unwrap_or_default()));
        row.extend([view.expires_at.clone(), view.decided_at.clone()]);
        row
    });
    lines(&header, rows)
}

pub(super) fn maybe(text: &Option<String>) -> String {
    csv_text(text.as_deref().unwrap_or_default())
}

fn amount(amount: &AmountView) -> [String; 2] {
    [amount.tokens.to_string(), amount.usd.clone()]
}

fn limit(limit: &LimitView) -> [String; 2] {
    [limit.tokens.map(|tokens| tokens.to_string()).unwrap_or_default(), limit.usd.clone().unwrap_or_default()]
}

pub(super) fn lines(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = header.join(",") + "\r\n";
    for row in rows {
        out.push_str(&row.join(","));
        out.push_str("\r\n");
    }
    out
}
