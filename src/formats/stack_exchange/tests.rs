//! Sites, valid and damaged: every row is accounted for, and damage is reported.

use super::{
    Answer, Limits, OrphanRow, SiteRecord, Thread, Threads, is_site, may_hold_posts, name, rows,
};
use crate::Defect;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use sevenz_rust2::{
    ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod, encoder_options,
};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An archive with a password.
const ENCRYPTED: &[u8] = include_bytes!("encrypted.7z");

fn posts(rows: &[&str]) -> String {
    let rows: String = rows.iter().map(|row| format!("  <row {row} />\n")).collect();
    format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<posts>\r\n{rows}</posts>")
}

fn question(id: u64) -> String {
    format!(
        "Id=\"{id}\" PostTypeId=\"1\" Score=\"3\" Body=\"&lt;p&gt;B{id}&lt;/p&gt;\" Title=\"T{id}\""
    )
}

fn answer(id: u64, parent: u64, score: i64) -> String {
    format!("Id=\"{id}\" PostTypeId=\"2\" ParentId=\"{parent}\" Score=\"{score}\" Body=\"A{id}\"")
}

struct Site {
    dir: TempDir,
}

impl Site {
    fn new(name: &str, bytes: impl AsRef<[u8]>) -> (Site, PathBuf) {
        let site = Site { dir: tempfile::tempdir().unwrap() };
        let path = site.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        (site, path)
    }
}

fn read_with(
    name: &str,
    bytes: impl AsRef<[u8]>,
    limits: Limits,
) -> (Vec<SiteRecord>, Vec<Defect>) {
    let (_site, path) = Site::new(name, bytes);
    read_path(&path, limits)
}

fn read_path(path: &Path, limits: Limits) -> (Vec<SiteRecord>, Vec<Defect>) {
    let (mut found, mut defects) = (Vec::new(), Vec::new());
    for item in Threads::open_with(path, limits).unwrap() {
        match item {
            Ok(record) => found.push(record),
            Err(defect) => defects.push(defect),
        }
    }
    (found, defects)
}

fn read(bytes: impl AsRef<[u8]>) -> (Vec<SiteRecord>, Vec<Defect>) {
    read_with("Posts.xml", bytes, Limits::default())
}

/// Threads as `question: answers`, other rows as their reason.
fn summary(found: &[SiteRecord]) -> Vec<String> {
    let summary = |found: &SiteRecord| match found {
        SiteRecord::Thread(Thread { question, answers, .. }) => {
            let ids = answers.iter().map(|answer| format!(" {}", answer.id));
            format!("{}:{}", question.id, ids.collect::<String>())
        }
        SiteRecord::Orphan(OrphanRow { reason, .. }) => (*reason).to_owned(),
    };
    found.iter().map(summary).collect()
}

