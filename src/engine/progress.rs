//! Counters that a display reads during a run.
//!
//! The operators of a process update its own counters. Those of the other processes arrive at the
//! first one as [`ProcessFigures`] (see `watch`).

use crate::figures::{
    CommitFigures, EpochFigures, LabelFigures, LabelProgress, OperatorFigures, ProcessFigures,
    RunFigures, WorkerFigures,
};
use crate::plan::Plan;
use crate::worker::Memory;
use document::{Document, Epoch};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Which share of a run this process has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// Number of this process.
    pub process: usize,
    /// Number of processes.
    pub processes: usize,
    /// Workers of each process.
    pub workers: usize,
    /// Whether timely's log is evaluated, for the time of each operator. It costs some CPU time.
    pub times_operators: bool,
}

/// Counters of a run.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    share: Share,
    epochs: (Epoch, Epoch),
    labels: Vec<LabelCounters>,
    workers: Vec<WorkerCounters>,
    complete: AtomicU64,
    committed: AtomicU64,
    commits: AtomicU64,
    /// The newest commit of this run, and its time.
    newest: Mutex<Option<(u64, Instant)>>,
    /// The figures of the other processes, and when they arrived.
    heard: Mutex<BTreeMap<usize, (Instant, ProcessFigures)>>,
}

#[derive(Debug)]
struct LabelCounters {
    number: u64,
    name: String,
    stored_bytes_total: u64,
    documents: AtomicU64,
    text_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    kept: AtomicU64,
    defects: AtomicU64,
    dropped: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default)]
struct WorkerCounters {
    begun: AtomicU64,
    written: AtomicU64,
    held_documents: AtomicU64,
    held_bytes: AtomicU64,
    spilled_documents: AtomicU64,
    operators: Mutex<(Duration, Vec<OperatorFigures>)>,
}

impl Progress {
    /// Counters for the labels of `plan`: number, name, and stored bytes that all processes read.
    pub fn new(
        share: Share,
        plan: &Plan,
        labels: impl IntoIterator<Item = (u64, String, u64)>,
    ) -> Progress {
        let labels = labels.into_iter().map(|(number, name, stored_bytes_total)| LabelCounters {
            number,
            name,
            stored_bytes_total,
            documents: AtomicU64::default(),
            text_bytes: AtomicU64::default(),
            stored_bytes: AtomicU64::default(),
            kept: AtomicU64::default(),
            defects: AtomicU64::default(),
            dropped: Mutex::default(),
        });
        let first = plan.first_epoch;
        let counter = || AtomicU64::new(first);
        let worker =
            || WorkerCounters { begun: counter(), written: counter(), ..WorkerCounters::default() };
        Progress(Arc::new(Counters {
            share,
            epochs: (first, plan.end_epoch()),
            labels: labels.collect(),
            workers: (0..share.workers).map(|_| worker()).collect(),
            complete: counter(),
            committed: counter(),
            commits: AtomicU64::default(),
            newest: Mutex::default(),
            heard: Mutex::default(),
        }))
    }

    /// Returns the figures of every label, summed over all processes that have been heard of.
    pub fn labels(&self) -> Vec<LabelProgress> {
        let heard = lock(&self.0.heard);
        let of = |(place, label): (usize, &LabelCounters)| {
            let mut sum = label.figures();
            heard.values().filter_map(|(_, other)| other.labels.get(place)).for_each(|other| {
                sum.add(other);
            });
            let (name, stored_bytes_total) = (label.name.clone(), label.stored_bytes_total);
            LabelProgress { name, stored_bytes_total, figures: sum }
        };
        self.0.labels.iter().enumerate().map(of).collect()
    }

    /// Returns the figures of the whole run.
    pub fn run(&self) -> RunFigures {
        let own = (Duration::ZERO, self.process());
        let heard = lock(&self.0.heard)
            .values()
            .map(|(at, other)| (at.elapsed(), other.clone()))
            .collect::<Vec<_>>();
        let processes: Vec<_> = std::iter::once(own).chain(heard).collect();
        let workers = || processes.iter().flat_map(|(_, process)| &process.workers);
        let (first, end) = self.0.epochs;
        let begun = workers().map(|worker| worker.begun).max().unwrap_or(first);
        let all = self.0.share.processes * self.0.share.workers;
        let written = workers().map(|worker| worker.written).min();
        // A process that was never heard of may have written nothing.
        let written = written.filter(|_| workers().count() == all).unwrap_or(first);
        // Reports arrive before the figures of other processes, which are sent from time to time.
        let committed = self.0.committed.load(Relaxed);
        let complete = self.0.complete.load(Relaxed).max(committed);
        let (begun, written) = (begun.max(complete), written.max(complete));
        let newest = *lock(&self.0.newest);
        RunFigures {
            epochs: EpochFigures {
                first,
                planned: end - first,
                begun: begun - first,
                written: written - first,
                complete: complete - first,
                committed: committed - first,
            },
            commits: CommitFigures {
                made: self.0.commits.load(Relaxed),
                newest: newest.map(|(number, _)| number),
                age: newest.map(|(_, at)| at.elapsed()),
            },
            labels: self.labels(),
            processes,
        }
    }

