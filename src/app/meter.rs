//! How far a file has come: a bar on a terminal, a line now and then otherwise.

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows one file on standard error until it is dropped.
pub(crate) struct Meter {
    name: String,
    bar: Option<ProgressBar>,
    shown: Instant,
}

impl Meter {
    pub fn new(name: &str) -> Meter {
        let bar = std::io::stderr().is_terminal().then(|| {
            let template =
                "{prefix} [{bar:24}] {bytes} of {total_bytes}, {bytes_per_sec}  eta {eta}";
            let style = ProgressStyle::with_template(template).expect("the template above");
            let bar = ProgressBar::no_length().with_style(style.progress_chars("=> "));
            bar.with_prefix(name.to_owned())
        });
        Meter { name: name.to_owned(), bar, shown: Instant::now() }
    }

    /// `bytes` are there, of `total` if that is known.
    pub fn at(&mut self, bytes: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(bytes);
        } else if self.shown.elapsed() >= LINE_EVERY {
            self.shown = Instant::now();
            let of = total.map(|total| format!(" of {}", HumanBytes(total))).unwrap_or_default();
            eprintln!("{}: {}{of}", self.name, HumanBytes(bytes));
        }
    }

    /// Says `what` of the file in a line of its own.
    pub fn say(&self, what: &str) {
        let line = format!("{}: {what}", self.name);
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
