//! Histories that say little, or something odd.

use tollgate_domain::config::{BreachAction, BudgetConfig, Rollout};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::tier::{Complexity, Importance};

use super::super::testing::{calibrated, history, plain, sample};
use super::super::{
    CalibrateError, History, Options, Origin, Outcome, Sample, Sufficiency, WeightRule, calibrate,
};
use crate::generate::Spec;

const MEDIUM: (Complexity, Importance) = (Complexity::Medium, Importance::Medium);

fn all() -> Options {
    Options { holdout_percent: 0, ..Options::default() }
}

fn refused(history: &mut History, options: &Options) -> String {
    calibrate(history, &BudgetConfig::built_in(), options).unwrap_err().to_string()
}

#[test]
fn nothing_to_learn_from_is_an_error_that_says_what_to_do() {
    let says = refused(&mut History::default(), &all());
    assert!(says.starts_with("calibration: none of 0 tasks has a phase to learn from"), "{says}");
    let mut runaway = sample(1, "PLAN", MEDIUM, 100);
    runaway.outcome = Outcome::Runaway;
    let says = refused(&mut history([runaway]), &all());
    assert!(says.contains("none of 1 tasks") && says.contains("1 failed, were marked runaway"), "{says}");
}

#[test]
fn options_out_of_bounds_name_field_value_and_rule() {
    for (options, says) in [
        (Options { holdout_percent: 81, ..all() }, "calibration with holdout_percent 81: must be 0 to 80"),
        (
            Options { false_positives_permille: 501, ..all() },
            "calibration with false_positives_permille 501: must be 0 to 500",
        ),
        (Options { precision_points: 0, ..all() }, "calibration with precision_points 0: must be 1 to 25"),
    ] {
        assert_eq!(refused(&mut history([sample(1, "PLAN", MEDIUM, 1)]), &options), says);
    }
    assert!(super::super::Confidence::from_percent(80).is_err());
}

#[test]
fn a_task_has_one_tier_and_one_outcome() {
    let mut history = history([sample(1, "PLAN", MEDIUM, 1)]);
    let mut other = sample(1, "SPEC", (Complexity::Large, Importance::Medium), 1);
    let error = history.push(&other).unwrap_err();
    assert!(matches!(error, CalibrateError::Contradiction { what: "complexity", .. }), "{error}");
    assert!(error.to_string().contains("`Large` in one and `Medium` in another"), "{error}");
    assert_eq!(history.len(), 1, "what is refused changes nothing");
    other.complexity = Complexity::Medium;
    other.outcome = Outcome::Failed;
    assert!(history.push(&other).is_err());
}

#[test]
fn too_little_data_changes_nothing_and_says_what_is_enough() {
    let found = calibrated((0..5).map(|task| sample(task, "PLAN", MEDIUM, 9_999)), &Options::default());
    let current = BudgetConfig::built_in();
    let config = BudgetConfig::from_yaml(&found.config).unwrap();
    assert_eq!(config.phases, current.phases, "five samples are no reason to change a limit");
    assert_eq!((config.complexity, config.importance), (current.complexity, current.importance));
    assert_eq!(config.stop_loss, current.stop_loss);
    let notes = found.notes.join("\n");
    for says in [
        "Too little data: limits are fitted to 3 tasks, at least 50 of all kinds are needed",
        "spans 0 days, a baseline needs 14",
        "PLAN: 3 samples are too few, base budget and weight stay as they are. 13 give an interval, about 314 one of ±5",
        "tasks are too few to bound the rate of false positives at 2 %, thresholds stay as they are: 183 tasks are enough",
    ] {
        assert!(notes.contains(says), "must say: {says}\nsays: {notes}");
    }
    assert_eq!(found.groups[0].data, Sufficiency::TooFew);
}

