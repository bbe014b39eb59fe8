//! What models are billed for besides tokens: images, seconds, characters, pages, queries, a price for each request,
//! and the tokens of audio and images, which have prices of their own.

mod counts;
mod sums;

use std::collections::BTreeMap;

use crate::printable::grouped;
use crate::words::words;

pub use counts::{UnitCounts, UnitError};
pub use sums::UnitSums;

words!(
    /// One thing that is counted. Times are in milliseconds, and their prices per second.
    Unit {
        /// Characters of input text.
        InputCharacters = "input_characters",
        /// Characters of output text, or of text that was spoken.
        OutputCharacters = "output_characters",
        /// Images that were given.
        InputImages = "input_images",
        /// Images that were made.
        OutputImages = "output_images",
        /// Pixels that a price per pixel of the input is for.
        InputPixels = "input_pixels",
        /// Pixels that a price per pixel of the output is for.
        OutputPixels = "output_pixels",
        /// Time of input of any medium.
        InputMs = "input_ms",
        /// Time of output of any medium, or of the machine that was used.
        OutputMs = "output_ms",
        /// Time of audio that was given.
        InputAudioMs = "input_audio_ms",
        /// Time of video that was given.
        InputVideoMs = "input_video_ms",
        /// Time of video that was made.
        OutputVideoMs = "output_video_ms",
        /// Pages that were read.
        Pages = "pages",
        /// Pages that were read and annotated.
        AnnotatedPages = "annotated_pages",
        /// Queries of a search or a ranking.
        Queries = "queries",
        /// Requests, where a model has a price for each. A call that used anything is one, unless it says otherwise.
        Requests = "requests",
        /// The part of `input_uncached` that is audio.
        InputAudioTokens = "input_audio_tokens",
        /// The part of `input_uncached` that is images.
        InputImageTokens = "input_image_tokens",
        /// The part of `output` that is audio.
        OutputAudioTokens = "output_audio_tokens",
        /// The part of `output` that is images.
        OutputImageTokens = "output_image_tokens"
    }
);

/// Whose price a unit has, in the words of price lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// A price per token.
    Token,
    /// A price per character.
    Character,
    /// A price per image, or per pixel of one.
    Image,
    /// A price per second.
    Time,
    /// A price for each page, query or request.
    Fixed,
}

/// Which of the two plain kinds of tokens a unit is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartOf {
    /// Of `input_uncached`.
    Input,
    /// Of `output`, beside `reasoning`.
    Output,
}

/// Sums that answers have by the words of units, in words: `2 output images, 12.5 s of input audio`.
#[must_use]
pub fn in_words(units: &BTreeMap<String, i64>) -> String {
    let known = units.iter().filter_map(|(word, count)| Some((Unit::from_word(word)?, i128::from(*count))));
    UnitSums::from_pairs(known).to_string()
}

/// The same in one field of a table: `output_images=2 input_audio_ms=12500`.
#[must_use]
pub fn in_pairs(units: &BTreeMap<String, i64>) -> String {
    let pairs: Vec<String> = units.iter().map(|(word, count)| format!("{word}={count}")).collect();
    pairs.join(" ")
}

impl Unit {
    /// All units, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::NAMES.iter().filter_map(|name| Self::from_word(name))
    }

    /// Whose price it has.
    #[must_use]
    pub const fn kind(self) -> UnitKind {
        match self {
            Self::InputCharacters | Self::OutputCharacters => UnitKind::Character,
            Self::InputImages | Self::OutputImages | Self::InputPixels | Self::OutputPixels => {
                UnitKind::Image
            }
            Self::InputMs
            | Self::OutputMs
            | Self::InputAudioMs
            | Self::InputVideoMs
            | Self::OutputVideoMs => UnitKind::Time,
            Self::Pages | Self::AnnotatedPages | Self::Queries | Self::Requests => UnitKind::Fixed,
            Self::InputAudioTokens
            | Self::InputImageTokens
            | Self::OutputAudioTokens
            | Self::OutputImageTokens => UnitKind::Token,
        }
    }

    /// The kind of tokens that it is a part of; `None`: it is counted beside the tokens.
    #[must_use]
    pub const fn part_of(self) -> Option<PartOf> {
        match self {
            Self::InputAudioTokens | Self::InputImageTokens => Some(PartOf::Input),
            Self::OutputAudioTokens | Self::OutputImageTokens => Some(PartOf::Output),
            Self::InputCharacters
            | Self::OutputCharacters
            | Self::InputImages
            | Self::OutputImages
            | Self::InputPixels
            | Self::OutputPixels
            | Self::InputMs
            | Self::OutputMs
            | Self::InputAudioMs
            | Self::InputVideoMs
            | Self::OutputVideoMs
            | Self::Pages
            | Self::AnnotatedPages
            | Self::Queries
            | Self::Requests => None,
        }
    }

    /// How many of it a price is for: 1,000 milliseconds, or one.
    #[must_use]
    pub const fn per(self) -> i128 {
        match self.kind() {
            UnitKind::Time => 1000,
            UnitKind::Token | UnitKind::Character | UnitKind::Image | UnitKind::Fixed => 1,
        }
    }

    /// A count in words: `1 output image`, `1,250 input characters`, `12.5 s of input`.
    #[must_use]
    pub fn counted(self, count: i128) -> String {
        let sign = if count < 0 { "-" } else { "" };
        let size = count.unsigned_abs();
        if self.kind() == UnitKind::Time {
            let (seconds, rest) = (size / 1000, size % 1000);
            let part = format!("{rest:03}");
            let part = part.trim_end_matches('0');
            let point = if part.is_empty() { "" } else { "." };
            let of = self.as_str().trim_end_matches("_ms").replace('_', " ");
            return format!("{sign}{}{point}{part} s of {of}", grouped(seconds));
        }
        let plural = self.as_str().replace('_', " ");
        let one = plural.strip_suffix("ies").map(|stem| format!("{stem}y"));
        let one = one.unwrap_or_else(|| plural.trim_end_matches('s').to_owned());
        format!("{sign}{} {}", grouped(size), if size == 1 { one } else { plural })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_in_words() {
        for (unit, count, words) in [
            (Unit::OutputImages, 1, "1 output image"),
            (Unit::OutputImages, -2, "-2 output images"),
            (Unit::InputCharacters, 1250, "1,250 input characters"),
            (Unit::InputAudioMs, 12_500, "12.5 s of input audio"),
            (Unit::OutputMs, 60_000, "60 s of output"),
            (Unit::InputMs, 1, "0.001 s of input"),
            (Unit::Queries, 1, "1 query"),
            (Unit::Queries, 0, "0 queries"),
        ] {
            assert_eq!(unit.counted(count), words);
        }
    }

    #[test]
    fn all_units_have_words() {
        assert_eq!(Unit::all().count(), Unit::NAMES.len());
    }
}
