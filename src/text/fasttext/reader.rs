//! A model file read front to back. The file is not trusted: nothing is allocated for a length
//! that the rest of the file cannot hold.

use super::ModelError;
use std::io::BufRead;
use std::path::Path;

pub(super) struct ModelReader<'p, R> {
    inner: R,
    path: &'p Path,
    offset: u64,
    len: u64,
}

impl<'p, R: BufRead> ModelReader<'p, R> {
    /// `inner` holds `len` bytes; `path` is named in errors.
    pub(super) fn new(inner: R, len: u64, path: &'p Path) -> Self {
        Self { inner, path, offset: 0, len }
    }

    pub(super) fn path(&self) -> &'p Path {
        self.path
    }

    pub(super) fn damaged(&self, problem: impl Into<String>) -> ModelError {
        let (path, offset) = (self.path.to_owned(), self.offset);
        ModelError::Damaged { path, offset, problem: problem.into() }
    }

    /// Fails unless `count` items of `item_bytes` each fit into the rest of the file.
    pub(super) fn expect(
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

    pub(super) fn bytes(&mut self, count: u64, part: &'static str) -> Result<Vec<u8>, ModelError> {
        self.expect(count, 1, part)?;
        let mut bytes = vec![0; self.size(count)?];
        self.fill(&mut bytes, part)?;
        Ok(bytes)
    }

    pub(super) fn u8(&mut self, part: &'static str) -> Result<u8, ModelError> {
        Ok(self.array::<1>(part)?[0])
    }

    /// A C++ `bool`.
    pub(super) fn flag(&mut self, part: &'static str) -> Result<bool, ModelError> {
        match self.u8(part)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.damaged(format!("{part} is {other}, neither 0 nor 1"))),
        }
    }

    pub(super) fn i32(&mut self, part: &'static str) -> Result<i32, ModelError> {
        Ok(i32::from_le_bytes(self.array(part)?))
    }

    pub(super) fn i64(&mut self, part: &'static str) -> Result<i64, ModelError> {
        Ok(i64::from_le_bytes(self.array(part)?))
    }

    /// A 32-bit number that counts something.
    pub(super) fn count32(&mut self, part: &'static str) -> Result<u32, ModelError> {
        let count = self.i32(part)?;
        u32::try_from(count).map_err(|_| self.damaged(format!("{part} is {count}")))
    }

    /// A 64-bit number that counts something.
    pub(super) fn count64(&mut self, part: &'static str) -> Result<u64, ModelError> {
        let count = self.i64(part)?;
        u64::try_from(count).map_err(|_| self.damaged(format!("{part} is {count}")))
    }

    /// Weights. One that is not finite would make nonsense of every prediction it takes part in.
    pub(super) fn floats(
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
        match floats.iter().all(|float| float.is_finite()) {
            true => Ok(floats),
            false => Err(self.damaged(format!("{part} has a weight that is no finite number"))),
        }
    }

    /// Appends the bytes before the next NUL and skips it.
    pub(super) fn until_nul(
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
        match read > 0 && to.pop() == Some(0) {
            true => Ok(()),
            false => Err(self.damaged(format!("{part} does not end"))),
        }
    }

    fn size(&self, count: u64) -> Result<usize, ModelError> {
        usize::try_from(count).map_err(|_| self.damaged("it does not fit into this machine"))
    }
}
