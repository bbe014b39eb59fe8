//! An agent that has nothing but what `pip install` gave it, and a server with TLS and keys: the last section of
//! `docs/guides/python.md`, as written.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tollgate_test_process::Program;
use tollgate_tests::blocks::{Block, blocks};
use tollgate_tests::{Place, Said, Server, binary};

const GUIDE: &str = "docs/guides/python.md";
/// A key of another ledger.
const FOREIGN: &str = "tg_00000000000000000000000000000000q3msqq";
const STORY: &str = "agent/bin/python crates/client/python/examples/story.py";

/// What the agent's key must not do.
const READING: &str = "
import os, tollgate_client as tc
with tc.Client(os.environ['TOLLGATE_URL'], ca_file=os.environ['TOLLGATE_CA']) as client:
    try:
        client.task('T-104')
    except tc.NotAllowed as refused:
        print(refused.status, refused.code, refused)
";

/// The blocks of the section: how the server is set up, how the agent starts, and what it prints.
fn section() -> [Block; 3] {
    let mut found = blocks(GUIDE);
    let last = found.split_off(found.len() - 3);
    let last: [Block; 3] = last.try_into().unwrap();
    assert_eq!(last.each_ref().map(|block| block.language.as_str()), ["sh", "sh", "text"]);
    last
}

/// Writes the certificate of an authority; the first also signs one for the server.
fn certificates(place: &Place) {
    for (file, name) in [("ca.pem", "own"), ("other.pem", "other")] {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        place.write(file, &issuer.pem());
        if name == "own" {
            let key = KeyPair::generate().unwrap();
            let mut own = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
            // Newer versions of Python ask for it.
            own.use_authority_key_identifier_extension = true;
            place.write("cert.pem", &own.signed_by(&key, &issuer).unwrap().pem());
            place.write("key.pem", &key.serialize_pem());
            std::fs::set_permissions(place.path("key.pem"), Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// Whether there is a Python that makes environments with pip in them. If not, says so.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python_is_there() -> bool {
    let needed = "import sys, venv, ensurepip, ssl; sys.exit(sys.version_info < (3, 9))";
    let tried = Program::new("python3").args(["-c", needed]).try_output();
    let there = tried.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!(
            "SKIPPED: an agent in Python over TLS: there is no python3 of 3.9 or newer with venv and pip"
        );
    }
    there
}

/// Runs lines of a shell in a place, without a network: the binary is found by its name, and the client by its path
/// in the repository.
fn shell(place: &Place, lines: &str, variables: &[(&str, &str)]) -> Said {
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Program::new("timeout");
    shell
        .args(["120", "sh", "-ec", lines])
        .current_dir(place.path(""))
        .env("PATH", path)
        .env("NO_COLOR", "1");
    shell
        .env("PIP_NO_INDEX", "1")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    shell.env("PYTHONPATH", "").env("PYTHONIOENCODING", "utf-8").envs(variables.iter().copied());
    let output = shell.output();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A place that is set up as the guide shows it, with a running server, and the address of that.
fn set_up(place: &Place, block: &str) -> (Server, String) {
    certificates(place);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    std::os::unix::fs::symlink(repository.join("crates"), place.path("crates")).unwrap();
    let (lines, serve) = block.trim_end().rsplit_once('\n').unwrap();
    let said = shell(place, lines, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let serve = serve.strip_prefix("tollgate ").unwrap().replace(":7443", ":0");
    let server = Server::of(place, &serve.split(' ').collect::<Vec<_>>());
    let url = server.url.replace("127.0.0.1", "localhost");
    assert!(url.starts_with("https://localhost:"), "{url}");
    (server, url)
}

#[test]
fn an_agent_in_python_lives_the_story_of_the_demo_over_tls_with_its_key() {
    if !python_is_there() {
        return;
    }
    let place = Place::new();
    let [server_side, agent_side, shown] = section();
    let (server, url) = set_up(&place, &server_side.text);

    let said = shell(&place, &agent_side.text.replace("https://localhost:7443", &url), &[]);
    assert_eq!((said.code, said.out.as_str()), (0, shown.text.as_str()), "{said:?}");

    // The ledger tells the same.
    let secret = |file: &str| std::fs::read_to_string(place.path(file)).unwrap().trim().to_owned();
    let root = format!("--server {url} --ca ca.pem --api-key {}", secret("root.key"));
    let task = |task: &str| place.json(&format!("{root} task show {task}"));
    let runaway = task("T-104");
    assert_eq!(
        (&runaway["stage"], &runaway["tokens"]["total"]),
        (&"open".into(), &30_856.into()),
        "{runaway}"
    );
    assert_eq!(runaway["verdict"], "block", "{runaway}");
    for (name, tokens) in [("T-101", 6_510), ("T-110", 6_650)] {
        let done = task(name);
        assert_eq!(
            (&done["stage"], &done["tokens"]["total"]),
            (&"completed".into(), &tokens.into()),
            "{done}"
        );
    }
    let given = place.json(&format!("{root} allocate show T-110/gpt-5-mini"));
    assert_eq!((&given["state"], &given["used"]["usd"]), (&"released".into(), &"0.0042".into()), "{given}");

    refusals(&place, &url, &secret("agents.key"), &root);
    assert!(server.terminate().success());
}

/// What is wrong with a key or a certificate is said once, clearly, and nothing more is recorded.
fn refusals(place: &Place, url: &str, key: &str, root: &str) {
    let told = place.ok(&format!("{root} key create reader --scope read"));
    let before = place.json(&format!("{root} report"));
    let agent = |lines: &str, ca: &str, key: &str| {
        shell(place, lines, &[("TOLLGATE_URL", url), ("TOLLGATE_CA", ca), ("TOLLGATE_API_KEY", key)])
    };
    let missing = "InvalidField: ca_file: `missing.pem`: must be a readable file of \
                   certificates in PEM form: No such file or directory";
    for (ca, key, expected) in [
        ("ca.pem", FOREIGN, "NotAllowed: this ledger has no such key"),
        ("ca.pem", "", "NotAllowed: this ledger answers only requests with one key"),
        ("other.pem", key, "Untrusted: GET "),
        ("other.pem", key, "the server's certificate does not stand up to the certificates in other.pem: "),
        ("missing.pem", key, missing),
        ("ca.pem", told.trim(), "needs a key with the scope `append`"),
    ] {
        let said = agent(STORY, ca, key);
        assert_eq!((said.code, said.out.contains("completed")), (1, false), "{ca} {said:?}");
        assert!(said.err.contains(expected), "{ca}: {expected}: {}", said.err);
        assert!(key.is_empty() || !said.err.contains(key), "a key is shown: {}", said.err);
    }
    let said = agent(&format!("agent/bin/python -c \"{READING}\""), "ca.pem", key);
    assert!(said.out.starts_with("403 ") && said.out.contains("the scope `read`"), "{said:?}");
    let after = place.json(&format!("{root} report"));
    assert_eq!(before["tokens"], after["tokens"]);
}
