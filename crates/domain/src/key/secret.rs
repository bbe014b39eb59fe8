//! The secret of a key as text: `tg_`, 32 characters of chance, 6 of a checksum.
//!
//! The checksum lets a client, or a scanner of source code, tell a key from a mistyped one without asking a server.
//! The chance is 160 bits, so a plain hash is enough to store it by.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::hex::hex;

/// How many bytes of chance a secret is made of.
pub const SECRET_BYTES: usize = 20;

/// What every secret begins with.
const PREFIX: &str = "tg_";

/// Digits and lower-case letters without those that look alike: i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Characters of chance.
const CHANCE: usize = 32;

/// Characters of the checksum.
const CHECKSUM: usize = 6;

/// The secret of a key. It is shown once, to whoever made it, and is never written with `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(String);

/// A text that cannot be a secret. The text itself is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSecret {
    /// It does not have the form.
    #[error("a key is `tg_` followed by 38 digits and lower-case letters")]
    Form,
    /// Its checksum is another one.
    #[error("its checksum does not fit: part of it is missing or mistyped")]
    Checksum,
}

impl KeySecret {
    /// The secret made of these bytes of chance.
    #[must_use]
    pub fn of(chance: &[u8; SECRET_BYTES]) -> Self {
        let body = format!("{PREFIX}{}", base32(chance));
        let checksum = checksum(&body);
        Self(body + &checksum)
    }

    /// Reads a secret.
    ///
    /// # Errors
    ///
    /// [`MalformedSecret`].
    pub fn read(text: &str) -> Result<Self, MalformedSecret> {
        let characters = text.strip_prefix(PREFIX).ok_or(MalformedSecret::Form)?;
        let fits =
            characters.len() == CHANCE + CHECKSUM && characters.bytes().all(|byte| ALPHABET.contains(&byte));
        if !fits {
            return Err(MalformedSecret::Form);
        }
        let (body, given) = text.split_at(PREFIX.len().saturating_add(CHANCE));
        if checksum(body) != given {
            return Err(MalformedSecret::Checksum);
        }
        Ok(Self(text.to_owned()))
    }

    /// What the log has of it.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The text, for the one place where it is shown.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(…)")
    }
}

/// How many digits a hash is written with.
const HEX_DIGITS: usize = 64;

/// SHA-256 of a secret's text.
#[derive(Clone, Copy, Debug)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Reads 64 hex digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
            b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
            _ => None,
        };
        if text.len() != HEX_DIGITS {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// Its first half: where to look for it. Whoever sends a secret does not choose its hash, so how long the search
    /// for this half takes tells nothing about another secret.
    pub(super) fn place(&self) -> [u8; 16] {
        let mut place = [0; 16];
        place.copy_from_slice(self.0.split_at(16).0);
        place
    }
}

impl PartialEq for KeyHash {
    /// Takes the same time whichever bytes differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |different, (a, b)| different | (a ^ b)) == 0
    }
}

impl Eq for KeyHash {}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

fn checksum(body: &str) -> String {
    let mut text = base32(&Sha256::digest(body.as_bytes()));
    text.truncate(CHECKSUM);
    text
}

/// Five bits a character, the highest first.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(8).div_ceil(5));
    let (mut held, mut bits) = (0_u16, 0_u8);
    for &byte in bytes {
        held = (held << 8) | u16::from(byte);
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            let at = usize::from((held >> bits) & 31);
            text.push(char::from(ALPHABET[at]));
        }
        held &= (1_u16 << bits).wrapping_sub(1);
    }
    text
}
