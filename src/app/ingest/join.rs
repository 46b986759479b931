//! After a run: few large files in place of many small ones.

use crate::terminal::{Progress, Row};
use anyhow::{Context, Result};
use corpus::{Corpus, crash, join_parts};
use indicatif::HumanCount;
use std::sync::Mutex;

/// Joins the small files of those `labels` that are complete, and removes them.
///
/// # Errors
/// If a file cannot be read or written, or is damaged. The labels are as the run left them then.
pub(super) fn join_small(corpus: &Corpus, labels: &[usize], workers: usize) -> Result<()> {
    let mut manifest = corpus.manifest()?.context("the corpus has no commit")?;
    let commit = manifest.commit + 1;
    for &number in labels {
        let label = &mut manifest.labels[number];
        if !label.is_complete() {
            continue;
        }
        let name = label.full_name();
        let shown = Mutex::new((Progress::new().row(&format!("{name}, joining files")), 0));
        let done = |records: u64| {
            let (row, done): &mut (Row, u64) = &mut shown.lock().expect("no thread panics with it");
            *done += records;
            row.update(*done, Some(label.counts.read), || format!("{} records", HumanCount(*done)));
        };
        let joined = join_parts(corpus, label, &format!("r{commit}"), workers, &done);
        let joined = joined.with_context(|| {
            format!("{name} is complete and committed, but its small files cannot be joined")
        })?;
        if let Some(joined) = joined {
            *label = joined;
            manifest.commit = commit;
        }
    }
    if manifest.commit < commit {
        return Ok(());
    }
    crash::point("parts-joined");
    corpus.commit(&manifest)?;
    // The small files go once neither of the two newest commits names them. Until then, who reads all files of the folder
    // finds each document twice.
    manifest.commit += 1;
    Ok(corpus.commit(&manifest)?)
}
