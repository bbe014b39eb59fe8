//! Ledger-wide facts: configs and price books.

use tollgate_domain::event::{ConfigLoaded, ConfigRejected, PriceBookLoaded};

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
