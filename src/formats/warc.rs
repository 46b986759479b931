//! WARC records (ISO 28500), whole, in file order, from healthy files and damaged ones.
//!
//! A record is `WARC/1.x`, header lines, an empty line, a block of `Content-Length` bytes, and
//! two line ends. Files of Common Crawl and the Internet Archive put each record into a gzip
//! member of its own; any other division, and none, is read as well.
//!
//! What is told apart when a file is damaged, and what follows:
//!
//! | damage | read | reported |
//! |---|---|---|
//! | file or member ends within a block | the record, `truncated` | yes |
//! | file or member ends within a header | nothing | yes |
//! | corrupt member | nothing of the record at that place | yes |
//! | header broken, `Content-Length` missing or no number | nothing of the record | yes |
//! | `Content-Length` too small | the record, as long as that says | yes |
//! | `Content-Length` too large | the record, `truncated` where the next begins | yes |
//! | block over [`BLOCK_BYTES_MAX`] | nothing of the record | yes |
//! | bytes between records | the records around them | once for each run |
//!
//! Behind damage the next line that begins `WARC/` and a digit begins a record, as does the next
//! member. So a record in a plain file whose length is wrong and whose text quotes such a line is
//! cut there, and the quotation becomes a record or a defect; a record of right length never is.

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
