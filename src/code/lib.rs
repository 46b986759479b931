//! Rules on files of source code, as RedPajama-Data@rp_v1 `data_prep/github` has them.
//!
//! - [`header`]: cuts the copyright notice at a file's head.
//! - [`statistics`]: the numbers that decide whether a file is kept.
//! - [`path`]: what is told by a file's path alone.
//! - [`licence`]: which licences the text of a LICENSE file grants.
//! - [`expression`]: licences in one line, as SPDX writes them.
//! - [`statement`]: what a repository says of its licence, in all places that may say it.
//! - [`row`]: rows of the tables that such files come in.
//! - [`repository`]: the other form, repositories on disk and in archives.

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
