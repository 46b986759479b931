//! Which model files there are, where they come from, and whether they are what they should be.

pub(crate) mod catalogue;
pub(crate) mod checksum;
pub(crate) mod fetch;
pub(crate) mod records;
