//! Output: lines, messages, progress, tables of counts, plots, and units of numbers.

pub(crate) mod aside;
pub(crate) mod counts;
pub(crate) mod defects;
pub(crate) mod log;
mod output;
mod pager;
pub(crate) mod plot;
mod progress;
pub(crate) mod units;

pub(crate) use log::{LogFormat, Verbosity, notice};
pub(crate) use output::{ReaderGone, errln, outln, output_error, print, print_json};
pub(crate) use pager::page;
pub(crate) use progress::{Progress, Row, clear_bars, without_bars};
