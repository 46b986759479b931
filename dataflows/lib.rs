//! The slices of RedPajama-1T.
//!
//! Each file is one slice: its recipe's numbers, its graph, its tests. To add one, write the file
//! and give it a row in [`SLICES`].

mod books;
mod c4;
mod arxiv;
mod common_crawl;
mod github;

/// Every slice, in the order of RedPajama's table.
pub static SLICES: &[app::Slice] = &[common_crawl::COMMON_CRAWL, c4::C4, github::GITHUB];
pub static SLICES: &[app::Slice] = &[common_crawl::COMMON_CRAWL, c4::C4, books::BOOKS];
mod wikipedia;

/// Every slice, in the order of RedPajama's table.
pub static SLICES: &[app::Slice] = &[common_crawl::COMMON_CRAWL, c4::C4, wikipedia::WIKIPEDIA];
pub static SLICES: &[app::Slice] = &[common_crawl::COMMON_CRAWL, arxiv::ARXIV];
mod stack_exchange;

/// Every slice, in the order of RedPajama's table.
pub static SLICES: &[app::Slice] =
    &[common_crawl::COMMON_CRAWL, c4::C4, stack_exchange::STACK_EXCHANGE];
