//! Every kind of credentials, and TLS, on a server that requires them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tollgate_log::conformance::{batch, event};
use tollgate_log::contract::EventLog;
use tollgate_log_jetstream::{ConnectError, Credentials, JetStreamLog, Options, Secret, Tls};

use crate::support::{NatsServer, all_ids, init, secret_file, within};

/// Creates the stream, appends and reads with these options.
async fn uses(options: &Options) {
    init(options).await;
    let log = JetStreamLog::connect(options.clone()).await.unwrap();
    within(log.append(batch(vec![event("T-1", "a", "x")]))).await.unwrap();
    assert_eq!(within(all_ids(&log)).await, ["T-1/a"]);
}

async fn refused(options: &Options) -> String {
    match within(JetStreamLog::connect(options.clone())).await {
        Ok(_) => panic!("it was let in: {:?}", options.credentials),
        Err(error) => format!("{error} {error:?}"),
    }
}

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn a_user_with_a_password_is_let_in() {
    let config = format!("authorization {{ users: [ {{ user: ledger, password: \"{PASSWORD}\" }} ] }}");
    let Some(server) = NatsServer::start_with(|_| config) else { return };
    let with = |password: Secret| Options {
        credentials: Credentials::Password { user: "ledger".to_owned(), password },
        ..server.options()
    };
    let file = secret_file(server.home().join("password"), &format!("{PASSWORD}\n"));
    uses(&with(Secret::File(file))).await;
    uses(&with(PASSWORD.to_owned().into())).await;
    let in_url = format!("nats://ledger:{}@{}", PASSWORD.replace(' ', "%20"), &server.url()[7..]);
    let in_url = Options { url: in_url, ..server.options() };
    assert!(!in_url.place().contains("horse"), "{}", in_url.place());
    uses(&in_url).await;
    let wrong_in_url = format!("nats://ledger:tr0ub4dor@{}", &server.url()[7..]);
    let wrong_in_url = Options { url: wrong_in_url, ..server.options() };
    for wrong in [with("tr0ub4dor".to_owned().into()), server.options(), wrong_in_url] {
        let error = refused(&wrong).await;
        assert!(error.contains("authorization violation"), "{error}");
        assert!(!error.contains("tr0ub4dor"), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_let_in() {
    let config = format!("authorization {{ token: \"{PASSWORD}\" }}");
    let Some(server) = NatsServer::start_with(|_| config) else { return };
    let with = |token: &str| Options {
        credentials: Credentials::Token(token.to_owned().into()),
        ..server.options()
    };
    uses(&with(PASSWORD)).await;
    let in_url = format!("nats://{}@{}", PASSWORD.replace(' ', "%20"), &server.url()[7..]);
    uses(&Options { url: in_url, ..server.options() }).await;
    let error = refused(&with("wrong token")).await;
    assert!(error.contains("authorization violation") && !error.contains("wrong token"), "{error}");
}

#[tokio::test]
async fn an_nkey_is_let_in() {
    let [ours, other] = [nkeys::KeyPair::new_user(), nkeys::KeyPair::new_user()];
    let config = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", ours.public_key());
    let Some(server) = NatsServer::start_with(|_| config) else { return };
    let with = |name: &str, pair: &nkeys::KeyPair| {
        let text = format!("# a comment of mine\n{}\n", pair.seed().unwrap());
        let file = secret_file(server.home().join(name), &text);
        Options { credentials: Credentials::Nkey(file), ..server.options() }
    };
    uses(&with("ours", &ours)).await;
    let error = refused(&with("other", &other)).await;
    assert!(error.contains("authorization violation"), "{error}");
    assert!(!error.contains(&other.seed().unwrap()), "{error}");
}

/// Certificates for a test: an authority, a server and a client that it vouches for, and another authority.
struct Certificates {
    ca: PathBuf,
    other_ca: PathBuf,
    client: PathBuf,
    client_key: PathBuf,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certificates(dir: &Path, host: Ipv4Addr) -> Certificates {
    let ca = authority("tollgate tests");
    let other = authority("somebody else");
    let signed = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned(), host.to_string()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        std::fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
        secret_file(dir.join(format!("{name}.key")), &key.serialize_pem());
    };
    signed("server");
    signed("client");
    std::fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(dir.join("other.pem"), other.pem()).unwrap();
    Certificates {
        ca: dir.join("ca.pem"),
        other_ca: dir.join("other.pem"),
        client: dir.join("client.pem"),
        client_key: dir.join("client.key"),
    }
}

fn tls_config(dir: &Path, verify: bool) -> String {
    let file = |name: &str| dir.join(name).display().to_string();
    format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: {verify} }}",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    )
}

#[tokio::test]
async fn a_server_with_tls_is_used_if_it_is_the_right_one() {
    let mut made = None;
    let Some(server) = NatsServer::start_at(|dir, host| {
        made = Some(certificates(dir, host));
        tls_config(dir, false)
    }) else {
        return;
    };
    let made = made.unwrap();
    let trusting = |ca: &PathBuf| Tls { ca: Some(ca.clone()), ..Tls::default() };
    let address = server.url().replace("nats://", "");
    for url in [format!("tls://{address}"), format!("nats://{address}")] {
        uses(&Options { url, tls: trusting(&made.ca), ..server.options() }).await;
    }
    let url = format!("tls://{address}");
    let error = refused(&Options { url, tls: trusting(&made.other_ca), ..server.options() }).await;
    assert!(error.to_lowercase().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_one() {
    let mut made = None;
    let Some(server) = NatsServer::start_at(|dir, host| {
        made = Some(certificates(dir, host));
        tls_config(dir, true)
    }) else {
        return;
    };
    let made = made.unwrap();
    let without = Tls { ca: Some(made.ca), ..Tls::default() };
    let with = Tls { certificate: Some(made.client), key: Some(made.client_key), ..without.clone() };
    uses(&Options { tls: with, ..server.options() }).await;
    let error = refused(&Options { tls: without, ..server.options() }).await;
    assert!(error.contains("connecting to"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_asked_for() {
    let Some(server) = NatsServer::start() else { return };
    let address = server.url().replace("nats://", "");
    let required = Tls { required: true, ..Tls::default() };
    for options in [
        Options { tls: required, ..server.options() },
        Options { url: format!("tls://{address}"), ..server.options() },
    ] {
        let error = within(JetStreamLog::connect(options)).await.err().unwrap();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    }
}
