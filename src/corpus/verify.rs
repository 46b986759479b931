//! Verification of a corpus: files against the manifest, documents against the ledger, and the
//! state against both.

mod aside;

use crate::error::Error;
use crate::ledger::{self, LedgerRow};
use crate::lock::Lock;
use crate::manifest::{Counts, File, Label, Manifest, Position};
use crate::names::{Written, written};
use crate::segment::{SegmentReader, check_whole};
use crate::store::Corpus;
use arrangement::{Depth, RunMeta};
use document::DocRef;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// A problem found in a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, or the label.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

const RESTORE: &str = "restore it from a copy, or rebuild the corpus";
const REBUILD: &str = "restore the folder from a copy, or rebuild the corpus";

/// Verifies sizes, checksums, order, and sums; with [`Depth::Everything`] also every update of the
/// state against the ledger. Calls `progress` with each file. Returns all problems; none if the
/// corpus is sound.
///
/// # Errors
/// If the folder of the corpus, its lock, or the mark of an interrupted run cannot be read. Errors
/// with data files are findings.
pub fn verify(
    corpus: &Corpus,
    manifest: &Manifest,
    depth: Depth,
    progress: impl FnMut(&str),
) -> Result<Vec<Finding>, Error> {
    let mut check = Check { corpus, manifest, depth, progress, findings: Vec::new() };
    for number in 0..manifest.labels.len() {
        check.label(number as u64);
    }
    check.names_of_labels();
    check.epochs();
    for (index, runs) in &manifest.state {
        check.index(index, runs);
    }
    check.predecessor();
    // Files that the next manifest will name are needed.
    if !Lock::is_held(corpus.root())? {
        check.unnamed()?;
    }
    Ok(check.findings)
}

struct Check<'a, P> {
    corpus: &'a Corpus,
    manifest: &'a Manifest,
    depth: Depth,
    progress: P,
    findings: Vec<Finding>,
}

