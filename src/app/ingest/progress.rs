//! Progress of the labels of a run.

use crate::terminal::{Progress, Row};
use anyhow::Result;
use engine::LabelProgress;
use engine::cluster::Cluster;
use indicatif::HumanCount;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A thread that reads the counters of a run and shows them, if they are to be shown.
pub(crate) struct ProgressThread(Option<(Sender<()>, JoinHandle<()>)>);

impl ProgressThread {
    /// Starts to display `counters`. Of several processes, the first one displays those of all.
    pub fn start(counters: engine::Progress, cluster: &Cluster) -> Result<ProgressThread> {
        let progress = Progress::new();
        let Some(every) = progress.every().filter(|_| cluster.process == 0) else {
            return Ok(ProgressThread(None));
        };
        let (stop, stopped) = channel();
        let show = move || {
            let mut shown: Vec<Option<Shown>> = counters.labels().iter().map(|_| None).collect();
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                for (shown, label) in shown.iter_mut().zip(counters.labels()) {
                    let done = label.figures.stored_bytes;
                    if label.figures.documents == 0 || done >= label.stored_bytes_total {
                        // A label is shown from its first document to its last: there may be many.
                        *shown = None;
                        continue;
                    }
                    let new = || Shown::new(progress.row(&label.name));
                    shown.get_or_insert_with(new).update(done, &label);
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

/// A label that is being read.
struct Shown {
    row: Row,
    speed: Speed,
}

impl Shown {
    fn new(row: Row) -> Shown {
        Shown { row, speed: Speed::new(Instant::now()) }
    }

    fn update(&mut self, done: u64, label: &LabelProgress) {
        let speed = self.speed.at(Instant::now(), label.figures.text_bytes);
        self.row.update(done, Some(label.stored_bytes_total), || message(label, speed));
    }
}

fn message(label: &LabelProgress, speed: f64) -> String {
    let (finished, kept) = (label.figures.finished, label.figures.kept);
    let kept = match finished {
        0 => "-".into(),
        _ => format!("{:.0}", 100.0 * kept as f64 / finished as f64),
    };
    let documents = HumanCount(label.figures.documents);
    format!("{documents} documents, {:.1} MB/s, {kept} % kept", speed / 1e6)
}

/// The speed of late: over the last 10 to 20 seconds.
struct Speed {
    /// Two points of the past, with the bytes that were done.
    points: [(Instant, u64); 2],
}

impl Speed {
    const WINDOW: Duration = Duration::from_secs(10);

    fn new(now: Instant) -> Speed {
        Speed { points: [(now, 0); 2] }
    }

    /// Returns the bytes per second when `bytes` are done `now`.
    fn at(&mut self, now: Instant, bytes: u64) -> f64 {
        let [(then, before), (later, _)] = self.points;
        if now - later >= Self::WINDOW {
            self.points = [self.points[1], (now, bytes)];
        }
        bytes.saturating_sub(before) as f64 / (now - then).as_secs_f64().max(0.001)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut speed = Speed::new(start);
        let mut at = |seconds: u64, bytes| speed.at(start + Duration::from_secs(seconds), bytes);
        assert_eq!(at(5, 50), 10.0);
        assert_eq!(at(10, 100), 10.0);
        assert_eq!(at(20, 100), 5.0);
        // Nothing has come since the tenth second.
        assert_eq!(at(30, 100), 0.0);
    }
}
