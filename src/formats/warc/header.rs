//! A record's header: its lines, gathered and tidied, then read.

use super::record::Kind;
use memchr::{memchr, memmem};

/// The longest header. The longest line in practice is a URL of some kilobytes.
pub const HEADER_BYTES_MAX: usize = 256 << 10;

/// How many bytes show that a record begins.
pub(super) const VERSION_PEEK_BYTES: usize = b"WARC/1".len();

/// Whether a record begins here. Versions of drafts, such as `WARC/0.17`, are still in use.
pub(super) fn begins_record(bytes: &[u8]) -> bool {
    bytes.starts_with(b"WARC/") && bytes.get(5).is_some_and(u8::is_ascii_digit)
}

/// Returns the index of the first line that begins a record, without a line that begins at 0.
pub(super) fn find_record(bytes: &[u8]) -> Option<usize> {
    let begins = |at: &usize| begins_record(&bytes[*at..]);
    memmem::find_iter(bytes, b"\nWARC/").map(|newline| newline + 1).find(begins)
}

/// The fields of a record's header that are used.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) kind: Option<Kind>,
    pub(super) url: Option<String>,
    pub(super) date: Option<String>,
    pub(super) digest: Option<String>,
    pub(super) record_id: Option<String>,
    pub(super) content_length: Option<u64>,
}

impl Header {
    /// Reads header lines, each ended by CRLF, the last one empty.
    ///
    /// The error says what is wrong with them.
    pub(super) fn parse(lines: &[u8]) -> Result<Header, String> {
        let Ok((b"\r\n", (_version, fields, _length))) = ::warc::parser::headers(lines) else {
            return Err(what_is_wrong(lines));
        };
        let mut header = Header::default();
        for (name, value) in fields {
            header.take(name, value);
        }
        Ok(header)
    }

    /// Takes a field. If a field occurs twice, the first one counts.
    fn take(&mut self, name: &str, value: &[u8]) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let text = || String::from_utf8_lossy(value).into_owned();
        if is("Content-Length") {
            self.content_length = self.content_length.or_else(|| text().parse().ok());
        } else if is("WARC-Type") {
            self.kind.get_or_insert_with(|| Kind::of_name(&text()));
        } else if is("WARC-Target-URI") {
            self.url.get_or_insert_with(|| without_brackets(&text()).to_owned());
        } else if is("WARC-Date") {
            self.date.get_or_insert_with(text);
        } else if is("WARC-Block-Digest") {
            self.digest.get_or_insert_with(text);
        } else if is("WARC-Record-ID") {
            self.record_id.get_or_insert_with(text);
        }
    }
}

/// The grammar of WARC 1.0 has the brackets, its examples and WARC 1.1 do not. Both are in use.
fn without_brackets(url: &str) -> &str {
    url.strip_prefix('<').and_then(|url| url.strip_suffix('>')).unwrap_or(url)
}

/// Tidies the line that begins at `start` and was read last: ends it by CRLF, drops white space
/// before that, and joins it to the line before if it begins with white space (folding, which
/// WARC 1.0 takes from RFC 822). Returns whether it is the empty one that ends the header.
pub(super) fn tidy_last_line(lines: &mut Vec<u8>, start: usize) -> bool {
    let folded = start > 0 && matches!(lines[start], b' ' | b'\t');
    if folded && !lines[start..].trim_ascii().is_empty() {
        lines[start - 2] = b' ';
        let blank = lines[start..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        lines.drain(start - 1..start + blank);
    }
    let kept = lines.trim_ascii_end().len().max(if folded { 0 } else { start });
    lines.truncate(kept);
    lines.extend_from_slice(b"\r\n");
    kept == start
}

/// Describes the line that the parser stopped at.
fn what_is_wrong(lines: &[u8]) -> String {
    let lines: Vec<&[u8]> = lines.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
    for line in lines.iter().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_at(memchr(b':', line).unwrap_or(0));
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return format!(
                "broken header line {}: expected a name, a colon, a value",
                quoted(line)
            );
        }
        let number = str::from_utf8(value).ok().and_then(|value| value.parse::<u64>().ok());
        if number.is_none() && name.eq_ignore_ascii_case(b"Content-Length") {
            return format!("Content-Length is {}: expected a number of bytes", quoted(value));
        }
    }
    let first = lines.get(1).filter(|line| !line.is_empty()).copied();
    match first {
        Some(line) => format!("broken header, near {}", quoted(line)),
        None => format!("no header lines after {}", quoted(lines[0])),
    }
}

/// Returns the beginning of some bytes, escaped.
pub(super) fn quoted(bytes: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 40;
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    let more = if shown.len() < bytes.len() { "..." } else { "" };
    format!("\"{}{more}\"", shown.escape_ascii())
}
