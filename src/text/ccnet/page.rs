//! Reads a WET record's body as a page (`process_wet_file.py: parse_doc`).

use crate::python::strip;
use memchr::memchr2;

/// A web page as CCNet keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// The first line. It is not part of the text: never compared, scored or published.
    pub title: &'a str,
    /// The other lines, stripped, joined by `\n`. Upstream: `raw_content`.
    pub text: String,
    /// Number of lines in `text`.
    pub nlines: usize,
}

/// Reads a record's body, with the line ends that separate it from the next record still attached.
/// Returns `None` if no line remains; upstream fails there, or keeps an empty page that is too
/// short anyway.
///
/// Allocates only the text, since a page may consist of nothing but line ends.
///
/// ```
/// let page = text::ccnet::page("Title\n One\nTwo\n\n\n").expect("it has lines");
/// assert_eq!((page.title, page.text.as_str(), page.nlines), ("Title", "One\nTwo", 2));
/// ```
pub fn page(body: &str) -> Option<Page<'_>> {
    let mut lines = lines(body);
    let title = lines.next()?;
    let mut text = String::with_capacity(body.len());
    let (mut nlines, mut empty_at_end) = (0, usize::from(title.is_empty()));
    for line in lines {
        if nlines > 0 {
            text.push('\n');
        }
        text.push_str(line);
        nlines += 1;
        empty_at_end = if line.is_empty() { empty_at_end + 1 } else { 0 };
    }
    // Two empty lines separate records: upstream drops both or neither.
    if empty_at_end >= 2 {
        nlines = usize::checked_sub(nlines, 2)?;
        text.truncate(text.len().saturating_sub(2));
    }
    Some(Page { title, text, nlines })
}

/// Returns the body's lines, each stripped. A line `WARC/1.0` ends the page: upstream takes it for
/// the next record's header.
fn lines(body: &str) -> impl Iterator<Item = &str> {
    UniversalLines(body).map(strip).take_while(|line| *line != "WARC/1.0")
}

/// Lines as Python reads them from a text file: they end at `\n`, `\r\n` or a lone `\r`, and there
/// is no empty line after the last line end.
struct UniversalLines<'a>(&'a str);

impl<'a> Iterator for UniversalLines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        let end = memchr2(b'\n', b'\r', text.as_bytes()).unwrap_or(text.len());
        let (line, rest) = text.split_at(end);
        self.0 = rest
            .strip_prefix("\r\n")
            .or_else(|| rest.strip_prefix(['\n', '\r']))
            .unwrap_or_default();
        Some(line)
    }
}

/// Returns the host of a URL with its user and port, as `urllib.parse.urlparse(url).netloc` does.
/// It is empty if the URL has no `//` after its scheme. Upstream: `source_domain`.
pub fn source_domain(url: &str) -> &str {
    let Some(authority) = after_scheme(url).strip_prefix("//") else { return "" };
    let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
    &authority[..end]
}

fn after_scheme(url: &str) -> &str {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match url.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The lines of a page, the title included, as upstream reads them.
    fn page_lines(body: &str) -> Vec<&str> {
        let mut lines: Vec<&str> = lines(body).collect();
        if lines.ends_with(&["", ""]) {
            lines.truncate(lines.len() - 2);
        }
        lines
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn a_page_is_its_lines(body in "[a \n\r]{0,12}\n{0,4}") {
            let lines = page_lines(&body);
            let expected = lines.split_first().map(|(title, content)| {
                Page { title, text: content.join("\n"), nlines: content.len() }
            });
            prop_assert_eq!(page(&body), expected);
        }
    }

    #[test]
    fn the_first_line_is_the_title_and_not_text() {
        let page = page("Title\r\n One \rTwo\n\r\n\r\n").expect("there are lines");
        assert_eq!((page.title, page.text.as_str(), page.nlines), ("Title", "One\nTwo", 2));
    }

    #[test]
    fn two_trailing_empty_lines_are_dropped_and_a_single_one_stays() {
        assert_eq!(page_lines("a\nb\n\n\n"), ["a", "b"]);
        assert_eq!(page_lines("a\nb\n\n"), ["a", "b", ""]);
        assert_eq!(page_lines("a\n \n\t\n\n"), ["a", ""]);
    }

    #[test]
    fn a_line_like_the_next_header_ends_the_page() {
        assert_eq!(page_lines("a\nb\n WARC/1.0 \nc\n"), ["a", "b"]);
        assert_eq!(page_lines("a\nWARC/1.0 b\n"), ["a", "WARC/1.0 b"]);
    }

    #[test]
    fn only_python_line_ends_separate_lines() {
        assert_eq!(
            page_lines("a\u{85}b\u{2028}c\u{b}d\r\re"),
            ["a\u{85}b\u{2028}c\u{b}d", "", "e"]
        );
    }

    #[test]
    fn a_body_without_lines_is_not_a_page() {
        assert_eq!(page(""), None);
        assert_eq!(page("\r\n\r\n"), None);
        assert_eq!(page("t").map(|page| (page.text, page.nlines)), Some((String::new(), 0)));
    }

    #[test]
    fn the_domain_keeps_user_and_port() {
        assert_eq!(source_domain("http://me@a.example:80/x?y"), "me@a.example:80");
        assert_eq!(source_domain("https://a.example?q#f"), "a.example");
        assert_eq!(source_domain("//a.example"), "a.example");
        for without in ["", "a.example/x", "mailto:a@b.example", "1http://a.example", "dns:a"] {
            assert_eq!(source_domain(without), "", "{without}");
        }
    }
}
