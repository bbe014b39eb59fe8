//! The glossary: its words are those of the code, each defined once.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::source::Source;

/// The list of all words.
pub(crate) const GLOSSARY: &str = "docs/GLOSSARY.md";

/// Checks that each word is listed once, and that each code name that the glossary gives for a word is one
/// that `used` knows.
pub(crate) fn check(text: &str, used: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, word, _, names, _, _] = cells[..] else { continue };
        if word == "word" || word.starts_with("---") {
            continue;
        }
        if let Some(first) = words.insert(word, index + 1) {
            let message = format!("`{word}` stands in line {first} too: one word, one meaning");
            findings.push(Finding::broken(GLOSSARY, index + 1, "glossary", message));
        }
        for name in names.split('`').skip(1).step_by(2).filter(|name| !used(name)) {
            let message = format!("nothing in the code is named `{name}`: correct the glossary, or the code");
            findings.push(Finding::broken(GLOSSARY, index + 1, "glossary", message));
        }
    }
    findings
}

/// Checks that each type that the glossary names is defined once: `sources` are the files of all crates, without tests.
pub(crate) fn check_types(text: &str, sources: &[(String, Source)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').collect();
        let [_, _, _, names, _, _] = cells[..] else { continue };
        for name in names.split('`').skip(1).step_by(2).filter(|name| name.starts_with(char::is_uppercase)) {
            let places: Vec<&str> = sources
                .iter()
                .filter(|(_, source)| defines(source, name))
                .map(|(path, _)| path.as_str())
                .collect();
            if places.len() > 1 {
                let message = format!(
                    "`{name}` is more than one type: {}; one word, one type, so rename all but one",
                    places.join(", ")
                );
                findings.push(Finding::broken(GLOSSARY, index + 1, "glossary", message));
            }
        }
    }
    findings
}

/// Whether a file defines a type of this name, outside of its tests.
fn defines(source: &Source, name: &str) -> bool {
    ["struct", "enum", "trait", "union"].iter().any(|keyword| {
        let definition = format!("{keyword} {name}");
        source.find(&definition).any(|at| !source.is_test(at))
    })
}

/// Whether the text contains the name as a whole word.
pub(crate) fn has_word(text: &str, name: &str) -> bool {
    let of_name = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(of_name) && !text[at + name.len()..].starts_with(of_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_once_and_its_name_is_in_the_code() {
        let check = |rows: &str| {
            let text = format!("| word | means | in code | not |\n|---|---|---|---|\n{rows}\n");
            let code = "pub struct EventLog; fn append() {}";
            let findings = check(&text, &|name| has_word(code, name));
            findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            check("| log | the record | `EventLog`, `append` | bus |\n| fact | never refused | | |"),
            ""
        );
        assert_eq!(
            check("| log | the record | `Log` | bus |"),
            "docs/GLOSSARY.md:3: glossary: nothing in the code is named `Log`: correct the glossary, or the code"
        );
        assert_eq!(
            check("| log | the record | | |\n| log | wood | | |"),
            "docs/GLOSSARY.md:4: glossary: `log` stands in line 3 too: one word, one meaning"
        );
        assert_eq!(check("a | b"), "");
    }

    #[test]
    fn a_word_is_one_type() {
        let glossary = "| word | means | in code | not |\n|---|---|---|---|\n| log | the record | `EventLog`, `append` | |\n";
        let found = |texts: &[(&str, &str)]| {
            let sources: Vec<(String, Source)> =
                texts.iter().map(|(path, text)| ((*path).to_owned(), Source::new(text))).collect();
            check_types(glossary, &sources).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let one = ("a.rs", "pub trait EventLog {}\n");
        for other in [
            "pub struct EventLogs;\n",
            "// struct EventLog\n",
            "#[cfg(test)]\nmod tests {\n    struct EventLog;\n}\n",
            "impl X { type EventLog = u8; }\n",
        ] {
            assert!(found(&[one, ("b.rs", other)]).is_empty(), "{other}");
        }
        let twice = found(&[one, ("b.rs", "pub(crate) struct EventLog<'a>(&'a str);\n")]);
        assert_eq!(
            twice,
            [
                "docs/GLOSSARY.md:3: glossary: `EventLog` is more than one type: a.rs, b.rs; one word, one type, so rename all but one"
            ]
        );
    }
}
