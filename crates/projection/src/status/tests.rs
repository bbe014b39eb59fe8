//! given | then tables for the status view. A Medium/medium task: 23,400 tokens and 573,000 ms over nine phases.

mod decisions;
mod order;

use std::collections::BTreeMap;

use tollgate_domain::breach::Utilization;
use tollgate_domain::event::Mark;
use tollgate_domain::gate::Verdict;

use super::*;
use crate::testing::{Story, folded, folds_alike_over_a_store, story};

/// One line per case: `steps | expected facts`, steps as in [`Story`], facts as in [`fact`].
///
/// Each story is folded twice, the second time with its rows written and read again before every event.
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, then]: [&str; 2] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("2 columns");
        let story = story(given);
        folds_alike_over_a_store(&Status, &story.events, |_| true);
        let none = TaskRow::default();
        let row = story.row().unwrap_or(&none);
        for expected in then.split_whitespace() {
            let (name, value) = expected.split_once('=').expect("name=value");
            assert_eq!(fact(name, row, &story), value, "{name} in case: {line}");
        }
    }
}

/// A fact of a row by its name. Facts about an execution are prefixed with it: `THINK/2.tokens`.
fn fact(name: &str, row: &TaskRow, story: &Story) -> String {
    if let Some((execution, name)) = name.split_once('.') {
        return fact_of_execution(execution, name, row, story);
    }
    let figures = figures(row, Some(story.now));
    let tokens = &figures.total.tokens;
    let list = |list: Vec<String>| if list.is_empty() { "-".to_owned() } else { list.join(",") };
    let limits = row.state.limits.as_deref();
    match name {
        "stage" => row.state.stage.as_str().to_owned(),
        "tokens" => tokens.total().to_string(),
        "used" => tokens.used().to_string(),
        "kinds" => {
            [tokens.input_uncached, tokens.cached_input, tokens.cache_write, tokens.output, tokens.reasoning]
                .map(|sum| sum.to_string())
                .join("/")
        }
        "calls" => figures.total.usage_events.to_string(),
        "limit" => optional(limits.map(|limits| limits.total_tokens())),
        "limit_ms" => optional(limits.map(|limits| limits.total_latency_ms())),
        "percent" => optional(figures.tokens.as_ref().and_then(Utilization::percent)),
        "latency" => figures.latency_ms.to_string(),
        "breach" => optional(figures.breach),
        "level" => optional(figures.level),
        "cost" => figures.total.cost.to_string(),
        "unpriced" => figures.total.unpriced_tokens.to_string(),
        "estimated" => figures.total.estimated_tokens.to_string(),
        "adjustments" => figures.total.adjustments.to_string(),
        "wait" => figures.total.wait_ms.to_string(),
        "unphased" => row.unphased.tokens.total().to_string(),
        "unmatched" => figures.unmatched_tokens.to_string(),
        "active" => optional(row.state.active.as_ref().map(|id| format!("{}/{}", id.phase, id.attempt))),
        "executions" => {
            list(row.executions.iter().map(|it| format!("{}/{}", it.id.phase, it.id.attempt)).collect())
        }
        "completed" => list(row.state.completed.iter().map(ToString::to_string).collect()),
        "passes" => list(row.state.passes.iter().map(ToString::to_string).collect()),
        "verdicts" => list(row.decisions.iter().map(|it| it.verdict.as_str().to_owned()).collect()),
        "earlier" => row.earlier_decisions.to_string(),
        "last_decision" => row.last_decision.to_string(),
        "span" => row.last_at.millis_since(row.first_at).to_string(),
        "leaving" => optional(
            leaving(row, Some(story.now))
                .map(|it| format!("{}:{}:{}", it.phase, it.tokens_used, it.latency_ms)),
        ),
        "signals" => list(figures.total.signals.iter().map(|(name, sum)| format!("{name}:{sum}")).collect()),
        _ => panic!("unknown fact: {name}"),
    }
}

