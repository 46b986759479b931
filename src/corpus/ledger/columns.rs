//! The columns of the ledger: one table for the schema, the writer and the reader.

use super::LedgerRow;
use super::find::values;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use document::DocRef;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::{ColumnWriter, ColumnWriterImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;

/// A column: its name and type, and the field of a row.
pub(super) struct Column {
    name: &'static str,
    field: Field,
}

type Get<T> = fn(&LedgerRow) -> T;
type Set<T> = fn(&mut LedgerRow, T);
type TrySet<T> = fn(&mut LedgerRow, T) -> Result<(), &'static str>;

/// The type of a column, and how to get its value from a row and set it.
enum Field {
    Long(Get<u64>, Set<u64>),
    OptionalLong(Get<Option<u64>>, Set<u64>),
    Int(Get<u32>, Set<u32>),
    OptionalDouble(Get<Option<f64>>, Set<f64>),
    Text(Get<String>, TrySet<String>),
    OptionalText(Get<Option<String>>, TrySet<String>),
    OptionalJson(Get<Option<String>>, TrySet<String>),
}

use Field::{Int, Long, OptionalDouble, OptionalJson, OptionalLong, OptionalText, Text};

/// A value as Parquet stores it.
enum Stored {
    Long(i64),
    Int(i32),
    Double(f64),
    Text(String),
}

const fn column(name: &'static str, field: Field) -> Column {
    Column { name, field }
}

/// The columns in their order. `ref` orders the rows; `id`, `source`, `record` and `offset` locate
/// the record in its source.
pub(super) const COLUMNS: [Column; 24] = [
    column("ref", Long(|row| row.at.0, |row, at| row.at = DocRef(at))),
    column("id", Text(|row| row.id.clone(), |row, id| set(&mut row.id, id))),
    column("url", Text(|row| row.url.clone(), |row, url| set(&mut row.url, url))),
    column("source", Text(|row| row.source.clone(), |row, path| set(&mut row.source, path))),
    column("record", Long(|row| row.at.record(), |_, _| {})), // Part of `ref`.
    column("offset", Long(|row| row.offset, |row, offset| row.offset = offset)),
    column("digest", Text(digest, set_digest)),
    column("bytes_read", Long(|row| row.bytes_read, |row, bytes| row.bytes_read = bytes)),
    column("bytes_kept", Long(|row| row.bytes_kept, |row, bytes| row.bytes_kept = bytes)),
    column(
        "paragraphs_read",
        Int(|row| row.paragraphs.read, |row, count| row.paragraphs.read = count),
    ),
    column(
        "paragraphs_duplicate",
        Int(|row| row.paragraphs.duplicate, |row, count| row.paragraphs.duplicate = count),
    ),
    column(
        "language",
        OptionalText(
            |row| row.language.as_ref().map(|language| language.code.clone()),
            |row, code| set(&mut row.language.get_or_insert_default().code, code),
        ),
    ),
    column(
        "language_score",
        OptionalDouble(
            |row| row.language.as_ref().map(|language| language.score),
            |row, score| row.language.get_or_insert_default().score = score,
        ),
    ),
    column("verdict", Text(verdict, set_verdict)),
    column(
        "reason",
        OptionalText(|row| row.reason.as_ref().map(|reason| reason.to_string()), set_reason),
    ),
    column(
        "perplexity",
        OptionalDouble(|row| row.scores.perplexity, |row, p| row.scores.perplexity = Some(p)),
    ),
    column(
        "bucket",
        OptionalText(
            |row| row.scores.bucket.as_ref().map(|bucket| bucket.to_string()),
            |row, bucket| set(&mut row.scores.bucket, Some(bucket.into())),
        ),
    ),
    column(
        "quality",
        OptionalDouble(|row| row.scores.quality, |row, q| row.scores.quality = Some(q)),
    ),
    column(
        "tokens",
        OptionalLong(|row| row.scores.tokens, |row, tokens| row.scores.tokens = Some(tokens)),
    ),
    column(
        "signals",
        OptionalJson(
            |row| row.signals.clone(),
            |row, signals| set(&mut row.signals, Some(signals)),
        ),
    ),
    column(
        "contamination",
        OptionalJson(
            |row| row.contamination.clone(),
            |row, found| set(&mut row.contamination, Some(found)),
        ),
    ),
    column(
        "witness",
        OptionalText(|row| row.witness.clone(), |row, id| set(&mut row.witness, Some(id))),
    ),
    column(
        "similarity",
        OptionalDouble(|row| row.similarity, |row, similar| row.similarity = Some(similar)),
    ),
    column("page", OptionalLong(|row| row.page, |row, page| row.page = Some(page))),
];

/// The number of columns in ledgers of earlier versions, which lack the last ones.
pub(super) const COLUMNS_MIN: usize = 20;

const KEPT: &str = "kept";
const DROPPED: &str = "dropped";
const CONTRADICTION: &str = "a verdict and a reason that contradict each other";

fn set<T>(field: &mut T, value: T) -> Result<(), &'static str> {
    *field = value;
    Ok(())
}

