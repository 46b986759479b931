//! `sluice launch`.

use crate::launch::launch;
use crate::terminal::units::processes;
use anyhow::Result;
use clap::Args;
use recipe::usage::usage;

const EXAMPLE: &str = "\
Example:
  sluice launch -n 2 -- build recipe.toml";

/// Run a command with several processes on this machine, as one run
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Launch {
    /// Number of processes
    #[arg(short, long, value_parser = processes, value_name = "N")]
    number: usize,
    /// The command, build or add, with its arguments
    #[arg(last = true, required = true, value_name = "SUBCOMMAND")]
    command: Vec<String>,
}

impl Launch {
    pub fn run(self) -> Result<u8> {
        let first = self.command[0].as_str();
        if !["build", "add"].contains(&first) {
            return Err(usage(format!("{first} cannot be launched; build and add can")));
        }
        launch(self.number, &self.command)
    }
}
