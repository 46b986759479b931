use super::lines::Lines;
use super::*;
use crate::compressed::begin_from;
use ::parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use std::sync::Arc;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Rows and defects, as they come.
fn read(bytes: Vec<u8>) -> Vec<Result<Row, Defect>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.jsonl");
    std::fs::write(&path, bytes).unwrap();
    rows(&path).unwrap().collect()
}

fn texts(rows: &[Result<Row, Defect>]) -> Vec<String> {
    rows.iter().flatten().map(|row| String::from_utf8_lossy(&row.json).into_owned()).collect()
}

fn table(ids: std::ops::Range<i64>, group: usize) -> Vec<u8> {
    let schema = "message rows { required int64 id; optional binary content (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = Vec::new();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(&mut file, schema, properties).unwrap();
    let ids: Vec<i64> = ids.collect();
    for ids in ids.chunks(group) {
        let mut rows = writer.next_row_group().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(ids, None, None).unwrap();
        column.close().unwrap();
        let present: Vec<i16> = ids.iter().map(|id| i16::from(id % 2 == 0)).collect();
        let even = ids.iter().filter(|id| *id % 2 == 0);
        let texts: Vec<ByteArray> =
            even.map(|id| ByteArray::from(format!("é\"{id}\n").into_bytes())).collect();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts, Some(&present), None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    writer.close().unwrap();
    file
}

#[test]
fn lines_have_their_byte_and_number_and_empty_ones_are_skipped() {
    let found = read(b"{\"a\":1}\n\n \r\n{\"b\":2}\r\nlast".to_vec());
    let row = |offset, number, json: &[u8]| Ok(Row { offset, number, json: json.to_vec() });
    let last = row(21, 5, b"last");
    assert_eq!(found, [row(0, 1, b"{\"a\":1}"), row(12, 4, b"{\"b\":2}\r"), last]);
    assert!(read(Vec::new()).is_empty());
    assert!(read(b"\n".to_vec()).is_empty());
    assert_eq!(read(b"\xef\xbb\xbf\n{\"a\":1}".to_vec()), [row(4, 2, b"{\"a\":1}")]);
    assert!(read(b"\xef\xbb\xbf".to_vec()).is_empty());
}

#[test]
fn an_array_without_its_end_or_beginning_is_a_defect() {
    let check = |text: &str, objects: usize, defect: Option<(u64, &str)>| {
        for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
            let is_packed = bytes != text.as_bytes();
            let mut found = read(bytes);
            if let Some((offset, what)) = defect {
                let last = found.pop().unwrap().unwrap_err();
                assert!(is_packed || last.offset == offset, "{text}: {last:?}");
                assert!(last.what.starts_with(what), "{text}: {last:?}");
            }
            assert!(found.len() == objects && found.iter().all(Result::is_ok), "{text}: {found:?}");
        }
    };
    check("[{\"a\":1},{\"a\":\"]\"}]\n", 2, None);
    check("[{\"a\":1}][{\"a\":[2]}]", 2, None);
    check("[]", 0, None);
    check("[{\"a\":1},\n{\"a\":2},\n", 2, Some((19, "the array has no end")));
    check("[{\"a\":1}", 1, Some((8, "the array has no end")));
    check("[", 0, Some((1, "the array has no end")));
    check("[{\"a\":1}]]", 1, Some((10, "a ] without the [")));
    // Its last object says it.
    check("[{\"a\":1},{\"a\":", 2, None);
}

#[test]
fn what_is_not_text_in_parquet_is_a_list_of_numbers() {
    let schema = Arc::new(parse_message_type("message m { required binary text; }").unwrap());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::default()).unwrap();
    let mut rows = writer.next_row_group().unwrap();
    let mut column = rows.next_column().unwrap().unwrap();
    let values = ["é\u{8}\"".as_bytes(), b"bad \xff"].map(|value| value.to_vec().into());
    column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    rows.close().unwrap();
    writer.close().unwrap();
    let expected = [r#"{"text":"é\b\""}"#, r#"{"text":[98,97,100,32,255]}"#];
    assert_eq!(texts(&read(file)), expected);
}

