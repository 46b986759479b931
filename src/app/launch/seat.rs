//! What a launched process is told: its place among the processes of the run.

use anyhow::{Context, Result};
use engine::cluster::{Cluster, START_DEADLINE};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read};
use std::sync::OnceLock;

/// The environment variable with the token of processes that are started by hand or by a scheduler:
/// an argument would show in `ps`.
pub(crate) const TOKEN: &str = "SLUICE_TOKEN";

/// Set for a launched process. The first line of its standard input is its seat, as JSON. The input
/// stays open as long as its supervisor lives.
pub(super) const SUPERVISED: &str = "SLUICE_SUPERVISED";

static SEAT: OnceLock<Seat> = OnceLock::new();

/// The place of a process in its run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub process: usize,
    /// `host:port` of every process.
    pub addresses: Vec<String>,
    /// Where this process listens, if not at its address.
    pub listen: Option<String>,
    /// The secret of the run.
    pub token: String,
    /// How long to wait for the other processes.
    pub wait_seconds: u64,
    /// Processes of the run that share this machine's cores and memory.
    pub local_processes: usize,
    /// Workers of the process, if a scheduler says how many cores it has.
    pub workers: Option<usize>,
}

impl Seat {
    pub fn new(process: usize, addresses: Vec<String>, token: String) -> Seat {
        Seat {
            process,
            addresses,
            listen: None,
            token,
            wait_seconds: START_DEADLINE.as_secs(),
            local_processes: 1,
            workers: None,
        }
    }

    /// The processes of the run.
    pub fn cluster(&self) -> Cluster {
        Cluster {
            process: self.process,
            addresses: self.addresses.clone(),
            listen: self.listen.clone(),
            token: self.token.clone(),
            start_deadline: std::time::Duration::from_secs(self.wait_seconds),
        }
    }
}

/// Returns whether this process was launched by another.
pub(crate) fn is_supervised() -> bool {
    std::env::var_os(SUPERVISED).is_some()
}

/// Returns the seat of this process, if it was launched by another.
pub(crate) fn seat() -> Option<&'static Seat> {
    SEAT.get()
}

/// Takes the seat of a launched process, and ends the process when its supervisor ends, in whatever
/// way. Called once, at the start.
pub(crate) fn take_seat() -> Result<()> {
    if !is_supervised() {
        return Ok(());
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the place in the run")?;
    let seat = serde_json::from_str(&line)
        .with_context(|| format!("{SUPERVISED} is set by sluice launch, not by hand"))?;
    let _ = SEAT.set(seat);
    let watch = || {
        // Nothing more is ever written to it: the call returns when it is closed.
        let _ = std::io::stdin().read(&mut [0]);
        tracing::error!("the parent `sluice launch` has exited; the corpus is at its last commit");
        std::process::exit(1);
    };
    std::thread::Builder::new().name("supervisor".into()).spawn(watch)?;
    Ok(())
}
