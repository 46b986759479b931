//! Writing the output, compressed according to its name.

use super::line::Written;
use super::rows::Table;
use crate::terminal::output_error;
use anyhow::{Context, Result, bail};
use durable::AtomicFile;
use flate2::Compression;
use flate2::write::GzEncoder;
use recipe::Models;
use recipe::usage::usage;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The Zstandard level of the export.
const ZSTD_LEVEL: i32 = 3;

/// Ends of names that say another form than any that is written.
const OTHER_FORMS: [&str; 6] = [".csv", ".tsv", ".arrow", ".feather", ".zip", ".7z"];

/// The output. A file is named `OUT.partial` until it is complete, and is removed if this is
/// dropped before that.
pub(super) struct Out {
    shown: String,
    form: Form,
}

/// Whether the name of an output says Parquet.
pub(super) fn is_parquet(out: &str) -> bool {
    out.to_lowercase().ends_with(".parquet")
}

/// Where the bytes go.
enum Bytes {
    /// Standard output, or something in place that is not a file, such as a pipe.
    Stream(BufWriter<Box<dyn Write>>),
    File(AtomicFile),
}

impl Bytes {
    fn finish(self) -> io::Result<()> {
        match self {
            Bytes::Stream(mut stream) => stream.flush(),
            Bytes::File(file) => file.finish()?.publish(),
        }
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Bytes::Stream(stream) => stream.write(bytes),
            Bytes::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Bytes::Stream(stream) => stream.flush(),
            Bytes::File(file) => file.flush(),
        }
    }
}

enum Form {
    Plain(Bytes),
    Gzip(GzEncoder<Bytes>),
    Zstd(zstd::Encoder<'static, Bytes>),
    Parquet(Box<Table>),
}

impl Out {
    /// Creates the output. A file with its name is replaced only if the user says so.
    pub fn create(out: &str, overwrite: bool, models: &Models) -> Result<Out> {
        let path = Path::new(out);
        if path.is_file() && !overwrite {
            let what = "exists already; name another file, or give --overwrite to replace it";
            return Err(usage(format!("--out {out}: {what}")));
        }
        let shown = if out == "-" { "standard output".into() } else { out.to_owned() };
        let cannot_write = || format!("cannot write {shown}");
        let stream =
            |stream: Box<dyn Write>| Bytes::Stream(BufWriter::with_capacity(256 << 10, stream));
        let is_stream = out == "-" || path.exists() && !path.is_file();
        let name = out.to_lowercase();
        let is_gzip = name.ends_with(".gz");
        let is_zstd = name.ends_with(".zst") || name.ends_with(".zstd");
        let is_packed = formats::without_compression(&name) != name && !is_gzip && !is_zstd;
        if !is_stream && (is_packed || OTHER_FORMS.iter().any(|end| name.ends_with(end))) {
            let what =
                "a name that ends with .jsonl, .jsonl.gz, .jsonl.zst or .parquet is expected";
            return Err(usage(format!("--out {out}: {what}")));
        }
        if is_parquet(out) {
            // Parquet ends with its index, which names places in the file.
            if is_stream {
                return Err(usage(format!("--out {out}: Parquet is written to files only")));
            }
            let file = AtomicFile::create_as(path, PathBuf::from(format!("{out}.partial")));
            let file = file.with_context(cannot_write)?;
            let table = Table::create(file, models.signal_names().collect());
            let form = Form::Parquet(Box::new(table.with_context(cannot_write)?));
            return Ok(Out { shown, form });
        }
        let bytes = if out == "-" {
            stream(Box::new(io::stdout()))
        } else if path.exists() && !path.is_file() {
            stream(Box::new(File::create(path).with_context(cannot_write)?))
        } else {
            let partial = PathBuf::from(format!("{out}.partial"));
            Bytes::File(AtomicFile::create_as(path, partial).with_context(cannot_write)?)
        };
        let form = if is_gzip {
            Form::Gzip(GzEncoder::new(bytes, Compression::default()))
        } else if is_zstd {
            Form::Zstd(zstd::Encoder::new(bytes, ZSTD_LEVEL)?)
        } else {
            Form::Plain(bytes)
        };
        Ok(Out { shown, form })
    }

    /// Writes a line, or a row if [`is_parquet`] holds for the output.
    pub fn write(&mut self, written: Written) -> Result<()> {
        let form: &mut dyn Write = match &mut self.form {
            Form::Plain(bytes) => bytes,
            Form::Gzip(encoder) => encoder,
            Form::Zstd(encoder) => encoder,
            Form::Parquet(table) => {
                let Written::Row(row) = written else { bail!("{}: a row expected", self.shown) };
                return table.write(*row).with_context(|| format!("cannot write {}", self.shown));
            }
        };
        let Written::Line(line) = written else { bail!("{}: a line expected", self.shown) };
        let written = form.write_all(line.as_bytes()).and_then(|()| form.write_all(b"\n"));
        written.map_err(|error| output_error(&self.shown, error))
    }

    /// Completes the file and gives it its name.
    pub fn finish(self) -> Result<()> {
        let Out { shown, form } = self;
        let bytes = match form {
            Form::Plain(bytes) => Ok(bytes),
            Form::Gzip(encoder) => encoder.finish(),
            Form::Zstd(encoder) => encoder.finish(),
            Form::Parquet(table) => {
                let file = table.finish().with_context(|| format!("cannot write {shown}"))?;
                Ok(Bytes::File(file))
            }
        };
        bytes.and_then(Bytes::finish).map_err(|error| output_error(&shown, error))
    }
}
