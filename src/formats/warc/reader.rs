//! The iterator over records. The table in the module above says how it treats damage.

use super::header::{Header, VERSION_PEEK_BYTES, begins_record, find_record, quoted};
use super::input::{Ending, Input};
use super::record::{Kind, WarcRecord};
use crate::compressed::{Begun, Cause, begin, begin_from, begin_within};
use crate::defect::{Defect, ReadError};
use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;

/// A record whose block is larger is skipped and reported: this bounds the memory that
/// one record takes. Common Crawl cuts pages at 1 MiB (5 MiB since 2025).
pub const BLOCK_BYTES_MAX: u64 = 256 << 20;

/// Larger blocks are moved and not copied.
const COPIED_BYTES_MAX: usize = 4 << 20;

/// The bytes between two records. If they are damaged, no line begins at the second record.
const LINE_ENDS_BYTES: usize = b"\r\n\r\n".len();

/// Reads a file of WARC records, in order, in bounded memory and linear time, whatever its bytes.
///
/// Every file yields at least a record or a defect, unless [`keeping`](WarcReader::keeping) leaves out
/// all its records.
pub struct WarcReader {
    input: Input,
    keep: fn(&Kind) -> bool,
    /// The lines of the current header, and the current block: reused from record to record.
    lines: Vec<u8>,
    block: Vec<u8>,
    /// Read, and not returned yet.
    out: VecDeque<Result<WarcRecord, Defect>>,
    /// Whether a record was seen, or a defect.
    is_nonempty: bool,
    record_seen: bool,
    ended: bool,
}

