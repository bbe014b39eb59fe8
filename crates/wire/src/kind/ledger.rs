//! Ledger-wide facts: configs, price books, the ledger's measurements of itself.

use tollgate_domain::config::Rollout;
use tollgate_domain::event::{
    ConfigLoaded, ConfigRejected, LossAccepted, PriceBookLoaded, TransitionsMeasured,
};
use tollgate_domain::position::Sequence;

use super::{Beside, Kind};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::Out;
use crate::proto::{self, Added};
use crate::values::word;

impl Kind for ConfigLoaded {
    type Proto = proto::ConfigLoaded;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self { config_hash: stored.config_hash, canonical: stored.canonical, source: stored.source })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::ConfigLoaded {
            config_hash: self.config_hash.clone(),
            canonical: self.canonical.clone(),
            source: self.source.clone(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("config_hash", &content.config_hash);
        out.text("canonical", &content.canonical);
        out.text("source", &content.source);
    }
}

impl Kind for ConfigRejected {
    type Proto = proto::ConfigRejected;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self { source: stored.source, problems: stored.problems, config_hash: stored.config_hash })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::ConfigRejected {
            source: self.source.clone(),
            problems: self.problems.clone(),
            config_hash: self.config_hash.clone(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("source", &content.source);
        out.texts("problems", &content.problems);
        out.text("config_hash", &content.config_hash);
    }
}

impl Kind for PriceBookLoaded {
    type Proto = proto::PriceBookLoaded;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self { price_version: stored.price_version, source: stored.source, models: stored.models })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PriceBookLoaded {
            price_version: self.price_version.clone(),
            source: self.source.clone(),
            models: self.models,
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("price_version", &content.price_version);
        out.text("source", &content.source);
        out.count("models", content.models);
    }
}

impl Kind for TransitionsMeasured {
    type Proto = proto::TransitionsMeasured;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            span_ms: stored.span_ms,
            transitions: stored.transitions,
            p50_us: stored.p50_us,
            p95_us: stored.p95_us,
            longest_us: stored.longest_us,
            rollout: word("rollout", &stored.rollout, Rollout::NAMES, Rollout::from_word)?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::TransitionsMeasured {
            span_ms: self.span_ms,
            transitions: self.transitions,
            p50_us: self.p50_us,
            p95_us: self.p95_us,
            longest_us: self.longest_us,
            rollout: self.rollout.as_str().to_owned(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.count("span_ms", content.span_ms);
        out.count("transitions", content.transitions);
        out.count("p50_us", content.p50_us);
        out.count("p95_us", content.p95_us);
        out.count("longest_us", content.longest_us);
        out.text("rollout", &content.rollout);
    }
}

impl Kind for LossAccepted {
    type Proto = proto::LossAccepted;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let proto::LossAccepted { earlier_epoch, kept, witness } = stored;
        Ok(Self { earlier_epoch, kept: Sequence(kept), witness })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::LossAccepted {
            earlier_epoch: self.earlier_epoch.clone(),
            kept: self.kept.0,
            witness: self.witness.clone(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("earlier_epoch", &content.earlier_epoch);
        out.count("kept", content.kept);
        out.text("witness", &content.witness);
    }
}
