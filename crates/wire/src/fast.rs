//! Fast decoding of stored usage into the domain's form: most of a log is usage; this takes half the general
//! way's time.
//!
//! It accepts only what this version writes: fields in ascending order, each once, all known. For anything
//! else it returns `None` and the general way decides, with its errors. **Invariant:** whatever it accepts,
//! the general way reads the same (test `properties::usage_reads_the_same_the_fast_and_the_general_way`).

use std::collections::BTreeMap;

use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::{Cost, CountsAs, NamedExecution, UsageRecorded};

use crate::decoded::DecodedEvent;
use crate::upcast::SCHEMA_VERSION;
use crate::values;

/// The only field of usage that may be repeated: a map's entries.
const LABELS: u64 = 12;

/// Reads a stored `usage_recorded` of the current version.
pub(crate) fn usage(bytes: &[u8]) -> Option<DecodedEvent> {
    let mut fields = Fields::of(bytes);
    let (mut number, mut field) = fields.next()??;
    let mut occurred_at = None;
    if number == 1 {
        occurred_at = Some(time(field.bytes()?)?);
        (number, field) = fields.next()??;
    }
    if number != 20 {
        return None;
    }
    let mut usage = recorded(field.bytes()?)?;
    let (100, field) = fields.next()?? else { return None };
    let trace_parent = added(field.bytes()?, &mut usage)?;
    if fields.next()?.is_some() {
        return None;
    }
    Some(DecodedEvent { occurred_at, trace_parent, text_length: None, body: usage.into() })
}

fn recorded(bytes: &[u8]) -> Option<UsageRecorded> {
    let (mut phase, mut attempt, mut tokens) = (None, None, None);
    let mut usage = UsageRecorded {
        context: None,
        counts_as: None,
        execution: None,
        provider: None,
        model: None,
        component: None,
        request_id: None,
        service_tier: None,
        allocation: None,
        labels: BTreeMap::new(),
        tokens: TokenCounts::default(),
        units: UnitCounts::default(),
        estimated: false,
        cost: Cost::Unpriced,
    };
    let mut fields = Fields { repeated: LABELS, ..Fields::of(bytes) };
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => phase = Some(field.text()?.parse().ok()?),
            2 => attempt = Some(u32::try_from(field.number()?).ok()?),
            3 => usage.provider = Some(field.text()?.to_owned()),
            4 => usage.model = Some(field.text()?.to_owned()),
            5 => usage.component = Some(field.text()?.to_owned()),
            6 => usage.request_id = Some(field.text()?.to_owned()),
            7 => tokens = Some(counts(field.bytes()?)?),
            // Not written if false.
            8 => usage.estimated = (field.number()? == 1).then_some(true)?,
            11 => usage.service_tier = Some(field.text()?.to_owned()),
            LABELS => {
                let (key, value) = label(field.bytes()?)?;
                usage.labels.insert(key, value);
            }
            13 => usage.allocation = Some(field.text()?.to_owned()),
            15 => usage.context = Some(field.text()?.to_owned()),
            16 => usage.cost = Cost::of_booked(field.text()?.parse().ok()?),
            _ => return None,
        }
    }
    usage.tokens = tokens?;
    usage.execution = match (phase, attempt) {
        (Some(phase), attempt) => Some(NamedExecution { phase, attempt }),
        (None, None) => None,
        (None, Some(_)) => return None,
    };
    Some(usage)
}

fn counts(bytes: &[u8]) -> Option<TokenCounts> {
    let mut tokens = TokenCounts::default();
    let mut fields = Fields::of(bytes);
    while let Some((number, field)) = fields.next()? {
        let count = match number {
            1 => &mut tokens.input_uncached,
            2 => &mut tokens.cached_input,
            3 => &mut tokens.cache_write,
            4 => &mut tokens.output,
            5 => &mut tokens.reasoning,
            6 => &mut tokens.cache_write_1h,
            _ => return None,
        };
        *count = field.number()?;
    }
    Some(tokens)
}

