//! What a reader should know before trusting the numbers, in sentences.

use tollgate_domain::config::{BreachAction, BudgetConfig, Profile, Rollout};
use tollgate_domain::decimal::Decimal;

use super::cells::Order;
use super::fit::Origin;
use super::groups::BASE_PERCENT;
use super::propose::shown;
use super::result::{Calibration, Enough, Judged, Rate, Sufficiency, ThresholdProposal, TierProposal};
use super::sample::Outcome;

/// What the rules ask for before limits are enforced.
const BASELINE_DAYS: u64 = 14;
const BASELINE_TASKS: u64 = 50;

/// Above this share of false positives nothing should be enforced.
const MOST_FALSE_POSITIVES_PERCENT: u64 = 5;

/// Above this share of breaches among tasks that end well a set-up is not healthy.
const MOST_BREACHES_PERCENT: u64 = 5;

/// Multipliers of tokens and latency that differ by more than this quotient are told.
const DIFFERENT_PERCENT: u64 = 130;

/// All notes, the most important first.
pub(super) fn notes(found: &Calibration, current: &BudgetConfig, order: &Order) -> Vec<String> {
    let mut notes = Vec::new();
    baseline(found, &mut notes);
    phases(found, order, &mut notes);
    let fewest = base(found).map_or(0, |enough| enough.for_bounds);
    tiers("complexity", fewest, &found.complexity, &mut notes);
    tiers("importance", fewest, &found.importance, &mut notes);
    latency(found, &mut notes);
    thresholds(found, current, &mut notes);
    match &found.judged {
        Some(judged) => holdout(found, current, judged, &mut notes),
        None => notes.push(
            "Not judged: no tasks were left to judge by. The figures describe the tasks that they were fitted to, \
             later ones will do worse"
                .to_owned(),
        ),
    }
    notes
}

/// Whether the notes say not to enforce the proposal: too few tasks, or too many good ones that it would have stopped.
pub(super) fn forbid_enforcing(found: &Calibration) -> bool {
    found.data.fitted_tasks < BASELINE_TASKS || found.judged.as_ref().is_some_and(stops_too_many)
}

/// That the proposal observes although the config in force does not.
pub(super) fn observes(before: Rollout) -> String {
    format!(
        "`rollout` is observe, not {} as in the config in force, because this config should not be enforced",
        before.as_str()
    )
}

fn stops_too_many(judged: &Judged) -> bool {
    let stopped = &judged.proposed.false_positives;
    stopped.count * 100 > stopped.of * MOST_FALSE_POSITIVES_PERCENT
}

fn baseline(found: &Calibration, notes: &mut Vec<String>) {
    let data = &found.data;
    if data.fitted_tasks < BASELINE_TASKS {
        notes.push(format!(
            "Too little data: limits are fitted to {} tasks, at least {BASELINE_TASKS} of all kinds are needed. Do not enforce \
             this config",
            data.fitted_tasks
        ));
    }
    if data.days < BASELINE_DAYS {
        notes.push(format!(
            "The history spans {} days, a baseline needs {BASELINE_DAYS}: what happens weekly is not in it",
            data.days
        ));
    }
    let of = |wanted: Outcome| {
        data.outcomes.iter().find(|(outcome, _)| *outcome == wanted).map_or(0, |(_, tasks)| *tasks)
    };
    let unknown = of(Outcome::Unknown);
    if unknown > 0 {
        notes.push(format!(
            "{unknown} of {} tasks were imported or never opened: nobody said how they ended or how complex and important they \
             were. They count as ended well, Medium and medium; if some ran away, the limits are too high",
            data.tasks
        ));
    }
    if of(Outcome::Runaway) == 0 {
        notes.push(
            "No task is marked as runaway: how many a threshold would stop is not known, and unmarked ones raise the limits. \
             Mark them with `tollgate task mark`"
                .to_owned(),
        );
    }
}

