//! The same scenes as PNG.

use tollgate_charts::png::{PngError, png};
use tollgate_charts::{Figure, Panel};

use crate::golden::lines;

/// Width and height in the header of a PNG file.
fn size(bytes: &[u8]) -> (u32, u32) {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
    #[test]
    fn every_scene_has_a_picture_of_its_size(figure in crate::any::figure()) {
        let scene = figure.scene();
        let bytes = png(&scene, 1).unwrap();
        proptest::prop_assert_eq!(size(&bytes), (scene.width as u32, scene.height.ceil() as u32));
    }
}

#[test]
fn the_same_scene_has_the_same_bytes_and_another_one_has_others() {
    let bytes = png(&lines().scene(), 2).unwrap();
    assert_eq!(bytes, png(&lines().scene(), 2).unwrap());
    let other = Figure { title: "All Marks".to_owned(), ..lines() };
    assert_ne!(bytes, png(&other.scene(), 2).unwrap());
    // FNV-1a of what was looked at: it is the same on every machine.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    insta::assert_snapshot!("png", format!("{:?} {} bytes {hash:016x}", size(&bytes), bytes.len()));
}

#[test]
fn a_picture_that_is_too_large_is_refused() {
    let mut figure = lines();
    let panel = Panel { height: 1e6, ..figure.panels[0].clone() };
    figure.panels = vec![panel];
    let refused = png(&figure.scene(), 1).unwrap_err();
    assert!(matches!(refused, PngError::TooLarge { width: 760, .. }), "{refused}");
    assert!(refused.to_string().contains("use the SVG"), "{refused}");
}
