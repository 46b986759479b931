//! The command line: one file per subcommand.

mod add;
mod bench;
mod build;
mod calibrate;
mod demo;
mod exit;
mod export;
mod launch;
mod models;
mod prune;
mod run_flags;
mod score;
mod status;
mod summary;
mod train;
mod verify;

use self::exit::{DONE, FAILED, WRONG_USAGE};
use crate::launch::end_with_supervisor;
use crate::terminal::{ReaderGone, errln, print};
use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use recipe::Slices;
use recipe::usage::Usage;
use std::fmt::Display;
use std::process::ExitCode;

const EXAMPLE: &str = "\
Example:
  sluice demo                                                  see it work on bundled pages
  sluice build recipe.toml                                     make a corpus
  sluice add corpus --slice common_crawl --label 2019-30 cc/2019-30/*.wet.gz -w 2
  sluice add corpus --slice common_crawl --label 2020-05 cc/2020-05/*.wet.gz -w 2
  sluice status corpus
  sluice export corpus --out out
  sluice train lm --lang en --out models wikipedia.jsonl.gz    a language model for a recipe

Exit codes: 0 done; 1 failed, the corpus is at its last commit; 2 wrong usage or recipe;
3 done, but some of the input was malformed and is listed.";

/// Build a deduplicated pre-training corpus from raw web, code, book and wiki dumps, incrementally
#[derive(Parser)]
#[command(name = "sluice", version, after_help = EXAMPLE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Build(build::Build),
    Add(add::Add),
    Status(status::Status),
    Score(score::Score),
    Models(models::Models),
    Export(export::Export),
    Calibrate(calibrate::Calibrate),
    Prune(prune::Prune),
    Verify(verify::Verify),
    Train(train::Train),
    Bench(bench::Bench),
    Launch(launch::Launch),
    /// Print completions for a shell, for example: sluice completions bash
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Runs the program on `slices`.
pub fn main(slices: Slices) -> ExitCode {
    end_on_panic();
    engine::on_failure(print_error);
    let cli = Cli::parse();
    match end_with_supervisor().and_then(|()| run(cli.command, slices)) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is::<ReaderGone>() => ExitCode::from(FAILED),
        Err(error) => {
            print_error(&format_args!("{error:#}"));
            ExitCode::from(if error.is::<Usage>() { WRONG_USAGE } else { FAILED })
        }
    }
}

fn run(command: Command, slices: Slices) -> Result<u8> {
    match command {
        Command::Demo(command) => command.run(slices),
        Command::Build(command) => command.run(slices),
        Command::Add(command) => command.run(slices),
        Command::Status(command) => command.run(),
        Command::Score(command) => command.run(slices),
        Command::Models(command) => command.run(),
        Command::Export(command) => command.run(slices),
        Command::Calibrate(command) => command.run(slices),
        Command::Prune(command) => command.run(slices),
        Command::Verify(command) => command.run(slices),
        Command::Train(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Launch(command) => command.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sluice", &mut script);
            print(format_args!("{}", String::from_utf8_lossy(&script)))?;
            Ok(DONE)
        }
    }
}

/// Prints why a run ends. The exit code does not depend on whether that succeeds.
fn print_error(error: &dyn Display) {
    errln!("sluice: {error}");
}

/// Ends the process on a panic: a worker that panics alone would leave its peers waiting forever.
fn end_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        if name == "read" {
            // The reading thread's panic is caught, and reported together with its file.
            return;
        }
        if name.starts_with("timely:recv") || name.starts_with("timely:send") {
            // timely's network threads panic when a peer ends; that is not a bug of this process.
            print_error(&"a peer process has gone; the corpus is at its last commit");
        } else {
            before(info);
            print_error(&"this is a bug; the corpus is at its last commit");
        }
        std::process::exit(i32::from(FAILED));
    }));
}
