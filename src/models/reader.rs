//! Reads a binary model file front to back. The file is not trusted: nothing is allocated for a
//! length that exceeds the rest of the file.

use crate::ModelError;
use std::io::{BufRead, Read};
use std::path::Path;

pub(crate) struct ModelReader<'p, R> {
    inner: R,
    path: &'p Path,
    offset: u64,
    len: u64,
}

impl<'p, R: Read> ModelReader<'p, R> {
    /// `inner` has `len` bytes; `path` is for errors.
    pub(crate) fn new(inner: R, len: u64, path: &'p Path) -> Self {
        Self { inner, path, offset: 0, len }
    }

    pub(crate) fn path(&self) -> &'p Path {
        self.path
    }

    /// Returns the size of the whole file.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn unsupported(
        &self,
        problem: impl Into<String>,
        remedy: &'static str,
    ) -> ModelError {
        ModelError::Unsupported { path: self.path.to_owned(), problem: problem.into(), remedy }
    }

    pub(crate) fn damaged(&self, problem: impl Into<String>) -> ModelError {
        let (path, offset) = (self.path.to_owned(), self.offset);
        ModelError::Damaged { path, offset, problem: problem.into() }
    }

    /// Fails unless `count` items of `item_bytes` each fit into the rest of the file.
    pub(crate) fn expect(
        &self,
        count: u64,
        item_bytes: u64,
        part: &'static str,
    ) -> Result<(), ModelError> {
        let (wanted, left) = (count.saturating_mul(item_bytes), self.len - self.offset);
        if wanted <= left {
            return Ok(());
        }
        let (path, offset) = (self.path.to_owned(), self.offset);
        Err(ModelError::Truncated { path, offset, part, wanted, left })
    }

    fn fill(&mut self, buffer: &mut [u8], part: &'static str) -> Result<(), ModelError> {
        self.expect(buffer.len() as u64, 1, part)?;
        let (path, offset) = (self.path, self.offset);
        self.inner.read_exact(buffer).map_err(|source| ModelError::Read {
            path: path.to_owned(),
            offset,
            source,
        })?;
        self.offset += buffer.len() as u64;
        Ok(())
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], ModelError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, part)?;
        Ok(bytes)
    }

    /// Reads the next `count` items of `item_bytes` each.
    pub(crate) fn items(
        &mut self,
        count: u64,
        item_bytes: u64,
        part: &'static str,
    ) -> Result<Vec<u8>, ModelError> {
        self.expect(count, item_bytes, part)?;
        let size = self.size(count * item_bytes)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|error| ModelError::Read {
            path: self.path.to_owned(),
            offset: self.offset,
            source: std::io::Error::other(error),
        })?;
        bytes.resize(size, 0);
        self.fill(&mut bytes, part)?;
        Ok(bytes)
    }

    pub(crate) fn bytes(&mut self, count: u64, part: &'static str) -> Result<Vec<u8>, ModelError> {
        self.items(count, 1, part)
    }

    pub(crate) fn u8(&mut self, part: &'static str) -> Result<u8, ModelError> {
        Ok(self.array::<1>(part)?[0])
    }

    /// Reads a C++ `bool`.
    pub(crate) fn flag(&mut self, part: &'static str) -> Result<bool, ModelError> {
        match self.u8(part)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.damaged(format!("{part} is {other}, neither 0 nor 1"))),
        }
    }

    pub(crate) fn i32(&mut self, part: &'static str) -> Result<i32, ModelError> {
        Ok(i32::from_le_bytes(self.array(part)?))
    }

    pub(crate) fn i64(&mut self, part: &'static str) -> Result<i64, ModelError> {
        Ok(i64::from_le_bytes(self.array(part)?))
    }

    /// Reads a 32-bit count.
    pub(crate) fn count32(&mut self, part: &'static str) -> Result<u32, ModelError> {
        let count = self.i32(part)?;
        u32::try_from(count).map_err(|_| self.damaged(format!("{part} is {count}")))
    }

    /// Reads a 64-bit count.
    pub(crate) fn count64(&mut self, part: &'static str) -> Result<u64, ModelError> {
        let count = self.i64(part)?;
        u64::try_from(count).map_err(|_| self.damaged(format!("{part} is {count}")))
    }

    /// Reads weights. Refuses weights that are not finite, since they would spoil predictions.
    pub(crate) fn floats(
        &mut self,
        count: u64,
        part: &'static str,
    ) -> Result<Vec<f32>, ModelError> {
        const CHUNK_FLOATS: usize = 16 << 10;
        self.expect(count, 4, part)?;
        let count = self.size(count)?;
        let mut floats = Vec::with_capacity(count);
        let mut chunk = vec![0; CHUNK_FLOATS.min(count) * 4];
        while floats.len() < count {
            let chunk = &mut chunk[..CHUNK_FLOATS.min(count - floats.len()) * 4];
            self.fill(chunk, part)?;
            floats.extend(chunk.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        if floats.iter().all(|float| float.is_finite()) {
            Ok(floats)
        } else {
            Err(self.damaged(format!("{part} has a weight that is not a finite number")))
        }
    }

    fn size(&self, count: u64) -> Result<usize, ModelError> {
        usize::try_from(count)
            .map_err(|_| self.damaged("it does not fit into this machine's memory"))
    }
}

impl<R: BufRead> ModelReader<'_, R> {
    /// Appends the bytes before the next NUL, and skips the NUL.
    pub(crate) fn until_nul(
        &mut self,
        to: &mut Vec<u8>,
        part: &'static str,
    ) -> Result<(), ModelError> {
        let (path, offset) = (self.path, self.offset);
        let read = self.inner.read_until(0, to).map_err(|source| ModelError::Read {
            path: path.to_owned(),
            offset,
            source,
        })?;
        self.offset = self.len.min(self.offset + read as u64);
        if read > 0 && to.pop() == Some(0) {
            Ok(())
        } else {
            Err(self.damaged(format!("{part} does not end")))
        }
    }
}

/// Returns the little-endian number at `offset`.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, offset))
}

/// Returns the little-endian number at `offset`.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, offset))
}

/// Returns the little-endian number at `offset`.
pub(crate) fn f32_at(bytes: &[u8], offset: usize) -> f32 {
    f32::from_le_bytes(array_at(bytes, offset))
}

fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes[offset..offset + N].try_into().expect("the range is N bytes long")
}
