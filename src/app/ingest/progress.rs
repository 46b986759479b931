//! Progress of the labels of a run.

use crate::terminal::{Progress, Row};
use anyhow::Result;
use engine::LabelProgress;
use engine::cluster::Cluster;
use indicatif::HumanCount;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// A thread that reads the counters of a run and shows them, if they are to be shown.
pub(super) struct ProgressThread(Option<(Sender<()>, JoinHandle<()>)>);

impl ProgressThread {
    /// Starts to display `counters`. Of several processes, the first one displays its own share.
    pub fn start(counters: engine::Progress, cluster: &Cluster) -> Result<ProgressThread> {
        let progress = Progress::new();
        let Some(every) = progress.every().filter(|_| cluster.process == 0) else {
            return Ok(ProgressThread(None));
        };
        let share = match cluster.processes() {
            1 => String::new(),
            processes => format!(" (share of process 0 of {processes})"),
        };
        let (stop, stopped) = channel();
        let show = move || {
            let row = |label: &LabelProgress| progress.row(&format!("{}{share}", label.name));
            let mut rows: Vec<Row> = counters.labels().map(row).collect();
            let started = Instant::now();
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let seconds = started.elapsed().as_secs_f64();
                for (row, label) in rows.iter_mut().zip(counters.labels()) {
                    if label.documents.load(Relaxed) > 0 {
                        let done = label.stored_bytes.load(Relaxed);
                        let message = || message(label, seconds);
                        row.update(done, Some(label.stored_bytes_total), message);
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("progress".into()).spawn(show)?;
        Ok(ProgressThread(Some((stop, thread))))
    }

    /// Ends the display.
    pub fn finish(self) {
        if let Some((stop, thread)) = self.0 {
            drop(stop);
            let _ = thread.join();
        }
    }
}

fn message(label: &LabelProgress, seconds: f64) -> String {
    let (finished, kept) = (label.finished.load(Relaxed), label.kept.load(Relaxed));
    let speed = label.text_bytes.load(Relaxed) as f64 / 1e6 / seconds.max(0.001);
    let kept = match finished {
        0 => "-".into(),
        _ => format!("{:.0}", 100.0 * kept as f64 / finished as f64),
    };
    let documents = HumanCount(label.documents.load(Relaxed));
    format!("{documents} documents, {speed:.1} MB/s, {kept} % kept")
}
