//! Sources of a label that look like copies of one another.

use crate::addresses::address;
use corpus::Source;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes compared at the beginning, in the middle and at the end of files of one size.
const COMPARED_BYTES: usize = 64 << 10;

/// Pairs that are listed one by one.
const LISTED_MAX: usize = 10;

/// Returns notices on files that look like copies of an earlier one: size, beginning, middle and
/// end are the same. Without deduplication their records count twice.
pub(crate) fn copies(sources: &[Source]) -> Vec<String> {
    let mut by_size: BTreeMap<u64, Vec<&Source>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.bytes > 0) {
        by_size.entry(source.bytes).or_default().push(source);
    }
    let (mut notices, mut more) = (Vec::new(), 0);
    for same_size in by_size.into_values().filter(|sources| sources.len() > 1) {
        let mut firsts: BTreeMap<[u8; 32], &Source> = BTreeMap::new();
        for source in same_size {
            let Some(digest) = digest(source) else { continue };
            let Some(first) = firsts.get(&digest) else {
                firsts.insert(digest, source);
                continue;
            };
            if notices.len() < LISTED_MAX {
                let (path, first) = (&source.path, &first.path);
                notices.push(format!(
                    "{path} looks like a copy of {first}; both are read: name only one of them if \
                     that is not intended"
                ));
            } else {
                more += 1;
            }
        }
    }
    if more > 0 {
        notices.push(format!("and {more} more files look like copies of others"));
    }
    notices
}

/// Returns a digest of a file's beginning, middle and end; `None` for a folder, or if they cannot
/// be read, which is reported later.
fn digest(source: &Source) -> Option<[u8; 32]> {
    if address(Path::new(&source.path)).is_some() {
        return of_tag(source);
    }
    let file = formats::regular::open(Path::new(&source.path)).ok()?;
    let last = source.bytes.saturating_sub(COMPARED_BYTES as u64);
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; COMPARED_BYTES.min(source.bytes as usize)];
    let mut starts = vec![0, last / 2, last];
    starts.dedup();
    for start in starts {
        file.read_exact_at(&mut buffer, start).ok()?;
        hasher.update(&buffer);
    }
    Some(*hasher.finalize().as_bytes())
}

/// Returns a digest for a file at an address, if its version depends on its content: on S3 and Google
/// Cloud Storage. Nothing is fetched.
fn of_tag(source: &Source) -> Option<[u8; 32]> {
    let has_digest = ["s3://", "gs://"].iter().any(|scheme| source.path.starts_with(scheme));
    let ends = source.ends.filter(|_| has_digest)?;
    Some(*blake3::hash(&ends.to_le_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_copies_only_where_beginning_middle_and_end_are_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let same = vec![b'x'; 400 << 10];
        let with = |at: usize| {
            let mut bytes = same.clone();
            bytes[at] = b'y';
            bytes
        };
        let files =
            [same.clone(), with(0), with(200 << 10), with((400 << 10) - 1), same.clone(), vec![]];
        let sources: Vec<Source> = files
            .iter()
            .enumerate()
            .map(|(number, bytes)| {
                let path = dir.path().join(number.to_string());
                fs::write(&path, bytes).unwrap();
                let path = path.to_str().unwrap().to_owned();
                Source {
                    name: number.to_string(),
                    path,
                    bytes: bytes.len() as u64,
                    ..Source::default()
                }
            })
            .collect();
        let notices = copies(&sources);
        assert_eq!(notices.len(), 1, "{notices:?}");
        let (copy, first) = (&sources[4].path, &sources[0].path);
        assert!(notices[0].starts_with(&format!("{copy} looks like a copy of {first};")));
    }

    #[test]
    fn many_copies_are_counted_and_not_all_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("one");
        fs::write(&path, "text").unwrap();
        let path = path.to_str().unwrap().to_owned();
        let source = Source { name: "one".into(), path, bytes: 4, ..Source::default() };
        let notices = copies(&vec![source; 31]);
        assert_eq!(notices.len(), LISTED_MAX + 1);
        assert!(notices[LISTED_MAX].contains("20 more"), "{notices:?}");
    }
}
