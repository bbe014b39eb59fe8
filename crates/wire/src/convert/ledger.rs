//! Ledger-wide facts: configs, price books, what the ledger measures of itself.

use tollgate_domain::config::Rollout;
use tollgate_domain::event::{ConfigLoaded, ConfigRejected, PriceBookLoaded, TransitionsMeasured};

use super::text::word;
use crate::error::FieldError;
use crate::proto;

pub(super) fn config_loaded(stored: proto::ConfigLoaded) -> ConfigLoaded {
    ConfigLoaded { config_hash: stored.config_hash, canonical: stored.canonical, source: stored.source }
}

pub(super) fn config_loaded_content(loaded: &ConfigLoaded) -> proto::ConfigLoaded {
    proto::ConfigLoaded {
        config_hash: loaded.config_hash.clone(),
        canonical: loaded.canonical.clone(),
        source: loaded.source.clone(),
    }
}

pub(super) fn config_rejected(stored: proto::ConfigRejected) -> ConfigRejected {
    ConfigRejected { source: stored.source, problems: stored.problems, config_hash: stored.config_hash }
}

pub(super) fn config_rejected_content(rejected: &ConfigRejected) -> proto::ConfigRejected {
    proto::ConfigRejected {
        source: rejected.source.clone(),
        problems: rejected.problems.clone(),
        config_hash: rejected.config_hash.clone(),
    }
}

pub(super) fn price_book_loaded(stored: proto::PriceBookLoaded) -> PriceBookLoaded {
    PriceBookLoaded { price_version: stored.price_version, source: stored.source, models: stored.models }
}

pub(super) fn price_book_loaded_content(loaded: &PriceBookLoaded) -> proto::PriceBookLoaded {
    proto::PriceBookLoaded {
        price_version: loaded.price_version.clone(),
        source: loaded.source.clone(),
        models: loaded.models,
    }
}

pub(super) fn measured(stored: proto::TransitionsMeasured) -> Result<TransitionsMeasured, FieldError> {
    Ok(TransitionsMeasured {
        span_ms: stored.span_ms,
        transitions: stored.transitions,
        p50_us: stored.p50_us,
        p95_us: stored.p95_us,
        longest_us: stored.longest_us,
        rollout: word("rollout", &stored.rollout, Rollout::NAMES, Rollout::from_word)?,
    })
}

pub(super) fn measured_content(measured: &TransitionsMeasured) -> proto::TransitionsMeasured {
    proto::TransitionsMeasured {
        span_ms: measured.span_ms,
        transitions: measured.transitions,
        p50_us: measured.p50_us,
        p95_us: measured.p95_us,
        longest_us: measured.longest_us,
        rollout: measured.rollout.as_str().to_owned(),
    }
}
