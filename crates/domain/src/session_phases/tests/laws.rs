//! What holds of all rules and all sessions.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn any_call() -> impl Strategy<Value = String> {
    let tools =
        ["edit/code", "edit/tests", "read", "search", "plan", "[cargo test]", "[git commit]", "[ls]", "web"];
    let tools = prop::collection::vec(prop::sample::select(tools.to_vec()), 0..3);
    (any::<bool>(), any::<bool>(), 0..9_u64, tools).prop_map(|(turn, plan, written, tools)| {
        let mut text = format!("{} ={written}", tools.join(" "));
        text += if turn { " +" } else { "" };
        text += if plan { " p" } else { "" };
        text
    })
}

fn any_session() -> impl Strategy<Value = String> {
    prop::collection::vec(any_call(), 1..30).prop_map(|calls| calls.join(","))
}

fn any_rules() -> impl Strategy<Value = SessionPhases> {
    let conditions = [
        "tools: [edit]",
        "tools: [none, read]",
        "commands: [cargo test]",
        "files: [tests]",
        "plan_mode: true",
        "before_edit: false",
        "turns: { to: 2 }",
        "written_tokens: { from: 5 }",
        "share_of_calls: { from: 30, to: 70 }",
        "share_of_time: { to: 40 }",
    ];
    let gives = ["phase: A", "phase: B", "continues: true"];
    let rule = (prop::sample::select(conditions.to_vec()), prop::sample::select(gives.to_vec()));
    prop::collection::vec(rule, 1..6).prop_map(|rules| {
        let mut text = "rules:\n".to_owned();
        let mut seen: Vec<&str> = Vec::new();
        for (nth, (when, gives)) in rules.into_iter().enumerate() {
            if !seen.contains(&when) {
                text += &format!("  - {{ name: r{nth}, when: {{ {when} }}, {gives} }}\n");
                seen.push(when);
            }
        }
        SessionPhases::from_yaml(&text, &[]).unwrap()
    })
}

proptest! {
    #[test]
    fn every_call_has_one_phase_or_none_and_every_phase_is_in_one_execution(
        rules in any_rules(), text in any_session(),
    ) {
        let session = session(&text);
        let sorted = sorted(&rules, &session);
        prop_assert_eq!(sorted.len(), session.len());
        let found = executions(&sorted);
        for (nth, call) in sorted.iter().enumerate() {
            let own = found.iter().filter(|it| (it.first..=it.last).contains(&nth));
            let own: Vec<&Phase> = own.map(|it| &it.id.phase).collect();
            match &call.phase {
                Some(phase) => {
                    prop_assert!(call.rule.is_some());
                    prop_assert_eq!(own, [phase]);
                }
                None => prop_assert!(own.len() <= 1),
            }
        }
        for pair in found.windows(2) {
            prop_assert!(pair[0].last < pair[1].first && pair[0].id.phase != pair[1].id.phase);
        }
    }

    /// Nothing that comes later changes the rule of a call, but for what is known of the session as a whole.
    #[test]
    fn rules_of_activity_never_look_ahead(text in any_session(), cut in 1..30_usize) {
        let all = session(&format!("read,{text}"));
        let part = &all[..cut.min(all.len())];
        let rules = shipped();
        prop_assert_eq!(&sorted(&rules, &all)[..part.len()], &sorted(&rules, part)[..]);
    }

    /// A session that grew, or of which a ledger has any part, is placed as if it had been placed at once.
    #[test]
    fn what_a_ledger_has_of_a_session_changes_nothing(
        text in any_session(), kept in prop::collection::vec(any::<bool>(), 31),
    ) {
        let whole = sorted(&shipped(), &session(&text));
        let at_once = placed(&whole, &[]);
        let has = |nth: usize| kept[nth % kept.len()];
        let recorded: Vec<Recorded> = (0..whole.len())
            .map(|nth| if has(nth) { Recorded::In(at_once.calls[nth].clone()) } else { Recorded::No })
            .collect();
        // A prefix, as of a file that grew.
        let cut = kept.iter().filter(|kept| **kept).count().min(recorded.len());
        let grown = placed(&whole, &at_once.calls[..cut].iter().cloned().map(Recorded::In).collect::<Vec<_>>());
        prop_assert_eq!(&grown.calls, &at_once.calls);
        prop_assert!(grown.executions.iter().all(|it| it.first >= cut && at_once.executions.contains(it)));
        // Any part: what is recorded stays, and each attempt that begins is the next one of its phase.
        let parts = placed(&whole, &recorded);
        let mut attempts: BTreeMap<Phase, u32> = BTreeMap::new();
        for (nth, call) in parts.calls.iter().enumerate() {
            prop_assert_eq!(call.as_ref().map(|id| &id.phase), whole[nth].phase.as_ref());
            if has(nth) {
                prop_assert_eq!(call, &at_once.calls[nth]);
                if let Some(id) = call {
                    let attempt = attempts.entry(id.phase.clone()).or_default();
                    *attempt = id.attempt.max(*attempt);
                }
            }
        }
        for execution in &parts.executions {
            let attempt = attempts.entry(execution.id.phase.clone()).or_default();
            *attempt += 1;
            prop_assert_eq!(execution.id.attempt, *attempt);
            prop_assert_eq!(parts.calls[execution.first].as_ref(), Some(&execution.id));
            prop_assert_eq!(parts.calls[execution.last].as_ref(), Some(&execution.id));
        }
    }

    #[test]
    fn rules_in_another_order_have_another_hash(rules in any_rules()) {
        let other = SessionPhases { rules: rules.rules.iter().rev().cloned().collect() };
        prop_assert_eq!(rules.hash() == other.hash(), rules == other);
    }
}

#[test]
fn the_hash_is_over_what_rules_say_not_how_they_are_written() {
    let block = "rules:\n  - name: a # a remark\n    phase: think\n    when:\n      tools:\n        - edit\n";
    let flow = "rules: [{ when: { tools: [edit] }, name: a, phase: THINK }]";
    let read = |text| SessionPhases::from_yaml(text, &[]).unwrap();
    assert_eq!(read(block).canonical(), "tollgate session phases 1\nrule=a\ntools=edit\nphase=THINK\n");
    assert_eq!(read(block).hash(), read(flow).hash());
}

#[test]
fn scripts_of_any_text_are_read() {
    proptest!(|(script in "[a-z'\"\\\\|&;<>#()\n =-]{0,80}")| {
        let _ = crate::session_phases::commands::commands(&script);
    });
}
