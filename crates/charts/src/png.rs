//! Scenes as PNG, in the colours of a light page, for documents that take no SVG. The same scene, the same bytes on
//! every machine: letters are strokes of a table, and nothing looks for a font.

use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint as Brush, Path, PathBuilder, Pixmap, Rect, Stroke as Pen,
    StrokeDash, Transform,
};

use crate::glyphs::{BASE, SIDE, UNIT, glyph};
use crate::scene::{Anchor, Paint, Scene, Shape, Stroke, Tone};
use crate::text::width;

/// The most pixels of a picture: 256 MB while it is drawn.
const MOST_PIXELS: u64 = 1 << 26;

/// The part of its colour that a wash has.
const WASH: f32 = 0.2;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// It would be too large.
    #[error("{width} × {height} pixels are more than a picture may have ({MOST_PIXELS}): use the SVG")]
    TooLarge {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// It cannot be encoded.
    #[error("encoding it: {0}")]
    Encode(String),
}

/// A scene as the bytes of a PNG file, with `scale` pixels for each of the scene's.
///
/// # Errors
///
/// [`PngError`].
pub fn png(scene: &Scene, scale: u8) -> Result<Vec<u8>, PngError> {
    let scale = f64::from(scale.max(1));
    let (width, height) = ((scene.width * scale).ceil() as u32, (scene.height * scale).ceil() as u32);
    let pixels = (u64::from(width) * u64::from(height) <= MOST_PIXELS).then(|| Pixmap::new(width, height));
    let Some(mut pixels) = pixels.flatten() else { return Err(PngError::TooLarge { width, height }) };
    let transform = Transform::from_scale(scale as f32, scale as f32);
    for shape in &scene.shapes {
        draw(shape, &mut pixels, transform);
    }
    pixels.encode_png().map_err(|error| PngError::Encode(error.to_string()))
}

fn draw(shape: &Shape, pixels: &mut Pixmap, transform: Transform) {
    match shape {
        Shape::Rect { x, y, width, height, paint } => {
            let rect = Rect::from_xywh(*x as f32, *y as f32, *width as f32, *height as f32);
            if let Some(rect) = rect {
                pixels.fill_rect(rect, &filled(*paint), transform, None);
            }
        }
        Shape::Lines { points, stroke } => {
            if let Some(path) = joined(points, false) {
                pixels.stroke_path(&path, &inked(stroke.tone), &pen(*stroke), transform, None);
            }
        }
        Shape::Area { points, paint } => {
            if let Some(path) = joined(points, true) {
                pixels.fill_path(&path, &filled(*paint), FillRule::Winding, transform, None);
            }
        }
        Shape::Disc { at, radius, paint } => {
            if let Some(path) = PathBuilder::from_circle(at.0 as f32, at.1 as f32, *radius as f32) {
                pixels.fill_path(&path, &filled(*paint), FillRule::Winding, transform, None);
            }
        }
        Shape::Text { at, text, anchor, size, bold, tone } => {
            let wide = width(text, *size, *bold);
            let begin = match anchor {
                Anchor::Start => at.0,
                Anchor::Middle => at.0 - wide / 2.0,
                Anchor::End => at.0 - wide,
            };
            if let Some(path) = written(text, (begin as f32, at.1 as f32), *size as f32, *bold) {
                let width = *size as f32 * if *bold { 0.13 } else { 0.085 };
                let pen =
                    Pen { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Pen::default() };
                pixels.stroke_path(&path, &inked(*tone), &pen, transform, None);
            }
        }
    }
}

fn inked(tone: Tone) -> Brush<'static> {
    filled(Paint::Full(tone))
}

fn filled(paint: Paint) -> Brush<'static> {
    let (tone, opacity) = match paint {
        Paint::Full(tone) => (tone, 1.0),
        Paint::Wash(tone) => (tone, WASH),
    };
    let [_, red, green, blue] = tone.light().to_be_bytes();
    let mut colour = Color::from_rgba8(red, green, blue, u8::MAX);
    colour.set_alpha(opacity);
    let mut brush = Brush::default();
    brush.set_color(colour);
    brush
}

fn pen(stroke: Stroke) -> Pen {
    let dash = stroke.dash.lengths();
    Pen {
        width: stroke.width as f32,
        line_join: LineJoin::Round,
        dash: dash.and_then(|(line, gap)| StrokeDash::new(vec![line as f32, gap as f32], 0.0)),
        ..Pen::default()
    }
}

fn joined(points: &[(f64, f64)], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (nth, (x, y)) in points.iter().enumerate() {
        let (x, y) = (*x as f32, *y as f32);
        if nth == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

/// The strokes of a text that begins at a place on its base line. Each letter is as wide as in the table of widths,
/// which the layout used.
fn written(text: &str, (mut x, y): (f32, f32), size: f32, bold: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for c in text.chars() {
        let wide = width(c.encode_utf8(&mut [0; 4]), f64::from(size), bold) as f32;
        let (units, strokes) = glyph(c);
        let across = wide / (units + 2.0 * SIDE);
        let place = |point: &str| {
            let mut places = point.chars().filter_map(|c| c.to_digit(36));
            let (right, down) = (places.next()? as f32, places.next()? as f32);
            Some((x + (right + SIDE) * across, y + (down - BASE) * UNIT * size))
        };
        for stroke in strokes.split(';').filter(|stroke| !stroke.is_empty()) {
            let points: Vec<(f32, f32)> =
                stroke.trim_start_matches('~').split(' ').filter_map(place).collect();
            if stroke.starts_with('~') { round(&points, &mut path) } else { straight(&points, &mut path) }
        }
        x += wide;
    }
    path.finish()
}

fn straight(points: &[(f32, f32)], path: &mut PathBuilder) {
    for (nth, (x, y)) in points.iter().enumerate() {
        if nth == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
}

/// A stroke through the middles between its points, pulled by them.
fn round(points: &[(f32, f32)], path: &mut PathBuilder) {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let middle =
        |one: (f32, f32), other: (f32, f32)| (f32::midpoint(one.0, other.0), f32::midpoint(one.1, other.1));
    if first == last {
        let corners = points.get(1..).unwrap_or_default();
        let Some(start) = corners.first().map(|corner| middle(*first, *corner)) else { return };
        path.move_to(start.0, start.1);
        let next = corners.iter().skip(1).chain(corners.first());
        for (corner, next) in corners.iter().zip(next) {
            let end = middle(*corner, *next);
            path.quad_to(corner.0, corner.1, end.0, end.1);
        }
        path.close();
        return;
    }
    path.move_to(first.0, first.1);
    let inner = points.get(1..points.len().saturating_sub(1)).unwrap_or_default();
    for (nth, corner) in inner.iter().enumerate() {
        let end = inner.get(nth + 1).map_or(*last, |next| middle(*corner, *next));
        path.quad_to(corner.0, corner.1, end.0, end.1);
    }
}
