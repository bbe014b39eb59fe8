//! Fast decoding of stored usage into the domain's form: most of a log is usage; this takes half the general
//! way's time.
//!
//! It accepts only what this version writes: fields in ascending order, each once, all known. For anything
//! else it returns `None` and the general way decides, with its errors. **Invariant:** whatever it accepts,
//! the general way reads the same (test `properties::usage_reads_the_same_the_fast_and_the_general_way`).

use std::collections::BTreeMap;

use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::{BOOKED, Cost, CountsAs, NamedExecution, UsageRecorded};

use crate::decoded::DecodedEvent;
use crate::upcast::SCHEMA_VERSION;
use crate::values;

/// The only field of usage that may be repeated: a map's entries.
const LABELS: u64 = 12;

/// A stored `usage_recorded` as it stands in its bytes.
#[derive(Default)]
pub(crate) struct StoredUsage<'a> {
    occurred_at: Option<Timestamp>,
    trace_parent: Option<&'a str>,
    phase: Option<&'a str>,
    attempt: Option<u32>,
    provider: Option<&'a str>,
    model: Option<&'a str>,
    component: Option<&'a str>,
    request_id: Option<&'a str>,
    service_tier: Option<&'a str>,
    allocation: Option<&'a str>,
    context: Option<&'a str>,
    labels: Vec<(&'a str, &'a str)>,
    tokens: Option<TokenCounts>,
    estimated: bool,
    /// What another system had booked. That is content, whatever was added.
    booked: Option<Usd>,
    cost: Option<(Usd, &'a str)>,
    counts_as: Option<Box<CountsAs>>,
}

/// Reads a stored `usage_recorded` of the current version.
#[cfg(test)]
pub(crate) fn usage(bytes: &[u8]) -> Option<DecodedEvent> {
    let mut event = nothing_used();
    usage_into(bytes, &mut event).then_some(event)
}

