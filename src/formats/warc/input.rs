//! The bytes of records, and the ends of members.

use super::header::{VERSION_PEEK_BYTES, begins_record};
use crate::compressed::{Begun, Cause, Codec, Fault, Members, Next};
use crate::defect::Defect;

/// How far into a file that is neither compressed nor begins with a record a compressed member is
/// searched: one damaged byte at the very start must not lose the whole file.
const LEADING_JUNK_BYTES_MAX: usize = 1 << 20;

/// What follows where a member ends within a record.
pub(super) enum Ending {
    /// The record continues in the next member.
    Continues,
    /// The next member begins with a record.
    NextRecord,
    /// The member ended by a fault.
    Fault(Cause),
    /// There is no next member.
    EndOfFile,
}

pub(super) struct Input {
    members: Members,
    /// The device failed, so reading ends.
    pub(super) failed: bool,
    /// Defects at the ends of members, not yet reported.
    pub(super) defects: Vec<Defect>,
}

impl Input {
    pub(super) fn new(Begun { mut stored, mut codec }: Begun) -> Self {
        let is_record = stored.peek(Codec::MAGIC_BYTES_MAX).starts_with(b"WARC");
        if codec == Codec::Plain && !is_record {
            let leading = stored.peek(LEADING_JUNK_BYTES_MAX);
            codec = Codec::find_any(leading).map_or(Codec::Plain, |(_, codec)| codec);
        }
        Input { members: Members::new(stored, codec), failed: false, defects: Vec::new() }
    }

    pub(super) fn offset(&self) -> u64 {
        self.members.offset()
    }

    pub(super) fn stored_bytes(&mut self) -> u64 {
        self.members.stored_bytes()
    }

    pub(super) fn inflated_bytes(&self) -> u64 {
        self.members.inflated_bytes()
    }

    pub(super) fn fill(&mut self, bytes: usize) -> &[u8] {
        self.members.fill(bytes)
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.members.consume(bytes);
    }

    pub(super) fn give_back(&mut self, bytes: &[u8]) -> bool {
        self.members.give_back(bytes)
    }

    pub(super) fn at_record(&mut self) -> bool {
        begins_record(self.fill(VERSION_PEEK_BYTES))
    }

    /// Whether a member or the file ends where a record is beginning.
    pub(super) fn at_start_of_record(&mut self) -> bool {
        let bytes = self.fill(VERSION_PEEK_BYTES);
        bytes.len() < VERSION_PEEK_BYTES && b"WARC/".starts_with(bytes)
    }

    /// Reports the fault that the current member ended with, once its bytes are consumed.
    pub(super) fn report_fault(&mut self) -> Option<Cause> {
        let fault: Fault = self.members.take_fault()?;
        let cause = fault.cause;
        let defect = Defect::from(fault);
        self.failed |= defect.device.is_some();
        self.defects.push(defect);
        Some(cause)
    }

    /// Goes to the next member. Returns false at the end of the file.
    pub(super) fn advance(&mut self) -> bool {
        self.report_fault();
        let (skipped, found) = match self.members.advance() {
            Next::Member { skipped } => (skipped, true),
            Next::End { skipped } => (skipped, false),
        };
        if skipped > 0 {
            let codec = self.members.codec();
            let begin = self.members.offset().saturating_sub(skipped);
            let what = format!("expected a {codec} member, found {skipped} bytes that are not one");
            self.defects.push(Defect::new(begin, what));
        }
        found
    }

    /// Advances at a member's end within a record. Returns what comes next.
    pub(super) fn cross(&mut self) -> Ending {
        if let Some(cause) = self.report_fault() {
            return Ending::Fault(cause);
        }
        let before = self.defects.len();
        if !self.advance() {
            return Ending::EndOfFile;
        }
        // After bytes that are not a member the record may have ended: it is not continued.
        if self.defects.len() > before || self.at_record() {
            return Ending::NextRecord;
        }
        Ending::Continues
    }
}
