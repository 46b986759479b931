//! Runs of the whole program.

use crate::common::Result;
use std::fs;
use std::process::Command;

/// Of `/proc` on Linux, whatever the kernel's clock is.
const TICKS_PER_SECOND: f64 = 100.0;

pub fn sluice() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sluice"))
}

/// Runs a command to its end. Its output is the error if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let done = command.output()?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into()) }
}

/// CPU time of ended child processes: `proc_pid_stat(5)`, fields 16 and 17.
pub fn cpu_seconds_of_children() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no fields")?;
    let ticks = fields.split(' ').skip(13).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<std::result::Result<u64, _>>()? as f64 / TICKS_PER_SECOND)
}
