//! Reading some columns of all rows of a ledger file, without rows.

use super::columns::place_of;
use super::pages::{Pages, Values, all_texts, check_numbers, read, texts};
use super::parquet_error;
use crate::error::Error;
use bytes::Bytes;
use document::DocRef;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use std::fs::File;
use std::path::Path;

/// Columns of the rows of a row group, in the order of refs.
#[derive(Default)]
pub struct LedgerColumns {
    /// The number of rows.
    pub rows: usize,
    /// The sources of the rows: the number of each and how many consecutive rows are of it.
    pub sources: Vec<(u64, usize)>,
    /// `bytes_kept`.
    pub bytes_kept: Vec<i64>,
    /// `reason`: absent for documents that are kept.
    pub reason: Words,
    /// `language`.
    pub language: Words,
    /// `bucket`.
    pub bucket: Words,
    /// `language_score`; not a number where it is absent, as in all columns of numbers.
    pub language_score: Vec<f64>,
    /// `perplexity`.
    pub perplexity: Vec<f64>,
    /// `quality`.
    pub quality: Vec<f64>,
    /// `tokens`; -1 where they are not counted.
    pub tokens: Vec<i64>,
    /// `url` of each document that is kept.
    pub kept_urls: Urls,
}

/// A column with few different values.
#[derive(Default)]
pub struct Words {
    /// The values, in the order in which they were first seen.
    pub names: Vec<String>,
    /// For each row the number of its value, from 1 on; 0 if it is absent.
    pub values: Vec<u32>,
}

impl Words {
    /// Returns the value of a row; `None` if it is absent.
    pub fn of(&self, row: usize) -> Option<&str> {
        let number = self.values[row] as usize;
        number.checked_sub(1).map(|place| self.names[place].as_str())
    }

    fn number(&mut self, value: &[u8]) -> u32 {
        let name = String::from_utf8_lossy(value);
        let place = self.names.iter().position(|known| *known == name);
        let place = place.unwrap_or_else(|| {
            self.names.push(name.into_owned());
            self.names.len() - 1
        });
        place as u32 + 1
    }

    pub(super) fn read(&mut self, mut pages: Pages) -> Result<(), ParquetError> {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let mut known: Option<Vec<u32>> = None;
        while let Some(rows) = pages.next()? {
            let mut present = Vec::new();
            match &rows.values {
                Values::Numbers(numbers) => {
                    let known = match &mut known {
                        Some(known) => known,
                        None => {
                            let all = all_texts(&pages.dictionary)?.into_iter();
                            known.insert(
                                all.map(|(start, end)| self.number(&pages.dictionary[start..end]))
                                    .collect(),
                            )
                        }
                    };
                    check_numbers(numbers, known.len())?;
                    present.extend(numbers.iter().map(|number| known[*number as usize]));
                }
                Values::Plain(bytes, count) => texts(bytes, *count, |start, end| {
                    present.push(self.number(&bytes[start..end]));
                })?,
            }
            rows.spread(present, 0, &mut values);
        }
        self.values = values;
        Ok(())
    }
}

/// The addresses of some rows.
#[derive(Default)]
pub struct Urls {
    pages: Vec<Bytes>,
    /// The row, and where its address is in which page.
    places: Vec<(usize, usize, usize, usize)>,
}

impl Urls {
    /// The addresses, each with the place of its row in the columns.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let of = |&(row, page, start, end): &(usize, usize, usize, usize)| {
            (row, &self.pages[page][start..end])
        };
        self.places.iter().map(of)
    }

    /// Reads the addresses of the rows that are wanted. Returns the number of all rows.
    pub(super) fn read(
        &mut self,
        mut pages: Pages,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Result<usize, ParquetError> {
        self.pages.clear();
        self.places.clear();
        let (mut row, mut dictionary) = (0, None);
        while let Some(rows) = pages.next()? {
            let page = self.pages.len();
            let mut take = |start: usize, end: usize| {
                if is_wanted(row) {
                    self.places.push((row, page, start, end));
                }
                row += 1;
            };
            match rows.values {
                Values::Plain(bytes, count) => {
                    texts(&bytes, count, take)?;
                    self.pages.push(bytes);
                }
                Values::Numbers(numbers) => {
                    let all = match &dictionary {
                        Some(all) => all,
                        None => dictionary.insert(all_texts(&pages.dictionary)?),
                    };
                    check_numbers(&numbers, all.len())?;
                    for number in numbers {
                        let (start, end) = all[number as usize];
                        take(start, end);
                    }
                    self.pages.push(pages.dictionary.clone());
                }
            }
        }
        Ok(row)
    }
}

