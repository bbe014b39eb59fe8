//! The colours of all tones, light and dark. Each is legible on its background (at least 4.5 : 1), and those of data
//! differ in lightness too.

use crate::scene::Tone;

/// All tones.
pub(crate) const TONES: [Tone; 12] = [
    Tone::Paper,
    Tone::Ink,
    Tone::Soft,
    Tone::Grid,
    Tone::OnFill,
    Tone::Grey,
    Tone::Blue,
    Tone::Amber,
    Tone::Red,
    Tone::Teal,
    Tone::Violet,
    Tone::Rose,
];

impl Tone {
    /// The word in names of classes.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Ink => "ink",
            Self::Soft => "soft",
            Self::Grid => "grid",
            Self::OnFill => "on-fill",
            Self::Grey => "grey",
            Self::Blue => "blue",
            Self::Amber => "amber",
            Self::Red => "red",
            Self::Teal => "teal",
            Self::Violet => "violet",
            Self::Rose => "rose",
        }
    }

    /// On a light page and in print.
    pub(crate) const fn light(self) -> u32 {
        match self {
            Self::Paper | Self::OnFill => 0xff_ffff,
            Self::Ink => 0x1b_2430,
            Self::Soft => 0x5a_6675,
            Self::Grid => 0xe1_e6ed,
            Self::Grey => 0x6b_7684,
            Self::Blue => 0x2f_6fde,
            Self::Amber => 0x95_6200,
            Self::Red => 0xb0_2020,
            Self::Teal => 0x0a_7d76,
            Self::Violet => 0x7a_45c4,
            Self::Rose => 0xb8_2e7d,
        }
    }

    /// On a dark page.
    pub(crate) const fn dark(self) -> u32 {
        match self {
            Self::Paper | Self::OnFill => 0x11_161d,
            Self::Ink => 0xe7_ecf3,
            Self::Soft => 0x9f_adbe,
            Self::Grid => 0x2a_3441,
            Self::Grey => 0x8d_99a8,
            Self::Blue => 0x6e_a3ff,
            Self::Amber => 0xf2_c35c,
            Self::Red => 0xff_7a72,
            Self::Teal => 0x4f_d1c5,
            Self::Violet => 0xc0_9cff,
            Self::Rose => 0xff_8fc7,
        }
    }
}

/// The rules for classes of shapes in `.chart`: light, and dark on screens that ask for it.
pub(crate) fn stylesheet() -> String {
    let rules = |colour: fn(Tone) -> u32| {
        let rule = |tone: Tone| {
            let (word, colour) = (tone.word(), colour(tone));
            format!(".chart .f-{word}{{fill:#{colour:06x}}}.chart .s-{word}{{stroke:#{colour:06x}}}")
        };
        TONES.map(rule).concat()
    };
    format!(
        ".chart text{{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"DejaVu Sans\",sans-serif}}\
         .chart{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n{}\n@media screen and (prefers-color-scheme:dark){{{}}}\n",
        rules(Tone::light),
        rules(Tone::dark)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours, by WCAG 2: (L₁ + 0.05) / (L₂ + 0.05).
    fn contrast(one: u32, other: u32) -> f64 {
        let luminance = |colour: u32| {
            let part = |shift: u32| {
                let part = f64::from(colour >> shift & 0xff) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { libm::pow((part + 0.055) / 1.055, 2.4) }
            };
            0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_tone_is_legible_on_its_paper_and_under_text() {
        for tone in TONES {
            if matches!(tone, Tone::Paper | Tone::OnFill | Tone::Grid) {
                continue;
            }
            for colour in [Tone::light, Tone::dark] {
                let found = contrast(colour(tone), colour(Tone::Paper));
                assert!(found >= 4.5, "{tone:?}: {found}");
            }
        }
    }
}
