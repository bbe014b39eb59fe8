//! Letters as strokes, so that a PNG needs no font file and is the same on every machine.
//!
//! Coordinates are one character each, 0 to 9 and then a to z: x to the right, y down. Capitals reach from y = 0 to
//! the base line at y = 14 (`e`), small letters begin at y = 4, descenders end at y = 18 (`i`). A stroke joins its
//! points by straight lines; one that begins with `~` is rounded: its points but the ends pull it, and a closed one has
//! no ends.

/// The base line.
pub(crate) const BASE: f32 = 14.0;

/// How much of the text's size a unit is: capitals are 0.72 of it high.
pub(crate) const UNIT: f32 = 0.72 / BASE;

/// Room on either side of a letter, in units.
pub(crate) const SIDE: f32 = 1.5;

/// How wide a letter is, and its strokes.
pub(crate) fn glyph(c: char) -> (f32, &'static str) {
    let found = GLYPHS.binary_search_by_key(&c, |(c, ..)| *c).ok().and_then(|at| GLYPHS.get(at));
    found.map_or((7.0, "00 70 7e 0e 00"), |(_, width, strokes)| (*width, strokes))
}

/// By their characters, in order.
#[rustfmt::skip]
const GLYPHS: &[(char, f32, &str)] = &[
    (' ', 4.0, ""),
    ('!', 2.0, "10 19;1d 1e"),
    ('"', 4.0, "10 13;30 33"),
    ('#', 8.0, "30 1e;70 5e;05 85;09 89"),
    ('$', 8.0, "~83 80 00 07 87 8e 0e 0b;40 4e"),
    ('%', 10.0, "~00 40 46 06 00;~68 a8 ae 6e 68;90 1e"),
    ('&', 9.0, "9e 33;~33 30 70 74 07 0e 5e 9a 98"),
    ('\'', 2.0, "10 13"),
    ('(', 3.0, "~30 08 3g"),
    (')', 3.0, "~00 38 0g"),
    ('*', 6.0, "31 37;12 56;52 16"),
    ('+', 8.0, "09 89;45 4d"),
    (',', 2.0, "1d 1e 0g"),
    ('-', 4.0, "09 49"),
    ('.', 2.0, "1d 1e"),
    ('/', 5.0, "50 0g"),
    ('0', 7.0, "~00 70 7e 0e 00"),
    ('1', 7.0, "13 40 4e"),
    ('2', 7.0, "~02 00 70 77 0e;0e 7e"),
    ('3', 7.0, "~02 00 70 77 37;~37 77 7e 0e 0c"),
    ('4', 7.0, "5e 50 0a 7a"),
    ('5', 7.0, "60 10 06;~06 76 7e 0e 0c"),
    ('6', 7.0, "~60 00 0a;~06 76 7e 0e 06"),
    ('7', 7.0, "00 70 2e"),
    ('8', 7.0, "~10 60 67 17 10;~07 77 7e 0e 07"),
    ('9', 7.0, "~00 70 78 08 00;~74 7e 1e"),
    (':', 2.0, "15 16;1d 1e"),
    (';', 2.0, "15 16;1d 1e 0g"),
    ('<', 7.0, "74 09 7e"),
    ('=', 8.0, "07 87;0b 8b"),
    ('>', 7.0, "04 79 0e"),
    ('?', 6.0, "~03 00 60 67 38;38 3a;3d 3e"),
    ('@', 10.0, "~ae 0e 00 a0 ab 7b;~34 74 7b 3b 34;74 7b"),
    ('A', 8.0, "0e 40 8e;1a 7a"),
    ('B', 8.0, "40 00 0e 4e;07 47;~40 70 77 47;~47 87 8e 4e"),
    ('C', 8.0, "~83 80 00 0e 8e 8b"),
    ('D', 8.0, "30 00 0e 3e;~30 80 8e 3e"),
    ('E', 7.0, "70 00 0e 7e;07 57"),
    ('F', 7.0, "70 00 0e;07 57"),
    ('G', 8.0, "~83 80 00 0e 8e 88;88 58"),
    ('H', 8.0, "00 0e;80 8e;07 87"),
    ('I', 2.0, "10 1e"),
    ('J', 5.0, "50 5a;~5a 5e 0e 0b"),
    ('K', 8.0, "00 0e;80 08;35 8e"),
    ('L', 7.0, "00 0e 7e"),
    ('M', 10.0, "0e 00 59 a0 ae"),
    ('N', 8.0, "0e 00 8e 80"),
    ('O', 9.0, "~00 90 9e 0e 00"),
    ('P', 8.0, "0e 00 40;~40 80 88 48;48 08"),
    ('Q', 9.0, "~00 90 9e 0e 00;6b 9f"),
    ('R', 8.0, "0e 00 40;~40 80 88 48;48 08;48 8e"),
    ('S', 8.0, "~83 80 00 07 87 8e 0e 0b"),
    ('T', 8.0, "00 80;40 4e"),
    ('U', 8.0, "00 09;~09 0e 8e 89;89 80"),
    ('V', 8.0, "00 4e 80"),
    ('W', 12.0, "00 3e 63 9e c0"),
    ('X', 8.0, "00 8e;80 0e"),
    ('Y', 8.0, "00 47 80;47 4e"),
    ('Z', 8.0, "00 80 0e 8e"),
    ('[', 3.0, "30 00 0g 3g"),
    ('\\', 5.0, "00 5g"),
    (']', 3.0, "00 30 3g 0g"),
    ('^', 6.0, "04 30 64"),
    ('_', 7.0, "0f 7f"),
    ('`', 3.0, "00 23"),
    ('a', 7.0, "~04 74 7e 0e 04;74 7e"),
    ('b', 7.0, "00 0e;~04 74 7e 0e 04"),
    ('c', 6.0, "~66 64 04 0e 6e 6c"),
    ('d', 7.0, "70 7e;~04 74 7e 0e 04"),
    ('e', 7.0, "09 79;~79 74 04 0e 7e 7c"),
    ('f', 5.0, "~50 20 24;24 2e;04 44"),
    ('g', 7.0, "~04 74 7e 0e 04;74 7f;~7f 7i 0i 0h"),
    ('h', 7.0, "00 0e;~08 04 74 79;79 7e"),
    ('i', 2.0, "14 1e;10 11"),
    ('j', 3.0, "24 2f;~2f 2i 0i;20 21"),
    ('k', 6.0, "00 0e;64 0a;28 6e"),
    ('l', 2.0, "10 1e"),
    ('m', 10.0, "04 0e;~08 04 54 58;58 5e;~58 54 a4 a8;a8 ae"),
    ('n', 7.0, "04 0e;~08 04 74 79;79 7e"),
    ('o', 7.0, "~04 74 7e 0e 04"),
    ('p', 7.0, "04 0i;~04 74 7e 0e 04"),
    ('q', 7.0, "74 7i;~04 74 7e 0e 04"),
    ('r', 5.0, "04 0e;~09 04 54"),
    ('s', 6.0, "~66 64 04 09 69 6e 0e 0c"),
    ('t', 5.0, "20 2a;~2a 2e 5e;04 54"),
    ('u', 7.0, "04 09;~09 0e 7e 79;74 7e"),
    ('v', 6.0, "04 3e 64"),
    ('w', 10.0, "04 2e 56 8e a4"),
    ('x', 6.0, "04 6e;64 0e"),
    ('y', 6.0, "04 3d;64 1i"),
    ('z', 6.0, "04 64 0e 6e"),
    ('{', 4.0, "~40 20 28 08;~08 28 2g 4g"),
    ('|', 2.0, "10 1g"),
    ('}', 4.0, "~00 20 28 48;~48 28 2g 0g"),
    ('~', 8.0, "~0a 16 7c 88"),
    ('°', 4.0, "~00 40 44 04 00"),
    ('±', 8.0, "08 88;44 4c;0e 8e"),
    ('·', 2.0, "18 19"),
    ('×', 6.0, "06 6c;66 0c"),
    ('–', 7.0, "09 79"),
    ('—', 10.0, "09 a9"),
    ('’', 2.0, "10 13"),
    ('“', 4.0, "10 13;30 33"),
    ('”', 4.0, "10 13;30 33"),
    ('…', 8.0, "1d 1e;4d 4e;7d 7e"),
    ('→', 9.0, "09 99;65 99 6d"),
    ('−', 8.0, "09 89"),
    ('≤', 7.0, "74 08 7c;0e 7e"),
    ('≥', 7.0, "04 78 0c;0e 7e"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_ascii_has_strokes_inside_its_room() {
        assert!(GLYPHS.is_sorted_by(|(one, ..), (other, ..)| one < other));
        for c in ' '..='~' {
            assert!(GLYPHS.iter().any(|(known, ..)| *known == c), "{c}");
        }
        for (c, width, strokes) in GLYPHS {
            for stroke in strokes.split(';').filter(|stroke| !stroke.is_empty()) {
                let points: Vec<&str> = stroke.trim_start_matches('~').split(' ').collect();
                assert!(points.len() > 1, "{c}: {stroke}");
                for point in points {
                    let places: Vec<u32> = point.chars().map(|c| c.to_digit(36).unwrap()).collect();
                    assert!(
                        places.len() == 2 && places[0] as f32 <= *width && places[1] <= 18,
                        "{c}: {point}"
                    );
                }
            }
        }
    }
}