/// Imported sessions: nobody gave them tiers or said how they ended.
#[test]
fn without_tiers_the_base_is_the_percentile_and_multipliers_stay() {
    let samples =
        (0..200).map(|task| Sample { outcome: Outcome::Unknown, ..sample(task, "PLAN", MEDIUM, 1 + task) });
    let found = calibrated(samples, &all());
    let plan = found.phases.iter().find(|phase| phase.phase.as_str() == "PLAN").unwrap();
    assert_eq!(plan.tokens.value, 150, "p75 of 1 to 200");
    assert_eq!(plan.weight.value, Decimal::ONE);
    let current = BudgetConfig::built_in();
    for (tier, multiplier) in found.complexity.iter().zip(current.complexity) {
        assert_eq!(tier.factor.value, multiplier);
        let medium = tier.tier == Complexity::Medium;
        assert_eq!(tier.origin, if medium { Origin::Reference } else { Origin::TooFew });
    }
    assert!(
        found.notes.iter().any(|note| note.starts_with("200 of 200 tasks were imported")),
        "{:?}",
        found.notes
    );
}

/// Large tasks are critical, all others are Medium and medium: which of both makes them large?
#[test]
fn tiers_that_occur_only_together_are_not_told_apart() {
    let samples = (0..200).map(|task| {
        let large = task % 4 == 0;
        let tiers = if large { (Complexity::Large, Importance::Critical) } else { MEDIUM };
        sample(task, "PLAN", tiers, (100 + task) * if large { 3 } else { 1 })
    });
    let found = calibrated(samples, &all());
    assert_eq!(found.complexity[3].origin, Origin::Fitted);
    assert_eq!(found.importance[3].origin, Origin::Confounded);
    assert_eq!(found.importance[3].factor.value, Decimal::new(2, 0), "as configured");
    // 3 in all, of which the configured 2 are importance's.
    let large: f64 = found.complexity[3].factor.value.to_string().parse().unwrap();
    assert!((large - 1.5).abs() < 0.05, "{large}");
    assert!(found.notes.iter().any(|note| note.starts_with("importance critical: it occurs only together")));
}

#[test]
fn without_the_neutral_tier_the_most_frequent_one_stays_as_configured() {
    let samples = (0..300).map(|task| {
        let complexity = if task % 3 == 0 { Complexity::Large } else { Complexity::Small };
        let tokens = (1_000 + task) * if complexity == Complexity::Large { 2 } else { 1 };
        sample(task, "PLAN", (complexity, Importance::Medium), tokens)
    });
    let found = calibrated(samples, &all());
    assert_eq!((found.complexity[1].origin, found.complexity[3].origin), (Origin::Reference, Origin::Fitted));
    assert_eq!(found.complexity[1].factor.value, Decimal::new(8, 1));
    let large: f64 = found.complexity[3].factor.value.to_string().parse().unwrap();
    assert!((large - 1.6).abs() < 0.02, "twice 0.8: {large}");
}

#[test]
fn a_phase_that_the_config_does_not_know_has_percentiles_and_no_limit() {
    let samples =
        (0..60).flat_map(|task| ["PLAN", "OWN"].map(|phase| sample(task, phase, MEDIUM, 500 + task)));
    let found = calibrated(samples, &all());
    assert!(found.groups.iter().any(|group| group.phase.as_str() == "OWN" && group.tokens.samples == 60));
    assert!(found.phases.iter().all(|phase| phase.phase.as_str() != "OWN"));
    assert!(found.notes.iter().any(|note| note.starts_with("OWN is not a phase of the config")));
}

/// Runaways, failed and open tasks are not what limits are made for.
#[test]
fn limits_are_learned_from_tasks_that_ended_well() {
    let good = || (0..100).map(|task| sample(task, "PLAN", MEDIUM, 1_000 + task));
    let bad = |outcome| move |task| Sample { outcome, ..sample(task, "PLAN", MEDIUM, 1_000_000) };
    let with_bad = good()
        .chain((100..120).map(bad(Outcome::Runaway)))
        .chain((120..140).map(bad(Outcome::Failed)))
        .chain((140..160).map(bad(Outcome::Unfinished)));
    let (without, with) = (calibrated(good(), &all()), calibrated(with_bad, &all()));
    assert_eq!(without.phases, with.phases);
    assert_eq!(without.groups, with.groups);
    let token = &with.thresholds[0];
    assert_eq!((token.tasks, token.runaways_above), (100, (20, 20)));
}

