//! The members of a file, inflated one after another through a window of fixed size.

use super::decoder::Decoder;
use super::{Codec, Stored};
use std::fmt;
use std::io;

const WINDOW_BYTES: usize = 128 << 10;

/// Reading a second time is granted for this much, and beyond it for as much as was read so far:
/// then a file built to be read again and again still takes linear time.
const AGAIN_BYTES_FREE: u64 = 64 << 20;

/// The end of a member where it should not be.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where the member begins.
    pub(crate) offset: u64,
    pub(crate) cause: Cause,
    codec: Codec,
    what: String,
    /// `what` says it all.
    is_told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The file ends within the member: what was inflated is right as far as it goes.
    Cut,
    /// Nothing that the member gave can be trusted.
    Corrupt,
    Device(io::ErrorKind),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { codec, what, .. } = self;
        if self.is_told {
            return f.write_str(what);
        }
        match self.cause {
            Cause::Cut => {
                write!(
                    f,
                    "the file ends within this {codec} member: it was cut short, fetch it again"
                )
            }
            Cause::Corrupt => write!(f, "corrupt {codec} member ({what}): fetch the file again"),
            Cause::Device(kind) => write!(f, "reading failed: {kind}"),
        }
    }
}

/// What lies behind a member, and how many bytes that belong to none were skipped on the way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Member { skipped: u64 },
    End { skipped: u64 },
}

/// See the module.
pub(crate) struct Members {
    decoder: Decoder,
    is_layered: bool,
    codec: Codec,
    window: Vec<u8>,
    /// The unread part of the window.
    from: usize,
    to: usize,
    /// Where the current member begins in the file.
    begin: u64,
    /// No member is open: before the first, behind the end of one.
    between: bool,
    faulty: bool,
    fault: Option<Fault>,
    inflated: u64,
    /// Bytes read again: stored ones, inflated ones.
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

    /// The byte that is read next, as a user can find it: of a plain file that byte, else the
    /// beginning of the member that it is in.
    pub(crate) fn offset(&self) -> u64 {
        match self.codec {
            Codec::Plain if !self.is_layered => self.inflated - (self.to - self.from) as u64,
            _ => self.begin,
        }
    }

    /// How much of the file was read, as stored.
    pub(crate) fn stored_bytes(&mut self) -> u64 {
        self.decoder.stored().stored_bytes()
    }

    /// Whether a place in the file can be told to the byte.
    pub(crate) fn is_exact(&self) -> bool {
        self.codec == Codec::Plain && !self.is_layered
    }

    /// How much was inflated, what was read again included.
    pub(crate) fn inflated_bytes(&self) -> u64 {
        self.inflated + self.returned
    }

    /// The unread bytes, at least `bytes` of them unless the member ends before.
    pub(crate) fn fill(&mut self, bytes: usize) -> &[u8] {
        debug_assert!(bytes <= WINDOW_BYTES / 2);
        while self.to - self.from < bytes && self.inflate() {}
        &self.window[self.from..self.to]
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.to - self.from);
        self.from += bytes;
    }

    /// Puts bytes that were consumed last before the unread ones. False, and nothing done, where
    /// that would no longer be linear time.
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
        // The window moved on since they were read, so little of it is unread: see `inflate`.
        let mut window = [bytes, &self.window[self.from..self.to]].concat();
        (self.from, self.to) = (0, window.len());
        window.resize(window.len().max(WINDOW_BYTES), 0);
        self.window = window;
        true
    }

    /// The fault that the current member ended with, asked for once its bytes are consumed.
    pub(crate) fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Leaves the current member, whose bytes were consumed, for the next.
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

    /// Inflates some more into the window; false at the member's end.
    fn inflate(&mut self) -> bool {
        if self.between {
            return false;
        }
        self.window.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        // It grows only to give bytes back, and shrinks when those are read.
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

    /// A layer below ends early, and this with it.
    fn damaged(&self, damage: String) -> Fault {
        let (offset, codec) = (self.offset(), self.codec);
        Fault { offset, cause: Cause::Cut, codec, what: damage, is_told: true }
    }

    fn fail(&mut self, error: &io::Error) {
        let codec = self.codec;
        self.between = true;
        self.faulty = true;
        let stored = self.decoder.stored();
        // Of plain bytes the error is the damage itself.
        let damage = stored.take_damage().or_else(|| {
            let is_plain = codec == Codec::Plain && stored.failure().is_none();
            is_plain.then(|| error.to_string())
        });
        if let Some(damage) = damage {
            self.fault = Some(self.damaged(damage));
            return;
        }
        let stored = self.decoder.stored();
        // A damaged member can inflate on to the end of the file: then it was not the file that
        // ended too early, and there is another member in what it swallowed.
        let swallowed = || stored.kept().and_then(|kept| codec.find(kept.get(1..)?)).is_some();
        let cause = match (stored.failure(), error.kind()) {
            (Some(kind), _) => Cause::Device(kind),
            (None, io::ErrorKind::UnexpectedEof) if !swallowed() => Cause::Cut,
            _ => Cause::Corrupt,
        };
        let (what, is_told) = match remedy(codec, &error.to_string()) {
            Some(what) if cause == Cause::Corrupt => (what.to_owned(), true),
            _ => (error.to_string(), false),
        };
        self.fault = Some(Fault { offset: self.offset(), cause, codec, what, is_told });
    }

    /// Goes back to the byte behind the faulty member's first, while that is granted.
    fn rewind(&mut self) {
        let stored = self.decoder.stored();
        let again = stored.kept().map_or(0, |kept| kept.len() as u64);
        if again == 0 || self.rewound + again <= stored.offset() + AGAIN_BYTES_FREE {
            stored.rewind();
            self.rewound += again;
        }
        // What lies between is the rest of the damaged member, and was reported with it.
        let _ = self.skip_to_member();
    }

    /// Skips to where a member begins: the bytes skipped, and whether there is one.
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
                // gzip's own tool lets files be padded with zeros, as tapes did.
                return (if padding { 0 } else { skipped }, at.is_some());
            }
        }
    }
}

/// What zstd says where another download would say the same.
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
