//! Exit codes.

/// Done.
pub(crate) const DONE: u8 = 0;
/// Failed; the corpus is as it was, or at its last commit.
pub(crate) const FAILED: u8 = 1;
/// The command line or the recipe is wrong.
pub(crate) const WRONG_USAGE: u8 = 2;
/// Done, but some of the input could not be read and is listed.
pub(crate) const DONE_WITH_DEFECTS: u8 = 3;
