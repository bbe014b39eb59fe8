//! Commands about money: which make no sense, what they change, for how long.

use super::super::decide::LimitRaise;
use super::*;

#[test]
fn what_is_released_or_has_expired_is_free() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    tenant.allocates(request("a", 600), &[], at);
    tenant.allocates(AllocationRequest { expires_at: at.plus_millis(1000), ..request("b", 400) }, &[], at);
    says(&tenant, &request("c", 1), at, &[("p", Ruling::Refused)]);
    let later = at.plus_millis(1000);
    says(&tenant, &request("c", 400), later, &[("p", Ruling::Warns)]);
    says(&tenant, &request("c", 401), later, &[("p", Ruling::Refused)]);
    let released = decide::release(&tenant.state, "a", None, later).unwrap();
    tenant.apply(&released);
    says(&tenant, &request("c", 1000), later, &[("p", Ruling::Warns)]);
    let error = decide::release(&tenant.state, "a", None, later).unwrap_err();
    assert_eq!(error.code(), "allocation_not_open");
    let error = decide::release(&tenant.state, "b", None, later).unwrap_err();
    assert_eq!(error.code(), "allocation_expired");
    assert_eq!(decide::expire(&tenant.state, "b", at).unwrap_err().code(), "allocation_not_expired");
    tenant.apply(&decide::expire(&tenant.state, "b", later).unwrap());
    assert!(tenant.state.all_open().is_empty());
}

#[test]
fn a_raise_holds_for_its_time_and_has_an_author() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    let raised = LimitRaise {
        raise: String::new(),
        policy: "p".to_owned(),
        by: Amount { tokens: 500, usd: Usd::ZERO },
        from: None,
        until: at.plus_millis(HOUR_MS),
        author: "ada".to_owned(),
        reason: "release day".to_owned(),
    };
    let code = |raised| decide::raise_limit(&tenant.state, raised, at).unwrap_err().code();
    assert_eq!(code(LimitRaise { author: String::new(), ..raised.clone() }), "invalid_raise");
    assert_eq!(code(LimitRaise { until: at, ..raised.clone() }), "invalid_raise");
    assert_eq!(code(LimitRaise { by: Amount::NOTHING, ..raised.clone() }), "invalid_raise");
    let absurd = Amount { tokens: 0, usd: usd("169999999999999999999") };
    assert_eq!(code(LimitRaise { by: absurd, ..raised.clone() }), "invalid_raise");
    let absurd = Amount { tokens: 1_000_000_000_000_000_001, usd: Usd::ZERO };
    assert_eq!(code(LimitRaise { by: absurd, ..raised.clone() }), "invalid_raise");
    assert_eq!(code(LimitRaise { policy: "q".to_owned(), ..raised.clone() }), "unknown_policy");
    tenant.apply(&decide::raise_limit(&tenant.state, raised.clone(), at).unwrap());
    // What was refused a moment before stays refused, whoever asks for how it stood then.
    let earlier = LimitRaise { from: Some(at.plus_millis(-1)), ..raised };
    assert_eq!(decide::raise_limit(&tenant.state, earlier, at).unwrap_err().code(), "invalid_raise");
    for (at, ruling) in [
        (at.plus_millis(-1), Ruling::Refused),
        (at, Ruling::Warns),
        (at.plus_millis(HOUR_MS - 1), Ruling::Warns),
        (at.plus_millis(HOUR_MS), Ruling::Refused),
    ] {
        says(&tenant, &request("a", 1500), at, &[("p", ruling)]);
    }
}

#[test]
fn a_change_is_a_version_from_a_time_on_and_keeps_what_was_before() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    tenant.uses(&[], at, tokens(900), None);
    let limit = AmountLimit { tokens: Some(2000), usd: None };
    let next = Policy { limit, from: at.plus_millis(1000), ..policy("p") };
    let error = decide::set_policy(&tenant.state, next.clone(), Some(0), None, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy `p` is at version 1, not 0: look at it again, or leave `if_version` out"
    );
    tenant.apply(&decide::set_policy(&tenant.state, next, Some(1), None, None).unwrap());
    let history = tenant.state.policy("p").unwrap();
    let version = |at| history.ruling_at(at).map(|(version, _)| version);
    assert_eq!(
        (version(begin().plus_millis(-1)), version(at), version(at.plus_millis(1000))),
        (None, Some(1), Some(2))
    );
    says(&tenant, &request("a", 200), at, &[("p", Ruling::Refused)]);
    says(&tenant, &request("a", 200), at.plus_millis(1000), &[("p", Ruling::Fits)]);
}

