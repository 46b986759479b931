//! The file that is written: plain lines or compressed ones, by its name.

use anyhow::{Context, Result, anyhow};
use flate2::Compression;
use flate2::write::GzEncoder;
use recipe::usage::usage;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Level of zstd, as the export has it.
const ZSTD_LEVEL: i32 = 3;

/// The output. A file has its name only once it is whole; until then it is called `OUT.partial`,
/// and goes if this is dropped before.
pub(super) struct Out {
    shown: String,
    form: Option<Form>,
    /// From and to where it is renamed at the end.
    rename: Option<(PathBuf, PathBuf)>,
}

type Bytes = BufWriter<Box<dyn Write>>;

enum Form {
    Plain(Bytes),
    Gzip(GzEncoder<Bytes>),
    Zstd(zstd::Encoder<'static, Bytes>),
}

impl Out {
    pub fn create(out: &str) -> Result<Out> {
        if out.ends_with(".parquet") {
            let what = format!("{out}: Parquet is read, not written; take .jsonl or .jsonl.zst");
            return Err(usage(what));
        }
        let path = Path::new(out);
        let shown = if out == "-" { "standard output".into() } else { out.to_owned() };
        let cannot = || format!("cannot write {shown}");
        // What is there and no file, a pipe or a device, is written as it is.
        let in_place = path.exists() && !path.is_file();
        let (bytes, rename): (Box<dyn Write>, _) = if out == "-" {
            (Box::new(io::stdout()), None)
        } else if in_place {
            (Box::new(File::create(path).with_context(cannot)?), None)
        } else {
            let partial = PathBuf::from(format!("{out}.partial"));
            let file = File::create(&partial).with_context(cannot)?;
            (Box::new(file), Some((partial, path.to_owned())))
        };
        let bytes = BufWriter::with_capacity(256 << 10, bytes);
        let form = if out.ends_with(".gz") {
            Form::Gzip(GzEncoder::new(bytes, Compression::default()))
        } else if out.ends_with(".zst") {
            Form::Zstd(zstd::Encoder::new(bytes, ZSTD_LEVEL)?)
        } else {
            Form::Plain(bytes)
        };
        Ok(Out { shown, form: Some(form), rename })
    }

    pub fn line(&mut self, line: &str) -> Result<()> {
        let form: &mut dyn Write = match self.form.as_mut().expect("there until it is finished") {
            Form::Plain(bytes) => bytes,
            Form::Gzip(encoder) => encoder,
            Form::Zstd(encoder) => encoder,
        };
        let written = form.write_all(line.as_bytes()).and_then(|()| form.write_all(b"\n"));
        written.map_err(|error| self.failed(error))
    }

    /// Ends the file and gives it its name.
    pub fn finish(mut self) -> Result<()> {
        let form = self.form.take().expect("finished once");
        let ended = match form {
            Form::Plain(bytes) => Ok(bytes),
            Form::Gzip(encoder) => encoder.finish(),
            Form::Zstd(encoder) => encoder.finish(),
        };
        let named = ended.and_then(|mut bytes| bytes.flush()).and_then(|()| match &self.rename {
            Some((partial, path)) => rename_durably(partial, path),
            None => Ok(()),
        });
        named.map_err(|error| self.failed(error))?;
        self.rename = None;
        Ok(())
    }

    fn failed(&self, error: io::Error) -> anyhow::Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe => ReaderGone.into(),
            _ => anyhow!(error).context(format!("cannot write {}", self.shown)),
        }
    }
}

/// A file has its name only once its bytes are on the disk.
fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    File::open(from)?.sync_all()?;
    fs::rename(from, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Some((partial, _)) = &self.rename {
            let _ = fs::remove_file(partial);
        }
    }
}

/// Whoever read our output has gone, `head` for example: there is nothing left to say.
#[derive(Debug)]
pub(crate) struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

impl std::error::Error for ReaderGone {}
