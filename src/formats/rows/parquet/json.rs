//! Rows as JSON.

use super::shape::Shape;
use parquet::record::{Field, Row};
use serde::Serialize;
use std::io::{self, ErrorKind, Write};

/// Writes a row as an object. `None` if it has more than `bytes_max` bytes.
///
/// A text that is not UTF-8 is written with its bytes, so that the row is not JSON: the consumer
/// rejects it like a line of JSON with such bytes.
pub(super) fn object(row: &Row, columns: &[(String, Shape)], bytes_max: usize) -> Option<Vec<u8>> {
    let mut json = Json { bytes: Vec::new(), bytes_max };
    json.group(row, columns)?;
    Some(json.bytes)
}

struct Json {
    bytes: Vec<u8>,
    bytes_max: usize,
}

/// `None` if the row is too long.
type Written = Option<()>;

impl Json {
    fn put(&mut self, bytes: &[u8]) -> Written {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            return None;
        }
        self.bytes.extend_from_slice(bytes);
        Some(())
    }

    /// Writes a plain value. NaN and the infinities become null.
    fn serialize(&mut self, value: impl Serialize) -> Written {
        serde_json::to_writer(self, &value).ok()
    }

    fn group(&mut self, row: &Row, shapes: &[(String, Shape)]) -> Written {
        self.put(b"{")?;
        for (at, (name, field)) in row.get_column_iter().enumerate() {
            if at > 0 {
                self.put(b",")?;
            }
            self.serialize(name)?;
            self.put(b":")?;
            let shape = shapes.get(at).filter(|(known, _)| known == name);
            self.cell(field, shape.map_or(&Shape::Plain, |(_, shape)| shape))?;
        }
        self.put(b"}")
    }

    fn cell(&mut self, field: &Field, shape: &Shape) -> Written {
        match (field, shape) {
            (Field::Null, _) => self.put(b"null"),
            (Field::Group(row), Shape::Group(shapes)) => self.group(row, shapes),
            (Field::Group(row), _) => self.group(row, &[]),
            (Field::ListInternal(list), shape) => {
                let element = if let Shape::List(element) = shape { element } else { shape };
                self.put(b"[")?;
                for (at, field) in list.elements().iter().enumerate() {
                    if at > 0 {
                        self.put(b",")?;
                    }
                    self.cell(field, element)?;
                }
                self.put(b"]")
            }
            // Keys may have any type; those of a JSON object may not.
            (Field::MapInternal(map), shape) => {
                let plain = (Shape::Plain, Shape::Plain);
                let (key, value) = if let Shape::Map(both) = shape { &**both } else { &plain };
                self.put(b"[")?;
                for (at, (a_key, a_value)) in map.entries().iter().enumerate() {
                    self.put(if at > 0 { b",[" } else { b"[" })?;
                    self.cell(a_key, key)?;
                    self.put(b",")?;
                    self.cell(a_value, value)?;
                    self.put(b"]")?;
                }
                self.put(b"]")
            }
            (field, Shape::List(element)) => self.cell(field, element),
            (Field::Bytes(bytes), Shape::Text) => self.string(bytes.data()),
            (Field::Bytes(bytes), Shape::Uuid) => self.serialize(uuid(bytes.data())),
            // Some writers do not say that a column is text.
            (Field::Bytes(bytes), _) => match simdutf8::basic::from_utf8(bytes.data()) {
                Ok(text) => self.serialize(text),
                // Not text: a list of numbers, which no reader takes for one.
                Err(_) => self.serialize(bytes.data()),
            },
            // An invalid time is null.
            (Field::Int(days), Shape::Date) => self.serialize(date(i64::from(*days))),
            (Field::Int(time), Shape::Time(second)) => {
                self.serialize(clock(i64::from(*time), *second))
            }
            (Field::Long(time), Shape::Time(second)) => self.serialize(clock(*time, *second)),
            (Field::Long(time) | Field::TimestampMillis(time), Shape::Timestamp(second)) => {
                self.serialize(timestamp(*time, *second))
            }
            (Field::Bool(value), _) => self.serialize(value),
            (Field::Byte(value), _) => self.serialize(value),
            (Field::Short(value), _) => self.serialize(value),
            (Field::Int(value), _) => self.serialize(value),
            (Field::Long(value), _) => self.serialize(value),
            (Field::UByte(value), _) => self.serialize(value),
            (Field::UShort(value), _) => self.serialize(value),
            (Field::UInt(value), _) => self.serialize(value),
            (Field::ULong(value), _) => self.serialize(value),
            (Field::Float16(value), _) => self.serialize(f32::from(*value)),
            (Field::Float(value), _) => self.serialize(value),
            (Field::Double(value), _) => self.serialize(value),
            // Decimals, as the parquet crate formats them.
            (other, _) => self.serialize(other.to_string()),
        }
    }

    fn string(&mut self, text: &[u8]) -> Written {
        if let Ok(text) = simdutf8::basic::from_utf8(text) {
            return self.serialize(text);
        }
        self.put(b"\"")?;
        for chunk in text.utf8_chunks() {
            if !chunk.valid().is_empty() {
                let valid = serde_json::to_string(chunk.valid()).ok()?;
                self.put(&valid.as_bytes()[1..valid.len() - 1])?;
            }
            self.put(chunk.invalid())?;
        }
        self.put(b"\"")
    }
}

