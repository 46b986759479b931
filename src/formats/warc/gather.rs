//! Gathers a header or a block, across members where it continues in the next.

use super::header::{HEADER_BYTES_MAX, tidy_last_line};
use super::input::{Ending, Input};
use memchr::memchr;

/// Capacity reserved for a block before it is read: a header may claim anything.
const CLAIMED_BYTES_MAX: usize = 1 << 20;

/// Capacity kept from one block to the next: one huge record must not hold its memory for good.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// At most this many bytes of line ends after a block are kept.
const LINE_END_BYTES_MAX: usize = 64 << 10;

impl Input {
    /// Gathers a header's lines, tidied, up to the empty one. The error says what is wrong; `None` if
    /// the input has reported a fault.
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

    /// Gathers a block of `length` bytes. Returns why it ends early, if it does.
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

    /// Gathers the line ends that come next in this member.
    pub(super) fn gather_line_ends(&mut self, block: &mut Vec<u8>) {
        let mut left = LINE_END_BYTES_MAX;
        loop {
            let bytes = self.fill(1);
            let n = bytes.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count();
            block.extend_from_slice(&bytes[..n.min(left)]);
            left -= n.min(left);
            let last = n < bytes.len() || n == 0;
            self.consume(n);
            if last {
                return;
            }
        }
    }
}
