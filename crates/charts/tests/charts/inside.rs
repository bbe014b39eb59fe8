//! Laws of every picture.

use proptest::prelude::*;
use tollgate_charts::html::{Page, html};
use tollgate_charts::svg::{Styles, svg};
use tollgate_charts::{Anchor, Axis, Figure, Mark, Panel, Scene, Shape, Stroke, Tone, Unit, width};

use crate::any::{figure, name};
use crate::xml;

/// What the shapes of a scene reach, but for the width of their lines.
fn reaches(scene: &Scene) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for shape in &scene.shapes {
        match shape {
            Shape::Rect { x, y, width, height, .. } => points.extend([(*x, *y), (x + width, y + height)]),
            Shape::Lines { points: line, .. } | Shape::Area { points: line, .. } => points.extend(line),
            Shape::Disc { at, radius, .. } => {
                points.extend([(at.0 - radius, at.1 - radius), (at.0 + radius, at.1 + radius)]);
            }
            Shape::Text { at: (x, y), text, anchor, size, bold, .. } => {
                let wide = width(text, *size, *bold);
                let left = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - wide / 2.0,
                    Anchor::End => x - wide,
                };
                points.extend([(left, y - size), (left + wide, y + size / 4.0)]);
            }
        }
    }
    points
}

/// Words by which a document would reach for another one.
fn from_elsewhere(text: &str) -> Vec<&str> {
    let text = text.split("xmlns=\"http://www.w3.org/2000/svg\"");
    let words = ["http:", "https:", "url(", "@import", "href", "src=", "<script", "style=", "data:"];
    text.flat_map(|part| words.into_iter().filter(move |word| part.contains(word))).collect()
}

proptest! {
    #[test]
    fn everything_is_inside_and_well_formed(figure in figure()) {
        let scene = figure.scene();
        for (x, y) in reaches(&scene) {
            let inside = (-0.005..=scene.width + 0.005).contains(&x) && (-0.005..=scene.height + 0.005).contains(&y);
            prop_assert!(inside, "{x} {y} of {} {}", scene.width, scene.height);
        }
        for styles in [Styles::Own, Styles::OfPage] {
            let elements = xml::read(&svg(&scene, styles)).unwrap();
            prop_assert_eq!(&elements[0].0, "svg");
            prop_assert!(elements[0].1.iter().all(|(name, _)| name != "width" && name != "height"));
            let known = ["svg", "title", "desc", "style", "rect", "path", "circle", "text"];
            prop_assert!(elements.iter().all(|(name, _)| known.contains(&name.as_str())), "{elements:?}");
        }
        prop_assert_eq!(svg(&scene, Styles::Own), svg(&figure.scene(), Styles::Own));
    }

    #[test]
    fn a_page_has_no_markup_of_names_and_needs_nothing_else(figure in figure(), title in name(), note in name()) {
        let plain = Figure { title: "t".to_owned(), ..figure };
        let page = Page {
            title,
            facts: vec![("fact".to_owned(), note.clone())],
            figures: vec![plain],
            notes: vec![("notes".to_owned(), vec![note.clone()])],
            footer: note,
        };
        let text = html(&page);
        // Without what XML does not know, a page is XML.
        let body = text.strip_prefix("<!doctype html>\n").unwrap();
        let body: String = body.lines().filter(|line| !line.starts_with("<meta ")).collect::<Vec<_>>().join("\n");
        let (head, rest) = body.split_once("<style>").unwrap();
        let (_, rest) = rest.split_once("</style>").unwrap();
        let body = format!("{head}{rest}").replace("<svg xmlns", "<svg xmlns");
        let elements = xml::read(&body).unwrap();
        prop_assert!(elements.iter().all(|(name, _)| name != "script" && name != "b"), "{elements:?}");
        prop_assert!(elements.iter().all(|(_, of)| of.iter().all(|(name, _)| name != "style" && !name.starts_with("on"))));
    }
}

#[test]
fn nothing_of_a_page_is_from_elsewhere() {
    let text = html(&Page { figures: vec![crate::golden::lines()], ..Page::default() });
    assert!(text.contains("<svg xmlns"));
    assert_eq!(from_elsewhere(&text.replace("style-src", "")), [""; 0]);
    assert_eq!(from_elsewhere(&svg(&crate::golden::lines().scene(), Styles::Own)), [""; 0]);
}

#[test]
fn many_points_are_no_more_than_the_pixels_show() {
    let points: Vec<(f64, f64)> =
        (0..200_000).map(|nth| (f64::from(nth), f64::from(nth * 7_919 % 1_009))).collect();
    let panel = Panel {
        heading: String::new(),
        x: Axis::linear("", Unit::Count),
        y: Axis::linear("", Unit::Count),
        height: 200.0,
        marks: vec![Mark::Line { points, stroke: Stroke::solid(Tone::Blue, 1.0) }],
        keys: Vec::new(),
    };
    let text = svg(&Figure { panels: vec![panel], ..crate::golden::lines() }.scene(), Styles::Own);
    assert!((10_000..80_000).contains(&text.len()), "{}", text.len());
}
