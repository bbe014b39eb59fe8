//! A token (RFC 7519): its parts, and which of its rules it breaks. No message repeats the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use tollgate_domain::printable::printable;
use tollgate_domain::time::Timestamp;

use super::config::JwtConfig;
use super::jwks::{Algorithm, PublicKey};

/// The longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// The longest subject, in bytes: with its prefix it is the name of a reader.
const MAX_SUBJECT_BYTES: usize = 120;

/// A token as it came: nothing in it is to be believed before its signature.
pub(super) struct Token<'a> {
    /// How it says that it is signed.
    pub(super) algorithm: Algorithm,
    /// Which key it says that it is signed with.
    pub(super) kid: Option<String>,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

/// What a token says, once it is known to be the issuer's and for now.
pub(super) struct Said {
    /// Who has it.
    pub(super) subject: String,
    /// From when on it is refused.
    pub(super) until: Timestamp,
    /// All claims.
    pub(super) claims: Map<String, Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

/// Whether something sent as a bearer token is of this kind. A key has no dots.
pub(crate) fn is_token(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    ///
    /// What is wrong with its form or its header.
    pub(super) fn read(text: &'a str, config: &JwtConfig) -> Result<Self, String> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(format!("it has {} bytes, more than {MAX_TOKEN_BYTES}", text.len()));
        }
        let parted = text.rsplit_once('.').and_then(|(signed, signature)| {
            let (header, payload) = signed.split_once('.')?;
            Some((signed, header, payload, signature))
        });
        let (signed, header, payload, signature) =
            parted.ok_or("it must be three parts with dots between them")?;
        let part = |what: &str, text: &str| {
            URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("its {what} is not Base64 for URLs"))
        };
        // The message of the library could quote what it read.
        let header: Header = serde_json::from_slice(&part("header", header)?)
            .map_err(|_| "its header must be a JSON object with `alg`, and `kid` if it names a key")?;
        if header.crit.is_some() {
            return Err("its header has `crit`, extensions that must be understood: none is".to_owned());
        }
        let algorithm = Algorithm::from_word(&header.alg).filter(|named| config.algorithms.contains(named));
        let algorithm = algorithm.ok_or_else(|| {
            let allowed: Vec<&str> = config.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
            format!("its algorithm `{}` is not allowed: {} is", shown(&header.alg), allowed.join(", "))
        })?;
        let signature = part("signature", signature)?;
        Ok(Self { algorithm, kid: header.kid, signed, payload, signature })
    }

    /// What it says, if the key signed it and its claims hold now.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub(super) fn said(&self, key: &PublicKey, config: &JwtConfig, now: Timestamp) -> Result<Said, String> {
        if !key.signed(self.signed.as_bytes(), &self.signature) {
            return Err("its signature is not that of the key it names: it was changed, or another issuer's"
                .to_owned());
        }
        let payload = URL_SAFE_NO_PAD.decode(self.payload).ok();
        let claims = payload.and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
        let claims = claims.ok_or("its claims are not a JSON object")?;
        check_parties(&claims, config)?;
        let until = check_times(&claims, config, now)?;
        Ok(Said { subject: subject(&claims)?, until, claims })
    }
}

/// Who made it, and for whom.
fn check_parties(claims: &Map<String, Value>, config: &JwtConfig) -> Result<(), String> {
    match claims.get("iss") {
        Some(Value::String(issuer)) if *issuer == config.issuer => {}
        found => {
            return Err(format!("wrong issuer {}: must be `{}` (iss)", told(found), config.issuer));
        }
    }
    let is_meant = match claims.get("aud") {
        Some(Value::String(audience)) => *audience == config.audience,
        Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(&config.audience)),
        _ => false,
    };
    if !is_meant {
        let found = told(claims.get("aud"));
        return Err(format!("wrong audience {found}: must have `{}` (aud)", config.audience));
    }
    Ok(())
}

/// Whether it is accepted now; until when.
fn check_times(claims: &Map<String, Value>, config: &JwtConfig, now: Timestamp) -> Result<Timestamp, String> {
    let leeway_ms = i64::try_from(config.leeway_s).unwrap_or_default().saturating_mul(1000);
    let until = time(claims, "exp")?.ok_or("it never expires: must say when (exp)")?;
    let end = until.plus_millis(leeway_ms);
    if now >= end {
        return Err(format!("it expired at {until}, here it is {now}: get another one"));
    }
    if let Some(from) = time(claims, "nbf")?
        && now < from.plus_millis(leeway_ms.saturating_neg())
    {
        return Err(format!(
            "it is not valid before {from}, here it is {now}: wait, or set the clock of one of the two"
        ));
    }
    Ok(end)
}

/// A time in seconds since 1970, maybe with a fraction.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let wrong = || format!("its claim `{name}` {} must be a time in seconds since 1970", told(Some(value)));
    let Value::Number(number) = value else { return Err(wrong()) };
    let text = number.to_string();
    let whole =
        text.split('.').next().filter(|_| !text.contains(['e', 'E'])).and_then(|text| text.parse().ok());
    let micros = whole.and_then(|seconds: i64| seconds.checked_mul(1_000_000));
    micros.and_then(|micros| Timestamp::from_micros(micros).ok()).map(Some).ok_or_else(wrong)
}

fn subject(claims: &Map<String, Value>) -> Result<String, String> {
    let Some(Value::String(subject)) = claims.get("sub") else {
        return Err("it says not whose it is: must have a subject (sub)".to_owned());
    };
    let is_plain = printable(subject) == subject.as_str() && subject.trim() == subject;
    if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES || !is_plain {
        return Err(format!(
            "its subject `{}` (sub) must be 1 to {MAX_SUBJECT_BYTES} bytes that can be shown, without spaces around them",
            shown(subject)
        ));
    }
    Ok(subject.clone())
}

/// A claim for a message.
fn told(value: Option<&Value>) -> String {
    match value {
        None => "(none)".to_owned(),
        Some(Value::String(text)) => format!("`{}`", shown(text)),
        Some(other) => format!("`{}`", shown(&other.to_string())),
    }
}

/// The beginning of something that a caller wrote.
pub(super) fn shown(text: &str) -> String {
    printable(&text.chars().take(80).collect::<String>()).into_owned()
}
