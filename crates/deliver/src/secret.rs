//! Secrets that sign webhooks: read from files that only their owner may read, never displayed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;
use zeroize::Zeroizing;

/// The prefix of a secret, so that people and scanners recognize it.
const PREFIX: &str = "whsec_";

/// The fewest and most bytes of a secret, from Standard Webhooks 1.0.0.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The longest file that is read, in bytes: a secret has at most 92 characters.
const MAX_FILE_BYTES: u64 = 4096;

/// Other senders write secrets with and without the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A signing key.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl Secret {
    /// Reads `whsec_<base64>`.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret`]; it reveals nothing about the text.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret("must begin with `whsec_`"))?;
        let bytes = BASE64.decode(encoded).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| InvalidSecret("must be base64 behind `whsec_`"))?;
        if !BYTES.contains(&bytes.len()) {
            return Err(InvalidSecret("must be 24 to 64 bytes before they are written as base64"));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Reads the secret from a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// [`SecretError`] with the file and the rule; it reveals nothing about the content.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let failed = |reason| SecretError { path: path.to_owned(), reason };
        let text = content(path).map_err(failed)?;
        Self::parse(text.trim()).map_err(|error| failed(SecretReason::Invalid(error)))
    }

    pub(crate) fn key(&self) -> &hmac::Key {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A text that is not a secret. The text itself is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}, for example the line that `echo whsec_$(head -c 32 /dev/urandom | base64)` writes")]
pub struct InvalidSecret(&'static str);

/// A file without a usable secret.
#[derive(Debug, thiserror::Error)]
#[error("reading the webhook secret in {}: {reason}", path.display())]
pub struct SecretError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: SecretReason,
}

/// What is wrong with a secret's file.
#[derive(Debug, thiserror::Error)]
pub enum SecretReason {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Others may read it.
    #[error("its mode is {mode:04o}, others may read it: `chmod 600` it")]
    Open {
        /// The permission bits.
        mode: u32,
    },
    /// It is too long for a secret.
    #[error("it is longer than {MAX_FILE_BYTES} bytes: it must hold one secret and nothing else")]
    Long,
    /// It holds no secret.
    #[error("{0}")]
    Invalid(#[from] InvalidSecret),
}

fn content(path: &Path) -> Result<Zeroizing<String>, SecretReason> {
    // The mode is that of the file that is read, not of one that replaced it in the meantime.
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if let Some(mode) = tollgate_files::too_open(&metadata) {
        return Err(SecretReason::Open { mode });
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(SecretReason::Long);
    }
    // Allocated at full size from the start, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_BYTES as usize));
    file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::parse(GOOD).unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
    }

    #[test]
    fn secrets_keep_the_standards_rules_and_errors_say_nothing_of_them() {
        let of = |bytes: usize| format!("whsec_{}", BASE64.encode(vec![7_u8; bytes]));
        for good in [GOOD.to_owned(), of(24), of(64), of(25).trim_end_matches('=').to_owned()] {
            assert!(Secret::parse(&good).is_ok(), "{good}");
        }
        for (bad, rule) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), "must begin with `whsec_`"),
            ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), "must begin with `whsec_`"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2L!LaSw".to_owned(), "must be base64"),
            ("whsec_".to_owned(), "24 to 64"),
            (of(23), "24 to 64"),
            (of(65), "24 to 64"),
        ] {
            let error = Secret::parse(&bad).unwrap_err().to_string();
            assert!(error.contains(rule), "{bad}: {error}");
            assert!(!error.contains("MfKQ") && !error.contains("BwcH"), "{error}");
        }
    }

    /// Each form yields the key that the standard's libraries read from it, or is refused before anything is
    /// signed with a different one.
    #[cfg(unix)]
    #[test]
    fn a_form_of_a_secret_is_that_key_or_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        // Its base64 has `+`, `/` and padding.
        let bytes: Vec<u8> = (0..25_u8).map(|nth| 0xfb_u8.wrapping_add(nth.wrapping_mul(67))).collect();
        let key = BASE64.encode(&bytes);
        assert!(key.contains(['+', '/']) && key.ends_with('='), "{key}");
        let unpadded = key.trim_end_matches('=');
        let url_safe = key.replace('+', "-").replace('/', "_");
        let body = "{\"title\": \"caf\u{e9} \u{1f680}\"}".as_bytes();
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), body);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for (form, rule) in [
            (format!("whsec_{key}"), None),
            (format!("whsec_{key}\n"), None),
            (format!("whsec_{key}\r\n"), None),
            (format!("  whsec_{key}  "), None),
            (format!("whsec_{unpadded}"), None),
            (key.clone(), Some("must begin with `whsec_`")),
            (format!("v1,whsec_{key}"), Some("must begin with `whsec_`")),
            (format!("v1,{key}"), Some("must begin with `whsec_`")),
            (format!("\"whsec_{key}\""), Some("must begin with `whsec_`")),
            (format!("\u{feff}whsec_{key}"), Some("must begin with `whsec_`")),
            (format!("WHSEC_{key}"), Some("must begin with `whsec_`")),
            (format!("whsec_{url_safe}"), Some("must be base64")),
            (format!("whsec_ {key}"), Some("must be base64")),
            (format!("whsec_{}\n{}", &key[..20], &key[20..]), Some("must be base64")),
            (format!("whsec_whsec_{key}"), Some("must be base64")),
        ] {
            std::fs::write(&path, &form).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            match (Secret::read(&path), rule) {
                (Ok(secret), None) => {
                    assert_eq!(hmac::sign(secret.key(), body).as_ref(), expected.as_ref(), "{form}");
                }
                (Err(error), Some(rule)) => assert!(error.to_string().contains(rule), "{form}: {error}"),
                (read, _) => panic!("{form:?}: {read:?}"),
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, format!("{GOOD}\n")).unwrap();
        for (mode, fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o644, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = Secret::read(&path);
            assert_eq!(read.is_ok(), fine, "{mode:o}");
            if let Err(error) = read {
                assert!(error.to_string().contains("chmod 600") && !error.to_string().contains("MfKQ"));
            }
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(Secret::read(&path).unwrap_err().to_string().contains("longer than"));
        assert!(Secret::read(&dir.path().join("none")).unwrap_err().to_string().contains("none"));
    }
}
