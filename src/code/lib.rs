//! Rules on files of source code, after RedPajama-Data@rp_v1 `data_prep/github`.
//!
//! - [`header`]: cuts the copyright notice at a file's head.
//! - [`statistics`]: the numbers that decide whether a file is kept.
//! - [`path`]: rules on a file's path.
//! - [`licence`]: which licences the text of a LICENSE file grants.
//! - [`expression`]: SPDX licence expressions.
//! - [`statement`]: the licence of a repository, from all places that may state it.
//! - [`row`]: rows of tables of source files.
//! - [`repository`]: repositories on disk and in archives.

pub mod expression;
pub mod header;
pub mod licence;
mod manifest;
pub mod path;
pub mod repository;
mod restriction;
pub mod row;
pub mod statement;
pub mod statistics;

#[cfg(test)]
mod golden;
