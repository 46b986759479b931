use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A record of any length. Equal keys are never combined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    key: (u64, u64),
    bytes: Vec<u8>,
}

impl Record for Entry {
    type Layout = ();

    fn compare(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }

    fn write(&self, _: &(), into: &mut impl Write) -> io::Result<()> {
        for number in [self.key.0, self.key.1, self.bytes.len() as u64] {
            into.write_all(&number.to_le_bytes())?;
        }
        into.write_all(&self.bytes)
    }

    fn read(_: &(), from: &mut impl Read) -> io::Result<Self> {
        let mut number = || {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes).map(|()| u64::from_le_bytes(bytes))
        };
        let (key, length) = ((number()?, number()?), number()?);
        let mut bytes = vec![0; length as usize];
        from.read_exact(&mut bytes)?;
        Ok(Entry { key, bytes })
    }
}

/// A key and its count, of as many bytes as the layout says. Equal keys are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Count(u64, u64);

impl Record for Count {
    type Layout = usize;

    fn compare(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }

    fn combine(&mut self, next: &Self) -> bool {
        let is_equal = self.0 == next.0;
        self.1 += if is_equal { next.1 } else { 0 };
        is_equal
    }

    fn write(&self, key_bytes: &usize, into: &mut impl Write) -> io::Result<()> {
        into.write_all(&self.0.to_le_bytes()[..*key_bytes])?;
        into.write_all(&self.1.to_le_bytes())
    }

    fn read(key_bytes: &usize, from: &mut impl Read) -> io::Result<Self> {
        let (mut key, mut count) = ([0; 8], [0; 8]);
        from.read_exact(&mut key[..*key_bytes])?;
        from.read_exact(&mut count)?;
        Ok(Count(u64::from_le_bytes(key), u64::from_le_bytes(count)))
    }
}

fn all<R: Record>(mut sorted: Sorted<R>) -> Vec<R> {
    std::iter::from_fn(|| sorted.next().unwrap()).collect()
}

fn sorted(entries: &[Entry], memory_bytes: usize, is_compressed: bool) -> (Vec<Entry>, usize) {
    let storage = Storage { is_compressed, ..Storage::default() };
    let mut sorter = Sorter::new((), memory_bytes, storage);
    for entry in entries {
        sorter.push(entry.clone()).unwrap();
        let (bytes, runs) = sorter.held();
        assert!(bytes <= memory_bytes.max(entry.memory_bytes()), "{bytes} bytes are held");
        assert!(runs < FAN_IN, "{runs} runs wait");
    }
    let runs = sorter.runs_written();
    (all(sorter.finish().unwrap()), runs)
}

#[test]
fn what_does_not_fit_comes_back_in_order() {
    let entry = |n: u64| Entry {
        key: (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50, n),
        bytes: n.to_string().into_bytes(),
    };
    let entries: Vec<Entry> = (0..40_000).map(entry).collect();
    let mut expected = entries.clone();
    expected.sort();
    // The last has more than FAN_IN squared runs, so runs of merged runs are merged.
    for (memory_bytes, runs_min) in [(usize::MAX, 0), (100_000, 3), (300, 4200)] {
        for is_compressed in [false, true] {
            let (found, runs) = sorted(&entries, memory_bytes, is_compressed);
            assert_eq!(found, expected);
            assert!(runs >= runs_min, "{runs} runs of {memory_bytes} bytes");
        }
    }
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn memory_does_not_show(
        lengths in prop::collection::vec(0usize..3000, 0..60),
        memory_bytes in 1usize..20_000, is_compressed in any::<bool>(),
    ) {
        let entry = |(n, length): (usize, &usize)| Entry {
            key: ((n * 7919 % 13) as u64, n as u64),
            bytes: vec![n as u8; *length],
        };
        let entries: Vec<Entry> = lengths.iter().enumerate().map(entry).collect();
        let mut expected = entries.clone();
        expected.sort();
        prop_assert_eq!(sorted(&entries, memory_bytes, is_compressed).0, expected);
    }

    #[test]
    fn equal_records_are_added_up_wherever_they_are(
        keys in prop::collection::vec(0u64..300, 0..2000),
        memory_bytes in 1usize..4000, key_bytes in 2usize..9,
    ) {
        let mut sorter = Sorter::new(key_bytes, memory_bytes, Storage::default());
        let mut expected = BTreeMap::<u64, u64>::new();
        for key in keys {
            sorter.push(Count(key, 1)).unwrap();
            *expected.entry(key).or_default() += 1;
        }
        let expected: Vec<Count> = expected.into_iter().map(|(key, n)| Count(key, n)).collect();
        prop_assert_eq!(all(sorter.finish().unwrap()), expected);
    }
}
