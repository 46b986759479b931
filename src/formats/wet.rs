//! WET files: Common Crawl's text of each page, as `conversion` records after one `warcinfo`.

use crate::defect::ReadError;
use crate::warc::{Kind, WarcReader};
use std::path::Path;

/// Opens a WET file. The reader returns only its texts.
///
/// # Errors
/// When the file cannot be opened.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("a.warc.wet");
/// let record = "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 5\r\n\r\nLamp.\r\n\r\n";
/// std::fs::write(&path, record)?;
/// for record in formats::wet::open(&path)? {
///     assert_eq!(record?.block(), b"Lamp.");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(path: &Path) -> Result<WarcReader, ReadError> {
    Ok(WarcReader::open(path)?.keeping(|kind| *kind == Kind::Conversion))
}

/// Opens a WET file at a byte at which a record begins, as [`open`] does. Offsets count from there.
///
/// # Errors
/// When the file cannot be opened.
pub fn open_at(path: &Path, offset: u64) -> Result<WarcReader, ReadError> {
    Ok(WarcReader::open_at(path, offset)?.keeping(|kind| *kind == Kind::Conversion))
}
