//! given | then: what the live gate returned is the same through both doors, that of a ledger and that of a replay.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_domain::event::{ConfigLoaded, EventBody};
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_projection::reports::Blocks;
use tollgate_projection::savings::{Configs, Savings, Stated, report};
use tollgate_wire::api::ReturnView;

use crate::story::{Story, about, candidate, generated, replay, runtime, story};

impl Story {
    /// `config`: the config in force is in the log, as a ledger has it.
    pub(crate) fn load_config(&mut self) {
        let canonical = self.config.canonical();
        let loaded = ConfigLoaded { config_hash: self.config.hash(), canonical, source: "c".to_owned() };
        let own = || LEDGER_TENANT.to_owned();
        let (tenant, task) =
            (std::mem::replace(&mut self.tenant, own()), std::mem::replace(&mut self.task, own()));
        self.append(EventBody::from(loaded), self.now);
        (self.tenant, self.task) = (tenant, task);
    }
}

fn stated() -> Stated {
    Stated { cost: Some("0.002".parse().unwrap()), interruption: "0.0001".parse().unwrap() }
}

/// Through the door of a ledger: from the rows of its view.
fn of_rows(story: &Story, configs: &Configs, min_tasks: u64) -> ReturnView {
    let mut savings = Savings::default();
    story.rows.values().for_each(|row| savings.add(row, configs));
    report(&savings, min_tasks, stated(), String::new()).return_on_investment
}

/// Through the door of a replay: from the events.
fn of_events(story: &Story, min_tasks: u64) -> ReturnView {
    let runtime = runtime();
    let candidates = [candidate("c", &format!("alerts: {{min_tasks: {min_tasks}}}"))];
    let mut question = about(&candidates);
    question.stated = stated();
    let replayed = replay(&runtime, &story.history(&runtime), &question).unwrap();
    replayed.result.live.return_on_investment.unwrap()
}

fn configs(yamls: &[&str]) -> Configs {
    let of = |yaml: &&str| {
        let config = tollgate_domain::config::BudgetConfig::from_yaml(yaml).unwrap();
        (config.hash(), Blocks::of(&config.canonical()))
    };
    yamls.iter().map(of).collect::<BTreeMap<_, _>>()
}

const OBSERVE: &str = "rollout: observe\n";
const ENFORCE: &str = "rollout: enforce\n";

/// Baseline tasks that nothing could block, then tasks that the gate stopped: runaways, one legitimate, one unknown;
/// with what comes after they were closed.
fn history() -> Story {
    let mut script = String::from("live rollout: observe, config");
    for (nth, tokens) in [20_000, 30_000, 40_000, 90_000].into_iter().enumerate() {
        script +=
            &format!(", in B-{nth}, open, start PLAN, use {tokens}, end PLAN, gate VERIFY, close completed");
    }
    script += ", live rollout: enforce, config";
    for (nth, rest) in [
        "close abandoned, mark runaway",
        "close abandoned, use 500, adjust -200, mark runaway",
        "mark runaway",
        "pass VERIFY, gate VERIFY, start VERIFY, use 7, close completed, mark legitimate",
        "close cancelled, gate REVIEW",
        "close completed",
    ]
    .into_iter()
    .enumerate()
    {
        script += &format!(", in E-{nth}, open, start PLAN, use 50000, end PLAN, gate VERIFY, {rest}");
    }
    script += ", in W, open, start PLAN, use 1, end PLAN, gate VERIFY, close completed";
    // Closed before it was asked: what a gate says of it later still counts.
    script += ", in L, open, start PLAN, use 60000, end PLAN, close abandoned, gate VERIFY, mark runaway";
    story(&script)
}

#[test]
fn the_live_gate_returned_the_same_in_a_ledger_and_in_a_replay() {
    let story = history();
    let found = of_events(&story, 2);
    assert_eq!(found, of_rows(&story, &configs(&[OBSERVE, ENFORCE]), 2));
    // 9 of 10 baseline tasks used at most 90,000: the runaways would have gone on to it from 50,000, 50,300 (to three
    // digits), 50,000 and 60,000.
    assert_eq!(found.saved_usd_up_to.as_deref(), Some("0.1497"), "{found:?}");
    assert_eq!(found.overhead_usd_from.as_deref(), Some("0.0001"), "one was legitimate");
    assert_eq!((found.runaways.tasks_from, found.runaways.of), (4, 8));
}

#[test]
fn a_config_that_the_log_does_not_have_blocks_nobody() {
    let story = history();
    assert_ne!(of_events(&story, 2), of_rows(&story, &configs(&[]), 2));
}

/// Tasks that ended well, and a dozen runaways that a gate blocked, with what came after the block in turn.
fn under_a_gate(runaways: &[&str]) -> Story {
    let mut script = String::from("live rollout: enforce, config");
    for nth in 0..138 {
        script += &format!(", in G-{nth}, open, start PLAN, use 9, end PLAN, gate THINK, start THINK, use 9");
        script += ", end THINK, close completed";
    }
    for (nth, rest) in runaways.iter().cycle().take(12).enumerate() {
        script += &format!(", in R-{nth}, open, start PLAN, use 40000, end PLAN, gate THINK, {rest}");
    }
    story(&script)
}

#[test]
fn what_the_live_gate_stopped_would_have_saved_more_than_is_known() {
    // The work after a block is there if the task went on: people let it, or nobody asked the gate.
    let went_on = [
        "start THINK, use 7, close abandoned",
        "pass THINK, gate THINK, start THINK, use 7, close abandoned",
    ];
    let stopped = ["close abandoned", "", "gate THINK, close cancelled"];
    for (rests, of_stopped) in [(went_on.as_slice(), 0), (&stopped, 12), (&["close completed"], 0)] {
        let marked: Vec<String> = rests.iter().map(|rest| format!("{rest}, mark runaway")).collect();
        let marked: Vec<&str> = marked.iter().map(|rest| rest.trim_start_matches(", ")).collect();
        let (runtime, candidates) = (runtime(), [candidate("c", "rollout: enforce")]);
        let history = under_a_gate(&marked).history(&runtime);
        let mut question = about(&candidates);
        question.stated = Stated { cost: "1".parse().ok(), ..Stated::default() };
        let result = replay(&runtime, &history, &question).unwrap().result;
        let found = &result.candidates[0];
        assert_eq!((found.saved.tasks, found.stopped_live), (12, of_stopped), "{rests:?}");
        let said = |words: &str| found.findings.iter().any(|finding| finding.contains(words));
        let is_known = of_stopped == 0;
        assert_eq!(found.return_on_investment.times_up_to.is_some(), is_known, "{:?}", found.findings);
        assert_eq!(said("below twice"), is_known, "{:?}", found.findings);
        assert_eq!(said("return at least 0 times: saved at least 0 USD"), !is_known, "{:?}", found.findings);
        assert_eq!(said("12 of 12 blocked tasks had been stopped by the live gate"), !is_known);
        assert_eq!(said("consider switching it off"), is_known, "{:?}", found.findings);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_history_returns_the_same_through_both_doors(seed in 0_u64..1000) {
        // The generated gate enforces a config that its log does not have: who was stopped follows from decisions.
        let story = generated(seed, 40);
        prop_assert_eq!(of_events(&story, 3), of_rows(&story, &configs(&[]), 3));
    }
}
