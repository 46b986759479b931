//! Readers of the files that a corpus is made from.
//!
//! - [`compressed`]: one way to open any of them, by what they hold and not by what they are
//!   called. [`open`] gives the bytes.
//! - [`Form`]: what a file is, told by what it holds.
//! - [`eprint`]: arXiv's papers, from its bulk archives and one by one.
//! - [`warc`]: WARC records, from damaged files too. [`wet`] is the same for Common Crawl's text.
//! - [`mediawiki`]: pages of MediaWiki's XML exports, such as Wikipedia's dumps.
//! - [`mod@rows`]: records that have fields, from JSON lines or Parquet.
//! - [`files`]: whole files, of a folder or of a tar archive.
//! - [`Archive`]: zip archives; [`epub`]: books that are such; [`shelf`]: folders of one book in
//!   several forms.
//! - [`encoding`]: the text that bytes stand for.
//! - [`whole()`]: files that are one record.
//! - [`stack_exchange`]: the threads of a StackExchange site, from its table of posts.
//! - [`regular`]: opens files, and no pipe or device in their place.
//! - [`mod@prefetch`]: reads ahead of whoever consumes, in a thread of its own.
//!
//! A reader holds one record and a few buffers, and a file only where it is one record (that of
//! threads sorts on disk). What cannot be read becomes a
//! [`Defect`] that says where and why, and reading goes on behind it.

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
pub use rows::{Field, Row, Rows, columns, fields, is_named_json, rows, rows_of_stream};
pub use warc::{Kind, WarcReader, WarcRecord};
pub use whole::whole;

/// The name of a file, in lower case, without the ending that says how it is compressed.
pub fn without_compression(name: &str) -> &str {
    const ENDINGS: [&str; 8] = [".gz", ".zst", ".zstd", ".bz2", ".lz4", ".xz", ".br", ".tgz"];
    match ENDINGS.iter().find_map(|end| name.strip_suffix(end)) {
        // Some are compressed twice.
        Some(inner) => without_compression(inner),
        None => name,
    }
}
