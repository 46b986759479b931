//! The commits of a run: manifests that name the files of complete epochs.

use crate::plan::Plan;
use crate::progress::Progress;
use arrangement::RunMeta;
use corpus::{Corpus, EpochReport, Manifest, crash};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often to commit within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitEvery {
    /// When this time has passed since the last commit.
    Time(Duration),
    /// When this many bytes of text have been read since the last commit.
    Bytes(u64),
}

impl Default for CommitEvery {
    fn default() -> Self {
        CommitEvery::Time(Duration::from_secs(600))
    }
}

/// The commits of a run. Another thread can end the run at one of them.
#[derive(Clone, Default)]
pub struct Commits(Arc<(Mutex<Option<Committer>>, Condvar)>);

impl Commits {
    /// Begins a run. Called by the process that commits, before its first epoch.
    pub(crate) fn begin(
        &self,
        corpus: Corpus,
        plan: Arc<Plan>,
        manifest: Manifest,
        every: CommitEvery,
        progress: Progress,
    ) {
        *self.lock() = Some(Committer::new(corpus, plan, manifest, every, progress));
    }

    /// Returns whether the run has begun, and can end at a commit.
    pub fn has_begun(&self) -> bool {
        self.lock().is_some()
    }

    /// Takes the reports of all workers on the next epoch, and commits if it is time.
    pub(crate) fn take(&self, reports: Vec<EpochReport>) -> Result<(), corpus::Error> {
        self.lock().as_mut().expect("a run takes epochs after it began").take(reports)?;
        self.0.1.notify_all();
        Ok(())
    }

    /// Ends a run whose epochs are all committed: [`Commits::end_run`] leaves it alone.
    pub(crate) fn finish(&self) {
        *self.lock() = None;
        self.0.1.notify_all();
    }

    /// Waits until the epoch in progress is complete, or for `patience`. Then commits all complete
    /// epochs and calls `end` with the newest commit. No later epoch is committed before `end`
    /// returns; it is meant to end the process. Returns without a call if this process does not
    /// commit, or the run has ended.
    ///
    /// # Errors
    /// If the commit cannot be written.
    pub fn end_run(&self, patience: Duration, end: impl FnOnce(u64)) -> Result<(), corpus::Error> {
        let mut committer = self.lock();
        let Some(next) = committer.as_ref().map(|committer| committer.manifest.next_epoch) else {
            return Ok(());
        };
        let is_open = |committer: &mut Option<Committer>| {
            committer.as_ref().is_some_and(|committer| committer.manifest.next_epoch == next)
        };
        (committer, _) = (self.0.1)
            .wait_timeout_while(committer, patience, is_open)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(committer) = committer.as_mut() {
            if committer.epochs > 0 {
                committer.commit()?;
            }
            end(committer.manifest.commit);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Committer>> {
        // A panic of the other holder ends the process.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Builds the next manifest.
struct Committer {
    corpus: Corpus,
    plan: Arc<Plan>,
    manifest: Manifest,
    /// State files in the last manifest.
    named: BTreeSet<String>,
    /// State files written since. The next commit removes those that a merge has replaced before any
    /// manifest named them. Files that a manifest named are removed one commit later, see
    /// `corpus::sweep`.
    written: BTreeSet<String>,
    every: CommitEvery,
    last: Instant,
    /// Epochs taken since the last commit.
    epochs: u64,
    /// Bytes of text in them.
    bytes: u64,
    progress: Progress,
}

impl Committer {
    fn new(
        corpus: Corpus,
        plan: Arc<Plan>,
        manifest: Manifest,
        every: CommitEvery,
        progress: Progress,
    ) -> Committer {
        let named = run_files(&manifest.state).collect();
        let (written, last) = (BTreeSet::new(), Instant::now());
        let (epochs, bytes) = (0, 0);
        Committer { corpus, plan, manifest, named, written, every, last, epochs, bytes, progress }
    }

    /// Adds the reports of the next epoch, and commits if it is time.
    fn take(&mut self, mut reports: Vec<EpochReport>) -> Result<(), corpus::Error> {
        reports.sort_by_key(|report| report.worker);
        let epoch = reports[0].epoch;
        let plan = self.plan.clone();
        let label = &mut self.manifest.labels[plan.label_of(epoch) as usize];
        label.position = plan.position_after(epoch);
        self.manifest.next_epoch = epoch + 1;
        self.progress.complete(epoch + 1);
        let mut state: BTreeMap<String, Vec<RunMeta>> = BTreeMap::new();
        for mut report in reports {
            self.bytes += report.counts.bytes_read;
            report.add_to(label);
            label.defects_count += report.defects_count;
            let free = corpus::DEFECTS_LISTED_MAX.saturating_sub(label.defects.len());
            label.defects.extend(report.defects.into_iter().take(free));
            if let (Some(position), Some(after)) = (report.position, &mut label.position) {
                *after = position;
            }
            for (index, runs) in report.runs {
                state.entry(index).or_default().extend(runs);
            }
        }
        self.epochs += 1;
        // The entries of indexes that no graph of this run uses stay as they are.
        self.manifest.state.extend(state);
        self.written.extend(run_files(&self.manifest.state));
        let due = match self.every {
            CommitEvery::Time(time) => self.last.elapsed() >= time,
            CommitEvery::Bytes(bytes) => self.bytes >= bytes,
        };
        if due || epoch + 1 == plan.end_epoch() { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), corpus::Error> {
        self.manifest.commit += 1;
        let corpus = &self.corpus;
        corpus.commit(&self.manifest)?;
        let commit = self.manifest.commit;
        self.progress.committed(commit, self.manifest.next_epoch);
        tracing::debug!(commit, epochs = self.epochs, text_bytes = self.bytes, "committed");
        let now: BTreeSet<String> = run_files(&self.manifest.state).collect();
        let never_named = |file: &&String| !now.contains(*file) && !self.named.contains(*file);
        corpus.remove(self.written.iter().filter(never_named).cloned())?;
        crash::point("commit-ended");
        self.named = now;
        self.written.clear();
        (self.last, self.epochs, self.bytes) = (Instant::now(), 0, 0);
        Ok(())
    }
}

fn run_files(state: &BTreeMap<String, Vec<RunMeta>>) -> impl Iterator<Item = String> + '_ {
    state.values().flatten().map(|run| format!("state/{}", run.name))
}
