//! Decisions about prices as tables.

use std::fmt::Write;

use tollgate_domain::money::Usd;
use tollgate_domain::price::PricedKind;
use tollgate_domain::printable::printable;
use tollgate_wire::api::{
    PriceDecisionAnswer, PriceDifference, PriceSourceList, PriceSourceState, PriceUpdateReport, RepriceReport,
};

use super::prices::{of_tier, per_million};
use super::{counted, grouped_u64, table, time};

/// The names of the usage points, as columns.
const POINTS: [&str; 5] = ["100 k in", "100 k out", "100 k cached", "300 k in", "1 M in"];

/// How many prices and disputes a table shows: a first update may have thousands.
const SHOWN: usize = 50;

/// What an update found.
pub(crate) fn price_update(report: &PriceUpdateReport) -> String {
    let mut text = sources(&report.sources);
    let (applied, waiting) = match (report.dry_run, report.waiting.len()) {
        (true, _) => ("would come into force", "would wait for a person"),
        (false, 1) => ("came into force", "waits for a person"),
        (false, _) => ("came into force", "wait for a person"),
    };
    for (what, differences) in [(applied, &report.applied), (waiting, &report.waiting)] {
        if differences.is_empty() {
            continue;
        }
        let count = counted(differences.len() as u64, "price");
        // Writing to a String cannot fail.
        let shown = self::differences(differences.get(..SHOWN).unwrap_or(differences));
        let _ = write!(text, "\n{count} {what}, in USD at the usage points:\n\n{shown}");
        more(&mut text, differences.len());
    }
    disputes(&mut text, report);
    let stay = if report.unchanged == 1 { "entry stays as it is" } else { "entries stay as they are" };
    let _ = writeln!(text, "\n{} {stay}", grouped_u64(report.unchanged));
    if report.left_out > 0 {
        let _ = writeln!(
            text,
            "{} models that the book has no price for were left out",
            grouped_u64(report.left_out)
        );
    }
    text
}

/// On which entries the sources state different prices, and on which they no longer do.
fn disputes(text: &mut String, report: &PriceUpdateReport) {
    let (agreed, disputed): (Vec<_>, Vec<_>) = report.disputed.iter().partition(|(_, said)| said.is_empty());
    let entries = |count: usize| {
        if count == 1 { "1 entry".to_owned() } else { format!("{} entries", grouped_u64(count as u64)) }
    };
    if !disputed.is_empty() {
        let _ = write!(text, "\nthe sources state different prices for {}:\n\n", entries(disputed.len()));
        for (entry, said) in disputed.iter().take(SHOWN) {
            let _ = writeln!(text, "  {entry}: {}", said.join(" | "));
        }
        more(text, disputed.len());
    }
    if !agreed.is_empty() {
        let names: Vec<&str> = agreed.iter().take(SHOWN).map(|(entry, _)| entry.as_str()).collect();
        let _ = writeln!(
            text,
            "\nthe sources no longer differ on {}: {}",
            entries(agreed.len()),
            names.join(", ")
        );
        more(text, agreed.len());
    }
}

/// Says how many more there are than are shown.
fn more(text: &mut String, all: usize) {
    let left = all.saturating_sub(SHOWN);
    if left > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "and {left} more: --format json has all");
    }
}

fn differences(differences: &[PriceDifference]) -> String {
    let rows = differences.iter().map(|one| {
        let percent = match one.percent {
            None => String::new(),
            Some(u32::MAX) => "from 0".to_owned(),
            Some(percent) => format!("{percent} %"),
        };
        let cost = |costs: &[Option<String>], nth: usize| {
            costs.get(nth).cloned().flatten().unwrap_or_else(|| "–".to_owned())
        };
        let mut row = vec![one.entry.clone(), one.price_version.clone(), percent];
        for nth in 0..POINTS.len() {
            let (old, new) = (cost(&one.old_costs, nth), cost(&one.new_costs, nth));
            row.push(if old == new || one.old_costs.is_empty() { new } else { format!("{old} > {new}") });
        }
        let agree = format!("{} of {} agree", one.agreeing, one.known);
        let known = one.known_before.then(|| "known already".to_owned());
        let names = (!one.names.is_empty()).then(|| format!("also for {}", one.names.join(", ")));
        row.push(
            [Some(agree), names, Some(one.waits.join(", ")).filter(|waits| !waits.is_empty()), known]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; "),
        );
        row
    });
    let mut header = vec!["entry", "version", "change"];
    header.extend(POINTS);
    header.push("");
    table(&header, &[2, 3, 4, 5, 6, 7], rows.collect())
}

