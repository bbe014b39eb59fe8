//! Dependency arrows between the workspace's packages: a crate depends only on crates above it, and never on what it
//! must not know.

use serde::Deserialize;

use crate::finding::Finding;

const RULE: &str = "arrow";

/// The crates in order. Each may depend on those above it, except for what its row names.
const ROWS: &[Row] = &[
    Row { package: "tollgate-domain", never: &[ASYNC, HTTP, SERVING, STORES, RANDOM, LOGGING] },
    Row {
        package: "tollgate-charts",
        never: &[ASYNC, HTTP, SERVING, STORES, RANDOM, LOGGING, MEANING, STORAGE],
    },
    Row { package: "tollgate-clock", never: &[HTTP, SERVING, STORES, RANDOM, LOGGING] },
    Row { package: "tollgate-files", never: &[ASYNC, HTTP, SERVING, STORES, RANDOM, LOGGING] },
    Row {
        package: "tollgate-wire",
        never: &[STORES, &["tollgate-clock", "tollgate-files", "tollgate-log", "tollgate-view-store"]],
    },
    Row { package: "tollgate-log", never: &[SERVING, MEANING] },
    Row { package: "tollgate-log-jetstream", never: &[SERVING, MEANING] },
    Row { package: "tollgate-outbound", never: &[SERVING, MEANING, STORES, LOG] },
    Row { package: "tollgate-deliver", never: &[SERVING, MEANING, STORES, LOG] },
    Row { package: "tollgate-price-sources", never: &[SERVING, MEANING, STORES, LOG, &["tollgate-deliver"]] },
    Row { package: "tollgate-telemetry", never: &[SERVING, MEANING, STORES, LOG, &["tollgate-deliver"]] },
    Row { package: "tollgate-projection", never: &[ASYNC, HTTP, SERVING, STORES, RANDOM, LOGGING, STORAGE] },
    Row {
        package: "tollgate-mcp",
        never: &[STORES, LOG, RANDOM, &["axum", "tower-http", "tollgate-clock", "tollgate-files"]],
    },
    Row { package: "tollgate-view-store", never: &[SERVING, &["tollgate-projection", "tollgate-wire"]] },
    Row { package: "tollgate-projector", never: &[SERVING] },
    Row { package: "tollgate-server", never: &[&["tollgate-view-store"]] },
    Row { package: "tollgate-client", never: &[SERVING, LOG, &["tollgate-server", "tollgate-projector"]] },
    Row { package: "tollgate-import", never: &[SERVING, LOG, &["tollgate-server"]] },
    Row {
        package: "tollgate-tekton",
        never: &[LOG, STORES, &["tollgate-server", "tollgate-projector", "tollgate-import"]],
    },
    Row {
        package: "tollgate-grpc",
        never: &[
            LOG,
            STORES,
            &[
                "tollgate-server",
                "tollgate-projector",
                "tollgate-client",
                "tollgate-import",
                "tollgate-tekton",
            ],
        ],
    },
    Row { package: "tollgate-replay", never: &[HTTP, SERVING, &["tollgate-server", "tollgate-view-store"]] },
    Row { package: "tollgate", never: &[] },
];

/// Packages that only some crates of the table may use.
const ONLY: &[(&str, &[&str])] = &[
    ("sled", &["tollgate-view-store"]),
    ("rustls-native-certs", &["tollgate-outbound"]),
    ("tokio-rustls", &["tollgate-outbound", "tollgate-server"]),
    ("html5gum", &["tollgate-price-sources"]),
    ("rmcp", &["tollgate-mcp"]),
    ("rusqlite", &["tollgate-import"]),
    ("tiny-skia", &["tollgate-charts"]),
    ("async-nats", &["tollgate-log-jetstream", "tollgate-projector", "tollgate-server"]),
];

const ASYNC: &[&str] = &["tokio", "futures", "futures-util", "tower"];
const HTTP: &[&str] = &["http", "http-body-util", "hyper", "hyper-util", "reqwest"];
const SERVING: &[&str] = &["axum", "rmcp", "tonic", "tower-http", "utoipa"];
const STORES: &[&str] = &["fjall", "redb", "rusqlite", "tempfile"];
const RANDOM: &[&str] = &["fastrand", "getrandom", "rand"];
const LOGGING: &[&str] = &["log", "tracing", "tracing-subscriber"];
/// The crates that know what an event means.
const MEANING: &[&str] = &["tollgate-wire", "tollgate-projection"];
const LOG: &[&str] = &["tollgate-log", "tollgate-log-jetstream"];
const STORAGE: &[&str] = &[
    "tollgate-clock",
    "tollgate-files",
    "tollgate-log",
    "tollgate-log-jetstream",
    "tollgate-view-store",
    "tollgate-projector",
];

