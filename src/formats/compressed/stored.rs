//! The stored file, with the last bytes kept in memory.
//!
//! A damaged gzip member often inflates into the valid members after it, as garbage. So the search
//! for the next one has to begin at the start of the damaged one, and its bytes are kept until then.
//! They are kept in memory and not sought in the file, since pipes are read as well.

use crate::failure;
use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The first chunk that is read, which suffices for a single record. Each chunk after it is twice as
/// large as the one before, up to the largest.
const CHUNK_BYTES_MIN: usize = 16 << 10;
const CHUNK_BYTES_MAX: usize = 256 << 10;

/// How much of the current member is kept. Members of Common Crawl have some 5 to 100 kB. In a
/// larger one the search begins where its decoder failed.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// How the device failed.
pub(crate) struct DeviceFailure {
    pub kind: ErrorKind,
    pub what: String,
}

/// A buffered source that can return to its mark.
pub(crate) struct Stored {
    source: Box<dyn Read + Send>,
    /// The bytes of the file from `base` on.
    buffer: Vec<u8>,
    /// How much is read next.
    chunk_bytes: usize,
    base: u64,
    /// Index of the first unread byte in `buffer`.
    at: usize,
    /// The bytes that are kept begin here; at most `at`.
    mark: Option<usize>,
    failure: Option<DeviceFailure>,
    /// The damage of a layer of compression below, which ends this.
    damage: Option<String>,
    /// Bytes read of the file at the bottom.
    below: Arc<AtomicU64>,
    is_layer: bool,
    ended: bool,
}

impl Default for Stored {
    fn default() -> Self {
        Stored::new(Box::new(io::empty()))
    }
}

impl Stored {
    pub(crate) fn new(source: Box<dyn Read + Send>) -> Self {
        Stored {
            source,
            buffer: Vec::new(),
            chunk_bytes: CHUNK_BYTES_MIN,
            base: 0,
            at: 0,
            mark: None,
            failure: None,
            damage: None,
            below: Arc::default(),
            is_layer: false,
            ended: false,
        }
    }

    /// Creates a source of what a decoder returns, over a file whose bytes are counted in `below`.
    pub(crate) fn over(source: Box<dyn Read + Send>, below: Arc<AtomicU64>) -> Self {
        Stored { below, is_layer: true, ..Stored::new(source) }
    }

    /// Returns the counter of bytes that were read of the file at the bottom.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        self.below.clone()
    }

    /// Returns how far the file on disk was read: exactly, or about, below other layers.
    pub(crate) fn stored_bytes(&self) -> u64 {
        if self.is_layer { self.below.load(Relaxed) } else { self.offset() }
    }

    /// Whether another layer is below, so that [`offset`](Stored::offset) is not a place of the file.
    pub(crate) fn is_layer(&self) -> bool {
        self.is_layer
    }

    /// Returns, once, the damage of a layer below that ended this.
    pub(crate) fn take_damage(&mut self) -> Option<String> {
        if self.at == self.buffer.len() { self.damage.take() } else { None }
    }

    /// Returns the byte of the file that is read next.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Returns how the device failed, if it did at the byte that is read next. Buffered bytes are
    /// read first.
    pub(crate) fn failure(&self) -> Option<&DeviceFailure> {
        self.failure.as_ref().filter(|_| self.at == self.buffer.len())
    }

    /// Returns at least `bytes` unread bytes, fewer only where the file ends or the device fails.
    pub(crate) fn peek(&mut self, bytes: usize) -> &[u8] {
        while self.buffer.len() - self.at < bytes && self.load() {}
        &self.buffer[self.at..]
    }

    /// Skips `bytes` bytes. Returns how many of them are missing.
    pub(crate) fn skip(&mut self, bytes: u64) -> u64 {
        let mut left = bytes;
        while left > 0 {
            let n = (self.peek(1).len() as u64).min(left);
            if n == 0 {
                break;
            }
            self.consume(n as usize);
            left -= n;
        }
        left
    }

    /// Keeps the bytes that are read from here on.
    pub(crate) fn mark(&mut self) {
        self.mark = Some(self.at);
    }

    /// Returns the bytes since the mark, while they are kept.
    pub(crate) fn kept(&self) -> Option<&[u8]> {
        Some(&self.buffer[self.mark?..self.at])
    }

    /// Goes to the byte after the mark, if the bytes from there on are kept: back, as a rule, but
    /// forward from the mark itself, where some decoders stay when they fail.
    pub(crate) fn rewind(&mut self) {
        if let Some(mark) = self.mark.take() {
            self.at = (mark + 1).min(self.buffer.len());
        }
    }

    /// Reads one more chunk. Returns false at the end of the file.
    fn load(&mut self) -> bool {
        if self.ended || self.failure.is_some() {
            return false;
        }
        self.forget();
        let loaded = self.buffer.len();
        self.buffer.resize(loaded + self.chunk_bytes, 0);
        self.chunk_bytes = (2 * self.chunk_bytes).min(CHUNK_BYTES_MAX);
        let read = loop {
            match self.source.read(&mut self.buffer[loaded..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let n = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(loaded + n);
        if !self.is_layer {
            self.below.fetch_add(n as u64, Relaxed);
        }
        match read {
            Ok(n) => self.ended = n == 0,
            // An error of a decoder.
            Err(error) if self.is_layer && failure::of_device(&error).is_none() => {
                self.damage = Some(error.to_string());
                self.ended = true;
            }
            Err(error) => {
                let (kind, what) = (error.kind(), error.to_string());
                self.failure = Some(DeviceFailure { kind, what });
            }
        }
        n > 0
    }

    /// Drops the bytes that are no longer needed.
    fn forget(&mut self) {
        if self.mark.is_some_and(|mark| self.at - mark > KEPT_BYTES_MAX) {
            self.mark = None;
        }
        let needed = self.mark.unwrap_or(self.at);
        self.buffer.drain(..needed);
        self.base += needed as u64;
        self.at -= needed;
        self.mark = self.mark.map(|_| 0);
    }
}

impl Read for Stored {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let n = bytes.len().min(into.len());
        into[..n].copy_from_slice(&bytes[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() && !self.load() {
            if let Some(damage) = self.damage.take() {
                return Err(io::Error::new(ErrorKind::InvalidData, damage));
            }
            return match &self.failure {
                Some(DeviceFailure { kind, what }) => Err(failure::device_error(*kind, what)),
                None => Ok(&[]),
            };
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.buffer.len() - self.at);
        self.at += n;
    }
}
