//! Usage in other units than tokens, from the command line to the reports.

use tollgate_tests::Place;

#[test]
fn images_are_recorded_priced_corrected_and_reported() {
    let place = Place::new();
    let from = "--from 2020-01-01T00:00:00Z";
    let _ =
        place.ok(&format!("--data d prices set studio/painter --unit output_images=0.04 --by ann {from}"));
    let quote = place.ok("--data d prices show painter --provider studio --unit output_images=3");
    assert!(quote.contains("3 output images: 0.12 USD, at 0.04 USD"), "{quote}");
    assert!(quote.contains("cost: 0.12 USD for 3 output images"), "{quote}");

    let at = "--at 2026-11-21T08:30:00Z";
    let told = place.ok(&format!(
        "--data d usage record T-1 --provider studio --model painter --unit output_images=3 --id u {at}"
    ));
    assert!(told.contains("output_images=3 recorded"), "{told}");
    let _ = place.ok(&format!(
        "--data d usage record T-1 --provider studio --model sculptor --output 10 --unit output_pixels=900 --unit pages=1 {at}"
    ));
    let _ = place.ok(&format!("--data d usage adjust T-1 u --unit=output_images=-1 --reason black {at}"));

    let shown = place.ok("--data d task show T-1");
    assert!(shown.contains("beside   2 output images, 900 output pixels, 1 page"), "{shown}");
    assert!(
        shown.contains("0.08 USD, and 10 unpriced tokens, and 900 output pixels, 1 page without a price"),
        "{shown}"
    );
    let summary = place.ok("--data d usage summary");
    assert!(
        summary.contains("900 output pixels, 1 page without a known price, which is not zero"),
        "{summary}"
    );
    let export = place.ok("--data d report export --by none --dimensions model --format csv");
    assert!(export.contains("painter,1,0,0,0,0,0,0,0,0.08,0,output_images=2,\r\n"), "{export}");
    assert!(export.contains(",10,output_pixels=900 pages=1,output_pixels=900 pages=1\r\n"), "{export}");

    let refused = place.run_line("--data d usage record T-1 --model painter --unit output_image=3");
    assert!(refused.err.contains("did you mean `output_images`?"), "{}", refused.err);
    let refused = place.run_line("--data d usage record T-1 --model painter --unit output_images");
    assert!(refused.err.contains("must be a unit and its count"), "{}", refused.err);
}
