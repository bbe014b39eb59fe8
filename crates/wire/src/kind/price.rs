//! Prices: what sources said, what came into force, what people decided. Written by the ledger itself.

use tollgate_domain::event::{
    PriceChanged, PriceDecided, PriceDisputed, PriceProposed, PriceSourceChecked, PriceUpdateBegun,
    WaitReason,
};

use super::{Beside, Kind};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::{Out, whole};
use crate::proto::{self, Added};
use crate::values::{optional, or_empty, time_from_proto, time_to_proto, word};

impl Kind for PriceChanged {
    type Proto = proto::PriceChanged;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            entry: stored.entry,
            rates: stored.rates,
            from: time_from_proto(stored.from.ok_or_else(|| FieldError::missing("from"))?)?,
            source: stored.source,
            price_version: stored.price_version,
            verified: stored.verified,
            old_version: optional(stored.old_version),
            percent: stored.percent,
            approved_by: optional(stored.approved_by),
            reason: optional(stored.reason),
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PriceChanged {
            entry: self.entry.clone(),
            rates: self.rates.clone(),
            from: Some(time_to_proto(self.from)),
            source: self.source.clone(),
            price_version: self.price_version.clone(),
            verified: self.verified,
            old_version: or_empty(self.old_version.as_ref()),
            percent: self.percent,
            approved_by: or_empty(self.approved_by.as_ref()),
            reason: or_empty(self.reason.as_ref()),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("entry", &content.entry);
        out.text("rates", &content.rates);
        out.time("from", content.from);
        out.text("source", &content.source);
        out.text("price_version", &content.price_version);
        out.value("verified", content.verified.into());
        out.text("old_version", &content.old_version);
        out.optional("percent", content.percent.map(whole));
        out.text("approved_by", &content.approved_by);
        out.text("reason", &content.reason);
    }
}

impl Kind for PriceProposed {
    type Proto = proto::PriceProposed;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let wait = |text: &String| word("waits", text, WaitReason::NAMES, WaitReason::from_word);
        Ok(Self {
            entry: stored.entry,
            rates: stored.rates,
            source: stored.source,
            price_version: stored.price_version,
            verified: stored.verified,
            old_version: optional(stored.old_version),
            percent: stored.percent,
            waits: stored.waits.iter().map(wait).collect::<Result<_, _>>()?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PriceProposed {
            entry: self.entry.clone(),
            rates: self.rates.clone(),
            source: self.source.clone(),
            price_version: self.price_version.clone(),
            verified: self.verified,
            old_version: or_empty(self.old_version.as_ref()),
            percent: self.percent,
            waits: self.waits.iter().map(|wait| wait.as_str().to_owned()).collect(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("entry", &content.entry);
        out.text("rates", &content.rates);
        out.text("source", &content.source);
        out.text("price_version", &content.price_version);
        out.value("verified", content.verified.into());
        out.text("old_version", &content.old_version);
        out.optional("percent", content.percent.map(whole));
        out.texts("waits", &content.waits);
    }
}

impl Kind for PriceDecided {
    type Proto = proto::PriceDecided;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let proto::PriceDecided { entry, price_version, approved, by, reason } = stored;
        Ok(Self { entry, price_version, approved, by, reason: optional(reason) })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PriceDecided {
            entry: self.entry.clone(),
            price_version: self.price_version.clone(),
            approved: self.approved,
            by: self.by.clone(),
            reason: or_empty(self.reason.as_ref()),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("entry", &content.entry);
        out.text("price_version", &content.price_version);
        out.value("approved", content.approved.into());
        out.text("by", &content.by);
        out.text("reason", &content.reason);
    }
}

impl Kind for PriceSourceChecked {
    type Proto = proto::PriceSourceChecked;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            source: stored.source,
            problem: optional(stored.problem),
            models: stored.models,
            checksum: stored.checksum,
            fetched_at: stored.fetched_at.map(time_from_proto).transpose()?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PriceSourceChecked {
            source: self.source.clone(),
            problem: or_empty(self.problem.as_ref()),
            models: self.models,
            checksum: self.checksum.clone(),
            fetched_at: self.fetched_at.map(time_to_proto),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("source", &content.source);
        out.text("problem", &content.problem);
        out.count("models", content.models);
        out.text("checksum", &content.checksum);
        out.time("fetched_at", content.fetched_at);
    }
}

impl Kind for PriceDisputed {
    type Proto = proto::PriceDisputed;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self { entry: stored.entry, said: stored.said })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PriceDisputed { entry: self.entry.clone(), said: self.said.clone() }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("entry", &content.entry);
        out.texts("said", &content.said);
    }
}

impl Kind for PriceUpdateBegun {
    type Proto = proto::PriceUpdateBegun;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self { after: stored.after.map(time_from_proto).transpose()? })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PriceUpdateBegun { after: self.after.map(time_to_proto) }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.time("after", content.after);
    }
}
