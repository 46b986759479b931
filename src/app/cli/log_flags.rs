//! The flags of what is printed on standard error, the same for every command.

use crate::terminal::{LogFormat, Verbosity, log};
use anyhow::Result;
use clap::Args;

/// What is printed on standard error.
#[derive(Args)]
#[command(next_help_heading = "Messages")]
pub(super) struct LogFlags {
    /// Print nothing but errors, and what --json prints
    #[arg(long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print more on standard error
    #[arg(short, long, global = true)]
    verbose: bool,
    /// The form of messages and progress on standard error
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        env = log::FORMAT,
        hide_possible_values = true,
        help = "Messages and progress on standard error as text or as json, one object per line"
    )]
    log_format: LogFormat,
}

impl LogFlags {
    /// Starts to print messages as these flags say.
    ///
    /// # Errors
    /// If the filter of the environment is not one.
    pub fn start(&self) -> Result<()> {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        log::start(self.log_format, verbosity)
    }
}
