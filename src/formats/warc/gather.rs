//! Gathers a header or a block, over members' borders where they run on.

use super::header::{HEADER_BYTES_MAX, tidy_last_line};
use super::input::{Ending, Input};
use memchr::memchr;

/// Room made for a block before any of it is there: a header may claim anything.
const CLAIMED_BYTES_MAX: usize = 1 << 20;

/// Room kept from one block to the next: one huge record shall not hold its memory for good.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Of the line ends behind a block this many are kept, however many there are.
const LINE_END_BYTES_MAX: usize = 64 << 10;

impl Input {
    /// Gathers a header's lines, tidied, up to the empty one. Errors with what is
    /// wrong, or nothing if the input met a fault, which then says it.
    pub(super) fn gather_header(&mut self, lines: &mut Vec<u8>) -> Result<(), Option<String>> {
        lines.clear();
        loop {
            let start = lines.len();
            if start > 0 && self.at_record() {
                return Err(Some("the next record begins within this header".to_owned()));
            }
            self.gather_line(lines)?;
            if tidy_last_line(lines, start) {
                return Ok(());
            }
        }
    }

    fn gather_line(&mut self, lines: &mut Vec<u8>) -> Result<(), Option<String>> {
        loop {
            let bytes = self.fill(1);
            if bytes.is_empty() {
                let who = match self.cross() {
                    Ending::Continues => continue,
                    Ending::NextRecord => "its member",
                    Ending::EndOfFile => "the file",
                    Ending::Fault(_) => return Err(None),
                };
                return Err(Some(format!("{who} ends within this header")));
            }
            let newline = memchr(b'\n', bytes);
            let n = newline.map_or(bytes.len(), |at| at + 1);
            if lines.len() + n > HEADER_BYTES_MAX {
                return Err(Some(format!("a header of more than {HEADER_BYTES_MAX} bytes")));
            }
            lines.extend_from_slice(&bytes[..n]);
            self.consume(n);
            if newline.is_some() {
                return Ok(());
            }
        }
    }

    /// Gathers a block of `length` bytes, or as much of it as there is, and then why no more.
    pub(super) fn gather_block(&mut self, block: &mut Vec<u8>, length: u64) -> Option<Ending> {
        block.clear();
        block.shrink_to(KEPT_BYTES_MAX);
        block.reserve((length as usize).min(CLAIMED_BYTES_MAX));
        while (block.len() as u64) < length {
            let bytes = self.fill(1);
            if bytes.is_empty() {
                match self.cross() {
                    Ending::Continues => continue,
                    ending => return Some(ending),
                }
            }
            let n = bytes.len().min(length as usize - block.len());
            block.extend_from_slice(&bytes[..n]);
            self.consume(n);
        }
        None
    }

    /// Gathers the line ends that stand next in this member.
    pub(super) fn gather_line_ends(&mut self, block: &mut Vec<u8>) {
        let mut room = LINE_END_BYTES_MAX;
        loop {
            let bytes = self.fill(1);
            let n = bytes.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count();
            block.extend_from_slice(&bytes[..n.min(room)]);
            room -= n.min(room);
            let last = n < bytes.len() || n == 0;
            self.consume(n);
            if last {
                return;
            }
        }
    }
}