fn label(bytes: &[u8]) -> Option<(String, String)> {
    let mut fields = Fields::of(bytes);
    let (1, key) = fields.next()?? else { return None };
    let (2, value) = fields.next()?? else { return None };
    let label = (key.text()?.to_owned(), value.text()?.to_owned());
    fields.next()?.is_none().then_some(label)
}

/// Reads the cost into `usage`; returns the trace context, if there is one.
fn added(bytes: &[u8], usage: &mut UsageRecorded) -> Option<Option<String>> {
    let mut trace_parent = None;
    let mut version = 0;
    let mut fields = Fields::of(bytes);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => version = field.number()?,
            2 => trace_parent = Some(field.text()?.to_owned()),
            5 => {
                let added = cost(field.bytes()?)?;
                // What was booked is content, whatever was added.
                if usage.cost.booked().is_none() {
                    usage.cost = added;
                }
            }
            9 => usage.counts_as = Some(Box::new(counts_as(field.bytes()?)?)),
            _ => return None,
        }
    }
    (version == u64::from(SCHEMA_VERSION)).then_some(trace_parent)
}

fn cost(bytes: &[u8]) -> Option<Cost> {
    let mut fields = Fields::of(bytes);
    let (1, amount) = fields.next()?? else { return None };
    let usd = amount.text()?.parse().ok()?;
    let price_version = match fields.next()? {
        Some((2, version)) => version.text()?.to_owned(),
        Some(_) => return None,
        None => String::new(),
    };
    fields.next()?.is_none().then_some(Cost::Priced { usd, price_version })
}

fn counts_as(bytes: &[u8]) -> Option<CountsAs> {
    const LABELS: u64 = 6;
    let mut found = CountsAs::default();
    let mut fields = Fields { repeated: LABELS, ..Fields::of(bytes) };
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => field.text()?.clone_into(&mut found.allocation),
            2 => found.phase = Some(field.text()?.parse().ok()?),
            3 => found.component = Some(field.text()?.to_owned()),
            4 => found.provider = Some(field.text()?.to_owned()),
            5 => found.model = Some(field.text()?.to_owned()),
            7 => found.priced_provider = Some(field.text()?.to_owned()),
            8 => found.priced_model = Some(field.text()?.to_owned()),
            9 => found.unmade = field.number()? != 0,
            LABELS => {
                let (key, value) = label(field.bytes()?)?;
                found.labels.insert(key, value);
            }
            _ => return None,
        }
    }
    Some(found)
}

fn time(bytes: &[u8]) -> Option<Timestamp> {
    let mut time = prost_types::Timestamp::default();
    let mut fields = Fields::of(bytes);
    while let Some((number, field)) = fields.next()? {
        match number {
            // Negative numbers are written as their 64-bit two's complement.
            1 => time.seconds = field.number()?.cast_signed(),
            2 => time.nanos = i32::try_from(field.number()?).ok()?,
            _ => return None,
        }
    }
    values::time_from_proto(time).ok()
}

/// The fields of a message, in ascending order and each once, except for the repeated one.
struct Fields<'a> {
    rest: &'a [u8],
    last: u64,
    repeated: u64,
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, last: 0, repeated: 0 }
    }

    /// The next field and its number; `Some(None)` at the end, `None` if it is not one that this version writes.
    fn next(&mut self) -> Option<Option<(u64, Field<'a>)>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        let key = self.varint()?;
        let number = key >> 3;
        if number < self.last || (number == self.last && number != self.repeated) {
            return None;
        }
        self.last = number;
        let value = self.varint()?;
        match key & 7 {
            0 => Some(Some((number, Field::Number(value)))),
            2 => {
                let (bytes, rest) = self.rest.split_at_checked(usize::try_from(value).ok()?)?;
                self.rest = rest;
                Some(Some((number, Field::Bytes(bytes))))
            }
            _ => None,
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (nth, &byte) in self.rest.iter().take(9).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * nth);
            if byte < 0x80 {
                self.rest = &self.rest[nth + 1..];
                return Some(value);
            }
        }
        // The tenth byte holds the last of the 64 bits.
        let (&last, rest) = self.rest.get(9..)?.split_first()?;
        self.rest = rest;
        (last <= 1).then_some(value | u64::from(last) << 63)
    }
}

