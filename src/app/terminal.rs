//! Output for people: lines, progress, tables of counts, plots, and units of numbers.

pub(crate) mod aside;
pub(crate) mod counts;
mod output;
pub(crate) mod plot;
mod progress;
pub(crate) mod units;

pub(crate) use output::{ReaderGone, errln, outln, output_error, print, print_json};
pub(crate) use progress::{Progress, Row, Verbosity, notice};
