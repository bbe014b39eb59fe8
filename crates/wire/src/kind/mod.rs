//! Conversions of each kind of event between its forms (domain, protobuf, JSON), and the rules for incoming events.
//!
//! Each subject has a file here, with the same name as in `domain/src/event`. Everything that has to cover
//! all kinds is generated from the domain's table of them, [`tollgate_domain::each_kind`].
//!
//! Reading protobuf checks only the structure, never limits such as the length of a text: events recorded
//! under older limits stay readable. The limits are in [`Kind::check`], for incoming events.

mod alert;
mod bill;
mod budget;
mod gate;
mod inbox;
mod key;
mod ledger;
mod limits;
mod names;
mod price;
mod progress;
mod report;
mod task;
mod units;
mod usage;

pub(crate) use names::{ENVELOPE, FIELDS, from_ledger, from_producers, no_body, own_kind};

use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_domain::event::{self as domain, EventBody};

use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::Out;
use crate::proto::{Added, event, stored_event};
use crate::upcast::SCHEMA_VERSION;

/// One kind of event: how to write and read it, implemented in its subject's file.
trait Kind: Sized {
    /// The message of `proto/`.
    type Proto;

    /// The domain's form; additions to the content are taken out of `beside`.
    fn to_domain(message: Self::Proto, beside: &mut Beside) -> Result<Self, FieldError>;

    /// The content: what a producer sends of it, in the canonical form that is hashed.
    fn content(&self, text_length: Option<TextLength>) -> Self::Proto;

    /// Sets what the decision and the appender added to it since it was sent as `sent`. Most kinds are stored
    /// as they are sent.
    fn add(&self, _sent: &Self, _text_length: Option<TextLength>, _added: &mut Added) {}

    /// Checks every limit. Events made by the ledger itself derive from checked input.
    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        Ok(())
    }

    /// Writes the fields of its JSON: as recorded if `added` is given, otherwise as sent.
    fn write(out: &mut Out, content: &Self::Proto, added: Option<&Added>);
}

/// A kind that producers send, including as JSON.
trait Sent: Kind {
    /// Reads the structure of its JSON; its values are validated later, on the message.
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError>;
}

/// What an event has in addition to its content.
#[derive(Default)]
struct Beside {
    /// What was added; each kind takes its own part.
    added: Added,
    /// The text lengths, if usage was sent as such.
    text_length: Option<TextLength>,
}

/// A message, whether boxed or not.
trait Held<T> {
    fn open(self) -> T;
}

impl<T> Held<T> for T {
    fn open(self) -> T {
        self
    }
}

impl<T> Held<T> for Box<T> {
    fn open(self) -> T {
        *self
    }
}

/// The message of a kind.
type ProtoOf<K> = <K as Kind>::Proto;

/// The stored body of a kind that producers send, or the refusal of a kind that only the ledger writes.
macro_rules! taken {
    (producer, $name:literal, $stored:expr) => {
        Ok($stored)
    };
    (ledger, $name:literal, $stored:expr) => {{
        drop($stored);
        Err(own_kind($name))
    }};
}

/// Reads JSON of a kind that producers send.
macro_rules! read {
    (producer, $name:literal, $Kind:ident, $raw:ident) => {
        <domain::$Kind as Sent>::read($raw).map(|message| event::Body::$Kind(message.into()))
    };
    (ledger, $name:literal, $Kind:ident, $raw:ident) => {
        Err(own_kind($name))
    };
}

macro_rules! forms {
    ($($(#[$about:meta])* $Subject:ident($Event:ident) {
        $($(#[$doc:meta])* $Kind:ident($Held:ty), $name:literal, $sender:ident;)+
    })+) => {
        /// The domain's form of a body including what was added to it; plus the text lengths, if usage was
        /// sent as such.
        ///
        /// # Errors
        ///
        /// The first field that has no meaning in this version.
        pub(crate) fn to_domain(
            body: stored_event::Body,
            added: Added,
        ) -> Result<(EventBody, Option<TextLength>), FieldError> {
            let mut beside = Beside { added, text_length: None };
            let body: EventBody = match body {
                $($(stored_event::Body::$Kind(message) => {
                    let message: ProtoOf<domain::$Kind> = Held::open(message);
                    <domain::$Kind as Kind>::to_domain(message, &mut beside)
                        .map_err(|error| error.within($name))?
                        .into()
                })+)+
            };
            Ok((body, beside.text_length))
        }

        /// The content of a body: what a producer sends of it, in the canonical form that is hashed.
        pub(crate) fn content(body: &EventBody, text_length: Option<TextLength>) -> stored_event::Body {
            match body {
                $($(EventBody::$Subject(domain::$Event::$Kind(kind)) => {
                    stored_event::Body::$Kind(kind.content(text_length).into())
                })+)+
            }
        }

        fn add(sent: &EventBody, decided: &EventBody, text_length: Option<TextLength>, added: &mut Added) {
            match (decided, sent) {
                $($((EventBody::$Subject(domain::$Event::$Kind(kind)), EventBody::$Subject(domain::$Event::$Kind(sent))) => {
                    kind.add(sent, text_length, added);
                })+)+
                // A decision never changes the kind.
                _ => {}
            }
        }

        /// Checks a body against every limit.
        ///
        /// # Errors
        ///
        /// The first field that exceeds one.
        pub(crate) fn check(body: &EventBody, text_length: Option<TextLength>) -> Result<(), FieldError> {
            match body {
                $($(EventBody::$Subject(domain::$Event::$Kind(kind)) => kind.check(text_length),)+)+
            }
        }

        /// Reads the JSON of a body sent by a producer.
        ///
        /// # Errors
        ///
        /// The first field that is unknown, given twice or of the wrong type; or the kind is not one that
        /// producers send.
        pub(crate) fn read(kind: &str, raw: &RawValue) -> Result<event::Body, FieldError> {
            match kind {
                $($($name => read!($sender, $name, $Kind, raw),)+)+
                other => Err(no_body(other)),
            }
        }

        /// A body as JSON: as recorded if `added` is given, otherwise as sent.
        pub(crate) fn write(content: &stored_event::Body, added: Option<&Added>) -> Value {
            let mut out = Out::default();
            match content {
                $($(stored_event::Body::$Kind(message) => {
                    <domain::$Kind as Kind>::write(&mut out, message, added);
                })+)+
            }
            out.object()
        }

        /// The body as it is stored, if producers may send it.
        ///
        /// # Errors
        ///
        /// If only the ledger writes this kind.
        pub(crate) fn stored_body(body: event::Body) -> Result<stored_event::Body, FieldError> {
            match body {
                $($(event::Body::$Kind(message) => {
                    taken!($sender, $name, stored_event::Body::$Kind(message))
                })+)+
            }
        }

        /// The body as it is sent.
        pub(crate) fn sent_body(body: stored_event::Body) -> event::Body {
            match body {
                $($(stored_event::Body::$Kind(message) => event::Body::$Kind(message),)+)+
            }
        }
    };
}

tollgate_domain::each_kind!(forms);

/// What the decision and the appender added to a body since it was sent as `sent`.
pub(crate) fn added(
    sent: &EventBody,
    decided: &EventBody,
    text_length: Option<TextLength>,
    trace_parent: Option<&str>,
) -> Added {
    let mut added = Added {
        schema_version: SCHEMA_VERSION,
        trace_parent: trace_parent.unwrap_or_default().to_owned(),
        ..Added::default()
    };
    add(sent, decided, text_length, &mut added);
    added
}
