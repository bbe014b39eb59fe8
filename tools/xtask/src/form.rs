//! The form of a source file: it states its subject, and fits in a reader's head.

use crate::finding::Finding;

/// A file with more lines than this is refused: it has two subjects.
const MAX_LINES: usize = 400;

/// The maximum width of a comment line, in characters. (What rustfmt wraps is narrower; it leaves comments as
/// they are.)
const MAX_COMMENT_WIDTH: usize = 120;

/// The languages of our sources: the ending of a file, with what one says its subject, and what begins a comment.
const LANGUAGES: [(&str, &str, &str); 3] =
    [(".rs", "//!", "//"), (".py", "\"\"\"", "#"), (".ts", "/**", "//")];

/// Whether it is a source file.
pub(crate) fn is_source(path: &str) -> bool {
    LANGUAGES.iter().any(|(ending, ..)| path.ends_with(ending))
}

/// Checks one source file.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of_path = LANGUAGES.iter().find(|(ending, ..)| path.ends_with(ending));
    let Some((_, head, comment)) = of_path else { return findings };
    if !text.starts_with(head) {
        let message = format!("the file must begin with `{head}` and say its one subject");
        findings.push(Finding::broken(path, 1, "head", message));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        let message = format!("{lines} lines, at most {MAX_LINES}: split the file by subject");
        findings.push(Finding::broken(path, MAX_LINES + 1, "length", message));
    }
    findings.extend(wide_comments(path, text, comment));
    findings
}

fn wide_comments<'a>(path: &'a str, text: &'a str, comment: &'a str) -> impl Iterator<Item = Finding> + 'a {
    let wide =
        move |line: &str| line.trim_start().starts_with(comment) && line.chars().count() > MAX_COMMENT_WIDTH;
    text.lines().enumerate().filter(move |(_, line)| wide(line)).map(move |(number, line)| {
        let width = line.chars().count();
        let message = format!("a comment of {width} characters, at most {MAX_COMMENT_WIDTH}: wrap it");
        Finding::broken(path, number + 1, "width", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_with_its_subject() {
        assert_eq!(check("a.rs", "//! A.\n"), []);
        for text in ["", "\n//! A.\n", "// A.\n", "#![allow(x)]\n//! A.\n", "use a;\n"] {
            assert_eq!(check("a.rs", text)[0].rule, "head", "{text}");
        }
    }

    #[test]
    fn a_wide_comment_is_refused_and_wide_code_is_not() {
        for (line, expected) in [
            (format!("/// {}", "x".repeat(116)), ""),
            (
                format!("/// {}", "x".repeat(117)),
                "a.rs:2: width: a comment of 121 characters, at most 120: wrap it",
            ),
            (format!("    // {}", "é".repeat(113)), ""),
            (format!("let x = \"{}\";", "x".repeat(150)), ""),
        ] {
            let found: Vec<String> =
                check("a.rs", &format!("//! A.\n{line}\n")).iter().map(ToString::to_string).collect();
            assert_eq!(found.join("; "), expected, "{line}");
        }
    }

    #[test]
    fn other_languages_have_the_same_rules() {
        assert!(is_source("a.py") && is_source("a.ts") && !is_source("a.json"));
        for (path, text, expected) in [
            ("a.py", "\"\"\"A.\"\"\"\n".to_owned(), ""),
            ("a.py", "import a\n".to_owned(), "head"),
            ("a.py", format!("\"\"\"A.\"\"\"\n# {}\n", "x".repeat(119)), "width"),
            ("a.ts", "/** A. */\n".to_owned(), ""),
            ("a.ts", "// A.\n".to_owned(), "head"),
            ("a.ts", format!("/** A. */\n// {}\n", "x".repeat(118)), "width"),
            ("a.ts", format!("/** A. */\n{}", "\n".repeat(400)), "length"),
            ("a.json", "{}".to_owned(), ""),
        ] {
            let found: Vec<&str> = check(path, &text).iter().map(|finding| finding.rule).collect();
            assert_eq!(found.join(" "), expected, "{path} {text}");
        }
    }

    #[test]
    fn a_long_file_is_refused() {
        let check = |lines: usize| {
            let findings = check("a.rs", &"//!\n".repeat(lines));
            findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(check(400), "");
        assert_eq!(check(401), "a.rs:401: length: 401 lines, at most 400: split the file by subject");
    }
}
