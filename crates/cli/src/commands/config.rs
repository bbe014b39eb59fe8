//! Checking a config.

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use tollgate_domain::config::{BudgetConfig, DEFAULT_CONFIG};
use tollgate_domain::price::days_ago;
use tollgate_domain::yaml::{ConfigProblem, Place};
use tollgate_server::ledger::BUILT_IN;
use tollgate_wire::api::ConfigOrigin;

use super::{ask, price_book};
use crate::args::{CheckArgs, Format, Global, ShowArgs};
use crate::connect::{Access, config_file, is_served};
use crate::exit::Failure;
use crate::output::{json, line, note, out};

/// Shows all problems with the config, or its hash: of the named file, otherwise the data directory's,
/// otherwise the built-in one. With `--prices` the same for a price book.
pub(crate) fn check(global: &Global, args: &CheckArgs) -> Result<ExitCode, Failure> {
    let file = args.file.clone().or_else(|| config_file(global));
    if file.is_none() {
        note(
            "no config is named here, this is the built-in one; `tollgate config show` shows the one in force",
        );
    }
    let (config, source) = match file {
        Some(path) if path == Path::new(BUILT_IN) => (BudgetConfig::built_in(), BUILT_IN.to_owned()),
        Some(path) => (read_config(&path)?, path.display().to_string()),
        None => (BudgetConfig::built_in(), BUILT_IN.to_owned()),
    };
    let phases: Vec<&str> = config.phases.iter().map(|base| base.phase.as_str()).collect();
    let hash = config.hash();
    let prices = global.prices.as_deref().map(|path| price_book::check(path, &config)).transpose()?;
    if global.format == Format::Json {
        json(&serde_json::json!({"source": source, "config_hash": hash, "phases": phases,
            "rollout": config.rollout.as_str(), "enabled": config.stop_loss.enabled,
            "prices": prices.as_ref().map(price_book::Checked::json)}));
    } else {
        line(&format!("{source}: valid"));
        line(&format!("  hash     {hash}"));
        line(&format!("  phases   {}", phases.join(" → ")));
        line(&format!("  rollout  {}", config.rollout));
        let profile = config.stop_loss.thresholds.profile;
        let state = if config.stop_loss.enabled { "on" } else { "off: nothing blocks" };
        line(&format!("  gate     {state}, profile {profile}"));
        if let Some(progress) = &config.progress {
            let judged = progress.phases.len();
            let of = config.phases.len();
            let action = progress.spinning_action;
            line(&format!("  progress {judged} of {of} phases are judged, spinning: {action}"));
        }
        prices.iter().for_each(price_book::Checked::show);
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the config in force, as a file with comments that say where it came from.
pub(crate) async fn show(global: &Global, args: &ShowArgs) -> Result<ExitCode, Failure> {
    if args.defaults {
        if global.format == Format::Json {
            let hash = BudgetConfig::built_in().hash();
            json(
                &serde_json::json!({"yaml": DEFAULT_CONFIG, "config_hash": hash, "origin": BUILT_IN, "source": BUILT_IN}),
            );
        } else {
            out(DEFAULT_CONFIG);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let config = ask(global, Access::Existing, async |it| it.client.config().await).await?;
    if global.format == Format::Json {
        json(&config);
        return Ok(ExitCode::SUCCESS);
    }
    let from = if config.origin == ConfigOrigin::Log {
        format!("as the log has it, from {}", config.source)
    } else {
        config.source.clone()
    };
    let since = config.since.as_deref().map(|since| format!(", in force since {since}")).unwrap_or_default();
    line(&format!("# {from}{since}"));
    line(&format!("# sha256 {}", config.config_hash));
    let compared = config.prices_as_of.as_deref().zip(config.prices_age_days);
    let compared =
        compared.map(|(day, age)| format!(", compared with its sources on {day} ({})", days_ago(age)));
    let compared = compared.unwrap_or_default();
    line(&format!("# prices {}, from {}{compared}", config.price_version, config.prices_source));
    for warning in &config.warnings {
        warning.lines().for_each(|text| line(&format!("# ! {text}")));
    }
    out(&config.yaml);
    Ok(ExitCode::SUCCESS)
}

/// Makes the server read its config again.
pub(crate) async fn reload(global: &Global) -> Result<ExitCode, Failure> {
    let served = global.server.is_some() || is_served(&global.data).await;
    if !served {
        return Err(Failure::failed(
            "no server here to read its config again: commands without a server read it each time",
        ));
    }
    let answer = ask(global, Access::Existing, async |it| it.client.reload().await).await?;
    if global.format == Format::Json {
        json(&answer);
    } else {
        let what = if answer.changed { "in force now" } else { "unchanged" };
        line(&format!(
            "{}: {what} ({:.12}, before {:.12})",
            answer.source, answer.config_hash, answer.previous_hash
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a config; returns all its problems at once if it has any.
pub(crate) fn read_config(path: &Path) -> Result<BudgetConfig, Failure> {
    if path == Path::new(BUILT_IN) && !path.exists() {
        return Ok(BudgetConfig::built_in());
    }
    let name = path.display();
    let text = tollgate_files::read_settings(path)
        .map_err(|error| Failure::failed(format!("reading {name}: {error}")))?;
    BudgetConfig::from_yaml(&text).map_err(|invalid| {
        let noun = if invalid.problems.len() == 1 { "problem" } else { "problems" };
        let mut message = format!("{name}: {} {noun}", invalid.problems.len());
        for problem in &invalid.problems {
            message.push('\n');
            message.push_str(&shown_in(&text, &name.to_string(), problem));
        }
        Failure::of_config(message, invalid)
    })
}

/// A problem with the line of the file in which it is. What has no place is told without one.
fn shown_in(text: &str, name: &str, problem: &ConfigProblem) -> String {
    let message = problem.message();
    let title = Level::ERROR.no_name().primary_title(message.as_str());
    let Some(span) = problem.place.and_then(|place| span_of(text, place, &problem.field)) else {
        return format!("  {message}");
    };
    let snippet = Snippet::source(text).path(name).annotation(AnnotationKind::Primary.span(span));
    Renderer::plain().render(&[title.element(snippet)])
}

/// The bytes of what is at a place: the field's name if it stands there, otherwise one character.
fn span_of(text: &str, place: Place, field: &str) -> Option<Range<usize>> {
    let above: usize = text.split_inclusive('\n').take(place.line.checked_sub(1)?).map(str::len).sum();
    let line = text.get(above..)?.lines().next()?;
    let before = line.char_indices().nth(place.column.checked_sub(1)?)?.0;
    let at = line.get(before..)?;
    let name = field.rsplit('.').find(|name| at.starts_with(name));
    let length = name.map_or_else(|| at.chars().next().map_or(0, char::len_utf8), str::len);
    let start = above + before;
    Some(start..start + length)
}
