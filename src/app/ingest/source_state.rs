//! Detecting changes of a label's sources since it was begun.
//!
//! The manifest has each source's name, size, modification time, and a checksum of its first and
//! last 64 KiB. Reading all of a dump again before each run would take as long as the run, and a
//! compressed file that differs anywhere nearly always differs in its last block. The modification
//! time alone would reject files that were fetched again. It is compared only for a source that has
//! been read in part and is too large for the checksum to cover all of it.
//!
//! Of a file at an address the checksum is of its size and its version (`inputs::addresses`).

use crate::addresses::address;
use crate::inputs;
use crate::terminal::units::counted;
use anyhow::{Context, Result};
use corpus::{Label, Source};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Bytes at each end of a file that its checksum covers.
const END_BYTES: u64 = 64 << 10;

/// Levels of folders that are walked.
const DEPTH_MAX: usize = 64;

/// Sources that are listed in a message.
const LISTED_MAX: usize = 3;

/// Records the current state of a source.
pub(crate) fn observe(source: &mut Source) -> Result<()> {
    let path = Path::new(&source.path);
    if let Some(now) = inputs::at_address(path) {
        let now = now.with_context(|| format!("cannot read {}", path.display()))?;
        (source.modified, source.ends) = (now.modified, now.ends);
        return Ok(());
    }
    let mut state = SourceState::default();
    state.add(path, 0).with_context(|| format!("cannot read {}", path.display()))?;
    (source.modified, source.ends) = (Some(state.modified), Some(state.ends));
    Ok(())
}

#[derive(Default)]
struct SourceState {
    /// The newest modification time, in nanoseconds.
    modified: u64,
    /// The checksum of the ends of all files.
    ends: u32,
}