fn fact_of_execution(execution: &str, name: &str, row: &TaskRow, story: &Story) -> String {
    let (phase, attempt) = execution.split_once('/').unwrap_or((execution, "1"));
    let names = |it: &&Execution| it.id.phase.as_str() == phase && it.id.attempt.to_string() == attempt;
    let Some(found) = row.executions.iter().find(names) else { return "missing".to_owned() };
    let latency = found.latency(row.budgeted(), Some(story.now));
    let limit = row.state.limits.as_deref().and_then(|limits| limits.phase(&found.id.phase));
    match name {
        "tokens" => found.activity.tokens.total().to_string(),
        "limit" => optional(limit.map(|limit| limit.tokens)),
        "limit_ms" => optional(limit.map(|limit| limit.latency_ms)),
        "estimated" => found.activity.estimated_tokens.to_string(),
        "latency" => match latency {
            Latency::Known(ms) => ms.to_string(),
            Latency::Anomalous(ms) => format!("anomalous:{ms}"),
        },
        "breach" => optional(limit.map(|limit| row.breach(found, limit, latency))),
        "wait" => found.activity.wait_ms.to_string(),
        "ended" => found.ended_at.is_some().to_string(),
        _ => panic!("unknown fact of an execution: {name}"),
    }
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[test]
fn a_task_opens_runs_its_phases_and_closes() {
    check(
        "
        open                                          | stage=open limit=23400 limit_ms=573000 breach=within level=- active=- executions=-
        open, start THINK                             | active=THINK/1 executions=THINK/1 THINK.ended=false completed=-
        open, start THINK, +90s, end THINK            | active=- THINK.ended=true THINK.latency=90000 completed=THINK leaving=THINK:0:90000
        open, start THINK, +90s                       | latency=90000 THINK.latency=90000 THINK.ended=false
        open, close completed                         | stage=completed limit=23400 last_decision=2
        open, close cancelled                         | stage=cancelled
        open, close abandoned                         | stage=abandoned
        open, start PR, +5s, close cancelled          | stage=cancelled active=- PR.ended=true PR.latency=5000
        open, start MONITOR, end MONITOR              | stage=completed active=- last_decision=4
        open, +1min, start SPEC, +30s, use SPEC out=1 | span=90000 last_decision=2 calls=1
        open complexity=Large importance=critical     | limit=70200 limit_ms=1719000
        open complexity=Tiny importance=low           | limit=8190 limit_ms=200550
        open complexity=Small importance=high         | limit=28080 limit_ms=687600
        ",
    );
}

#[test]
fn a_task_that_usage_made_is_implicit_until_it_is_opened() {
    check(
        "
                                         | stage=implicit tokens=0 limit=- percent=- breach=- level=-
        use - out=900000                 | stage=implicit tokens=900000 percent=- breach=- level=- unphased=900000
        use THINK out=70, use - in=5     | stage=implicit tokens=75 unmatched=70 unphased=5 executions=-
        use THINK out=70, gate IMPLEMENT | verdicts=allow breach=- leaving=-
        use - out=5850, open             | stage=open tokens=5850 percent=25 breach=within
        use THINK out=70, open           | tokens=70 unmatched=70 percent=0
        use THINK out=70, open, start THINK       | tokens=70 unmatched=0 THINK.tokens=70
        use THINK/1 out=70, open, start THINK     | tokens=70 unmatched=0 THINK.tokens=70
        use THINK out=1, use THINK/1 out=2, wait THINK 3, open, start THINK | THINK.tokens=3 THINK.wait=3 unmatched=0
        ",
    );
}

#[test]
fn each_start_is_an_attempt_and_totals_are_over_all_of_them() {
    let twice = "open, start PLAN, use PLAN out=1000, +10s, end PLAN, +5s, start PLAN";
    check(&format!(
        "
        {twice}                                       | executions=PLAN/1,PLAN/2 active=PLAN/2 completed=PLAN limit=23400
        {twice}, use PLAN/2 out=2600, +20s, end PLAN  | PLAN.tokens=1000 PLAN/2.tokens=2600 tokens=3600 latency=30000
        {twice}, use PLAN/2 out=2600, +20s, end PLAN  | PLAN.breach=within PLAN/2.breach=warning leaving=PLAN:3600:30000
        {twice}, use PLAN out=7                       | PLAN.tokens=1000 PLAN/2.tokens=7
        {twice}, use PLAN/1 out=7                     | PLAN.tokens=1007 PLAN/2.tokens=0
        {twice}, end PLAN, start PLAN, use PLAN out=7 | PLAN/3.tokens=7 completed=PLAN tokens=1007
        ",
    ));
}

#[test]
fn tokens_are_kept_by_kind_and_reasoning_is_counted_once() {
    check(
        "
        use - in=1 cached=2 write=4 out=8 think=8                  | kinds=1/2/4/8/8 tokens=15 calls=1
        use - in=1 cached=2 write=4 out=8 think=8, use - out=8     | kinds=1/2/4/16/8 tokens=23 calls=2
        open, start THINK, use THINK in=3 cached=5, use THINK out=7 think=6 | kinds=3/5/0/7/6 THINK.tokens=15
        use - in=10 usd=0.000000075, use - out=10 usd=0.5          | cost=0.500000075 unpriced=0
        use - in=10 usd=0, use - in=30                             | cost=0 unpriced=30
        use - in=30 out=12 est                                     | estimated=42 tokens=42
        open, start SPEC, use SPEC out=12 est, use SPEC out=8      | SPEC.estimated=12 estimated=12 SPEC.tokens=20
        ",
    );
}

#[test]
fn late_usage_lands_once_in_the_execution_it_names() {
    check(
        "
        open, start SPEC, end SPEC, use SPEC out=5                            | SPEC.tokens=5 tokens=5 unmatched=0
        open, start SPEC, end SPEC, start PLAN, use SPEC/1 out=5              | SPEC.tokens=5 PLAN.tokens=0
        open, start SPEC, end SPEC, close completed, use SPEC out=5           | SPEC.tokens=5 stage=completed last_decision=4
        open, start SPEC, end SPEC, start SPEC, end SPEC, use SPEC/1 out=5    | SPEC.tokens=5 SPEC/2.tokens=0
        open, start SPEC, end SPEC, close completed, use - out=9              | tokens=9 unphased=9 stage=completed
        open, start SPEC, end SPEC, -1h, use SPEC out=5                       | SPEC.tokens=5 SPEC.latency=0 span=3600000
        ",
    );
}

#[test]
fn usage_of_an_execution_that_has_not_started_waits_for_it() {
    check(
        "
        open, use PLAN out=5                                     | unmatched=5 tokens=5 executions=-
        open, start PLAN, use PLAN/2 out=5                       | unmatched=5 tokens=5 PLAN.tokens=0
        open, start PLAN, use PLAN/2 out=5, end PLAN, start PLAN | unmatched=0 tokens=5 PLAN.tokens=0 PLAN/2.tokens=5
        open, start SPEC, use PLAN out=5 usd=0.1 est             | unmatched=5 cost=0.1 estimated=5 SPEC.tokens=0
        open, use PLAN/1 out=5, use PLAN/9 out=3, start PLAN     | unmatched=3 PLAN.tokens=5 tokens=8
        open, signal PLAN files_read 3, start PLAN               | signals=files_read:3 unmatched=0
        ",
    );
}

#[test]
fn an_adjustment_is_a_fact_of_its_own_beside_the_usage_it_names() {
    check(
        "
        open, start SPEC, use SPEC out=100, adjust SPEC/1 out=-40           | SPEC.tokens=60 tokens=60 calls=1 adjustments=1
        open, start SPEC, use SPEC out=100, adjust SPEC/1 out=40            | SPEC.tokens=140 calls=1 adjustments=1
        open, start SPEC, use SPEC out=100, end SPEC, close completed, adjust SPEC/1 out=-100 | SPEC.tokens=0 breach=within
        open, start SPEC, use SPEC in=9 out=1, adjust SPEC/1 in=-4 out=4    | kinds=5/0/0/5/0 tokens=10
        use - out=100 usd=0.5, adjust - out=-100 usd=-0.5                   | tokens=0 cost=0 unpriced=0 adjustments=1
        use - out=100 usd=0.5, adjust ? out=-30 in=5                        | tokens=105 cost=0.5 unpriced=5 unphased=105
        use - out=5, adjust - out=-9                                        | tokens=-4 used=0 kinds=0/0/0/-4/0
        open, use - out=5, adjust - out=-9                                  | tokens=-4 percent=0 breach=within
        open, start SPEC, adjust SPEC out=-9, use SPEC out=100              | SPEC.tokens=91
        open, adjust PLAN/1 out=-9, use PLAN out=10                         | unmatched=1 tokens=1
        open, start SPEC, use SPEC out=3000, adjust SPEC/1 out=-1500        | SPEC.breach=within SPEC.limit=1500
        ",
    );
}

#[test]
fn the_latest_mark_counts_and_a_block_is_remembered() {
    let over = "open, start IMPLEMENT, use IMPLEMENT out=40000, end IMPLEMENT, gate REVIEW";
    let row = |script: &str| story(script).row().unwrap().clone();
    let stopped = row(over);
    assert_eq!((stopped.stopped, stopped.state.judged, stopped.mark), (true, Some(Verdict::Block), None));
    let observed = row(&format!("config rollout: observe, {over}, mark legitimate, mark runaway"));
    assert_eq!((observed.stopped, observed.state.judged), (false, Some(Verdict::Block)));
    let mark = observed.mark.unwrap();
    assert_eq!((mark.mark, mark.author.as_str()), (Mark::Runaway, "grace"));
    assert_eq!(row("open, gate THINK").state.judged, Some(Verdict::Allow));
}

#[test]
fn latency_is_end_minus_start_or_it_is_not_believed() {
    check(
        "
        open, start PR, +18s, end PR       | PR.latency=18000 PR.limit_ms=18000 PR.breach=within latency=18000
        open, start PR, +18s, +1ms, end PR | PR.latency=18001 PR.breach=warning
        open, start PR, +28s, end PR       | PR.latency=28000 PR.breach=exceeded breach=within
        open, start PR, -1ms, end PR       | PR.latency=anomalous:-1 PR.breach=within latency=0
        open, start PR, +24h, end PR       | PR.latency=86400000 PR.breach=exceeded
        open, start PR, +24h, +1ms, end PR | PR.latency=anomalous:86400001 PR.breach=within latency=0
        open, start PR, use PR out=2000, -5s, end PR | PR.latency=anomalous:-5000 PR.breach=exceeded
        ",
    );
}

#[test]
fn one_that_runs_counts_up_to_now_whatever_its_age() {
    let active = "config budgeted_latency: active, open";
    check(&format!(
        "
        open, start PR, +24h                  | PR.latency=86400000 PR.breach=exceeded latency=86400000
        open, start PR, +24h, +1ms            | PR.latency=86400001 PR.breach=exceeded latency=86400001
        open, start PR, +25h                  | PR.latency=90000000 PR.breach=exceeded breach=exceeded
        open, start PR, +240h                 | PR.latency=864000000 PR.breach=exceeded breach=exceeded
        open, start PR, +25h, -1h, end PR     | PR.latency=86400000 PR.breach=exceeded
        {active}, start PR, wait PR 4000, +25h | PR.latency=89996000 PR.breach=exceeded
        open, start PR, -5s                   | PR.latency=0 PR.breach=within latency=0
        open, start PR, +25h, end PR          | PR.latency=anomalous:90000000 PR.breach=within latency=0
        "
    ));
}

#[test]
fn wait_time_counts_unless_active_time_is_budgeted() {
    let active = "config budgeted_latency: active, open";
    check(&format!(
        "
        open, start PR, wait PR 4000, +10s, end PR             | PR.latency=10000 PR.wait=4000 wait=4000
        {active}, start PR, wait PR 4000, +10s, end PR         | PR.latency=6000 PR.wait=4000 latency=6000
        {active}, start PR, wait PR 4000, wait PR/1 1000, +10s | PR.latency=5000
        {active}, start PR, wait PR 40000, +10s, end PR        | PR.latency=0 wait=40000
        {active}, start PR, +10s, end PR, wait PR 4000         | PR.latency=6000
        {active}, start PR, wait - 4000, +10s, end PR          | PR.latency=10000 wait=4000
        {active}, start PR, wait PR 10000, +28s, end PR        | PR.latency=18000 PR.breach=within
        use - out=1, wait - 70                                 | wait=70 latency=0
        ",
    ));
}

#[test]
fn breach_status_is_the_higher_of_tokens_and_latency() {
    check(
        "
        open, start THINK, use THINK out=6000  | THINK.breach=within breach=within
        open, start THINK, use THINK out=6001  | THINK.breach=warning breach=within
        open, start THINK, use THINK out=9000  | THINK.breach=warning
        open, start THINK, use THINK out=9001  | THINK.breach=exceeded breach=within
        open, use - out=23400                  | breach=within percent=100
        open, use - out=23401                  | breach=warning percent=100
        open, use - out=35101                  | breach=exceeded percent=150
        open, start THINK, +573s               | breach=within THINK.breach=exceeded
        open, start THINK, +574s               | breach=warning
        open, start THINK, +860s               | breach=exceeded
        ",
    );
}

#[test]
fn pressure_levels_are_those_of_the_opening() {
    check(
        "
        open, use - out=11699                              | level=-
        open, use - out=11700                              | level=50
        open, use - out=18720                              | level=80
        open, use - out=21060                              | level=90
        open, use - out=23400                              | level=100
        open, use - out=35099                              | level=100
        open, use - out=35100                              | level=150
        open, use - out=11700, start THINK, +460s          | level=80
        open, use - out=23400, adjust - out=-20000         | level=-
        config pressure_levels: [10; 20], open, use - out=23400      | level=20
        open, config pressure_levels: [10; 20], use - out=23400      | level=100
        ",
    );
}

#[test]
fn overrides_move_limits_of_an_open_task_and_nothing_else_does() {
    check(
        "
        open, raise THINK 10000                                   | limit=27400 limit_ms=573000 last_decision=2
        open, raise THINK 10000 200000, start THINK               | THINK.limit=10000 THINK.limit_ms=200000 limit_ms=638000
        open, raise THINK 1000, raise THINK 6000                  | limit=23400
        open, start THINK, use THINK out=10000                    | THINK.breach=exceeded
        open, start THINK, use THINK out=10000, raise THINK 10000 | THINK.breach=within
        open multiplier=2 THINK=10000                             | limit=44800
        open, config complexity_multipliers: {Tiny: 9; Small: 9; Medium: 9; Large: 9}, start THINK | limit=23400 THINK.limit=6000
        open, pass VERIFY, pass VERIFY, pass completion           | passes=VERIFY,completion limit=23400
        ",
    );
    let story = story("open, raise THINK 10000 200000, +1s, pass VERIFY");
    let overrides = &story.row().unwrap().overrides;
    let shown: Vec<(u64, &str, &str)> =
        overrides.iter().map(|it| (it.sequence.0, it.what.as_str(), it.approver.as_str())).collect();
    assert_eq!(
        shown,
        [
            (2, "limit of THINK set to 10000 tokens and 200000 ms", "ada"),
            (3, "block of the advance to VERIFY set aside", "ada"),
        ]
    );
}

#[test]
fn tasks_and_tenants_do_not_mix_and_ledger_wide_facts_make_no_row() {
    let mut story = story("use - out=1, in T-2, use - out=2, of acme, use - out=4");
    let rows = folded(&Status, &story.events);
    let tokens: BTreeMap<_, _> = rows
        .iter()
        .map(|(key, row)| (crate::fold::read_task_key(key).unwrap(), row.unphased.tokens.total()))
        .collect();
    assert_eq!(
        tokens,
        BTreeMap::from([(("acme", "T-2"), 4), (("default", "T-1"), 1), (("default", "T-2"), 2)])
    );
    for event in &mut story.events {
        tollgate_domain::ids::LEDGER_TENANT.clone_into(&mut event.tenant);
    }
    assert!(folded(&Status, &story.events).is_empty());
}
