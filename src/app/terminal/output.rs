//! Writing to standard output and standard error without the panics of `println!`.

use anyhow::{Result, anyhow};
use std::fmt;
use std::io::{self, ErrorKind, Write};

/// Prints a line on standard output.
macro_rules! outln {
    ($($argument:tt)*) => {
        $crate::terminal::print(format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// Prints a line on standard error. Failing to log is not a reason to end a run.
macro_rules! errln {
    ($($argument:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($argument)*);
    }};
}

pub(crate) use {errln, outln};

/// Prints a text on standard output.
pub(crate) fn print(text: fmt::Arguments<'_>) -> Result<()> {
    io::stdout().write_fmt(text).map_err(|error| output_error("standard output", error))
}

/// Prints a value as indented JSON on standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<()> {
    outln!("{value:#}")
}

/// The error of a failed write to `output`.
pub(crate) fn output_error(output: &str, error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => anyhow!(error).context(format!("cannot write {output}")),
    }
}

/// The reader of our output has closed it, as `head` does. There is nobody to report it to.
#[derive(Debug)]
pub(crate) struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of the output has closed it")
    }
}

impl std::error::Error for ReaderGone {}
