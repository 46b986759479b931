//! Writing scored documents as Parquet: the text, the other fields as JSON, and a typed column for
//! each score.

use super::line::Row;
use document::Scores;
use durable::AtomicFile;
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use std::sync::Arc;

/// A row group ends at so many rows, or so many bytes of texts and fields.
const ROWS_IN_GROUP: usize = 10_000;
const GROUP_BYTES: usize = 64 << 20;

/// The Zstandard level of the export.
const ZSTD_LEVEL: i32 = 3;

/// A file of rows.
pub(super) struct Table {
    writer: SerializedFileWriter<AtomicFile>,
    signals: Vec<&'static str>,
    rows: Vec<Row>,
    bytes: usize,
}

/// Returns a string of a row.
type Text = Box<dyn Fn(&Row) -> Option<&str>>;

/// Returns a number of a row.
type Number = Box<dyn Fn(&Row) -> Option<f64>>;

/// The values of a column, found in a row.
enum Column {
    Text(Text),
    Double(Number),
    Long(fn(&Row) -> Option<i64>),
}

impl Table {
    /// Begins a file with a column for each of `signals`.
    pub(super) fn create(file: AtomicFile, signals: Vec<&'static str>) -> Result<Table> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .build();
        let writer = SerializedFileWriter::new(file, schema(&signals)?, Arc::new(properties))?;
        Ok(Table { writer, signals, rows: Vec::new(), bytes: 0 })
    }

    pub(super) fn write(&mut self, row: Row) -> Result<()> {
        self.bytes += row.document.text.len() + row.fields.len();
        self.rows.push(row);
        if self.rows.len() == ROWS_IN_GROUP || self.bytes >= GROUP_BYTES {
            self.end_group()?;
        }
        Ok(())
    }

    /// Ends the file. It is not published yet.
    pub(super) fn finish(mut self) -> Result<AtomicFile> {
        self.end_group()?;
        self.writer.into_inner()
    }

    fn end_group(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        let mut columns = columns(&self.signals).into_iter();
        while let Some(mut writer) = group.next_column()? {
            let column = columns.next().ok_or_else(|| {
                ParquetError::General("the schema has more columns than the rows".to_owned())
            })?;
            column.write(writer.untyped(), &self.rows)?;
            writer.close()?;
        }
        group.close()?;
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// Returns the columns in the order of the schema.
fn columns(signals: &[&'static str]) -> Vec<Column> {
    let text = |of: fn(&Row) -> Option<&str>| Column::Text(Box::new(of));
    let double = |of: fn(&Row) -> Option<f64>| Column::Double(Box::new(of));
    let mut columns = vec![
        text(|row| Some(&row.document.text)),
        text(|row| Some(&row.fields)),
        text(|row| row.document.language.as_ref().map(|language| language.code.as_str())),
        double(|row| row.document.language.as_ref().map(|language| language.score)),
        double(|row| scores(row).perplexity),
        text(|row| scores(row).bucket.as_deref()),
        double(|row| scores(row).quality),
        Column::Long(|row| scores(row).tokens.and_then(|tokens| i64::try_from(tokens).ok())),
    ];
    columns.extend(signals.iter().map(|wanted| {
        let wanted = *wanted;
        Column::Double(Box::new(move |row| {
            let found = scores(row).signals.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| *value)
        }))
    }));
    columns
}

fn scores(row: &Row) -> &Scores {
    &row.document.scores
}

/// Returns the schema: `text`, `fields` and the group `scores`, with the names of the JSON lines.
fn schema(signals: &[&'static str]) -> Result<TypePtr> {
    use PhysicalType::{BYTE_ARRAY, DOUBLE, INT64};
    const OPTIONAL: Repetition = Repetition::OPTIONAL;
    const REQUIRED: Repetition = Repetition::REQUIRED;
    let column = |name: &str, physical, repetition, logical: Option<LogicalType>| {
        let column = Type::primitive_type_builder(name, physical);
        column.with_repetition(repetition).with_logical_type(logical).build().map(Arc::new)
    };
    let group = |name: &str, fields| {
        let group = Type::group_type_builder(name).with_repetition(REQUIRED).with_fields(fields);
        group.build().map(Arc::new)
    };
    let text = Some(LogicalType::String);
    let mut of_scores = vec![
        column("language", BYTE_ARRAY, OPTIONAL, text.clone())?,
        column("language_score", DOUBLE, OPTIONAL, None)?,
        column("perplexity", DOUBLE, OPTIONAL, None)?,
        column("bucket", BYTE_ARRAY, OPTIONAL, text.clone())?,
        column("wiki_prob", DOUBLE, OPTIONAL, None)?,
        column("tokens", INT64, OPTIONAL, None)?,
    ];
    if !signals.is_empty() {
        let all = signals.iter().map(|name| column(name, DOUBLE, OPTIONAL, None));
        of_scores.push(group("signals", all.collect::<Result<_>>()?)?);
    }
    let root = Type::group_type_builder("scored").with_fields(vec![
        column("text", BYTE_ARRAY, REQUIRED, text)?,
        column("fields", BYTE_ARRAY, REQUIRED, Some(LogicalType::Json))?,
        group("scores", of_scores)?,
    ]);
    root.build().map(Arc::new)
}

impl Column {
    fn write(&self, writer: &mut ColumnWriter<'_>, rows: &[Row]) -> Result<()> {
        match (self, writer) {
            (Column::Text(of), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let found = rows.iter().map(|row| of(row).map(ByteArray::from));
                let (values, levels) = optional(found);
                writer.write_batch(&values, Some(&levels), None)?;
            }
            (Column::Double(of), ColumnWriter::DoubleColumnWriter(writer)) => {
                let (values, levels) = optional(rows.iter().map(of));
                writer.write_batch(&values, Some(&levels), None)?;
            }
            (Column::Long(of), ColumnWriter::Int64ColumnWriter(writer)) => {
                let (values, levels) = optional(rows.iter().map(of));
                writer.write_batch(&values, Some(&levels), None)?;
            }
            _ => return Err(ParquetError::General("a column of another type".to_owned())),
        }
        Ok(())
    }
}

/// Separates values from the levels that say which rows have one.
fn optional<T>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    (present, levels)
}