impl<'a> Field<'a> {
    fn number(self) -> Option<u64> {
        match self {
            Self::Number(value) => Some(value),
            Self::Bytes(_) => None,
        }
    }

    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) => None,
        }
    }

    /// A string; never empty, as empty ones are not written.
    fn text(self) -> Option<&'a str> {
        let bytes = self.bytes()?;
        if bytes.is_empty() { None } else { std::str::from_utf8(bytes).ok() }
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::event::Event;
    use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};

    use tollgate_domain::event::EventBody;

    use super::*;
    use crate::Submitted;

    /// The stored bytes of a golden vector.
    macro_rules! vector {
        ($name:literal) => {{
            let hex =
                include_str!(concat!("../../../tests/fixtures/events/v1/", $name, ".stored.hex")).trim();
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(byte).collect::<Vec<u8>>()
        }};
    }

    /// Lists every field by name: a new field of usage has to be added here, and then has to be read above,
    /// or reading most of the log takes twice as long.
    #[test]
    fn it_takes_usage_with_every_field() {
        let body = EventBody::from(UsageRecorded {
            context: Some("job-1".to_owned()),
            counts_as: Some(Box::new(CountsAs {
                allocation: "al-1".to_owned(),
                phase: "PLAN".parse().ok(),
                component: Some("planner".to_owned()),
                provider: Some("openai".to_owned()),
                model: Some("gpt-5".to_owned()),
                labels: [("branch", "main"), ("team", "search")]
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
                priced_provider: Some("azure".to_owned()),
                priced_model: Some("gpt-5-mini".to_owned()),
                unmade: true,
            })),
            execution: Some(NamedExecution { phase: "PLAN".parse().unwrap(), attempt: Some(2) }),
            provider: Some("openai".to_owned()),
            model: Some("gpt-5".to_owned()),
            component: Some("planner".to_owned()),
            request_id: Some("req-1".to_owned()),
            service_tier: Some("flex".to_owned()),
            allocation: Some("al-1".to_owned()),
            labels: [("branch", "main"), ("cwd", "/src")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            tokens: TokenCounts {
                input_uncached: 1,
                cached_input: 2,
                cache_write: 3,
                output: 5,
                reasoning: 4,
                cache_write_1h: 1,
            },
            units: UnitCounts::default(),
            estimated: true,
            cost: Cost::Priced { usd: "0.125".parse().unwrap(), price_version: "b3:0123".to_owned() },
        });
        let event = Event {
            tenant: TenantId::new("default").unwrap(),
            task: TaskId::new("T").unwrap(),
            producer: ProducerId::new("p").unwrap(),
            id: EventId::new("1").unwrap(),
            occurred_at: Some("2026-03-01T10:00:00.5Z".parse().unwrap()),
            trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            body: body.clone(),
        };
        let stored = Submitted::from_event(event).unwrap().encode_stored(&body).unwrap();
        assert_eq!(usage(&stored).map(|decoded| decoded.body), Some(body));
    }

    #[test]
    fn it_takes_usage_as_it_is_written_today_and_nothing_else() {
        for taken in [
            vector!("usage_recorded_full"),
            vector!("usage_recorded_latest_attempt"),
            vector!("usage_recorded_unphased"),
            vector!("usage_recorded_estimated"),
            vector!("usage_recorded_unpriced"),
            vector!("usage_recorded_imported"),
        ] {
            assert!(usage(&taken).is_some(), "{taken:02x?}");
            assert!(usage(&taken[..taken.len() - 1]).is_none());
            assert!(usage(&[&taken[..], b"\xa8\x06\x05"].concat()).is_none(), "an unknown field");
        }
        for left in [vector!("usage_recorded_chars"), vector!("phase_started"), vector!("task_opened_full")] {
            assert!(usage(&left).is_none(), "{left:02x?}");
        }
    }
}
