//! From a token to its document, and from a document to its tokens, by the tables of an export.

use crate::layout::Layout;
use crate::{About, Error, Shuffle};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::file::statistics::Statistics;
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Shards that a message names.
const LISTED_MAX: usize = 5;

/// A document in a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traced {
    /// The shard.
    pub shard: String,
    /// Its first token in the shard.
    pub begin: u64,
    /// The token after its last.
    pub end: u64,
    /// Its id.
    pub id: String,
    /// Its slice.
    pub slice: String,
    /// Its label.
    pub label: String,
    /// Its source.
    pub source: String,
    /// Number of its record in the source.
    pub record: u64,
    /// Byte of the source where the record begins, if it is known.
    pub offset: Option<u64>,
    /// Number of the copy, from 0.
    pub copy: u32,
}

/// The tables of an export.
pub struct Tables {
    folder: PathBuf,
    about: About,
    /// Names of the shards, in their order.
    shards: Vec<String>,
}

impl Tables {
    /// Opens the tables of the export in a folder.
    ///
    /// # Errors
    /// If there is no export of tokens, or its list cannot be read.
    pub fn open(folder: &Path) -> Result<Tables, Error> {
        let about = About::read(&folder)?;
        let tables = folder.join(Layout::Provenance.name());
        let entries = std::fs::read_dir(&tables).map_err(Error::io(&tables))?;
        let mut shards = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io(&tables))?.file_name();
            let shard = name.to_str().and_then(|name| name.strip_suffix(".parquet"));
            shards.extend(shard.map(str::to_owned));
        }
        shards.sort_unstable();
        Ok(Tables { folder: folder.to_owned(), about, shards })
    }

    /// Returns how the export was made.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Returns the document that has a token of a shard. `shard` is the name of the shard or of one of
    /// its files, with or without folders.
    ///
    /// # Errors
    /// If there is no such shard or token, or the table cannot be read.
    pub fn at(&self, shard: &str, position: u64) -> Result<Traced, Error> {
        let name = shard.rsplit('/').next().unwrap_or(shard);
        // Names of labels may have dots.
        let is_named = |known: &&String| {
            name.strip_prefix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let known = self.shards.iter().find(is_named).ok_or_else(|| {
            let listed: Vec<&str> =
                self.shards.iter().take(LISTED_MAX).map(String::as_str).collect();
            let more = if self.shards.len() > LISTED_MAX { ", ..." } else { "" };
            let (folder, listed) = (self.folder.display(), listed.join(", "));
            Error::Usage(format!("{folder} has no shard {name}; it has {listed}{more}"))
        })?;
        let table = Table::open(&self.path(known))?;
        let wrong = table.wrong();
        let found = table.document_at(position).map_err(wrong)?;
        let (group, row) = found.map_err(|tokens| {
            Error::Usage(format!(
                "{known}:{position}: the shard has {tokens} tokens, which are counted from 0"
            ))
        })?;
        let found = table.row(group, row, known).map_err(table.wrong())?;
        Ok(found)
    }

    /// Returns all places of the tokens of a document, in the order of the shards.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn of(&self, id: &str) -> Result<Vec<Traced>, Error> {
        let mut all = Vec::new();
        for shard in self.shards.iter().filter(|shard| self.may_have(shard, id)) {
            let table = Table::open(&self.path(shard))?;
            for (group, row) in table.rows_of(id).map_err(table.wrong())? {
                all.push(table.row(group, row, shard).map_err(table.wrong())?);
            }
        }
        Ok(all)
    }

    fn path(&self, shard: &str) -> PathBuf {
        self.folder.join(&Layout::Provenance.files(shard)[0])
    }

    /// Whether a shard may have a document, by its name.
    fn may_have(&self, shard: &str, id: &str) -> bool {
        let mut parts = id.splitn(3, '/');
        let (slice, label) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let (Some(seed), Some(count)) = (self.about.shuffle, self.about.shards) else {
            return shard.starts_with(&format!("{slice}-{label}-"));
        };
        let number = shard.split('-').next().and_then(|number| number.parse::<u64>().ok());
        let epochs = self.about.plan.as_ref().map_or(1.0, |plan| {
            let of = plan.labels.iter().find(|of| of.slice == slice && of.label == label);
            of.map_or(0.0, |of| of.epochs)
        });
        let shuffle = Shuffle { seed };
        let bits = count.max(1).ilog2();
        (0..shuffle.copies(id, epochs)).any(|copy| {
            let position = shuffle.position(id, copy);
            Some(position.checked_shr(u64::BITS - bits).unwrap_or(0)) == number
        })
    }
}

/// The table of a shard.
struct Table {
    path: PathBuf,
    file: SerializedFileReader<File>,
}

impl Table {
    fn open(path: &Path) -> Result<Table, Error> {
        let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
        let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
        let file = File::open(path).map_err(Error::io(path))?;
        let file = SerializedFileReader::new_with_options(file, options);
        let path = path.to_owned();
        Ok(Table { file: file.map_err(wrong(&path))?, path })
    }

