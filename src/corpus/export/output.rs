//! A file of the export while it is written.

use super::Format;
use super::destination::Destination;
use super::file::ExportFile;
use super::line::{Fields, Line};
use super::parquet::ParquetFile;
use super::plan::Planned;
use super::record::RecordSchema;
use super::schema::Schema;
use crate::Error;
use std::io::Write;
use std::path::PathBuf;

/// Compression level of [`Format::JsonlZst`]. Fixed, because the bytes of the file depend on it.
const ZSTD_LEVEL: i32 = 3;

/// Bytes of records before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// A file of documents. It gets its name when it is whole.
pub(super) struct Output {
    path: PathBuf,
    form: Form,
}

enum Form {
    Jsonl { file: Box<ExportFile>, lines: Vec<u8> },
    JsonlZst { file: Box<zstd::Encoder<'static, ExportFile>>, lines: Vec<u8> },
    Parquet(Box<ParquetFile<ExportFile>>),
}

impl Output {
    /// Begins the file of `planned` at `out`.
    pub fn create(
        out: &dyn Destination,
        planned: &Planned,
        format: Format,
        records: RecordSchema,
    ) -> Result<Output, Error> {
        let name = format.path(planned);
        let path = out.path(&name);
        let file = ExportFile::create(out, &name)?;
        let lines = Vec::new();
        let form = match format {
            Format::Jsonl => Form::Jsonl { file: Box::new(file), lines },
            Format::JsonlZst => {
                let file = zstd::Encoder::new(file, ZSTD_LEVEL).map_err(Error::io(&path))?;
                Form::JsonlZst { file: Box::new(file), lines }
            }
            Format::Parquet => {
                let file = ParquetFile::create(file, records);
                Form::Parquet(Box::new(file.map_err(|error| error.at(&path))?))
            }
        };
        Ok(Output { path, form })
    }

    /// Adds a document of `slice`, whose fields are those of `schema`.
    pub fn push(
        &mut self,
        slice: &str,
        (records, schema): (RecordSchema, &Schema),
        line: &Line<'_>,
        fields: &Fields<'_>,
    ) -> Result<(), Error> {
        let path = &self.path;
        let wrong = |error: serde_json::Error| {
            Error::corrupt(path, format!("a document cannot be written: {error}"))
        };
        match &mut self.form {
            Form::Jsonl { lines, .. } | Form::JsonlZst { lines, .. } => {
                records.write(lines, slice, schema, line, fields).map_err(wrong)?;
                if lines.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
            }
            Form::Parquet(file) => file.push(slice, line, fields).map_err(|error| error.at(path)),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let (lines, written) = match &mut self.form {
            Form::Jsonl { file, lines } => {
                let written = file.write_all(lines);
                (lines, written)
            }
            Form::JsonlZst { file, lines } => {
                let written = file.write_all(lines);
                (lines, written)
            }
            Form::Parquet(_) => return Ok(()),
        };
        lines.clear();
        // A long line must not keep its memory.
        lines.shrink_to(2 * BUFFER_BYTES);
        written.map_err(Error::io(&self.path))
    }

    /// Gives the file its name. Returns its size and SHA-256.
    pub fn finish(mut self) -> Result<(u64, String), Error> {
        self.flush()?;
        let Output { path, form } = self;
        let file = match form {
            Form::Jsonl { file, .. } => *file,
            Form::JsonlZst { file, .. } => file.finish().map_err(Error::io(&path))?,
            Form::Parquet(file) => file.finish().map_err(|error| error.at(&path))?,
        };
        file.publish()
    }
}
