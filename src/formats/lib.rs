//! Readers of the files that a corpus is made from.
//!
//! - [`compressed`]: opens any of them by content and not by name. [`open`] returns the bytes.
//! - [`Form`]: what a file is, detected from its content.
//! - [`mod@eprint`]: arXiv's papers, from its bulk archives and one by one.
//! - [`warc`]: WARC records, from damaged files too. [`wet`] reads those of Common Crawl's text.
//! - [`mediawiki`]: pages of MediaWiki's XML exports, such as Wikipedia's dumps.
//! - [`mod@rows`]: records that have fields, from JSON lines or Parquet.
//! - [`files`]: whole files, of a folder or of a tar archive.
//! - [`Archive`]: zip archives. [`epub`]: books in them. [`shelf`]: folders of one book in several
//!   forms.
//! - [`encoding`]: bytes to text.
//! - [`whole()`]: files that are one record.
//! - [`stack_exchange`]: the threads of a StackExchange site, from its table of posts.
//! - [`mod@access`]: opens sources, wherever they are. [`regular`]: opens regular files only.
//! - [`mod@prefetch`]: reads ahead of the consumer, in a thread of its own. [`parallel`]: has others
//!   help that thread.
//!
//! A reader holds one record and a few buffers, and a whole file only if that is one record (the
//! reader of threads sorts on disk). What cannot be read becomes a [`Defect`] with its place and the
//! reason, and reading resumes after it. Where the device fails, reading ends.

pub mod access;
mod archive;
pub mod compressed;
mod defect;
pub mod encoding;
pub mod eprint;
pub mod epub;
mod failure;
pub mod files;
mod form;
pub mod mediawiki;
pub mod parallel;
pub mod prefetch;
pub mod regular;
pub mod rows;
pub mod shelf;
pub mod stack_exchange;
pub mod warc;
pub mod wet;
mod whole;

pub use archive::{Archive, ZIP_MAGIC};
pub use compressed::open;
pub use defect::{Defect, ReadError};
pub use form::{Form, mistaken};
pub use prefetch::{Ahead, Batches, SourcePanicked, Waiting, prefetch};
pub use rows::{
    Field, Fields, Row, Rows, columns, compact, fields, is_named_json, rows, rows_of_stream, utf8,
};
pub use warc::{Kind, WarcReader, WarcRecord};
pub use whole::whole;

/// Returns a name, in lower case, without the endings of compressions.
pub fn without_compression(name: &str) -> &str {
    const ENDINGS: [&str; 8] = [".gz", ".zst", ".zstd", ".bz2", ".lz4", ".xz", ".br", ".tgz"];
    match ENDINGS.iter().find_map(|end| name.strip_suffix(end)) {
        // Some files are compressed twice.
        Some(inner) => without_compression(inner),
        None => name,
    }
}
