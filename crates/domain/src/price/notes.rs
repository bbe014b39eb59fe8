//! What there is to say of a price book: what was left out, what was taken for what, what is doubtful.

use std::fmt;

/// A price book that cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price book {source_name}: not readable as a LiteLLM price map: {message}")]
pub struct InvalidPriceBook {
    /// Which book.
    pub source_name: String,
    /// The parser's message.
    pub message: String,
}

/// What was left out of a book; usage that needs it stays `unpriced`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price of `{model}`: {field} `{value}`: {rule}; {stays}")]
pub struct PriceProblem {
    /// Which model.
    pub model: String,
    /// Which field.
    pub field: String,
    /// Its value.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
    /// What has no price because of it.
    pub stays: Stays,
}

/// What a bad field leaves without a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stays {
    /// All calls of the model.
    Model,
    /// Its calls in one service tier.
    ServiceTier(&'static str),
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model => f.write_str("the model stays unpriced"),
            Self::ServiceTier(tier) => write!(f, "its calls in service tier {tier} stay unpriced"),
        }
    }
}

/// A model that is not priced by the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{model}` has no price per token ({mode})")]
pub struct OtherUnit {
    /// Which model.
    pub model: String,
    /// What the book says it does.
    pub mode: String,
}

/// A price whose text is a binary float in full, and the decimal that was taken for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price of `{model}`: {field} `{text}` is a binary float written in full: taken as {taken}")]
pub struct Taken {
    /// Which model.
    pub model: String,
    /// Which field.
    pub field: String,
    /// As it is written.
    pub text: String,
    /// As it counts.
    pub taken: String,
}

/// A price that is used, and hard to believe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price of `{model}` is hard to believe: {why}")]
pub struct Doubt {
    /// Which model.
    pub model: String,
    /// What speaks against it.
    pub why: String,
}

/// All there is to say of one reading of a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Prices that were left out.
    pub left_out: Vec<PriceProblem>,
    /// Prices that were taken for another decimal than their text.
    pub taken: Vec<Taken>,
    /// Prices that are hard to believe.
    pub doubts: Vec<Doubt>,
    /// Models that are not priced by the token: images, seconds, searches.
    pub other_units: Vec<OtherUnit>,
}

/// How many notes of a kind stand in a start's warnings; all of them are in `tollgate config check --prices`.
const SHOWN: usize = 20;

impl Notes {
    /// What whoever starts a ledger with this book should know: every price that was left out, and the first
    /// of the others.
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
