//! `sluice launch`: several processes of one run on this machine.

use crate::interrupt;
use crate::terminal::log::{FORMAT, format, verbosity};
use crate::terminal::{LogFormat, Verbosity, errln};
use anyhow::{Context, Result};
use engine::cluster::new_token;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the processes are polled.
const POLL_EVERY: Duration = Duration::from_millis(20);

/// How long after the first failure the other processes are polled again, to see which was killed.
const SETTLE: Duration = Duration::from_millis(300);

/// How long the other processes may take to notice that one has ended, before they are killed.
const GRACE: Duration = Duration::from_secs(2);

/// How long the processes may take to end after a signal, before they are killed.
const GRACE_OF_SIGNAL: Duration = Duration::from_secs(10);

/// The environment variable that carries the run's token: an argument would show in `ps`.
pub(crate) const TOKEN: &str = "SLUICE_TOKEN";

/// Set for a launched process. Its standard input stays open as long as its supervisor lives.
const SUPERVISED: &str = "SLUICE_SUPERVISED";

/// Returns whether this process was launched by another.
pub(crate) fn is_supervised() -> bool {
    std::env::var_os(SUPERVISED).is_some()
}

/// Ends a launched process when its supervisor ends, in whatever way.
pub(crate) fn end_with_supervisor() -> Result<()> {
    if !is_supervised() {
        return Ok(());
    }
    let watch = || {
        // Nothing is ever written to it: the call returns when it is closed.
        let _ = std::io::stdin().read(&mut [0]);
        tracing::error!("the parent `sluice launch` has exited; the corpus is at its last commit");
        std::process::exit(1);
    };
    std::thread::Builder::new().name("supervisor".into()).spawn(watch)?;
    Ok(())
}

/// Starts `count` processes of this program with `arguments` and waits for them. Returns the exit
/// code of the first process, or 1 if any process fails; then all others are ended too.
pub(crate) fn launch(count: usize, arguments: &[impl AsRef<OsStr> + PartialEq<str>]) -> Result<u8> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let hosts = host_file(count)?;
    let token = new_token().context("cannot create a token")?;
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
    let mut processes = Processes(Vec::new());
    let flags = match verbosity() {
        Verbosity::Quiet => &["--quiet"][..],
        Verbosity::Normal => &[],
        Verbosity::Verbose => &["--verbose"],
    };
    let is_new = |flag: &&&str| !arguments.iter().any(|known| known == **flag);
    let flags: Vec<&str> = flags.iter().filter(is_new).copied().collect();
    for process in 0..count {
        let mut child = Command::new(&program)
            .args(arguments)
            .args(["--processes", &count.to_string(), "--process", &process.to_string()])
            .arg("--hostfile")
            .arg(hosts.path())
            .args(&flags)
            .envs((format() == LogFormat::Json).then_some((FORMAT, "json")))
            .env(TOKEN, &token)
            .env(SUPERVISED, "1")
            // A terminal's Ctrl-C reaches this process only, which passes it on.
            .process_group(0)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            // Only the first process prints there.
            .stdout(if process == 0 { Stdio::inherit() } else { Stdio::null() })
            .spawn()
            .with_context(|| format!("cannot start process {process}"))?;
        let echo = echo(process, &mut child)?;
        processes.0.push((child, Some(echo)));
    }
    processes.wait(&mut signals)
}

/// Writes a file with a free address for each process.
fn host_file(count: usize) -> Result<tempfile::NamedTempFile> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<std::io::Result<_>>()
        .context("cannot find a free port on 127.0.0.1")?;
    let mut file = tempfile::NamedTempFile::new().context("cannot write a list of hosts")?;
    for listener in &listeners {
        writeln!(file, "{}", listener.local_addr()?)?;
    }
    file.flush()?;
    Ok(file)
}

