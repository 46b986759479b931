//! Progress on standard error: a bar for each row on a terminal, otherwise a line at intervals.

use super::log::{LogFormat, Verbosity, format, verbosity};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(10);
const LINE_EVERY_VERBOSE: Duration = Duration::from_secs(1);

/// All bars of the process, so that messages do not disturb them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Calls `write`, which writes to standard error, with the bars out of the way.
pub(crate) fn without_bars<T>(write: impl FnOnce() -> T) -> T {
    BARS.suspend(write)
}

/// Removes the bars, before the process ends.
pub(crate) fn clear_bars() {
    // If that fails, they stay on the screen.
    let _ = BARS.clear();
}

/// The progress of one command, in rows.
pub(crate) struct Progress {
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Nothing,
    Lines(Duration),
    Bars,
}

impl Progress {
    pub fn new() -> Progress {
        let has_bars = format() == LogFormat::Text && std::io::stderr().is_terminal();
        let form = match verbosity() {
            Verbosity::Quiet => Form::Nothing,
            _ if has_bars => Form::Bars,
            Verbosity::Normal => Form::Lines(LINE_EVERY),
            Verbosity::Verbose => Form::Lines(LINE_EVERY_VERBOSE),
        };
        Progress { form }
    }

    /// Returns how often [`Row::update`] prints. `None` if it never does.
    pub fn every(&self) -> Option<Duration> {
        match self.form {
            Form::Nothing => None,
            Form::Lines(every) => Some(every),
            Form::Bars => Some(BAR_EVERY),
        }
    }

    /// Adds a row below the others; it is shown until it is dropped.
    pub fn row(&self, name: &str) -> Row {
        let bar = match self.form {
            Form::Bars => {
                let bar = BARS.add(ProgressBar::no_length().with_style(spinner()));
                Some(bar.with_prefix(name.to_owned()))
            }
            Form::Nothing | Form::Lines(_) => None,
        };
        let now = Instant::now();
        Row { name: name.to_owned(), every: self.every(), bar, started: now, shown: now }
    }
}

/// Something whose progress is shown, such as a label or a file.
pub(crate) struct Row {
    name: String,
    every: Option<Duration>,
    bar: Option<ProgressBar>,
    started: Instant,
    /// Time of the last update that was printed.
    shown: Instant,
}

impl Row {
    /// Shows that `done` of `total` is done. `message` is only called when it is time to print.
    pub fn update(&mut self, done: u64, total: Option<u64>, message: impl FnOnce() -> String) {
        if self.every.is_none_or(|every| self.shown.elapsed() < every) {
            return;
        }
        self.shown = Instant::now();
        let message = message();
        let share = total.map(|total| done as f64 / total.max(1) as f64);
        let Some(bar) = &self.bar else {
            return self.line(share, &message);
        };
        if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
            bar.set_style(self::share());
            bar.set_length(total);
        }
        bar.set_position(done);
        bar.set_message(message);
        bar.tick();
    }

    fn line(&self, share: Option<f64>, message: &str) {
        let name = &self.name;
        let left = share.and_then(|share| seconds_left(share, self.started.elapsed()));
        if format() == LogFormat::Json {
            let what = name.as_str();
            tracing::info!(what, share, seconds_left = left, "{message}");
            return;
        }
        let share = share.map(|share| format!("{:.0} %, ", 100.0 * share)).unwrap_or_default();
        let left = left
            .map(|left| format!(", eta {}", indicatif::HumanDuration(Duration::from_secs(left))));
        tracing::info!("{name}: {share}{message}{}", left.unwrap_or_default());
    }

    /// Prints a line about this row.
    pub fn print(&self, what: &str) {
        tracing::info!("{}: {what}", self.name);
    }
}

/// Returns the seconds that the rest takes at the speed so far.
fn seconds_left(share: f64, elapsed: Duration) -> Option<u64> {
    (share > 0.0).then(|| (elapsed.as_secs_f64() * (1.0 - share).max(0.0) / share) as u64)
}

impl Drop for Row {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressStyle {
    style("{prefix:24} {spinner} {msg}")
}

fn share() -> ProgressStyle {
    style("{prefix:24} [{bar:24}] {percent:>3} %  {msg}  eta {eta}").progress_chars("=> ")
}

fn style(template: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template of this file")
}
