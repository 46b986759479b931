//! A file is read by its content, in every packed form; a file of another form is named once and never
//! becomes text.

use crate::support::{Place, gzip, list, number, record, text, wet};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

/// A corpus whose books are not compared with each other.
fn with_books() -> Place {
    let place = Place::new();
    place.write("r.toml", "corpus = \"books\"\n[books]\ndedup = \"none\"\n");
    place.run("build r.toml").exits(0);
    place
}

fn page(number: usize) -> String {
    let (text, url) =
        (format!("Page {number} of the crawl."), format!("http://a.example/{number}"));
    json!({"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url}).to_string() + "\n"
}

fn pages(count: usize) -> Vec<u8> {
    (0..count).map(page).collect::<String>().into_bytes()
}

/// Adds one file as a label of C4 to a new corpus. Returns the label.
fn add_c4(place: &Place, name: &str, code: i32) -> Value {
    let _ = fs::remove_dir_all(place.path("corpus"));
    let add = format!("add corpus --slice c4 --label l {name} --json");
    let summary = place.run(&add).exits(code).json();
    place.assert_sound("corpus");
    summary["labels"]["c4/l"].clone()
}

/// Adds a file that cannot be read. Returns the error.
fn refused(place: &Place, slice: &str, name: &str) -> String {
    let outcome = place.run(&format!("add none --slice {slice} --label l {name}")).exits(1);
    assert!(!place.path("none/commits/000001.json").exists(), "{outcome}");
    assert!(outcome.stderr.lines().count() < 10 && outcome.stderr.len() < 2_000, "{outcome}");
    outcome.stderr
}

fn packed(kind: &str, bytes: &[u8]) -> Vec<u8> {
    let skippable = |size: u32| {
        [&b"\x50\x2a\x4d\x18"[..], &size.to_le_bytes(), &vec![7; size as usize]].concat()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    match kind {
        "gz" => gzip(bytes),
        "gz.gz" => gzip(&gzip(bytes)),
        "zst.gz" => gzip(&zstd(bytes)),
        // The format of pzstd: each frame is preceded by its size.
        "pzstd" => {
            let (one, two) = bytes.split_at(bytes.len() / 2);
            [skippable(4), zstd(one), skippable(4), zstd(two)].concat()
        }
        // The seekable format: a table at the end.
        "seekable" => [zstd(bytes), skippable(900)].concat(),
        "long" => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(28).unwrap();
            encoder.long_distance_matching(true).unwrap();
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "bz2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "xz" => {
            let options = lzma_rust2::XzOptions::with_preset(1);
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut packed = Vec::new();
            brotli::CompressorWriter::new(&mut packed, 4096, 4, 20).write_all(bytes).unwrap();
            packed
        }
        "utf16" => {
            let units = String::from_utf8_lossy(bytes);
            [0xfeff].into_iter().chain(units.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        }
        "utf32" => {
            let text = String::from_utf8_lossy(bytes);
            let units = [0xfeff].into_iter().chain(text.chars().map(u32::from));
            units.flat_map(u32::to_be_bytes).collect()
        }
        "array" => {
            let lines: Vec<&str> = std::str::from_utf8(bytes).unwrap().lines().collect();
            format!("[{}\n]", lines.join(",\n ")).into_bytes()
        }
        "pretty" => {
            let lines = std::str::from_utf8(bytes).unwrap().lines();
            let pretty = lines.map(|line| {
                let value: Value = serde_json::from_str(line).unwrap();
                serde_json::to_string_pretty(&value).unwrap() + "\n"
            });
            pretty.collect::<String>().into_bytes()
        }
        "bom" => [b"\xef\xbb\xbf", bytes].concat(),
        "crlf" => String::from_utf8_lossy(bytes).replace('\n', "\r\n").into_bytes(),
        other => panic!("{other}"),
    }
}

const KINDS: [&str; 16] = [
    "gz", "gz.gz", "zst.gz", "pzstd", "seekable", "long", "bz2", "xz", "br", "utf16", "utf32",
    "array", "pretty", "bom", "crlf", "gz",
];

#[test]
fn rows_are_read_however_they_are_packed() {
    let place = Place::new();
    let rows = pages(50);
    for kind in KINDS {
        let extension = if kind == "br" { ".br" } else { "" };
        // With a file extension that fits the content, and without one.
        for name in [format!("c4-train.{kind}.json{extension}"), format!("rows-{kind}{extension}")]
        {
            place.write(&name, packed(kind, &rows));
            let label = add_c4(&place, &name, 0);
            assert_eq!((number(&label["read"]), number(&label["kept"])), (50, 50), "{name}");
            assert_eq!(number(&label["defects"]), 0, "{name}: {label}");
            let first = &place.documents("corpus")[0];
            assert_eq!(first["text"], "Page 0 of the crawl.", "{name}");
        }
    }
}

#[test]
fn a_damaged_layer_is_reported_and_rows_before_it_are_read() {
    let place = Place::new();
    // With lengths that do not compress well, so that the damage is late in the file.
    let rows: Vec<u8> =
        (0..20_000u64).flat_map(|n| page((n * n % 99_991) as usize).into_bytes()).collect();
    for kind in ["gz.gz", "xz", "zst.gz"] {
        let whole = packed(kind, &rows);
        place.write("rows.json", &whole[..whole.len() * 9 / 10]);
        let label = add_c4(&place, "rows.json", 3);
        assert!(number(&label["kept"]) > 1_000, "{kind}: {label}");
        let what = text(&list(&label["malformed"])[0]["what"]);
        assert!(what.contains("cut short"), "{kind}: {what}");
    }
}

#[test]
fn wet_files_and_dumps_are_also_read_in_layers() {
    let place = Place::new();
    let body = "A line of this page, which is long enough.\n".repeat(10);
    let pages: Vec<_> =
        (0..4).map(|n| record(&format!("http://{n}.example/"), "t", &body)).collect();
    place.write("r.toml", "[common_crawl]\nlanguages = []\nmin_language_score = 0.0\n");
    for kind in ["gz", "xz", "pzstd"] {
        let bytes = if kind == "gz" { gzip(&wet(&pages)) } else { packed(kind, &pages.concat()) };
        place.write("x.wet", bytes);
        let corpus = format!("cc-{kind}");
        place.run(&format!("build r.toml --corpus {corpus}")).exits(0);
        let add = format!("add {corpus} --slice common_crawl --label l x.wet --json");
        let summary = place.run(&add).exits(0).json();
        assert_eq!(number(&summary["labels"]["common_crawl/l"]["read"]), 4, "{kind}");
    }
    let dump = "<mediawiki><siteinfo><dbname>enwiki</dbname></siteinfo><page><title>Lamp</title>\
                <ns>0</ns><id>1</id><revision><text>A lamp is a light.</text></revision></page>\
                </mediawiki>";
    place.write("enwiki-20230320-pages-articles.xml.xz", packed("xz", dump.as_bytes()));
    let add = "add wiki --slice wikipedia --label l enwiki-20230320-pages-articles.xml.xz --json";
    let summary = place.run(add).exits(0).json();
    assert_eq!(number(&summary["labels"]["wikipedia/l"]["kept"]), 1);
}

/// Files of forms that belong to one slice or to none, each with a part of its message.
fn foreign() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let warc = |kind: &str, content: &str| {
        let record = |kind: &str, content: &str| {
            let block = "HTTP/1.1 200 OK\r\n\r\nA page.";
            let length = block.len();
            format!(
                "WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Type: {content}\r\n\
                 WARC-Target-URI: http://a.example/\r\nContent-Length: {length}\r\n\r\n{block}\r\n\r\n"
            )
        };
        let info = record("warcinfo", "application/warc-fields");
        [gzip(info.as_bytes()), gzip(record(kind, content).as_bytes())].concat()
    };
    let posts = "<?xml version=\"1.0\"?>\n<posts>\n<row Id=\"1\" PostTypeId=\"1\" />\n</posts>\n";
    let error = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>";
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    tar.append_data(&mut header, "a.txt", &b"x"[..]).unwrap();
    let tar = tar.into_inner().unwrap();
    vec![
        ("response.warc.gz", warc("response", "application/http"), "WARC file"),
        ("x.wat.gz", warc("metadata", "application/json"), "WAT file"),
        ("wet", wet(&[record("http://a.example/", "t", "A page.\n")]), "WET file"),
        ("x.arc", b"filedesc://x.arc 0.0.0.0 20190101 text/plain 1\n".to_vec(), "ARC file"),
        ("dump.xml", b"<mediawiki><page><title>A</title></page></mediawiki>".to_vec(), "MediaWiki"),
        ("posts.xml", posts.as_bytes().to_vec(), "StackExchange"),
        ("error.gz", gzip(error.as_bytes()), "error message of a server"),
        ("page.html", b"<!DOCTYPE html><html><body>404</body></html>".to_vec(), "HTML"),
        ("paper.pdf", b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n".to_vec(), "PDF"),
        ("files.tar", tar, "tar archive"),
        (
            "x.7z",
            b"7z\xbc\xaf\x27\x1c\0\x04aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_vec(),
            "7z archive",
        ),
        ("x.feather", b"ARROW1\0\0aaaaaaaaaaaa".to_vec(), "Arrow"),
        ("x.rar", b"Rar!\x1a\x07\x01\0aaaaaaaaa".to_vec(), "RAR"),
        ("x.lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(), "LFS"),
        ("._x", b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ".to_vec(), "AppleDouble"),
        ("rows.jsonl", pages(3), "file of JSON"),
        ("rows.parquet.gz", gzip(b"PAR1aaaaaaaaPAR1"), "packed once more"),
    ]
}

#[test]
fn what_belongs_to_another_slice_is_one_message_and_takes_no_name() {
    let place = Place::new();
    // The forms that each slice reads.
    let own: [(&str, &[&str]); 7] = [
        ("common_crawl", &["wet"]),
        ("c4", &["rows.jsonl"]),
        ("github", &["rows.jsonl", "files.tar"]),
        ("arxiv", &["files.tar", "paper.pdf"]),
        ("books", &["rows.jsonl", "page.html"]),
        ("wikipedia", &["dump.xml"]),
        ("instruct", &["rows.jsonl"]),
    ];
    for (slice, own) in own {
        for (name, bytes, called) in foreign() {
            if own.contains(&name) {
                continue;
            }
            // The path must not decide.
            let file = format!("{slice}.d/{name}");
            place.write(&file, bytes);
            let stderr = refused(&place, slice, &file);
            assert!(stderr.contains(called), "{slice}, {name}: {stderr}");
            assert_eq!(stderr.matches(&file).count(), 1, "{stderr}");
        }
    }
}

#[test]
fn a_foreign_file_among_others_is_one_defect_and_the_others_are_read() {
    let place = with_books();
    place.write("in/book.txt", "A book about lamps.\n");
    for (name, bytes, _) in foreign() {
        if !["rows.jsonl", "page.html", "._x"].contains(&name) {
            place.write(&format!("in/{name}"), bytes);
        }
    }
    let summary = place.run("add books --slice books --label l in --json").exits(3).json();
    let label = &summary["labels"]["books/l"];
    assert_eq!((number(&label["read"]), number(&label["kept"])), (1, 1), "{label}");
    let sources: BTreeSet<&str> =
        list(&label["malformed"]).iter().map(|d| text(&d["source"])).collect();
    assert_eq!((sources.len(), number(&label["defects"])), (14, 14), "{label:#}");
}

#[test]
fn files_beside_the_data_are_skipped_in_a_folder_and_read_if_named() {
    let place = Place::new();
    place.write("in/c4-train.json.gz", gzip(&pages(3)));
    let digests = format!("{:032x}  c4-train.json.gz\n", 7);
    let beside =
        ["README.md", "LICENSE", "SHA256SUMS.txt", "digests.txt", "x-index.txt", "Thumbs.db"];
    for name in beside {
        place.write(&format!("in/{name}"), &digests);
    }
    place.write("in/__MACOSX/c4-train.json.gz", "x");
    place.write("in/.DS_Store", "x");
    let outcome = place.run("add corpus --slice c4 --label l in").exits(0);
    assert!(outcome.stderr.contains("skipped 7 auxiliary files"), "{outcome}");
    assert_eq!(place.documents("corpus").len(), 3);
    let outcome = place.run("add other --slice c4 --label l in -v").exits(0);
    for name in beside {
        assert!(outcome.stderr.contains(&format!("in/{name}")), "{outcome}");
    }
    place.run("add third --slice c4 --label l in/c4-train.json.gz in/digests.txt").exits(3);
}

#[test]
fn a_rejected_label_does_not_block_the_others() {
    let place = Place::new();
    place.write("a.json", pages(3));
    place.write("b.json", wet(&[record("http://a.example/", "t", "A page.\n")]));
    place.write("c.json", "");
    let input = |label: &str| {
        format!("[[input]]\nslice = \"c4\"\nlabel = \"{label}\"\npaths = [\"{label}.json\"]\n")
    };
    place.write(
        "r.toml",
        format!("corpus = \"corpus\"\n{}{}{}", input("b"), input("a"), input("c")),
    );
    let outcome = place.run("build r.toml").exits(1);
    for what in ["c4/b: none of its files can be read", "c4/c: ", "it has no document", "WET file"]
    {
        assert!(outcome.stderr.contains(what), "{outcome}");
    }
    let labels = place.status("corpus")["slices"]["c4"]["labels"].clone();
    assert_eq!(labels.as_object().unwrap().keys().collect::<Vec<_>>(), ["a"]);
    // Once repaired, a label is added under its name.
    place.write("b.json", pages(2));
    place.write("c.json", pages(1));
    place.run("build r.toml").exits(0);
    place.assert_sound("corpus");
}

#[test]
fn a_label_with_the_same_defect_in_each_record_is_refused() {
    let place = Place::new();
    // Beyond the first few, such defects are only counted.
    place.write(
        "c4-train.json",
        "{\"text\": null, \"url\": \"u\", \"timestamp\": \"t\"}\n".repeat(40),
    );
    let outcome = place.run("add corpus --slice c4 --label a c4-train.json").exits(1);
    outcome.names(&["c4/a: none of its files can be read", "the column text has null, not text"]);
    place.write("a.txt", "A text.");
    let outcome = place.run("add corpus --slice stack_exchange --label a a.txt").exits(2);
    outcome.names(&["a site's Posts.xml or 7z archive is read here, and neither", "a.txt"]);
}

#[test]
fn equal_defects_of_a_file_are_summed() {
    let place = Place::new();
    let broken: String = (0..500).map(|n| format!("{{\"text\": \"{n}\", \"url\": 1}}\n")).collect();
    place.write("c4-train.json", [page(0), broken, page(1)].concat());
    let label = add_c4(&place, "c4-train.json", 3);
    assert_eq!((number(&label["read"]), number(&label["kept"])), (502, 2));
    let listed = list(&label["malformed"]);
    assert_eq!(listed.len(), 4, "{label:#}");
    let last = text(&listed[3]["what"]);
    assert!(last.starts_with("497 more like this one: record 501"), "{last}");
}

#[test]
fn json_written_by_other_programs_is_read() {
    let place = with_books();
    let lines = concat!(
        r#"{"text":"One.","score":NaN,"more":[Infinity,-Infinity]}"#,
        "\n",
        r#"{"text":"Two, cut \ud83d","\udc00 field":"half \udfff"}"#,
        "\n",
        "{\"text\":\"Three\ttabs\u{1}\"}\n",
        r#"{"text":"gone","text":"Four."}"#,
        "\n",
        r#"{"text":"Five."},"#,
        "\n",
    );
    place.write("a.jsonl", lines);
    let outcome = place.run("add books --slice books --label a a.jsonl").exits(3);
    assert!(outcome.stdout.contains("JSON array"), "{outcome}");
    let found = place.documents("books");
    let texts: Vec<&str> = found.iter().map(|d| text(&d["text"])).collect();
    assert_eq!(texts, ["One.", "Two, cut \u{fffd}", "Three\ttabs\u{1}", "Four."]);
    assert!(found[0]["meta"]["score"].is_null());
    assert_eq!(found[0]["meta"]["more"], json!([null, null]));
    assert_eq!(found[1]["meta"]["\u{fffd} field"], "half \u{fffd}");
    // The same for `score`, and for a table of source files.
    let outcome = place.run("score a.jsonl --out scored.jsonl --json").exits(3);
    assert_eq!(number(&outcome.json()["documents"]), 4, "{outcome}");
    let rows =
        r#"{"content":"x = 1\n\ud83d","path":"a.py","repo_name":"o/r","license":"mit","n":NaN}"#;
    place.write("rows.jsonl", rows);
    let summary = place.run("add code --slice github --label a rows.jsonl --json").exits(0).json();
    assert_eq!(number(&summary["labels"]["github/a"]["kept"]), 1);
}

#[test]
fn column_names_of_real_data_sets_are_known() {
    let place = with_books();
    place.write(
        "stack.jsonl",
        r#"{"content":"x = 1\n","path":"a.py","repository_name":"o/r","licenses":["MIT"]}"#,
    );
    let summary = place.run("add code --slice github --label a stack.jsonl --json").exits(0).json();
    assert_eq!(number(&summary["labels"]["github/a"]["kept"]), 1);
    let fineweb = r#"{"text":"A page.","id":"1","url":"http://a.example/","date":"2019-04-25T12:57:54Z","language":"en"}"#;
    place.write("fineweb.jsonl", fineweb);
    add_c4(&place, "fineweb.jsonl", 0);
    assert_eq!(place.documents("corpus")[0]["meta"]["language"], "en");
    place.write("gutenberg.jsonl", r#"{"TEXT":"A book.","SOURCE":"x"}"#);
    place.run("add books --slice books --label g gutenberg.jsonl").exits(0);
    place.write("other.jsonl", r#"{"Body":"A book.","Title":"x"}"#);
    let stderr = refused(&place, "books", "other.jsonl");
    assert!(
        stderr.contains("known names: text, TEXT") && stderr.contains("Body, Title"),
        "{stderr}"
    );
}

#[test]
fn shards_of_mc4_have_their_language() {
    let place = Place::new();
    for (name, language) in [
        ("c4-de.tfrecord-00000-of-02048.json.gz", "de"),
        ("c4-train.00000-of-01024.json.gz", "en"),
        ("pages.json.gz", "unknown"),
    ] {
        place.write(name, gzip(&pages(1)));
        add_c4(&place, name, 0);
        assert_eq!(place.documents("corpus")[0]["meta"]["language"], language, "{name}");
    }
}

#[test]
fn labels_with_different_fields_are_exported_with_one_schema() {
    let place = with_books();
    place.write("a.jsonl", r#"{"text":"One.","title":"A","year":1890,"subjects":["x"]}"#);
    place.write("b.jsonl", r#"{"text":"Two.","year":"unknown","subjects":{"k":1},"id":7}"#);
    place.run("add books --slice books --label a a.jsonl").exits(0);
    place.run("add books --slice books --label b b.jsonl").exits(0);
    let expected = [
        json!({"title": "A", "year": "1890", "subjects": "[\"x\"]", "source_id": null, "id": "books/a/a.jsonl#0"}),
        json!({"title": null, "year": "unknown", "subjects": "{\"k\":1}", "source_id": 7, "id": "books/b/b.jsonl#0"}),
    ];
    let found = place.documents("books");
    for (document, expected) in found.iter().zip(&expected) {
        assert_eq!(document["meta"], *expected);
        // Some readers need the same order of fields.
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&document["meta"]), keys(expected));
    }
    let card = String::from_utf8(place.export("books")["README.md"].clone()).unwrap();
    for line in [
        "dataset_info:",
        "    - name: year\n      dtype: string",
        "    - name: source_id\n      dtype: int64",
    ] {
        assert!(card.contains(line), "{card}");
    }
}
