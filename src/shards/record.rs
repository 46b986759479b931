//! A document while it is sorted.

use sorting::Record;
use std::cmp::Ordering;
use std::io::{self, Read, Write};

/// In place of an offset that is not known.
pub(crate) const NO_OFFSET: u64 = u64::MAX;

/// Numbers of tokens of a document: the first of each answer, and the one after its last.
pub(crate) type Answers = Box<[(u32, u32)]>;

/// A copy of a document, with its tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copy {
    pub shard: u32,
    pub key: u64,
    pub copy: u32,
    /// Number of its label.
    pub label: u32,
    /// Byte of its source where the record begins; [`NO_OFFSET`] if it is not known.
    pub offset: u64,
    /// Its id, without slice and label.
    pub id: Box<str>,
    pub tokens: Box<[u8]>,
    /// The tokens of its answers; `None` if it is no dialogue, or nothing asks for them.
    pub answers: Option<Answers>,
}

/// In place of the number of answers, where there are none.
const NO_ANSWERS: u32 = u32::MAX;

impl Record for Copy {
    type Layout = ();

    fn compare(&self, other: &Self) -> Ordering {
        let place = |copy: &Copy| (copy.shard, copy.key);
        // Two hashes of 64 bits may be equal.
        let rest = |a: &Copy, b: &Copy| {
            a.label.cmp(&b.label).then_with(|| a.id.cmp(&b.id)).then(a.copy.cmp(&b.copy))
        };
        place(self).cmp(&place(other)).then_with(|| rest(self, other))
    }

    fn memory_bytes(&self) -> usize {
        // The allocator's own.
        const OVERHEAD_BYTES: usize = 16;
        let answers = self.answers.as_ref().map_or(0, |answers| 8 * answers.len() + OVERHEAD_BYTES);
        size_of::<Self>() + self.id.len() + self.tokens.len() + 2 * OVERHEAD_BYTES + answers
    }

    fn write(&self, _: &(), into: &mut impl Write) -> io::Result<()> {
        for number in [self.shard, self.copy, self.label, self.id.len() as u32] {
            into.write_all(&number.to_le_bytes())?;
        }
        for number in [self.key, self.offset, self.tokens.len() as u64] {
            into.write_all(&number.to_le_bytes())?;
        }
        into.write_all(self.id.as_bytes())?;
        into.write_all(&self.tokens)?;
        let count = self.answers.as_ref().map_or(NO_ANSWERS, |answers| answers.len() as u32);
        into.write_all(&count.to_le_bytes())?;
        self.answers.iter().flatten().try_for_each(|(begin, end)| {
            into.write_all(&begin.to_le_bytes())?;
            into.write_all(&end.to_le_bytes())
        })
    }

    fn read(_: &(), from: &mut impl Read) -> io::Result<Self> {
        let mut numbers = [0; 4 * 4 + 3 * 8];
        from.read_exact(&mut numbers)?;
        let short =
            |at: usize| u32::from_le_bytes(numbers[4 * at..][..4].try_into().expect("4 bytes"));
        let long = |at: usize| {
            u64::from_le_bytes(numbers[16 + 8 * at..][..8].try_into().expect("8 bytes"))
        };
        let mut id = vec![0; short(3) as usize];
        from.read_exact(&mut id)?;
        let mut tokens = vec![0; long(2) as usize];
        from.read_exact(&mut tokens)?;
        let answers = match number(from)? {
            NO_ANSWERS => None,
            count => Some(
                (0..count)
                    .map(|_| Ok((number(from)?, number(from)?)))
                    .collect::<io::Result<_>>()?,
            ),
        };
        let id = String::from_utf8(id).map_err(io::Error::other)?;
        let (offset, id, tokens) = (long(1), id.into(), tokens.into());
        Ok(Copy {
            shard: short(0),
            key: long(0),
            copy: short(1),
            label: short(2),
            offset,
            id,
            tokens,
            answers,
        })
    }
}

