//! A Parquet table of a shard.

use super::Written;
use super::file::Output;
use crate::Error;
use corpus::export::Destination;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Compression level. Fixed, because the bytes of the file depend on it.
const ZSTD_LEVEL: i32 = 3;

/// A table that is being written.
pub(super) struct Table {
    path: PathBuf,
    file: SerializedFileWriter<Output>,
}

/// A row group that is being written.
pub(super) type Group<'w> = SerializedRowGroupWriter<'w, Output>;

impl Table {
    /// Creates a table with a schema. `set` sets properties besides those that all tables have.
    pub fn create(
        out: &dyn Destination,
        name: &str,
        schema: &str,
        set: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
    ) -> Result<Table, Error> {
        let path = out.path(name);
        let schema = parse_message_type(schema).expect("a valid schema");
        let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("a level of Zstandard");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("sluicebox".into());
        let properties = Arc::new(set(properties).build());
        let file = Output::create(out, name)?;
        let file = SerializedFileWriter::new(file, Arc::new(schema), properties);
        let file = file.map_err(wrong(&path))?;
        Ok(Table { path, file })
    }

    /// Writes a row group: `write` writes its columns, in their order.
    pub fn group(
        &mut self,
        write: impl FnOnce(&mut Group<'_>) -> Result<(), ParquetError>,
    ) -> Result<(), Error> {
        let file = &mut self.file;
        let written = || {
            let mut group = file.next_row_group()?;
            write(&mut group)?;
            group.close().map(|_| ())
        };
        written().map_err(wrong(&self.path))
    }

    /// Gives the file its name. `tokens` are those that it is about.
    pub fn finish(self, tokens: u64) -> Result<Written, Error> {
        let output = self.file.into_inner().map_err(wrong(&self.path))?;
        output.publish(tokens)
    }
}

/// Writes the next column of a row group.
pub(super) fn column<T: DataType>(
    group: &mut Group<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
    repeats: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.expect("the schema has every column");
    column.typed::<T>().write_batch(values, levels, repeats)?;
    column.close()
}

fn wrong(path: &Path) -> impl FnOnce(ParquetError) -> Error + '_ {
    move |error| match error {
        // Errors of the operating system, such as a full disk, are wrapped.
        ParquetError::External(error) => match error.downcast() {
            Ok(error) => Error::io(path)(*error),
            Err(error) => Error::corrupt(path, format!("cannot be written: {error}")),
        },
        error => Error::corrupt(path, format!("cannot be written: {error}")),
    }
}