#[test]
fn a_budget_that_is_not_active_rules_nothing() {
    let at = begin().plus_millis(HOUR_MS);
    let of = Policy { budget: Some("b".to_owned()), ..policy("p") };
    let mut tenant = Tenant::default();
    let error = decide::set_policy(&tenant.state, of.clone(), None, None, None).unwrap_err();
    assert_eq!(error.to_string(), "there is no budget `b`: set it first");
    let budget = |active| decide::BudgetChange {
        budget: "b".to_owned(),
        active: Some(active),
        ..decide::BudgetChange::default()
    };
    tenant.apply(&decide::set_budget(&tenant.state, budget(true), begin()).unwrap());
    tenant.apply(&decide::set_policy(&tenant.state, of, None, None, None).unwrap());
    says(&tenant, &request("a", 1001), at, &[("p", Ruling::Refused)]);
    tenant.apply(&decide::set_budget(&tenant.state, budget(false), begin()).unwrap());
    says(&tenant, &request("a", 1001), at, &[]);
}

#[test]
fn a_change_of_a_budget_keeps_what_it_does_not_name() {
    let mut tenant = Tenant::default();
    let text = |text: &str| Some(text.to_owned());
    let named = |title, owner, active| decide::BudgetChange {
        budget: "b".to_owned(),
        title,
        owner,
        active,
        ..decide::BudgetChange::default()
    };
    for (change, title, owner, active) in [
        (named(text("Search"), text("grace"), None), Some("Search"), Some("grace"), true),
        (named(None, None, Some(false)), Some("Search"), Some("grace"), false),
        (named(text("Find"), None, None), Some("Find"), Some("grace"), false),
        (named(None, text(""), Some(true)), Some("Find"), None, true),
    ] {
        tenant.apply(&decide::set_budget(&tenant.state, change, begin()).unwrap());
        let set = tenant.state.budget("b").unwrap();
        assert_eq!((set.title.as_deref(), set.owner.as_deref(), set.active), (title, owner, active));
    }
}

#[test]
fn a_raise_of_nothing_that_is_limited_or_of_the_past_is_refused() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    let later = Policy {
        limit: AmountLimit { tokens: None, usd: Some("5".parse().unwrap()) },
        from: at.plus_millis(HOUR_MS),
        ..policy("p")
    };
    tenant.apply(&decide::set_policy(&tenant.state, later, None, None, None).unwrap());
    let (tokens, usd) =
        (Amount { tokens: 1, ..Amount::NOTHING }, Amount { usd: usd("1"), ..Amount::NOTHING });
    let (no_tokens, no_money) = ("limits no tokens in that time", "limits no money in that time");
    // Version 1 limits tokens, version 2 from one hour on money.
    for (by, from, until, because) in [
        (tokens, 0, 1, None),
        (tokens, 1, 2, Some(no_tokens)),
        (usd, 0, 1, Some(no_money)),
        (usd, 0, 2, None),
        (usd, 1, 2, None),
        (tokens, -2, 0, Some("must end in the time to come")),
        (tokens, -1, 1, Some("must not begin in the past")),
    ] {
        let moment = |hours: i64| at.plus_millis(hours * HOUR_MS);
        let raised = LimitRaise {
            raise: String::new(),
            policy: "p".to_owned(),
            by,
            from: Some(moment(from)),
            until: moment(until),
            author: "ada".to_owned(),
            reason: "release day".to_owned(),
        };
        let error = decide::raise_limit(&tenant.state, raised, at).err().map(|error| error.to_string());
        match because {
            None => assert_eq!(error, None, "{by:?} {from}"),
            Some(because) => assert!(error.as_ref().unwrap().contains(because), "{error:?}"),
        }
    }
}

#[test]
fn an_extension_that_would_change_nothing_is_refused() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![]);
    let money = Amount { tokens: 0, usd: usd("1") };
    tenant.allocates(AllocationRequest { amount: money, ..request("money", 0) }, &[], at);
    tenant.allocates(AllocationRequest { is_priced: false, ..request("unpriced", 10) }, &[], at);
    tenant.allocates(request("free", 10), &[], at);
    let tokens = Amount { tokens: 1, usd: Usd::ZERO };
    for (name, by, because) in [
        ("money", tokens, Some("reserves money and no tokens: extend it by `usd`")),
        ("money", money, None),
        ("unpriced", money, Some("reserves tokens whose cost is not known, and no money")),
        ("unpriced", tokens, None),
        ("free", money, None),
        ("free", Amount::NOTHING, Some("must say by how much, or for how long")),
    ] {
        let extension = decide::Extension { by, is_priced: true, expires_at: None };
        let decided = decide::extend(&tenant.state, name, extension, &Figures::default(), at);
        let error = decided.err().map(|error| error.to_string());
        match because {
            None => assert_eq!(error, None, "{name} {by:?}"),
            Some(because) => assert!(error.as_ref().unwrap().contains(because), "{error:?}"),
        }
    }
}

