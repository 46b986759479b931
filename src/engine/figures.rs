//! Figures of a run, as values: sent between processes, and shown.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a run has done with the documents of a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelFigures {
    /// Documents read.
    pub documents: u64,
    /// Bytes of text read.
    pub text_bytes: u64,
    /// Bytes of the sources, as stored, read so far.
    pub stored_bytes: u64,
    /// Documents that have reached the sink.
    pub finished: u64,
    /// Of these, kept.
    pub kept: u64,
    /// Of these, dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Defects of the input.
    pub defects: u64,
}

impl LabelFigures {
    /// Adds other figures.
    pub fn add(&mut self, other: &LabelFigures) {
        self.documents += other.documents;
        self.text_bytes += other.text_bytes;
        self.stored_bytes += other.stored_bytes;
        self.finished += other.finished;
        self.kept += other.kept;
        self.defects += other.defects;
        for (reason, count) in &other.dropped {
            *self.dropped.entry(reason.clone()).or_default() += count;
        }
    }
}

/// Progress of all processes with one label.
#[derive(Clone, Debug)]
pub struct LabelProgress {
    /// `slice/label`.
    pub name: String,
    /// Bytes of the sources, as stored, that this run reads.
    pub stored_bytes_total: u64,
    /// What was done so far.
    pub figures: LabelFigures,
}

/// An operator on one worker, according to timely's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatorFigures {
    /// Its number in the dataflow.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Seconds in which it ran, without those of operators within it.
    pub busy_seconds: f64,
    /// How often it ran.
    pub activations: u64,
    /// Records that it received.
    pub records_in: u64,
    /// Records that it sent, counted for each receiving operator.
    pub records_out: u64,
}

/// One worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerFigures {
    /// The epoch after the last one that it has begun to read.
    pub begun: u64,
    /// The first epoch that it has not written.
    pub written: u64,
    /// Documents in memory that wait for facts.
    pub held_documents: u64,
    /// Their bytes.
    pub held_bytes: u64,
    /// Documents on disk that wait for facts.
    pub spilled_documents: u64,
    /// Seconds in which it had nothing to do; 0 if operators are not timed.
    pub parked_seconds: f64,
    /// Its operators; empty if they are not timed.
    pub operators: Vec<OperatorFigures>,
}

/// One process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessFigures {
    /// Its number.
    pub process: usize,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// CPU time so far.
    pub cpu_seconds: f64,
    /// Its share of each label of the run, in order.
    pub labels: Vec<LabelFigures>,
    /// Its workers.
    pub workers: Vec<WorkerFigures>,
}

/// How far the epochs of a run are, as counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpochFigures {
    /// The number of the first one.
    pub first: u64,
    /// All epochs of the run.
    pub planned: u64,
    /// Those that a worker has begun to read.
    pub begun: u64,
    /// Those that every worker has written.
    pub written: u64,
    /// Those that every worker has reported.
    pub complete: u64,
    /// Those that are committed.
    pub committed: u64,
}

/// The commits of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitFigures {
    /// How many this run has made.
    pub made: u64,
    /// The newest of them.
    pub newest: Option<u64>,
    /// The time since then.
    pub age: Option<Duration>,
}

/// A whole run, as the first process knows it.
#[derive(Clone, Debug, Default)]
pub struct RunFigures {
    /// The epochs.
    pub epochs: EpochFigures,
    /// The commits.
    pub commits: CommitFigures,
    /// The labels, over all processes.
    pub labels: Vec<LabelProgress>,
    /// The processes that have been heard of, and how long ago.
    pub processes: Vec<(Duration, ProcessFigures)>,
}

impl RunFigures {
    /// Returns the operators of all workers, those of one name added up, in the order of the
    /// dataflow.
    pub fn operators(&self) -> Vec<OperatorFigures> {
        let mut sums: Vec<OperatorFigures> = Vec::new();
        let workers = self.processes.iter().flat_map(|(_, process)| &process.workers);
        for operator in workers.flat_map(|worker| &worker.operators) {
            match sums.iter_mut().find(|sum| sum.name == operator.name) {
                None => sums.push(operator.clone()),
                Some(sum) => {
                    sum.id = sum.id.min(operator.id);
                    sum.busy_seconds += operator.busy_seconds;
                    sum.activations += operator.activations;
                    sum.records_in += operator.records_in;
                    sum.records_out += operator.records_out;
                }
            }
        }
        sums.sort_by_key(|operator| operator.id);
        sums
    }
}

/// Returns the resident memory of this process in bytes, and its CPU time in seconds.
pub(crate) fn used() -> (u64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    (kib.unwrap_or(0) * 1024, cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9)
}
