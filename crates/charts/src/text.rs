//! How wide text is, by a table: no font is looked up. And what fits into which room.

/// Advance widths of the characters from space to `~`, in thousandths of the size, as in a wide sans-serif: in the font
/// that a reader has, text is as wide or less.
const ADVANCES: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, // space to /
    636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, // 0 to ?
    1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787, // @ to O
    603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, // P to _
    500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, // ` to o
    635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838, // p to ~
];

/// Of any other narrow character.
const OTHER: u16 = 660;

/// Of characters of East Asian scripts and pictograms.
const WIDE: u16 = 1000;

/// The share by which bold text is wider.
const BOLD: f64 = 1.16;

/// The advance width of a character in thousandths of its size.
pub(crate) fn advance(c: char) -> u16 {
    let place = (c as usize).checked_sub(0x20);
    match place.and_then(|place| ADVANCES.get(place)) {
        Some(advance) => *advance,
        None if ('\u{1100}'..='\u{115f}').contains(&c) || c >= '\u{2e80}' => WIDE,
        None => OTHER,
    }
}

/// How wide a text is at a size: at most, in the fonts that people have.
#[must_use]
pub fn width(text: &str, size: f64, bold: bool) -> f64 {
    let thousandths: f64 = text.chars().map(|c| f64::from(advance(c))).sum();
    thousandths * size / 1_000.0 * if bold { BOLD } else { 1.0 }
}

/// A text that is no wider than `room`: of a longer one its begin and its end, with `…` between them.
pub(crate) fn fitted(text: &str, size: f64, bold: bool, room: f64) -> String {
    let text = cleaned(text);
    if width(&text, size, bold) <= room {
        return text;
    }
    let half = (room - width("…", size, bold)) / 2.0;
    let fits = |chars: &mut dyn Iterator<Item = char>| -> Vec<char> {
        let mut taken = 0.0;
        let within = |c: &char| {
            taken += width(c.encode_utf8(&mut [0; 4]), size, bold);
            taken <= half
        };
        chars.take_while(within).collect()
    };
    let head = fits(&mut text.chars());
    let mut tail = fits(&mut text.chars().rev());
    tail.reverse();
    head.into_iter().chain(['…']).chain(tail).collect()
}

/// A text without characters that have no form, or that change how others are shown.
pub(crate) fn cleaned(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        // Directions, joiners, marks of order, and what is no character at all.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => '\u{fffd}',
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_loses_its_middle() {
        assert_eq!(fitted("configs/tighter.yaml", 12.0, false, 500.0), "configs/tighter.yaml");
        assert_eq!(fitted("configs/team-a/tighter.yaml", 12.0, false, 120.0), "configs/t…ter.yaml");
        assert_eq!(fitted("abc", 12.0, false, 0.0), "…");
        assert_eq!(fitted("a\nb\u{0}c\u{202e}d", 12.0, false, 500.0), "a b\u{fffd}c\u{fffd}d");
    }

    proptest::proptest! {
        #[test]
        fn what_is_fitted_fits(text in ".*", room in 20.0_f64..300.0, bold in proptest::prelude::any::<bool>()) {
            let fitted = fitted(&text, 12.0, bold, room);
            proptest::prop_assert!(width(&fitted, 12.0, bold) <= room);
        }
    }
}