fn whats(defects: &[Defect]) -> Vec<&str> {
    defects.iter().map(|defect| defect.what.as_str()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An archive as archive.org has it: the tables of a site in one block.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    packed(files, vec![encoder_options::Lzma2Options::from_level(1).into()])
}

fn packed(files: &[(&str, &str)], methods: Vec<EncoderConfiguration>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArchiveWriter::new(std::io::Cursor::new(&mut bytes)).unwrap();
    writer.set_content_methods(methods);
    for (name, content) in files {
        writer.push_archive_entry(ArchiveEntry::new_file(name), Some(content.as_bytes())).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn archives_of_any_method_are_read() {
    let rows = [question(1), answer(3, 1, 7)];
    let file = posts(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    use EncoderMethod as M;
    let lzma2 = || encoder_options::Lzma2Options::from_level(1).into();
    let one = |method| vec![EncoderConfiguration::new(method)];
    for (name, methods) in [
        ("copy", one(M::COPY)),
        ("lzma", one(M::LZMA)),
        ("deflate", one(M::DEFLATE)),
        ("zstd", one(M::ZSTD)),
        ("brotli", one(M::BROTLI)),
        ("bzip2", one(M::BZIP2)),
        ("ppmd", one(M::PPMD)),
        ("bcj", vec![EncoderConfiguration::new(M::BCJ_X86_FILTER), lzma2()]),
        ("delta", vec![EncoderConfiguration::new(M::DELTA_FILTER), lzma2()]),
    ] {
        let bytes = packed(&[("Posts.xml", &file)], methods);
        let (found, defects) = read_with("a.example.7z", bytes, Limits::default());
        assert_eq!((summary(&found), defects), (vec!["1: 3".to_owned()], vec![]), "{name}");
    }
    let two = [("a/Posts.xml", &file[..]), ("b/posts.xml", &file[..])];
    let (found, defects) = read_with("a.example.zip", zipped(&two), Limits::default());
    assert_eq!(summary(&found), ["1: 3"]);
    assert!(defects[0].what.contains("2 files Posts.xml"), "{defects:?}");
    let (_, defects) = read_with("a.example.zip", zipped(&[("x", "y")]), Limits::default());
    assert!(defects[0].what.contains("holds no Posts.xml"), "{defects:?}");
}

#[test]
fn answers_join_their_question_wherever_they_are() {
    let rows = [answer(5, 2, 1), question(1), answer(3, 1, 7), question(2), answer(4, 1, -2)];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let (found, defects) = read(posts(&rows));
    assert_eq!((summary(&found), whats(&defects)), (vec!["1: 3 4".into(), "2: 5".into()], vec![]));
    let SiteRecord::Thread(thread) = &found[0] else { panic!() };
    assert_eq!(
        (thread.question.title.as_str(), thread.question.body.as_str()),
        ("T1", "<p>B1</p>")
    );
    let scores: Vec<_> = thread.answers.iter().map(|a: &Answer| a.score.as_str()).collect();
    assert_eq!(scores, ["7", "-2"]);
}

#[test]
fn a_row_that_is_in_no_thread_has_a_reason() {
    let rows = [
        question(1),
        question(1).replace("T1", "again"),
        answer(2, 1, 0),
        answer(2, 1, 5),
        answer(3, 99, 0),
        answer(4, 4, 0),
        answer(1, 1, 0),
        "Id=\"6\" PostTypeId=\"4\" Body=\"wiki of a tag\"".to_owned(),
        answer(7, 6, 0),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let (found, defects) = read(posts(&rows));
    assert_eq!(defects, []);
    let expected = [
        "duplicate_id",
        "duplicate_id",
        "duplicate_id",
        "1: 2",
        "no_question",
        "no_title",
        "no_question",
        "no_question",
    ];
    assert_eq!(summary(&found), expected);
}

#[test]
fn a_broken_row_is_one_record_and_one_defect() {
    let bad = [
        "Title=\"no id\"",
        "Id=\"x\" Title=\"no number\"",
        "Id=\"-1\" Title=\"negative\"",
        "Id=\"99999999999999999999\" Title=\"too large\"",
        "Id=\"2\" Id=\"2\" Title=\"twice\"",
        "Id=\"2\" Title=\"&nbsp; is no entity of XML\"",
        "Id=\"2\" Title=\"&bomb;\"",
        "Id=\"2\" Title=no quotes",
        "Id=\"2\" Title=\"no end",
        "Id=\"2\" ParentId=\"one\"",
    ];
    for bad in bad {
        let (one, two) = (question(1), question(3));
        let (found, defects) = read(posts(&[&one, bad, &two]));
        assert_eq!(summary(&found), ["1:", "3:", "malformed"], "{bad}");
        assert_eq!(defects.len(), 1, "{bad}");
        assert!(defects[0].what.contains("line 4"), "{defects:?}");
        assert!(defects[0].device.is_none());
    }
    let bytes = posts(&[&question(1), "Id=\"2\" Title=\"\u{1}\"", &question(3)]).into_bytes();
    let bytes: Vec<u8> = bytes.iter().map(|b| if *b == 1 { 0xff } else { *b }).collect();
    assert_eq!(summary(&read(bytes).0), ["1:", "3:", "malformed"]);
}

#[test]
fn several_rows_of_one_line_are_read() {
    let (one, two) = (question(1), question(2));
    let (found, defects) = read(format!("<posts><row {one}/><row {two}/></posts>"));
    assert_eq!((summary(&found), whats(&defects)), (vec!["1:".into(), "2:".into()], vec![]));
}

#[test]
fn line_ends_and_blanks_of_values_are_xmls() {
    let (found, _) =
        read(posts(&["Id=\"1\" Title=\"a&#xA;b\tc&#x9;d\" Body=\"x&#xD;&#xA;&amp;lt;\""]));
    let SiteRecord::Thread(thread) = &found[0] else { panic!() };
    assert_eq!(thread.question.title, "a\nb c\td");
    assert_eq!(thread.question.body, "x\r\n&lt;");
    assert_eq!(thread.question.score, None);
}

#[test]
fn a_document_type_is_not_read() {
    let bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE posts [\n<!ENTITY a \"aaaa\">\n\
                <!ENTITY b \"&a;&a;&a;&a;\">\n]>\n<posts>\n";
    let rows = format!("{bomb}<row {} />\n<row Id=\"2\" Title=\"&b;\" />\n</posts>", question(1));
    let (found, defects) = read(rows);
    assert_eq!(summary(&found), ["1:", "malformed"]);
    assert_eq!(defects.len(), 1, "{defects:?}");
    assert!(defects[0].what.starts_with("line 8:"), "{defects:?}");
}

#[test]
fn other_markup_of_xml_is_skipped() {
    let (one, two, three) = (question(1), answer(2, 1, 5), question(3));
    let file = format!(
        "<?xml version=\"1.0\"?><!-- of 2025 -->\n<!-- over\nlines <row Id=\"9\" /> -->\n\
         <?xml-stylesheet href=\"x\"?>\n<!DOCTYPE posts>\n<posts><!-- here --><row {one} />\n\
         <!-- and here -->\n<row {two} /><!-- there -->\n<row {three}></row>\n</posts>\n<!-- end -->\n"
    );
    let (found, defects) = read(file);
    assert_eq!((summary(&found), defects), (vec!["1: 2".to_owned(), "3:".to_owned()], vec![]));
    let (_, defects) = read("<posts>\n</posts>\n<!-- never closed\n");
    assert!(whats(&defects)[0].contains("-->"), "{defects:?}");
}

#[test]
fn a_row_may_span_lines_and_its_attributes_come_in_any_order() {
    let file = "<posts>\n<row\n  Body='a > b'\n  Title=\"T &#xE;&#xD800;&#38;&#0;\"\n  Id='1'\n/>\n\
        <row Id=\"2\" ParentId=\"1\" Body=\"two\nlines > here\" />\n\
        <row Id=\"3\" Title=\"never closed\n<row Id=\"4\" Title=\"U\" Body=\"\" />\n</posts>\n";
    let (found, defects) = read(file);
    assert_eq!(summary(&found), ["1: 2", "4:", "malformed"]);
    assert_eq!(whats(&defects).len(), 1);
    assert!(defects[0].what.starts_with("line 9:"), "{defects:?}");
    let SiteRecord::Thread(thread) = &found[0] else { panic!("{found:?}") };
    assert_eq!(thread.question.title, "T \u{e}\u{fffd}&\u{fffd}");
    assert_eq!(
        (&thread.question.body[..], &thread.answers[0].body[..]),
        ("a > b", "two lines > here")
    );
}

#[test]
fn the_newest_post_dates_the_dump() {
    let row = "Id=\"1\" Title=\"T\" CreationDate=\"2012-01-02T03:04:05.000\" \
        LastActivityDate=\"2024-03-31T23:00:00.000\"";
    let (_site, path) = Site::new("a.example.xml", posts(&[row, &question(2)]));
    let mut threads = Threads::open(&path).unwrap();
    assert!(threads.newest_day().is_none());
    assert!(threads.next().is_some());
    assert_eq!(threads.newest_day(), Some("2024-03-31"));
}

#[test]
fn rows_and_threads_have_limits() {
    let limits = Limits { row_bytes_max: 500, thread_bytes_max: 3 * 128 + 26, ..Limits::default() };
    let long = question(2).replace("B2", &"x".repeat(1000));
    let rows = [question(1), long, question(3), answer(4, 1, 0), answer(5, 1, 9), answer(6, 1, 0)];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let text = posts(&rows).replace("A5", &"x".repeat(30));
    let (found, defects) = read_with("Posts.xml", text, limits);
    assert_eq!(summary(&found), ["thread_too_large", "1: 4 6", "3:", "malformed"]);
    assert!(defects[0].what.contains("more than 500 bytes"), "{defects:?}");
}

#[test]
fn memory_does_not_show_in_the_result() {
    let mut rows: Vec<String> = (1..=400).map(question).collect();
    rows.extend((0..3000).map(|n| answer(1000 + n, n * 7919 % 450, n as i64 % 10)));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let bytes = posts(&rows);
    let plenty = read(&bytes);
    assert_eq!(
        plenty.0.len(),
        400 + (0..3000).filter(|n| !(1..=400).contains(&(n * 7919 % 450))).count()
    );
    for sort_bytes_max in [1, 3000, 100_000] {
        let limits = Limits { sort_bytes_max, ..Limits::default() };
        let few = read_with("Posts.xml", &bytes, limits);
        assert!(few == plenty, "with {sort_bytes_max} bytes");
    }
}

#[test]
fn threads_do_not_depend_on_how_a_site_is_stored() {
    let rows = [question(1), answer(3, 1, 7), question(2)];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let bytes = posts(&rows);
    let (plain, _) = read(&bytes);
    let others = [("Comments.xml", "<comments>\n</comments>"), ("Posts.xml", bytes.as_str())];
    for (name, stored) in [
        ("Posts.xml.gz", gzip(bytes.as_bytes())),
        ("Posts.xml.zst", zstd::encode_all(bytes.as_bytes(), 1).unwrap()),
        ("a.example.7z", archive(&others)),
        ("a.example.zip", zipped(&others)),
        ("a.example.7z", archive(&[("../../../etc/Posts.xml", &bytes)])),
        ("a.example.7z", archive(&[("C:\\x\\Posts.xml", &bytes)])),
    ] {
        let (found, defects) = read_with(name, &stored, Limits::default());
        assert_eq!(summary(&found), summary(&plain), "{name}");
        assert_eq!(defects, [], "{name}");
        let SiteRecord::Thread(last) = &found[1] else { panic!() };
        assert!(last.offset < stored.len() as u64, "{name}: within the file");
    }
}

#[test]
fn an_archive_without_a_site_is_reported() {
    let one = posts(&[&question(1)]);
    for (bytes, says, threads) in [
        (archive(&[("Comments.xml", "<comments/>")]), "no Posts.xml", 0),
        (archive(&[("a/Posts.xml", &one), ("b/Posts.xml", &one)]), "2 files Posts.xml", 1),
        (archive(&[("Posts.xml", "")]), "no posts", 0),
        (ENCRYPTED.to_vec(), "encrypted", 0),
        (b"7z\xbc\xaf\x27\x1c".to_vec(), "7z archive", 0),
    ] {
        let (found, defects) = read_with("a.example.7z", bytes, Limits::default());
        assert_eq!(found.len(), threads, "{says}");
        assert_eq!(defects.len(), 1, "{says}: {defects:?}");
        assert!(defects[0].what.contains(says), "{says}: {defects:?}");
        assert!(defects[0].device.is_none(), "{says}: {defects:?}");
    }
}

#[test]
fn a_file_cut_anywhere_keeps_the_rows_before_the_cut() {
    let rows: Vec<String> = (1..60).map(question).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let bytes = posts(&rows);
    for stored in
        [bytes.as_bytes().to_vec(), gzip(bytes.as_bytes()), archive(&[("Posts.xml", &bytes)])]
    {
        let mut most = 0;
        for cut in (0..stored.len() - 1).step_by(7) {
            let (found, defects) = read_with("x.xml", &stored[..cut], Limits::default());
            assert!(!defects.is_empty(), "cut at {cut}");
            assert!(defects.iter().all(|defect| defect.device.is_none()), "{defects:?}");
            assert!(summary(&found).windows(2).all(|pair| pair[0] != pair[1]));
            most = most.max(found.len());
        }
        // The directory of a 7z archive is at its end.
        assert!(most > 50 || stored.starts_with(b"7z"), "{most}");
    }
}

#[test]
fn damaged_archives_are_not_device_failures() {
    let bytes = archive(&[("Posts.xml", &posts(&[&question(1)]))]);
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            let (_, defects) = read_with("x.7z", bytes, Limits::default());
            assert!(defects.iter().all(|defect| defect.device.is_none()), "{at}: {defects:?}");
        }
    }
}

#[test]
fn other_files_are_reported() {
    for (bytes, says) in [
        (&b""[..], "no posts"),
        (b"just a text\nand another\n", "1 after it: not rows"),
        (b"<html><body>404</body></html>", "<html> and not <posts>"),
        (b"<?xml version=\"1.0\"?>\n<comments>\n<row Id=\"1\"/>\n</comments>", "<comments>"),
        (&[0; 5000], "not a row"),
        (&[0x1f, 0x8b], "not a row"),
        (b"<posts>\n", "cut short"),
    ] {
        let (found, defects) = read(bytes);
        assert_eq!(found, [], "{says}");
        assert!(defects.iter().any(|defect| defect.what.contains(says)), "{says}: {defects:?}");
    }
}

#[test]
fn lines_without_rows_are_reported_together() {
    let noise: String = (0..100_000).map(|n| format!("{n}\n")).collect();
    let (found, defects) = read(noise);
    assert_eq!((found.len(), defects.len()), (0, 2));
}

#[test]
fn a_site_has_the_name_of_its_file_or_folder() {
    for (path, expected) in [
        ("/x/stackoverflow.com-Posts.7z", Some("stackoverflow.com")),
        ("/x/es.stackoverflow.com.7z", Some("es.stackoverflow.com")),
        ("/x/math.stackexchange.com/Posts.xml", Some("math.stackexchange.com")),
        ("/x/math.stackexchange.com/posts.xml.zst", Some("math.stackexchange.com")),
        ("/x/math.stackexchange.com.Posts.xml.gz", Some("math.stackexchange.com")),
        ("/x/3dprinting.stackexchange.com.xml", Some("3dprinting.stackexchange.com")),
        ("/x/math.stackexchange.com (1).zip", Some("math.stackexchange.com")),
        ("/x/math.stackexchange.com_20240402.7z", Some("math.stackexchange.com")),
        ("/x/math.stackexchange.com/posts/Posts.xml", Some("math.stackexchange.com")),
        ("/x/stackoverflow.com-Posts/Posts.xml", Some("stackoverflow.com")),
        ("/x/data.v2/posts/Posts.xml", None),
        ("/Posts.xml", None),
    ] {
        assert_eq!(name(Path::new(path)).as_deref(), expected, "{path}");
    }
    let (site, path) = Site::new("posts.XML", posts(&[&question(1), "Id=\"2\"", &question(3)]));
    let folder = site.dir.path();
    assert!(is_site(folder) && may_hold_posts(folder) && may_hold_posts(&path));
    assert_eq!((rows(folder).unwrap(), rows(&path).unwrap()), (3, 3));
    assert_eq!(read_path(folder, Limits::default()), read_path(&path, Limits::default()));
}

#[test]
fn other_tables_and_documents_of_a_dump_are_not_sources() {
    for (name, is_source) in [
        ("stackoverflow.com-Posts.7z", true),
        ("stackoverflow.com-PostHistory.7z", false),
        ("stackoverflow.com-Comments.7z", false),
        ("tags.xml", false),
        ("coffee.stackexchange.com.7z", true),
        ("coffee.stackexchange.com.rar", true),
        ("Sites.xml", false),
        ("stackexchange_meta.xml", false),
        ("license.txt", false),
        ("readme", false),
    ] {
        assert_eq!(may_hold_posts(Path::new(name)), is_source, "{name}");
    }
}

/// Upstream's own pairs, from the shared test data.
#[test]
fn rows_are_paired_as_upstream_pairs_them() {
    for case in reference::cases("stackexchange", "pairing") {
        let (found, defects) = read(case["input"].as_str().unwrap());
        assert_eq!(defects, []);
        let pairs: Vec<_> = found.iter().filter_map(pair).collect();
        assert_eq!(serde_json::Value::from(pairs), case["expected"]);
    }
}

/// A thread as upstream's `filter.py` writes it.
fn pair(found: &SiteRecord) -> Option<serde_json::Value> {
    let SiteRecord::Thread(Thread { question, answers, .. }) = found else { return None };
    let post = |id: u64, text: &str, score: &str| serde_json::json!({"id": id.to_string(), "text": text, "score": score});
    let text = format!("{} {}", question.title, question.body);
    let score = question.score.as_deref().unwrap_or_default();
    let mut pair = serde_json::json!({"question": post(question.id, &text, score)});
    if !answers.is_empty() {
        pair["answers"] = answers.iter().map(|a| post(a.id, &a.body, &a.score)).collect();
    }
    Some(pair)
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn every_row_is_in_one_record(
        kinds in proptest::collection::vec((0u8..5, 1u64..8, 1u64..8), 0..40),
        sort_bytes_max in 1usize..4000,
    ) {
        let row = |(kind, id, parent): &(u8, u64, u64)| match kind {
            0 | 1 => question(*id),
            2 => format!("Id=\"{id}\""),
            3 => "Id=\"x\"".to_owned(),
            _ => answer(*id, *parent, 0),
        };
        let rows: Vec<String> = kinds.iter().map(row).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let limits = Limits { sort_bytes_max, ..Limits::default() };
        let (found, defects) = read_with("Posts.xml", posts(&rows), limits);
        let in_record = |found: &SiteRecord| match found {
            SiteRecord::Thread(thread) => 1 + thread.answers.len(),
            SiteRecord::Orphan(_) => 1,
        };
        prop_assert_eq!(found.iter().map(in_record).sum::<usize>(), rows.len());
        prop_assert_eq!(defects.len(), kinds.iter().filter(|(kind, ..)| *kind == 3).count());
    }
}

/// A 7z archive whose only file is packed by the method `id` with these properties.
fn asking(id: [u8; 3], properties: &[u8]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let packed = [0; 16];
    let name: Vec<u8> = "Posts.xml\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    // By 7zFormat.txt: header, streams, packed streams, one folder of one coder, files, names.
    let header = [
        &[1, 4, 6, 0, 1, 9, packed.len() as u8, 0, 7, 0x0b, 1, 0, 1, 0x23][..],
        &id,
        &[properties.len() as u8],
        properties,
        &[0x0c, 100, 0, 8, 0, 0, 5, 1, 0x11, name.len() as u8 + 1, 0],
        &name,
        &[0, 0],
    ]
    .concat();
    let start = [
        (packed.len() as u64).to_le_bytes().to_vec(),
        (header.len() as u64).to_le_bytes().to_vec(),
        crc(&header).to_vec(),
    ]
    .concat();
    [b"7z\xbc\xaf\x27\x1c\0\x04", &crc(&start)[..], &start, &packed, &header].concat()
}

#[test]
fn an_archive_that_needs_too_much_memory_is_reported() {
    let (ppmd, lzma) = ([3, 4, 1], [3, 1, 1]);
    let mebibytes = |count: u32| (count << 20).to_le_bytes();
    for (id, first, count, is_refused) in [
        (ppmd, 6, 1024, true),
        (ppmd, 6, 16, false),
        (lzma, 0x5d, 1024, true),
        (lzma, 0x5d, 320, true),
        // The maximum of 7-Zip's presets.
        (lzma, 0x5d, 256, false),
    ] {
        let bytes = asking(id, &[&[first][..], &mebibytes(count)].concat());
        let (_, defects) = read_with("a.example.7z", bytes, Limits::default());
        let summary = |defect: &Defect| defect.what.contains("MiB of memory to be unpacked");
        assert_eq!(defects.iter().any(summary), is_refused, "{id:?} {count}: {defects:?}");
        assert!(!defects.is_empty());
    }
}
