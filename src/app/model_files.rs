//! The catalogue of model files, fetching them, and checking them.

pub(crate) mod catalogue;
pub(crate) mod checksum;
pub(crate) mod fetch;
pub(crate) mod records;
