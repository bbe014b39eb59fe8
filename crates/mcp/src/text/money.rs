//! What was asked before money is spent.

use tollgate_wire::api::{AllocationView, CheckResponse, PolicyFiguresView, RouteResponse, RouteView};

use super::{amount, read};

/// Of a check.
pub(crate) fn check(body: &[u8]) -> serde_json::Result<String> {
    let answer: CheckResponse = read(body)?;
    let mut lines = vec![match (answer.allowed, &answer.instead) {
        (true, None) => format!("Allowed: {}.", amount(&answer.amount)),
        (true, Some(model)) => format!("Allowed with another model: `{model}`, {}.", amount(&answer.amount)),
        (false, _) => format!("Not allowed: {}. Nothing was spent.", amount(&answer.amount)),
    }];
    lines.extend(unpriced(answer.priced, answer.similar_model.as_deref()));
    lines.extend(policies(&answer.policies));
    Ok(lines.join("\n"))
}

/// Of an allocation.
pub(crate) fn allocation(body: &[u8]) -> serde_json::Result<String> {
    let answer: AllocationView = read(body)?;
    let name = &answer.allocation;
    let mut lines = vec![match answer.state.as_str() {
        "refused" => format!("Refused: {} is not reserved. Nothing was spent.", amount(&answer.amount)),
        state => format!(
            "Allocation `{name}` is {state}: {}, until {}. Say it as `allocation` in RecordUsage.",
            amount(&answer.amount),
            answer.expires_at
        ),
    }];
    if answer.repeated {
        lines.push("This is the first answer again; nothing more is reserved.".to_owned());
    }
    if let Some(asked) = &answer.instead_of {
        lines
            .push(format!("It is for `{}`, not for `{asked}`.", answer.model.as_deref().unwrap_or_default()));
    }
    if let Some(used) = &answer.used {
        lines.push(format!("Used of it so far: {}.", amount(used)));
    }
    lines.extend(unpriced(answer.priced, None));
    lines.extend(policies(&answer.policies));
    Ok(lines.join("\n"))
}

/// Of a choice of a model.
pub(crate) fn route(body: &[u8]) -> serde_json::Result<String> {
    let answer: RouteResponse = read(body)?;
    let mut lines = vec![match &answer.chosen {
        Some(chosen) => format!("Use {}.", model(chosen)),
        None => "No model fits: every one that could do it is refused by a policy.".to_owned(),
    }];
    if let (Some(chosen), Some(preferred)) = (&answer.chosen, &answer.preferred)
        && chosen.model != preferred.model
    {
        lines.push(format!("Preferred was {}.", model(preferred)));
    }
    lines.extend(answer.not_looked_at.iter().map(|why| format!("Not looked at: {why}.")));
    lines.extend(left_out(&answer));
    Ok(lines.join("\n"))
}

/// Of a comparison of models.
pub(crate) fn recommendations(body: &[u8]) -> serde_json::Result<String> {
    let answer: RouteResponse = read(body)?;
    let mut lines = Vec::new();
    lines.extend(answer.preferred.iter().map(|it| format!("Preferred: {}.", model(it))));
    lines.extend(answer.not_looked_at.iter().map(|why| format!("Not looked at: {why}.")));
    match &answer.chosen {
        Some(chosen) => lines.push(format!("Cheapest that fits: {}.", model(chosen))),
        None => lines.push("No model fits.".to_owned()),
    }
    if !answer.others.is_empty() {
        lines.push("Others, the cheapest first:".to_owned());
        lines.extend(answer.others.iter().map(|it| format!("- {}", model(it))));
    }
    lines.extend(left_out(&answer));
    Ok(lines.join("\n"))
}

fn model(of: &RouteView) -> String {
    let refused = match of.fits {
        true => String::new(),
        false => format!("; refused by {}", of.refused_by.join(", ")),
    };
    let provider = of.provider.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    format!("`{}`{provider} ({}): {} USD = {}{refused}", of.model, of.tier, of.cost_usd, of.arithmetic)
}

fn left_out(answer: &RouteResponse) -> Option<String> {
    let names = answer.unpriced.join("; ");
    (!names.is_empty()).then(|| format!("Spent without a price, and not in these figures: {names}."))
}

fn unpriced(priced: bool, similar: Option<&str>) -> Option<String> {
    let meant = similar.map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default();
    (!priced)
        .then(|| format!("The model has no known price, so limits of money promise nothing here.{meant}"))
}

fn policies(figures: &[PolicyFiguresView]) -> Vec<String> {
    if figures.is_empty() {
        return vec!["No policy limits it.".to_owned()];
    }
    figures.iter().map(|it| format!("- {} ({}): {}", it.policy, it.ruling.as_str(), it.sentence)).collect()
}
