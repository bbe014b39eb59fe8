//! Escapes text that people and programs wrote, so that a page shows it as text and nothing else.

use tollgate_domain::printable::is_hidden;

/// The text with nothing left that HTML would act on, or that would be shown as something else than it is:
/// control characters and those that change text direction are replaced by a mark.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_hidden(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A name shortened to this many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return escaped(text);
    }
    let short: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", escaped(&short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_page_acts_on() {
        for (text, expected) in [
            ("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("&lt;", "&amp;lt;"),
            ("a\nb\u{0}c\u{202e}d", "a b\u{fffd}c\u{fffd}d"),
            ("Größe 📏", "Größe 📏"),
        ] {
            assert_eq!(escaped(text), expected);
        }
        assert_eq!([shortened("PLAN", 4), shortened("<LONG", 4)], ["PLAN", "&lt;LO…"]);
    }
}