impl SourceState {
    /// Adds a file, or all files of a folder. Links within a folder are not followed.
    fn add(&mut self, path: &Path, depth: usize) -> io::Result<()> {
        let meta = if depth == 0 { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
        if meta.is_dir() && depth < DEPTH_MAX {
            let entries: io::Result<Vec<_>> =
                fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect();
            let mut entries = entries?;
            entries.sort();
            for entry in entries {
                self.sum(entry.file_name().unwrap_or_default().as_encoded_bytes());
                self.add(&entry, depth + 1)?;
            }
        } else if meta.is_file() {
            self.modified = self.modified.max(modified(&meta));
            self.sum(&meta.len().to_le_bytes());
            self.add_ends(File::open(path)?, meta.len())?;
        }
        Ok(())
    }

    fn add_ends(&mut self, mut file: File, bytes: u64) -> io::Result<()> {
        let mut ends = Vec::new();
        file.by_ref().take(END_BYTES).read_to_end(&mut ends)?;
        if bytes > END_BYTES {
            file.seek(SeekFrom::Start((bytes - END_BYTES).max(END_BYTES)))?;
            file.take(END_BYTES).read_to_end(&mut ends)?;
        }
        self.sum(&ends);
        Ok(())
    }

    fn sum(&mut self, bytes: &[u8]) {
        self.ends = crc32c::crc32c_append(self.ends, bytes);
    }
}

fn modified(meta: &Metadata) -> u64 {
    let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Lists the differences in names and sizes between the sources of a label and those given for it.
pub(crate) fn other_sources(label: &Label, given: &[Source]) -> Option<String> {
    let by_name = |sources: &[Source]| -> BTreeMap<String, u64> {
        sources.iter().map(|source| (source.name.clone(), source.bytes)).collect()
    };
    let (known, given) = (by_name(&label.sources), by_name(given));
    let mut differences = Vec::new();
    for (name, bytes) in &given {
        match known.get(name) {
            None => differences.push(format!("{name} is not one of them")),
            Some(before) if before != bytes => {
                differences
                    .push(format!("{name} had {} and has {bytes} now", counted(*before, "byte")));
            }
            Some(_) => {}
        }
    }
    let missing = known.keys().filter(|name| !given.contains_key(*name));
    differences.extend(missing.map(|name| format!("{name} is missing")));
    list(differences)
}

/// Lists changes in the sources of a label, whose names and sizes are the same. For an unfinished
/// label, the modification time counts too. Files at addresses are as they are given.
pub(crate) fn changed_sources(label: &Label, given: &[Source]) -> Result<Option<String>> {
    let mut changes = Vec::new();
    for (number, (known, given)) in label.sources.iter().zip(given).enumerate() {
        let (Some(modified), Some(ends)) = (known.modified, known.ends) else { continue };
        if address(Path::new(&given.path)).is_some() {
            if given.ends != Some(ends) {
                changes.push(format!("the content of {} has changed", given.path));
            }
            continue;
        }
        let is_touched = || -> Result<bool> {
            let meta = fs::metadata(&given.path);
            let meta = meta.with_context(|| format!("cannot read {}", given.path))?;
            Ok(meta.is_dir() || self::modified(&meta) != modified)
        };
        // Reading the ends of all files of a complete label each time it is named takes too long.
        if label.is_complete() && !is_touched()? {
            continue;
        }
        let mut now = given.clone();
        observe(&mut now)?;
        if now.ends != Some(ends) {
            changes.push(format!("the content of {} has changed", given.path));
            continue;
        }
        let is_in_part = label.position.is_some_and(|position| {
            position.source == number as u64 && (position.record, position.defects) != (0, 0)
        });
        if is_in_part && given.bytes > 2 * END_BYTES && now.modified != Some(modified) {
            let seconds = modified as f64 / 1e9;
            changes.push(format!(
                "{} was written to after it was read in part (if its content is the same, set its \
                 time back: touch -d @{seconds:.9} FILE)",
                given.path
            ));
        }
    }
    Ok(list(changes))
}

/// Joins the first few texts and the number of the rest; `None` if there are none.
fn list(mut all: Vec<String>) -> Option<String> {
    let more = all.len().saturating_sub(LISTED_MAX);
    all.truncate(LISTED_MAX);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    (!all.is_empty()).then(|| all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::Position;

    fn source(path: &Path) -> Source {
        let bytes = fs::metadata(path).unwrap().len();
        let path = path.to_string_lossy().into_owned();
        let mut source = Source { name: "a".into(), path, bytes, ..Source::default() };
        observe(&mut source).unwrap();
        source
    }

    #[test]
    fn a_changed_end_counts_always_and_the_time_only_where_it_must() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut text = vec![b'x'; 300_000];
        fs::write(&path, &text).unwrap();
        let known = source(&path);
        let label = |position| Label { sources: vec![known.clone()], position, ..Label::default() };
        let at = |record| Some(Position { source: 0, record, defects: 0 });
        let changed = |position| changed_sources(&label(position), &[source(&path)]).unwrap();
        for position in [None, at(0), at(7)] {
            assert_eq!(changed(position), None);
        }
        // Somewhere in the middle.
        text[150_000] = b'y';
        fs::write(&path, &text).unwrap();
        assert!(changed(at(7)).unwrap().contains("read in part"));
        assert_eq!((changed(None), changed(at(0))), (None, None));
        text[299_999] = b'y';
        fs::write(&path, &text).unwrap();
        for position in [None, at(0), at(7)] {
            assert!(changed(position).unwrap().contains("content"));
        }
        // As it was, at another time, and small: its content is known to be the same.
        let small = vec![b'x'; 1000];
        fs::write(&path, &small).unwrap();
        let known = source(&path);
        let label = Label { sources: vec![known], position: at(7), ..Label::default() };
        fs::write(&path, &small).unwrap();
        assert_eq!(changed_sources(&label, &[source(&path)]).unwrap(), None);
    }

    #[test]
    fn a_folder_changes_with_any_of_its_files() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        let path = dir.path().join("in/a");
        fs::write(&path, "one").unwrap();
        let known = source(dir.path());
        let label = Label { sources: vec![known], ..Label::default() };
        assert_eq!(changed_sources(&label, &[source(dir.path())]).unwrap(), None);
        fs::write(&path, "two").unwrap();
        assert!(changed_sources(&label, &[source(dir.path())]).unwrap().is_some());
    }

    #[test]
    fn sources_that_differ_are_named() {
        let sources = |list: &[(&str, u64)]| -> Vec<Source> {
            let source = |&(name, bytes): &(&str, u64)| Source {
                name: name.into(),
                bytes,
                ..Source::default()
            };
            list.iter().map(source).collect()
        };
        let label = Label { sources: sources(&[("a", 1), ("b", 2)]), ..Label::default() };
        assert_eq!(other_sources(&label, &label.sources), None);
        let found = other_sources(&label, &sources(&[("a", 3), ("c", 2)])).unwrap();
        let expected = "a had 1 byte and has 3 now; c is not one of them; b is missing";
        assert_eq!(found, expected);
    }
}
