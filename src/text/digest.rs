//! SHA-1 digests in the form of web archives.

use sha1::{Digest, Sha1};

/// Returns the first 128 bits of a digest written as `sha1:` and 32 letters of base 32 (RFC 4648),
/// as in `WARC-Block-Digest`. Returns `None` for any other form.
pub fn parse_sha1(text: &str) -> Option<u128> {
    let letters = text.strip_prefix("sha1:")?;
    if letters.len() != 32 {
        return None;
    }
    // 25 letters are 125 bits; the 26th contributes the last three.
    let mut bits = 0u128;
    for (place, letter) in letters.bytes().enumerate() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        match place {
            0..=24 => bits = bits << 5 | u128::from(value),
            25 => bits = bits << 3 | u128::from(value >> 2),
            _ => {}
        }
    }
    Some(bits)
}

/// Returns the first 128 bits of the SHA-1 of `bytes`.
pub fn sha1(bytes: &[u8]) -> u128 {
    sha1_of([bytes])
}

/// Returns [`sha1()`] of the concatenation of `parts`.
pub fn sha1_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u128 {
    let mut hasher = Sha1::new();
    parts.into_iter().for_each(|part| hasher.update(part));
    let digest = hasher.finalize();
    u128::from_be_bytes(digest[..16].try_into().expect("20 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_digest_equals_the_computed_one() {
        // The SHA-1 of nothing, da39a3ee5e6b4b0d3255bfef95601890afd80709, in base 32.
        let written = "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ";
        assert_eq!(parse_sha1(written), Some(sha1(b"")));
        assert_eq!(sha1(b"") >> 96, 0xda39_a3ee);
    }

    #[test]
    fn other_forms_are_none() {
        for text in ["", "sha1:", "md5:AAAA", "sha1:3i42h3s6nnfq2msvx7xzkyayscx5qbyj"] {
            assert_eq!(parse_sha1(text), None, "{text}");
        }
    }
}
