//! Checking a corpus: files against the manifest, sums against the ledger.

use crate::manifest::{Counts, File, Manifest};
use crate::segment::{SegmentReader, checksum};
use crate::{Corpus, Error, ledger};
use arrangement::{Cursor, KeyRange, Run, RunMeta};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Something that is not as it should be, as a sentence that names the file.
pub type Finding = String;

/// Checks sizes, checksums, order and sums; with `deep` also every page of the state. Calls
/// `progress` with each file. Gives everything found, nothing if the corpus is sound.
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
            let done = match index.as_str() {
                // The document index has 128-bit keys, all others 64-bit ones.
                "documents" => run_reads::<u128>(corpus, run, deep),
                _ => run_reads::<u64>(corpus, run, deep),
            };
            check(&mut findings, done);
        }
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

fn run_reads<K: arrangement::Key>(
    corpus: &Corpus,
    meta: &RunMeta,
    deep: bool,
) -> Result<(), Error> {
    let run = Arc::new(Run::<K>::open(&corpus.state_dir(), meta)?);
    if !deep {
        return Ok(());
    }
    let Some(mut cursor) = Cursor::new(run, KeyRange::ALL)? else { return Ok(()) };
    while cursor.peek().is_some() {
        cursor.step()?;
    }
    Ok(())
}
