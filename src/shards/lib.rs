//! Token shards: what a trainer reads, made from the documents of a corpus.
//!
//! ```text
//! count   tokens of each label, where the corpus does not know them     -> mixture: epochs of each
//! scan    documents of each shard, and a digest of them                 -> shards that are whole
//! write   tokens of the documents of the other shards -> external sort  -> files, one shard at a time
//! ```
//!
//! * [`Encoder`]: from a text to the bytes of its tokens.
//! * [`Shuffle`]: the order of all documents, by a hash of their ids.
//! * [`Mixture`]: how often the documents of each label are in it.
//! * [`Layout`]: the files of a shard, as each trainer expects them.
//! * [`export()`]: all of it.
//! * [`Tables`]: from a token to its document, and back.
//!
//! The files depend on the documents and the options; not on the number of threads, the memory, or how
//! the corpus was built. All memory is bounded: what belongs together is sorted in temporary files.

mod about;
mod card;
mod count;
mod encoder;
mod error;
mod export;
mod input;
mod layout;
mod mixture;
mod offsets;
mod order;
mod record;
mod scan;
mod trace;
mod write;

pub use about::{About, TokenizerFile};
pub use encoder::{Encoder, Mark, Width};
pub use error::Error;
pub use export::{Options, Report, export};
pub use layout::Layout;
pub use mixture::{LabelPlan, Mixture, Plan, Weights};
pub use order::Shuffle;
pub use trace::{Tables, Traced};