#[test]
fn an_object_over_several_lines_becomes_one() {
    let bytes = b"[\n{\"a\": {\r\n \"b\": [1,\n2]},\n \"c\": \"x\\\"\ny\"}\n]\n".to_vec();
    assert_eq!(
        texts(&read(bytes)),
        [r#"{"a": {   "b": [1, 2]},  "c": "x\""#.to_owned() + "\ny\"}"]
    );
}

#[test]
fn a_line_may_span_members_and_a_damaged_member_loses_only_its_own() {
    let mut lines: Vec<u8> = Vec::new();
    for line in [&b"{\"a\":"[..], b"1}\n{\"b\":2}\n", b"{\"c\":3}\n"] {
        lines.extend(gzip(line));
    }
    assert_eq!(texts(&read(lines.clone())), ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
    let zstd =
        [zstd::encode_all(&b"x\ny"[..], 1).unwrap(), zstd::encode_all(&b"z\n"[..], 1).unwrap()];
    assert_eq!(texts(&read(zstd.concat())), ["x", "yz"]);

    let many: String = (0..5_000).map(|n| format!("{{\"n\":{}}}\n", n * n % 997)).collect();
    let mut bytes = gzip(many.as_bytes());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    bytes.extend(gzip(b"behind\n"));
    let found = read(bytes);
    assert_eq!(texts(&found).last().unwrap(), "behind");
    let defects: Vec<_> = found.iter().filter_map(|row| row.as_ref().err()).collect();
    assert_eq!(defects.len(), 1, "{defects:?}");
    assert!(defects[0].what.contains("corrupt gzip member"), "{}", defects[0]);

    let whole = gzip(many.as_bytes());
    let found = read(whole[..whole.len() / 2].to_vec());
    assert!(found.len() > 100);
    assert!(found.last().unwrap().as_ref().unwrap_err().what.contains("cut short"));
}

#[test]
fn offsets_never_decrease_where_a_valid_member_is_within_a_damaged_one() {
    let inner = gzip(b"inner\n");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&[&b"a\nb\n"[..], &inner, b"\nc\nd\n"].concat()).unwrap();
    let mut bytes = encoder.finish().unwrap();
    let sum = bytes.len() - 8;
    bytes[sum] ^= 1;
    let found = read(bytes);
    assert!(texts(&found).contains(&"inner".to_owned()), "{found:?}");
    let offsets: Vec<u64> = found.iter().flatten().map(|row| row.offset).collect();
    assert!(offsets.is_sorted(), "{offsets:?}");
}

#[test]
fn a_long_line_is_one_defect_and_the_next_line_follows() {
    let bytes = b"short\n0123456789\nlast\n01234567";
    let begun = begin_from(Box::new(Cursor::new(bytes.to_vec())));
    let found: Vec<_> = Lines::new(begun, Split::Lines, 7).collect();
    assert_eq!(texts(&found), ["short", "last"]);
    let defects: Vec<u64> = found.iter().filter_map(|r| Some(r.as_ref().err()?.offset)).collect();
    assert_eq!(defects, [6, 22]);
}

#[test]
fn rows_of_parquet_are_objects_in_the_order_of_the_columns() {
    let found = read(table(0..5, 2));
    let rows = texts(&found);
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[..2], [r#"{"id":0,"content":"é\"0\n"}"#, r#"{"id":1,"content":null}"#]);
    let numbers: Vec<u64> = found.iter().flatten().map(|row| row.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert!(found.iter().flatten().is_sorted_by_key(|row| row.offset));
}

#[test]
fn damage_in_a_row_group_leaves_the_groups_after_it() {
    let bytes = table(0..400, 100);
    let second = bytes.windows(8).position(|window| window == 100i64.to_le_bytes()).unwrap();
    let mut bad = bytes.clone();
    // The header of the page before its values.
    for byte in &mut bad[second - 12..second] {
        *byte = 0xff;
    }
    let found = read(bad);
    let defects: Vec<_> = found.iter().filter_map(|row| row.as_ref().err()).collect();
    assert_eq!(defects.len(), 1, "{defects:?}");
    assert!(defects[0].what.contains("rows 101 to 200 are left out"), "{}", defects[0]);
    let rows = texts(&found);
    assert_eq!(rows.len(), 300);
    assert!(rows[100].starts_with("{\"id\":200,"), "{}", rows[100]);
    assert_eq!(found.last().unwrap().as_ref().unwrap().number, 400);
}

#[test]
fn what_only_begins_as_parquet_is_one_defect() {
    let whole = table(0..10, 10);
    for bytes in [b"PAR1".to_vec(), b"PAR1 and no more of it PAR1".to_vec(), whole[..99].to_vec()] {
        let found = read(bytes);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].as_ref().unwrap_err().what.starts_with("Parquet: "), "{found:?}");
    }
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn any_damage_to_parquet_ends_and_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = table(0..60, 20);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert!(read(bytes).len() <= 70);
    }

    #[test]
    fn lines_are_those_of_the_text_however_it_is_cut_into_members(
        lines in prop::collection::vec("[a-c]{0,5}", 0..20),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let text = lines.join("\n");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut bytes, mut from) = (Vec::new(), 0);
        for cut in cuts.into_iter().chain([text.len()]) {
            bytes.extend(gzip(&text.as_bytes()[from..cut]));
            from = cut;
        }
        let expected: Vec<&str> = lines.iter().map(String::as_str).filter(|l| !l.is_empty()).collect();
        prop_assert_eq!(texts(&read(bytes)), expected);
    }
}
