//! Columns of a row group, decoded page by page. A text is told by its number in the dictionary, so
//! that there is no value of its own for each row.

use super::columns::place_of;
use super::find::reader_is_optional;
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;

/// The pages of a column of a row group.
pub(super) struct Pages {
    reader: Box<dyn PageReader>,
    /// Rows of the row group.
    group_rows: usize,
    is_optional: bool,
    /// The values that rows have by number; empty if there are none.
    pub dictionary: Bytes,
}

/// Consecutive rows of a column.
pub(super) struct Rows {
    /// For each row 1 if it has a value, else 0; empty if all have.
    pub levels: Vec<u32>,
    /// The values that are present.
    pub values: Values,
}

pub(super) enum Values {
    /// Their numbers in the dictionary.
    Numbers(Vec<u32>),
    /// So many, as they are.
    Plain(Bytes, usize),
}

impl Pages {
    pub fn open(
        file: &SerializedFileReader<File>,
        group: usize,
        name: &str,
    ) -> Result<Pages, ParquetError> {
        let place = place_of(name);
        let reader = file.get_row_group(group)?.get_column_page_reader(place)?;
        let group_rows = file.metadata().row_group(group).num_rows().max(0) as usize;
        let is_optional = reader_is_optional(file, place);
        Ok(Pages { reader, group_rows, is_optional, dictionary: Bytes::new() })
    }

    /// Returns the rows of the next page; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Rows>, ParquetError> {
        loop {
            match self.reader.get_next_page()? {
                None => return Ok(None),
                Some(Page::DictionaryPage { buf, .. }) => self.dictionary = buf,
                Some(Page::DataPage { buf, num_values, encoding, .. }) => {
                    return self.rows(buf, num_values as usize, encoding).map(Some);
                }
                Some(Page::DataPageV2 { .. }) => {
                    return Err(ParquetError::General("a page has another form".into()));
                }
            }
        }
    }

    fn rows(
        &self,
        mut page: Bytes,
        count: usize,
        encoding: Encoding,
    ) -> Result<Rows, ParquetError> {
        // A damaged header must not decide how much memory is taken.
        if count > self.group_rows {
            return Err(ParquetError::General("a page has more rows than its row group".into()));
        }
        let (mut levels, mut present) = (Vec::new(), count);
        if self.is_optional {
            let bytes = page.first_chunk().map(|size| u32::from_le_bytes(*size) as usize);
            let bytes = bytes.filter(|bytes| *bytes <= page.len() - 4).ok_or_else(too_short)?;
            numbers(&page[4..4 + bytes], 1, count, &mut levels)?;
            page = page.slice(4 + bytes..);
            present = levels.iter().map(|level| *level as usize).sum();
            if present == count {
                levels.clear();
            }
        }
        let values = match encoding {
            Encoding::PLAIN => Values::Plain(page, present),
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                let mut all = Vec::new();
                if present > 0 {
                    let (width, packed) = page.split_first().ok_or_else(too_short)?;
                    numbers(packed, u32::from(*width), present, &mut all)?;
                }
                Values::Numbers(all)
            }
            other => return Err(ParquetError::General(format!("a page is encoded as {other}"))),
        };
        Ok(Rows { levels, values })
    }
}

impl Rows {
    /// Appends a value for each row: one of `present`, or `absent`.
    pub fn spread<T: Copy>(&self, mut present: Vec<T>, absent: T, into: &mut Vec<T>) {
        if self.levels.is_empty() {
            into.append(&mut present);
            return;
        }
        // Without a branch: which rows have a value is often as good as random.
        present.push(absent);
        let mut next = 0;
        into.extend(self.levels.iter().map(|level| {
            let value = present[next];
            next += *level as usize;
            if *level == 1 { value } else { absent }
        }));
    }
}

/// Reads a column of numbers; `absent` where there is none.
pub(super) fn read<T: Copy, const BYTES: usize>(
    mut pages: Pages,
    decode: fn([u8; BYTES]) -> T,
    absent: T,
    into: &mut Vec<T>,
) -> Result<(), ParquetError> {
    into.clear();
    let all =
        |bytes: &[u8]| -> Vec<T> { bytes.as_chunks().0.iter().copied().map(decode).collect() };
    let mut dictionary = None;
    while let Some(rows) = pages.next()? {
        let present: Vec<T> = match &rows.values {
            Values::Plain(bytes, count) => all(bytes.get(..BYTES * count).ok_or_else(too_short)?),
            Values::Numbers(numbers) => {
                let dictionary = dictionary.get_or_insert_with(|| all(&pages.dictionary));
                check_numbers(numbers, dictionary.len())?;
                numbers.iter().map(|number| dictionary[*number as usize]).collect()
            }
        };
        rows.spread(present, absent, into);
    }
    Ok(())
}

/// Fails if a number is beyond the dictionary.
pub(super) fn check_numbers(numbers: &[u32], values: usize) -> Result<(), ParquetError> {
    let is_within = numbers.iter().copied().max().is_none_or(|most| (most as usize) < values);
    let error = || ParquetError::General("a value is not in its dictionary".into());
    is_within.then_some(()).ok_or_else(error)
}

/// Calls `each` with where each of `count` texts is in `bytes`.
pub(super) fn texts(
    bytes: &[u8],
    count: usize,
    mut each: impl FnMut(usize, usize),
) -> Result<(), ParquetError> {
    let mut start = 0;
    for _ in 0..count {
        let length = bytes.get(start..).and_then(<[u8]>::first_chunk).ok_or_else(too_short)?;
        let end = start + 4 + u32::from_le_bytes(*length) as usize;
        if end > bytes.len() {
            return Err(too_short());
        }
        each(start + 4, end);
        start = end;
    }
    Ok(())
}

