//! `sluice estimate`.

mod report;

use self::report::{json, print_report};
use super::exit::DONE;
use super::run_flags::options as run_options;
use crate::estimate::{Machines, Options, Size, estimate};
use crate::terminal::units::{count, size, workers};
use crate::terminal::{outln, print_json};
use anyhow::Result;
use clap::Args;
use recipe::usage::usage;
use recipe::{Recipe, Slices};
use std::path::PathBuf;

/// Memory of a worker on other machines, unless --memory says otherwise: what a build takes by
/// default.
const WORKER_BYTES: u64 = 2 << 30;

const EXAMPLE: &str = "\
Example:
  sluice estimate recipe.toml
  sluice estimate recipe.toml --sample 400 --sample-bytes 4G
  sluice estimate recipe.toml --machines 8x16 --json | jq .estimate.cpu_hours

The sample is built in a temporary folder, which needs about as much space as
--sample-bytes, and is removed. Nothing is written to the corpus. What the
corpus has already is not estimated again, but counts as history.";

/// Estimate what a build takes, from a sample of its inputs: CPU, time, disk, memory, network
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Estimate {
    /// The recipe; paths in it are relative to its folder
    recipe: PathBuf,
    /// The corpus, instead of the one the recipe names
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Number of sources that the sample has a part of. Of few large sources it has several parts
    /// each
    #[arg(long, default_value = "100", value_parser = count, value_name = "N")]
    sample: u64,
    /// Size of all parts together, as stored
    #[arg(long, default_value = "1G", value_parser = size, value_name = "SIZE")]
    sample_bytes: u64,
    /// Machines of the build, and the cores of each, such as 8x16: one process on each
    #[arg(long, value_parser = machines, value_name = "COUNTxCORES")]
    machines: Option<Machines>,
    /// Workers (threads) of the sample, and of a build on this machine; by default one for each core
    #[arg(short = 'w', long, value_parser = workers, value_name = "N")]
    workers: Option<usize>,
    /// Memory that each process may use, roughly, as for build
    #[arg(long, value_parser = size, value_name = "SIZE")]
    memory: Option<u64>,
    /// Where the temporary folder is made
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Parses machines such as `8x16`.
fn machines(text: &str) -> Result<Machines, String> {
    let wrong = || format!("{text} is not COUNTxCORES; write it as 8x16");
    let (count, cores) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
    let machines = Machines { count: number(count)?, cores: number(cores)? };
    if machines.count == 0 || machines.cores == 0 { Err(wrong()) } else { Ok(machines) }
}

impl Estimate {
    pub fn run(self, slices: Slices) -> Result<u8> {
        if self.sample == 0 {
            return Err(usage("--sample: at least one part is needed"));
        }
        let recipe = Recipe::open(slices, &self.recipe)?;
        // Without a corpus there is no history, and the estimate is the same for any.
        let corpus = self.corpus.clone().or_else(|| recipe.corpus.clone());
        let corpus = corpus.ok_or_else(|| {
            usage("no corpus given: put corpus = \"DIR\" into the recipe, or use --corpus DIR")
        })?;
        let here = run_options(self.workers, 1);
        let there = self.machines.map_or(0, |machines| machines.cores as u64 * WORKER_BYTES);
        let options = Options {
            size: Size { parts: self.sample, bytes: self.sample_bytes },
            workers: here.workers,
            memory_bytes: self.memory.unwrap_or(here.memory_bytes),
            machine_memory_bytes: self.memory.unwrap_or(there),
            machines: self.machines,
            dir: self.dir,
        };
        let found = estimate(slices, &corpus, &recipe, &options)?;
        match (&found, self.json) {
            (Some(found), true) => print_json(&json(found, &options))?,
            (Some(found), false) => print_report(found, &options)?,
            (None, true) => print_json(&serde_json::json!({"estimate": null}))?,
            (None, false) => {
                outln!("nothing to build: {} has all labels of the recipe", corpus.display())?;
            }
        }
        Ok(DONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_a_count_and_cores() {
        assert_eq!(machines("8x16"), Ok(Machines { count: 8, cores: 16 }));
        for wrong in ["8", "x", "0x4", "4x0", "ax4", "-1x4"] {
            assert!(machines(wrong).unwrap_err().contains("8x16"), "{wrong}");
        }
    }
}
