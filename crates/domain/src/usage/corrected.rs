//! What corrections and repricings left of a usage.

use serde::{Deserialize, Serialize};

use super::{Unpriced, UsageAdjusted, UsageRecorded, Used, UsedChange, UsedCounts};
use crate::money::Usd;
use crate::units::UnitSums;

/// What the events after a usage say about it. They are noted in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// What corrections changed.
    pub change: UsedChange,
    /// What of it has no price; `None`: no event says so.
    pub unpriced: Option<Unpriced>,
    /// What corrections cost, less what they gave back.
    pub cost: Usd,
}

impl Corrected {
    /// Notes a correction.
    pub fn adjusted(&mut self, adjusted: &UsageAdjusted) {
        self.change.add(&adjusted.counted());
        let usd = adjusted.resolved.as_ref().map(|resolved| resolved.cost.usd()).unwrap_or_default();
        self.cost = self.cost.saturating_add(usd);
        match adjusted.resolved.as_ref().and_then(|resolved| resolved.unpriced.as_ref()) {
            Some(part) => self.unpriced = Some(part.after.clone()),
            None => {
                if let Some(unpriced) = &mut self.unpriced {
                    unpriced.add(&adjusted.unpriced());
                }
            }
        }
    }

    /// Notes that all that is left of it was given a price.
    pub fn repriced(&mut self) {
        self.unpriced = Some(Unpriced::default());
    }

    /// What is left of the usage.
    #[must_use]
    pub fn left(&self, usage: &UsageRecorded) -> UsedCounts {
        usage.used().changed(&self.change).0
    }

    /// What of the usage has no price. As long as no event says so, that is all that is left of it, if it had none.
    #[must_use]
    pub fn unpriced(&self, usage: &UsageRecorded) -> Unpriced {
        match &self.unpriced {
            Some(unpriced) => unpriced.clone(),
            None if usage.cost.is_known() => Unpriced::default(),
            None => {
                let left = self.left(usage);
                let left = Used::from(&left);
                Unpriced { tokens: left.tokens.total().into(), units: UnitSums::from(left.units) }
            }
        }
    }
}
