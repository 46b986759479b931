//! The slices of RedPajama-1T, and the instructions on which its models were tuned.
//!
//! Each file is one slice: the numbers of its recipe, its graph, its tests. To add one, write the
//! file and add a row to [`SLICES`].

mod arxiv;
mod books;
mod c4;
mod common_crawl;
mod github;
mod instruct;
mod stack_exchange;
#[cfg(test)]
mod testing;
mod wikipedia;

use recipe::Slices;

/// Every slice: those of RedPajama-1T in the order of its table, then the others.
pub static SLICES: Slices = &[
    &common_crawl::CommonCrawl,
    &c4::C4,
    &github::GitHub,
    &arxiv::Arxiv,
    &books::Books,
    &wikipedia::Wikipedia,
    &stack_exchange::StackExchange,
    &instruct::Instruct,
];
