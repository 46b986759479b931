//! The progress of an export: a row for the first pass, and one for each label that is written.

use crate::terminal::{Progress, Row};
use corpus::Label;
use corpus::export::Watch;
use indicatif::HumanBytes;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// Shows the progress of an export.
pub(super) struct Shown<'a> {
    progress: &'a Progress,
    state: Mutex<State>,
}

struct State {
    scan: Option<Task>,
    labels: BTreeMap<String, Task>,
}

/// Something that is being read or written.
struct Task {
    /// The row, once it has begun.
    row: Option<Row>,
    done: u64,
    total: u64,
    began: Instant,
}

impl Task {
    fn new(total: u64) -> Task {
        Task { row: None, done: 0, total, began: Instant::now() }
    }

    fn advance(&mut self, progress: &Progress, name: &str, bytes: u64) {
        let row = self.row.get_or_insert_with(|| {
            self.began = Instant::now();
            progress.row(name)
        });
        self.done += bytes;
        let (done, total, began) = (self.done, self.total, self.began);
        row.update(done, Some(total), || speed(done, total, began));
    }
}

/// `1.5 GiB of 4 GiB, 120 MB/s`.
fn speed(done: u64, total: u64, began: Instant) -> String {
    let per_second = done as f64 / 1e6 / began.elapsed().as_secs_f64().max(1e-3);
    format!("{} of {}, {per_second:.1} MB/s", HumanBytes(done), HumanBytes(total))
}

impl<'a> Shown<'a> {
    pub fn new(progress: &'a Progress) -> Shown<'a> {
        let state = State { scan: None, labels: BTreeMap::new() };
        Shown { progress, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the lock")
    }
}

impl Watch for Shown<'_> {
    fn scanned(&self, bytes: u64, total: u64) {
        let mut state = self.state();
        let scan = state.scan.get_or_insert_with(|| Task::new(total));
        scan.advance(self.progress, "reading the corpus", bytes);
    }

    fn planned(&self, label: &Label, bytes: u64) {
        let mut state = self.state();
        state.scan = None;
        if bytes > 0 {
            tracing::info!("exporting {}", label.full_name());
        }
        state.labels.insert(label.full_name(), Task::new(bytes));
    }

    fn wrote(&self, label: &Label, bytes: u64) {
        let name = label.full_name();
        let mut state = self.state();
        let Some(task) = state.labels.get_mut(&name) else { return };
        task.advance(self.progress, &name, bytes);
        if task.done >= task.total {
            state.labels.remove(&name);
        }
    }
}