/// A crate, and what it must not know in addition to everything below it.
struct Row {
    package: &'static str,
    never: &'static [&'static [&'static str]],
}

/// The output of `cargo metadata --no-deps --format-version 1`.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    workspace_root: String,
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None`: a normal dependency; otherwise `build` or `dev`.
    kind: Option<String>,
    rename: Option<String>,
}

impl Metadata {
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| format!("`cargo metadata` is not readable: {error}"))
    }

    pub(crate) fn workspace_root(&self) -> &str {
        &self.workspace_root
    }
}

/// Checks all packages under `crates/`; tools and tests may depend on anything. `manifest` returns a
/// manifest's text.
pub(crate) fn check(metadata: &Metadata, manifest: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let path = package.manifest_path.replace('\\', "/");
        let path = path.strip_prefix(&metadata.workspace_root.replace('\\', "/")).unwrap_or(&path);
        let path = path.trim_start_matches('/');
        if !path.starts_with("crates/") {
            continue;
        }
        let Some(place) = place_of(&package.name) else {
            let message = format!(
                "`{}` has no row in the table of tools/xtask/src/arrows.rs: give it one, in its place",
                package.name
            );
            findings.push(Finding::broken(path, 1, RULE, message));
            continue;
        };
        let text = manifest(path).unwrap_or_default();
        // Tests may know what the crate itself must not.
        for dependency in package.dependencies.iter().filter(|it| it.kind.as_deref() != Some("dev")) {
            if let Some(reason) = forbidden(place, &dependency.name, metadata) {
                let line = line_of(&text, dependency.rename.as_ref().unwrap_or(&dependency.name));
                findings.push(Finding::broken(path, line, RULE, reason));
            }
        }
    }
    findings
}

/// Why the crate at `place` must not depend on this one.
fn forbidden(place: usize, dependency: &str, metadata: &Metadata) -> Option<String> {
    let row = &ROWS[place];
    let package = row.package;
    if row.never.iter().any(|group| group.contains(&dependency)) {
        return Some(format!(
            "{package} must not know {dependency}: move what needs it to a crate that may, and pass data in"
        ));
    }
    if let Some((_, users)) = ONLY.iter().find(|(name, _)| *name == dependency)
        && !users.contains(&package)
    {
        let users = users.join(", ");
        return Some(format!(
            "{package} must not use {dependency}, only {users} may: go through their interface"
        ));
    }
    if !metadata.packages.iter().any(|ours| ours.name == dependency) {
        return None;
    }
    match place_of(dependency) {
        Some(other) if other < place => None,
        Some(_) => Some(format!(
            "{package} depends on {dependency}, which stands below it: arrows point upwards; move the shared part up"
        )),
        None => Some(format!(
            "{package} depends on {dependency}, a tool or a test: move the shared part to a crate"
        )),
    }
}

fn place_of(package: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.package == package)
}

/// Where a manifest names a dependency; the first line if it cannot be found.
fn line_of(manifest: &str, name: &str) -> usize {
    let names = |line: &str| {
        let line = line.trim_start().trim_start_matches('"');
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=', '"']))
            || line.strip_suffix(']').is_some_and(|head| head.ends_with(&format!("dependencies.{name}")))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packages as `name: dependency, build dependency +b, dev dependency +d`; those of tools begin with
    /// `tools/`.
    fn metadata(script: &str) -> Metadata {
        let mut packages = Vec::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, dependencies) = line.split_once(':').unwrap();
            let (folder, name) = name.split_once('/').unwrap_or(("crates", name));
            let dependencies = dependencies.split(',').map(str::trim).filter(|word| !word.is_empty());
            let dependency = |word: &str| match word.split_once('+') {
                Some((name, kind)) => {
                    let kind = if kind == "d" { "dev" } else { "build" };
                    Dependency { name: name.to_owned(), kind: Some(kind.to_owned()), rename: None }
                }
                None => Dependency { name: word.to_owned(), kind: None, rename: None },
            };
            packages.push(Package {
                name: name.to_owned(),
                manifest_path: format!("/repo/{folder}/{name}/Cargo.toml"),
                dependencies: dependencies.map(dependency).collect(),
            });
        }
        Metadata { workspace_root: "/repo".to_owned(), packages }
    }

    /// The findings, as `line message`.
    fn found(script: &str, manifest: &str) -> Vec<String> {
        let findings = check(&metadata(script), &|_| Some(manifest.to_owned()));
        findings.into_iter().map(|finding| format!("{} {}", finding.line, finding.message)).collect()
    }

    #[test]
    fn arrows_that_point_upwards_are_fine() {
        let script = "
            tollgate-domain: serde, proptest+d, tokio+d
            tollgate-wire: tollgate-domain, prost, prost-build+b
            tollgate-clock: tollgate-domain, tokio
            tollgate-log: tollgate-domain, tollgate-clock, tokio, tollgate-wire+d
            tollgate-log-jetstream: tollgate-log, async-nats
            tollgate-projection: tollgate-domain, tollgate-wire
            tollgate-view-store: tollgate-domain, sled
            tollgate-projector: tollgate-projection, tollgate-view-store, tollgate-log, async-nats
            tollgate-server: tollgate-projector, axum
            tollgate-client: tollgate-wire, hyper
            tollgate-import: tollgate-domain
            tollgate: tollgate-server, tollgate-view-store, tollgate-import
            tools/tollgate-bench: sled, tollgate, tollgate-view-store
        ";
        assert_eq!(found(script, ""), [""; 0]);
    }

    #[test]
    fn every_other_arrow_is_found() {
        let table = "
            tollgate-domain: tokio                | must not know tokio
            tollgate-domain: sled                 | only tollgate-view-store may
            tollgate-domain: tollgate-wire        | stands below it
            tollgate-domain: rand+b               | must not know rand
            tollgate-charts: tollgate-projection  | must not know tollgate-projection
            tollgate-projection: tiny-skia        | only tollgate-charts may
            tollgate-wire: tollgate-log           | must not know tollgate-log
            tollgate-log: tollgate-wire           | must not know tollgate-wire
            tollgate-log: async-nats              | only tollgate-log-jetstream, tollgate-projector, tollgate-server
            tollgate-log-jetstream: tollgate-projection | must not know tollgate-projection
            tollgate-projection: tollgate-log     | must not know tollgate-log
            tollgate-projection: tokio            | must not know tokio
            tollgate-projection: tollgate-clock   | must not know tollgate-clock
            tollgate-domain: tollgate-clock       | stands below it
            tollgate-view-store: tollgate-wire    | must not know tollgate-wire
            tollgate-deliver: tollgate-log        | must not know tollgate-log
            tollgate-deliver: tokio-rustls        | only tollgate-outbound, tollgate-server may
            tollgate-outbound: tollgate-deliver   | stands below it
            tollgate-projector: axum              | must not know axum
            tollgate-projector: sled              | only tollgate-view-store may
            tollgate-server: tollgate-view-store  | must not know tollgate-view-store
            tollgate-client: tollgate-server      | must not know tollgate-server
            tollgate-import: tollgate-log         | must not know tollgate-log
            tollgate-server: tollgate-import      | stands below it
            tollgate: tollgate-bench              | a tool or a test
            tollgate: sled                        | only tollgate-view-store may
            tollgate-novelty: serde               | has no row in the table
        ";
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (package, expected) = line.split_once('|').unwrap();
            let others = "tollgate-deliver:\n tollgate-clock:\n tollgate-import:\n tollgate-wire:\n tools/tollgate-bench:";
            let findings = found(&format!("{package}\n{others}"), "");
            assert_eq!(findings.len(), 1, "{line}: {findings:?}");
            assert!(findings[0].contains(expected.trim()), "{line}: {findings:?}");
        }
    }

    #[test]
    fn the_finding_names_the_manifests_line() {
        let manifest = "[package]\nname = \"tollgate-domain\"\n[dependencies]\ntokio-util = \"1\"\ntokio.workspace = true\n";
        assert!(found("tollgate-domain: tokio", manifest)[0].starts_with("5 "));
        assert_eq!(line_of("[x]\n[dependencies.tokio]\n", "tokio"), 2);
        assert_eq!(line_of("[x]\n", "tokio"), 1);
    }

    #[test]
    fn reads_what_cargo_says() {
        let json = r#"{"workspace_root":"/r","packages":[{"name":"p","manifest_path":"/r/crates/p/Cargo.toml",
            "dependencies":[{"name":"d","kind":null,"rename":null,"req":"^1"}]}],"version":1}"#;
        let metadata = Metadata::parse(json).unwrap();
        assert_eq!(
            (metadata.workspace_root(), metadata.packages[0].dependencies[0].name.as_str()),
            ("/r", "d")
        );
        assert!(Metadata::parse("{}").unwrap_err().contains("not readable"));
    }
}
