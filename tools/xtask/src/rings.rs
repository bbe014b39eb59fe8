//! Files of a crate that import each other: none can be read, or moved, without the others.
//!
//! Any path in a file outside its tests that starts with `crate::`, `super::` or `self::` is an arrow to the
//! file it leads to. A parent and its children may know each other. All other rings are refused, unless
//! [`IDIOMS`] names them.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::source::Source;

/// Modules that may be in a ring, each with the reason in `docs/ARCHITECTURE.md`.
const IDIOMS: &[&str] = &[
    // The enum of a view's rows, and the files of its variants.
    "crates/projection/src/alerts/row.rs",
];

/// A file as a path of modules under its crate's root.
type Module = Vec<String>;

/// Finds the rings of all crates.
pub(crate) fn check<'a>(files: impl Iterator<Item = (&'a str, String)>) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, BTreeMap<Module, (&str, String)>> = BTreeMap::new();
    for (path, text) in files {
        let Some((root, inside)) = path.split_once("/src/") else { continue };
        if let Some(module) = module_of(inside) {
            crates.entry(root).or_default().insert(module, (path, text));
        }
    }
    crates.values().flat_map(rings).collect()
}

/// The module of a file under `src`; `None`: it is not code, or only for tests.
fn module_of(inside: &str) -> Option<Module> {
    let mut module: Module = inside.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    if module.iter().any(|name| matches!(name.as_str(), "tests" | "testing" | "bin")) {
        return None;
    }
    if module.last().is_some_and(|name| name == "mod") || matches!(inside, "lib.rs" | "main.rs") {
        module.pop();
    }
    Some(module)
}

fn rings(files: &BTreeMap<Module, (&str, String)>) -> Vec<Finding> {
    let modules: Vec<&Module> = files.keys().collect();
    let arrows: Vec<BTreeSet<usize>> = files
        .iter()
        .map(|(module, (path, text))| {
            if IDIOMS.contains(path) {
                return BTreeSet::new();
            }
            let named = named(module, &Source::new(text), files);
            modules
                .iter()
                .enumerate()
                .filter(|(_, other)| named.contains(**other))
                .map(|(nth, _)| nth)
                .collect()
        })
        .collect();
    let reach: Vec<BTreeSet<usize>> = (0..arrows.len()).map(|from| reached(from, &arrows)).collect();
    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for nth in 0..arrows.len() {
        if !reach[nth].contains(&nth) || told.contains(&nth) {
            continue;
        }
        let ring: Vec<usize> =
            reach[nth].iter().copied().filter(|other| reach[*other].contains(&nth)).collect();
        let names: Vec<String> = ring.iter().map(|member| modules[*member].join("::")).collect();
        let (path, _) = files[modules[nth]];
        let message = format!(
            "these files import each other: {}; move what both sides need into a file of its own",
            names.join(", ")
        );
        findings.push(Finding::broken(path, 1, "ring", message));
        told.extend(ring);
    }
    findings
}

/// What can be reached from a module by one or more arrows.
fn reached(from: usize, arrows: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut next: Vec<usize> = arrows[from].iter().copied().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(&arrows[module]);
        }
    }
    found
}

/// The modules that a file names, except for itself, its parents and its children.
fn named(module: &Module, source: &Source, files: &BTreeMap<Module, (&str, String)>) -> BTreeSet<Module> {
    let imported = source.imports().into_iter().filter(|(at, _)| !source.is_test(*at)).map(|(_, path)| path);
    let inline = ["crate::", "super::", "self::"].into_iter().flat_map(|start| source.find(start));
    let inline = inline.filter(|at| !source.is_test(*at)).map(|at| {
        let path = |letter: char| letter == '_' || letter == ':' || letter.is_ascii_alphanumeric();
        source.code[at..].chars().take_while(|letter| path(*letter)).collect::<String>()
    });
    // `super::super::x` has already been found, also at its second word; and groups are spelled out by the
    // imports.
    let whole = |path: &String| !path.ends_with("::");
    imported
        .chain(inline.filter(whole))
        .filter_map(|path| resolve(module, &path, files))
        .filter(|other| !other.starts_with(module) && !module.starts_with(other))
        .collect()
}

/// The file that a path leads to, from this module.
fn resolve(module: &Module, path: &str, files: &BTreeMap<Module, (&str, String)>) -> Option<Module> {
    let mut segments = path.split("::");
    let mut place: Module = match segments.next()? {
        "crate" => Vec::new(),
        "self" => module.clone(),
        "super" => module.split_last()?.1.to_vec(),
        _ => return None,
    };
    for segment in segments {
        if segment == "super" {
            place.pop();
        } else {
            place.push(segment.to_owned());
        }
    }
    while !files.contains_key(&place) {
        place.pop()?;
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of one crate as `path: code`, and the findings about them.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, String)> =
            files.iter().map(|(path, text)| (format!("crates/x/src/{path}"), (*text).to_owned())).collect();
        let files = files.iter().map(|(path, text)| (path.as_str(), text.clone()));
        check(files).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn files_that_import_each_other_are_named() {
        let ring = |names: &str| {
            vec![format!(
                "these files import each other: {names}; move what both sides need into a file of its own"
            )]
        };
        for (files, expected) in [
            (&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "")][..], Vec::new()),
            (&[("a.rs", "use crate::b::B;"), ("b.rs", "use super::a::A;")][..], ring("a, b")),
            (
                &[
                    ("a.rs", "use crate::b::B;"),
                    ("b.rs", "fn f() { crate::c::g() }"),
                    ("c.rs", "use crate::{a::A};"),
                ],
                ring("a, b, c"),
            ),
            (
                &[("p/a.rs", "use super::b::B;"), ("p/b.rs", "use super::super::p::a::A;"), ("p.rs", "")],
                ring("p::a, p::b"),
            ),
            // A parent and its children.
            (&[("p/mod.rs", "use self::a::A;"), ("p/a.rs", "use super::P;")], Vec::new()),
            // Comments, strings and tests.
            (
                &[
                    ("a.rs", "use crate::b::B;"),
                    (
                        "b.rs",
                        "//! [`crate::a`]\nconst T: &str = \"crate::a::A\";\n#[cfg(test)]\nmod tests { use crate::a::A; }",
                    ),
                ],
                Vec::new(),
            ),
            (&[("a.rs", "use crate::tests::x;"), ("tests.rs", "use crate::a::A;")], Vec::new()),
            (&[("a.rs", "use b::B;"), ("b.rs", "use crate::a::A;")], Vec::new()),
        ] {
            assert_eq!(found(files), expected, "{files:?}");
        }
    }

    #[test]
    fn rings_of_two_crates_are_two() {
        let files = [
            ("crates/x/src/a.rs", "use crate::b::B;"),
            ("crates/x/src/b.rs", "use crate::a::A;"),
            ("crates/y/src/a.rs", "use crate::b::B;"),
            ("crates/y/src/b.rs", "use crate::a::A;"),
        ];
        let found = check(files.into_iter().map(|(path, text)| (path, text.to_owned())));
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
