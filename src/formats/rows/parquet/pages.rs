//! The pages of a row group, checked before they are inflated.
//!
//! A page of a few kilobytes may inflate to gigabytes, and is inflated as a whole. So the headers of
//! all pages are read first. A page that would be larger than [`PAGE_BYTES_MAX`] is never inflated:
//! the rows with a cell in it are lost, and a page of empty cells replaces it.

use super::footer::{PageHeader, page_header};
use crate::access::Random;
use crate::failure::Failure;
use parquet::basic::{Encoding, Type as Physical};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::RowGroupReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::record::reader::RowIter;
use parquet::schema::types::{SchemaDescriptor, Type};
use std::ops::Range;
use std::sync::Arc;

/// Larger pages are not inflated. A little more than a line of JSON may have.
const PAGE_BYTES_MAX: u64 = (256 << 20) + (64 << 10);

/// The size of all pages that a batch of rows is in.
const BATCH_BYTES_MAX: u64 = 64 << 20;

/// Rows decoded at once where pages are small.
const ROWS_MAX: u64 = 64;

/// A header of a page may have the least and the greatest text of its column.
const HEADER_BYTES: usize = 1 << 10;
const HEADER_BYTES_MAX: usize = 16 << 20;

/// The most cells of a page that is left out, if each takes memory.
const EMPTY_CELLS_MAX: u64 = 1 << 20;

type Result<T> = std::result::Result<T, ParquetError>;

/// A row group, as the crate reads it.
pub(super) struct Group {
    file: Arc<Random>,
    metadata: RowGroupMetaData,
    /// For each column, the pages that are left out: their number, and how many cells they have.
    left_out: Vec<Vec<(usize, u64)>>,
    /// Rows of the group that have a cell in a page that is left out.
    lost: Vec<(Range<u64>, String)>,
    rows_at_once: usize,
}

impl Group {
    /// Checks the pages of a group with the columns of `schema`.
    pub fn new(
        file: &Random,
        schema: &Arc<SchemaDescriptor>,
        metadata: &RowGroupMetaData,
    ) -> std::result::Result<Group, Failure> {
        if metadata.num_columns() != schema.num_columns() {
            return Err(Failure::of_content("a row group has other columns than the schema"));
        }
        let mut columns = Vec::new();
        let (mut left_out, mut lost) = (Vec::new(), Vec::new());
        let mut largest = 1;
        for (at, column) in metadata.columns().iter().enumerate() {
            let column = with_type(column, schema, at)?;
            let mut of_column = Vec::new();
            let mut row = 0;
            for (page_at, page) in pages(file, &column)?.into_iter().enumerate() {
                let cells = page.cells.unwrap_or(0);
                let rows = row..row + cells;
                if page.cells.is_some() {
                    row += cells;
                }
                if page.inflated <= PAGE_BYTES_MAX {
                    largest = largest.max(page.inflated);
                    continue;
                }
                let name = column.column_path().string();
                let (most, bytes) = (PAGE_BYTES_MAX >> 20, page.inflated);
                let what =
                    format!("a page of {bytes} bytes in column {name}, more than {most} MiB");
                if !can_be_empty(&column, page.cells) {
                    return Err(Failure::of_content(what));
                }
                of_column.push((page_at, cells));
                lost.push((rows, what));
            }
            left_out.push(of_column);
            columns.push(column);
        }
        let metadata = RowGroupMetaData::builder(schema.clone())
            .set_num_rows(metadata.num_rows())
            .set_column_metadata(columns)
            .build()?;
        let rows_at_once = (BATCH_BYTES_MAX / largest).clamp(1, ROWS_MAX) as usize;
        Ok(Group { file: Arc::new(file.clone()), metadata, left_out, lost, rows_at_once })
    }

    pub fn rows_at_once(&self) -> usize {
        self.rows_at_once
    }

    /// Returns why a row of the group is lost, if it is.
    pub fn lost(&self, row: u64) -> Option<String> {
        self.lost.iter().find(|(rows, _)| rows.contains(&row)).map(|(_, what)| what.clone())
    }
}

/// Returns the column with the type that it has in `schema`.
fn with_type(
    column: &ColumnChunkMetaData,
    schema: &SchemaDescriptor,
    at: usize,
) -> Result<ColumnChunkMetaData> {
    ColumnChunkMetaData::builder(schema.column(at))
        .set_encodings_mask(*column.encodings_mask())
        .set_num_values(column.num_values())
        .set_compression(column.compression())
        .set_total_compressed_size(column.compressed_size())
        .set_total_uncompressed_size(column.uncompressed_size())
        .set_data_page_offset(column.data_page_offset())
        .set_dictionary_page_offset(column.dictionary_page_offset())
        .set_index_page_offset(column.index_page_offset())
        .build()
}