fn phases(found: &Calibration, order: &Order, notes: &mut Vec<String>) {
    let Some(enough) = base(found) else { return };
    let without = found.phases.iter().filter(|phase| phase.samples == 0);
    let without: Vec<&str> = without.map(|phase| phase.phase.as_str()).collect();
    if !without.is_empty() {
        notes
            .push(format!("No samples of {}: base budgets and weights stay as they are", without.join(", ")));
    }
    for phase in found.phases.iter().filter(|phase| phase.samples > 0) {
        let (name, samples) = (&phase.phase, phase.samples);
        if samples < enough.for_bounds {
            notes.push(format!(
                "{name}: {samples} samples are too few, base budget and weight stay as they are. {} give an interval, about {} one \
                 of ±{} percentage points",
                enough.for_bounds, enough.for_precision, found.options.precision_points
            ));
        } else if !phase.tokens.learned {
            notes.push(format!(
                "{name}: none of the groups of its {samples} samples has {}, base budget and weight stay as they are",
                enough.for_bounds
            ));
        } else if samples < enough.for_precision {
            notes.push(format!(
                "{name}: {samples} samples give p{BASE_PERCENT} of {} tokens only within {} (at {}); about {} samples are enough",
                phase.tokens.value,
                range(phase.tokens.low, phase.tokens.high),
                shown(found.options.confidence),
                enough.for_precision
            ));
        }
    }
    for phase in order.phases.iter().skip(order.configured) {
        notes.push(format!(
            "{phase} is not a phase of the config: a limit is not proposed. Add it to `phases`, \
             `base_budgets` and `phase_weights`, then calibrate again"
        ));
    }
    let thin = found.groups.iter().filter(|group| group.importance.is_some());
    let (thin, all) = thin
        .fold((0, 0), |(thin, all), group| (thin + u64::from(group.data == Sufficiency::TooFew), all + 1));
    if thin > 0 {
        notes.push(format!(
            "{thin} of {all} groups of phase × complexity × importance have fewer than {} samples: multipliers are not fitted to them",
            enough.for_bounds
        ));
    }
}

fn tiers<T: std::fmt::Display>(what: &str, fewest: u64, tiers: &[TierProposal<T>], notes: &mut Vec<String>) {
    for tier in tiers {
        let (name, value) = (&tier.tier, tier.factor.value);
        match tier.origin {
            Origin::Fitted if value == Decimal::new(10, 0) => notes.push(format!(
                "{what} {name}: the fitted multiplier is above 10, which a config does not accept: 10 is proposed"
            )),
            Origin::Fitted | Origin::Reference | Origin::Kept => {}
            Origin::TooFew => notes.push(format!(
                "{what} {name}: in no phase are there {fewest} samples of it with the same other tier, its multiplier stays {value}"
            )),
            Origin::Confounded => notes.push(format!(
                "{what} {name}: it occurs only together with other tiers, so that its own effect cannot be told: its \
                 multiplier stays {value}"
            )),
        }
    }
    for tier in tiers {
        let Some(latency) = tier.latency_alone.filter(|_| tier.origin == Origin::Fitted) else { continue };
        let percent = |number: Decimal| number.times_rounded_up(100);
        let (tokens, alone) = (percent(tier.factor.value), percent(latency));
        if alone * 100 > tokens * DIFFERENT_PERCENT || tokens * 100 > alone * DIFFERENT_PERCENT {
            notes.push(format!(
                "{what} {}: tokens are {} times those of the tier that others are compared with, latency {latency} times. A config has \
                 one multiplier for both: it is that of tokens, and latency limits of this tier fit less well",
                tier.tier, tier.factor.value
            ));
        }
    }
    for pair in tiers.windows(2) {
        let [lower, higher] = pair else { continue };
        if lower.factor.value > higher.factor.value {
            notes.push(format!(
                "{what} {} gets more ({}) than {} ({}): so it is in the history; check whether tasks are given the right tier",
                lower.tier, lower.factor.value, higher.tier, higher.factor.value
            ));
        }
    }
}

