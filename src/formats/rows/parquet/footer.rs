//! Checks a Parquet file's schema before the parquet crate reads it. That crate recurses for each level
//! of nesting, and allocates memory for as many children as a group claims to have.
//!
//! Thrift's compact protocol, as far as the schema needs it (parquet-format, `parquet.thrift`:
//! `FileMetaData`, `SchemaElement`).

use crate::access::Random;
use std::io::Read;

/// The most levels of nesting.
const LEVELS_MAX: usize = 64;

/// The most levels of structures that are skipped.
const DEEP_MAX: usize = 16;

const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// Whether the schema of a file can be read. True also for a file that is not Parquet, for which the
/// parquet crate has better errors.
pub(super) fn is_sane(file: &Random) -> std::io::Result<bool> {
    const END: u64 = 8;
    let bytes = file.size();
    if bytes < END {
        return Ok(true);
    }
    let mut end = [0; END as usize];
    file.starting_at(bytes - END).read_exact(&mut end)?;
    let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    if &end[4..] != b"PAR1" || length > bytes - END {
        return Ok(true);
    }
    let mut footer = Vec::new();
    file.starting_at(bytes - END - length).take(length).read_to_end(&mut footer)?;
    Ok(Thrift { rest: &footer }.schema_is_sane().unwrap_or(false))
}

/// The content of the header of a page.
pub(super) struct PageHeader {
    /// Size of the header.
    pub bytes: u64,
    /// Size of the page as stored, after its header.
    pub stored: u64,
    /// Size of the page once inflated.
    pub inflated: u64,
    /// Cells of a data page; `None` for a dictionary or an index.
    pub cells: Option<u64>,
}

/// Parses the header of a page (`parquet.thrift`: `PageHeader`). `None` where it does not end in
/// `bytes`, or is something else.
pub(super) fn page_header(bytes: &[u8]) -> Option<PageHeader> {
    const INFLATED: i64 = 2;
    const STORED: i64 = 3;
    const DATA: i64 = 5;
    const DATA_V2: i64 = 8;
    let mut thrift = Thrift { rest: bytes };
    let (mut inflated, mut stored, mut cells) = (None, None, None);
    let mut field = 0;
    while let Some(kind) = thrift.field(&mut field)? {
        let is_number = (4..=6).contains(&kind);
        match field {
            INFLATED if is_number => inflated = u64::try_from(thrift.zigzag()?).ok(),
            STORED if is_number => stored = u64::try_from(thrift.zigzag()?).ok(),
            DATA | DATA_V2 if kind == STRUCT => {
                let mut inner = 0;
                while let Some(kind) = thrift.field(&mut inner)? {
                    match inner {
                        // The number of cells is the first field of both.
                        1 if (4..=6).contains(&kind) => {
                            cells = u64::try_from(thrift.zigzag()?).ok();
                        }
                        _ => thrift.skip(kind, DEEP_MAX)?,
                    }
                }
            }
            _ => thrift.skip(kind, DEEP_MAX)?,
        }
    }
    let read = (bytes.len() - thrift.rest.len()) as u64;
    Some(PageHeader { bytes: read, stored: stored?, inflated: inflated?, cells })
}

struct Thrift<'a> {
    rest: &'a [u8],
}

impl Thrift<'_> {
    /// `None` where the footer ends or is something else.
    fn schema_is_sane(&mut self) -> Option<bool> {
        const SCHEMA: i64 = 2;
        let mut field = 0;
        while let Some(kind) = self.field(&mut field)? {
            if field == SCHEMA && kind == LIST {
                let (elements, _) = self.list()?;
                return self.elements_are_sane(elements);
            }
            self.skip(kind, DEEP_MAX)?;
        }
        None
    }

    fn elements_are_sane(&mut self, elements: u64) -> Option<bool> {
        // For each open group, the children that are still to come.
        let mut open: Vec<u64> = Vec::new();
        for number in 0..elements {
            let children = self.children()?;
            while open.last() == Some(&0) {
                open.pop();
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > elements - number - 1 || open.len() == LEVELS_MAX {
                return Some(false);
            }
            if children > 0 {
                open.push(children);
            }
        }
        Some(true)
    }

    /// Returns how many children an element of the schema has.
    fn children(&mut self) -> Option<u64> {
        const CHILDREN: i64 = 5;
        let (mut field, mut children) = (0, 0);
        while let Some(kind) = self.field(&mut field)? {
            if field == CHILDREN && kind != STRUCT {
                children = u64::try_from(self.zigzag()?).unwrap_or(0);
            } else {
                self.skip(kind, DEEP_MAX)?;
            }
        }
        Some(children)
    }

    /// Returns the type of a structure's next field; `Some(None)` at its end.
    fn field(&mut self, field: &mut i64) -> Option<Option<u8>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        *field = match head >> 4 {
            0 => self.zigzag()?,
            step => field.checked_add(i64::from(step))?,
        };
        Some(Some(head & 15))
    }

    /// The size of a list and the type of what is in it.
    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let size = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        Some((size, head & 15))
    }

    fn skip(&mut self, kind: u8, deep: usize) -> Option<()> {
        match kind {
            1 | 2 => Some(()),
            BYTE => self.byte().map(|_| ()),
            4..=6 => self.varint().map(|_| ()),
            DOUBLE => self.take(8),
            BINARY => {
                let length = self.varint()?;
                self.take(length)
            }
            LIST | SET => {
                let (size, kind) = self.list()?;
                // In a list a truth value is a byte.
                let kind = if kind <= 2 { BYTE } else { kind };
                (0..size).try_for_each(|_| self.skip(kind, deep.checked_sub(1)?))
            }
            STRUCT => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, deep.checked_sub(1)?)?;
                }
                Some(())
            }
            // Maps are not in a schema, nor before it.
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, bytes: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Whether a schema is accepted whose elements have these numbers of children.
    fn with(children: &[u32]) -> bool {
        let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
        let varint = |mut value: u32, into: &mut Vec<u8>| {
            while value >= 0x80 {
                into.push(value as u8 | 0x80);
                value >>= 7;
            }
            into.push(value as u8);
        };
        varint(children.len() as u32, &mut footer);
        for count in children {
            // A name in field 4, and the number of children in field 5.
            footer.extend([0x48, 0x01, b'a', 0x15]);
            varint(count << 1, &mut footer);
            footer.push(0);
        }
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"PAR1").expect("written");
        file.write_all(&footer).expect("written");
        file.write_all(&(footer.len() as u32).to_le_bytes()).expect("written");
        file.write_all(b"PAR1").expect("written");
        is_sane(&file.into()).expect("read")
    }

    #[test]
    fn nesting_and_children_are_bounded() {
        assert!(with(&[2, 0, 1, 0]));
        let nested = |levels: usize| [vec![1; levels], vec![0]].concat();
        assert!(with(&nested(60)) && !with(&nested(200_000)));
        assert!(!with(&[1 << 30, 0]) && !with(&[3, 0, 0]));
        assert!(with(&[100, 0].iter().copied().chain([0; 99]).collect::<Vec<_>>()));
    }
}
