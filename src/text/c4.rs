//! What identifies C4's pages and lines (tensorflow_datasets `text/c4_utils.py`).

use crate::python::{is_space, strip};
use md5::{Digest, Md5};

/// Longest page that is read, in characters (`c4_utils.py`: `split_wet_file`).
pub const PAGE_CHARS_MAX: usize = 190_000;

/// Returns the text of a WET record's block: its lines without blanks at their ends, without empty
/// lines, and without lines that look like a WARC header, wherever they are.
pub fn page(block: &str) -> String {
    const HEADERS: [&str; 3] = ["WARC", "CONTENT-", "Content-"];
    let mut text = String::with_capacity(block.len());
    let lines = block.split('\n').map(strip).filter(|line| !line.is_empty());
    for line in lines.filter(|line| !HEADERS.iter().any(|header| line.starts_with(header))) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    }
    text
}

/// Returns a URL without its scheme, `www.`, tracking parameters at the front of its query, and
/// trailing slashes. Pages with the same normalized URL are the same page (`c4_utils.py`:
/// `normalize_url`).
pub fn normalize_url(url: &str) -> String {
    let mut bare = String::with_capacity(url.len());
    let mut rest = url;
    // Upstream's regular expression is not anchored: it removes a scheme anywhere.
    while let Some(at) = rest.find("http") {
        let after = &rest[at + 4..];
        let after_s = after.strip_prefix('s').unwrap_or(after);
        match after_s.strip_prefix("://") {
            Some(host) => {
                bare.push_str(&rest[..at]);
                rest = host.strip_prefix("www.").unwrap_or(host);
            }
            None => {
                bare.push_str(&rest[..at + 4]);
                rest = after;
            }
        }
    }
    bare.push_str(rest);
    let tracked = ["?utm_", "?ref", "?feed"].iter().filter_map(|mark| bare.find(mark)).min();
    if let Some(at) = tracked {
        bare.truncate(at);
    }
    bare.truncate(bare.trim_end_matches('/').len());
    bare
}

/// Returns the key of a line: the first half of the MD5 of the line, stripped and in lower case
/// (`c4_utils.py`: `_get_hashed_line`).
pub fn line_key(line: &str) -> u64 {
    (md5(strip(line).to_lowercase().as_bytes()) >> 64) as u64
}

/// Returns the key of a span of sentences: the [`line_key`] of its words joined by single blanks.
pub fn span_key(span: &str) -> u64 {
    let words: Vec<&str> = span.split(is_space).filter(|word| !word.is_empty()).collect();
    line_key(&words.join(" "))
}

/// Strips the lines of a page and removes empty lines, since cuts leave both.
pub fn tidy(page: &str) -> String {
    let lines: Vec<&str> = page.split('\n').map(strip).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// Returns the MD5 of a normalized URL.
pub fn url_digest(normalized: &str) -> u128 {
    md5(normalized.as_bytes())
}

/// Whether the page with this URL digest is in the validation set, which takes one page in a
/// thousand (`c4_utils.py`: `is_validation`).
pub fn is_validation(url_digest: u128) -> bool {
    url_digest.is_multiple_of(1000)
}

fn md5(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(Md5::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_of_a_url_is_removed() {
        assert_eq!(
            normalize_url("http://web.archive.org/http://www.a.com/"),
            "web.archive.org/a.com"
        );
        assert_eq!(normalize_url("httpx http"), "httpx http");
        assert_eq!(normalize_url("a.com/x?reference=1"), "a.com/x");
    }

    #[test]
    fn line_ends_and_case_do_not_change_a_spans_key() {
        assert_eq!(span_key("One. Two.\nThree."), span_key(" one.  TWO. three. "));
        assert_ne!(span_key("One. Two."), span_key("One.Two."));
    }

    #[test]
    fn neither_empty_lines_nor_headers_are_text() {
        assert_eq!(page(" a \r\n\n\u{2003}\nContent-Length: 3\nWARCraft\n b\n"), "a\nb");
        assert_eq!(page(""), "");
    }
}
