//! What a terminal shows: progress, tables of counts, plots, and how numbers are written.

pub(crate) mod counts;
pub(crate) mod plot;
mod progress;
pub(crate) mod units;

pub(crate) use progress::{Progress, Row, Verbosity, notice};
