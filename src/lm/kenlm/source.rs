//! A binary model file read front to back, part by part. The file is not trusted: nothing is
//! allocated for a length that the rest of the file cannot hold.

use crate::ModelError;
use std::io::Read;
use std::path::Path;

pub(super) struct Source<'p, R> {
    inner: R,
    path: &'p Path,
    offset: u64,
    len: u64,
}

impl<'p, R: Read> Source<'p, R> {
    /// `inner` holds `len` bytes; `path` is named in errors.
    pub(super) fn new(inner: R, len: u64, path: &'p Path) -> Self {
        Self { inner, path, offset: 0, len }
    }

    /// Size of the whole file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn damaged(&self, problem: impl Into<String>) -> ModelError {
        let (path, offset) = (self.path.to_owned(), self.offset);
        ModelError::Damaged { path, offset, problem: problem.into() }
    }

    pub(super) fn unsupported(
        &self,
        problem: impl Into<String>,
        remedy: &'static str,
    ) -> ModelError {
        ModelError::Unsupported { path: self.path.to_owned(), problem: problem.into(), remedy }
    }

    /// The next `count` items of `item_bytes` each.
    pub(super) fn items(
        &mut self,
        count: u64,
        item_bytes: u64,
        part: &'static str,
    ) -> Result<Vec<u8>, ModelError> {
        let (wanted, left) = (count.saturating_mul(item_bytes), self.len - self.offset);
        let (path, offset) = (self.path, self.offset);
        if wanted > left {
            let path = path.to_owned();
            return Err(ModelError::Truncated { path, offset, part, wanted, left });
        }
        let failed = |source| ModelError::Read { path: path.to_owned(), offset, source };
        let size = usize::try_from(wanted).map_err(|error| failed(std::io::Error::other(error)))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|error| failed(std::io::Error::other(error)))?;
        bytes.resize(size, 0);
        self.inner.read_exact(&mut bytes).map_err(failed)?;
        self.offset += wanted;
        Ok(bytes)
    }

    pub(super) fn bytes(&mut self, count: u64, part: &'static str) -> Result<Vec<u8>, ModelError> {
        self.items(count, 1, part)
    }
}

/// The little-endian number at `offset`.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, offset))
}

/// The little-endian number at `offset`.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, offset))
}

/// The little-endian number at `offset`.
pub(super) fn f32_at(bytes: &[u8], offset: usize) -> f32 {
    f32::from_le_bytes(array_at(bytes, offset))
}

fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes[offset..offset + N].try_into().expect("the range is N bytes long")
}