/// Returns where all texts of a dictionary are.
pub(super) fn all_texts(bytes: &[u8]) -> Result<Vec<(usize, usize)>, ParquetError> {
    let (mut all, mut end) = (Vec::new(), 0);
    while end < bytes.len() {
        texts(&bytes[end..], 1, |first, last| all.push((end + first, end + last)))?;
        end = all[all.len() - 1].1;
    }
    Ok(all)
}

/// Decodes numbers of `width` bits: runs of one number, and groups of eight that are packed.
fn numbers(
    mut bytes: &[u8],
    width: u32,
    count: usize,
    into: &mut Vec<u32>,
) -> Result<(), ParquetError> {
    if width > 32 {
        return Err(ParquetError::General(format!("numbers of {width} bits")));
    }
    into.reserve(count + 8);
    while into.len() < count {
        let (header, rest) = varint(bytes).ok_or_else(too_short)?;
        let left = count - into.len();
        let size = if header & 1 == 0 {
            let size = width.div_ceil(8) as usize;
            let mut value = [0; 4];
            value[..size].copy_from_slice(rest.get(..size).ok_or_else(too_short)?);
            let times = ((header >> 1) as usize).min(left);
            if times == 0 {
                return Err(too_short());
            }
            into.resize(into.len() + times, u32::from_le_bytes(value));
            size
        } else {
            let groups = (header >> 1) as usize;
            let size = groups.saturating_mul(width as usize).min(rest.len());
            let packed = if width == 0 { usize::MAX } else { size * 8 / width as usize };
            let times = groups.saturating_mul(8).min(left).min(packed);
            if times == 0 {
                return Err(too_short());
            }
            unpack(&rest[..size], width, times, into);
            size
        };
        bytes = &rest[size..];
    }
    Ok(())
}

fn unpack(bytes: &[u8], width: u32, count: usize, into: &mut Vec<u32>) {
    let (mask, width) = ((1u64 << width) - 1, width as usize);
    let mut done = 0;
    // As many as a word has, without a look at the end for each: they begin at a byte, or in its middle.
    let mut whole = |many: usize| {
        while done + many <= count
            && let Some(word) = bytes.get(done * width / 8..).and_then(<[u8]>::first_chunk)
        {
            let word = u64::from_le_bytes(*word) >> (done * width % 8);
            into.extend((0..many).map(|place| (word >> (place * width) & mask) as u32));
            done += many;
        }
    };
    match width {
        0..=8 => whole(8),
        9..=16 => whole(4),
        _ => {}
    }
    into.extend((done..count).map(|place| {
        let rest = &bytes[(place * width / 8).min(bytes.len())..];
        let mut word = [0; 8];
        let size = rest.len().min(8);
        word[..size].copy_from_slice(&rest[..size]);
        (u64::from_le_bytes(word) >> (place * width % 8) & mask) as u32
    }));
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

fn too_short() -> ParquetError {
    ParquetError::General("a column is too short".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Packs numbers as Parquet does: eight at a time, the first in the lowest bits.
    fn packed(all: &[u32], width: u32) -> Vec<u8> {
        let groups = all.len().div_ceil(8);
        let mut bytes = vec![0; groups * width as usize];
        for (place, value) in all.iter().enumerate() {
            for bit in (0..width as usize).filter(|bit| value >> bit & 1 == 1) {
                let at = place * width as usize + bit;
                bytes[at / 8] |= 1 << (at % 8);
            }
        }
        let mut header = (groups << 1 | 1) as u64;
        let mut all = Vec::new();
        while header >= 0x80 {
            all.push(header as u8 | 0x80);
            header >>= 7;
        }
        all.push(header as u8);
        all.extend(bytes);
        all
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn runs_and_packed_numbers_are_read(
            width in 0..=32u32,
            parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u32>(), 1..90)), 1..5),
        ) {
            let mask = ((1u64 << width) - 1) as u32;
            let (mut bytes, mut expected) = (Vec::new(), Vec::new());
            for (is_run, all) in &parts {
                let all: Vec<u32> = all.iter().map(|value| value & mask).collect();
                if *is_run {
                    let times = (all.len() as u64) << 1;
                    prop_assert!(times < 256);
                    if times >= 0x80 {
                        bytes.extend([times as u8 | 0x80, (times >> 7) as u8]);
                    } else {
                        bytes.push(times as u8);
                    }
                    bytes.extend(&all[0].to_le_bytes()[..width.div_ceil(8) as usize]);
                    expected.extend(std::iter::repeat_n(all[0], all.len()));
                } else {
                    let whole = &all[..all.len() / 8 * 8];
                    if !whole.is_empty() {
                        bytes.extend(packed(whole, width));
                        expected.extend(whole);
                    }
                }
            }
            let mut found = Vec::new();
            numbers(&bytes, width, expected.len(), &mut found).unwrap();
            prop_assert_eq!(&found, &expected);
        }

        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            width in 0..80u32,
            count in 0..5000usize,
        ) {
            let mut found = Vec::new();
            if numbers(&bytes, width, count, &mut found).is_ok() {
                prop_assert_eq!(found.len(), count);
            }
            let _ = all_texts(&bytes);
        }
    }
}
