//! Records of JSON, over the borders of compressed members: a line each, or, in an array or over
//! several lines, an object each.

use super::Row;
use crate::compressed::{Begun, Cause, Codec, Members, Next};
use crate::defect::Defect;
use crate::form::BOM;

pub(super) struct Lines {
    members: Members,
    split: Split,
    line_bytes_max: usize,
    number: u64,
    /// Where the last line began.
    reached: u64,
    /// Met at the end of a member, with nothing to give before it.
    met: Option<Defect>,
    ended: bool,
}

/// Where one record ends and the next begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    /// At a line feed.
    Lines,
    /// Where an object's brackets are closed.
    Objects,
}

impl Split {
    /// How the records of a file of JSON are divided, by its beginning.
    pub fn of(head: &[u8]) -> Split {
        let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
        if text.starts_with(b"[") {
            return Split::Objects;
        }
        let mut lines = text.splitn(2, |byte| *byte == b'\n');
        let (first, rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let goes_on = rest.trim_ascii_start().first().is_some_and(|byte| b"\"}".contains(byte));
        let is_open = first.starts_with(b"{") && {
            let mut brackets = Brackets::default();
            first.iter().for_each(|byte| brackets.take(*byte));
            brackets.depth > 0 && !brackets.is_string
        };
        if is_open && goes_on { Split::Objects } else { Split::Lines }
    }
}

/// Follows the brackets of JSON.
#[derive(Default)]
struct Brackets {
    depth: u64,
    is_string: bool,
    is_escaped: bool,
}

impl Brackets {
    fn take(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.is_string => self.is_escaped = true,
            b'"' => self.is_string = !self.is_string,
            _ if self.is_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// How a record ended.
enum End {
    /// As it should, or by the end of the file.
    Whole,
    /// By a fault of the member that it is in: what is there of it is no record.
    Broken(Defect),
}

impl Lines {
    pub fn new(Begun { stored, codec }: Begun, split: Split, line_bytes_max: usize) -> Lines {
        let mut members = Members::new(stored, codec);
        let (mut met, mut ended) = (None, false);
        if codec != Codec::Plain {
            (met, ended) = advance(&mut members);
        }
        Lines { members, split, line_bytes_max, number: 0, reached: 0, met, ended }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn unit(&self) -> &'static str {
        match self.split {
            Split::Lines => "line",
            Split::Objects => "object",
        }
    }

    /// Where the next byte is: a file of one member is the rule, so its beginning says nothing.
    /// Never goes back, even where the search for a healthy member does.
    fn offset(&mut self) -> u64 {
        let here = match self.members.is_exact() {
            true => self.members.offset(),
            false => self.members.stored_bytes(),
        };
        self.reached = self.reached.max(here);
        self.reached
    }

    /// Reads up to the end of the record, which is read too; gives the bytes that it has. Keeps
    /// them in `record` while they are no more than a record may have.
    fn read(&mut self, record: &mut Vec<u8>) -> (usize, End) {
        let mut bytes_read = 0;
        let mut brackets = Brackets::default();
        loop {
            let bytes = self.members.fill(1);
            if bytes.is_empty() {
                match self.cross() {
                    None if self.ended => return (bytes_read, End::Whole),
                    None => continue,
                    Some(defect) => return (bytes_read, End::Broken(defect)),
                }
            }
            // Bytes of the record, and bytes that are passed with it.
            let (from, to, consumed, is_end) = match self.split {
                Split::Lines => match memchr::memchr(b'\n', bytes) {
                    Some(end) => (0, end, end + 1, true),
                    None => (0, bytes.len(), bytes.len(), false),
                },
                Split::Objects => object(bytes, bytes_read > 0, &mut brackets),
            };
            bytes_read += to - from;
            if bytes_read <= self.line_bytes_max {
                record.extend_from_slice(&bytes[from..to]);
            } else {
                // What is there already is given back at once.
                *record = Vec::new();
            }
            self.members.consume(consumed);
            if is_end {
                return (bytes_read, End::Whole);
            }
        }
    }

    /// Goes to the next member, or to the end.
    fn cross(&mut self) -> Option<Defect> {
        if let Some(fault) = self.members.take_fault() {
            let device = match fault.cause {
                Cause::Device(kind) => Some(kind),
                Cause::Cut | Cause::Corrupt => None,
            };
            let defect = Defect { device, ..Defect::new(fault.offset, fault.to_string()) };
            // What is skipped on the way is the rest of it.
            self.ended = advance(&mut self.members).1;
            return Some(defect);
        }
        let (defect, ended) = advance(&mut self.members);
        self.ended = ended;
        defect
    }
}

/// The part of an object that is in `bytes`: from where to where, how much is passed, and whether it
/// ends there. Between objects stand commas and the brackets of the array; anything else there is a
/// record of its own, and no object.
fn object(bytes: &[u8], is_begun: bool, brackets: &mut Brackets) -> (usize, usize, usize, bool) {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || b",[]\xef\xbb\xbf".contains(byte);
    let from = match is_begun {
        true => 0,
        false => bytes.iter().position(|byte| !is_between(byte)).unwrap_or(bytes.len()),
    };
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        if brackets.depth == 0
            && !brackets.is_string
            && at > from
            && (is_between(byte) || *byte == b'{')
        {
            return (from, at, at, true);
        }
        brackets.take(*byte);
        if brackets.depth == 0 && *byte == b'}' && !brackets.is_string {
            return (from, at + 1, at + 1, true);
        }
    }
    (from, bytes.len(), bytes.len(), false)
}

/// Goes to the next member: what stands before it and is none, and whether the file ends.
fn advance(members: &mut Members) -> (Option<Defect>, bool) {
    let (skipped, ended) = match members.advance() {
        Next::Member { skipped } => (skipped, false),
        Next::End { skipped } => (skipped, true),
    };
    let defect = (skipped > 0).then(|| {
        let codec = members.codec();
        let what = format!("expected a {codec} member, found {skipped} bytes that are none");
        Defect::new(members.offset().saturating_sub(skipped), what)
    });
    (defect, ended)
}

impl Iterator for Lines {
    type Item = Result<Row, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(defect) = self.met.take() {
            return Some(Err(defect));
        }
        while !self.ended {
            let offset = self.offset();
            self.number += 1;
            let mut json = Vec::new();
            match self.read(&mut json) {
                (_, End::Broken(defect)) => return Some(Err(defect)),
                (bytes, End::Whole) if bytes > self.line_bytes_max => {
                    let (most, unit) = (self.line_bytes_max >> 20, self.unit());
                    let what = format!(
                        "a {unit} of {bytes} bytes, longer than {most} MiB; it is left out: put its \
                         records on lines of their own"
                    );
                    return Some(Err(Defect::new(offset, what)));
                }
                // Empty lines are no records.
                (_, End::Whole) if json.trim_ascii().is_empty() => {}
                (_, End::Whole) => {
                    // Windows writes the mark before the first line, and files are joined.
                    if json.starts_with(BOM) {
                        json.drain(..BOM.len());
                    }
                    return Some(Ok(Row { offset, number: self.number, json }));
                }
            }
        }
        None
    }
}
