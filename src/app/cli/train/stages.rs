//! The progress of training, by stage.

use crate::terminal::{Progress, Row};
use indicatif::HumanCount;

/// Shows the stages of a training, one after the other.
pub(super) struct Stages {
    progress: Progress,
    now: Option<(&'static str, Row)>,
}

impl Stages {
    pub fn new() -> Stages {
        Stages { progress: Progress::new(), now: None }
    }

    pub fn show(&mut self, progress: training::Progress) {
        let training::Progress { stage, done, total } = progress;
        if self.now.as_ref().is_none_or(|(now, _)| *now != stage) {
            tracing::info!("{stage}");
            // Removes the row of the previous stage before the new row is added.
            self.now = None;
            self.now = Some((stage, self.progress.row(stage)));
        }
        if let Some((_, row)) = &mut self.now {
            row.update(done, total, || match total {
                Some(total) => format!("{} of {}", HumanCount(done), HumanCount(total)),
                None => HumanCount(done).to_string(),
            });
        }
    }

    /// Counts texts as they are read; the display changes with every 1,024th.
    pub fn count(&mut self, stage: &'static str, done: u64) {
        if done.is_multiple_of(1 << 10) {
            self.show(training::Progress { stage, done, total: None });
        }
    }
}
