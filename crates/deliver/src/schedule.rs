//! When a message is retried. Pure: the same message, attempt and answer give the same time.

use std::time::Duration;

use ring::digest;
use tollgate_domain::time::Timestamp;
use tollgate_outbound::MAX_RETRY_AFTER;

use crate::signature::WebhookId;

/// How long to wait after each failed attempt, in seconds; after the tenth attempt, 75 h 35 min 5 s after the
/// first, the message is given up. This is the example of Standard Webhooks 1.0.0: minutes for a restart,
/// days for a weekend.
const WAITS_S: [u64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// The number of attempts before a message is given up.
pub const MAX_ATTEMPTS: u32 = 10;

/// A wait grows by up to this many percent, so that messages that failed together are not retried together.
const JITTER_PERCENT: u64 = 10;

/// The answer to an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2xx: the receiver has the message.
    Delivered {
        /// The HTTP status; `None` if there is none.
        status: Option<u16>,
    },
    /// Any other status than those below, or none at all.
    Failed {
        /// The HTTP status, if there was an answer.
        status: Option<u16>,
        /// What went wrong, without anything secret.
        error: String,
    },
    /// 429, 502, 503 or 504: the receiver is overloaded, which affects other messages too.
    Throttled {
        /// The HTTP status.
        status: u16,
        /// The wait it asked for with `retry-after`.
        retry_after: Option<Duration>,
    },
    /// 410: the receiver wants no more messages at all.
    Gone,
}

impl Answer {
    /// The HTTP status, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Delivered { status } | Self::Failed { status, .. } => *status,
            Self::Throttled { status, .. } => Some(*status),
            Self::Gone => Some(410),
        }
    }

    /// What went wrong; `None` if nothing did.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Delivered { .. } => None,
            Self::Failed { error, .. } => Some(error.clone()),
            Self::Throttled { status, retry_after: None } => {
                Some(format!("status {status}: has too much to do"))
            }
            Self::Throttled { status, retry_after: Some(asked) } => {
                Some(format!("status {status}: has too much to do, asked for {} s", asked.as_secs()))
            }
            Self::Gone => Some("status 410: wants no more webhooks".to_owned()),
        }
    }
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it was delivered.
    Done,
    /// It is retried at this time, not before.
    RetryAt(Timestamp),
    /// Nothing: it has been tried often enough.
    GiveUp,
    /// Nothing more is sent to the endpoint until a resend is requested.
    Disable,
}

/// What follows from the `attempt`-th attempt, counted from 1, which ended at `now`.
#[must_use]
pub fn next(id: &WebhookId, attempt: u32, answer: &Answer, now: Timestamp) -> Next {
    let asked = match answer {
        Answer::Delivered { .. } => return Next::Done,
        Answer::Gone => return Next::Disable,
        Answer::Failed { .. } => Duration::ZERO,
        Answer::Throttled { retry_after, .. } => retry_after.unwrap_or_default().min(MAX_RETRY_AFTER),
    };
    let nth = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX);
    let Some(&seconds) = WAITS_S.get(nth) else { return Next::GiveUp };
    let wait_ms = (seconds * 1000).max(u64::try_from(asked.as_millis()).unwrap_or(u64::MAX));
    let jitter_ms = jitter(id, attempt) % (wait_ms / 100 * JITTER_PERCENT + 1);
    Next::RetryAt(now.plus_millis(i64::try_from(wait_ms + jitter_ms).unwrap_or(i64::MAX)))
}

/// A number derived from message and attempt, evenly distributed.
fn jitter(id: &WebhookId, attempt: u32) -> u64 {
    let text = format!("{id}\n{attempt}");
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T10:00:00Z";

    fn failed() -> Answer {
        Answer::Failed { status: Some(500), error: "status 500".to_owned() }
    }

    fn throttled(seconds: u64) -> Answer {
        Answer::Throttled { status: 429, retry_after: Some(Duration::from_secs(seconds)) }
    }

    /// Seconds until the next attempt; `None` if there is none.
    fn wait_s(id: &WebhookId, attempt: u32, answer: &Answer) -> Option<i64> {
        let now: Timestamp = NOW.parse().unwrap();
        match next(id, attempt, answer, now) {
            Next::RetryAt(at) => Some(at.millis_since(now) / 1000),
            Next::Done | Next::GiveUp | Next::Disable => None,
        }
    }

    #[test]
    fn failures_are_tried_again_along_the_schedule_and_then_given_up() {
        let ids: Vec<WebhookId> = (0..200).map(|n| WebhookId::of(&[&n.to_string()])).collect();
        let schedule = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
        assert_eq!(schedule.iter().sum::<i64>(), ((75 * 60) + 35) * 60 + 5);
        for (attempt, expected) in (1..).zip(schedule) {
            let waits: Vec<i64> = ids.iter().map(|id| wait_s(id, attempt, &failed()).unwrap()).collect();
            let (least, most) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
            assert!(least >= expected && most <= expected + expected / 10, "{attempt}: {least} to {most}");
            assert!(
                attempt == 1 || most - least > expected / 20,
                "{attempt} does not spread: {least} to {most}"
            );
        }
        let now: Timestamp = NOW.parse().unwrap();
        assert_eq!(next(&ids[0], MAX_ATTEMPTS, &failed(), now), Next::GiveUp);
        assert_eq!(next(&ids[0], u32::MAX, &throttled(1), now), Next::GiveUp);
        assert_eq!(next(&ids[0], 3, &failed(), now), next(&ids[0], 3, &failed(), now));
    }

    #[test]
    fn what_a_receiver_asks_for_is_kept_up_to_a_day() {
        let id = WebhookId::of(&["x"]);
        for (attempt, asked, least) in
            [(1, 0, 5), (1, 60, 60), (1, 3600, 3600), (2, 60, 300), (1, 1_000_000, 86_400)]
        {
            let wait = wait_s(&id, attempt, &throttled(asked)).unwrap();
            assert!((least..=least + least / 10).contains(&wait), "{attempt} {asked}: {wait}");
        }
    }

    #[test]
    fn success_ends_it_and_gone_disables() {
        let (id, now) = (WebhookId::of(&["x"]), NOW.parse().unwrap());
        assert_eq!(next(&id, 1, &Answer::Delivered { status: Some(204) }, now), Next::Done);
        assert_eq!(next(&id, 1, &Answer::Gone, now), Next::Disable);
        assert_eq!(next(&id, 10, &Answer::Gone, now), Next::Disable);
    }
}
