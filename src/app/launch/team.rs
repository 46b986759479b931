//! One attempt: the processes that are started together, and end together.

use super::hosts::{Assignment, Hosts};
use super::orders::{Order, Orders};
use super::seat::SUPERVISED;
use crate::interrupt;
use crate::terminal::errln;
use anyhow::{Context, Result};
use engine::LOST_PEER;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
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

/// How long another machine may take to kill its processes, before the connection is cut.
const GRACE_OF_REMOTE: Duration = Duration::from_secs(3);

/// The exit code of ssh when the connection fails.
const SSH_FAILED: i32 = 255;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All processes are done. The exit code of the first.
    Done(u8),
    /// A process failed, for a reason that a new attempt would not mend.
    Failed(u8),
    /// A process was lost.
    Lost,
    /// A signal ended them.
    Ended(i32),
}

/// The processes, which are killed when this is dropped.
pub(super) struct Team(Vec<Member>);

/// A process of this machine, or a connection to another one.
struct Member {
    /// How messages call it.
    name: String,
    child: Child,
    /// Open as long as it is to run.
    input: Option<ChildStdin>,
    echo: Option<JoinHandle<()>>,
    is_remote: bool,
}

impl Team {
    /// Starts processes on this machine.
    pub fn here(assignment: &Assignment) -> Result<Team> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut team = Team(Vec::new());
        for seat in &assignment.seats {
            let mut command = Command::new(&program);
            command
                .args(&assignment.arguments)
                .envs(assignment.variables.iter().cloned())
                .env(SUPERVISED, "1")
                // A terminal's Ctrl-C reaches this process only, which passes it on.
                .process_group(0)
                // Only the first process prints there.
                .stdout(if seat.process == 0 { Stdio::inherit() } else { Stdio::null() });
            let name = format!("process {}", seat.process);
            team.0.push(Member::start(name, command, &serde_json::to_string(seat)?, false)?);
        }
        Ok(team)
    }

    /// Starts the processes of each assignment on its host.
    pub fn on(hosts: &Hosts, assignments: impl Iterator<Item = Assignment>) -> Result<Team> {
        let (folder, server) = (std::env::current_dir()?, hosts.server());
        let mut team = Team(Vec::new());
        for (host, mut assignment) in hosts.names().zip(assignments) {
            assignment.folder = Some(folder.clone());
            let mut command = hosts.command(host, &server);
            command.process_group(0);
            let line = serde_json::to_string(&assignment)?;
            team.0.push(Member::start(format!("host {host}"), command, &line, true)?);
        }
        Ok(team)
    }

    /// Waits until all processes are done, or one is not, or an order comes.
    pub fn wait(&mut self, orders: &mut Orders) -> Result<End> {
        let mut ends = self.ends()?;
        while ends.iter().flatten().count() < ends.len() && ends.iter().flatten().all(is_done) {
            match orders.next() {
                Some(Order::Signal(signal)) => return self.end_by(signal, orders),
                Some(Order::Kill) => {
                    self.end(Duration::ZERO);
                    return Ok(End::Lost);
                }
                None => std::thread::sleep(POLL_EVERY),
            }
            ends = self.ends()?;
        }
        if ends.iter().flatten().all(is_done) {
            return Ok(self.done(&ends));
        }
        // Peers of a killed process end too, perhaps before it is noticed. Report the killed one, or
        // else the one that failed.
        std::thread::sleep(SETTLE);
        let ends = self.ends()?.into_iter().enumerate();
        let failed = ends.filter_map(|(member, end)| Some((member, end?)));
        let (member, status) = failed
            .filter(|(_, status)| !is_done(status))
            .min_by_key(|(_, status)| (status.code().is_some(), self.is_lost(status)))
            .expect("a process that has ended stays so");
        self.end(GRACE);
        tracing::error!("{} ended with {status}; all processes were ended", self.0[member].name);
        Ok(match status.code() {
            _ if self.is_lost(&status) => End::Lost,
            Some(2) => End::Failed(2),
            _ => End::Failed(1),
        })
    }

    /// Whether a process was lost, and did not fail by itself.
    fn is_lost(&self, status: &ExitStatus) -> bool {
        let Some(code) = status.code() else { return true };
        let by_signal = [SIGINT, SIGTERM].map(|signal| i32::from(interrupt::code(signal)));
        let is_remote = self.0.iter().any(|member| member.is_remote);
        code == i32::from(LOST_PEER) || by_signal.contains(&code) || is_remote && code == SSH_FAILED
    }

    /// Waits for processes that have ended. The first reports defects for all.
    fn done(&mut self, ends: &[Option<ExitStatus>]) -> End {
        self.end(Duration::MAX);
        End::Done(ends[0].and_then(|status| status.code()).unwrap_or(1) as u8)
    }

    /// Passes a signal on to the processes, which end at a commit. A second one kills them.
    fn end_by(&mut self, signal: i32, orders: &mut Orders) -> Result<End> {
        let started = Instant::now();
        self.0.iter_mut().for_each(|member| member.signal(signal));
        while started.elapsed() < GRACE_OF_SIGNAL {
            match orders.next() {
                Some(Order::Signal(_)) if started.elapsed() < interrupt::REPEATED => {}
                None => {}
                Some(_) => break,
            }
            let ends = self.ends()?;
            if ends.iter().all(|end| end.as_ref().is_some_and(is_done)) {
                return Ok(self.done(&ends));
            }
            if ends.iter().all(Option::is_some) {
                break;
            }
            std::thread::sleep(POLL_EVERY);
        }
        self.end(Duration::ZERO);
        Ok(End::Ended(signal))
    }

    /// Returns how each process ended, `None` while it runs.
    fn ends(&mut self) -> Result<Vec<Option<ExitStatus>>> {
        let ends = self.0.iter_mut().map(|member| member.child.try_wait());
        ends.collect::<std::io::Result<_>>().context("cannot wait for a process")
    }

    /// Waits up to `grace` for all processes, kills the rest, and prints their remaining output.
    fn end(&mut self, grace: Duration) {
        self.wait_for(grace, |_| true);
        // Another machine kills its processes when its input closes. Those of this one stay open,
        // so that they do not report the end of their launcher.
        self.0.iter_mut().filter(|member| member.is_remote).for_each(|member| member.input = None);
        self.wait_for(GRACE_OF_REMOTE, |member| member.is_remote);
        for member in &mut self.0 {
            let _ = member.child.kill();
            let _ = member.child.wait();
            if let Some(echo) = member.echo.take() {
                let _ = echo.join();
            }
        }
    }

    /// Waits up to `time` for the processes that `are_meant`.
    fn wait_for(&mut self, time: Duration, are_meant: fn(&Member) -> bool) {
        let began = Instant::now();
        let mut any_runs = || {
            let mut meant = self.0.iter_mut().filter(|member| are_meant(member));
            meant.any(|member| matches!(member.child.try_wait(), Ok(None)))
        };
        while began.elapsed() < time && any_runs() {
            std::thread::sleep(POLL_EVERY);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

impl Member {
    /// Starts a process, and writes `line` to its standard input.
    fn start(name: String, mut command: Command, line: &str, is_remote: bool) -> Result<Member> {
        let mut child =
            command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| {
                format!("cannot start {name}: {}", command.get_program().display())
            })?;
        let mut input = child.stdin.take().expect("piped");
        // A process that ends at once is reported by its exit status.
        let _ = writeln!(input, "{line}");
        let echo = Some(echo(&name, &mut child)?);
        Ok(Member { name, child, input: Some(input), echo, is_remote })
    }

    fn signal(&mut self, signal: i32) {
        if let (true, Some(input)) = (self.is_remote, &mut self.input) {
            let _ = writeln!(input, "{signal}");
            return;
        }
        let pid = Pid::from_child(&self.child);
        // It may have ended already.
        let _ = kill_process(pid, if signal == SIGINT { Signal::INT } else { Signal::TERM });
    }
}

/// Copies the standard error of a process, each line with the name of the process.
fn echo(name: &str, child: &mut Child) -> Result<JoinHandle<()>> {
    let errors = BufReader::new(child.stderr.take().expect("piped"));
    let name = name.to_owned();
    let copy = move || {
        for line in errors.lines().map_while(std::result::Result::ok) {
            // JSON lines, and those of another machine's processes, have the number in them.
            if line.starts_with('{') || line.starts_with("[process ") {
                errln!("{line}");
            } else {
                errln!("[{name}] {line}");
            }
        }
    };
    Ok(std::thread::Builder::new().name("echo".into()).spawn(copy)?)
}

fn is_done(status: &ExitStatus) -> bool {
    status.signal().is_none() && matches!(status.code(), Some(0 | 3))
}