/// Passes the columns of a ledger file to `each`, one row group at a time.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub(crate) fn scan(path: &Path, mut each: impl FnMut(&LedgerColumns)) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::unopened(path))?;
    let file = SerializedFileReader::new(file).map_err(parquet_error(path))?;
    let mut columns = LedgerColumns::default();
    for group in 0..file.num_row_groups() {
        columns.read(&file, group).map_err(parquet_error(path))?;
        each(&columns);
    }
    Ok(())
}

impl LedgerColumns {
    fn read(
        &mut self,
        file: &SerializedFileReader<File>,
        group: usize,
    ) -> Result<(), ParquetError> {
        let open = |name: &str| Pages::open(file, group, name);
        self.rows = file.metadata().row_group(group).num_rows().max(0) as usize;
        self.sources = sources(file, group)?;
        for (name, into) in [("bytes_kept", &mut self.bytes_kept), ("tokens", &mut self.tokens)] {
            read(open(name)?, i64::from_le_bytes, -1, into)?;
            check(into.len(), self.rows)?;
        }
        for (name, into) in [
            ("language_score", &mut self.language_score),
            ("perplexity", &mut self.perplexity),
            ("quality", &mut self.quality),
        ] {
            read(open(name)?, f64::from_le_bytes, f64::NAN, into)?;
            check(into.len(), self.rows)?;
        }
        for (name, into) in [
            ("reason", &mut self.reason),
            ("language", &mut self.language),
            ("bucket", &mut self.bucket),
        ] {
            into.read(open(name)?)?;
            check(into.values.len(), self.rows)?;
        }
        let reasons = &self.reason.values;
        let rows = self.kept_urls.read(open("url")?, |row| reasons.get(row) == Some(&0))?;
        check(rows, self.rows)
    }
}

/// Returns the sources of the rows of a row group. Refs are read only if nothing else tells.
fn sources(
    file: &SerializedFileReader<File>,
    group: usize,
) -> Result<Vec<(u64, usize)>, ParquetError> {
    let metadata = file.metadata().row_group(group);
    let rows = metadata.num_rows().max(0) as usize;
    let source = |at: i64| DocRef(at as u64).source();
    if let Some(Statistics::Int64(of)) = metadata.column(place_of("ref")).statistics()
        && let (Some(first), Some(last)) = (of.min_opt(), of.max_opt())
    {
        let (first, last) = (source(*first), source(*last));
        if first == last {
            return Ok(vec![(first, rows)]);
        }
        // Where a path begins, a source begins. With as many paths as there can be sources, each source
        // has one.
        let mut paths = Words::default();
        paths.read(Pages::open(file, group, "source")?)?;
        let runs: Vec<usize> = paths.values.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
        check(paths.values.len(), rows)?;
        if last.checked_sub(first).is_some_and(|more| more + 1 == runs.len() as u64) {
            return Ok((first..).zip(runs).collect());
        }
    }
    let mut refs = Vec::new();
    read(Pages::open(file, group, "ref")?, i64::from_le_bytes, 0, &mut refs)?;
    check(refs.len(), rows)?;
    let of_source = refs.chunk_by(|a, b| source(*a) == source(*b));
    Ok(of_source.map(|refs| (source(refs[0]), refs.len())).collect())
}

fn check(found: usize, rows: usize) -> Result<(), ParquetError> {
    if found == rows { Ok(()) } else { Err(ParquetError::General("a column is too short".into())) }
}
