//! Numbers of tokens and names as they are typed: the message says the rule.

use clap::builder::NonEmptyStringValueParser;
use tollgate_domain::gate::grouped;
use tollgate_domain::tokens::MAX_TOKENS_PER_EVENT;

/// The most tokens of a request.
const MOST: u64 = 1_000_000_000_000_000;

/// Tokens of a request or a limit.
pub(super) fn tokens(text: &str) -> Result<u64, String> {
    let rule = || format!("must be a whole number of tokens from 0 to {}", grouped(MOST.into()));
    text.parse().ok().filter(|tokens| *tokens <= MOST).ok_or_else(rule)
}

/// Tokens of usage, or of a correction, which may be negative.
pub(super) fn event_tokens(text: &str) -> Result<i64, String> {
    let most = MAX_TOKENS_PER_EVENT;
    let rule = || format!("must be a whole number of at most {} tokens", grouped(most.into()));
    text.parse::<i64>().ok().filter(|tokens| tokens.unsigned_abs() <= most).ok_or_else(rule)
}

/// A name, which is part of an address.
pub(super) fn name() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_ledger_takes_are_refused_with_the_rule() {
        assert_eq!(
            (tokens("1000000000000000"), event_tokens("-1000000000000")),
            (Ok(MOST), Ok(-1_000_000_000_000))
        );
        for text in ["-5", "1.5", "x", "", "1000000000000001", "99999999999999999999"] {
            let told = tokens(text).unwrap_err();
            assert_eq!(told, "must be a whole number of tokens from 0 to 1,000,000,000,000,000", "{text}");
        }
        for text in
            ["1.5", "", "1000000000001", "-1000000000001", "9223372036854775807", "99999999999999999999"]
        {
            let told = event_tokens(text).unwrap_err();
            assert_eq!(told, "must be a whole number of at most 1,000,000,000,000 tokens", "{text}");
        }
    }
}
