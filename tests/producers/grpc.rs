//! Calls of gRPC by clients made from the schema: the blocks of `docs/guides/grpc.md` as written, and what else
//! Python's library can ask.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tollgate_test_process::Program;
use tollgate_tests::{Place, Server};

/// What no guide shows: health, the schema, deadlines, and bytes that are no message.
const FURTHER: &str = r#"
import os
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tollgate.api.v1 import alerts_pb2, alerts_pb2_grpc, events_pb2_grpc, tasks_pb2, tasks_pb2_grpc

channel = grpc.insecure_channel(os.environ["TOLLGATE_ADDRESS"])
health = health_pb2_grpc.HealthStub(channel)
print(health.Check(health_pb2.HealthCheckRequest(service="tollgate.api.v1.Gate")).status)
names = ProtoReflectionDescriptorDatabase(channel).get_services()
print(sorted(name for name in names if name.startswith("tollgate.")))


def code(call):
    try:
        return call()
    except grpc.RpcError as failed:
        return failed.code().name, dict(failed.trailing_metadata() or ()).get("tollgate-code")


print(*code(lambda: tasks_pb2_grpc.TasksStub(channel).Get(tasks_pb2.TaskQuery())))
bytes_only = channel.unary_unary("/tollgate.api.v1.Tasks/Get")
print(*code(lambda: bytes_only(b"\xff\xff\xff")))
print(*code(lambda: bytes_only(b"x" * (1 << 20) + b"x")))
print(*code(lambda: channel.unary_unary("/tollgate.api.v1.Tasks/Put")(b"")))
print(code(lambda: list(alerts_pb2_grpc.AlertsStub(channel).Watch(alerts_pb2.WatchRequest(), timeout=0.3)))[0])
wrong = [("authorization", "Bearer tg_00000000000000000000000000000000q3msqq")]
print(code(lambda: tasks_pb2_grpc.TasksStub(channel).List(tasks_pb2.TasksQuery(), metadata=wrong)) is not None)
"#;

/// The Python that `tools/test` puts next to the build folders.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let found = own.ancestors().map(|dir| dir.join("grpc/bin/python")).find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: gRPC from Python: grpcio is not there; `tools/test` installs it where it may");
    }
    found
}

/// A place with the code of the schema, made as the guide shows it.
fn place(python: &Path) -> Place {
    let place = Place::new();
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto").canonicalize().unwrap();
    std::os::unix::fs::symlink(proto, place.path("proto")).unwrap();
    let makes = blocks("sh").remove(0);
    let path = format!("{}:{}", python.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Program::new("sh");
    let output = shell.args(["-ec", &makes]).current_dir(place.path("")).env("PATH", path).output();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    place
}

fn blocks(language: &str) -> Vec<String> {
    let all = tollgate_tests::blocks::blocks("docs/guides/grpc.md").into_iter();
    all.filter(|block| block.language == language).map(|block| block.text).collect()
}

/// Runs a program beside the generated code; returns what it printed.
#[track_caller]
fn run(python: &Path, place: &Place, program: &str, server: &Server, variables: &[(&str, &str)]) -> String {
    place.write("program.py", program);
    let address = server.url.rsplit('/').next().unwrap();
    let mut command = Program::new("timeout");
    command.arg("120").arg(python).arg("program.py").current_dir(place.path(""));
    command.env("TOLLGATE_ADDRESS", address).envs(variables.iter().copied());
    let output = command.output();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}{err}", output.status);
    out.into_owned()
}

/// Runs the blocks of the guide; what they print is checked.
fn run_guide(python: &Path, place: &Place, server: &Server, variables: &[(&str, &str)]) {
    let printed: Vec<String> =
        blocks("python").iter().map(|block| run(python, place, block, server, variables)).collect();
    let [first, second] = &printed[..] else { panic!("{printed:?}") };
    assert_eq!(
        first,
        "appended appended appended\nduplicate duplicate duplicate\nallow\n1200 within\nNOT_FOUND task_unknown false\n"
    );
    let lines: Vec<&str> = second.lines().collect();
    assert!(lines[0] == "1000" && lines[1].starts_with("raised "), "{second}");
}

#[test]
fn the_blocks_of_the_guide_run() {
    let Some(python) = python() else { return };
    let place = place(&python);
    let server = Server::start(&place, "d");
    run_guide(&python, &place, &server, &[]);
    assert!(server.terminate().success());
    let shown = place.json("--data d task show T-grpc");
    assert_eq!(shown["tokens"]["total"], 1200 + 1000 * 900, "{shown}");
}

#[test]
fn the_blocks_of_the_guide_run_with_tls_and_a_key() {
    let Some(python) = python() else { return };
    let place = place(&python);
    certificate(&place);
    let _ = place.ok("--data d key create root --scope admin");
    let key = place.ok("--data d key create guide --scope append --scope decide --scope read");
    let key = key.split_whitespace().find(|word| word.starts_with("tg_")).unwrap();
    let line = "--data d serve --listen 127.0.0.1:0 --tls-cert cert.pem --tls-key key.pem";
    let server = Server::of(&place, &line.split(' ').collect::<Vec<_>>());
    run_guide(&python, &place, &server, &[("TOLLGATE_CA", "own.pem"), ("TOLLGATE_API_KEY", key)]);
}

#[test]
fn health_the_schema_deadlines_and_nonsense_from_python() {
    let Some(python) = python() else { return };
    let place = place(&python);
    let server = Server::start(&place, "d");
    let printed = run(&python, &place, FURTHER, &server, &[]);
    let names = ["Alerts", "Budgets", "Events", "Gate", "Reports", "Tasks", "Usage"];
    let names = names.map(|name| format!("'tollgate.api.v1.{name}'")).join(", ");
    let expected = format!(
        "1\n[{names}]\nINVALID_ARGUMENT invalid\nINVALID_ARGUMENT invalid\nINVALID_ARGUMENT too_large\n\
         UNIMPLEMENTED unimplemented\nDEADLINE_EXCEEDED\nTrue\n"
    );
    assert_eq!(printed, expected);
}

/// Writes the certificate of a server, its key, and the authority that signed it.
fn certificate(place: &Place) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, "own");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    place.write("own.pem", &issuer.pem());
    place.write("cert.pem", &certificate.pem());
    place.write("key.pem", &key.serialize_pem());
    std::fs::set_permissions(place.path("key.pem"), Permissions::from_mode(0o600)).unwrap();
}
