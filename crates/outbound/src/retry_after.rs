//! The header `retry-after`: when the other side wants the next request.

use std::time::Duration;

use chrono::DateTime;
use tollgate_domain::time::Timestamp;

/// The longest wait that a server may ask for; it matches the schedule of webhooks.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The wait that `retry-after` asks for, given as whole seconds or as a date. `None` for anything else.
#[must_use]
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are longer than the longest wait.
        return Some(header.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs).min(MAX_RETRY_AFTER));
    }
    let date = DateTime::parse_from_rfc2822(header).ok()?;
    let millis = date.timestamp_millis().saturating_sub(now.micros().div_euclid(1000));
    Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T10:00:00Z";

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (header, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(86_400)),
            ("Sat, 21 Nov 2026 10:02:00 GMT", Some(120)),
            ("Sat, 21 Nov 2026 09:00:00 GMT", Some(0)),
            ("Sun, 21 Nov 2027 10:00:00 GMT", Some(86_400)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("1; drop", None),
        ] {
            let asked = retry_after(header, NOW.parse().unwrap());
            assert_eq!(asked.map(|asked| asked.as_secs()), seconds, "{header}");
        }
    }
}
