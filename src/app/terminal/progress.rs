//! Progress on standard error: a bar for each row on a terminal, otherwise a line at intervals.

use crate::terminal::errln;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How much is printed on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

impl Verbosity {
    /// Returns the verbosity of the flags `--quiet` and `--verbose`.
    pub fn of(is_quiet: bool, is_verbose: bool) -> Verbosity {
        match (is_quiet, is_verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// Prints a notice, which is not an error.
pub(crate) fn notice(text: &str) {
    errln!("sluice: {text}");
}

const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(10);
const LINE_EVERY_VERBOSE: Duration = Duration::from_secs(1);

/// The progress of one command, in rows.
pub(crate) struct Progress {
    form: Form,
}

#[derive(Clone)]
enum Form {
    Nothing,
    Lines(Duration),
    Bars(MultiProgress),
}

impl Form {
    fn every(&self) -> Option<Duration> {
        match self {
            Form::Nothing => None,
            Form::Lines(every) => Some(*every),
            Form::Bars(_) => Some(BAR_EVERY),
        }
    }

    /// Prints a separate line, without disturbing the bars.
    fn print(&self, line: &str) {
        match self {
            Form::Bars(all) => all.suspend(|| errln!("{line}")),
            Form::Nothing | Form::Lines(_) => errln!("{line}"),
        }
    }
}

impl Progress {
    pub fn new(verbosity: Verbosity) -> Progress {
        let form = match verbosity {
            Verbosity::Quiet => Form::Nothing,
            _ if std::io::stderr().is_terminal() => Form::Bars(MultiProgress::new()),
            Verbosity::Normal => Form::Lines(LINE_EVERY),
            Verbosity::Verbose => Form::Lines(LINE_EVERY_VERBOSE),
        };
        Progress { form }
    }

    /// Returns how often [`Row::update`] prints. `None` if it never does.
    pub fn every(&self) -> Option<Duration> {
        self.form.every()
    }

    /// Adds a row below the others; it is shown until it is dropped.
    pub fn row(&self, name: &str) -> Row {
        let bar = match &self.form {
            Form::Bars(all) => {
                let bar = all.add(ProgressBar::no_length().with_style(spinner()));
                Some(bar.with_prefix(name.to_owned()))
            }
            Form::Nothing | Form::Lines(_) => None,
        };
        let name = name.to_owned();
        Row { name, form: self.form.clone(), bar, shown: Instant::now() }
    }

    /// Prints a separate line, without disturbing the bars.
    pub fn print(&self, line: &str) {
        self.form.print(line);
    }
}

/// Something whose progress is shown, such as a label or a file.
pub(crate) struct Row {
    name: String,
    form: Form,
    bar: Option<ProgressBar>,
    /// Time of the last update that was printed.
    shown: Instant,
}

impl Row {
    /// Shows that `done` of `total` is done. `message` is only called when it is time to print.
    pub fn update(&mut self, done: u64, total: Option<u64>, message: impl FnOnce() -> String) {
        if self.form.every().is_none_or(|every| self.shown.elapsed() < every) {
            return;
        }
        self.shown = Instant::now();
        match &self.bar {
            Some(bar) => {
                if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
                    bar.set_style(share());
                    bar.set_length(total);
                }
                bar.set_position(done);
                bar.set_message(message());
                bar.tick();
            }
            None => {
                let share = total.map(|total| 100.0 * done as f64 / total.max(1) as f64);
                let share = share.map(|share| format!("{share:.0} %, ")).unwrap_or_default();
                errln!("{}: {share}{}", self.name, message());
            }
        }
    }

    /// Prints a line about this row.
    pub fn print(&self, what: &str) {
        self.form.print(&format!("{}: {what}", self.name));
    }
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