#[test]
fn an_extension_is_judged_by_what_it_adds() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    tenant.allocates(request("a", 600), &[], at);
    let figures = tenant.figures(&request("a", 1), at);
    let by = |tokens| decide::Extension {
        by: Amount { tokens, usd: Usd::ZERO },
        is_priced: true,
        expires_at: None,
    };
    let refused = decide::extend(&tenant.state, "a", by(401), &figures, at).unwrap().unwrap_err();
    assert!(!refused.is_allowed());
    let event = decide::extend(&tenant.state, "a", by(400), &figures, at).unwrap().unwrap();
    tenant.apply(&event);
    assert_eq!(tenant.state.open("a").unwrap().amount.tokens, 1000);
    let longer = begin().plus_millis(48 * HOUR_MS);
    let extension = decide::Extension { expires_at: Some(longer), ..by(0) };
    let event = decide::extend(&tenant.state, "a", extension, &figures, at).unwrap().unwrap();
    tenant.apply(&event);
    assert_eq!(tenant.state.open("a").unwrap().expires_at, longer);
    let code = |by, at| decide::extend(&tenant.state, "a", by, &figures, at).unwrap_err().code();
    assert_eq!(code(by(-1), at), "invalid_request");
    assert_eq!(code(by(1), longer), "allocation_expired");
}

#[test]
fn an_extension_by_time_alone_is_given_although_the_limit_has_been_passed() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    tenant.allocates(request("a", 600), &[], at);
    tenant.uses(&[], at, tokens(1000), None);
    says(&tenant, &request("b", 1), at, &[("p", Ruling::Refused)]);
    let longer = begin().plus_millis(48 * HOUR_MS);
    let extension = |tokens| decide::Extension {
        by: Amount { tokens, usd: Usd::ZERO },
        is_priced: true,
        expires_at: Some(longer),
    };
    let figures = tenant.figures(&request("a", 1), at);
    assert!(decide::extend(&tenant.state, "a", extension(1), &figures, at).unwrap().is_err());
    // Nor does it matter that nothing is known of what was spent.
    let event = decide::extend(&tenant.state, "a", extension(0), &Figures::default(), at).unwrap().unwrap();
    tenant.apply(&event);
    let open = tenant.state.open("a").unwrap();
    assert_eq!((open.amount.tokens, open.expires_at), (600, longer));
    // What it has left goes on counting.
    let tomorrow = begin().plus_millis(25 * HOUR_MS);
    says(&tenant, &request("b", 401), tomorrow, &[("p", Ruling::Refused)]);
    says(&tenant, &request("b", 400), tomorrow, &[("p", Ruling::Warns)]);
}

#[test]
fn an_extension_whose_money_is_not_known_does_not_pass_a_limit_of_money() {
    let at = begin().plus_millis(HOUR_MS);
    let limit = AmountLimit { tokens: None, usd: Some("5".parse().unwrap()) };
    let mut tenant = Tenant::of(vec![Policy { limit, ..policy("p") }]);
    tenant.allocates(request("a", 600), &[], at);
    let figures = tenant.figures(&request("a", 1), at);
    for (is_priced, ruling) in [(true, Ruling::Fits), (false, Ruling::Unpriced)] {
        let by = Amount { tokens: 1, usd: Usd::ZERO };
        let extension = decide::Extension { by, is_priced, expires_at: None };
        let policies = match decide::extend(&tenant.state, "a", extension, &figures, at).unwrap() {
            Ok(BudgetEvent::AllocationExtended(extended)) => extended.policies,
            Err(judgement) => judgement.policies,
            Ok(other) => panic!("{other:?}"),
        };
        assert_eq!(policies[0].ruling, ruling, "priced: {is_priced}");
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_without_an_event() {
    let at = begin().plus_millis(HOUR_MS);
    let tenant = Tenant::of(vec![]);
    for (bad, because) in [
        (request("", 1), "allocation: must have 1 to 128 bytes"),
        (request(&"x".repeat(129), 1), "allocation: must have 1 to 128 bytes"),
        (request("a", 0), "must be of something"),
        (request("a", -1), "tokens `-1`: must not be negative"),
        (request("a", 1_000_000_000_000_001), "tokens `1000000000000001`: must be at most 10^15"),
        (
            AllocationRequest {
                amount: Amount { tokens: 0, usd: usd("1000000000000000.01") },
                ..request("a", 0)
            },
            "usd `1000000000000000.01`: must be at most 10^15",
        ),
        (AllocationRequest { priority: 0, ..request("a", 1) }, "priority must be from 1"),
        (AllocationRequest { expires_at: at, ..request("a", 1) }, "must be after the time"),
        (
            AllocationRequest { expires_at: at.plus_millis(367 * 24 * HOUR_MS), ..request("a", 1) },
            "within 366 days",
        ),
    ] {
        let error = decide::allocate(&tenant.state, bad, &[], &Figures::default(), at).unwrap_err();
        assert!(error.to_string().contains(because), "{error}");
    }
}

#[test]
fn a_state_that_is_stored_and_read_again_decides_the_same() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    tenant.allocates(request("a", 600), &[], at);
    let stored = serde_json::to_string(&tenant.state).unwrap();
    let read: BudgetState = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, tenant.state);
    let read = Tenant { state: read, ..Tenant::default() };
    says(&read, &request("b", 401), at, &[("p", Ruling::Refused)]);
    says(&read, &request("b", 400), at, &[("p", Ruling::Warns)]);
}