/// What becomes of latency limits that nothing was learned of, where weights and multipliers were learned of tokens.
fn latency(found: &Calibration, notes: &mut Vec<String>) {
    let kept: Vec<_> = found.phases.iter().filter(|phase| !phase.latency_ms.learned).collect();
    for phase in kept.iter().filter(|phase| phase.latency_ms.value != phase.latency_ms.current) {
        let (base, weight) = (phase.latency_ms, phase.weight);
        notes.push(format!(
            "{}: its latency was not learned, its weight was: its base is {} ms instead of {} because its weight is {} instead of {}, so \
             that its limit stays as it is",
            phase.phase, base.value, base.current, weight.value, weight.current
        ));
    }
    let changed = changed("complexity", &found.complexity).chain(changed("importance", &found.importance));
    let changed: Vec<String> = changed.collect();
    if !kept.is_empty() && !changed.is_empty() {
        let kept: Vec<&str> = kept.iter().map(|phase| phase.phase.as_str()).collect();
        notes.push(format!(
            "Nothing was learned of the latency of {}: its limits stay as they are, except for tasks of {}, whose multipliers are fitted to \
             tokens and count for latency, too",
            kept.join(", "),
            changed.join(", ")
        ));
    }
}

/// Tiers whose multiplier is not what it was.
fn changed<T: std::fmt::Display>(what: &str, tiers: &[TierProposal<T>]) -> impl Iterator<Item = String> {
    let changed = tiers.iter().filter(|tier| tier.factor.value != tier.factor.current);
    changed.map(move |tier| format!("{what} {}", tier.tier))
}

fn thresholds(found: &Calibration, current: &BudgetConfig, notes: &mut Vec<String>) {
    let profile = current.stop_loss.thresholds.profile;
    if profile != Profile::Strict && found.thresholds.iter().any(|threshold| threshold.learned) {
        notes.push(format!(
            "The profile {} ignores thresholds: the proposal has the profile strict",
            profile.as_str()
        ));
    }
    if let Some(token) = found.thresholds.first().filter(|token| token.learned && token.value == Decimal::ONE)
    {
        let data = &found.data;
        let tenths = (data.fitted_samples * 10).checked_div(data.fitted_tasks).unwrap_or_default();
        notes.push(format!(
            "{} is 1, the lowest that is proposed: a task's limit counts all {} phases, tasks that ended well execute {} of them on average, and hardly \
             one of them reaches its limit. Leave phases that nobody executes out of `phases` to get a limit that means something",
            token.key,
            found.phases.len(),
            Decimal::new(tenths, 1)
        ));
    }
    let Some(token) = found.thresholds.first().filter(|token| !token.learned) else { return };
    notes.push(format!(
        "{} tasks are too few to bound the rate of false positives at {}, thresholds stay as they are: {} tasks are enough",
        token.tasks,
        permille(found.options.false_positives_permille.into()),
        super::thresholds::fewest(&found.options)
    ));
}

fn holdout(found: &Calibration, current: &BudgetConfig, judged: &Judged, notes: &mut Vec<String>) {
    let stopped = &judged.proposed.false_positives;
    if stops_too_many(judged) {
        notes.push(format!(
            "{} of {} later tasks that ended well would have been stopped, above {MOST_FALSE_POSITIVES_PERCENT} %: do not enforce this config",
            stopped.count, stopped.of
        ));
    }
    let breaches = &judged.proposed.breaches;
    if breaches.count * 100 > breaches.of * MOST_BREACHES_PERCENT {
        notes.push(format!(
            "{} of {} later tasks that ended well are above their limit, {MOST_BREACHES_PERCENT} % are usual: base budgets at \
             p{BASE_PERCENT} leave a quarter of the phases above theirs, the thresholds are what stops a task",
            breaches.count, breaches.of
        ));
    }
    notes.extend(growing(found, current, stopped));
    for coverage in judged.coverage.iter().filter(|coverage| coverage.percent == BASE_PERCENT) {
        let expected = coverage.percent * 10_000;
        let within = &coverage.within;
        if expected < within.low_ppm || expected > within.high_ppm {
            let more = if expected < within.low_ppm { "less" } else { "more" };
            notes.push(format!(
                "{}: {} of {} later samples are within p{BASE_PERCENT} of the earlier ones, not {BASE_PERCENT} %: phases take {more} than they did. \
                 Phases of one task are not independent, so that a small difference is no proof",
                coverage.measure, within.count, within.of
            ));
        }
    }
}

