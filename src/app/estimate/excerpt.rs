//! A part of a source as a file of its own, that the slice reads as it reads the source.

use super::parts::{Extent, Part};
use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use formats::Form;
use recipe::AnySlice;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How far a record may be from where it is searched, in bytes as stored.
const SEARCH_BYTES: u64 = 64 << 20;

/// Bytes of a file that are searched at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// The first bytes of a gzip member whose compression is the only known one.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// The first bytes of a WARC record.
const RECORD_MAGIC: &[u8] = b"WARC/";

/// How a source can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cutting {
    /// It is read whole, or not at all.
    Never,
    /// Only its beginning can be read.
    Beginning,
    /// It can be read from any of its records on.
    Anywhere(Records),
}

/// How records are found in the stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// Each record is a line.
    Lines,
    /// Each record of a WARC file is a gzip member.
    Members,
}

/// Returns how a source of a slice can be cut. What cannot be read is never cut: the run reports it.
pub(crate) fn cutting(slice: &dyn AnySlice, path: &Path) -> Cutting {
    if slice.is_slow_to_begin() || !path.is_file() {
        return Cutting::Never;
    }
    let Ok(form) = Form::of(path) else { return Cutting::Never };
    let mut magic = [0; 3];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    match form {
        _ if read.is_err() => Cutting::Never,
        Form::Json if magic[0] == b'{' => Cutting::Anywhere(Records::Lines),
        Form::Wet | Form::Warc if magic == GZIP_MAGIC => Cutting::Anywhere(Records::Members),
        Form::Json | Form::Wet | Form::Warc | Form::MediaWiki | Form::Tar => Cutting::Beginning,
        // A table at its end, or a whole text.
        _ => Cutting::Never,
    }
}

/// A part that can be read.
pub(crate) struct Excerpt {
    /// The source itself, or a file with the part.
    pub path: PathBuf,
    /// Bytes of the source, as stored, that it stands for.
    pub bytes: u64,
}

/// Makes a part readable: a part that is not whole is copied into `folder`, under the name of its
/// source.
///
/// # Errors
/// If the source cannot be read, or the copy not be written.
pub(crate) fn excerpt(slice: &dyn AnySlice, part: &Part, folder: &Path) -> Result<Excerpt> {
    let source = &part.path;
    let cannot = || format!("cannot read a part of {}", source.display());
    let whole = || -> Result<Excerpt> {
        Ok(Excerpt { path: source.clone(), bytes: crate::inputs::source_size(source)? })
    };
    let range = match (part.extent, cutting(slice, source)) {
        (Extent::Whole, _) | (_, Cutting::Never) => return whole(),
        (Extent::Range { at, bytes }, Cutting::Anywhere(records)) => {
            // Without a record in reach, its beginning is better than nothing.
            let at = [at, 0].into_iter().map(|at| range_of(source, records, at, bytes));
            let found: io::Result<Vec<_>> = at.collect();
            found.with_context(cannot)?.into_iter().flatten().next().unwrap_or((0, bytes))
        }
        (Extent::Range { bytes, .. } | Extent::Beginning { bytes }, _) => (0, bytes),
    };
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(source.file_name().unwrap_or_default());
    let bytes = copy(source, range, &path).with_context(cannot)?;
    Ok(Excerpt { path, bytes })
}

/// Returns where the records begin and end that are in about `bytes` from `at` on: the offset and
/// the number of bytes. `None` if no record begins there.
fn range_of(path: &Path, records: Records, at: u64, bytes: u64) -> io::Result<Option<(u64, u64)>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut next = |from: u64| match records {
        Records::Lines => next_line(&mut file, from),
        Records::Members => next_record(&mut file, from),
    };
    let Some(start) = next(at)? else { return Ok(None) };
    let end = match next(start + bytes)? {
        Some(end) => end,
        None if start + bytes + SEARCH_BYTES >= size => size,
        None => start + bytes,
    };
    Ok((end > start).then_some((start, end - start)))
}