/// Later tasks take three times as much: the judgement must say so, and not the fit.
#[test]
fn what_grew_later_shows_on_the_holdout() {
    let spec = plain(3, 400, 2);
    let times = |factor: u64| {
        let samples: Vec<Sample> = spec.samples().collect();
        let from = samples[samples.len() * 7 / 10].at;
        samples.into_iter().map(move |sample| {
            let factor = if sample.at >= from { factor } else { 1 };
            Sample { tokens: sample.tokens * factor, ..sample }
        })
    };
    // Thresholds are about totals, of which these two phases are a part only.
    let mut current = BudgetConfig::built_in();
    current.phases.truncate(2);
    current.stop_loss.thresholds.checkpoint_phase = None;
    current.stop_loss.thresholds.nearly_done_phases.clear();
    let judged = |factor| {
        let found = calibrate(&mut history(times(factor)), &current, &Options::default()).unwrap();
        let stopped = found.judged.as_ref().unwrap().proposed.false_positives;
        (stopped.count * 100 / stopped.of, found.notes.join("\n"))
    };
    let (usual, notes) = judged(1);
    assert!(usual <= 5 && !notes.contains("take more"), "{usual} % stopped\n{notes}");
    let (grown, notes) = judged(3);
    assert!(grown > 20, "{grown} % stopped");
    for says in ["phases take more than they did", "do not enforce this config", "what tasks use is growing"]
    {
        assert!(notes.contains(says), "must say: {says}\nsays: {notes}");
    }
}

#[test]
fn judging_and_fitting_share_no_task() {
    let found = calibrated(Spec::new(8, 500).samples(), &Options::default());
    let data = &found.data;
    let good: u64 =
        data.outcomes.iter().filter(|(outcome, _)| outcome.is_good()).map(|(_, tasks)| tasks).sum();
    let judged = found.judged.as_ref().unwrap().proposed.false_positives.of;
    assert_eq!(data.fitted_tasks + judged, good);
    assert_eq!(data.judged_tasks, 150);
    let same_time =
        (0..50).map(|task| Sample { at: sample(0, "PLAN", MEDIUM, 1).at, ..sample(task, "PLAN", MEDIUM, 9) });
    let found = calibrated(same_time, &Options::default());
    assert_eq!(
        (found.judged, found.data.judged_tasks),
        (None, 0),
        "what began at once cannot be split by time"
    );
}

#[test]
fn kept_weights_stay() {
    let options = Options { weights: WeightRule::Keep, ..Options::default() };
    let found = calibrated(plain(4, 300, 9).samples(), &options);
    for (phase, base) in found.phases.iter().zip(BudgetConfig::built_in().phases) {
        assert_eq!(phase.weight.value, base.weight);
        assert_ne!(phase.tokens.value, base.tokens);
    }
}

/// A profile that ignores thresholds would make the proposed ones void.
#[test]
fn proposed_thresholds_come_with_the_profile_that_uses_them() {
    let current = BudgetConfig::from_yaml("stop_loss: { profile: graduated }\n").unwrap();
    let found = calibrate(&mut history(plain(4, 300, 9).samples()), &current, &Options::default()).unwrap();
    assert!(found.config.contains("profile: strict"), "{}", found.config);
    assert!(found.notes.iter().any(|note| note.starts_with("The profile graduated ignores thresholds")));
}

