//! The public keys of an issuer: a JSON Web Key Set (RFC 7517), and whether one of them signed something.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// The most keys of a set that are kept: an issuer has two or three.
const MAX_KEYS: usize = 64;

/// The shortest and longest RSA modulus, in bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// How a token may be signed. Neither `none` nor anything with a shared secret is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Their names in tokens and files.
    pub const NAMES: [&str; 3] = ["RS256", "ES256", "EdDSA"];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == word)
    }
}

/// The keys of an issuer that can be used.
#[derive(Clone, Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<PublicKey>,
}

/// A key, which is for one algorithm: a token cannot choose another for it.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    kid: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    /// Modulus and exponent.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point, or what Ed25519 has for one.
    Point(Vec<u8>),
}

/// A key as it is written. What it has beyond this does not matter here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds, or for other purposes, are passed over, as RFC 7517 asks.
    ///
    /// # Errors
    ///
    /// Why there is nothing in it that could be used.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let set: Set = serde_json::from_str(text)
            .map_err(|error| format!("must be a JSON Web Key Set, `{{\"keys\": […]}}`: {error}"))?;
        let total = set.keys.len();
        let read = |value| serde_json::from_value::<Jwk>(value).ok().and_then(PublicKey::of);
        let keys: Vec<PublicKey> = set.keys.into_iter().filter_map(read).take(MAX_KEYS).collect();
        if keys.is_empty() {
            return Err(format!(
                "none of its {total} keys can be used: must be RSA of 2048 to 8192 bits, EC on P-256, or OKP with Ed25519, for \
                 signatures"
            ));
        }
        Ok(Self { keys })
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key of this name and algorithm. Without a name: the only one of that algorithm.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&PublicKey> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match kid {
            Some(kid) => fitting.find(|key| key.kid.as_deref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }
}

impl PublicKey {
    fn of(jwk: Jwk) -> Option<Self> {
        if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let of_32 = |text: &Option<String>| bytes(text).filter(|bytes| bytes.len() == 32);
        let (algorithm, material) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let mut n = bytes(&jwk.n)?;
                // Some write the modulus with the sign that ASN.1 has.
                n.drain(..n.iter().take_while(|byte| **byte == 0).count());
                let e = bytes(&jwk.e)?;
                RSA_BYTES.contains(&n.len()).then_some((Algorithm::Rs256, Material::Rsa { n, e }))?
            }
            ("EC", Some("P-256")) => {
                let point = [vec![4], of_32(&jwk.x)?, of_32(&jwk.y)?].concat();
                (Algorithm::Es256, Material::Point(point))
            }
            ("OKP", Some("Ed25519")) => (Algorithm::EdDsa, Material::Point(of_32(&jwk.x)?)),
            _ => return None,
        };
        if jwk.alg.is_some_and(|named| Algorithm::from_word(&named) != Some(algorithm)) {
            return None;
        }
        Some(Self { kid: jwk.kid, algorithm, material })
    }

    /// Whether it signed this.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let checked = match (self.algorithm, &self.material) {
            (Algorithm::Es256, Material::Point(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Algorithm::EdDsa, Material::Point(point)) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            (Algorithm::Rs256, Material::Rsa { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Algorithm::Rs256, Material::Point(_))
            | (Algorithm::Es256 | Algorithm::EdDsa, Material::Rsa { .. }) => {
                return false;
            }
        };
        checked.is_ok()
    }
}