    pub(crate) fn share(&self) -> Share {
        self.0.share
    }

    /// The figures of this process.
    pub(crate) fn process(&self) -> ProcessFigures {
        let (resident_bytes, cpu_seconds) = crate::figures::used();
        ProcessFigures {
            process: self.0.share.process,
            resident_bytes,
            cpu_seconds,
            labels: self.0.labels.iter().map(LabelCounters::figures).collect(),
            workers: self.0.workers.iter().map(WorkerCounters::figures).collect(),
        }
    }

    /// Takes the figures of another process.
    pub(crate) fn hear(&self, figures: ProcessFigures) {
        if figures.process != self.0.share.process {
            lock(&self.0.heard).insert(figures.process, (Instant::now(), figures));
        }
    }

    fn label(&self, number: u64) -> Option<&LabelCounters> {
        self.0.labels.iter().find(|label| label.number == number)
    }

    /// The counters of a worker of this process, by its number in the run.
    fn worker(&self, index: usize) -> Option<&WorkerCounters> {
        let share = self.0.share;
        self.0.workers.get(index.checked_sub(share.process * share.workers)?)
    }

    pub(crate) fn read(&self, label: u64, documents: u64, text_bytes: u64, stored_bytes: u64) {
        let Some(label) = self.label(label) else { return };
        label.documents.fetch_add(documents, Relaxed);
        label.text_bytes.fetch_add(text_bytes, Relaxed);
        label.stored_bytes.fetch_add(stored_bytes, Relaxed);
    }

    pub(crate) fn defect(&self, label: u64) {
        if let Some(label) = self.label(label) {
            label.defects.fetch_add(1, Relaxed);
        }
    }

    /// Counts documents that the sink has written.
    pub(crate) fn finished(&self, label: u64, documents: &[Document]) {
        let Some(label) = self.label(label) else { return };
        let kept = documents.iter().filter(|document| document.is_kept()).count() as u64;
        label.kept.fetch_add(kept, Relaxed);
        if kept == documents.len() as u64 {
            return;
        }
        let mut dropped = lock(&label.dropped);
        for reason in documents.iter().filter_map(|document| document.verdict.as_deref()) {
            match dropped.get_mut(reason) {
                Some(count) => *count += 1,
                None => drop(dropped.insert(reason.to_owned(), 1)),
            }
        }
    }

    /// Notes that a worker has begun to read an epoch.
    pub(crate) fn begun(&self, worker: usize, epoch: Epoch) {
        if let Some(worker) = self.worker(worker) {
            worker.begun.fetch_max(epoch + 1, Relaxed);
        }
    }

    /// Notes that a worker has written all epochs before `next`.
    pub(crate) fn written(&self, worker: usize, next: Epoch) {
        if let Some(worker) = self.worker(worker) {
            worker.written.store(next, Relaxed);
        }
    }

    /// Notes that all workers have reported all epochs before `next`.
    pub(crate) fn complete(&self, next: Epoch) {
        self.0.complete.store(next, Relaxed);
    }

    /// Notes a commit of all epochs before `next`.
    pub(crate) fn committed(&self, commit: u64, next: Epoch) {
        self.0.committed.store(next, Relaxed);
        self.0.commits.fetch_add(1, Relaxed);
        *lock(&self.0.newest) = Some((commit, Instant::now()));
    }

    /// Notes what waits in the holds of a worker.
    pub(crate) fn held(&self, worker: usize, memory: &Memory) {
        let Some(worker) = self.worker(worker) else { return };
        worker.held_documents.store(memory.held_documents.get(), Relaxed);
        worker.held_bytes.store(memory.held.get() as u64, Relaxed);
        worker.spilled_documents.store(memory.spilled_documents.get(), Relaxed);
    }

    /// Notes how long a worker was idle, and the figures of its operators.
    pub(crate) fn operators(&self, worker: usize, parked: Duration, of: Vec<OperatorFigures>) {
        if let Some(worker) = self.worker(worker) {
            *lock(&worker.operators) = (parked, of);
        }
    }
}

impl LabelCounters {
    fn figures(&self) -> LabelFigures {
        let dropped = lock(&self.dropped).clone();
        let kept = self.kept.load(Relaxed);
        LabelFigures {
            documents: self.documents.load(Relaxed),
            text_bytes: self.text_bytes.load(Relaxed),
            stored_bytes: self.stored_bytes.load(Relaxed),
            finished: kept + dropped.values().sum::<u64>(),
            kept,
            defects: self.defects.load(Relaxed),
            dropped,
        }
    }
}

impl WorkerCounters {
    fn figures(&self) -> WorkerFigures {
        let (parked, operators) = lock(&self.operators).clone();
        WorkerFigures {
            begun: self.begun.load(Relaxed),
            written: self.written.load(Relaxed),
            held_documents: self.held_documents.load(Relaxed),
            held_bytes: self.held_bytes.load(Relaxed),
            spilled_documents: self.spilled_documents.load(Relaxed),
            parked_seconds: parked.as_secs_f64(),
            operators,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
