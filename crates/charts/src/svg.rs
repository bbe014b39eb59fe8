//! Scenes as SVG: colours by classes alone, one `viewBox` and no size, words for those who do not see it, nothing from
//! elsewhere.

use std::fmt::Write;

use crate::palette::stylesheet;
use crate::scene::{Anchor, Paint, Scene, Shape, Stroke};

/// Whose rules for colours a picture follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Styles {
    /// Its own: a picture that stands alone.
    Own,
    /// Those of the page that it is part of, which has [`stylesheet`](crate::html::stylesheet).
    OfPage,
}

/// A scene as SVG. Ends with a line break.
#[must_use]
pub fn svg(scene: &Scene, styles: Styles) -> String {
    let mut out = String::new();
    let (name, width, height) = (escaped(&scene.name), number(scene.width), number(scene.height));
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">"#
    );
    let _ = writeln!(out, r#"<title id="{name}-t">{}</title>"#, escaped(&scene.title));
    let _ = writeln!(out, r#"<desc id="{name}-d">{}</desc>"#, escaped(&scene.desc));
    if styles == Styles::Own {
        let _ = writeln!(out, "<style>{}</style>", stylesheet());
    }
    for shape in &scene.shapes {
        write_shape(shape, &mut out);
        out.push('\n');
    }
    out.push_str("</svg>\n");
    out
}

fn write_shape(shape: &Shape, out: &mut String) {
    let _ = match shape {
        Shape::Rect { x, y, width, height, paint } => write!(
            out,
            r#"<rect {} x="{}" y="{}" width="{}" height="{}"/>"#,
            fill(*paint),
            number(*x),
            number(*y),
            number(*width),
            number(*height)
        ),
        Shape::Lines { points, stroke } => {
            write!(out, r#"<path {} d="{}"/>"#, stroked(*stroke), path(points))
        }
        Shape::Area { points, paint } => write!(out, r#"<path {} d="{}Z"/>"#, fill(*paint), path(points)),
        Shape::Disc { at, radius, paint } => write!(
            out,
            r#"<circle {} cx="{}" cy="{}" r="{}"/>"#,
            fill(*paint),
            number(at.0),
            number(at.1),
            number(*radius)
        ),
        Shape::Text { at, text, anchor, size, bold, tone } => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => r#" text-anchor="middle""#,
                Anchor::End => r#" text-anchor="end""#,
            };
            let weight = if *bold { r#" font-weight="600""# } else { "" };
            write!(
                out,
                r#"<text class="f-{}" x="{}" y="{}" font-size="{}"{anchor}{weight}>{}</text>"#,
                tone.word(),
                number(at.0),
                number(at.1),
                number(*size),
                escaped(text)
            )
        }
    };
}

fn fill(paint: Paint) -> String {
    match paint {
        Paint::Full(tone) => format!(r#"class="f-{}""#, tone.word()),
        Paint::Wash(tone) => format!(r#"class="f-{}" fill-opacity="0.2""#, tone.word()),
    }
}

fn stroked(stroke: Stroke) -> String {
    let mut text = format!(
        r#"class="s-{}" fill="none" stroke-width="{}" stroke-linejoin="round""#,
        stroke.tone.word(),
        number(stroke.width)
    );
    if let Some((line, gap)) = stroke.dash.lengths() {
        let _ = write!(text, r#" stroke-dasharray="{} {}""#, number(line), number(gap));
    }
    text
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (nth, (x, y)) in points.iter().enumerate() {
        let letter = if nth == 0 { "M" } else { "L" };
        let _ = write!(path, "{letter}{} {}", number(*x), number(*y));
    }
    path
}

/// A coordinate with at most two decimals.
fn number(value: f64) -> String {
    let hundredths = (value * 100.0).round() as i64;
    let (whole, part) = (hundredths.abs() / 100, hundredths.abs() % 100);
    let sign = if hundredths < 0 { "-" } else { "" };
    match part {
        0 => format!("{sign}{whole}"),
        part if part % 10 == 0 => format!("{sign}{whole}.{}", part / 10),
        part => format!("{sign}{whole}.{part:02}"),
    }
}

/// Text with nothing in it that XML or HTML would read.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in crate::text::cleaned(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_have_at_most_two_decimals() {
        let table =
            [(0.0, "0"), (-0.001, "0"), (1.005_1, "1.01"), (12.3, "12.3"), (-7.25, "-7.25"), (760.0, "760")];
        for (value, expected) in table {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn text_is_never_markup() {
        assert_eq!(escaped("<b a=\"1\">&'\u{1}"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;\u{fffd}");
    }
}
