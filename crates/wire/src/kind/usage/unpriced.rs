//! What of usage has no price, in events.

use serde_json::Value;
use tollgate_domain::usage::{Unpriced, UnpricedPart};

use crate::error::FieldError;
use crate::kind::units;
use crate::out::Out;
use crate::proto;

pub(super) fn part_to_proto(part: &UnpricedPart) -> proto::UnpricedPart {
    let some = |unpriced: &Unpriced| (!unpriced.is_nothing()).then(|| to_proto(unpriced));
    proto::UnpricedPart { before: some(&part.before), after: some(&part.after) }
}

pub(super) fn part(stored: proto::UnpricedPart) -> Result<UnpricedPart, FieldError> {
    let read = |stored: Option<proto::Unpriced>| stored.map(to_domain).transpose();
    let (before, after) = (read(stored.before)?, read(stored.after)?);
    Ok(UnpricedPart { before: before.unwrap_or_default(), after: after.unwrap_or_default() })
}

pub(super) fn written_part(stored: &proto::UnpricedPart) -> Value {
    let mut out = Out::default();
    out.optional("before", stored.before.as_ref().map(written));
    out.optional("after", stored.after.as_ref().map(written));
    out.object()
}

pub(super) fn to_proto(unpriced: &Unpriced) -> proto::Unpriced {
    proto::Unpriced { tokens: units::held(unpriced.tokens), units: units::stored_change(&unpriced.units) }
}

pub(super) fn to_domain(stored: proto::Unpriced) -> Result<Unpriced, FieldError> {
    Ok(Unpriced { tokens: stored.tokens.into(), units: units::change(stored.units)? })
}

pub(super) fn written(stored: &proto::Unpriced) -> Value {
    let mut out = Out::default();
    out.count("tokens", stored.tokens);
    out.filled("units", units::written(&stored.units));
    out.object()
}
