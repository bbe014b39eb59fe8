//! Bytes as hex digits, and names made of what they name.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Two lower-case digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    text
}

/// The first bytes of the SHA-256 of a text, at most 32, as hex.
#[must_use]
pub fn hex_of_sha256(text: &str, bytes: usize) -> String {
    let digest = Sha256::digest(text.as_bytes());
    hex(digest.get(..bytes).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_two_digits_and_a_text_is_named_by_its_beginning() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
        assert_eq!(hex_of_sha256("abc", 4), "ba7816bf");
        assert_eq!(hex_of_sha256("abc", 33), hex_of_sha256("abc", 32));
        assert_eq!(hex_of_sha256("abc", 32).len(), 64);
    }
}
