//! The package for Debian and its unit for systemd, where their tools are installed.

use tollgate_test_process::Program;
use tollgate_tests::{Place, binary};

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
    if tool("dpkg-deb", &["--version"]).is_none() {
        return;
    }
    let place = Place::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/package/deb");
    let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let program = binary();
    let args = ["--binary", program.to_str().unwrap(), "--out", &path("out"), "--compression", "none"];
    let (made, said) = tool(script, &args).unwrap();
    assert!(made, "{said}");
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
}

#[test]
fn the_unit_is_valid_and_gives_the_service_no_more_than_it_needs() {
    let place = Place::new();
    let unit = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tools/package/systemd/tollgate.service"
    ))
    .unwrap();
    // The program and its pages are not installed here.
    let program = binary();
    let here = unit
        .replace("/usr/bin/tollgate", program.to_str().unwrap())
        .replace("Documentation=man:tollgate(1) man:tollgate-serve(1)\n", "");
    place.write("tollgate.service", &here);
    let file = place.path("tollgate.service");
    let file = file.to_str().unwrap();
    let Some((valid, said)) = tool("systemd-analyze", &["verify", file]) else { return };
    assert!(valid && said.trim().is_empty(), "{said}");
    // From 0, nothing is exposed, to 100: 20 stands for 2.0.
    let (safe, said) =
        tool("systemd-analyze", &["security", "--offline=true", "--threshold=20", file]).unwrap();
    assert!(safe && said.contains("Overall exposure level"), "{said}");
}
