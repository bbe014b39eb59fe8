//! From YAML to a valid [`BudgetConfig`], or to every problem in it.

use super::fields::MAX_BASE;
use super::{
    BreachAction, BudgetConfig, BudgetedLatency, BypassPolicy, PhaseBase, Profile, Rollout, StalePolicy,
    StopLoss, Thresholds,
};
use super::{prices, progress, reports, watch};
use crate::decimal::Decimal;
use crate::nearest;
use crate::phase::{DEFAULT_PHASES, Phase};
use crate::pool::PoolRules;
use crate::tier::{Complexity, Importance};
use crate::yaml::InvalidConfig;
use crate::yaml::fields::{Fields, Section};
use crate::yaml::tree::{self, Node};

const TOP_KEYS: [&str; 15] = [
    "phases",
    "base_budgets",
    "complexity_multipliers",
    "importance_multipliers",
    "phase_weights",
    "stop_loss",
    "rollout",
    "budgeted_latency",
    "pressure_levels",
    "alerts",
    "prices",
    "tracking",
    "reports",
    "progress",
    "pool",
];

/// The keys that define the phases; each one requires the others.
const PHASE_KEYS: [&str; 3] = ["phases", "base_budgets", "phase_weights"];

const STOP_LOSS_KEYS: [&str; 14] = [
    "enabled",
    "profile",
    "cumulative_token_threshold",
    "cumulative_latency_threshold",
    "per_phase_threshold",
    "latency_action",
    "per_phase_action",
    "allow_completion_threshold",
    "on_stale",
    "on_bypass",
    "checkpoint_phase",
    "early_warn_threshold",
    "early_block_threshold",
    "nearly_done_phases",
];

pub(super) fn from_yaml(text: &str) -> Result<BudgetConfig, InvalidConfig> {
    let root = tree::file(text, &TOP_KEYS).map_err(InvalidConfig::whole_file)?;
    let mut fields = Fields::default();
    let top = fields.section("", &root, &TOP_KEYS);
    // A file without any of these keys keeps the shipped phases; a file with one of them must have them all.
    let says_phases = PHASE_KEYS.iter().any(|key| top.get(key).is_some());
    let phases = if says_phases { read_phases(&mut fields, &top) } else { BudgetConfig::built_in().phases };
    let names: Vec<Phase> = phases.iter().map(|base| base.phase.clone()).collect();
    let progress = progress::read(&mut fields, &top, &names);
    // Budgets that follow progress do not charge for waiting, unless the file says so.
    let default_latency = if progress.is_some() { BudgetedLatency::Active } else { BudgetedLatency::Full };
    let config = BudgetConfig {
        complexity: read_tiers(
            &mut fields,
            &top,
            "complexity_multipliers",
            Complexity::NAMES,
            [5, 8, 10, 15],
        ),
        importance: read_tiers(
            &mut fields,
            &top,
            "importance_multipliers",
            Importance::NAMES,
            [7, 10, 15, 20],
        ),
        stop_loss: read_stop_loss(&mut fields, &top, &names),
        rollout: optional(&top, "rollout", |field, node| {
            fields.word(&field, node, Rollout::NAMES, Rollout::from_word)
        })
        .unwrap_or(Rollout::Observe),
        budgeted_latency: optional(&top, "budgeted_latency", |field, node| {
            fields.word(&field, node, BudgetedLatency::NAMES, BudgetedLatency::from_word)
        })
        .unwrap_or(default_latency),
        pressure_levels: read_levels(&mut fields, &top),
        alerts: watch::read(&mut fields, &top),
        reports: reports::read(&mut fields, &top),
        prices: prices::read(&mut fields, &top),
        tracking: optional(&top, "tracking", |field, node| fields.boolean(&field, node)).unwrap_or(true),
        progress,
        pool: optional(&top, "pool", |field, node| Some(PoolRules::section(&mut fields, &field, node))),
        phases,
    };
    if fields.problems.is_empty() { Ok(config) } else { Err(InvalidConfig { problems: fields.problems }) }
}

fn optional<'a, T>(
    section: &Section<'a>,
    key: &str,
    read: impl FnOnce(String, &'a Node) -> Option<T>,
) -> Option<T> {
    section.get(key).and_then(|(field, node)| read(field, node))
}

