//! Protobuf and JSON forms of every event, checked conversion to and from the domain, content hashing, upcasting.
//!
//! Inbound: [`Submitted`] reads what a producer sent (JSON, protobuf or a domain event), checks it, and fixes
//! its canonical content, so that its hash is the same on every retry. [`Submitted::encode_stored`] joins
//! that content with what the decision and the appender added. Outbound: [`decode_stored`], the hot path of
//! every fold, and [`DecodedEvent::to_json`] for people and programs. The contract with other languages is
//! `proto/`.
//!
//! **Invariant:** stored bytes begin with the canonical content; anything added comes after it and is never hashed.

#![warn(missing_docs)]

pub mod api;

mod content;
mod decoded;
mod envelope;
mod error;
mod fast;
mod json;
mod kind;
mod object;
mod out;
mod rules;
mod stored;
mod submitted;
mod upcast;
mod values;

pub use content::check_stored;
pub use decoded::{DecodedEvent, TextLength};
pub use error::{DecodeError, FieldError};
pub use json::{MAX_JSON_BYTES, Place};
pub use rules::{MAX_NAME_BYTES, MAX_WAIT_MS};
pub use stored::{Decoder, decode_stored};
pub use submitted::{Defaults, Submitted};
pub use tollgate_domain::event::MAX_EVENT_BYTES;
pub use upcast::SCHEMA_VERSION;

/// The generated types of `proto/tollgate/v1`.
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/tollgate.v1.rs"));
}
