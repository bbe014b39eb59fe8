//! What is installed: the package for Debian, its unit for systemd, the image, the chart, and what they say the program
//! consists of. Each where its tools are installed.

mod bill;
mod chart;
mod compose;
mod image;

use std::path::PathBuf;

use serde_json::Value;
use tollgate_test_process::Program;
use tollgate_tests::{Place, binary};

/// A file of the repository.
fn of_repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(of_repository(path)).unwrap()
}

/// Whether what the tools of packaging need is here; if not, says so.
fn all_installed(programs: &[&str]) -> bool {
    programs.iter().all(|program| tool(program, &["--version"]).is_some())
}

/// What a tool of packaging answers. It fetches nothing.
fn packaged(script: &str, args: &[&str]) -> String {
    let run = Program::new(of_repository(script)).args(args).env("CARGO_NET_OFFLINE", "true").output();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{script} {args:?}: {said}");
    String::from_utf8(run.stdout).unwrap()
}

/// A program of Python's that a checker of others needs; `None`, said aloud: there is none (`tools/test` makes one).
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn checkers(what: &str) -> Option<String> {
    let python = std::env::var("TOLLGATE_TEST_CHECKERS").ok().filter(|python| !python.is_empty());
    if python.is_none() {
        eprintln!(
            "skipped: {what}: TOLLGATE_TEST_CHECKERS names no python with tests/e2e/package/requirements.txt"
        );
    }
    python
}

/// A value at a path such as `/spec/replicas`.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or_else(|| panic!("{path} is not in {value:#}"))
}

/// Runs a tool of the system; `None`, said aloud: it is not installed.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn tool(program: &str, args: &[&str]) -> Option<(bool, String)> {
    let Ok(run) = Program::new(program).args(args).try_output() else {
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    let said = [run.stdout, run.stderr].concat();
    Some((run.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn a_package_has_the_program_its_pages_completions_and_a_hardened_unit() {
    if !all_installed(&["dpkg-deb", "python3"]) {
        return;
    }
    let place = Place::new();
    let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let program = binary();
    let args = ["--binary", program.to_str().unwrap(), "--out", &path("out"), "--compression", "none"];
    let said = packaged("tools/package/deb", &args);
    let package = said.trim();
    let (listed, files) = tool("dpkg-deb", &["--contents", package]).unwrap();
    assert!(listed, "{files}");
    for file in [
        "-rwxr-xr-x root/root",
        "./usr/bin/tollgate\n",
        "./usr/lib/systemd/system/tollgate.service\n",
        "./usr/share/man/man1/tollgate.1.gz\n",
        "./usr/share/man/man1/tollgate-allocate-create.1.gz\n",
        "./usr/share/bash-completion/completions/tollgate\n",
        "./usr/share/zsh/vendor-completions/_tollgate\n",
        "./usr/share/fish/vendor_completions.d/tollgate.fish\n",
        "./etc/tollgate/tollgate.env\n",
        "./usr/share/doc/tollgate/copyright\n",
        "./usr/share/doc/tollgate/sbom.cdx.json\n",
    ] {
        assert!(files.contains(file), "{file} is not in\n{files}");
    }
    let (_, fields) = tool("dpkg-deb", &["--field", package]).unwrap();
    assert!(
        fields.contains("Package: tollgate\n") && fields.contains("Description: budget ledger"),
        "{fields}"
    );
    let (unpacked, said) = tool("dpkg-deb", &["--extract", package, &path("root")]).unwrap();
    assert!(unpacked, "{said}");
    let (runs, said) = tool(&path("root/usr/bin/tollgate"), &["--version"]).unwrap();
    assert!(runs && said.starts_with("tollgate "), "{said}");
    bill::check(&std::fs::read_to_string(place.path("root/usr/share/doc/tollgate/sbom.cdx.json")).unwrap());
}

#[test]
fn units_are_valid_and_give_the_service_no_more_than_it_needs() {
    for unit in [
        "tools/package/systemd/tollgate.service",
        "config/deploy/systemd/tollgate-serve.service",
        "config/deploy/systemd/tollgate-projector@.service",
    ] {
        let place = Place::new();
        // The program and its pages are not installed here.
        let program = binary();
        let program = program.to_str().unwrap();
        let here = text_of(unit)
            .replace("/usr/bin/tollgate", program)
            .replace("/usr/local/bin/tollgate", program)
            .replace("Documentation=man:tollgate(1) man:tollgate-serve(1)\n", "");
        let name = unit.rsplit('/').next().unwrap().replace("@.", "@status.");
        place.write(&name, &here);
        let file = place.path(&name);
        let file = file.to_str().unwrap();
        let Some((valid, said)) = tool("systemd-analyze", &["verify", file]) else { return };
        assert!(valid && said.trim().is_empty(), "{unit}: {said}");
        // From 0, nothing is exposed, to 100: 20 stands for 2.0.
        let (safe, said) =
            tool("systemd-analyze", &["security", "--offline=true", "--threshold=20", file]).unwrap();
        assert!(safe && said.contains("Overall exposure level"), "{unit}: {said}");
    }
}