/// That more later tasks are stopped than thresholds were chosen for. Those that stay as they were say nothing of that.
fn growing(found: &Calibration, current: &BudgetConfig, stopped: &Rate) -> Option<String> {
    let stop_loss = &current.stop_loss;
    let blocks = |threshold: &&ThresholdProposal| match threshold.key {
        "cumulative_token_threshold" => true,
        "cumulative_latency_threshold" => stop_loss.latency_action == BreachAction::Block,
        "per_phase_threshold" => stop_loss.per_phase_action == BreachAction::Block,
        // That of tokens, early: no task more is stopped by it.
        _ => false,
    };
    let blocking: Vec<_> = found.thresholds.iter().filter(blocks).collect();
    if blocking.iter().any(|threshold| !threshold.learned) {
        return None;
    }
    let permille = u64::from(found.options.false_positives_permille);
    let of_each = self::permille(permille);
    let chosen = match blocking.len() as u64 {
        1 => format!("the threshold was chosen for ({of_each})"),
        thresholds => format!("the {thresholds} thresholds that block were chosen for ({of_each} each)"),
    };
    let asked = permille * 1000 * blocking.len() as u64;
    (stopped.low_ppm > asked)
        .then(|| format!("More later tasks are stopped than {chosen}: what tasks use is growing"))
}

/// That nothing is proposed although something could be if no tasks were kept to judge by: what to do about it. `all`
/// are the samples of each phase in all tasks.
pub(super) fn without_holdout(found: &Calibration, all: &[u64]) -> Option<String> {
    let enough = base(found)?.for_bounds;
    if found.judged.is_none() || found.phases.iter().any(|phase| phase.tokens.learned) {
        return None;
    }
    let most = found.phases.iter().map(|phase| phase.samples).max().unwrap_or_default();
    let would = found.phases.iter().zip(all).filter(|(_, samples)| **samples >= enough);
    let would: Vec<String> = would.map(|(phase, samples)| format!("{} ({samples})", phase.phase)).collect();
    let advice = if would.is_empty() {
        "replay more tasks".to_owned()
    } else {
        format!(
            "use `--holdout 0`, with which {} would have enough and nothing is judged, or replay more tasks",
            would.join(", ")
        )
    };
    Some(format!(
        "Nothing is proposed: without the {} % of the tasks that were kept to judge by, no phase has {enough} samples, the most are {most}. To get \
         limits, {advice}",
        found.options.holdout_percent
    ))
}

/// What the percentile of base budgets needs.
pub(super) fn base(found: &Calibration) -> Option<&Enough> {
    found.enough.iter().find(|enough| enough.percent == BASE_PERCENT)
}

/// Two bounds, either of which may be unknown.
pub(super) fn range<T: std::fmt::Display>(low: Option<T>, high: Option<T>) -> String {
    let shown = |bound: Option<T>| bound.map_or_else(|| "?".to_owned(), |bound| bound.to_string());
    format!("{} to {}", shown(low), shown(high))
}

/// Thousandths as a percentage.
pub(super) fn permille(permille: u64) -> String {
    format!("{} %", Decimal::new(permille, 1))
}
