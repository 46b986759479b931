//! Lines, over the borders of compressed members.

use super::Row;
use crate::compressed::{Cause, Codec, Members, Next, Stored};
use crate::defect::Defect;

pub(super) struct Lines {
    members: Members,
    codec: Codec,
    line_bytes_max: usize,
    number: u64,
    /// Where the last line began.
    reached: u64,
    /// Met at the end of a member, with nothing to give before it.
    met: Option<Defect>,
    ended: bool,
}

/// How a line ended.
enum End {
    /// By a line feed, or by the end of the file.
    Whole,
    /// By a fault of the member that it is in: what is there of it is no line.
    Broken(Defect),
}

impl Lines {
    pub fn new(mut stored: Stored, line_bytes_max: usize) -> Lines {
        let codec = Codec::of(stored.peek(Codec::MAGIC_BYTES_MAX));
        let mut members = Members::new(stored, codec);
        let (mut met, mut ended) = (None, false);
        if codec != Codec::Plain {
            (met, ended) = advance(&mut members);
        }
        Lines { members, codec, line_bytes_max, number: 0, reached: 0, met, ended }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where the next byte stands: a file of one member is the rule, so its beginning says nothing.
    /// Never goes back, even where the search for a healthy member does.
    fn offset(&mut self) -> u64 {
        let here = match self.codec {
            Codec::Plain => self.members.offset(),
            _ => self.members.stored_bytes(),
        };
        self.reached = self.reached.max(here);
        self.reached
    }

    /// Reads up to the next line feed, which is read too; gives the bytes that the line has. Keeps
    /// them in `line` while they are no more than a line may have.
    fn read(&mut self, line: &mut Vec<u8>) -> (usize, End) {
        let mut bytes_read = 0;
        loop {
            let bytes = self.members.fill(1);
            if bytes.is_empty() {
                match self.cross() {
                    None if self.ended => return (bytes_read, End::Whole),
                    None => continue,
                    Some(defect) => return (bytes_read, End::Broken(defect)),
                }
            }
            let end = memchr::memchr(b'\n', bytes);
            let of_line = &bytes[..end.unwrap_or(bytes.len())];
            bytes_read += of_line.len();
            if bytes_read <= self.line_bytes_max {
                line.extend_from_slice(of_line);
            } else {
                // What is there already is given back at once.
                *line = Vec::new();
            }
            let consumed = of_line.len() + usize::from(end.is_some());
            self.members.consume(consumed);
            if end.is_some() {
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

/// Goes to the next member: what stands before it and is none, and whether the file ends.
fn advance(members: &mut Members) -> (Option<Defect>, bool) {
    let (skipped, ended) = match members.advance() {
        Next::Member { skipped } => (skipped, false),
        Next::End { skipped } => (skipped, true),
    };
    let defect = (skipped > 0).then(|| {
        let codec = members.codec();
        let what = format!("expected a {codec} member, found {skipped} bytes that are none");
        Defect::new(members.offset() - skipped, what)
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
                    let most = self.line_bytes_max >> 20;
                    let what = format!(
                        "a line of {bytes} bytes, longer than {most} MiB; it is left out: put its \
                         records on lines of their own"
                    );
                    return Some(Err(Defect::new(offset, what)));
                }
                // Empty lines are no records.
                (_, End::Whole) if json.trim_ascii().is_empty() => {}
                (_, End::Whole) => return Some(Ok(Row { offset, number: self.number, json })),
            }
        }
        None
    }
}
