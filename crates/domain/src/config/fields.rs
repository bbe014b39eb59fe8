//! Fields specific to this config: multipliers, thresholds and phases.

use crate::decimal::Decimal;
use crate::phase::Phase;
use crate::yaml::fields::Fields;
use crate::yaml::tree::Node;

/// Largest multiplier or weight (EC3).
pub(super) const MAX_MULTIPLIER: Decimal = Decimal::new(10, 0);

/// Decimal places of a multiplier. With four factors of up to 8 digits and a base of up to 11, the exact
/// product stays below 2^127.
pub(super) const MULTIPLIER_PLACES: u8 = 6;

/// Largest base budget: with it and every multiplier at 10 a limit still fits `u64`.
pub(super) const MAX_BASE: u64 = 10_000_000_000;

impl Fields {
    /// A multiplier or weight: above 0, at most 10, up to six decimal places.
    pub(super) fn multiplier(&mut self, field: &str, node: &Node) -> Option<Decimal> {
        let rule = "must be above 0 and at most 10";
        if let Node::Number(text) = node
            && text.starts_with('-')
        {
            self.problem(field, text, rule);
            return None;
        }
        let value = self.decimal(field, node)?;
        if value.is_zero() || value > MAX_MULTIPLIER {
            self.problem(field, &node.shown(), rule);
            return None;
        }
        if value.scale() > MULTIPLIER_PLACES {
            self.problem(field, &node.shown(), "must have at most 6 decimal places");
            return None;
        }
        Some(value)
    }

    /// A threshold: above 0.
    pub(super) fn threshold(&mut self, field: &str, node: &Node) -> Option<Decimal> {
        let rule = "must be above 0";
        if let Node::Number(text) = node
            && text.starts_with('-')
        {
            self.problem(field, text, rule);
            return None;
        }
        let value = self.decimal(field, node)?;
        if value.is_zero() {
            self.problem(field, &node.shown(), rule);
            return None;
        }
        if value.scale() > MULTIPLIER_PLACES || value > Decimal::new(1_000_000, 0) {
            self.problem(field, &node.shown(), "must be at most 1000000 with at most 6 decimal places");
            return None;
        }
        Some(value)
    }

    /// A share or multiple: from 0 to `most`.
    pub(crate) fn share(&mut self, field: &str, node: &Node, most: Decimal) -> Option<Decimal> {
        if let Node::Number(text) = node
            && text.starts_with('-')
        {
            self.problem(field, text, format!("must be from 0 to {most}"));
            return None;
        }
        let share = self.decimal(field, node)?;
        if share > most || share.scale() > MULTIPLIER_PLACES {
            let rule = format!("must be from 0 to {most}, with at most {MULTIPLIER_PLACES} decimal places");
            self.problem(field, &node.shown(), rule);
            return None;
        }
        Some(share)
    }

    pub(super) fn phase(&mut self, field: &str, node: &Node) -> Option<Phase> {
        let (Node::Text(text) | Node::Number(text)) = node else {
            self.wrong_type(field, node, "the name of a phase");
            return None;
        };
        self.phase_name(field, text)
    }

    pub(super) fn phase_name(&mut self, field: &str, text: &str) -> Option<Phase> {
        match text.parse() {
            Ok(phase) => Some(phase),
            Err(_) => {
                self.problem(field, text, "must be 1 to 32 of A-Z 0-9 _ - and begin with a letter");
                None
            }
        }
    }
}
