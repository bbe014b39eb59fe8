//! The software bill of materials: complete, of this program, and in the form that it says it has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tollgate_test_process::Program;
use tollgate_tests::{Place, binary};

use super::{all_installed, at, checkers, packaged, text_of, tool};

fn texts<'a>(values: &'a Value, field: &str) -> Vec<&'a str> {
    values.as_array().unwrap().iter().map(|value| value[field].as_str().unwrap()).collect()
}

/// Packages of Cargo.lock, each with the checksum of what a registry has.
fn locked() -> BTreeMap<(String, String), Option<String>> {
    let lock = text_of("Cargo.lock");
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
        line.map(|rest| rest.trim_end_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]\n").skip(1);
    packages
        .map(|block| {
            let of = |name| field(block, name);
            ((of("name").unwrap(), of("version").unwrap()), of("checksum"))
        })
        .collect()
}

/// Checks a bill of materials of this program.
pub(super) fn check(text: &str) {
    let bill: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let program = at(&bill, "/metadata/component");
    let (_, version) = tool(binary().to_str().unwrap(), &["--version"]).unwrap();
    assert_eq!(format!("{} {}", texts_of(program, "name"), texts_of(program, "version")), version.trim());

    let components = &bill["components"];
    let names: BTreeSet<&str> = texts(components, "name").into_iter().collect();
    for linked in ["axum", "rusqlite", "rustls", "sled", "tokio", "tollgate-domain", "zstd-sys"] {
        assert!(names.contains(linked), "{linked} is in the program, and not in its bill");
    }
    for not_linked in ["clap_derive", "insta", "rcgen", "tollgate", "tollgate-bench", "tollgate-tests"] {
        assert!(!names.contains(not_linked), "{not_linked} is not in the program");
    }
    let locked = locked();
    for component in components.as_array().unwrap() {
        let text = |field| texts_of(component, field);
        assert_eq!(text("bom-ref"), text("purl"));
        if text("purl").starts_with("pkg:deb/") {
            continue;
        }
        let of = (text("name").to_owned(), text("version").to_owned());
        let checksum = locked.get(&of).unwrap_or_else(|| panic!("{of:?} is not in Cargo.lock"));
        let told = component.pointer("/hashes/0/content").and_then(Value::as_str);
        assert_eq!(told, checksum.as_deref(), "{of:?}");
        assert_ne!(at(component, "/licenses/0/expression"), "", "{of:?}");
    }

    // Nothing is named twice, nothing depends on what is not there, and everything is there for the program's sake.
    let dependencies = bill["dependencies"].as_array().unwrap();
    let arrows: BTreeMap<&str, Vec<&str>> = dependencies
        .iter()
        .map(|one| {
            let on = one["dependsOn"].as_array().unwrap().iter().map(|to| to.as_str().unwrap());
            (one["ref"].as_str().unwrap(), on.collect())
        })
        .collect();
    let (mut reached, mut next) = (BTreeSet::new(), vec![texts_of(program, "bom-ref")]);
    while let Some(reference) = next.pop() {
        if reached.insert(reference) {
            next.extend(arrows.get(reference).unwrap_or_else(|| panic!("{reference} is not in the bill")));
        }
    }
    let crates: Vec<&str> =
        texts(components, "bom-ref").into_iter().filter(|it| it.starts_with("pkg:cargo/")).collect();
    assert_eq!(crates.len() + 1, reached.len());
    assert!(crates.iter().all(|it| reached.contains(it)));
}

fn texts_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}"))
}

#[test]
fn the_bill_names_what_is_in_the_program_and_is_the_same_each_time() {
    if !all_installed(&["python3"]) {
        return;
    }
    let bill = packaged("tools/package/sbom", &[]);
    check(&bill);
    assert!(bill == packaged("tools/package/sbom", &[]), "the same sources give the same bytes");
    let Some(python) = checkers("the schema of CycloneDX") else { return };
    let place = Place::new();
    place.write("sbom.json", &bill);
    place.write("broken.json", &bill.replacen("\"required\"", "\"needed\"", 1));
    let script = "import sys; from cyclonedx.schema import SchemaVersion; from cyclonedx.validation.json import JsonStrictValidator; \
                  sys.exit(str(JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read()) or '') or 0)";
    for (file, right) in [("sbom.json", true), ("broken.json", false)] {
        let run = Program::new(&python).args(["-c", script, file]).current_dir(place.path("")).output();
        assert_eq!(run.status.success(), right, "{file}: {}", String::from_utf8_lossy(&run.stderr));
    }
}