/// Reads the headers of all pages of a column.
fn pages(
    file: &Random,
    column: &ColumnChunkMetaData,
) -> std::result::Result<Vec<PageHeader>, Failure> {
    let first = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let range = u64::try_from(first.min(column.data_page_offset()))
        .and_then(|from| u64::try_from(column.compressed_size()).map(|bytes| (from, bytes)));
    let Ok((mut at, bytes)) = range else {
        return Err(Failure::of_content("a column begins nowhere"));
    };
    let end = at.saturating_add(bytes);
    let mut pages = Vec::new();
    let mut cells = 0;
    while at < end && cells < column.num_values() as u64 {
        let header = read_header(file, at, end)?;
        at += header.bytes + header.stored;
        cells += header.cells.unwrap_or(0);
        pages.push(header);
    }
    Ok(pages)
}

fn read_header(file: &Random, at: u64, end: u64) -> std::result::Result<PageHeader, Failure> {
    let mut size = HEADER_BYTES;
    loop {
        let mut bytes = vec![0; size.min((end - at) as usize)];
        let n = file.read_at(&mut bytes, at)?;
        if let Some(header) = page_header(&bytes[..n]) {
            return Ok(header);
        }
        let is_all = n < size || size >= HEADER_BYTES_MAX;
        if is_all {
            return Err(Failure::of_content("the header of a page is damaged"));
        }
        size *= 16;
    }
}

/// Whether a page of empty cells can replace a large one: its column is not in a list, and its type
/// has an empty value.
fn can_be_empty(column: &ColumnChunkMetaData, cells: Option<u64>) -> bool {
    let descr = column.column_descr();
    let is_optional = descr.max_def_level() > 0;
    let is_text = descr.physical_type() == Physical::BYTE_ARRAY;
    descr.max_rep_level() == 0
        && cells.is_some_and(|cells| is_optional || (is_text && cells < EMPTY_CELLS_MAX))
}

impl RowGroupReader for Group {
    fn metadata(&self) -> &RowGroupMetaData {
        &self.metadata
    }

    fn num_columns(&self) -> usize {
        self.metadata.num_columns()
    }

    fn get_column_page_reader(&self, i: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata.column(i);
        let rows = usize::try_from(self.metadata.num_rows()).unwrap_or(0);
        let inner = SerializedPageReader::new(self.file.clone(), column, rows, None)?;
        if self.left_out[i].is_empty() {
            return Ok(Box::new(inner));
        }
        let is_optional = column.column_descr().max_def_level() > 0;
        Ok(Box::new(Pages { inner, left_out: self.left_out[i].clone(), is_optional, at: 0 }))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, _: Option<Type>) -> Result<RowIter<'_>> {
        Err(ParquetError::NYI("rows are read by TreeBuilder".into()))
    }
}

/// The pages of a column, with empty pages in place of those that are left out.
struct Pages {
    inner: SerializedPageReader<Random>,
    left_out: Vec<(usize, u64)>,
    is_optional: bool,
    at: usize,
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let at = self.at;
        self.at += 1;
        match self.left_out.iter().find(|(left_out, _)| *left_out == at) {
            None => self.inner.get_next_page(),
            Some((_, cells)) => {
                self.inner.skip_next_page()?;
                Ok(Some(empty(*cells, self.is_optional)))
            }
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.at += 1;
        self.inner.skip_next_page()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Returns a page of `cells` nulls, or of `cells` empty texts.
fn empty(cells: u64, is_optional: bool) -> Page {
    let buf = if is_optional {
        // One run of levels that are 0 (parquet-format, Encodings.md: RLE), after its length.
        let mut run = Vec::new();
        let mut head = cells << 1;
        while head >= 0x80 {
            run.push(head as u8 | 0x80);
            head >>= 7;
        }
        run.extend([head as u8, 0]);
        [&(run.len() as u32).to_le_bytes()[..], &run].concat()
    } else {
        vec![0; 4 * cells as usize]
    };
    Page::DataPage {
        buf: buf.into(),
        num_values: cells as u32,
        encoding: Encoding::PLAIN,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    }
}
