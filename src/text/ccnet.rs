//! CCNet, as RedPajama ran it: the page in a WET record, the key by which paragraphs are compared,
//! the shard of a WET file, and the text that the language models read.
//!
//! Upstream: facebookresearch/cc_net, `cc_net/process_wet_file.py`, `cc_net/text_normalizer.py`
//! and `cc_net/dedup.py`.

mod digits;
mod model_text;
mod normalize;
mod page;

pub use model_text::normalize_for_lm;
pub use normalize::{EMPTY_PARAGRAPH_KEY, normalize_paragraph, paragraph_key};
pub use page::{Page, page, source_domain};

/// Returns the shard of WET file number `source` of `sources` when a dump is cut into `shards`: the
/// `s` with `s * sources / shards <= source < (s + 1) * sources / shards`, quotients rounded down
/// (`cc_net/process_wet_file.py`, the segments of a `CCShardReader`).
///
/// # Panics
///
/// If `source` is not less than `sources`.
pub fn shard_of(source: u64, sources: u64, shards: u64) -> u64 {
    assert!(source < sources, "file {source} of {sources}");
    // The largest s with s * sources < shards * (source + 1); that is below `shards`.
    let bound = u128::from(shards) * (u128::from(source) + 1);
    (bound.saturating_sub(1) / u128::from(sources)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_range_of_its_shard() {
        for (sources, shards) in [(10, 4), (10, 10), (3, 7), (80_000, 5_000), (71_520, 5_000)] {
            for source in 0..sources {
                let shard = shard_of(source, sources, shards);
                let range = shard * sources / shards..(shard + 1) * sources / shards;
                assert!(range.contains(&source), "{source} of {sources} is not in {range:?}");
            }
        }
    }
}
