//! A server that other machines can reach: TLS, keys, and clients that never finish.

use std::fs::Permissions;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tollgate_client::{HttpTransport, Timeouts, Transport};
use tollgate_test_process::Program;
use tollgate_tests::{Place, Said, Server};

const FLAGS: &str = "--tls-cert cert.pem --tls-key key.pem";

/// Writes the certificate of a server, its key, and the authority that signed it.
fn certificate(place: &Place, authority: &str) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, authority);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    place.write(&format!("{authority}.pem"), &issuer.pem());
    place.write("cert.pem", &certificate.pem());
    place.write("key.pem", &key.serialize_pem());
    std::fs::set_permissions(place.path("key.pem"), Permissions::from_mode(0o600)).unwrap();
}

fn serve(place: &Place, flags: &str) -> Server {
    let line = format!("--data d serve --listen 127.0.0.1:0 {flags}");
    Server::of(place, &line.split(' ').collect::<Vec<_>>())
}

/// A question to a server, by a client that trusts an authority.
fn ask(place: &Place, server: &Server, authority: &str) -> Said {
    place.run_line(&format!("--server {} --ca {authority}.pem task list --no-wait", server.url))
}

#[test]
fn a_client_speaks_tls_with_a_server_whose_certificate_it_trusts() {
    let place = Place::new();
    certificate(&place, "own");
    certificate(&place, "other");
    certificate(&place, "own");
    let server = serve(&place, FLAGS);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let said = ask(&place, &server, "own");
    assert_eq!(said.code, 0, "{said:?}");
    let said = ask(&place, &server, "other");
    assert!(said.code == 1 && said.err.contains("TLS"), "{said:?}");
    let plain = server.url.replace("https://", "http://");
    let said = place.run_line(&format!("--server {plain} task list"));
    assert_eq!(said.code, 1, "{said:?}");
    // On the same machine, the directory is enough.
    let _ = place.ok("--data d task open T-1");
    assert!(place.ok("--data d task list").contains("T-1"));
}

#[test]
fn http_2_is_spoken_with_who_asks_for_it() {
    let version = Program::new("curl").arg("--version").try_output();
    if !version.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("HTTP2")) {
        return;
    }
    let place = Place::new();
    certificate(&place, "own");
    let server = serve(&place, FLAGS);
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let mut curl = Program::new("curl");
        curl.args([
            "-sS",
            flag,
            "--cacert",
            "own.pem",
            "-o",
            "/dev/null",
            "-w",
            "%{http_version} %{http_code}\n",
        ]);
        let urls = ["/v1/health", "/v1/tasks", "/v1/position"].map(|path| format!("{}{path}", server.url));
        curl.args(["-Z", "-o", "/dev/null", "-o", "/dev/null"]).args(urls).current_dir(place.path(""));
        let output = curl.output();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, format!("{version} 200\n").repeat(3), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(server.terminate().success());
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    let place = Place::new();
    certificate(&place, "first");
    let server = serve(&place, FLAGS);
    assert_eq!(ask(&place, &server, "first").code, 0);
    certificate(&place, "second");
    server.signal("HUP");
    while ask(&place, &server, "second").code != 0 {
        assert_eq!(ask(&place, &server, "first").code, 0, "one of both is shown");
    }
    assert_eq!(ask(&place, &server, "first").code, 1);
    // One that cannot be used changes nothing.
    place.write("cert.pem", "half");
    server.signal("HUP");
    assert_eq!(ask(&place, &server, "second").code, 0);
}

#[test]
fn other_machines_reach_only_a_server_with_tls_and_keys_unless_it_is_said_twice() {
    let place = Place::new();
    certificate(&place, "own");
    let refused = |flags: &str, part: &str| {
        let told = place.fails(1, &format!("--data d serve --listen 0.0.0.0:0 {flags}"));
        assert!(told.contains(part), "{flags}: {told}");
    };
    refused("", "--allow-remote");
    refused(FLAGS, "--allow-remote");
    refused("--allow-remote", "it speaks no TLS");
    refused(&format!("--allow-remote {FLAGS}"), "the ledger has no key");
    let start = |flags: &str| {
        let line = format!("--data d serve --listen 0.0.0.0:0 {flags}");
        Server::of(&place, &line.split(' ').collect::<Vec<_>>())
    };
    assert!(start("--allow-remote --allow-remote").terminate().success());
    let _ = place.ok("--data d key create root --scope admin");
    refused("--allow-remote", "it speaks no TLS");
    assert!(start(&format!("--allow-remote {FLAGS}")).terminate().success());
}

/// The port of Tekton's clients keeps to the same rules.
#[tokio::test]
async fn the_port_beside_it_speaks_tls_where_other_machines_reach_it_and_needs_keys() {
    let place = Place::new();
    certificate(&place, "own");
    let beside = "--compat tekton --tekton-listen 0.0.0.0:0";
    let refused = |flags: &str, part: &str| {
        let told = place.fails(1, &format!("--data d serve --listen 127.0.0.1:0 {beside} {flags}"));
        assert!(told.contains(part), "{flags}: {told}");
    };
    refused(FLAGS, "--allow-remote");
    refused("--allow-remote", "it speaks no TLS");
    refused(&format!("--allow-remote {FLAGS}"), "the ledger has no key");
    let _ = place.ok("--data d key create root --scope admin");
    let mut server = serve(&place, &format!("{FLAGS} --allow-remote {beside}"));
    let line = server.line();
    let port = line.split_whitespace().last().unwrap().replace("0.0.0.0", "127.0.0.1");
    assert!(port.starts_with("https://"), "{line}");
    let authority = place.path("own.pem");
    let transport = HttpTransport::trusting(&port, Some(&authority), Timeouts::default()).unwrap();
    for (path, status) in [("/health", 200), ("/api/budgets", 401)] {
        let request = http::Request::get(path).body(Vec::new().into()).unwrap();
        assert_eq!(transport.send(request).await.unwrap().status().as_u16(), status, "{path}");
    }
    assert!(server.terminate().success());
    // Its clients on this machine speak as they always did.
    let mut server = serve(&place, &format!("{FLAGS} --compat tekton --tekton-listen 127.0.0.1:0"));
    let line = server.line();
    let port = line.split_whitespace().last().unwrap();
    assert!(server.url.starts_with("https://") && port.starts_with("http://"), "{line}");
    assert_eq!(tollgate_tests::request(port, "GET", "/health", "").unwrap().0, 200);
    assert!(server.terminate().success());
}

#[test]
fn clients_that_never_finish_the_handshake_keep_nobody_from_being_served() {
    let place = Place::new();
    certificate(&place, "own");
    let binary = tollgate_tests::binary();
    let script = format!(
        "ulimit -n 128; exec {} --data d serve --listen 127.0.0.1:0 {FLAGS} --head-timeout 3600",
        binary.display()
    );
    let mut command = Program::bare("/bin/sh");
    command.args(["-c", &script]).current_dir(place.path(""));
    let server = Server::run(command);
    let address = server.url.trim_start_matches("https://").to_owned();
    // The beginning of a handshake, whose rest never comes.
    let begun = |_| {
        let mut stream = TcpStream::connect(&address).unwrap();
        // The server may have closed it for another one.
        let _ = stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
        stream
    };
    let _waiting: Vec<TcpStream> = (0..200).map(begun).collect();
    for _ in 0..3 {
        let said = ask(&place, &server, "own");
        assert_eq!(said.code, 0, "{said:?}");
    }
}