/// Returns the first byte of the first line that begins at `from` or later.
fn next_line(file: &mut File, from: u64) -> io::Result<Option<u64>> {
    let Some(before) = from.checked_sub(1) else { return Ok(Some(0)) };
    file.seek(SeekFrom::Start(before))?;
    let mut reader = BufReader::new(file.take(SEARCH_BYTES));
    let skipped = reader.skip_until(b'\n')? as u64;
    let is_at_end = reader.fill_buf()?.is_empty();
    Ok((!is_at_end).then_some(before + skipped))
}

/// Returns the first byte of the first member with a WARC record that begins at `from` or later.
fn next_record(file: &mut File, from: u64) -> io::Result<Option<u64>> {
    let mut window = Vec::new();
    let mut at = from;
    while at < from + SEARCH_BYTES {
        window.clear();
        file.seek(SeekFrom::Start(at))?;
        file.take(WINDOW_BYTES as u64).read_to_end(&mut window)?;
        let places = window.windows(GZIP_MAGIC.len()).enumerate();
        let magic = places.filter(|(_, bytes)| *bytes == GZIP_MAGIC).map(|(place, _)| place);
        for place in magic {
            let mut head = [0; RECORD_MAGIC.len()];
            let begins = GzDecoder::new(&window[place..]).read_exact(&mut head);
            if begins.is_ok() && head == RECORD_MAGIC {
                return Ok(Some(at + place as u64));
            }
        }
        if window.len() < WINDOW_BYTES {
            return Ok(None);
        }
        // A member may begin at the end of the window.
        at += (WINDOW_BYTES - 1024) as u64;
    }
    Ok(None)
}

/// Copies a range of a file to a new one. Returns the bytes copied.
fn copy(source: &Path, (at, bytes): (u64, u64), to: &Path) -> io::Result<u64> {
    let mut file = File::open(source)?;
    file.seek(SeekFrom::Start(at))?;
    let mut out = BufWriter::new(File::create_new(to)?);
    let copied = io::copy(&mut file.take(bytes), &mut out)?;
    out.flush()?;
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_range_begins_and_ends_with_a_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.warc.wet.gz");
        // Magic bytes within a record, and members that are no records, begin nothing.
        let record = |n: usize| gzip(format!("WARC/1.0\r\n{}", "x".repeat(n)).as_bytes());
        let other = gzip(b"no record");
        let members = [record(10), GZIP_MAGIC.repeat(5), other, record(20), record(30), record(40)];
        let starts: Vec<u64> = members
            .iter()
            .scan(0, |at, member| Some(std::mem::replace(at, *at + member.len() as u64)))
            .collect();
        fs::write(&path, members.concat()).unwrap();
        let size = members.concat().len() as u64;
        let range = |at, bytes| range_of(&path, Records::Members, at, bytes).unwrap();
        assert_eq!(range(0, 1), Some((0, starts[3])));
        assert_eq!(range(1, 1), Some((starts[3], starts[4] - starts[3])));
        assert_eq!(range(starts[4], 1 << 20), Some((starts[4], size - starts[4])));
        assert_eq!(range(starts[5] + 1, 1), None);
    }

    #[test]
    fn a_range_of_lines_is_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        fs::write(&path, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n").unwrap();
        let lines = |at, bytes| {
            let range = range_of(&path, Records::Lines, at, bytes).unwrap()?;
            let to = dir.path().join(format!("{at}-{bytes}"));
            copy(&path, range, &to).unwrap();
            Some(fs::read_to_string(to).unwrap())
        };
        assert_eq!(lines(0, 3).as_deref(), Some("{\"a\":1}\n"));
        assert_eq!(lines(8, 8).as_deref(), Some("{\"a\":2}\n"));
        assert_eq!(lines(9, 100).as_deref(), Some("{\"a\":3}\n"));
        assert_eq!(lines(20, 3), None);
    }
}
