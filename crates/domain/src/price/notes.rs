//! Notes on a price book: what was left out, what was converted, what is doubtful.

use std::fmt;

use crate::units::Unit;

/// A price book that cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price book {source_name}: not readable as a LiteLLM price map: {message}")]
pub struct InvalidPriceBook {
    /// Which book.
    pub source_name: String,
    /// The parser's message.
    pub message: String,
}

/// Something that was left out of a book; usage that needs it stays `unpriced`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price of `{model}`: {field} `{value}`: {rule}; {stays}")]
pub struct PriceProblem {
    /// Which model.
    pub model: String,
    /// Which field.
    pub field: String,
    /// Its value.
    pub value: String,
    /// The rule it violates.
    pub rule: String,
    /// What is left without a price because of it.
    pub stays: Stays,
}

/// What an invalid field leaves without a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stays {
    /// All calls of the model.
    Model,
    /// Its calls in one service tier.
    ServiceTier(&'static str),
    /// Its calls that report a unit.
    Unit(Unit),
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model => f.write_str("the model stays unpriced"),
            Self::ServiceTier(tier) => write!(f, "its calls in service tier {tier} stay unpriced"),
            Self::Unit(unit) => write!(f, "its calls that report {unit} stay unpriced"),
        }
    }
}

/// A model that has neither a price per token nor one for another unit that usage reports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{model}` has no price for anything that usage reports ({mode})")]
pub struct OtherUnit {
    /// Which model.
    pub model: String,
    /// What it does, according to the book.
    pub mode: String,
}

/// A price written as a binary float in full, and the decimal that was used for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price of `{model}`: {field} `{text}` is a binary float written in full: taken as {taken}")]
pub struct Taken {
    /// Which model.
    pub model: String,
    /// Which field.
    pub field: String,
    /// The text as written.
    pub text: String,
    /// The decimal that was used.
    pub taken: String,
}

/// A price that is used but hard to believe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price of `{model}` is hard to believe: {why}")]
pub struct Doubt {
    /// Which model.
    pub model: String,
    /// Why it is hard to believe.
    pub why: String,
}

/// All notes on one reading of a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Prices that were left out.
    pub left_out: Vec<PriceProblem>,
    /// Prices for which a decimal other than their text was used.
    pub taken: Vec<Taken>,
    /// Prices that are hard to believe.
    pub doubts: Vec<Doubt>,
    /// Models that have no price for anything that usage reports.
    pub other_units: Vec<OtherUnit>,
}

/// How many notes of a kind the startup warnings include; `tollgate config check --prices` shows them all.
const SHOWN: usize = 20;

impl Notes {
    /// What someone starting a ledger with this book should know: every price that was left out, and the
    /// first few of the others.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.left_out.iter().map(ToString::to_string).collect();
        shorten(&mut warnings, &self.doubts);
        shorten(&mut warnings, &self.taken);
        warnings
    }
}

fn shorten(warnings: &mut Vec<String>, notes: &[impl fmt::Display]) {
    warnings.extend(notes.iter().take(SHOWN).map(ToString::to_string));
    let more = notes.len().saturating_sub(SHOWN);
    if more > 0 {
        warnings.push(format!(
            "and {more} more like the one before: `tollgate config check --prices FILE` shows all"
        ));
    }
}
