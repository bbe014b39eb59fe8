//! Answers of the API as answers of a tool: bounded, because an agent reads all of them.

use serde_json::{Value, json};

use super::schema::Operation;
use super::table::Way;

/// The most bytes of an answer for programs: about what fits into an agent's context beside its work.
const MAX_STRUCTURED_BYTES: usize = 256 << 10;

/// The most bytes of an answer for people.
const MAX_TEXT_BYTES: usize = 32 << 10;

/// The answer for people, and for programs.
///
/// # Errors
///
/// Why there is none, with what to do.
pub(super) fn shown(way: &Way, operation: &Operation, body: &[u8]) -> Result<(String, Value), String> {
    if operation.answer.is_none() {
        let text = shortened(String::from_utf8_lossy(body).into_owned());
        let structured = json!({ "text": text });
        return Ok((text, structured));
    }
    if body.len() > MAX_STRUCTURED_BYTES {
        return Err(too_long(operation, body.len()));
    }
    let unreadable = |error: serde_json::Error| {
        format!("{}: the answer cannot be read: {error}: is the server of another version?", way.path)
    };
    let text = (way.text)(body).map_err(unreadable)?;
    let structured: Value = serde_json::from_slice(body).map_err(unreadable)?;
    let structured = match way.part {
        Some(part) => json!({ part: structured }),
        None => structured,
    };
    Ok((shortened(text), structured))
}

/// What makes an answer shorter, where a tool has it.
const NARROWING: [&str; 6] = ["limit", "top", "task", "since", "until", "by"];

fn too_long(operation: &Operation, bytes: usize) -> String {
    let with: Vec<&str> = NARROWING.into_iter().filter(|name| operation.takes(name)).collect();
    format!(
        "the answer has {bytes} bytes, more than the {MAX_STRUCTURED_BYTES} that an agent is given: ask for less, with {}",
        with.join(", ")
    )
}

/// The beginning of a long text, as whole lines.
fn shortened(mut text: String) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let all = text.len();
    let fits = text.floor_char_boundary(MAX_TEXT_BYTES);
    let end = text[..fits].rfind('\n').unwrap_or(fits);
    text.truncate(end);
    format!("{text}\n(the first {end} of {all} bytes: ask for less to see the rest)")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::table::TOOLS;
    use super::*;

    fn operation(arguments: &[&str], answer: Option<&str>) -> Operation {
        let arguments: BTreeMap<_, _> =
            arguments.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        Operation {
            arguments,
            required: [].into(),
            in_path: Vec::new(),
            in_query: Vec::new(),
            answer: answer.map(str::to_owned),
        }
    }

    #[test]
    fn a_long_text_ends_with_a_whole_line_and_says_what_is_missing() {
        let line = "é".repeat(49) + "\n";
        let long = line.repeat(1000);
        let shown = shortened(long.clone());
        let (kept, note) = shown.rsplit_once('\n').unwrap();
        assert!(kept.len() <= MAX_TEXT_BYTES && kept.lines().all(|line| line.chars().count() == 49));
        assert_eq!(
            note,
            "(the first 32768 of 99000 bytes: ask for less to see the rest)"
                .replace("32768", &kept.len().to_string())
        );
        assert_eq!(shortened(line.clone()), line);
        assert!(shortened("é".repeat(MAX_TEXT_BYTES)).starts_with("éé"));
    }

    #[test]
    fn an_answer_that_is_too_long_is_refused_with_what_makes_it_shorter() {
        let way = &TOOLS[0].ways[0];
        let body = vec![b' '; MAX_STRUCTURED_BYTES + 1];
        let refused = shown(way, &operation(&["top", "team"], Some("LedgerReport")), &body).unwrap_err();
        assert_eq!(
            refused,
            "the answer has 262145 bytes, more than the 262144 that an agent is given: ask for less, with top"
        );
        let (text, structured) = shown(way, &operation(&[], None), &body).unwrap();
        assert!(text.len() < body.len() && structured["text"] == json!(text));
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_said_to_be_one() {
        let way = &TOOLS[0].ways[0];
        let refused = shown(way, &operation(&[], Some("CheckResponse")), b"{").unwrap_err();
        assert!(refused.starts_with("/v1/check: the answer cannot be read: "), "{refused}");
    }
}
