//! What has to hold at every step.

use super::super::{Amount, Policy};
use super::Model;

impl Model {
    /// The first law that is broken.
    pub(super) fn laws(&self) -> Result<(), String> {
        for (name, kept) in &self.kept {
            let unused = kept.amount.beyond(kept.used);
            let [remaining, released, expired] = match (kept.released, kept.expires_at > self.now) {
                (false, true) => [unused, Amount::NOTHING, Amount::NOTHING],
                (true, _) => [Amount::NOTHING, unused, Amount::NOTHING],
                (false, false) => [Amount::NOTHING, Amount::NOTHING, unused],
            };
            let overrun = kept.used.beyond(kept.amount);
            let (left, right) =
                (kept.amount.plus(overrun), kept.used.plus(remaining).plus(released).plus(expired));
            if left != right {
                return Err(format!("{name}: {left:?} is not {right:?}"));
            }
        }
        if !self.strict {
            return Ok(());
        }
        for policy in &self.policies {
            let all = self.counted(policy);
            if !policy.limit.holds(all) {
                return Err(format!("policy {} is oversold: {all:?} of {:?}", policy.id, policy.limit));
            }
        }
        Ok(())
    }

    /// What is spent and what is reserved under a policy.
    pub(super) fn counted(&self, policy: &Policy) -> Amount {
        let counted = self.usage.iter().filter(|usage| Self::counts(policy, &usage.request));
        let spent = counted.fold(Amount::NOTHING, |sum, usage| sum.plus(usage.amount));
        let open =
            self.kept.values().filter(|kept| self.is_open(kept) && Self::counts(policy, &kept.request));
        open.fold(spent, |sum, kept| sum.plus(kept.amount.beyond(kept.used)))
    }
}
