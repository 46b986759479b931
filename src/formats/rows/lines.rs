//! Records of JSON, across compressed members: a line each, or an object each, in an array or over
//! several lines.

use super::Row;
use crate::compressed::{Begun, Codec, Members, Next};
use crate::defect::Defect;
use crate::form::BOM;
use std::cmp::Ordering;

pub(super) struct Lines {
    members: Members,
    split: Split,
    line_bytes_max: usize,
    number: u64,
    /// The last offset.
    reached: u64,
    /// A defect before the first record.
    pending: Option<Defect>,
    ended: bool,
    arrays: Arrays,
}

/// The brackets of arrays around objects.
#[derive(Default)]
struct Arrays {
    opened: u64,
    closed: u64,
    /// Something was reported that may be why a bracket is missing.
    is_broken: bool,
}

impl Arrays {
    fn take(&mut self, between: &[u8]) {
        for byte in between {
            match byte {
                b'[' => self.opened += 1,
                b']' => self.closed += 1,
                _ => {}
            }
        }
    }

    /// Returns, once, what is wrong with them at the end of the file.
    fn fault(&mut self) -> Option<&'static str> {
        let Arrays { opened, closed, is_broken } = std::mem::take(self);
        if is_broken {
            return None;
        }
        match opened.cmp(&closed) {
            Ordering::Equal => None,
            Ordering::Greater => {
                Some("the array has no end, ]: the file may have been cut short, fetch it again")
            }
            Ordering::Less => Some(
                "a ] without the [ of an array: part of the file may be missing, fetch it again",
            ),
        }
    }
}

/// Where one record ends and the next begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    /// At a line feed.
    Lines,
    /// Where an object's brackets close.
    Objects,
}

impl Split {
    /// Returns how the records of a file of JSON are divided, by its beginning.
    pub fn of(head: &[u8]) -> Split {
        let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
        if text.starts_with(b"[") {
            return Split::Objects;
        }
        let mut lines = text.splitn(2, |byte| *byte == b'\n');
        let (first, rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let continues = rest.trim_ascii_start().first().is_some_and(|byte| b"\"}".contains(byte));
        let is_open = first.starts_with(b"{") && {
            let mut brackets = Brackets::default();
            first.iter().for_each(|byte| brackets.take(*byte));
            brackets.depth > 0 && !brackets.is_string
        };
        if is_open && continues { Split::Objects } else { Split::Lines }
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
    /// At its end, or at the end of the file.
    Whole,
    /// By a fault of its member. The bytes before the fault are not a record.
    Broken(Defect),
}

impl Lines {
    pub fn new(Begun { stored, codec }: Begun, split: Split, line_bytes_max: usize) -> Lines {
        let mut members = Members::new(stored, codec);
        let (mut pending, mut ended) = (None, false);
        if codec != Codec::Plain {
            (pending, ended) = advance(&mut members);
        }
        Lines {
            members,
            split,
            line_bytes_max,
            number: 0,
            reached: 0,
            pending,
            ended,
            arrays: Arrays::default(),
        }
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

    /// Returns the place of the next byte. Files of one member are the rule, so the member's beginning
    /// would say nothing. Never decreases, even where the search for a valid member goes back.
    fn offset(&mut self) -> u64 {
        let offset = if self.members.is_exact() {
            self.members.offset()
        } else {
            self.members.stored_bytes()
        };
        self.reached = self.reached.max(offset);
        self.reached
    }

    /// Reads a record with its end. Returns its length. The bytes are in `record` unless they are more
    /// than a record may have.
    fn read(&mut self, record: &mut Vec<u8>) -> (usize, End) {
        let mut bytes_read = 0;
        let mut brackets = Brackets::default();
        loop {
            let bytes = self.members.fill(1);
            if bytes.is_empty() {
                match self.cross() {
                    None if self.ended => {
                        self.arrays.is_broken |= bytes_read > 0;
                        return (bytes_read, End::Whole);
                    }
                    None => continue,
                    Some(defect) => {
                        self.arrays.is_broken = true;
                        return (bytes_read, End::Broken(defect));
                    }
                }
            }
            // The bytes of the record, and how many are consumed with it.
            let is_begun = bytes_read > 0;
            let (from, to, consumed, is_end) = match self.split {
                Split::Lines => match memchr::memchr(b'\n', bytes) {
                    Some(end) => (0, end, end + 1, true),
                    None => (0, bytes.len(), bytes.len(), false),
                },
                Split::Objects => object(bytes, is_begun, &mut brackets),
            };
            if self.split == Split::Objects && !is_begun {
                self.arrays.take(&bytes[..from]);
            }
            bytes_read += to - from;
            if bytes_read <= self.line_bytes_max {
                record.extend_from_slice(&bytes[from..to]);
            } else {
                // The memory is freed at once.
                *record = Vec::new();
            }
            self.members.consume(consumed);
            if is_end {
                return (bytes_read, End::Whole);
            }
        }
    }

    /// Goes to the next member, or to the end. Returns the defect on the way.
    fn cross(&mut self) -> Option<Defect> {
        if let Some(fault) = self.members.take_fault() {
            // The bytes that are skipped on the way are the rest of the member.
            self.ended = advance(&mut self.members).1;
            return Some(fault.into());
        }
        let (defect, ended) = advance(&mut self.members);
        self.ended = ended;
        defect
    }
}

/// Returns the part of an object that is in `bytes`: its begin and end, how many bytes are consumed,
/// and whether the object ends there. Between objects are commas and the brackets of the array.
/// Anything else there is a record of its own, and not an object.
fn object(bytes: &[u8], is_begun: bool, brackets: &mut Brackets) -> (usize, usize, usize, bool) {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || b",[]\xef\xbb\xbf".contains(byte);
    let from = if is_begun {
        0
    } else {
        bytes.iter().position(|byte| !is_between(byte)).unwrap_or(bytes.len())
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

/// Makes the lines of an object one, as if it had been written on one: its values are published as
/// they are written, each on a line. Line ends in strings, which JSON does not allow, stay.
fn join_lines(json: &mut [u8]) {
    let mut brackets = Brackets::default();
    for byte in json {
        brackets.take(*byte);
        if matches!(*byte, b'\n' | b'\r') && !brackets.is_string {
            *byte = b' ';
        }
    }
}

/// Goes to the next member. Returns the defect of bytes before it that are not a member, and whether
/// the file ends.
fn advance(members: &mut Members) -> (Option<Defect>, bool) {
    let (skipped, ended) = match members.advance() {
        Next::Member { skipped } => (skipped, false),
        Next::End { skipped } => (skipped, true),
    };
    let defect = (skipped > 0).then(|| {
        let codec = members.codec();
        let what = format!("expected a {codec} member, found {skipped} bytes that are not one");
        Defect::new(members.offset().saturating_sub(skipped), what)
    });
    (defect, ended)
}

impl Iterator for Lines {
    type Item = Result<Row, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(defect) = self.pending.take() {
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
                (_, End::Whole) => {
                    // Files from Windows begin with the mark, and files may be joined.
                    if json.starts_with(BOM) {
                        json.drain(..BOM.len());
                    }
                    // Empty lines are not records.
                    if json.trim_ascii().is_empty() {
                        continue;
                    }
                    if self.split == Split::Objects {
                        join_lines(&mut json);
                    }
                    return Some(Ok(Row { offset, number: self.number, json }));
                }
            }
        }
        let what = self.arrays.fault()?;
        Some(Err(Defect::new(self.offset(), what)))
    }
}