#[test]
fn a_raise_that_is_withdrawn_ends_then_and_not_before() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    let raise = |name: &str, from: Timestamp| LimitRaise {
        raise: name.to_owned(),
        policy: "p".to_owned(),
        by: Amount { tokens: 500, usd: Usd::ZERO },
        from: Some(from),
        until: at.plus_millis(10 * HOUR_MS),
        author: "ada".to_owned(),
        reason: "release day".to_owned(),
    };
    let later = at.plus_millis(HOUR_MS);
    for (name, from) in [("r-1", at), ("", at), ("r-3", later)] {
        tenant.apply(&decide::raise_limit(&tenant.state, raise(name, from), at).unwrap());
    }
    let withdraw = |state: &BudgetState, raise: &str, who: &str| {
        let said = (who.to_owned(), "done".to_owned());
        decide::withdraw_raise(state, "p".to_owned(), raise.to_owned(), said, at.plus_millis(1000))
    };
    let raised = |tenant: &Tenant, at| tenant.state.policy("p").unwrap().raised_at(at).tokens;
    assert_eq!((raised(&tenant, at), raised(&tenant, later)), (1000, 1500));
    // One that nobody named goes by its number.
    for name in ["r-1", "2", "r-3"] {
        tenant.apply(&withdraw(&tenant.state, name, "bob").unwrap());
    }
    assert_eq!(raised(&tenant, at.plus_millis(999)), 1000, "what was is not changed");
    assert_eq!((raised(&tenant, at.plus_millis(1000)), raised(&tenant, later)), (0, 0));
    let history = tenant.state.policy("p").unwrap();
    assert_eq!(history.withdrawal_of("r-1").unwrap().author, "bob");
    for (name, who, code) in
        [("r-1", "bob", "invalid_raise"), ("r-3", "bob", "invalid_raise"), ("r-9", "", "unknown_raise")]
    {
        assert_eq!(withdraw(&tenant.state, name, who).unwrap_err().code(), code, "{name} {who}");
    }
}

#[test]
fn when_a_version_ends_the_one_before_it_rules_again() {
    let at = begin().plus_millis(HOUR_MS);
    let limit = |tokens: u64, from: Timestamp, to: Option<Timestamp>, enabled: bool| Policy {
        limit: AmountLimit { tokens: Some(tokens), usd: None },
        from,
        to,
        enabled,
        ..policy("p")
    };
    let [first, second, third, fourth] = [1, 2, 3, 4].map(|hours| at.plus_millis(hours * HOUR_MS));
    let tenant = Tenant::of(vec![
        limit(100, at, Some(fourth), true),
        limit(200, first, Some(third), true),
        limit(300, second, Some(third), false),
    ]);
    let history = tenant.state.policy("p").unwrap();
    for (at, version) in [
        (at.plus_millis(-1), None),
        (at, Some(1)),
        (first, Some(2)),
        (second.plus_millis(-1), Some(2)),
        // Switched off is not ended.
        (second, None),
        (third, Some(1)),
        (fourth, None),
    ] {
        assert_eq!(history.ruling_at(at).map(|(version, _)| version), version, "{at}");
    }
}
