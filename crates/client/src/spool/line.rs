//! One event as a line of a spool segment: `CRC-32 as 8 hex digits, a space, the event's JSON, a line feed`.
//!
//! JSON without line feeds, a checksum over it and a visible end: what a crash cut off, and what was damaged,
//! can be distinguished from what was written, and a person can read the rest.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An event in the form the ledger expects, with the names needed to report about it.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The event's id.
    pub(crate) id: Arc<str>,
    /// Its task.
    pub(crate) task: Arc<str>,
    /// The event as JSON, without line feeds. Never changed afterwards: a retry sends the same bytes.
    pub(crate) json: Box<RawValue>,
}

#[derive(Deserialize)]
struct Names<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    task: std::borrow::Cow<'a, str>,
}

impl Outgoing {
    /// The number of bytes it takes in a request.
    pub(crate) fn bytes(&self) -> usize {
        self.json.get().len()
    }
}

/// Writes an event as a line.
pub(crate) fn write(event: &Outgoing, out: &mut Vec<u8>) {
    let json = event.json.get();
    out.extend_from_slice(format!("{:08x} ", crc32fast::hash(json.as_bytes())).as_bytes());
    out.extend_from_slice(json.as_bytes());
    out.push(b'\n');
}

/// Reads a line without its line feed, or returns why it is not a valid one.
pub(crate) fn read(line: &[u8]) -> Result<Outgoing, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    let (sum, json) = line.split_once(' ').ok_or("it has no sum before its JSON")?;
    let found = format!("{:08x}", crc32fast::hash(json.as_bytes()));
    if sum != found {
        return Err(format!("its sum says {:.16}, its content has {found}", sum));
    }
    let names: Names<'_> = serde_json::from_str(json).map_err(|error| format!("it is no event: {error}"))?;
    let (id, task) = (names.id.into(), names.task.into());
    let json = RawValue::from_string(json.to_owned()).map_err(|error| format!("it is no event: {error}"))?;
    Ok(Outgoing { id, task, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_and_any_damage_is_found() {
        let json = r#"{"id":"e\"1","task":"Ü","wait_recorded":{}}"#;
        let event = Outgoing {
            id: "e\"1".into(),
            task: "Ü".into(),
            json: RawValue::from_string(json.to_owned()).unwrap(),
        };
        let mut line = Vec::new();
        write(&event, &mut line);
        assert_eq!(line.len(), json.len() + 10);
        assert_eq!(line.pop(), Some(b'\n'));
        let found = read(&line).unwrap();
        assert_eq!((&*found.id, &*found.task, found.json.get()), ("e\"1", "Ü", json));
        for at in 0..line.len() {
            let mut damaged = line.clone();
            damaged[at] ^= 1;
            assert!(read(&damaged).is_err(), "byte {at}");
        }
        for (line, reason) in [("", "no sum"), ("00000000 ", "no event"), ("00000000", "no sum")] {
            assert!(read(line.as_bytes()).unwrap_err().contains(reason), "{line}");
        }
    }
}
