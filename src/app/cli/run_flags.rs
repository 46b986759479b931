//! The flags of every command that writes to a corpus.

use super::exit::{DONE, DONE_WITH_DEFECTS};
use super::summary::{print_summary, summary_json};
use crate::dashboard;
use crate::guard::Taken;
use crate::ingest::{RunOptions, Summary};
use crate::launch::{TOKEN, seat};
use crate::machine::memory_bytes;
use crate::terminal::units::{commit_every, cores, processes, size, workers};
use crate::terminal::{log, print_json};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use engine::cluster::Cluster;
use engine::{CommitEvery, Engine};
use recipe::usage::usage;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Memory of a worker by default, where the machine has that much.
pub const WORKER_BYTES: u64 = 2 << 30;

/// Workers get no more of the machine's memory than this share by default.
const MACHINE_SHARE: f64 = 0.75;

/// The default is rounded down to this, so that machines of one kind have the same.
const ROUNDED_TO: u64 = 64 << 20;

/// The workers and processes of a run.
#[derive(Args)]
pub(crate) struct ClusterFlags {
    /// Workers (threads) in this process; by default one for each core
    #[arg(
        short = 'w', long, value_parser = workers, value_name = "N", overrides_with = "workers"
    )]
    workers: Option<usize>,
    /// Number of processes of the run, each started by hand; see also: sluice launch
    // The short forms of timely's own programs work as well, but are not shown.
    #[arg(
        long, short_alias = 'n', default_value_t = 1, value_parser = processes, value_name = "N",
        overrides_with = "processes"
    )]
    pub processes: usize,
    /// Number of this process, from 0
    #[arg(long, short_alias = 'p', default_value_t = 0, value_name = "I")]
    pub process: usize,
    /// File with one line host:port for each process; without it, localhost:2101 and up
    #[arg(long, value_name = "FILE")]
    pub hostfile: Option<PathBuf>,
}

/// Flags of build and add.
#[derive(Args)]
pub(crate) struct RunFlags {
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Memory that this process may use, roughly; by default 2G for each worker, and at most 75 % of
    /// the machine's
    #[arg(long, value_parser = size, value_name = "SIZE")]
    memory: Option<u64>,
    /// Commit during the run each time this much time (10m) or text (64G) has passed
    #[arg(long, default_value = "10m", value_parser = commit_every, value_name = "TIME|SIZE")]
    commit_every: CommitEvery,
    /// Stored bytes of input per epoch; has no effect on the corpus
    #[arg(long, value_parser = size, value_name = "SIZE")]
    epoch_bytes: Option<u64>,
    /// The index used for deduplication
    #[arg(long, default_value = "arrangement")]
    engine: EngineName,
    /// Stop at the first malformed input
    #[arg(long)]
    strict: bool,
    /// Serve a page with the figures of the run, and /metrics for Prometheus; :8080 is
    /// 127.0.0.1:8080, and port 0 any free one
    #[arg(long, value_parser = dashboard::address, value_name = "ADDR")]
    dashboard: Option<SocketAddr>,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum EngineName {
    /// The durable arrangement: bounded memory
    Arrangement,
    /// Differential dataflow's reduce, all keys in memory: for comparison
    Differential,
}

impl EngineName {
    pub fn engine(self) -> Engine {
        match self {
            EngineName::Arrangement => Engine::Arrangement,
            EngineName::Differential => Engine::Differential,
        }
    }
}

impl ClusterFlags {
    /// Returns the number of workers of this process: by default one for each core, shared among
    /// the processes of this machine.
    pub fn workers(&self) -> usize {
        let given = self.workers.or_else(|| seat()?.workers);
        given.unwrap_or_else(|| (cores() / self.local_processes()).max(1))
    }

    /// Returns the number of processes of the run that are known to be on this machine.
    pub fn local_processes(&self) -> usize {
        let by_hand = if self.hostfile.is_none() { self.processes } else { 1 };
        seat().map_or(by_hand, |seat| seat.local_processes)
    }

    /// Returns the processes that these flags describe.
    pub fn cluster(&self) -> Result<Cluster> {
        if let Some(seat) = seat() {
            return Ok(seat.cluster());
        }
        if self.process >= self.processes {
            let (process, processes) = (self.process, self.processes);
            let last = processes - 1;
            return Err(usage(format!("--process {process}: the processes are 0 to {last}")));
        }
        if self.processes == 1 {
            return Ok(Cluster::single());
        }
        let addresses = match &self.hostfile {
            None => (0..self.processes).map(|p| format!("localhost:{}", 2101 + p)).collect(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the host file {}", path.display()))?;
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                lines.take(self.processes).map(str::to_owned).collect::<Vec<_>>()
            }
        };
        if addresses.len() < self.processes {
            let (lines, processes) = (addresses.len(), self.processes);
            return Err(usage(format!(
                "the host file has {lines} lines for {processes} processes"
            )));
        }
        let token = std::env::var(TOKEN).unwrap_or_default();
        Ok(Cluster { process: self.process, addresses, token, ..Cluster::single() })
    }
}

impl RunFlags {
    /// Returns the options of the run that these flags describe.
    pub fn options(&self) -> Result<RunOptions> {
        let cluster = self.cluster.cluster()?;
        if cluster.processes() > 1 {
            log::name_process(cluster.process);
        }
        let default = options(Some(self.cluster.workers()), self.cluster.local_processes());
        Ok(RunOptions {
            cluster,
            memory_bytes: self.memory.unwrap_or(default.memory_bytes),
            epoch_bytes: self.epoch_bytes,
            commit_every: self.commit_every,
            engine: self.engine.engine(),
            strict: self.strict,
            dashboard: self.dashboard,
            ..default
        })
    }

    /// Prints what a run did and returns the exit code.
    pub fn report(&self, summary: &Summary, warnings: &[Taken]) -> Result<u8> {
        if summary.is_first_process {
            if self.json {
                print_json(&summary_json(summary, warnings))?;
            } else if !log::is_quiet() {
                print_summary(summary, warnings)?;
            }
        }
        if !summary.refused.is_empty() {
            anyhow::bail!("{}", summary.refused.join("\n"));
        }
        Ok(if summary.has_defects() { DONE_WITH_DEFECTS } else { DONE })
    }
}

/// Returns the options of a run without flags, in one of `processes` on this machine. The number of
/// workers is by default that of the cores.
pub(crate) fn options(workers: Option<usize>, processes: usize) -> RunOptions {
    let workers = workers.unwrap_or_else(cores);
    let all_workers = (workers * processes) as f64;
    let share = memory_bytes().map(|all| (all as f64 * MACHINE_SHARE / all_workers) as u64);
    let each = share.map_or(WORKER_BYTES, |share| share / ROUNDED_TO * ROUNDED_TO);
    RunOptions {
        workers,
        cluster: Cluster::single(),
        memory_bytes: each.clamp(ROUNDED_TO, WORKER_BYTES) * workers as u64,
        epoch_bytes: None,
        commit_every: CommitEvery::default(),
        engine: Engine::Arrangement,
        strict: false,
        dashboard: None,
        times_operators: false,
    }
}
