//! Ending a run on Ctrl-C or SIGTERM: at a commit, within ten seconds.

use crate::launch::is_supervised;
use crate::scratch;
use crate::terminal::clear_bars;
use anyhow::{Context, Result};
use engine::Commits;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::process::exit;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a run may take to complete its epoch before it is committed without it.
const PATIENCE: Duration = Duration::from_secs(7);

/// A second signal within this time is the first once more: schedulers and `timeout` send it to a
/// process and to its group.
pub(crate) const REPEATED: Duration = Duration::from_secs(1);

/// When the process ends, whatever it is doing. Schedulers wait 30 seconds at least.
const DEADLINE: Duration = Duration::from_secs(9);

/// The run of this process, while there is one.
static RUN: Mutex<Option<Run>> = Mutex::new(None);

#[derive(Clone)]
struct Run {
    commits: Commits,
    /// Whether this process commits, and so says where the corpus stands.
    is_first: bool,
}

/// The signal that ends this process, 0 before it.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Returns the exit code of a process that a signal is ending.
pub(crate) fn exit_code() -> Option<u8> {
    match SIGNAL.load(SeqCst) {
        0 => None,
        signal => Some(code(signal)),
    }
}

/// The exit code of a process that a signal has ended, as shells have it: 130 or 143.
pub(crate) fn code(signal: i32) -> u8 {
    128 + signal as u8
}

/// Ends the process that commits at a commit, because another one of the run is asked to end. A
/// scheduler that takes one machine away signals no other.
pub(crate) fn commit_before_peer_ends(process: usize) {
    let run = RUN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(run) = run.filter(|run| run.is_first) else { return };
    let code = || i32::from(exit_code().unwrap_or(engine::LOST_PEER));
    // The caller goes on to wait for signs of life.
    spawn(i32::from(engine::LOST_PEER), move || {
        // Most often all processes are signalled, and this one is about to learn of it itself.
        thread::sleep(REPEATED);
        if exit_code().is_some() {
            return;
        }
        let ended = run.commits.end_run(PATIENCE, |commit| {
            run.say(&format!(
                "process {process} is asked to end; the corpus is at commit {commit}"
            ));
            exit(code())
        });
        if let Err(error) = ended {
            engine::fail(error);
        }
    });
}

/// Calls `run`. A signal during the call ends the process at a commit of `commits`. The first of
/// several processes makes the commits.
///
/// # Errors
/// That of `run`, or if signals cannot be watched.
pub(crate) fn ending_at_commits<T>(
    commits: &Commits,
    is_first: bool,
    run: impl FnOnce() -> Result<T>,
) -> Result<T> {
    watch()?;
    set(Some(Run { commits: commits.clone(), is_first }));
    let result = run();
    set(None);
    result
}

fn set(run: Option<Run>) {
    *RUN.lock().unwrap_or_else(PoisonError::into_inner) = run;
}

/// Starts the thread that waits for signals, once. From then on, a signal also removes temporary
/// folders.
pub(crate) fn watch() -> Result<()> {
    static STARTED: Once = Once::new();
    let mut result = Ok(());
    STARTED.call_once(|| result = start());
    result
}

fn start() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
    let wait = move || {
        let mut first = None;
        for signal in signals.forever() {
            let run = RUN.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if scratch::is_in_use() {
                // Nothing of what this command does is kept.
                clear_bars();
                scratch::remove_all();
                exit(i32::from(code(signal)));
            }
            match run {
                // Between runs a signal does what it does to any program.
                None => drop(emulate_default_handler(signal)),
                Some(run) if SIGNAL.swap(signal, SeqCst) == 0 => {
                    first = Some(Instant::now());
                    run.begin_to_end(signal);
                }
                // A supervisor passes one on, and kills its processes itself at a second.
                Some(_) if is_supervised() => {}
                Some(_) if first.is_some_and(|first: Instant| first.elapsed() < REPEATED) => {}
                Some(run) => {
                    run.say("ended at once; the corpus is at its last commit");
                    exit(i32::from(code(signal)));
                }
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

impl Run {
    /// Begins to end the process, in threads: the caller waits for a second signal.
    fn begin_to_end(self, signal: i32) {
        let name = if signal == SIGINT { "interrupted" } else { "asked to end (SIGTERM)" };
        self.say(&format!(
            "{name}: completing the work in progress, for at most 10 s; again: end at once"
        ));
        let end = i32::from(code(signal));
        let other = self.clone();
        spawn(end, move || other.end_at_deadline(end));
        spawn(end, move || self.end_at_commit(end));
    }

    fn end_at_deadline(self, end: i32) {
        thread::sleep(DEADLINE);
        self.say("the corpus is at its last commit; the same command continues from there");
        exit(end)
    }

    /// Ends the process that commits. Another one ends when that one has ended, or at the deadline.
    fn end_at_commit(self, end: i32) {
        if !self.is_first {
            engine::cluster::say_ending();
        }
        if self.is_first && !self.commits.has_begun() {
            self.say("nothing was begun; the same command continues from there");
            exit(end);
        }
        let ended = self.commits.end_run(PATIENCE, |commit| {
            self.say(&format!(
                "the corpus is at commit {commit}; the same command continues from there"
            ));
            exit(end)
        });
        if let Err(error) = ended {
            engine::fail(error);
        }
    }

    /// Prints why the process ends.
    fn say(&self, text: &str) {
        clear_bars();
        if self.is_first {
            tracing::error!("{text}");
        }
    }
}

fn spawn(end: i32, work: impl FnOnce() + Send + 'static) {
    if thread::Builder::new().name("ending".into()).spawn(work).is_err() {
        exit(end);
    }
}
