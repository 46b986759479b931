//! Inflates the members of a file one after another through a window of fixed size.

use super::decoder::Decoder;
use super::{Codec, Stored};
use crate::defect::Defect;
use std::fmt;
use std::io;

const WINDOW_BYTES: usize = 128 << 10;

/// This much may be read a second time, and beyond it as much as was read so far: then a file that
/// is built to be read again and again still takes linear time.
const AGAIN_BYTES_FREE: u64 = 64 << 20;

/// A member that ends where it should not.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where the member begins.
    pub(crate) offset: u64,
    pub(crate) cause: Cause,
    codec: Codec,
    what: String,
    /// `what` is the whole message.
    is_complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The file ends within the member. What was inflated is right.
    Cut,
    /// Nothing that was inflated of the member can be trusted.
    Corrupt,
    Device(io::ErrorKind),
}

impl From<Fault> for Defect {
    fn from(fault: Fault) -> Defect {
        let device = match fault.cause {
            Cause::Device(kind) => Some(kind),
            Cause::Cut | Cause::Corrupt => None,
        };
        Defect { device, ..Defect::new(fault.offset, fault.to_string()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { codec, what, .. } = self;
        if self.is_complete {
            return f.write_str(what);
        }
        match self.cause {
            Cause::Cut => {
                write!(
                    f,
                    "the file ends within this {codec} member: it was cut short, fetch it again"
                )
            }
            Cause::Corrupt => write!(
                f,
                "corrupt {codec} member ({what}): what was read of it may be wrong, fetch the file \
                 again"
            ),
            Cause::Device(_) => write!(f, "reading failed: {what}"),
        }
    }
}

/// What follows a member, and how many bytes that belong to no member were skipped before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Member { skipped: u64 },
    End { skipped: u64 },
}

/// The members of a file.
pub(crate) struct Members {
    decoder: Decoder,
    is_layered: bool,
    codec: Codec,
    window: Vec<u8>,
    /// The unread part of the window.
    from: usize,
    to: usize,
    /// Byte of the file at which the current member begins.
    begin: u64,
    /// No member is open: before the first, or after the end of one.
    between: bool,
    faulty: bool,
    fault: Option<Fault>,
    inflated: u64,
    /// Stored bytes that were read again, and inflated bytes that were given back.
    rewound: u64,
    returned: u64,
}

impl Members {
    pub(crate) fn new(stored: Stored, codec: Codec) -> Self {
        Members {
            is_layered: stored.is_layer(),
            decoder: Decoder::new(stored, codec),
            codec,
            window: vec![0; WINDOW_BYTES],
            from: 0,
            to: 0,
            begin: 0,
            between: codec != Codec::Plain,
            faulty: false,
            fault: None,
            inflated: 0,
            rewound: 0,
            returned: 0,
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Returns the place of the next byte as a user can find it: that byte in a plain file, else the
    /// beginning of its member.
    pub(crate) fn offset(&self) -> u64 {
        match self.codec {
            Codec::Plain if !self.is_layered => self.inflated - (self.to - self.from) as u64,
            _ => self.begin,
        }
    }

    /// Returns how many bytes of the stored file were read.
    pub(crate) fn stored_bytes(&mut self) -> u64 {
        self.decoder.stored().stored_bytes()
    }

    /// Whether [`offset`](Members::offset) is exact to the byte.
    pub(crate) fn is_exact(&self) -> bool {
        self.codec == Codec::Plain && !self.is_layered
    }

    /// Returns how many bytes were inflated, with those that were read again.
    pub(crate) fn inflated_bytes(&self) -> u64 {
        self.inflated + self.returned
    }

    /// Returns the unread bytes, at least `bytes` of them unless the member ends before.
    pub(crate) fn fill(&mut self, bytes: usize) -> &[u8] {
        debug_assert!(bytes <= WINDOW_BYTES / 2);
        while self.to - self.from < bytes && self.inflate() {}
        &self.window[self.from..self.to]
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.to - self.from);
        self.from += bytes;
    }

    /// Puts the bytes that were consumed last before the unread ones. Returns false, and does nothing,
    /// where that would no longer be linear time.
    pub(crate) fn give_back(&mut self, bytes: &[u8]) -> bool {
        let returned = self.returned + bytes.len() as u64;
        if returned > self.inflated + AGAIN_BYTES_FREE {
            return false;
        }
        self.returned = returned;
        if bytes.len() <= self.from {
            self.from -= bytes.len();
            self.window[self.from..][..bytes.len()].copy_from_slice(bytes);
            return true;
        }
        // The window has moved since they were read, so little of it is unread: see `inflate`.
        let mut window = [bytes, &self.window[self.from..self.to]].concat();
        (self.from, self.to) = (0, window.len());
        window.resize(window.len().max(WINDOW_BYTES), 0);
        self.window = window;
        true
    }

    /// Returns the fault that ended the current member, once its bytes are consumed.
    pub(crate) fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Leaves the current member, whose bytes were consumed, for the next one.
    pub(crate) fn advance(&mut self) -> Next {
        (self.from, self.to) = (0, 0);
        if self.codec == Codec::Plain || self.decoder.stored().failure().is_some() {
            return Next::End { skipped: 0 };
        }
        if std::mem::take(&mut self.faulty) {
            self.rewind();
        }
        let (skipped, found) = self.skip_to_member();
        self.begin = self.decoder.stored().stored_bytes();
        if !found {
            self.between = true;
            let Some(damage) = self.decoder.stored().take_damage() else {
                return Next::End { skipped };
            };
            self.fault = Some(self.damaged(damage));
            return Next::Member { skipped };
        }
        self.decoder.stored().mark();
        self.between = false;
        if let Err(error) = self.decoder.restart() {
            self.fail(&error);
        }
        Next::Member { skipped }
    }

    /// Inflates more into the window. Returns false at the member's end.
    fn inflate(&mut self) -> bool {
        if self.between {
            return false;
        }
        self.window.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        // It grows only to take bytes back, and shrinks once those are read.
        if self.window.len() > WINDOW_BYTES && self.to < WINDOW_BYTES / 2 {
            self.window = self.window[..WINDOW_BYTES].to_vec();
        }
        match self.decoder.read(&mut self.window[self.to..]) {
            Ok(0) => self.between = true,
            Ok(n) => {
                self.to += n;
                self.inflated += n as u64;
                if self.is_layered && self.codec == Codec::Plain {
                    self.begin = self.decoder.stored().stored_bytes();
                }
            }
            Err(error) => self.fail(&error),
        }
        !self.between
    }

    /// Returns the fault of a layer below that ends early.
    fn damaged(&self, damage: String) -> Fault {
        let (offset, codec) = (self.offset(), self.codec);
        Fault { offset, cause: Cause::Cut, codec, what: damage, is_complete: true }
    }

    fn fail(&mut self, error: &io::Error) {
        let codec = self.codec;
        self.between = true;
        self.faulty = true;
        let stored = self.decoder.stored();
        // In plain bytes the error is the damage itself.
        let damage = stored.take_damage().or_else(|| {
            let is_plain = codec == Codec::Plain && stored.failure().is_none();
            is_plain.then(|| error.to_string())
        });
        if let Some(damage) = damage {
            self.fault = Some(self.damaged(damage));
            return;
        }
        let stored = self.decoder.stored();
        // A damaged member can inflate up to the end of the file. Then the file was not cut short,
        // and there is another member in what it consumed.
        let has_member = || stored.kept().and_then(|kept| codec.find(kept.get(1..)?)).is_some();
        let cause = match (stored.failure().map(|failure| failure.kind), error.kind()) {
            (Some(kind), _) => Cause::Device(kind),
            (None, io::ErrorKind::UnexpectedEof) if !has_member() => Cause::Cut,
            _ => Cause::Corrupt,
        };
        // Decoders may change the text of an error that they pass on.
        let of_device = self.decoder.stored().failure().map(|failure| failure.what.clone());
        let what = of_device.unwrap_or_else(|| error.to_string());
        let (what, is_complete) = match remedy(codec, &what) {
            Some(what) if cause == Cause::Corrupt => (what.to_owned(), true),
            _ => (what, false),
        };
        self.fault = Some(Fault { offset: self.offset(), cause, codec, what, is_complete });
    }

    /// Goes back to the byte after the faulty member's first, while that is allowed.
    fn rewind(&mut self) {
        let stored = self.decoder.stored();
        let again = stored.kept().map_or(0, |kept| kept.len() as u64);
        if again == 0 || self.rewound + again <= stored.offset() + AGAIN_BYTES_FREE {
            stored.rewind();
            self.rewound += again;
        }
        // The bytes between are the rest of the damaged member, which is reported already.
        let _ = self.skip_to_member();
    }

    /// Skips to the beginning of a member. Returns the bytes skipped, and whether there is one.
    fn skip_to_member(&mut self) -> (u64, bool) {
        let codec = self.codec;
        let stored = self.decoder.stored();
        let (mut skipped, mut padding) = (0, true);
        loop {
            let bytes = stored.peek(Codec::MAGIC_BYTES_MAX);
            if matches!(codec, Codec::Zstd | Codec::Lz4)
                && let Some(frame) = Codec::skippable_bytes(bytes)
            {
                let missing = stored.skip(frame);
                skipped += missing;
                padding &= missing == 0;
                continue;
            }
            let short = bytes.len() < Codec::MAGIC_BYTES_MAX;
            let at = codec.find(bytes);
            let n = match at {
                Some(at) => at,
                None if short => bytes.len(),
                None => bytes.len() - (Codec::MAGIC_BYTES_MAX - 1),
            };
            padding &= bytes[..n].iter().all(|&byte| byte == 0);
            std::io::BufRead::consume(stored, n);
            skipped += n as u64;
            if at.is_some() || short {
                // The gzip tool accepts padding by zeros, as on tapes.
                return (if padding { 0 } else { skipped }, at.is_some());
            }
        }
    }
}

/// Returns the remedy for an error of zstd that another download would repeat.
fn remedy(codec: Codec, error: &str) -> Option<&'static str> {
    if codec != Codec::Zstd {
        return None;
    }
    if error.contains("too much memory") {
        return Some(
            "this zstd frame needs a window of more than 2 GiB: unpack it with zstd -d --ultra --long=31",
        );
    }
    error.contains("Dictionary").then_some(
        "this zstd frame needs a dictionary, which is not in the file: unpack it with zstd -d -D DICTIONARY",
    )
}
