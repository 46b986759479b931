//! `sluice launch`.

use super::exit::{DONE, DONE_WITH_DEFECTS};
use crate::launch::{Hosts, Kind, Launch as Launched, Scheduler, serve};
use crate::terminal::units::processes;
use anyhow::Result;
use clap::Args;
use recipe::usage::usage;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Examples:
  sluice launch -n 2 -- build recipe.toml
  sluice launch --hosts hosts.txt -- build recipe.toml
  srun sluice launch --slurm -- build recipe.toml
  sluice launch -n 2 -- build recipe.toml --dashboard :8080

hosts.txt has one machine a line: its name for ssh, and if need be slots=N processes, their first
port=N, and address=ADDRESS for the other machines. The corpus and the inputs are on a file system
that all share, under the same paths.

If a process is killed, stopped, or cut off, all are started again from the last commit.";

/// Run build or add with several processes, here or on several machines, as one run
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Launch {
    /// Start this many processes on this machine
    #[arg(short, long, value_parser = processes, value_name = "N")]
    number: Option<usize>,
    /// Start processes on these machines by ssh
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// Be one process of a Slurm job step, started by srun
    #[arg(long)]
    slurm: bool,
    /// Be one process of a Kubernetes indexed Job
    #[arg(long)]
    kubernetes: bool,
    /// Be the launcher of another machine's processes: launch --hosts starts it
    #[arg(long, hide = true)]
    serve: bool,
    /// Start again at most this many times in a row after a process is lost
    #[arg(long, default_value_t = 5, value_name = "N")]
    retries: u32,
    /// End with 0, not 3, if some of the input was malformed: schedulers take 3 for a failure
    #[arg(long)]
    allow_defects: bool,
    /// Copy this program to the machines, to ~/.cache/sluice
    #[arg(long, requires = "hosts")]
    copy: bool,
    /// The ssh command with its options
    #[arg(long, requires = "hosts", value_name = "COMMAND")]
    ssh: Option<String>,
    /// Port of the first process of a machine [default: 2101; with --slurm by the number of the job]
    #[arg(long, conflicts_with_all = ["number", "hosts"], value_name = "PORT")]
    port: Option<u16>,
    /// Address to listen on, if not that of the machine's name, such as 0.0.0.0
    #[arg(long, conflicts_with = "number", value_name = "ADDRESS")]
    listen: Option<String>,
    /// The command, build or add, with its arguments
    #[arg(last = true, required_unless_present = "serve", value_name = "SUBCOMMAND")]
    command: Vec<String>,
}

impl Launch {
    pub fn run(self) -> Result<u8> {
        if self.serve {
            return serve();
        }
        let ways = [self.number.is_some(), self.hosts.is_some(), self.slurm, self.kubernetes];
        if ways.into_iter().filter(|is_given| *is_given).count() != 1 {
            return Err(usage(
                "one of -n N, --hosts FILE, --slurm and --kubernetes says where to start processes",
            ));
        }
        let first = self.command[0].as_str();
        if !["build", "add"].contains(&first) {
            return Err(usage(format!("{first} cannot be launched; build and add can")));
        }
        let allow_defects = self.allow_defects;
        let code = self.start()?;
        Ok(if allow_defects && code == DONE_WITH_DEFECTS { DONE } else { code })
    }

    fn start(self) -> Result<u8> {
        let launch = Launched { arguments: self.command, retries: self.retries };
        if let Some(count) = self.number {
            return launch.here(count);
        }
        if let Some(path) = &self.hosts {
            return launch.on(&Hosts::read(path, self.ssh.as_deref(), self.copy, self.listen)?);
        }
        let kind = if self.slurm { Kind::Slurm } else { Kind::Kubernetes };
        launch.under(&Scheduler { kind, port: self.port, listen: self.listen })
    }
}
