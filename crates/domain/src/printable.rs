//! Makes foreign text safe to show: no character in it moves a cursor, reorders the text next to it, or hides.

use std::borrow::Cow;
use std::error::Error;

/// Whether a character is not shown as it is: control characters, and formatting characters that are
/// invisible or change the direction of text. Line breaks and tabs are control characters, too.
#[must_use]
pub const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A single-line text: hidden characters are escaped as `\u{202e}`, a line break as `\n`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hidden) { Cow::Owned(text.chars().map(of).collect()) } else { Cow::Borrowed(text) }
}

/// A multi-line text: like [`printable`], but keeps tabs and line endings, `\n` or `\r\n`.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let kept = |c: char| c == '\n' || c == '\t';
    if !text.chars().any(|c| is_hidden(c) && !kept(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().saturating_add(16));
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix("\r\n").map_or((line, ""), |line| (line, "\r\n"));
        line.chars().for_each(|c| if kept(c) { shown.push(c) } else { shown.push_str(&of(c)) });
        shown.push_str(end);
    }
    Cow::Owned(shown)
}

/// An error with its whole chain of causes: the outermost message alone says little. A cause already included
/// in a message is not repeated.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

fn of(c: char) -> String {
    match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if is_hidden(c) => format!("\\u{{{:x}}}", u32::from(c)),
        c => c.to_string(),
    }
}

/// A number with commas between groups of three digits.
#[must_use]
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len().saturating_mul(2));
    for (nth, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(nth);
        if nth > 0 && left.is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn an_error_names_its_causes_once() {
        let cause = || std::io::Error::other("no route");
        assert_eq!(with_causes(&Outer("connecting", cause())), "connecting: no route");
        assert_eq!(with_causes(&Outer("connecting: no route", cause())), "connecting: no route");
        assert_eq!(with_causes(&cause()), "no route");
    }

    #[test]
    fn what_hides_or_moves_is_written_out() {
        for (text, line, lines) in [
            (
                "plain \u{e4}\u{4efb} \u{1f600}",
                "plain \u{e4}\u{4efb} \u{1f600}",
                "plain \u{e4}\u{4efb} \u{1f600}",
            ),
            ("\u{1b}]0;x\u{7}", "\\u{1b}]0;x\\u{7}", "\\u{1b}]0;x\\u{7}"),
            ("a\nb\tc\r", "a\\nb\\tc\\r", "a\nb\tc\\r"),
            ("a,\u{7}\r\nb\rc", "a,\\u{7}\\r\\nb\\rc", "a,\\u{7}\r\nb\\rc"),
            ("\u{9b}31m", "\\u{9b}31m", "\\u{9b}31m"),
            ("T\u{202e}1\u{200b}\u{feff}", "T\\u{202e}1\\u{200b}\\u{feff}", "T\\u{202e}1\\u{200b}\\u{feff}"),
            ("\u{2028}\u{2066}\u{e0041}", "\\u{2028}\\u{2066}\\u{e0041}", "\\u{2028}\\u{2066}\\u{e0041}"),
        ] {
            assert_eq!((&*printable(text), &*printable_lines(text)), (line, lines));
        }
    }
}