fn digest(row: &LedgerRow) -> String {
    HEXLOWER.encode(&row.digest.to_be_bytes())
}

fn set_digest(row: &mut LedgerRow, digits: String) -> Result<(), &'static str> {
    let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    row.digest = u128::from_be_bytes(bytes.ok_or("a digest that is not 32 digits")?);
    Ok(())
}

fn verdict(row: &LedgerRow) -> String {
    if row.reason.is_none() { KEPT.into() } else { DROPPED.into() }
}

/// Leaves an empty reason for a dropped record, which the next column replaces.
fn set_verdict(row: &mut LedgerRow, verdict: String) -> Result<(), &'static str> {
    row.reason = (verdict != KEPT).then_some("".into());
    Ok(())
}

fn set_reason(row: &mut LedgerRow, reason: String) -> Result<(), &'static str> {
    match &mut row.reason {
        Some(dropped) => set(dropped, reason.into()),
        None => Err(CONTRADICTION),
    }
}

/// The Parquet schema of the columns.
pub(super) fn schema() -> String {
    let columns = COLUMNS.iter().map(|column| {
        let (kind, suffix) = match column.field {
            Long(..) => ("required int64", ""),
            OptionalLong(..) => ("optional int64", ""),
            Int(..) => ("required int32", ""),
            OptionalDouble(..) => ("optional double", ""),
            Text(..) => ("required binary", " (string)"),
            OptionalText(..) => ("optional binary", " (string)"),
            OptionalJson(..) => ("optional binary", " (json)"),
        };
        format!("{kind} {}{suffix}; ", column.name)
    });
    format!("message ledger {{ {}}}", columns.collect::<String>())
}

/// Checks a row whose columns are all read.
pub(super) fn check(row: &LedgerRow) -> Result<(), ParquetError> {
    match row.reason.as_deref() {
        Some("") => Err(ParquetError::General(CONTRADICTION.to_owned())),
        _ => Ok(()),
    }
}

/// Returns the place of the column with this name.
pub(super) fn place_of(name: &str) -> usize {
    let place = COLUMNS.iter().position(|column| column.name == name);
    place.expect("the name of a column")
}

impl Column {
    /// Sets the field of `rows` from the next records of a row group.
    pub fn read(
        &self,
        reader: &mut ColumnReader,
        rows: &mut [LedgerRow],
    ) -> Result<(), ParquetError> {
        match reader {
            ColumnReader::Int64ColumnReader(reader) => {
                self.read_values(reader, rows, |value| Ok(Stored::Long(value)))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                self.read_values(reader, rows, |value| Ok(Stored::Int(value)))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                self.read_values(reader, rows, |value| Ok(Stored::Double(value)))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                self.read_values(reader, rows, |value| {
                    Ok(Stored::Text(value.as_utf8()?.to_owned()))
                })
            }
            _ => Err(self.wrong_type()),
        }
    }

    fn read_values<T: DataType>(
        &self,
        reader: &mut ColumnReaderImpl<T>,
        rows: &mut [LedgerRow],
        stored: fn(T::T) -> Result<Stored, ParquetError>,
    ) -> Result<(), ParquetError> {
        let (mut levels, mut values) = (Vec::with_capacity(rows.len()), Vec::new());
        let (records, ..) =
            reader.read_records(rows.len(), Some(&mut levels), None, &mut values)?;
        // A required column has no levels.
        let is_present = |row: usize| levels.get(row).is_none_or(|level| *level == 1);
        let expected = (0..records).filter(|row| is_present(*row)).count();
        if records != rows.len() || values.len() != expected {
            return Err(ParquetError::General("a column ends before the last row".to_owned()));
        }
        let mut values = values.into_iter();
        for (_, row) in rows.iter_mut().enumerate().filter(|(place, _)| is_present(*place)) {
            let value = values.next().expect("counted above");
            self.set(row, stored(value)?)?;
        }
        Ok(())
    }

