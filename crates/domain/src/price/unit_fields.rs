//! The fields of a price map that price units other than plain tokens.

use crate::units::Unit;

/// The fields of LiteLLM's map that price a unit, those first that begin with the name of another one.
const FIELDS: [(&str, Unit); 19] = [
    ("input_cost_per_audio_per_second", Unit::InputAudioMs),
    ("input_cost_per_video_per_second", Unit::InputVideoMs),
    ("output_cost_per_video_per_second", Unit::OutputVideoMs),
    ("input_cost_per_second", Unit::InputMs),
    ("output_cost_per_second", Unit::OutputMs),
    ("input_cost_per_audio_token", Unit::InputAudioTokens),
    ("output_cost_per_audio_token", Unit::OutputAudioTokens),
    ("input_cost_per_image_token", Unit::InputImageTokens),
    ("output_cost_per_image_token", Unit::OutputImageTokens),
    ("input_cost_per_image", Unit::InputImages),
    ("output_cost_per_image", Unit::OutputImages),
    ("input_cost_per_pixel", Unit::InputPixels),
    ("output_cost_per_pixel", Unit::OutputPixels),
    ("input_cost_per_character", Unit::InputCharacters),
    ("output_cost_per_character", Unit::OutputCharacters),
    ("annotation_cost_per_page", Unit::AnnotatedPages),
    ("ocr_cost_per_page", Unit::Pages),
    ("input_cost_per_query", Unit::Queries),
    ("input_cost_per_request", Unit::Requests),
];

/// A field that prices a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnitField {
    /// Which unit.
    pub(super) unit: Unit,
    /// When the price applies.
    pub(super) when: When,
}

/// When the price of a unit applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// To all calls without a service tier.
    Always,
    /// To calls of a service tier.
    InTier,
    /// To some: of a size, a quality, a larger context.
    Sometimes,
}

/// The field of a price book that has the price of a unit.
pub(super) fn unit_field(unit: Unit) -> &'static str {
    FIELDS.iter().find(|(_, of)| *of == unit).map_or("", |(field, _)| *field)
}

/// The unit that a field prices; `tiers` are the suffixes of service tiers.
pub(super) fn read<'a>(name: &str, mut tiers: impl Iterator<Item = &'a str>) -> Option<UnitField> {
    FIELDS.iter().find_map(|(prefix, unit)| {
        let rest = name.strip_prefix(prefix)?;
        let when = match rest.strip_prefix('_') {
            None if rest.is_empty() => When::Always,
            None => return None,
            Some(suffix) if tiers.any(|tier| tier == suffix) => When::InTier,
            Some(_) => When::Sometimes,
        };
        Some(UnitField { unit: *unit, when })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_has_a_field_that_is_read_as_it() {
        for unit in Unit::all() {
            let read = read(unit_field(unit), std::iter::empty());
            assert_eq!(read, Some(UnitField { unit, when: When::Always }), "{unit}");
        }
    }
}
