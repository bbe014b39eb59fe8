//! Answers in sentences, for models and people. Money stays as the ledger wrote it: exact decimals.

pub(crate) mod money;
pub(crate) mod report;
pub(crate) mod status;

use serde::de::DeserializeOwned;
use tollgate_wire::api::{AmountView, AppendResponse, GateResponse, LimitView, Outcome, UtilizationView};

/// An answer of the API.
fn read<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body)
}

/// The answer is a text already.
pub(crate) fn plain(body: &[u8]) -> serde_json::Result<String> {
    Ok(String::from_utf8_lossy(body).into_owned())
}

/// Of recorded usage.
pub(crate) fn recorded(body: &[u8]) -> serde_json::Result<String> {
    let answer: AppendResponse = read(body)?;
    let mut lines = Vec::new();
    for event in &answer.outcomes {
        lines.push(match event.outcome {
            Outcome::Appended => format!("Recorded: usage `{}`. It is durable.", event.id),
            Outcome::Duplicate => {
                format!(
                    "Usage `{}` was recorded before, with the same content; nothing was counted twice.",
                    event.id
                )
            }
            Outcome::Ignored => format!("Usage `{}` was not recorded: tracking is switched off.", event.id),
            // An append that was refused is a problem, and not shown here.
            Outcome::Conflict | Outcome::Refused => {
                format!("Usage `{}` was refused: {}", event.id, event.detail.as_deref().unwrap_or_default())
            }
        });
        lines.extend(event.warnings.iter().map(|warning| format!("Warning: {warning}")));
    }
    Ok(lines.join("\n"))
}

/// Of the gate's decision.
pub(crate) fn gate(body: &[u8]) -> serde_json::Result<String> {
    let answer: GateResponse = read(body)?;
    let (task, to) = (&answer.task, &answer.advance_to);
    let mut lines = vec![match answer.verdict.as_str() {
        "block" => format!(
            "block: task `{task}` may not go on to {to}. Stop; do not ask again before something changed."
        ),
        "warn" => format!("warn: task `{task}` may go on to {to}, with care."),
        verdict => format!("{verdict}: task `{task}` may go on to {to}."),
    }];
    if answer.ruled != answer.verdict {
        lines.push(format!(
            "The rules alone say {}; the rollout or an override softens that.",
            answer.ruled.as_str()
        ));
    }
    if answer.stale {
        lines.push("The figures are behind; this is what the config says for that case.".to_owned());
    }
    lines.extend(
        answer
            .reasons
            .iter()
            .map(|reason| format!("- {} ({}): {}", reason.code, reason.verdict.as_str(), reason.message)),
    );
    if !answer.requirements.is_empty() {
        lines.push(format!("Required: {}.", answer.requirements.join(", ")));
    }
    if let Some(tokens) = &answer.tokens {
        lines.push(format!("Tokens of the task: {}.", compared(tokens)));
    }
    if let Some(left) = answer.remaining_tokens {
        lines.push(format!("Left in the active phase: {left} tokens."));
    }
    Ok(lines.join("\n"))
}

/// Use, compared with its limit.
fn compared(of: &UtilizationView) -> String {
    let percent = of.percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
    format!("{} of {}{percent}", of.used, of.limit)
}

/// Tokens and money.
fn amount(of: &AmountView) -> String {
    format!("{} tokens, {} USD", of.tokens, of.usd)
}

/// A limit; what is not limited is left out.
fn limit(of: &LimitView) -> String {
    let tokens = of.tokens.map(|tokens| format!("{tokens} tokens"));
    let usd = of.usd.as_ref().map(|usd| format!("{usd} USD"));
    let parts: Vec<String> = tokens.into_iter().chain(usd).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}
