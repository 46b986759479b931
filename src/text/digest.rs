//! SHA-1 digests in the form of web archives.

use data_encoding::BASE32;
use sha1::{Digest, Sha1};

/// Returns the first 128 bits of a digest written as `sha1:` and 32 letters of base 32 (RFC 4648),
/// as in `WARC-Block-Digest`. Returns `None` for any other form.
pub fn parse_sha1(text: &str) -> Option<u128> {
    let letters: &[u8; 32] = text.strip_prefix("sha1:")?.as_bytes().try_into().ok()?;
    let mut digest = [0; 20];
    BASE32.decode_mut(letters, &mut digest).ok()?;
    Some(first_128_bits(&digest))
}

/// Returns the first 128 bits of the SHA-1 of `bytes`.
pub fn sha1(bytes: &[u8]) -> u128 {
    sha1_of([bytes])
}

/// Returns [`sha1()`] of the concatenation of `parts`.
pub fn sha1_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u128 {
    let mut hasher = Sha1::new();
    parts.into_iter().for_each(|part| hasher.update(part));
    first_128_bits(&hasher.finalize().into())
}

fn first_128_bits(digest: &[u8; 20]) -> u128 {
    u128::from_be_bytes(*digest.first_chunk().expect("20 bytes"))
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
