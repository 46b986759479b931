//! Any bytes as the pages and footer of a Parquet file, in a correct frame: reading the rows does not
//! panic, and offsets never decrease.

#![no_main]

use libfuzzer_sys::fuzz_target;

const MAGIC: &[u8] = b"PAR1";

fuzz_target!(|input: &[u8]| {
    let _catching = shared::Catching::new();
    let Some((length, rest)) = input.split_first_chunk::<2>() else { return };
    let footer = usize::from(u16::from_le_bytes(*length)).min(rest.len()) as u32;
    let file = [MAGIC, rest, &footer.to_le_bytes(), MAGIC].concat();
    let (mut offset, mut number) = (0, 0);
    let rows = shared::read(&file, formats::rows).expect("the file is there");
    for row in rows.flatten().take(10_000) {
        assert!(row.offset >= offset && row.offset <= file.len() as u64);
        assert!(row.number > number);
        (offset, number) = (row.offset, row.number);
    }
});