    /// Sets the field of `rows` from the records of a row group at `places`, which ascend. Values
    /// between them are skipped.
    pub fn read_at(
        &self,
        reader: &mut ColumnReader,
        places: &[usize],
        rows: &mut [LedgerRow],
    ) -> Result<(), ParquetError> {
        let mut next = 0;
        for (place, row) in places.iter().zip(rows) {
            let value = match reader {
                ColumnReader::Int64ColumnReader(reader) => {
                    value_at(reader, place - next)?.map(Stored::Long)
                }
                ColumnReader::Int32ColumnReader(reader) => {
                    value_at(reader, place - next)?.map(Stored::Int)
                }
                ColumnReader::DoubleColumnReader(reader) => {
                    value_at(reader, place - next)?.map(Stored::Double)
                }
                ColumnReader::ByteArrayColumnReader(reader) => {
                    let text = value_at(reader, place - next)?;
                    text.map(|text| text.as_utf8().map(|text| Stored::Text(text.to_owned())))
                        .transpose()?
                }
                _ => return Err(self.wrong_type()),
            };
            if let Some(value) = value {
                self.set(row, value)?;
            }
            next = place + 1;
        }
        Ok(())
    }

    fn set(&self, row: &mut LedgerRow, value: Stored) -> Result<(), ParquetError> {
        let done = match (&self.field, value) {
            (Long(_, set), Stored::Long(value)) => {
                set(row, value as u64);
                Ok(())
            }
            (OptionalLong(_, set), Stored::Long(value)) => {
                set(row, value as u64);
                Ok(())
            }
            (Int(_, set), Stored::Int(value)) => {
                set(row, value as u32);
                Ok(())
            }
            (OptionalDouble(_, set), Stored::Double(value)) => {
                set(row, value);
                Ok(())
            }
            (Text(_, set) | OptionalText(_, set) | OptionalJson(_, set), Stored::Text(value)) => {
                set(row, value)
            }
            _ => return Err(self.wrong_type()),
        };
        done.map_err(|what| ParquetError::General(what.to_owned()))
    }

    fn wrong_type(&self) -> ParquetError {
        ParquetError::General(format!("the column {} has another type", self.name))
    }

    /// Writes the column of `rows`.
    pub fn write(
        &self,
        rows: &[LedgerRow],
        writer: &mut ColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        use ColumnWriter::{
            ByteArrayColumnWriter, DoubleColumnWriter, Int32ColumnWriter, Int64ColumnWriter,
        };
        match (&self.field, writer) {
            (Long(get, _), Int64ColumnWriter(writer)) => {
                let values: Vec<i64> = rows.iter().map(|row| get(row) as i64).collect();
                writer.write_batch(&values, None, None)?;
            }
            (OptionalLong(get, _), Int64ColumnWriter(writer)) => {
                let (values, levels) = present(rows, |row| get(row).map(|value| value as i64));
                writer.write_batch(&values, Some(&levels), None)?;
            }
            (Int(get, _), Int32ColumnWriter(writer)) => {
                let values: Vec<i32> = rows.iter().map(|row| get(row) as i32).collect();
                writer.write_batch(&values, None, None)?;
            }
            (OptionalDouble(get, _), DoubleColumnWriter(writer)) => {
                let (values, levels) = present(rows, get);
                writer.write_batch(&values, Some(&levels), None)?;
            }
            (Text(get, _), ByteArrayColumnWriter(writer)) => {
                let values = rows.iter().map(|row| ByteArray::from(&get(row)[..]));
                writer.write_batch(&values.collect::<Vec<_>>(), None, None)?;
            }
            (OptionalText(get, _) | OptionalJson(get, _), ByteArrayColumnWriter(writer)) => {
                let text = |row: &LedgerRow| get(row).map(|text| ByteArray::from(&text[..]));
                let (values, levels) = present(rows, text);
                writer.write_batch(&values, Some(&levels), None)?;
            }
            _ => unreachable!("the schema has the types of the columns"),
        }
        Ok(())
    }
}

/// Rows of a row group and their places in it, which ascend.
#[derive(Clone, Copy)]
pub(super) struct Placed<'r> {
    pub places: &'r [usize],
    pub rows: &'r [LedgerRow],
}

