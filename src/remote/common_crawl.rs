//! Common Crawl's dumps by name: `cc://CC-MAIN-2023-06`, as the dump's own list names its files.

use crate::Remote;
use flate2::read::MultiGzDecoder;
use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read};
use std::ops::Range;
use std::path::Path;

/// The variable that names another place with Common Crawl's layout: an address, or a folder.
pub const MIRROR: &str = "SLUICE_COMMON_CRAWL";

const COMMON_CRAWL: &str = "https://data.commoncrawl.org";

/// A dump has 90,000 files, whose names are as long as this at most.
const LIST_BYTES_MAX: u64 = 256 << 20;

/// The files of a dump that are wanted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// Lines of the list.
    files: Option<Range<usize>>,
    segment: Option<String>,
}

/// Returns the addresses of the text files of a dump: of those that its query selects.
pub(crate) fn paths(remote: &Remote, dump: &str) -> io::Result<Vec<String>> {
    let (name, query) = dump.split_once('?').unwrap_or((dump, ""));
    let name = name.trim_end_matches('/');
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !name.starts_with("CC-MAIN-") || !name.chars().all(is_name) {
        let what = format!("{name:?} is not the name of a dump: expected cc://CC-MAIN-YYYY-WW");
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let wanted = Wanted::parse(query)?;
    let base = env::var(MIRROR).unwrap_or_default();
    let base = if base.is_empty() { COMMON_CRAWL } else { base.trim_end_matches('/') };
    let list = format!("{base}/crawl-data/{name}/wet.paths.gz");
    let read = read_list(remote, &list).map_err(|error| {
        let what = match error.kind() {
            ErrorKind::NotFound => format!("there is no dump {name} ({error})"),
            _ => format!("the list of files of {name}: {error}"),
        };
        Error::new(error.kind(), what)
    });
    let chosen = wanted.choose(&read?, &list)?;
    Ok(chosen.into_iter().map(|path| format!("{base}/{path}")).collect())
}

fn read_list(remote: &Remote, list: &str) -> io::Result<Vec<String>> {
    let source: Box<dyn Read> = if crate::is_address(list) {
        let address = remote.name(list)?;
        Box::new(remote.stream(address.as_str())?)
    } else {
        let open = File::open(Path::new(list));
        Box::new(open.map_err(|error| Error::new(error.kind(), format!("{list}: {error}")))?)
    };
    let lines = BufReader::new(MultiGzDecoder::new(source).take(LIST_BYTES_MAX)).lines();
    let lines: io::Result<Vec<String>> = lines.collect();
    let mut lines = lines.map_err(|error| Error::new(error.kind(), format!("{list}: {error}")))?;
    lines.iter_mut().for_each(|line| *line = line.trim().to_owned());
    lines.retain(|line| !line.is_empty());
    Ok(lines)
}

impl Wanted {
    /// Parses `files=0..100&segment=1674764494826.88`.
    fn parse(query: &str) -> io::Result<Wanted> {
        let invalid = |what: String| Err(Error::new(ErrorKind::InvalidInput, what));
        let mut wanted = Wanted::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("files", files)) => {
                    let range = files.split_once("..").and_then(|(first, end)| {
                        let first = if first.is_empty() { 0 } else { first.parse().ok()? };
                        let end = if end.is_empty() { usize::MAX } else { end.parse().ok()? };
                        (first < end).then_some(first..end)
                    });
                    if range.is_none() {
                        return invalid(format!(
                            "files={files}: expected a range such as 0..100, which is the first 100 \
                             files"
                        ));
                    }
                    wanted.files = range;
                }
                Some(("segment", segment)) if !segment.is_empty() => {
                    wanted.segment = Some(segment.to_owned());
                }
                _ => {
                    return invalid(format!(
                        "{part}: expected files=0..100 or segment=1674764494826.88"
                    ));
                }
            }
        }
        Ok(wanted)
    }

    /// Returns the wanted lines of a list: first those of the segment, then the range of these.
    fn choose(&self, lines: &[String], list: &str) -> io::Result<Vec<String>> {
        let part = self.segment.as_ref().map(|segment| format!("/segments/{segment}/"));
        let is_wanted =
            |line: &&String| part.as_ref().is_none_or(|part| line.contains(part.as_str()));
        let all: Vec<&String> = lines.iter().filter(is_wanted).collect();
        let files = self.files.clone().unwrap_or(0..usize::MAX);
        let end = files.end.min(all.len());
        if files.start >= end || (files.end != usize::MAX && files.end > all.len()) {
            let (count, of) = (all.len(), part.as_deref().unwrap_or("the dump"));
            let what = format!("{list} names {count} files of {of}: choose fewer, or others");
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        Ok(all[files.start..end].iter().map(|line| (*line).clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_dump_are_chosen_by_segment_and_number() {
        let line =
            |segment: u32, file: u32| format!("crawl-data/D/segments/{segment}.1/wet/{file}");
        let lines: Vec<String> = (0..10).map(|n| line(n / 5, n)).collect();
        let choose = |query: &str| Wanted::parse(query).unwrap().choose(&lines, "list");
        assert_eq!(choose("").unwrap(), lines);
        assert_eq!(choose("files=2..4").unwrap(), lines[2..4]);
        assert_eq!(choose("segment=1.1").unwrap(), lines[5..]);
        assert_eq!(choose("segment=1.1&files=1..").unwrap(), lines[6..]);
        assert_eq!(choose("files=..10").unwrap(), lines);
        for too_many in ["files=5..11", "files=10..", "segment=7.1", "segment=1.1&files=0..6"] {
            let error = choose(too_many).unwrap_err();
            assert!(error.to_string().contains("choose fewer"), "{error}");
        }
        for bad in ["files=4..4", "files=3", "files=a..b", "segment=", "segments=1", "files"] {
            assert_eq!(Wanted::parse(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }
}
