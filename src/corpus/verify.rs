//! Checking a corpus: files against the manifest, sums against the ledger.

use crate::manifest::{Counts, File, Manifest};
use crate::segment::{SegmentReader, checksum};
use crate::{Corpus, Error, Lock, ledger};
use arrangement::RunMeta;
use document::DocRef;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Something that is not as it should be, as a sentence that names the file.
pub type Finding = String;

/// Checks sizes, checksums, order and sums; with `deep` also every update of the state against the
/// ledger. Calls `progress` with each file. Gives everything found, nothing if the corpus is sound.
pub fn verify(
    corpus: &Corpus,
    manifest: &Manifest,
    deep: bool,
    mut progress: impl FnMut(&str),
) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for label in &manifest.labels {
        let mut sums = Counts::default();
        for file in &label.ledger {
            progress(&file.path);
            check(&mut findings, file_is_whole(corpus, file));
            let path = corpus.root().join(&file.path);
            match ledger::recount(&path, file.first, file.last) {
                Ok(counts) => sums.add(&counts),
                Err(error) => findings.push(error.to_string()),
            }
        }
        if sums != label.counts {
            findings.push(format!(
                "{}: the ledger adds up to {sums:?}, the manifest says {:?}",
                label.full_name(),
                label.counts
            ));
        }
        if label.counts.read != label.counts.kept + label.counts.dropped_total() {
            findings.push(format!("{}: read is not kept + dropped", label.full_name()));
        }
        let mut kept = 0;
        for file in &label.segments {
            progress(&file.path);
            check(&mut findings, file_is_whole(corpus, file));
            check(&mut findings, segment_reads(corpus, file).map(|records| kept += records));
        }
        if kept != label.counts.kept {
            let (name, wanted) = (label.full_name(), label.counts.kept);
            findings.push(format!("{name}: {kept} documents in segments, {wanted} kept"));
        }
    }
    for (index, runs) in &manifest.state {
        for run in runs {
            progress(&run.name);
            check(&mut findings, run_reads(corpus, manifest, index, run, deep));
        }
    }
    if Lock::is_held(corpus.root())? {
        // Files that the next manifest will name are not superfluous.
        return Ok(findings);
    }
    let named: BTreeSet<PathBuf> = manifest.files().map(|file| corpus.root().join(file)).collect();
    let commit = format!("{:06}.json", manifest.commit);
    for path in corpus.files()? {
        if !named.contains(&path) && !path.ends_with(&commit) {
            findings.push(format!("{}: no manifest names this file", path.display()));
        }
    }
    Ok(findings)
}

fn check(findings: &mut Vec<Finding>, done: Result<(), Error>) {
    if let Err(error) = done {
        findings.push(error.to_string());
    }
}

fn file_is_whole(corpus: &Corpus, file: &File) -> Result<(), Error> {
    let path = corpus.root().join(&file.path);
    let (bytes, crc32c) = checksum(&path)?;
    if (bytes, crc32c) != (file.bytes, file.crc32c) {
        let what = format!(
            "{} bytes with checksum {:08x} expected, {bytes} with {crc32c:08x} found",
            file.bytes, file.crc32c
        );
        return Err(Error::corrupt(&path, what));
    }
    Ok(())
}

fn segment_reads(corpus: &Corpus, file: &File) -> Result<u64, Error> {
    let path = corpus.root().join(&file.path);
    let mut reader = SegmentReader::open(&path)?;
    let (mut line, mut records) = (Vec::new(), 0);
    while reader.next_line(&mut line)? {
        records += 1;
    }
    if records != file.records {
        let what = format!("{} documents expected, {records} found", file.records);
        return Err(Error::corrupt(&path, what));
    }
    Ok(records)
}

/// A run is whole, and (with `deep`) every document it speaks of is one that was read.
fn run_reads(
    corpus: &Corpus,
    manifest: &Manifest,
    index: &str,
    meta: &RunMeta,
    deep: bool,
) -> Result<(), Error> {
    let mut unread = 0;
    arrangement::check(&corpus.state_dir(), meta, !deep, &mut |at| {
        unread += u64::from(!was_read(manifest, DocRef(at)));
    })?;
    if unread > 0 {
        let what = format!("{unread} updates of the index of {index} are of documents never read");
        return Err(Error::corrupt(&corpus.state_dir().join(&meta.name), what));
    }
    Ok(())
}

/// The document lies in one of the ranges that the ledger covers.
fn was_read(manifest: &Manifest, at: DocRef) -> bool {
    manifest.labels.get(at.label() as usize).is_some_and(|label| {
        // Parts are few against updates, and cover ranges of refs of their own.
        label.ledger.iter().any(|part| (part.first..=part.last).contains(&at))
    })
}