impl Column {
    /// Whether two rows have the same value.
    pub fn is_equal(&self, one: &LedgerRow, other: &LedgerRow) -> bool {
        match self.field {
            Long(get, _) => get(one) == get(other),
            OptionalLong(get, _) => get(one) == get(other),
            Int(get, _) => get(one) == get(other),
            OptionalDouble(get, _) => get(one).map(f64::to_bits) == get(other).map(f64::to_bits),
            Text(get, _) => get(one) == get(other),
            OptionalText(get, _) | OptionalJson(get, _) => get(one) == get(other),
        }
    }

    /// Writes the column of a row group that `reader` reads, with the values of other rows in their
    /// places.
    pub fn rewrite(
        &self,
        reader: &mut ColumnReader,
        records: usize,
        placed: Placed<'_>,
        writer: &mut ColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        use ColumnReader as R;
        use ColumnWriter as W;
        match (&self.field, reader, writer) {
            (Long(get, _), R::Int64ColumnReader(reader), W::Int64ColumnWriter(writer)) => {
                rewrite(reader, records, placed, |row| Some(get(row) as i64), writer)
            }
            (OptionalLong(get, _), R::Int64ColumnReader(reader), W::Int64ColumnWriter(writer)) => {
                let get = |row: &LedgerRow| get(row).map(|value| value as i64);
                rewrite(reader, records, placed, get, writer)
            }
            (Int(get, _), R::Int32ColumnReader(reader), W::Int32ColumnWriter(writer)) => {
                rewrite(reader, records, placed, |row| Some(get(row) as i32), writer)
            }
            (
                OptionalDouble(get, _),
                R::DoubleColumnReader(reader),
                W::DoubleColumnWriter(writer),
            ) => rewrite(reader, records, placed, get, writer),
            (Text(get, _), R::ByteArrayColumnReader(reader), W::ByteArrayColumnWriter(writer)) => {
                let get = |row: &LedgerRow| Some(ByteArray::from(get(row).into_bytes()));
                rewrite(reader, records, placed, get, writer)
            }
            (
                OptionalText(get, _) | OptionalJson(get, _),
                R::ByteArrayColumnReader(reader),
                W::ByteArrayColumnWriter(writer),
            ) => {
                let get = |row: &LedgerRow| get(row).map(|text| ByteArray::from(text.into_bytes()));
                rewrite(reader, records, placed, get, writer)
            }
            _ => Err(self.wrong_type()),
        }
    }
}

fn rewrite<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    records: usize,
    placed: Placed<'_>,
    get: impl Fn(&LedgerRow) -> Option<T::T>,
    writer: &mut ColumnWriterImpl<'_, T>,
) -> Result<(), ParquetError> {
    let (levels, mut values) = values(reader, records)?;
    let others = placed.places.iter().copied().zip(placed.rows.iter().map(get));
    if levels.is_empty() {
        for (place, value) in others {
            values[place] = value.expect("a required column has all values");
        }
        return writer.write_batch(&values, None, None).map(|_| ());
    }
    let (mut before, mut others) = (values.into_iter(), others.peekable());
    let mut now = Vec::with_capacity(records);
    let levels_now = levels.iter().enumerate().map(|(place, level)| {
        let value = if *level == 1 { before.next() } else { None };
        let value = others.next_if(|(other, _)| *other == place).map_or(value, |(_, other)| other);
        let level = i16::from(value.is_some());
        now.extend(value);
        level
    });
    let levels_now: Vec<i16> = levels_now.collect();
    writer.write_batch(&now, Some(&levels_now), None).map(|_| ())
}

/// The values that are present, and the definition level of each row: 0 if its value is absent.
fn present<T>(rows: &[LedgerRow], get: impl Fn(&LedgerRow) -> Option<T>) -> (Vec<T>, Vec<i16>) {
    let values: Vec<Option<T>> = rows.iter().map(get).collect();
    let levels = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.into_iter().flatten().collect(), levels)
}

/// Skips `skipped` records of a column, and returns the value of the next one; `None` if it is
/// absent.
fn value_at<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    skipped: usize,
) -> Result<Option<T::T>, ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let end = || ParquetError::General("a column ends before the last row".to_owned());
    if reader.skip_records(skipped)? != skipped {
        return Err(end());
    }
    let (records, ..) = reader.read_records(1, Some(&mut levels), None, &mut values)?;
    if records == 1 { Ok(values.pop()) } else { Err(end()) }
}
