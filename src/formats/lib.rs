//! Readers of the files that a corpus is made from.
//!
//! - [`compressed`]: one way to open any of them, by what they hold and not by what they are
//!   called. [`open`] gives the bytes.
//! - [`warc`]: WARC records, from damaged files too. [`wet`] is the same for Common Crawl's text.
//! - [`mod@rows`]: records that have fields, from JSON lines or Parquet.
//! - [`stack_exchange`]: the threads of a StackExchange site, from its table of posts.
//! - [`mod@prefetch`]: reads ahead of whoever consumes, in a thread of its own.
//!
//! A reader holds one record and a few buffers, never a file (that of threads sorts on disk). What cannot be read becomes a
//! [`Defect`] that says where and why, and reading goes on behind it.

pub mod compressed;
mod defect;
pub mod prefetch;
pub mod rows;
pub mod stack_exchange;
pub mod warc;
pub mod wet;

pub use compressed::open;
pub use defect::{Defect, ReadError};
pub use prefetch::{Ahead, Batches, SourcePanicked, Waiting, prefetch};
pub use rows::{Row, Rows, rows};
pub use warc::{Kind, WarcReader, WarcRecord};
