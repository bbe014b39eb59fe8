//! When a rate applies that is not that of a small request in the standard tier.

use std::collections::BTreeSet;

use super::fields;

/// When a rate applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RateTier {
    /// Above how many input tokens of the request; `None`: of any size that no larger tier is for.
    pub above_input: Option<u64>,
    /// In which service tier; `None`: in the standard one.
    pub service_tier: Option<&'static str>,
}

impl RateTier {
    /// The service tier that a word means, as price books name it; `None`: none has a price of this name.
    #[must_use]
    pub fn service_tier(word: &str) -> Option<&'static str> {
        let plain = super::of_its_own(word)?;
        fields::service_tiers().find(|(_, tier)| *tier == plain).map(|(_, tier)| tier)
    }

    /// The service tiers that prices know.
    #[must_use]
    pub fn service_tiers() -> Vec<&'static str> {
        let tiers: BTreeSet<&str> = fields::service_tiers().map(|(_, tier)| tier).collect();
        tiers.into_iter().collect()
    }
}
