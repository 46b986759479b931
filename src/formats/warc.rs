//! WARC records (ISO 28500), whole, in file order, from healthy files and damaged ones.
//!
//! A record is `WARC/1.x`, header lines, an empty line, a block of `Content-Length` bytes, and
//! two line ends. Files of Common Crawl and the Internet Archive have each record in a gzip
//! member of its own. Any other division, and none, is read as well.
//!
//! The kinds of damage that are distinguished, and their effect:
//!
//! | damage | read | reported |
//! |---|---|---|
//! | file or member ends within a block | the record, `truncated` | yes |
//! | file or member ends within a header | nothing | yes |
//! | corrupt member | nothing of the record at that place | yes |
//! | header broken, `Content-Length` missing or not a number | nothing of the record | yes |
//! | `Content-Length` too small | the record, as long as that says | yes |
//! | `Content-Length` too large | the record, `truncated` where the next begins | yes |
//! | block over [`BLOCK_BYTES_MAX`] | nothing of the record | yes |
//! | bytes between records | the records around them | once for each run |
//!
//! After damage, a record begins at the next line that begins with `WARC/` and a digit, or at the
//! next member. So a record in a plain file whose length is wrong and whose text quotes such a line
//! is cut there, and the quotation becomes a record or a defect. A record of right length never is.

mod gather;
mod header;
mod input;
mod reader;
mod record;

pub use header::HEADER_BYTES_MAX;
pub use reader::{BLOCK_BYTES_MAX, WarcReader};
pub use record::{Kind, WarcRecord};

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
