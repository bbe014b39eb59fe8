//! Commands in text for people: pasted into a shell, they reach the ledger that the text is about.

use std::sync::OnceLock;

/// Flags that a printed command needs, as they are typed.
static FLAGS: OnceLock<String> = OnceLock::new();

/// Where a command begins in a text, and what ends it: in a sentence, or on a separate line.
const COMMANDS: [(&str, char); 2] = [("`tollgate ", '`'), ("\n  tollgate ", '\n')];

/// Adds these flags to every printed command.
pub(crate) fn carry(flags: &[(&str, String)]) {
    let typed = flags.iter().map(|(name, value)| format!("--{name} {} ", quoted(value))).collect();
    // Set once, before anything is printed.
    let _ = FLAGS.set(typed);
}

/// A text with the flags added to each command in it.
pub(crate) fn pasteable(text: &str) -> String {
    with_flags(text, FLAGS.get().map_or("", String::as_str))
}

/// A word as a shell accepts it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn with_flags(text: &str, flags: &str) -> String {
    COMMANDS.into_iter().fold(text.to_owned(), |text, (begin, end)| {
        let mut parts = text.split(begin);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for command in parts {
            // One that names its ledger, or creates another one, is complete.
            let typed = command.split(end).next().unwrap_or_default();
            let named = ["--data ", "--server ", "--log "].iter().any(|flag| typed.contains(flag));
            let whole = named || typed.starts_with("demo") || typed.starts_with("restore ");
            out.push_str(begin);
            out.push_str(if whole { "" } else { flags });
            out.push_str(command);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_carries_the_flags_that_name_its_ledger() {
        for (text, expected) in [
            ("see `tollgate status`", "see `tollgate --data d status`"),
            (
                "`tollgate gate T PR` or `tollgate report`",
                "`tollgate --data d gate T PR` or `tollgate --data d report`",
            ),
            ("`tollgate --server http://h status`", "`tollgate --server http://h status`"),
            ("`tollgate projector status --log URL`", "`tollgate projector status --log URL`"),
            ("`tollgate demo` makes one", "`tollgate demo` makes one"),
            ("tollgate serves d", "tollgate serves d"),
            (
                "By these:\n  tollgate gate T PR\n  tollgate --data e report\n",
                "By these:\n  tollgate --data d gate T PR\n  tollgate --data e report\n",
            ),
        ] {
            assert_eq!(with_flags(text, "--data d "), expected);
        }
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_split_or_read_it() {
        for (word, expected) in [
            ("/srv/ledger-1", "/srv/ledger-1"),
            ("my ledger", "'my ledger'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