#[test]
fn a_phase_whose_groups_are_all_too_small_stays_as_it_is() {
    // Sixteen samples are enough for the phase, eight are not for either of its groups.
    let tiers = [(Complexity::Large, Importance::High), (Complexity::Large, Importance::Critical)];
    let samples =
        (0..16_u64).map(|task| sample(task, "PLAN", tiers[usize::from(task % 2 == 1)], 3_000 + task));
    for weights in [WeightRule::Fit, WeightRule::Keep] {
        let found = calibrated(samples.clone(), &Options { weights, ..all() });
        let config = BudgetConfig::from_yaml(&found.config).unwrap();
        assert_eq!(config.phases, BudgetConfig::built_in().phases, "{weights}");
        let note =
            "PLAN: none of the groups of its 16 samples has 13, base budget and weight stay as they are";
        assert!(found.notes.iter().any(|said| said == note), "{:?}", found.notes);
        assert!(found.config.contains("tokens: as before, none of the groups of its 16 samples has enough"));
    }
}

#[test]
fn what_is_left_to_learn_from_is_not_kept_to_judge_by() {
    // All that ended well came last.
    let samples = (0..10).map(|task| {
        let outcome = if task < 7 { Outcome::Failed } else { Outcome::Finished };
        Sample { outcome, ..sample(task, "PLAN", MEDIUM, 100) }
    });
    let found = calibrated(samples, &Options::default());
    assert_eq!((found.data.fitted_tasks, found.judged.is_none()), (3, true));
}

#[test]
fn a_proposal_that_should_not_be_enforced_observes_and_says_so() {
    let enforced = BudgetConfig { rollout: Rollout::Enforce, ..BudgetConfig::built_in() };
    for (tasks, rollout) in [(20, Rollout::Observe), (400, Rollout::Enforce)] {
        let samples = (0..tasks).map(|nth| sample(nth, "PLAN", MEDIUM, 1000 + nth % 7));
        let found = calibrate(&mut history(samples), &enforced, &Options::default()).unwrap();
        let config = BudgetConfig::from_yaml(&found.config).unwrap();
        assert_eq!((config.rollout, config.hash()), (rollout, found.config_hash.clone()), "{tasks} tasks");
        let said = "# ! `rollout` is observe, not enforce as in the config in force, because";
        assert_eq!(found.config.contains(said), rollout == Rollout::Observe, "{}", found.config);
    }
}

/// 17 samples are enough for tokens, not for the 95th percentile of latency.
#[test]
fn a_latency_that_was_not_learned_is_moved_with_its_weight_and_that_is_said() {
    let samples = (0..17).map(|nth| sample(nth, "THINK", MEDIUM, 1000 + nth));
    let found = calibrated(samples, &all());
    let note = "THINK: its latency was not learned, its weight was: its base is 135000 ms instead of 90000 because its weight is 1 instead of \
                1.5, so that its limit stays as it is";
    assert!(found.notes.iter().any(|said| said == note), "{:?}", found.notes);
    let comment = "  # latency_ms: the limit is as before, none of the groups of its 17 samples has enough (was 90000 at a weight of 1.5)\n";
    assert!(found.config.contains(comment), "{}", found.config);
    let multipliers = "Nothing was learned of the latency of";
    assert!(!found.notes.iter().any(|said| said.starts_with(multipliers)), "none changed: {:?}", found.notes);
}

#[test]
fn growth_is_said_of_thresholds_that_were_learned() {
    for (tasks, early, late, action, said) in [
        // Eleven are fitted to: too few for a threshold, and all of them are above the one in force.
        (17, 40_000, 40_000, BreachAction::Warn, None),
        (300, 1_000, 90_000, BreachAction::Warn, Some("the threshold was chosen for (2 %)")),
        (
            300,
            1_000,
            90_000,
            BreachAction::Block,
            Some("the 2 thresholds that block were chosen for (2 % each)"),
        ),
    ] {
        let mut current = BudgetConfig::built_in();
        current.stop_loss.per_phase_action = action;
        let samples = (0..tasks)
            .map(|nth| sample(nth, "PLAN", MEDIUM, if nth < tasks * 7 / 10 { early } else { late }));
        let found = calibrate(&mut history(samples), &current, &Options::default()).unwrap();
        let stopped = found.judged.as_ref().unwrap().proposed.false_positives;
        assert_eq!(stopped.count, stopped.of, "all later ones are stopped");
        let note = found.notes.iter().find(|note| note.starts_with("More later tasks"));
        let said =
            said.map(|said| format!("More later tasks are stopped than {said}: what tasks use is growing"));
        assert_eq!(note, said.as_ref(), "{tasks} tasks");
    }
}