/// Usage of nothing, to be written over.
pub(crate) fn nothing_used() -> DecodedEvent {
    let usage = UsageRecorded {
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
    DecodedEvent { occurred_at: None, trace_parent: None, text_length: None, body: usage.into() }
}

/// Reads a stored `usage_recorded` of the current version over what an event says, in the room that its texts have.
/// Returns whether it is one; if not, the event is only good for being written over again.
pub(crate) fn usage_into(bytes: &[u8], event: &mut DecodedEvent) -> bool {
    let mut stored = StoredUsage::default();
    stored.read(bytes).and_then(|()| stored.write_over(event)).is_some()
}

impl<'a> StoredUsage<'a> {
    fn read(&mut self, bytes: &'a [u8]) -> Option<()> {
        let mut fields = Fields::of(bytes);
        let (mut number, mut field) = fields.next()??;
        if number == 1 {
            self.occurred_at = Some(time(field.bytes()?)?);
            (number, field) = fields.next()??;
        }
        if number != 20 {
            return None;
        }
        self.read_sent(field.bytes()?)?;
        let (100, field) = fields.next()?? else { return None };
        self.read_added(field.bytes()?)?;
        fields.next()?.is_none().then_some(())
    }

    /// What the producer sent.
    fn read_sent(&mut self, bytes: &'a [u8]) -> Option<()> {
        let mut fields = Fields { repeated: LABELS, ..Fields::of(bytes) };
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => self.phase = Some(field.text()?),
                2 => self.attempt = Some(u32::try_from(field.number()?).ok()?),
                3 => self.provider = Some(field.text()?),
                4 => self.model = Some(field.text()?),
                5 => self.component = Some(field.text()?),
                6 => self.request_id = Some(field.text()?),
                7 => self.tokens = Some(counts(field.bytes()?)?),
                // Not written if false.
                8 => self.estimated = (field.number()? == 1).then_some(true)?,
                11 => self.service_tier = Some(field.text()?),
                LABELS => self.labels.push(label(field.bytes()?)?),
                13 => self.allocation = Some(field.text()?),
                15 => self.context = Some(field.text()?),
                16 => self.booked = Some(field.text()?.parse().ok()?),
                _ => return None,
            }
        }
        Some(())
    }

    /// What the appender added.
    fn read_added(&mut self, bytes: &'a [u8]) -> Option<()> {
        let mut version = 0;
        let mut fields = Fields::of(bytes);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => version = field.number()?,
                2 => self.trace_parent = Some(field.text()?),
                5 => self.cost = Some(cost(field.bytes()?)?),
                9 => self.counts_as = Some(Box::new(counts_as(field.bytes()?)?)),
                _ => return None,
            }
        }
        (version == u64::from(SCHEMA_VERSION)).then_some(())
    }

    /// Writes it over what an event says. `None`: it is none that this version writes.
    fn write_over(self, event: &mut DecodedEvent) -> Option<()> {
        let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut event.body else { return None };
        let tokens = self.tokens?;
        let execution = match (self.phase, self.attempt) {
            (Some(phase), attempt) => {
                let before = usage.execution.take().map(|named| named.phase);
                let phase = before
                    .filter(|before| before.as_str() == phase)
                    .map_or_else(|| phase.parse(), Ok)
                    .ok()?;
                Some(NamedExecution { phase, attempt })
            }
            (None, None) => None,
            (None, Some(_)) => return None,
        };
        event.occurred_at = self.occurred_at;
        event.text_length = None;
        write_text(&mut event.trace_parent, self.trace_parent);
        usage.execution = execution;
        write_text(&mut usage.provider, self.provider);
        write_text(&mut usage.model, self.model);
        write_text(&mut usage.component, self.component);
        write_text(&mut usage.request_id, self.request_id);
        write_text(&mut usage.service_tier, self.service_tier);
        write_text(&mut usage.allocation, self.allocation);
        write_text(&mut usage.context, self.context);
        if !usage
            .labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .eq(self.labels.iter().copied())
        {
            let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
            usage.labels = self.labels.into_iter().map(owned).collect();
        }
        usage.tokens = tokens;
        usage.units = UnitCounts::default();
        usage.estimated = self.estimated;
        match (&mut usage.cost, self.booked.map(|usd| (usd, BOOKED)).or(self.cost)) {
            (Cost::Priced { usd, price_version }, Some((amount, version))) => {
                *usd = amount;
                version.clone_into(price_version);
            }
            (cost, Some((usd, version))) => *cost = Cost::Priced { usd, price_version: version.to_owned() },
            (cost, None) => *cost = Cost::Unpriced,
        }
        usage.counts_as = self.counts_as;
        Some(())
    }
}

/// Writes a text over another, in its room.
fn write_text(place: &mut Option<String>, text: Option<&str>) {
    match (place, text) {
        (Some(place), Some(text)) => text.clone_into(place),
        (place, text) => *place = text.map(str::to_owned),
    }
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

fn label(bytes: &[u8]) -> Option<(&str, &str)> {
    let mut fields = Fields::of(bytes);
    let (1, key) = fields.next()?? else { return None };
    let (2, value) = fields.next()?? else { return None };
    let label = (key.text()?, value.text()?);
    fields.next()?.is_none().then_some(label)
}

/// The amount, and the version of the prices, empty if it has none.
fn cost(bytes: &[u8]) -> Option<(Usd, &str)> {
    let mut fields = Fields::of(bytes);
    let (1, amount) = fields.next()?? else { return None };
    let usd = amount.text()?.parse().ok()?;
    let price_version = match fields.next()? {
        Some((2, version)) => version.text()?,
        Some(_) => return None,
        None => "",
    };
    fields.next()?.is_none().then_some((usd, price_version))
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
                found.labels.insert(key.to_owned(), value.to_owned());
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
        // Nearly all of them: keys, lengths, small counts.
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Some(u64::from(*byte));
        }
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
mod tests;
