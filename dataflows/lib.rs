//! The slices of RedPajama-1T.
//!
//! Each file is one slice: its recipe's numbers, its graph, its tests. To add one, write the file
//! and give it a row in [`SLICES`].

mod c4;
mod common_crawl;
mod stack_exchange;

/// Every slice, in the order of RedPajama's table.
pub static SLICES: &[app::Slice] =
    &[common_crawl::COMMON_CRAWL, c4::C4, stack_exchange::STACK_EXCHANGE];