impl<P: FnMut(&str)> Check<'_, P> {
    fn found(&mut self, at: impl Into<String>, what: impl Into<String>, remedy: &str) {
        self.findings.push(Finding { at: at.into(), what: what.into(), remedy: remedy.into() });
    }

    /// Returns the value, or adds the error as a finding about the file.
    fn ok_or_found<T>(&mut self, file: &File, done: Result<T, Error>) -> Option<T> {
        let error = match done {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let path = self.corpus.root().join(&file.path).display().to_string();
        let what = match error {
            Error::Corrupt { what, .. } => what,
            Error::Unopened { source, .. } | Error::Io { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        self.found(path, what, RESTORE);
        None
    }

    /// Verifies the files of a label, then their sums.
    fn label(&mut self, number: u64) {
        let manifest = self.manifest;
        let label = &manifest.labels[number as usize];
        let name = label.full_name();
        let mut sums = Counts::default();
        let (mut is_readable, mut end) = (true, Expected::start(number));
        let mut ledger: Vec<&File> = label.ledger.iter().collect();
        ledger.sort_by_key(|file| file.first);
        let mut segments: Vec<&File> = label.segments.iter().collect();
        segments.sort_by_key(|file| file.first);
        for part in ledger {
            (self.progress)(&part.path);
            let segment = match segments.first() {
                Some(first) if part.first <= first.first && first.last <= part.last => {
                    Some(segments.remove(0))
                }
                _ => None,
            };
            let kept = self.ledger_part(label, part, &mut end, &mut sums);
            is_readable &= kept.is_some();
            if let Some(segment) = segment {
                (self.progress)(&segment.path);
                self.segment(segment, kept.as_deref());
            } else if let Some(id) = kept.iter().flatten().next() {
                let path = self.corpus.root().join(&part.path).display().to_string();
                self.found(path, format!("{id} is kept, and no segment has it"), REBUILD);
            }
        }
        for segment in segments {
            let path = self.corpus.root().join(&segment.path).display().to_string();
            self.found(path, "this segment is not of one part of the ledger", REBUILD);
        }
        self.aside(label);
        if !is_readable {
            // The sums of unreadable files are unknown.
            return;
        }
        if let Some(what) = differences(&sums, &label.counts) {
            self.found(&name, format!("the ledger and the manifest differ: {what}"), REBUILD);
        }
        if label.counts.read != label.counts.kept + label.counts.dropped_total() {
            self.found(&name, "the manifest's read is not kept + dropped", REBUILD);
        }
        if let Some(position) = label.position
            && let Err(what) = end.ends_at(position, label.sources.len() as u64)
        {
            self.found(&name, what, REBUILD);
        }
    }

    /// Verifies a part of the ledger, and that it begins where the previous one ended. Returns the
    /// ids of its kept documents, if it can be read.
    fn ledger_part(
        &mut self,
        label: &Label,
        part: &File,
        end: &mut Expected,
        sums: &mut Counts,
    ) -> Option<Vec<String>> {
        let path = self.corpus.root().join(&part.path);
        let whole = check_whole(&path, part);
        let is_whole = self.ok_or_found(part, whole).is_some();
        let mut kept = Vec::new();
        let mut each = |row: LedgerRow| -> Result<(), Error> {
            let wrong = |what| Error::corrupt(&path, what);
            end.take(row.at).map_err(wrong)?;
            if row.at.source() >= label.sources.len() as u64 {
                return Err(wrong(format!("{} is of a source that the label lacks", row.at)));
            }
            let id = label.document_id(row.at);
            if row.id != id {
                return Err(wrong(format!("{} has the id {} and not {id}", row.at, row.id)));
            }
            row.count(sums);
            if row.reason.is_none() {
                kept.push(id);
            }
            Ok(())
        };
        let mut read = || -> Result<(), Error> {
            let (mut first, mut last, mut rows) = (None, DocRef(0), 0);
            for row in ledger::Rows::open(&path)? {
                let row = row?;
                (first, last, rows) = (first.or(Some(row.at)), row.at, rows + 1);
                each(row)?;
            }
            let (wanted, found) =
                ((part.first, part.last, part.records), (first.unwrap_or_default(), last, rows));
            if wanted != found {
                let show = |(first, last, rows): (DocRef, DocRef, u64)| {
                    format!("{rows} rows, {first} to {last}")
                };
                let what = format!("{} expected, {} found", show(wanted), show(found));
                return Err(Error::corrupt(&path, what));
            }
            Ok(())
        };
        let done = read();
        if is_whole {
            self.ok_or_found(part, done).map(|()| kept)
        } else {
            // There is a finding about the file already.
            *end = Expected::after(part.last);
            None
        }
    }

    /// Verifies a segment, which must have exactly the documents `kept`.
    fn segment(&mut self, segment: &File, kept: Option<&[String]>) {
        let path = self.corpus.root().join(&segment.path);
        let done = check_whole(&path, segment).and_then(|()| {
            let ids = segment_ids(&path)?;
            if ids.len() as u64 != segment.records {
                let what = format!("{} documents expected, {} found", segment.records, ids.len());
                return Err(Error::corrupt(&path, what));
            }
            let Some(kept) = kept else { return Ok(()) };
            let same = ids.iter().zip(kept).take_while(|(a, b)| a == b).count();
            let what = match (ids.get(same), kept.get(same)) {
                (None, None) => return Ok(()),
                (Some(id), None) => format!("it has {id}, which the ledger does not say is kept"),
                (found, Some(id)) => format!(
                    "the ledger says that {id} is kept here; {} found",
                    found.map_or("nothing", String::as_str)
                ),
            };
            Err(Error::corrupt(&path, what))
        });
        self.ok_or_found(segment, done);
    }

    fn names_of_labels(&mut self) {
        let mut seen = BTreeSet::new();
        for label in self.manifest.present() {
            if !seen.insert((&label.slice, &label.name)) {
                self.found(label.full_name(), "the manifest has this label twice", REBUILD);
            }
        }
    }

    /// Verifies that no file belongs to a later epoch: the next run would write it again.
    fn epochs(&mut self) {
        let next = self.manifest.next_epoch;
        let files: BTreeSet<String> = self.manifest.files().collect();
        for file in files {
            let path = self.corpus.root().join(&file).display().to_string();
            match written(Path::new(&file)) {
                Some(Written::In { epoch, .. }) if epoch >= next => {
                    let what = format!("of epoch {epoch}, and the manifest's next one is {next}");
                    self.found(path, what, REBUILD);
                }
                Some(Written::In { .. }) => {}
                _ => self.found(
                    path,
                    "the manifest names it, but a corpus has no such names",
                    REBUILD,
                ),
            }
        }
    }

    fn index(&mut self, index: &str, runs: &[RunMeta]) {
        let mut parts: BTreeMap<&str, Vec<&RunMeta>> = BTreeMap::new();
        let mut unreadable = BTreeSet::new();
        for run in runs {
            (self.progress)(&run.name);
            parts.entry(&run.name).or_default().push(run);
            let path = self.corpus.state_dir().join(&run.name).display().to_string();
            if let Err(what) = run_reads(self.corpus, self.manifest, index, run, self.depth)
                && unreadable.insert(&run.name)
            {
                self.found(path, what, RESTORE);
            }
        }
        for (name, mut parts) in parts {
            parts.sort_by_key(|part| part.keys.first);
            if parts.windows(2).any(|pair| pair[0].keys.last >= pair[1].keys.first) {
                let path = self.corpus.state_dir().join(name).display().to_string();
                self.found(path, "the manifest lists some of its keys twice", REBUILD);
            }
        }
    }

    /// Verifies the previous manifest, which is kept for repairs.
    fn predecessor(&mut self) {
        if let Err(Error::Damaged { path, what, .. }) =
            self.corpus.predecessor(self.manifest.commit)
        {
            let what = format!("this manifest is damaged: {what}");
            let remedy = "the corpus is at a later commit and does not need it, but cannot go back \
                          to it; restore it from a copy, or add a label";
            self.found(path.display().to_string(), what, remedy);
        }
    }

    fn unnamed(&mut self) -> Result<(), Error> {
        let mut leftovers: BTreeSet<_> =
            self.corpus.leftovers(self.manifest)?.into_iter().map(|(path, _)| path).collect();
        leftovers.extend(self.retiring()?);
        let was_cut_short = self.corpus.cut_short(self.manifest)?.is_some();
        let predecessor = self.corpus.predecessor(self.manifest.commit).ok().flatten();
        let named: BTreeSet<String> = predecessor
            .iter()
            .chain([self.manifest])
            .flat_map(|manifest| {
                let commit = format!("commits/{:06}.json", manifest.commit);
                manifest.files().chain([commit])
            })
            .collect();
        for path in self.corpus.files()? {
            let name = self.corpus.relative(&path).to_string_lossy().into_owned();
            let is_aside = name.starts_with("commits/") && name.contains(".json.damaged");
            let is_reported = predecessor.is_none() && self.is_older_manifest(&name);
            if named.contains(&name) || is_aside || is_reported || path == self.corpus.mark_path() {
                continue;
            }
            let why = match leftovers.contains(&path) {
                true if was_cut_short => {
                    "left by a run that was cut short; the next `add` or `build` removes it"
                }
                true => "a later manifest is lost: restore it, or give `sluice verify --repair`",
                false => "not written by a run that is known; move it away if you do not need it",
            };
            let what = format!("{why}: no manifest names this file");
            self.found(path.display().to_string(), what, "");
        }
        Ok(())
    }

    /// Manifests older than the two that are kept, and their files: left if a commit was
    /// interrupted after its manifest was written.
    fn retiring(&self) -> Result<Vec<PathBuf>, Error> {
        let commits = self.corpus.commits()?.into_iter().rev();
        let mut files = Vec::new();
        for commit in commits.filter(|commit| *commit < self.manifest.commit).skip(1) {
            files.push(self.corpus.commit_path(commit));
            let manifest = self.corpus.manifest_of(commit).ok().flatten();
            files.extend(
                manifest.iter().flat_map(Manifest::files).map(|f| self.corpus.root().join(f)),
            );
        }
        Ok(files)
    }

    /// Whether this is a manifest before the newest, about which `predecessor` has a finding.
    fn is_older_manifest(&self, name: &str) -> bool {
        let stem = name.strip_prefix("commits/").and_then(|name| name.strip_suffix(".json"));
        let number = stem.and_then(|stem| crate::names::number(stem, 6));
        number.is_some_and(|number| number < self.manifest.commit)
    }
}

/// Describes the differences between two sums.
fn differences(ledger: &Counts, manifest: &Counts) -> Option<String> {
    let mut rows = vec![
        ("read".to_owned(), ledger.read, manifest.read),
        ("kept".to_owned(), ledger.kept, manifest.kept),
        ("bytes_read".to_owned(), ledger.bytes_read, manifest.bytes_read),
        ("bytes_kept".to_owned(), ledger.bytes_kept, manifest.bytes_kept),
        ("paragraphs.read".to_owned(), ledger.paragraphs.read, manifest.paragraphs.read),
        (
            "paragraphs.duplicate".to_owned(),
            ledger.paragraphs.duplicate,
            manifest.paragraphs.duplicate,
        ),
        ("tokens".to_owned(), ledger.tokens.unwrap_or(0), manifest.tokens.unwrap_or(0)),
    ];
    let reasons: BTreeSet<_> = ledger.dropped.keys().chain(manifest.dropped.keys()).collect();
    for reason in reasons {
        let of = |counts: &Counts| counts.dropped.get(reason).copied().unwrap_or(0);
        rows.push((format!("dropped for {reason}"), of(ledger), of(manifest)));
    }
    let differ = rows.into_iter().filter(|(_, ledger, manifest)| ledger != manifest);
    let differ: Vec<String> = differ
        .map(|(name, ledger, manifest)| {
            format!("{name} is {ledger} in the ledger and {manifest} in the manifest")
        })
        .collect();
    (!differ.is_empty()).then(|| differ.join(", "))
}

/// The expected refs: records of a source are numbered from 0 without gaps, and sources are in
/// order.
#[derive(Clone, Copy)]
struct Expected {
    label: u64,
    last: Option<DocRef>,
}

impl Expected {
    fn start(label: u64) -> Expected {
        Expected { label, last: None }
    }

    fn after(last: DocRef) -> Expected {
        Expected { label: last.label(), last: Some(last) }
    }

    fn take(&mut self, at: DocRef) -> Result<(), String> {
        let begins = at.record() == 0;
        let follows = match self.last {
            None => begins,
            Some(last) if last.source() == at.source() => at.record() == last.record() + 1,
            Some(last) => begins && last.source() < at.source(),
        };
        if !follows || at.label() != self.label {
            return Err(match self.last {
                None => format!("label {} begins with {at}", self.label),
                Some(last) => format!("{at} follows on {last}: there is a gap, or an overlap"),
            });
        }
        self.last = Some(at);
        Ok(())
    }

    /// Verifies that the refs end where the label resumes.
    fn ends_at(&self, position: Position, sources: u64) -> Result<(), String> {
        let Position { source, record, .. } = position;
        let is_end = match self.last {
            None => record == 0,
            Some(last) if record == 0 => last.source() < source,
            Some(last) => (last.source(), last.record() + 1) == (source, record),
        };
        if is_end && source < sources {
            return Ok(());
        }
        let end = self.last.map_or("is empty".to_owned(), |last| format!("ends with {last}"));
        Err(format!(
            "the manifest resumes at record {record} of source {source}, and the ledger {end}"
        ))
    }
}

/// Reads the ids of a segment's documents.
fn segment_ids(path: &Path) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Line {
        meta: Meta,
    }
    #[derive(Deserialize)]
    struct Meta {
        id: String,
    }
    let mut reader = SegmentReader::open(path)?;
    let (mut line, mut ids) = (Vec::new(), Vec::new());
    while reader.next_line(&mut line)? {
        let Line { meta } = serde_json::from_slice(&line).map_err(|error| {
            Error::corrupt(path, format!("document {} is not JSON: {error}", ids.len()))
        })?;
        ids.push(meta.id);
    }
    Ok(ids)
}

/// Verifies a run. With [`Depth::Everything`], also that its updates are of documents that were
/// read.
fn run_reads(
    corpus: &Corpus,
    manifest: &Manifest,
    index: &str,
    meta: &RunMeta,
    depth: Depth,
) -> Result<(), String> {
    let mut unread = 0;
    arrangement::check(&corpus.state_dir(), meta, depth, &mut |at| {
        unread += u64::from(!was_read(manifest, DocRef(at)));
    })
    .map_err(|error| match error {
        arrangement::Error::Io { source, .. } | arrangement::Error::Unopened { source, .. } => {
            source.to_string()
        }
        arrangement::Error::Corrupt { offset, what, .. } => format!("byte {offset}: {what}"),
    })?;
    match unread {
        0 => Ok(()),
        _ => Err(format!("{unread} updates of the index of {index} are of documents never read")),
    }
}

/// Whether the document is in one of the ranges of the ledger.
fn was_read(manifest: &Manifest, at: DocRef) -> bool {
    manifest.labels.get(at.label() as usize).is_some_and(|label| {
        // There are few parts compared to updates, and their ranges of refs are disjoint.
        label.ledger.iter().any(|part| (part.first..=part.last).contains(&at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_follow_on_each_other_up_to_the_position() {
        let at = |source, record| DocRef::new(3, source, record);
        let taken = |refs: &[DocRef]| {
            let mut end = Expected::start(3);
            refs.iter().try_for_each(|at| end.take(*at)).map(|()| end)
        };
        for wrong in [
            &[at(0, 1)][..],
            &[at(0, 0), at(0, 2)],
            &[at(0, 0), at(0, 0)],
            &[at(1, 0), at(0, 0)],
            &[at(0, 0), at(2, 1)],
            &[DocRef::new(2, 0, 0)],
        ] {
            assert!(taken(wrong).is_err(), "{wrong:?}");
        }
        // A source may be empty.
        let end = taken(&[at(0, 0), at(0, 1), at(2, 0)]).ok().unwrap();
        let goes_on =
            |source, record| end.ends_at(Position { source, record, defects: 0 }, 5).is_ok();
        assert!(goes_on(2, 1) && goes_on(3, 0) && goes_on(4, 0));
        assert!(!goes_on(2, 0) && !goes_on(2, 2) && !goes_on(3, 1) && !goes_on(5, 0));
    }
}
