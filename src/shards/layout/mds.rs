//! MosaicML's MDS: `streaming/base/format/mds` of mosaicml/streaming.
//!
//! ```text
//! X.mds   u32            number of samples n
//!         u32[n + 1]     where each sample begins in the file, and the size of the file
//!         JSON           the columns
//!         samples
//! ```
//!
//! A sample has one column, `tokens`. A sample that is a document is `ndarray:uint16`: its size (`u32`),
//! a byte with the number of dimensions and the type of their sizes (`1 << 2 | 0` for `u8`, 1 for
//! `u16`, 2 for `u32`), the number of tokens in that type, and the tokens. A sample of a fixed length
//! is `ndarray:uint16:2048`: the tokens alone. Then documents are joined, and cut without regard for
//! where they end, as in LLM Foundry; what is left at the end of a shard, fewer tokens than a sample,
//! is left out. `uint32` takes the place of `uint16` if ids need it.

use super::file::{Output, Spool};
use super::{Form, Sequence, Writer, Written};
use crate::Error;
use corpus::export::{Destination, Exported};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Largest file: places in it are `u32`.
const BYTES_MAX: u64 = u32::MAX as u64;

pub(super) struct Mds {
    file: Output,
    path: PathBuf,
    config: Vec<u8>,
    /// Bytes of a sample of a fixed length.
    sample_bytes: Option<usize>,
    width_bytes: u64,
    data: Spool,
    /// Bytes of each sample, `u32`.
    sizes: Spool,
    samples: u64,
    data_bytes: u64,
    /// The beginning of a sample of a fixed length.
    begun: Vec<u8>,
    /// Tokens in complete samples.
    tokens: u64,
}

impl Mds {
    pub fn create(out: &dyn Destination, files: &[String], form: Form<'_>) -> Result<Mds, Error> {
        let width_bytes = form.encoder.width().bytes();
        Ok(Mds {
            file: Output::create(out, &files[0])?,
            path: out.path(&files[0]),
            config: config(form).to_string().into_bytes(),
            sample_bytes: form
                .sequence_length
                .map(|tokens| (u64::from(tokens) * width_bytes) as usize),
            width_bytes,
            data: Spool::new()?,
            sizes: Spool::new()?,
            samples: 0,
            data_bytes: 0,
            begun: Vec::new(),
            tokens: 0,
        })
    }

    /// Adds a sample, which is in `parts`.
    fn sample(&mut self, parts: &[&[u8]], tokens: u64) -> Result<(), Error> {
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        self.samples += 1;
        self.data_bytes += bytes;
        self.tokens += tokens;
        let header = 4 + 4 * (self.samples + 1) + self.config.len() as u64;
        if header + self.data_bytes > BYTES_MAX {
            return Err(too_large(&self.path));
        }
        self.sizes.write(&(bytes as u32).to_ne_bytes())?;
        parts.iter().try_for_each(|part| self.data.write(part))
    }

    /// Adds a document, to be cut into samples of a fixed length.
    fn join(&mut self, mut tokens: &[u8], sample_bytes: usize) -> Result<(), Error> {
        while self.begun.len() + tokens.len() >= sample_bytes {
            let (head, rest) = tokens.split_at(sample_bytes - self.begun.len());
            let begun = std::mem::take(&mut self.begun);
            self.sample(&[&begun, head], sample_bytes as u64 / self.width_bytes)?;
            tokens = rest;
            self.begun = begun;
            self.begun.clear();
        }
        self.begun.extend_from_slice(tokens);
        Ok(())
    }
}

impl Writer for Mds {
    fn push(&mut self, document: &Sequence<'_>) -> Result<(), Error> {
        if let Some(sample_bytes) = self.sample_bytes {
            return self.join(document.tokens, sample_bytes);
        }
        let count = document.end - document.begin;
        let shape = shape(count);
        let size = shape.len() as u64 + document.tokens.len() as u64;
        let size = u32::try_from(size).map_err(|_| too_large(&self.path))?;
        self.sample(&[&size.to_le_bytes(), &shape, document.tokens], count)
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, Error> {
        let Mds { mut file, config, data, sizes, samples, tokens, .. } = *self;
        let mut place = (4 + 4 * (samples + 1) + config.len() as u64) as u32;
        file.write(&(samples as u32).to_le_bytes())?;
        file.write(&place.to_le_bytes())?;
        sizes.finish()?.numbers(|size| {
            place += size;
            file.write(&place.to_le_bytes())
        })?;
        file.write(&config)?;
        let mut data = data.finish()?;
        let copied = std::io::copy(&mut data.read()?, &mut file);
        copied.map_err(file.wrong())?;
        Ok(vec![file.publish(tokens)?])
    }
}

fn too_large(path: &Path) -> Error {
    Error::Usage(format!(
        "{} would be larger than 4 GiB, the most that MDS allows: give a smaller --shard-tokens",
        path.display()
    ))
}

/// The shape of an array of one dimension, before its values.
fn shape(count: u64) -> Vec<u8> {
    const ONE_DIMENSION: u8 = 1 << 2;
    match (u8::try_from(count), u16::try_from(count)) {
        (Ok(count), _) => vec![ONE_DIMENSION, count],
        (_, Ok(count)) => [&[ONE_DIMENSION | 1][..], &count.to_le_bytes()].concat(),
        _ => [&[ONE_DIMENSION | 2][..], &(count as u32).to_le_bytes()].concat(),
    }
}

/// The columns, as the files and the index have them.
fn config(form: Form<'_>) -> Value {
    let width = form.encoder.width();
    let (encoding, size) = match form.sequence_length {
        None => (format!("ndarray:{}", width.name()), None),
        Some(tokens) => {
            (format!("ndarray:{}:{tokens}", width.name()), Some(u64::from(tokens) * width.bytes()))
        }
    };
    json!({
        "column_encodings": [encoding],
        "column_names": ["tokens"],
        "column_sizes": [size],
        "compression": null,
        "format": "mds",
        "hashes": [],
        "size_limit": null,
        "version": 2,
    })
}

/// Returns `index.json`, by which the files are found. `files` are those of the layout, in their
/// order. Those with fewer tokens than a sample are not in it: readers expect samples.
pub(crate) fn index<'f>(form: Form<'_>, files: impl Iterator<Item = &'f Exported>) -> String {
    let samples = |file: &Exported| match form.sequence_length {
        None => file.documents,
        Some(tokens) => file.tokens.unwrap_or(0) / u64::from(tokens),
    };
    let shard = |file: &Exported| {
        let basename = file.path.rsplit('/').next().unwrap_or_default();
        let mut shard = config(form);
        shard["raw_data"] = json!({"basename": basename, "bytes": file.bytes, "hashes": {}});
        shard["samples"] = json!(samples(file));
        shard["zip_data"] = Value::Null;
        shard
    };
    let shards: Vec<Value> = files.filter(|file| samples(file) > 0).map(shard).collect();
    json!({"version": 2, "shards": shards}).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn a_shape_has_the_smallest_type() {
        assert_eq!(shape(1), [4, 1]);
        assert_eq!(shape(255), [4, 255]);
        assert_eq!(shape(256), [5, 0, 1]);
        assert_eq!(shape(65_536), [6, 0, 0, 1, 0]);
    }
}