fn number(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sorting::{Sorter, Storage};

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let copy = Copy {
            shard: 3,
            key: u64::MAX - 1,
            copy: 2,
            label: 7,
            offset: 1 << 40,
            id: "ä.gz#12".into(),
            tokens: vec![1, 2, 3, 4].into(),
            answers: None,
        };
        for answers in [None, Some([].into()), Some([(0, 1), (5, u32::MAX)].into())] {
            let copy = Copy { answers, ..copy.clone() };
            let mut bytes = Vec::new();
            copy.write(&(), &mut bytes).unwrap();
            let mut input = &bytes[..];
            assert_eq!(Copy::read(&(), &mut input).unwrap(), copy);
            assert!(input.is_empty());
            assert!(Copy::read(&(), &mut &bytes[..bytes.len() - 1]).is_err());
        }
    }

    /// As in an export of a thousand million documents, but without their tokens, which would wait on the
    /// disk too:
    ///
    ///     cargo test --release -p shards -- --ignored --nocapture order_of_many
    ///
    /// `SLUICE_DOCUMENTS` sets another number.
    #[test]
    #[ignore = "writes 30 GB of temporary files, and takes half an hour"]
    fn order_of_many_documents_takes_bounded_memory() {
        const MEMORY_BYTES: usize = 128 << 20;
        const PEAK_KIB: u64 = 256 << 10;
        let given = std::env::var("SLUICE_DOCUMENTS").ok();
        let documents: u64 = given.map_or(1_000_000_000, |n| n.parse().expect("a number"));
        // Compressed, to take less disk than the memory is measured for.
        let storage = Storage { is_compressed: true, ..Storage::default() };
        let mut sorter = Sorter::new((), MEMORY_BYTES, storage).with_fan_in(128);
        for number in 0..documents {
            let id = format!("{:05}.warc.wet.gz#{}", number / 50_000, number % 50_000);
            let copy = Copy {
                key: number.wrapping_mul(0x9E37_79B9_7F4A_7C15),
                offset: number % 50_000 * 2000,
                id: id.into(),
                ..Copy::default()
            };
            sorter.push(copy).unwrap();
        }
        let mut sorted = sorter.finish().unwrap();
        let (mut found, mut previous) = (0, None);
        while let Some(copy) = sorted.next().unwrap() {
            assert!(previous < Some(copy.key));
            (found, previous) = (found + 1, Some(copy.key));
        }
        assert_eq!(found, documents);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        println!("{documents} documents: peak {} MiB", peak >> 10);
        assert!(peak <= PEAK_KIB, "{peak} KiB");
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn records_of_any_order_and_memory_come_sorted(
            keys in prop::collection::vec((0u32..3, 0u64..5, 0u32..3, "[a-c]{1,2}#[0-9]"), 0..60),
            memory in 1usize..4_000,
        ) {
            let copies: Vec<Copy> = keys
                .into_iter()
                .map(|(shard, key, copy, id)| {
                    let tokens = id.as_bytes().repeat(3).into();
                    Copy {
                        shard,
                        key,
                        copy,
                        label: copy % 2,
                        offset: key,
                        id: id.into(),
                        tokens,
                        answers: (copy == 1).then(|| [(1, copy)].into()),
                    }
                })
                .collect();
            let mut sorters: Vec<Sorter<Copy>> = (2..4)
                .map(|fan_in| Sorter::new((), memory, Storage::default()).with_fan_in(fan_in))
                .collect();
            for (at, copy) in copies.iter().enumerate() {
                sorters[at % 2].push(copy.clone()).unwrap();
            }
            let (mut sorted, mut found) = (Sorter::merge(sorters).unwrap(), Vec::new());
            found.extend(std::iter::from_fn(|| sorted.next().unwrap()));
            let mut expected = copies;
            expected.sort_by(Copy::compare);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn equal_positions_are_ordered_by_id() {
        let copy = |label, id: &str, copy| Copy {
            shard: 0,
            key: 5,
            copy,
            label,
            offset: NO_OFFSET,
            id: id.into(),
            tokens: Box::default(),
            answers: None,
        };
        let sorted = [copy(0, "a#1", 0), copy(0, "a#1", 1), copy(0, "b#0", 0), copy(1, "a#0", 0)];
        assert!(sorted.is_sorted_by(|a, b| a.compare(b).is_lt()));
    }
}