    fn wrong(&self) -> impl FnOnce(ParquetError) -> Error + '_ {
        wrong(&self.path)
    }

    fn groups(&self) -> usize {
        self.file.num_row_groups()
    }

    fn place(&self, name: &str) -> Result<usize, ParquetError> {
        let schema = self.file.metadata().file_metadata().schema_descr();
        let place = schema.columns().iter().position(|column| column.name() == name);
        place.ok_or_else(|| ParquetError::General(format!("it has no column {name}")))
    }

    /// Reads values of a column that has no gaps: `count` from the row `from` on.
    fn values<T: Column>(
        &self,
        group: usize,
        name: &str,
        (from, count): (usize, usize),
    ) -> Result<Vec<T>, ParquetError> {
        let reader = self.file.get_row_group(group)?.get_column_reader(self.place(name)?)?;
        let values = T::read(reader, from, count)?;
        values.ok_or_else(|| ParquetError::General(format!("the column {name} has another type")))
    }

    fn rows(&self, group: usize) -> usize {
        self.file.metadata().row_group(group).num_rows().max(0) as usize
    }

    /// Returns the row group and the row of the document that has a token, or the number of tokens.
    fn document_at(&self, position: u64) -> Result<Result<(usize, usize), u64>, ParquetError> {
        let begin = self.place("begin")?;
        let first =
            |group: usize| match self.file.metadata().row_group(group).column(begin).statistics() {
                Some(Statistics::Int64(of)) => of.min_opt().map(|min| *min as u64),
                _ => None,
            };
        // Begins ascend. A group without statistics is searched.
        let mut group = 0;
        while group + 1 < self.groups() && first(group + 1).is_some_and(|first| first <= position) {
            group += 1;
        }
        if self.groups() == 0 {
            return Ok(Err(0));
        }
        let all = (0, self.rows(group));
        let ends: Vec<i64> = self.values(group, "end", all)?;
        let row = ends.partition_point(|end| *end as u64 <= position);
        if row < ends.len() {
            return Ok(Ok((group, row)));
        }
        Ok(Err(ends.last().map_or(0, |end| *end as u64)))
    }

    /// Returns the row groups and rows of an id.
    fn rows_of(&self, id: &str) -> Result<Vec<(usize, usize)>, ParquetError> {
        let place = self.place("id")?;
        let mut found = Vec::new();
        for group in 0..self.groups() {
            let of_group = self.file.get_row_group(group)?;
            if of_group.get_column_bloom_filter(place).is_some_and(|filter| !filter.check(&id)) {
                continue;
            }
            let ids: Vec<ByteArray> = self.values(group, "id", (0, self.rows(group)))?;
            let rows = ids.iter().enumerate().filter(|(_, known)| known.data() == id.as_bytes());
            found.extend(rows.map(|(row, _)| (group, row)));
        }
        Ok(found)
    }

    fn row(&self, group: usize, row: usize, shard: &str) -> Result<Traced, ParquetError> {
        let number = |name: &str| -> Result<Option<u64>, ParquetError> {
            let value: Vec<i64> = self.values(group, name, (row, 1))?;
            Ok(value.first().map(|value| *value as u64))
        };
        let text = |name: &str| -> Result<String, ParquetError> {
            let value: Vec<ByteArray> = self.values(group, name, (row, 1))?;
            Ok(value.first().map_or(Ok(""), ByteArray::as_utf8)?.to_owned())
        };
        let copy: Vec<i32> = self.values(group, "copy", (row, 1))?;
        Ok(Traced {
            shard: shard.to_owned(),
            begin: number("begin")?.unwrap_or(0),
            end: number("end")?.unwrap_or(0),
            id: text("id")?,
            slice: text("slice")?,
            label: text("label")?,
            source: text("source")?,
            record: number("record")?.unwrap_or(0),
            offset: number("offset")?,
            copy: copy.first().map_or(0, |copy| *copy as u32),
        })
    }
}

/// A type of values.
trait Column: Sized {
    /// Reads the values of `count` rows from the row `from` on; `None` if the column has another type.
    fn read(
        reader: ColumnReader,
        from: usize,
        count: usize,
    ) -> Result<Option<Vec<Self>>, ParquetError>;
}

fn read<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    from: usize,
    count: usize,
) -> Result<Vec<T::T>, ParquetError> {
    reader.skip_records(from)?;
    let (mut levels, mut values, mut read) = (Vec::new(), Vec::new(), 0);
    // A call may end at a page.
    while read < count {
        let (records, ..) =
            reader.read_records(count - read, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    Ok(values)
}

impl Column for i64 {
    fn read(
        reader: ColumnReader,
        from: usize,
        count: usize,
    ) -> Result<Option<Vec<i64>>, ParquetError> {
        match reader {
            ColumnReader::Int64ColumnReader(reader) => read(reader, from, count).map(Some),
            _ => Ok(None),
        }
    }
}

impl Column for i32 {
    fn read(
        reader: ColumnReader,
        from: usize,
        count: usize,
    ) -> Result<Option<Vec<i32>>, ParquetError> {
        match reader {
            ColumnReader::Int32ColumnReader(reader) => read(reader, from, count).map(Some),
            _ => Ok(None),
        }
    }
}

impl Column for ByteArray {
    fn read(
        reader: ColumnReader,
        from: usize,
        count: usize,
    ) -> Result<Option<Vec<ByteArray>>, ParquetError> {
        match reader {
            ColumnReader::ByteArrayColumnReader(reader) => read(reader, from, count).map(Some),
            _ => Ok(None),
        }
    }
}

fn wrong(path: &Path) -> impl FnOnce(ParquetError) -> Error + '_ {
    move |error| Error::corrupt(path, format!("not a table of an export: {error}; export it again"))
}