/// Bases and weights of every phase. Without a `phases` list the nine default phases must be there;
/// additional ones are placed where `base_budgets` puts them.
fn read_phases(fields: &mut Fields, top: &Section<'_>) -> Vec<PhaseBase> {
    let bases = read_bases(fields, top);
    let weights = read_weights(fields, top);
    let listed = top.get("phases").map(|(field, node)| {
        let items = fields.list(&field, node);
        let names: Vec<Phase> = items.iter().filter_map(|item| fields.phase(&field, item)).collect();
        if names.is_empty() {
            fields.problem(&field, "", "must list at least one phase");
        }
        for (nth, name) in names.iter().enumerate() {
            if names.iter().take(nth).any(|earlier| earlier == name) {
                fields.problem(&field, name.as_str(), "must list each phase once");
            }
        }
        names
    });
    // A single message reports that all of them are missing.
    for (key, missing) in [("base_budgets", bases.is_empty()), ("phase_weights", weights.is_empty())] {
        if missing && matches!(top.get(key), None | Some((_, Node::Null | Node::Map(_)))) {
            fields.problem(key, "", "must be given: a file with one of `phases`, `base_budgets` and `phase_weights` has to name each phase in both of the latter");
        }
    }
    let order = match &listed {
        Some(names) => names.clone(),
        None => default_order(&bases),
    };
    for (name, what) in bases
        .iter()
        .map(|base| (&base.0, "base_budgets"))
        .chain(weights.iter().map(|w| (&w.0, "phase_weights")))
    {
        if !order.contains(name) {
            let hint = nearest::hint(name.as_str(), &order.iter().map(Phase::as_str).collect::<Vec<_>>());
            let rule = format!("unknown phase, it has no base budget or is not listed in `phases`{hint}");
            fields.problem(&format!("{what}.{name}"), "", rule);
        }
    }
    let mut phases = Vec::new();
    for phase in order {
        let base = bases.iter().find(|(name, ..)| *name == phase);
        let weight = weights.iter().find(|(name, _)| *name == phase);
        if base.is_none() && !bases.is_empty() {
            fields.problem("base_budgets", "", format!("missing base budget for phase {phase}"));
        }
        if phase.as_str() == "COMPLETION" {
            fields.problem(
                "base_budgets.COMPLETION",
                "",
                "the gate's `completion` has that name: choose another",
            );
        }
        if weight.is_none() && !weights.is_empty() {
            fields.problem("phase_weights", "", format!("missing weight for phase {phase}"));
        }
        // Placeholders for an invalid value: the problem is recorded, so the result is discarded anyway.
        let (tokens, latency_ms) = base.map_or((1, 1), |&(_, tokens, latency_ms)| (tokens, latency_ms));
        let weight = weight.map_or(Decimal::ONE, |&(_, weight)| weight);
        phases.push(PhaseBase { phase, tokens, latency_ms, weight });
    }
    phases
}

/// The default phases and any that `base_budgets` adds, in its order; defaults missing from it come last.
fn default_order(bases: &[(Phase, u64, u64)]) -> Vec<Phase> {
    let mut order: Vec<Phase> = bases.iter().map(|(phase, ..)| phase.clone()).collect();
    for name in DEFAULT_PHASES {
        let phase: Phase = name.parse().expect("the default phases are valid names");
        if !order.contains(&phase) {
            order.push(phase);
        }
    }
    order
}

fn read_bases(fields: &mut Fields, top: &Section<'_>) -> Vec<(Phase, u64, u64)> {
    let Some((field, node)) = top.get("base_budgets") else { return Vec::new() };
    let section = fields.mapping(&field, node);
    let mut bases: Vec<(Phase, u64, u64)> = Vec::new();
    for (path, key, value) in section.iter() {
        let Some(phase) = fields.phase_name(&path, key) else { continue };
        let entry = fields.section(&path, value, &["tokens", "latency_ms"]);
        let mut part = |name: &str| match entry.get(name) {
            Some((path, node)) => fields.positive(&path, node, MAX_BASE),
            None => {
                fields.problem(&format!("{path}.{name}"), "", "missing");
                None
            }
        };
        let (tokens, latency_ms) = (part("tokens"), part("latency_ms"));
        if bases.iter().any(|(earlier, ..)| *earlier == phase) {
            fields.problem(&path, key, "the phase is listed twice");
        } else {
            bases.push((phase, tokens.unwrap_or(1), latency_ms.unwrap_or(1)));
        }
    }
    bases
}

fn read_weights(fields: &mut Fields, top: &Section<'_>) -> Vec<(Phase, Decimal)> {
    let Some((field, node)) = top.get("phase_weights") else { return Vec::new() };
    let section = fields.mapping(&field, node);
    let mut weights: Vec<(Phase, Decimal)> = Vec::new();
    for (path, key, value) in section.iter() {
        let Some(phase) = fields.phase_name(&path, key) else { continue };
        let weight = fields.multiplier(&path, value).unwrap_or(Decimal::ONE);
        if weights.iter().any(|(earlier, _)| *earlier == phase) {
            fields.problem(&path, key, "the phase is listed twice");
        } else {
            weights.push((phase, weight));
        }
    }
    weights
}

/// Multipliers of the tiers; an omitted tier keeps its default, given in tenths.
fn read_tiers(
    fields: &mut Fields,
    top: &Section<'_>,
    key: &str,
    names: &[&str],
    defaults: [u64; 4],
) -> [Decimal; 4] {
    let mut multipliers = defaults.map(|tenths| Decimal::new(tenths, 1));
    let Some((field, node)) = top.get(key) else { return multipliers };
    for (path, name, value) in fields.mapping(&field, node).iter() {
        let tier = names.iter().position(|known| known.eq_ignore_ascii_case(name));
        let Some(slot) = tier.and_then(|tier| multipliers.get_mut(tier)) else {
            let rule =
                format!("unknown tier, must be one of {}{}", names.join(", "), nearest::hint(name, names));
            fields.problem(&path, &value.shown(), rule);
            continue;
        };
        if let Some(multiplier) = fields.multiplier(&path, value) {
            *slot = multiplier;
        }
    }
    multipliers
}

