//! Runs: sorted records in a temporary file.

use crate::{Record, Storage};
use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek};

const BUFFER_BYTES: usize = 64 << 10;

/// Writes records that come sorted.
pub struct RunWriter<R: Record> {
    layout: R::Layout,
    output: Output,
    records: u64,
}

enum Output {
    Plain(BufWriter<File>),
    Lz4(Box<FrameEncoder<BufWriter<File>>>),
}

impl<R: Record> RunWriter<R> {
    /// Creates a run in a temporary file without a name.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn new(layout: R::Layout, storage: &Storage) -> io::Result<Self> {
        let file = match &storage.folder {
            Some(folder) => tempfile::tempfile_in(folder)?,
            None => tempfile::tempfile()?,
        };
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let output = if storage.is_compressed {
            Output::Lz4(Box::new(FrameEncoder::new(file)))
        } else {
            Output::Plain(file)
        };
        Ok(RunWriter { layout, output, records: 0 })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// When writing fails, for example because the disk is full.
    pub fn push(&mut self, record: &R) -> io::Result<()> {
        self.records += 1;
        match &mut self.output {
            Output::Plain(file) => record.write(&self.layout, file),
            Output::Lz4(encoder) => record.write(&self.layout, &mut **encoder),
        }
    }

    /// Ends the run and returns a reader of it.
    ///
    /// # Errors
    /// When writing fails, for example because the disk is full.
    pub fn finish(self) -> io::Result<RunReader<R>> {
        let (file, is_compressed) = match self.output {
            Output::Plain(file) => (file, false),
            Output::Lz4(encoder) => (encoder.finish()?, true),
        };
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let (file, left) = (Some(file), self.records);
        Ok(RunReader { layout: self.layout, file, is_compressed, input: None, left })
    }
}

/// Reads what a [`RunWriter`] wrote. It takes buffers from its first record on.
pub struct RunReader<R: Record> {
    layout: R::Layout,
    /// The file, until its first record is read.
    file: Option<File>,
    is_compressed: bool,
    input: Option<Input>,
    left: u64,
}

enum Input {
    Plain(BufReader<File>),
    Lz4(Box<FrameDecoder<BufReader<File>>>),
}

impl<R: Record> RunReader<R> {
    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    /// When reading fails.
    #[expect(clippy::should_implement_trait, reason = "it is fallible")]
    pub fn next(&mut self) -> io::Result<Option<R>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if let Some(file) = self.file.take() {
            self.input = Some(open(file, self.is_compressed));
        }
        match self.input.as_mut().expect("opened above") {
            Input::Plain(file) => R::read(&self.layout, file),
            Input::Lz4(decoder) => R::read(&self.layout, &mut **decoder),
        }
        .map(Some)
    }
}

fn open(file: File, is_compressed: bool) -> Input {
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    if is_compressed { Input::Lz4(Box::new(FrameDecoder::new(file))) } else { Input::Plain(file) }
}
