//! WET files: Common Crawl's text of each page, as `conversion` records behind one `warcinfo`
//! (recipe 1.1: "record 1 is `WARC-Type: warcinfo`; the others `conversion`").

use crate::defect::ReadError;
use crate::warc::{Kind, WarcReader};
use std::path::Path;

/// Opens a WET file: a reader that gives its texts only.
pub fn open(path: &Path) -> Result<WarcReader, ReadError> {
    Ok(WarcReader::open(path)?.keeping(|kind| *kind == Kind::Conversion))
}