/// The sources of prices.
pub(crate) fn price_sources(list: &PriceSourceList) -> String {
    if list.sources.is_empty() {
        return "no sources of prices are named: see docs/guides/prices.md\n".to_owned();
    }
    let mut text = sources(&list.sources);
    if let Some(every_s) = list.update_every_s {
        let begun = list.update_begun_at.as_deref().map(time);
        let begun = begun.map_or_else(|| "none was begun yet".to_owned(), |at| format!("last begun at {at}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\nservers update the prices by themselves every {} s; {begun}",
            grouped_u64(every_s)
        );
    }
    text
}

fn sources(sources: &[PriceSourceState]) -> String {
    let rows = sources.iter().map(|source| {
        let trust = source.trust_thousandths.map(|trust| {
            format!("{}.{:03}", trust / 1000, trust % 1000)
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned()
        });
        let said = source.problem.as_ref().map(|problem| format!("not used: {problem}"));
        vec![
            source.source.clone(),
            source.kind.clone().unwrap_or_else(|| "no longer named".to_owned()),
            trust.unwrap_or_default(),
            grouped_u64(source.models),
            source.fetched_at.as_deref().map(time).unwrap_or_default(),
            said.or_else(|| source.note.clone()).unwrap_or_default(),
        ]
    });
    table(&["source", "kind", "trust", "entries", "fetched", ""], &[2, 3], rows.collect())
}

/// What was decided about one price.
pub(crate) fn price_decision(answer: &PriceDecisionAnswer) -> String {
    let mut text = decision(answer);
    if let Some(percent) = answer.percent {
        let change = if percent == u32::MAX { "from 0".to_owned() } else { format!("up to {percent} %") };
        let _ = writeln!(text, "  change   {change}");
    }
    if answer.repeated {
        let _ = writeln!(text, "  decided before under this key: nothing changed");
    }
    if !answer.names.is_empty() {
        let _ = writeln!(text, "  also for {}: the same model", answer.names.join(", "));
    }
    if !answer.kept.is_empty() {
        let kept = answer.kept.iter().map(|(word, usd)| {
            // Tokens are priced by the million, here as in the command.
            match (
                PricedKind::from_word(word),
                usd.parse::<Usd>().ok().and_then(|usd| usd.checked_times(1_000_000)),
            ) {
                (Some(_), Some(million)) => format!("{word} {million}"),
                (_, _) => format!("{word} {usd}"),
            }
        });
        let kept = kept.collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "  kept     {kept} (--without takes one away)");
    }
    for tier in &answer.kept_tiers {
        let rates = tier.usd_per_token.iter().map(|(kind, usd)| format!("{kind} {}", per_million(usd)));
        let rates = rates.collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "  kept     {}: {rates}", of_tier(tier));
    }
    if !answer.kept_else.is_empty() {
        let _ = writeln!(text, "  kept     {}", answer.kept_else.join(", "));
    }
    if !answer.dropped.is_empty() {
        let _ = writeln!(text, "  without  {}", answer.dropped.join(", "));
    }
    if let Some(similar) = &answer.similar {
        let (entry, similar) = (printable(&answer.entry), printable(similar));
        let _ = writeln!(text, "! no price was known for `{entry}` before; did you mean `{similar}`?");
    }
    text
}

fn decision(answer: &PriceDecisionAnswer) -> String {
    match &answer.from {
        Some(from) => {
            let costs =
                format!("{} costs what {} says, from {}", answer.entry, answer.price_version, time(from));
            match (&answer.until, &answer.then) {
                (Some(until), Some(then)) => format!(
                    "{costs} until {until}, from when on {then} rules: decide about that time, too, to replace it\n",
                    until = time(until)
                ),
                (_, _) => format!("{costs} on\n"),
            }
        }
        None => {
            format!("{} of {} is rejected: it is not proposed again\n", answer.price_version, answer.entry)
        }
    }
}

/// What pricing usage again comes to.
pub(crate) fn repriced(report: &RepriceReport) -> String {
    let mut text = String::new();
    if !report.days.is_empty() {
        let rows = report.days.iter().map(|day| {
            vec![
                day.day.clone(),
                day.model.clone(),
                grouped_u64(day.adjustments),
                grouped_u64(day.tokens),
                day.old_usd.clone(),
                day.new_usd.clone(),
                day.difference_usd.clone(),
            ]
        });
        let header = ["day of usage", "model", "events", "tokens", "USD before", "USD now", "difference"];
        text = table(&header, &[2, 3, 4, 5, 6], rows.collect());
    }
    let done = match (report.dry_run, report.adjustments) {
        (_, 0) => "nothing to adjust".to_owned(),
        (true, count) => {
            format!("{} would be recorded, {} USD", counted(count, "adjustment"), report.difference_usd)
        }
        (false, count) => format!("{} recorded, {} USD", counted(count, "adjustment"), report.difference_usd),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{done}; {} looked at", counted(report.usage_events, "usage event"));
    if report.still_unpriced > 0 {
        let _ = writeln!(text, "{} still without a price", counted(report.still_unpriced, "usage event"));
    }
    text
}
