//! After a run: few large files in place of many small ones.

use crate::terminal::{Progress, Row, notice};
use anyhow::{Context, Result};
use corpus::{Corpus, Error, Manifest, crash, join_parts};
use indicatif::HumanCount;
use std::sync::Mutex;

/// Joins the small files of complete labels, and removes them. Also of labels that an earlier run completed: it may have
/// ended before this.
///
/// # Errors
/// If a file is damaged, or a commit cannot be written. If a new file cannot be written, the small ones stay, and the
/// user is told.
pub(super) fn join_small(corpus: &Corpus, workers: usize) -> Result<()> {
    let before = corpus.manifest()?.context("the corpus has no commit")?;
    let mut manifest = Manifest { commit: before.commit + 1, ..before.clone() };
    let mark = format!("r{}", manifest.commit);
    let mut is_joined = false;
    for label in manifest.labels.iter_mut().filter(|label| label.is_complete() && !label.removed) {
        let name = label.full_name();
        let shown = Mutex::new((Progress::new().row(&format!("{name}, joining files")), 0));
        let done = |records: u64| {
            let (row, done): &mut (Row, u64) = &mut shown.lock().expect("no thread panics with it");
            *done += records;
            row.update(*done, Some(label.counts.read), || format!("{} records", HumanCount(*done)));
        };
        match join_parts(corpus, label, &mark, workers, &done) {
            Ok(None) => {}
            Ok(Some(joined)) => (*label, is_joined) = (joined, true),
            Err(Error::Io { path, source }) => {
                // Such as a full disk. What was added is committed, and the next run tries again.
                corpus.sweep(&before)?;
                let path = path.display();
                notice(&format!("small files of {name} stay as they are: {path}: {source}"));
                return Ok(());
            }
            Err(error) => {
                let what = "everything is added and committed, but small files cannot be joined";
                return Err(error).context(what);
            }
        }
    }
    if !is_joined {
        return Ok(());
    }
    crash::point("parts-joined");
    corpus.commit(&manifest)?;
    crash::point("join-committed");
    // The small files go once neither of the two newest commits names them. Until then, who reads all files of the folder
    // finds each document twice.
    manifest.commit += 1;
    Ok(corpus.commit(&manifest)?)
}