impl WarcReader {
    /// Opens a file, compressed or not, as its first bytes show.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<WarcReader, ReadError> {
        let begun = begin(path).map_err(|source| ReadError::new(path, source))?;
        Ok(WarcReader::begun(begun))
    }

    /// Opens a file at a byte at which a record begins, or the compressed member of one. Offsets count
    /// from there.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open_at(path: &Path, offset: u64) -> Result<WarcReader, ReadError> {
        let source = crate::access::random(path).map_err(|source| ReadError::new(path, source))?;
        Ok(WarcReader::begun(begin_within(Box::new(source.starting_at(offset)))))
    }

    /// Reads from any source. It needs no buffer.
    pub fn new(source: impl Read + Send + 'static) -> WarcReader {
        WarcReader::begun(begin_from(Box::new(source)))
    }

    fn begun(begun: Begun) -> WarcReader {
        WarcReader {
            input: Input::new(begun),
            keep: |_| true,
            lines: Vec::new(),
            block: Vec::new(),
            out: VecDeque::new(),
            is_nonempty: false,
            record_seen: false,
            ended: false,
        }
    }

    /// Returns only records of these kinds. Other records cost no allocation, and their damage is
    /// reported.
    #[must_use]
    pub fn keeping(mut self, keep: fn(&Kind) -> bool) -> WarcReader {
        self.keep = keep;
        self
    }

    /// Returns how many bytes of the stored file were read so far, for a progress bar.
    pub fn stored_bytes(&mut self) -> u64 {
        self.input.stored_bytes()
    }

    /// Returns how many bytes were inflated so far, with those that damage made it read twice.
    pub fn inflated_bytes(&self) -> u64 {
        self.input.inflated_bytes()
    }

    /// Reads up to the next record or defect.
    fn step(&mut self) {
        if !self.skip_line_ends() {
            self.finish();
        } else if self.input.at_record() || self.input.at_start_of_record() {
            self.read_record();
        } else {
            self.skip_junk();
        }
        self.take_defects();
    }

    /// Returns false at the end of the file.
    fn skip_line_ends(&mut self) -> bool {
        loop {
            let bytes = self.input.fill(1);
            let blank = bytes.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count();
            if blank < bytes.len() {
                self.input.consume(blank);
                return true;
            }
            self.input.consume(blank);
            if blank == 0 && !self.advance() {
                return false;
            }
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.take_defects();
        if !self.is_nonempty {
            let empty = self.input.stored_bytes() == 0;
            let what = if empty { "empty file" } else { "no WARC record in this file" };
            self.report(0, what);
        }
    }

    /// Leaves a member whose bytes were consumed. Returns false if there is no other.
    fn advance(&mut self) -> bool {
        let found = self.input.advance() && !self.input.failed;
        self.take_defects();
        found
    }

    fn skip_junk(&mut self) {
        let offset = self.input.offset();
        let first = self.input.fill(64);
        let mut begin = first[..first.len().min(64)].to_vec();
        // An ARC file has no WARC record, but its pages may quote one.
        if !self.record_seen && first.starts_with(b"filedesc:") {
            self.report(
                offset,
                "an ARC file, not WARC: convert it, for example by warcio recompress",
            );
            self.ended = true;
            return;
        }
        let place = self.out.len();
        let (skipped, found) = self.skip_to_record();
        begin.truncate(skipped as usize);
        let begin = quoted(&begin);
        let what = if found || self.record_seen {
            format!("expected WARC/, found {skipped} bytes that belong to no record: {begin}")
        } else {
            format!("not a WARC file: starts with {begin}")
        };
        self.is_nonempty = true;
        self.out.insert(place, Err(Defect::new(offset, what)));
    }

    /// Skips to the beginning of a record. Returns the bytes skipped, and whether there is one.
    fn skip_to_record(&mut self) -> (u64, bool) {
        let (mut skipped, mut line_start) = (0, true);
        loop {
            let bytes = self.input.fill(VERSION_PEEK_BYTES + LINE_ENDS_BYTES);
            if bytes.is_empty() {
                if !self.advance() {
                    return (skipped, false);
                }
                line_start = true;
                continue;
            }
            let shift =
                |n: &usize| line_start && begins_record(bytes.get(*n..).unwrap_or_default());
            let found = (0..=LINE_ENDS_BYTES).find(shift).or_else(|| find_record(bytes));
            // A line may begin at the last byte, which is then checked again with the next bytes.
            let whole_member = bytes.len() <= VERSION_PEEK_BYTES;
            let last = if whole_member { bytes.len() } else { bytes.len() - VERSION_PEEK_BYTES };
            let n = found.unwrap_or(last);
            self.input.consume(n);
            skipped += n as u64;
            line_start = false;
            if found.is_some() {
                return (skipped, true);
            }
        }
    }

    fn read_record(&mut self) {
        self.record_seen = true;
        let offset = self.input.offset();
        match self.read_header() {
            Ok((header, length)) => self.read_block(offset, header, length),
            Err(what) => {
                if let Some(what) = what {
                    self.report(offset, what);
                }
                self.take_defects();
                self.skip_to_record();
            }
        }
    }

    /// Reads a header. Returns it with the length of its block. The error says what is wrong; `None`
    /// if the input has reported it.
    fn read_header(&mut self) -> Result<(Header, u64), Option<String>> {
        self.input.gather_header(&mut self.lines)?;
        let header = Header::parse(&self.lines)?;
        match header.content_length {
            None => Err(Some("no Content-Length in the header".to_owned())),
            Some(length) if length > BLOCK_BYTES_MAX => {
                Err(Some(format!("a block of {length} bytes: at most {BLOCK_BYTES_MAX} are read")))
            }
            Some(length) => Ok((header, length)),
        }
    }

    fn read_block(&mut self, offset: u64, header: Header, length: u64) {
        let ending = self.input.gather_block(&mut self.block, length);
        let mut block_len = self.block.len();
        if ending.is_none() {
            self.input.gather_line_ends(&mut self.block);
        }
        let well_framed =
            ending.is_none() && (self.input.fill(1).is_empty() || self.input.at_record());
        // The member's checksum is known by now if the record is the last one in it.
        let fault = match ending {
            Some(Ending::Fault(cause)) => Some(cause),
            _ if self.input.fill(1).is_empty() => self.input.report_fault(),
            _ => None,
        };
        if fault == Some(Cause::Corrupt) {
            return;
        }
        let mut what = match ending {
            Some(Ending::EndOfFile) => Some("the file"),
            Some(Ending::Continues | Ending::NextRecord) => Some("its member"),
            Some(Ending::Fault(_)) | None => None,
        }
        .map(|who| format!("{who} ends {block_len} bytes into a block of {length}"));
        if !well_framed && let Some(at) = self.give_back_record(block_len) {
            block_len = at;
            what = Some(format!("the next record begins {at} bytes into a block of {length}"));
        }
        self.push_record(offset, header, length, block_len);
        if let Some(what) = what {
            self.report(offset, what);
        }
    }

    /// Finds a record that a wrong length made part of the block, and leaves it to be read.
    fn give_back_record(&mut self, block_len: usize) -> Option<usize> {
        let gathered = self.block.len();
        // The length may end within the line that begins the record.
        self.block.extend(self.input.fill(VERSION_PEEK_BYTES).iter().take(VERSION_PEEK_BYTES));
        let found = find_record(&self.block).filter(|&at| at < block_len);
        self.block.truncate(gathered);
        let at = found.filter(|&at| self.input.give_back(&self.block[at..]))?;
        self.block.truncate(at);
        Some(at)
    }

    fn push_record(&mut self, offset: u64, header: Header, length: u64, block_len: usize) {
        let Some(kind) = header.kind else {
            return self.report(offset, "no WARC-Type in the header");
        };
        self.is_nonempty = true;
        if !(self.keep)(&kind) {
            return;
        }
        let body = self.body();
        self.out.push_back(Ok(WarcRecord {
            offset,
            kind,
            url: header.url,
            date: header.date,
            digest: header.digest,
            record_id: header.record_id,
            content_length: length,
            body,
            block_len,
            truncated: (block_len as u64) < length,
        }));
    }

    /// Returns the block for a record. The buffer is kept unless the block is large.
    fn body(&mut self) -> Vec<u8> {
        if self.block.len() > COPIED_BYTES_MAX {
            std::mem::take(&mut self.block)
        } else {
            self.block.clone()
        }
    }

    fn report(&mut self, offset: u64, what: impl Into<String>) {
        self.is_nonempty = true;
        self.out.push_back(Err(Defect::new(offset, what)));
    }

    /// Takes the defects that the input found at the ends of members.
    fn take_defects(&mut self) {
        self.is_nonempty |= !self.input.defects.is_empty();
        self.ended |= self.input.failed;
        self.out.extend(self.input.defects.drain(..).map(Err));
    }
}

impl Iterator for WarcReader {
    type Item = Result<WarcRecord, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.out.is_empty() && !self.ended {
            self.step();
        }
        self.out.pop_front()
    }
}