/// One in ten tasks may be above the phases' threshold; where that blocks, one in ten would be stopped.
#[test]
fn what_phases_above_their_limits_would_stop_is_judged_where_they_block() {
    for (action, stopped, rollout) in
        [(BreachAction::Warn, 0, Rollout::Enforce), (BreachAction::Block, 12, Rollout::Observe)]
    {
        let mut enforced = BudgetConfig { rollout: Rollout::Enforce, ..BudgetConfig::built_in() };
        enforced.stop_loss.per_phase_action = action;
        let samples = (0..400).flat_map(|nth| {
            [("PLAN", 1000 + nth * 37 % 100 * 50), ("VERIFY", 10)]
                .map(|(phase, tokens)| sample(nth, phase, MEDIUM, tokens))
        });
        let options = Options { false_positives_permille: 100, ..Options::default() };
        let found = calibrate(&mut history(samples), &enforced, &options).unwrap();
        let judged = found.judged.as_ref().unwrap().proposed.false_positives;
        assert_eq!((judged.count, judged.of), (stopped, 120), "{action:?}");
        let config = BudgetConfig::from_yaml(&found.config).unwrap();
        assert_eq!((config.rollout, config.stop_loss.per_phase_action), (rollout, action));
        let said = "12 of 120 later tasks that ended well would have been stopped, above 5 %: do not enforce";
        let says = found.notes.iter().any(|note| note.starts_with(said));
        assert_eq!(says, action == BreachAction::Block, "{:?}", found.notes);
    }
}

#[test]
fn a_weight_without_tiers_is_exactly_one_however_few_samples_there_are() {
    for tasks in [14, 17, 18, 33] {
        let samples = (0..tasks).map(|nth| sample(nth, "PLAN", MEDIUM, 1000 + nth * nth * 37));
        let found = calibrated(samples, &all());
        let plan = found.phases.iter().find(|phase| phase.phase.as_str() == "PLAN").unwrap();
        let weight = plan.weight;
        assert_eq!(plan.weight_origin, Origin::Fitted, "{tasks} samples");
        let one = Some(Decimal::ONE);
        assert_eq!((Some(weight.value), weight.low, weight.high), (one, one, one), "{tasks} samples");
    }
}

#[test]
fn what_the_holdout_takes_away_is_said_first() {
    for (tasks, said) in [
        (
            17,
            Some(
                "Nothing is proposed: without the 30 % of the tasks that were kept to judge by, no phase has 13 samples, the most are 11. To get limits, \
                   use `--holdout 0`, with which PLAN (17) would have enough and nothing is judged, or replay more tasks",
            ),
        ),
        (
            9,
            Some(
                "Nothing is proposed: without the 30 % of the tasks that were kept to judge by, no phase has 13 samples, the most are 6. To get limits, \
                  replay more tasks",
            ),
        ),
        (40, None),
    ] {
        let samples = (0..tasks).map(|nth| sample(nth, "PLAN", MEDIUM, 1000 + nth));
        let found = calibrated(samples, &Options::default());
        let first = found.notes.first().filter(|note| note.starts_with("Nothing is proposed"));
        assert_eq!(first.map(String::as_str), said, "{tasks} tasks");
    }
}

#[test]
fn a_threshold_at_its_floor_says_that_most_phases_are_not_executed() {
    let samples = (0..200).map(|nth| sample(nth, ["PLAN", "PR"][(nth % 2) as usize], MEDIUM, 900 + nth));
    let found = calibrated(samples, &all());
    let token = &found.thresholds[0];
    assert!(token.learned && token.value == Decimal::ONE, "{token:?}");
    let said = "cumulative_token_threshold is 1, the lowest that is proposed: a task's limit counts all 9 phases, tasks that ended well execute 1 of them";
    assert!(found.notes.iter().any(|note| note.starts_with(said)), "{:?}", found.notes);
}
