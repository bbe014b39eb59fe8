//! What the fast way takes, and what it leaves to the general one.

use tollgate_domain::event::Event;
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};

use super::*;
use crate::Submitted;

/// The stored bytes of a golden vector.
macro_rules! vector {
    ($name:literal) => {{
        let hex = include_str!(concat!("../../../../tests/fixtures/events/v1/", $name, ".stored.hex")).trim();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect::<Vec<u8>>()
    }};
}

/// Lists every field by name: a new field of usage has to be added here, and then has to be read above,
/// or reading most of the log takes twice as long.
#[test]
fn it_takes_usage_with_every_field() {
    let body = EventBody::from(UsageRecorded {
        context: Some("job-1".to_owned()),
        counts_as: Some(Box::new(CountsAs {
            allocation: "al-1".to_owned(),
            phase: "PLAN".parse().ok(),
            component: Some("planner".to_owned()),
            provider: Some("openai".to_owned()),
            model: Some("gpt-5".to_owned()),
            labels: [("branch", "main"), ("team", "search")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            priced_provider: Some("azure".to_owned()),
            priced_model: Some("gpt-5-mini".to_owned()),
            unmade: true,
        })),
        execution: Some(NamedExecution { phase: "PLAN".parse().unwrap(), attempt: Some(2) }),
        provider: Some("openai".to_owned()),
        model: Some("gpt-5".to_owned()),
        component: Some("planner".to_owned()),
        request_id: Some("req-1".to_owned()),
        service_tier: Some("flex".to_owned()),
        allocation: Some("al-1".to_owned()),
        labels: [("branch", "main"), ("cwd", "/src")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        tokens: TokenCounts {
            input_uncached: 1,
            cached_input: 2,
            cache_write: 3,
            output: 5,
            reasoning: 4,
            cache_write_1h: 1,
        },
        units: UnitCounts::default(),
        estimated: true,
        cost: Cost::Priced { usd: "0.125".parse().unwrap(), price_version: "b3:0123".to_owned() },
    });
    let event = Event {
        tenant: TenantId::new("default").unwrap(),
        task: TaskId::new("T").unwrap(),
        producer: ProducerId::new("p").unwrap(),
        id: EventId::new("1").unwrap(),
        occurred_at: Some("2026-03-01T10:00:00.5Z".parse().unwrap()),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        body: body.clone(),
    };
    let stored = Submitted::from_event(event).unwrap().encode_stored(&body).unwrap();
    assert_eq!(usage(&stored).map(|decoded| decoded.body), Some(body));
}

#[test]
fn it_takes_usage_as_it_is_written_today_and_nothing_else() {
    for taken in [
        vector!("usage_recorded_full"),
        vector!("usage_recorded_latest_attempt"),
        vector!("usage_recorded_unphased"),
        vector!("usage_recorded_estimated"),
        vector!("usage_recorded_unpriced"),
        vector!("usage_recorded_imported"),
    ] {
        assert!(usage(&taken).is_some(), "{taken:02x?}");
        assert!(usage(&taken[..taken.len() - 1]).is_none());
        assert!(usage(&[&taken[..], b"\xa8\x06\x05"].concat()).is_none(), "an unknown field");
    }
    for left in [vector!("usage_recorded_chars"), vector!("phase_started"), vector!("task_opened_full")] {
        assert!(usage(&left).is_none(), "{left:02x?}");
    }
}
