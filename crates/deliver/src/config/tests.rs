//! Files that are accepted, and every way of being wrong.

use super::*;

fn read(text: &str) -> Result<AlertsConfig, InvalidConfig> {
    AlertsConfig::from_yaml(text, Path::new("conf"))
}

#[test]
fn a_file_with_everything() {
    let config = read(
        "endpoints:
  - name: pager
    url: https://pager.example.org/hook?key=T0KEN
    secret_files: [new.secret, /run/old.secret]
    ca_file: ca.pem
    rules: [stop_loss, breach]
    severities: [error, critical]
    tenants: [acme, 7]
    ports: [9443]
    digest: {after: 5, window_s: 300}
  - {name: in-house, url: 'http://127.0.0.1:7071/', secret_file: s, allow_http: true, allow_private: true, ports: [7071]}
  - {name: bus, nats: true}
",
    )
    .unwrap();
    let [pager, in_house, bus] = &config.endpoints[..] else { panic!("{config:?}") };
    let Way::Webhook { target, secret_files, trust } = &pager.way else { panic!("{pager:?}") };
    assert_eq!(target.to_string(), "https://pager.example.org");
    assert_eq!(*secret_files, [Path::new("conf/new.secret"), Path::new("/run/old.secret")]);
    assert_eq!(*trust, Trust::File("conf/ca.pem".into()));
    assert_eq!(pager.digest, DigestPolicy { after: 5, window_s: 300 });
    assert_eq!((&in_house.filter, in_house.digest), (&Filter::default(), DigestPolicy::default()));
    assert_eq!((bus.name.as_str(), &bus.way), ("bus", &Way::Bus));
    assert!(!format!("{config:?}").contains("T0KEN"));
    assert_eq!(read("endpoints: []").unwrap(), AlertsConfig::default());
}

#[test]
fn an_endpoint_is_told_what_its_filter_names() {
    let filter = Filter {
        rules: vec![AlertRule::Breach],
        severities: vec![Severity::Error, Severity::Critical],
        tenants: vec!["acme".to_owned()],
    };
    for (rule, severity, tenant, wanted) in [
        (AlertRule::Breach, Severity::Error, "acme", true),
        (AlertRule::Breach, Severity::Critical, "acme", true),
        (AlertRule::StopLoss, Severity::Error, "acme", false),
        (AlertRule::Breach, Severity::Info, "acme", false),
        (AlertRule::Breach, Severity::Error, "acm", false),
    ] {
        assert_eq!(filter.wants(rule, severity, tenant), wanted, "{rule} {severity:?} {tenant}");
        assert!(Filter::default().wants(rule, severity, tenant));
    }
}

#[test]
fn what_is_wrong_is_named_with_field_value_and_rule() {
    let good = "name: a, url: 'https://e.org/T0KEN', secret_file: s";
    let table = [
        ("", "the file holds no settings: it must be a mapping with keys out of `endpoints:`"),
        ("- name: a", "the file is a list: it must be"),
        ("endpoints:", "must list the receivers"),
        ("endpoint: []", "did you mean `endpoints`?"),
        ("endpoints: {a: 1}", "endpoints: `a mapping`: must be a list"),
        ("endpoints: [1]", "endpoints[0]: `1`: must be a mapping"),
        ("endpoints: [", "not readable as YAML"),
        ("endpoints: [{url: 'https://e.org/', secret_file: s}]", "endpoints[0].name: must be given"),
        ("endpoints: [{name: A b, nats: true}]", "endpoints[0].name: `A b`: must be 1 to 40"),
        (
            "endpoints: [{name: a, nats: true}, {name: a, nats: true}]",
            "endpoints[1].name: `a`: must be the name of one",
        ),
        ("endpoints: [{name: a}]", "endpoints[0].url: must be given"),
        (
            "endpoints: [{name: a, nats: true, url: 'https://e.org/', secret_file: s}]",
            "cannot be combined with `url`",
        ),
        (
            "endpoints: [{name: a, nats: true, secret_file: s}]",
            "endpoints[0].secret_file: `s`: is only allowed with `url`",
        ),
        (
            "endpoints: [{name: a, url: 'http://e.org/T0KEN', secret_file: s}]",
            "endpoints[0].url: `http://e.org`: must begin with https",
        ),
        ("endpoints: [{name: a, url: 'https://10.0.0.1/', secret_file: s}]", "allow_private: true"),
        (
            "endpoints: [{name: a, url: 'https://me:T0KEN@e.org/', secret_file: s}]",
            "endpoints[0].url: `https://e.org`: must hold no user",
        ),
        ("endpoints: [{name: a, url: 7, secret_file: s}]", "endpoints[0].url: `7`: must be text"),
        ("endpoints: [{name: a, url: 'https://e.org/'}]", "endpoints[0].secret_file: must name the file"),
        ("endpoints: [{GOOD, secret_files: [s]}]", "endpoints[0].secret_files: cannot be combined with"),
        ("endpoints: [{name: a, url: 'https://e.org/', secret_files: []}]", "must be 1 to 3 files"),
        (
            "endpoints: [{name: a, url: 'https://e.org/', secret_files: [a, b, c, d]}]",
            "`4`: must be 1 to 3 files",
        ),
        ("endpoints: [{GOOD, secret: whsec_T0KEN}]", "endpoints[0].secret: `***`: unknown key"),
        ("endpoints: [{GOOD, rules: []}]", "endpoints[0].rules: `[]`: must name at least one"),
        ("endpoints: [{GOOD, rules: [stoploss]}]", "did you mean `stop_loss`?"),
        ("endpoints: [{GOOD, rules: breach}]", "endpoints[0].rules: `breach`: must be a list"),
        ("endpoints: [{GOOD, severities: [fatal]}]", "must be one of info, warning, error, critical"),
        ("endpoints: [{GOOD, tenants: ['a.b']}]", "endpoints[0].tenants: `a.b`: must"),
        ("endpoints: [{GOOD, allow_http: 1}]", "endpoints[0].allow_http: `1`: must be true or false"),
        (
            "endpoints: [{GOOD, ports: [0]}]",
            "endpoints[0].ports: `0`: must be a whole number above 0 and at most 65535",
        ),
        ("endpoints: [{GOOD, ports: [65536]}]", "at most 65535"),
        ("endpoints: [{GOOD, digest: {after: 0}}]", "endpoints[0].digest.after: `0`: must be a whole number"),
        ("endpoints: [{GOOD, digest: {window_s: 3601}}]", "at most 3600"),
        ("endpoints: [{GOOD, digest: {window: 60}}]", "did you mean `window_s`?"),
        (
            "endpoints: [{name: a, url: 'http://e.org:8443/', secret_file: s, allow_http: true, ca_file: c}]",
            "endpoints[0].ca_file: is only allowed with an https",
        ),
    ];
    for (text, expected) in table {
        let error = read(&text.replace("GOOD", good)).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.contains("T0KEN"), "{error}");
    }
    let many: Vec<String> = (0..33).map(|n| format!("{{name: a{n}, nats: true}}")).collect();
    let error = read(&format!("endpoints: [{}]", many.join(", "))).unwrap_err().to_string();
    assert!(error.contains("`33`: must be at most 32"), "{error}");
}

#[test]
fn all_problems_are_named_at_once() {
    let error = read("endpoints: [{name: A, url: 'ftp://x', rules: [x], digest: {after: 0}}]").unwrap_err();
    assert_eq!(error.problems.len(), 5, "{error}");
}