impl Write for Json {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes).map(|()| bytes.len()).ok_or_else(|| ErrorKind::FileTooLarge.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn uuid(bytes: &[u8]) -> String {
    let hex: String = data_encoding::HEXLOWER.encode(bytes);
    match bytes.len() {
        16 => [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"),
        _ => hex,
    }
}

/// `HH:MM:SS` with the digits that the unit has, for a time within a day.
fn clock(time: i64, second: i64) -> Option<String> {
    let seconds = time.div_euclid(second);
    if !(0..86_400).contains(&seconds) {
        return None;
    }
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let digits = second.ilog10() as usize;
    let part = time.rem_euclid(second);
    Some(format!("{hours:02}:{minutes:02}:{seconds:02}.{part:0digits$}"))
}

/// `YYYY-MM-DD HH:MM:SS.mmm +00:00`; `None` beyond the years 0 to 9999, which writers use for values
/// such as infinity.
fn timestamp(time: i64, second: i64) -> Option<String> {
    let (day, of_day) = (time.div_euclid(86_400 * second), time.rem_euclid(86_400 * second));
    Some(format!("{} {} +00:00", date(day)?, clock(of_day, second)?))
}

/// `YYYY-MM-DD`, for days since 1970, in the Gregorian calendar.
fn date(days: i64) -> Option<String> {
    // From 0000-03-01 on, in cycles of 400 years: so the leap day is the last of its year.
    let days = days.checked_add(719_468)?;
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = cycle * 400 + year + i64::from(month <= 2);
    (0..=9_999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_times_are_written() {
        for (days, shown) in [(0, "1970-01-01"), (-1, "1969-12-31"), (19_782, "2024-02-29")] {
            assert_eq!(date(days).as_deref(), Some(shown));
        }
        assert_eq!(date(-719_528).as_deref(), Some("0000-01-01"));
        assert_eq!(date(2_932_896).as_deref(), Some("9999-12-31"));
        for none in [2_932_897, -719_529, i64::MAX, i64::MIN] {
            assert_eq!(date(none), None);
        }
        let shown = timestamp(1_556_197_074_000_001, 1_000_000);
        assert_eq!(shown.as_deref(), Some("2019-04-25 12:57:54.000001 +00:00"));
        assert_eq!(timestamp(-1, 1_000).as_deref(), Some("1969-12-31 23:59:59.999 +00:00"));
        for none in [i64::MAX, i64::MIN] {
            assert_eq!(timestamp(none, 1_000_000), None);
            assert_eq!(clock(none, 1_000), None);
        }
    }
}
