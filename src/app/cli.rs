//! The command line: one file per subcommand.

mod add;
mod bench;
mod build;
mod calibrate;
mod complete;
mod decontaminate;
mod demo;
mod estimate;
mod exit;
mod explain;
mod export;
mod launch;
mod log_flags;
mod models;
mod prune;
mod remove;
mod report;
mod run_flags;
mod sample;
mod score;
mod selection;
mod show;
mod status;
mod summary;
mod trace;
mod train;
mod verify;

use self::complete::{Completions, Man, VARIABLE, with_names};
use self::exit::{DONE, FAILED, WRONG_USAGE};
use self::log_flags::LogFlags;
use crate::addresses;
use crate::interrupt;
use crate::launch::take_seat;
use crate::scratch;
use crate::terminal::{LogFormat, ReaderGone, errln, log};
use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::CompleteEnv;
use recipe::Slices;
use recipe::usage::Usage;
use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

/// How long the heartbeat may take to notice that a peer has gone.
const HEARTBEAT_NOTICES: Duration = Duration::from_secs(2);

const EXAMPLE: &str = "\
Example:
  sluice demo                                     # bundled pages of all slices
  sluice add corpus --slice common_crawl --label 2019-30 cc/2019-30/*.wet.gz
  sluice add corpus --slice common_crawl --label 2020-05 cc/2020-05/*.wet.gz
  sluice status corpus
  sluice sample corpus --reason too_short         # look at what was dropped
  sluice export corpus --out out
  sluice build recipe.toml                        # the same by a recipe

Exit codes: 0 done; 1 failed, the corpus is at its last commit; 2 wrong usage or recipe; \
3 done, but some of the input was malformed, or has changed since it was added, and is listed; 130 or 143 ended by a signal.";

/// Build a deduplicated pre-training corpus from raw web, code, book and wiki dumps, incrementally
#[derive(Parser)]
#[command(name = "sluice", version, after_help = EXAMPLE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogFlags,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Build(build::Build),
    Estimate(estimate::Estimate),
    Add(add::Add),
    Status(status::Status),
    Show(show::Show),
    Explain(explain::Explain),
    Sample(sample::Sample),
    Report(report::Report),
    Score(score::Score),
    Models(models::Models),
    Export(export::Export),
    Trace(trace::Trace),
    Calibrate(calibrate::Calibrate),
    Decontaminate(decontaminate::Decontaminate),
    Remove(remove::Remove),
    Restore(remove::Restore),
    Prune(prune::Prune),
    Verify(verify::Verify),
    Train(train::Train),
    Bench(bench::Bench),
    Launch(launch::Launch),
    Completions(Completions),
    Man(Man),
}

/// Runs the program on `slices`.
pub fn main(slices: Slices) -> ExitCode {
    end_on_panic();
    addresses::install();
    engine::on_failure(report_failure);
    engine::on_lost_peer(report_lost_peer);
    engine::on_ending_peer(interrupt::commit_before_peer_ends);
    let command = || command_line(slices);
    CompleteEnv::with_factory(command).var(VARIABLE).bin("sluice").completer("sluice").complete();
    let cli = command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = cli.unwrap_or_else(|error| error.exit());
    let result = cli.log.start().and_then(|()| take_seat());
    let result = result.and_then(|()| run(cli.command, slices));
    scratch::wait_if_ending();
    match result {
        Ok(code) => ExitCode::from(code),
        // What the reader took is all that it wanted.
        Err(error) if error.is::<ReaderGone>() => ExitCode::from(DONE),
        Err(error) => {
            print_error(&format_args!("{error:#}"));
            ExitCode::from(code_of(&error))
        }
    }
}

/// Reports the error that ends the process.
fn report_failure(error: &dyn Display) {
    scratch::wait_if_ending();
    print_error(error);
    scratch::remove_all();
}

fn code_of(error: &anyhow::Error) -> u8 {
    let is_passing =
        error.downcast_ref().is_some_and(|error: &engine::cluster::Error| error.is_passing());
    match error {
        _ if error.is::<Usage>() => WRONG_USAGE,
        _ if is_passing => engine::LOST_PEER,
        _ => FAILED,
    }
}

/// Reports that another process of the run is lost, and returns the exit code of this one.
fn report_lost_peer(error: &dyn Display) -> u8 {
    // If a signal is ending all processes, the first says where the corpus stands.
    interrupt::exit_code().unwrap_or_else(|| {
        print_error(error);
        engine::LOST_PEER
    })
}

fn run(command: Command, slices: Slices) -> Result<u8> {
    match command {
        Command::Demo(command) => command.run(slices),
        Command::Build(command) => command.run(slices),
        Command::Estimate(command) => command.run(slices),
        Command::Add(command) => command.run(slices),
        Command::Status(command) => command.run(),
        Command::Show(command) => command.run(slices),
        Command::Explain(command) => command.run(slices),
        Command::Sample(command) => command.run(slices),
        Command::Report(command) => command.run(slices),
        Command::Score(command) => command.run(slices),
        Command::Models(command) => command.run(),
        Command::Export(command) => command.run(slices),
        Command::Trace(command) => command.run(),
        Command::Calibrate(command) => command.run(slices),
        Command::Decontaminate(command) => command.run(slices),
        Command::Remove(command) => command.run(slices),
        Command::Restore(command) => command.run(slices),
        Command::Prune(command) => command.run(slices),
        Command::Verify(command) => command.run(slices),
        Command::Train(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Launch(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(page) => page.run(command_line(slices)),
    }
}

/// The command line, with the names of slices.
fn command_line(slices: Slices) -> clap::Command {
    with_paragraphs(with_names(Cli::command(), slices))
}

/// Joins the lines of the paragraphs below the help of each command, so that they are wrapped as the
/// terminal is wide. Indented lines, the examples, stay as they are.
fn with_paragraphs(command: clap::Command) -> clap::Command {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if is_prose(last) && is_prose(line) => *last += &format!(" {line}"),
            _ => lines.push(line.to_owned()),
        }
    }
    command.after_help(lines.join("\n")).mut_subcommands(with_paragraphs)
}

/// Prints why a run ends. The exit code does not depend on whether that succeeds.
fn print_error(error: &dyn Display) {
    match log::format() {
        LogFormat::Text => errln!("sluice: {error}"),
        LogFormat::Json => tracing::error!("{error}"),
    }
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
            // The heartbeat notices it too, and knows the process.
            std::thread::sleep(HEARTBEAT_NOTICES);
            let code =
                report_lost_peer(&"a peer process is lost; the corpus is at its last commit");
            std::process::exit(i32::from(code));
        }
        before(info);
        print_error(&"this is a bug; the corpus is at its last commit");
        engine::cluster::say_failed();
        scratch::remove_all();
        std::process::exit(i32::from(FAILED));
    }));
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{Command, CommandFactory};

    /// Wrapped examples cannot be pasted into a shell.
    const COLUMNS_MAX: usize = 80;

    /// Returns the lines of examples that are too long for a terminal.
    fn too_long(command: &Command) -> Vec<String> {
        let shown = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let is_long = |line: &&str| line.starts_with(' ') && line.chars().count() > COLUMNS_MAX;
        let own =
            shown.lines().filter(is_long).map(|line| format!("{}: {line}", command.get_name()));
        own.chain(command.get_subcommands().flat_map(too_long)).collect()
    }

    #[test]
    fn commands_are_well_formed_and_their_examples_fit_a_terminal() {
        Cli::command().debug_assert();
        assert_eq!(too_long(&Cli::command()), [""; 0]);
    }
}
