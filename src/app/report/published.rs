//! Sizes beside those that were published.
//!
//! LLaMA: Touvron et al. 2023, arXiv:2302.13971, Table 1: the share of each data set in the batches, and
//! its size on disk. RedPajama-1T: the README of togethercomputer/RedPajama-Data, tokens of GPT-NeoX-20B's
//! tokenizer; Weber et al. 2024, arXiv:2411.12372, Table 1.

use super::SliceReport;
use serde::Serialize;

/// What was published about a slice.
struct Published {
    slice: &'static str,
    llama_share: f64,
    llama_bytes: u64,
    redpajama_tokens: u64,
}

const GB: u64 = 1_000_000_000;
const BILLION: u64 = 1_000_000_000;

const fn published(
    slice: &'static str,
    llama_share: f64,
    llama_gb: u64,
    redpajama_billions: u64,
) -> Published {
    let (llama_bytes, redpajama_tokens) = (llama_gb * GB, redpajama_billions * BILLION);
    Published { slice, llama_share, llama_bytes, redpajama_tokens }
}

const PUBLISHED: [Published; 7] = [
    published("common_crawl", 0.67, 3300, 878),
    published("c4", 0.15, 783, 175),
    published("github", 0.045, 328, 59),
    published("books", 0.045, 85, 26),
    published("arxiv", 0.025, 92, 28),
    published("wikipedia", 0.045, 83, 24),
    published("stack_exchange", 0.02, 78, 20),
];

/// Returns LLaMA's share of each slice.
pub(crate) fn llama_shares() -> impl Iterator<Item = (String, f64)> {
    PUBLISHED.iter().map(|published| (published.slice.to_owned(), published.llama_share))
}

/// Returns the share of each slice in the tokens of RedPajama-1T.
pub(crate) fn redpajama_shares() -> impl Iterator<Item = (String, f64)> {
    let share = |published: &Published| published.redpajama_tokens as f64 / redpajama_all() as f64;
    PUBLISHED.iter().map(move |published| (published.slice.to_owned(), share(published)))
}

fn redpajama_all() -> u64 {
    PUBLISHED.iter().map(|published| published.redpajama_tokens).sum()
}

/// The size of a slice beside those that were published.
#[derive(Serialize)]
pub(crate) struct Size {
    /// The slice.
    pub slice: String,
    /// Documents kept.
    pub documents: u64,
    /// Bytes of text kept.
    pub bytes: u64,
    /// Tokens kept, if they are counted.
    pub tokens: Option<u64>,
    /// Its share of the corpus: of the tokens if all slices have them, else of the bytes.
    pub share: f64,
    /// LLaMA's share.
    pub llama_share: Option<f64>,
    /// LLaMA's size on disk.
    pub llama_bytes: Option<u64>,
    /// RedPajama-1T's tokens.
    pub redpajama_tokens: Option<u64>,
    /// RedPajama-1T's share.
    pub redpajama_share: Option<f64>,
}

/// Returns the sizes of all slices that the corpus or the tables have: those of the tables first.
pub(super) fn sizes(slices: &[SliceReport]) -> Vec<Size> {
    let known = PUBLISHED.iter().map(|published| published.slice);
    let is_known = |slice: &&str| PUBLISHED.iter().any(|published| published.slice == *slice);
    let own = slices.iter().map(|slice| slice.slice.as_str()).filter(|slice| !is_known(slice));
    let has_tokens = slices.iter().all(|slice| slice.all.counts.tokens.is_some());
    let amount = |slice: &SliceReport| match slice.all.counts.tokens {
        Some(tokens) if has_tokens => tokens,
        _ => slice.all.counts.bytes_kept,
    };
    let all: u64 = slices.iter().map(amount).sum();
    let size = |name: &str| {
        let own = slices.iter().find(|slice| slice.slice == name);
        let published = PUBLISHED.iter().find(|published| published.slice == name);
        let counts = own.map(|slice| &slice.all.counts);
        Size {
            slice: name.to_owned(),
            documents: counts.map_or(0, |counts| counts.kept),
            bytes: counts.map_or(0, |counts| counts.bytes_kept),
            tokens: counts.and_then(|counts| counts.tokens),
            share: own.map_or(0, amount) as f64 / all.max(1) as f64,
            llama_share: published.map(|published| published.llama_share),
            llama_bytes: published.map(|published| published.llama_bytes),
            redpajama_tokens: published.map(|published| published.redpajama_tokens),
            redpajama_share: published
                .map(|published| published.redpajama_tokens as f64 / redpajama_all() as f64),
        }
    };
    known.chain(own).map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::PUBLISHED;

    #[test]
    fn the_tables_add_up_as_published() {
        let shares: f64 = PUBLISHED.iter().map(|published| published.llama_share).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{shares}");
        let tokens: u64 = PUBLISHED.iter().map(|published| published.redpajama_tokens).sum();
        assert_eq!(tokens, 1_210_000_000_000);
        let bytes: u64 = PUBLISHED.iter().map(|published| published.llama_bytes).sum();
        assert_eq!(bytes, 4_749_000_000_000);
    }
}
