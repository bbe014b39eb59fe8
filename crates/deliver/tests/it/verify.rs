//! Signatures checked independently: by the receiver of the guide, in Python with only its standard library.

use std::io::Write;
use std::process::Stdio;

use tollgate_deliver::message::Message;
use tollgate_deliver::secret::Secret;
use tollgate_deliver::signature::{Signer, WebhookId};
use tollgate_domain::time::Timestamp;
use tollgate_test_process::Program;

use crate::support::{SECRET, change, start};

/// Reads one request as JSON and reports whether it verifies. Written from the standard, not from our code.
const VERIFIER: &str = r#"
import base64, hashlib, hmac, json, sys
asked = json.load(sys.stdin)
key = base64.b64decode(asked["secret"].removeprefix("whsec_"))
body = bytes.fromhex(asked["body"])
signed = b".".join([asked["webhook-id"].encode(), asked["webhook-timestamp"].encode(), body])
expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
fine = [s for s in asked["webhook-signature"].split(" ") if s.startswith("v1,") and hmac.compare_digest(s[3:], expected)]
print("verified" if fine else "refused")
"#;

/// What the verifier reports; `None` if there is no Python.
fn verified(secret: &str, headers: &[(&str, String)], body: &[u8]) -> Option<String> {
    let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut asked = serde_json::json!({ "secret": secret, "body": hex });
    for (name, value) in headers {
        asked[*name] = value.as_str().into();
    }
    let mut python = Program::new("python3");
    python.args(["-c", VERIFIER]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut python) = python.try_start() else {
        skipped();
        return None;
    };
    python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output();
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[expect(clippy::print_stderr, reason = "a test that checked nothing says so")]
pub(crate) fn skipped() {
    eprintln!("skipped: there is no python3 here to check the signatures");
}

#[test]
fn an_independent_verifier_agrees() {
    let new = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let signer = Signer::new([new, SECRET].map(|text| Secret::parse(text).unwrap()).to_vec());
    let message = Message::of_change("pager", change(1));
    let (body, now) = (message.body(), start());
    let headers = signer.headers(&message.id, now, &body);
    let other: String = body.iter().map(|&byte| char::from(byte)).collect::<String>().replace("T-1", "T-2");
    for (secret, body, expected) in [
        (SECRET, &body[..], "verified"),
        (new, &body[..], "verified"),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &body[..], "refused"),
        (SECRET, other.as_bytes(), "refused"),
    ] {
        let Some(verdict) = verified(secret, &headers, body) else { return };
        assert_eq!(verdict, expected);
    }
    let mut late = headers.clone();
    late[1].1 = "1795255201".to_owned();
    assert_eq!(verified(SECRET, &late, &body).unwrap(), "refused");
}

#[test]
fn bytes_that_are_no_text_are_signed_as_they_are() {
    let signer = Signer::new(vec![Secret::parse(SECRET).unwrap()]);
    let body: Vec<u8> = (0..=255).collect();
    let at = Timestamp::from_micros(1).unwrap();
    let headers = signer.headers(&WebhookId::parse("msg_x").unwrap(), at, &body);
    let Some(verdict) = verified(SECRET, &headers, &body) else { return };
    assert_eq!(verdict, "verified");
}