/// Copies the standard error of a process, each line with the number of the process.
fn echo(process: usize, child: &mut Child) -> Result<JoinHandle<()>> {
    let errors = BufReader::new(child.stderr.take().expect("piped"));
    let copy = move || {
        for line in errors.lines().map_while(std::result::Result::ok) {
            // JSON lines have the number in them.
            if line.starts_with('{') {
                errln!("{line}");
            } else {
                errln!("[process {process}] {line}");
            }
        }
    };
    Ok(std::thread::Builder::new().name("echo".into()).spawn(copy)?)
}

/// The processes, which are killed when this is dropped.
struct Processes(Vec<(Child, Option<JoinHandle<()>>)>);

impl Processes {
    fn wait(&mut self, signals: &mut Signals) -> Result<u8> {
        let mut ends = self.ends()?;
        while ends.iter().flatten().count() < ends.len() && ends.iter().flatten().all(is_done) {
            if let Some(signal) = signals.pending().next() {
                return self.end_by(signal, signals);
            }
            std::thread::sleep(POLL_EVERY);
            ends = self.ends()?;
        }
        if ends.iter().flatten().all(is_done) {
            return Ok(self.ended(&ends));
        }
        // Peers of a killed process end too, perhaps before it is noticed. Report the killed one.
        std::thread::sleep(SETTLE);
        let ends = self.ends()?.into_iter().enumerate();
        let failed = ends.filter_map(|(process, end)| Some((process, end?)));
        let (process, status) = failed
            .filter(|(_, status)| !is_done(status))
            .min_by_key(|(_, status)| status.code().is_some())
            .expect("a process that has ended stays so");
        self.end(GRACE);
        tracing::error!("process {process} ended with {status}; all processes were ended");
        // Wrong usage is the same in every process.
        if status.code() == Some(2) {
            return Ok(2);
        }
        tracing::error!("the corpus is at its last commit: the same command continues from there");
        Ok(1)
    }

    /// Waits for processes that have ended. Returns the exit code of the first, which reports
    /// defects for all.
    fn ended(&mut self, ends: &[Option<ExitStatus>]) -> u8 {
        self.end(Duration::MAX);
        ends[0].and_then(|status| status.code()).unwrap_or(1) as u8
    }

    /// Passes a signal on to the processes, which end at a commit. A second one kills them.
    fn end_by(&mut self, signal: i32, signals: &mut Signals) -> Result<u8> {
        let started = Instant::now();
        for (child, _) in &self.0 {
            let pid = Pid::from_child(child);
            // It may have ended already.
            let _ = kill_process(pid, if signal == SIGINT { Signal::INT } else { Signal::TERM });
        }
        while started.elapsed() < GRACE_OF_SIGNAL {
            if signals.pending().next().is_some() && started.elapsed() > interrupt::REPEATED {
                break;
            }
            let ends = self.ends()?;
            if ends.iter().all(|end| end.as_ref().is_some_and(is_done)) {
                return Ok(self.ended(&ends));
            }
            if ends.iter().all(Option::is_some) {
                break;
            }
            std::thread::sleep(POLL_EVERY);
        }
        self.end(Duration::ZERO);
        Ok(interrupt::code(signal))
    }

    /// Returns how each process ended, `None` while it runs.
    fn ends(&mut self) -> Result<Vec<Option<ExitStatus>>> {
        let ends = self.0.iter_mut().map(|(child, _)| child.try_wait());
        ends.collect::<std::io::Result<_>>().context("cannot wait for a process")
    }

    /// Waits up to `grace` for all processes, kills the rest, and prints their remaining output.
    fn end(&mut self, grace: Duration) {
        let start = Instant::now();
        let any_runs = |children: &mut Vec<(Child, _)>| {
            children.iter_mut().any(|(child, _)| matches!(child.try_wait(), Ok(None)))
        };
        while start.elapsed() < grace && any_runs(&mut self.0) {
            std::thread::sleep(POLL_EVERY);
        }
        for (child, echo) in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
            if let Some(echo) = echo.take() {
                let _ = echo.join();
            }
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

fn is_done(status: &ExitStatus) -> bool {
    matches!(status.code(), Some(0 | 3))
}