fn read_stop_loss(fields: &mut Fields, top: &Section<'_>, phases: &[Phase]) -> StopLoss {
    let (field, node) = top.get("stop_loss").unwrap_or_else(|| ("stop_loss".to_owned(), &Node::Null));
    let section = fields.section(&field, node, &STOP_LOSS_KEYS);
    let mut action = |key: &str| {
        optional(&section, key, |field, node| {
            fields.word(&field, node, BreachAction::NAMES, BreachAction::from_word)
        })
        .unwrap_or(BreachAction::Warn)
    };
    let (latency_action, per_phase_action) = (action("latency_action"), action("per_phase_action"));
    let on_stale = optional(&section, "on_stale", |field, node| {
        fields.word(&field, node, StalePolicy::NAMES, StalePolicy::from_word)
    })
    .unwrap_or(StalePolicy::Open);
    let on_bypass = optional(&section, "on_bypass", |field, node| {
        fields.word(&field, node, BypassPolicy::NAMES, BypassPolicy::from_word)
    })
    .unwrap_or(BypassPolicy::Alert);
    let enabled = optional(&section, "enabled", |field, node| fields.boolean(&field, node)).unwrap_or(true);
    let thresholds = read_thresholds(fields, &section, phases);
    StopLoss { enabled, thresholds, latency_action, per_phase_action, on_stale, on_bypass }
}

fn read_thresholds(fields: &mut Fields, section: &Section<'_>, phases: &[Phase]) -> Thresholds {
    let profile = optional(section, "profile", |field, node| {
        fields.word(&field, node, Profile::NAMES, Profile::from_word)
    })
    .unwrap_or(Profile::Strict);
    let mut threshold = |key: &str, default_tenths: u64| {
        optional(section, key, |field, node| fields.threshold(&field, node))
            .unwrap_or(Decimal::new(default_tenths, 1))
    };
    let mut cumulative_token = threshold("cumulative_token_threshold", 12);
    let mut cumulative_latency = threshold("cumulative_latency_threshold", 12);
    let mut per_phase = threshold("per_phase_threshold", 15);
    if profile == Profile::Loose {
        // A profile is a fixed set: the keys above are the values for `strict`.
        (cumulative_token, cumulative_latency) = (Decimal::new(15, 1), Decimal::new(15, 1));
        per_phase = Decimal::new(2, 0);
    }
    let allow_completion = threshold("allow_completion_threshold", 11);
    let early_warn = threshold("early_warn_threshold", 10);
    let early_block = threshold("early_block_threshold", 15);
    // A ledger with its own phases need not list these: the defaults apply to whichever of them it has.
    let default = |name: &str| phases.iter().find(|phase| phase.as_str() == name).cloned();
    let checkpoint_phase = match section.get("checkpoint_phase") {
        Some((field, node)) => {
            let named: Vec<Phase> = fields.phase(&field, node).into_iter().collect();
            known_phases(fields, &field, named, phases).pop()
        }
        None => default("VERIFY"),
    };
    let nearly_done_phases = match section.get("nearly_done_phases") {
        Some((field, node)) => {
            let items = fields.list(&field, node);
            let named: Vec<Phase> = items.iter().filter_map(|item| fields.phase(&field, item)).collect();
            known_phases(fields, &field, named, phases)
        }
        None => ["PR", "MONITOR"].into_iter().filter_map(default).collect(),
    };
    Thresholds {
        profile,
        cumulative_token,
        cumulative_latency,
        per_phase,
        allow_completion,
        checkpoint_phase,
        early_warn,
        early_block,
        nearly_done_phases,
    }
}

fn known_phases(fields: &mut Fields, field: &str, named: Vec<Phase>, phases: &[Phase]) -> Vec<Phase> {
    let names: Vec<&str> = phases.iter().map(Phase::as_str).collect();
    for phase in named.iter().filter(|phase| !phases.contains(phase)) {
        let rule = format!(
            "unknown phase, must be one of {}{}",
            names.join(", "),
            nearest::hint(phase.as_str(), &names)
        );
        fields.problem(field, phase.as_str(), rule);
    }
    named
}

fn read_levels(fields: &mut Fields, top: &Section<'_>) -> Vec<u32> {
    let Some((field, node)) = top.get("pressure_levels") else { return vec![50, 80, 90, 100, 150] };
    let mut levels = Vec::new();
    for item in fields.list(&field, node) {
        let level = fields.positive(&field, item, 100_000).and_then(|level| u32::try_from(level).ok());
        if level.is_some() && level <= levels.last().copied() {
            fields.problem(&field, &item.shown(), "levels must ascend");
        }
        levels.extend(level);
    }
    if levels.is_empty() && fields.problems.is_empty() {
        fields.problem(&field, "", "must list at least one level in percent");
    }
    levels
}
