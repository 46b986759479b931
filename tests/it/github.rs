//! The GitHub slice: source files of tables, repositories and archives, kept or dropped as by
//! RedPajama's scripts.

use crate::support::{Export, Place, assert_same, documents, gzip, list, number, text};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

const LICENCE: &str = include_str!("../../LICENSE");

/// A place with the bundled exports in `code`.
fn place() -> Place {
    let place = Place::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/github");
    symlink(fixtures, place.path("code")).unwrap();
    place
}

fn input(label: &str, paths: &str) -> String {
    format!("[[input]]\nslice = \"github\"\nlabel = \"{label}\"\npaths = [\"{paths}\"]\n")
}

fn both(settings: &str) -> String {
    let inputs = input("2022-11", "code/2022-11") + &input("2023-03", "code/2023-03");
    format!("[github]\n{settings}\n{inputs}")
}

fn label(place: &Place, corpus: &str, label: &str) -> Value {
    place.status(corpus)["slices"]["github"]["labels"][label].clone()
}

/// A program that passes all rules. Different numbers make different programs.
fn program(number: usize) -> String {
    format!("def light_lantern_{number}(lantern):\n    return lantern.light(at={number})\n")
}

fn row(path: &str, content: &str) -> Value {
    json!({"path": path, "repo_name": "town/lights", "license": "mit", "content": content})
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// Adds the folder `in` as one label. Returns its counts and the paths kept.
fn add(place: &Place, code: i32) -> (Value, Vec<String>) {
    add_with(place, code, "")
}

fn add_with(place: &Place, code: i32, settings: &str) -> (Value, Vec<String>) {
    place.write("recipe.toml", format!("[github]\n{settings}\n"));
    place.run("build recipe.toml --corpus corpus").exits(0);
    let add = "add corpus --slice github --label a in --json -w 2 --epoch-bytes 1K";
    let summary = place.run(add).exits(code).json();
    place.assert_sound("corpus");
    let counts = summary["labels"]["github/a"].clone();
    let dropped: u64 = counts["dropped"].as_object().unwrap().values().map(number).sum();
    let documents = place.documents("corpus");
    assert_eq!(number(&counts["read"]), number(&counts["kept"]) + dropped, "{counts}");
    assert_eq!(number(&counts["kept"]) as usize, documents.len());
    let paths = documents.iter().map(|document| text(&document["meta"]["path"]).to_owned());
    (counts, paths.collect())
}

#[test]
fn the_export_does_not_depend_on_how_it_is_built() {
    let place = place();
    place.write("recipe.toml", both(""));
    place.run("build recipe.toml --corpus plain -w 1").exits(0);
    let (plain, counts) = (place.export("plain"), place.status("plain")["slices"].clone());
    for (number, way) in [
        "build -w 2",
        "build -w 4 --epoch-bytes 2K",
        "build --epoch-bytes 100 --memory 64K",
        "build --engine differential -w 2 --epoch-bytes 1K",
        "launch -n 2 -- build -w 1",
        "launch -n 2 -- build -w 2 --epoch-bytes 1K",
    ]
    .into_iter()
    .enumerate()
    {
        let corpus = format!("corpus-{number}");
        place.run(&format!("{way} recipe.toml --corpus {corpus}")).exits(0);
        assert_same(&place.export(&corpus), &plain, way);
        assert_eq!(place.status(&corpus)["slices"], counts, "{way}");
    }
}

#[test]
fn an_export_added_later_equals_one_build_of_both() {
    let place = place();
    place.write("both.toml", both(""));
    place.write("first.toml", format!("[github]\n{}", input("2022-11", "code/2022-11")));
    place.run("build both.toml --corpus at-once").exits(0);
    let expected = place.export("at-once");
    for (number, (first, second)) in
        [("", ""), ("-w 3 --epoch-bytes 1K", "-w 1"), ("", "-w 2 --epoch-bytes 500")]
            .iter()
            .enumerate()
    {
        let corpus = format!("corpus-{number}");
        place.run(&format!("build first.toml --corpus {corpus} {first}")).exits(0);
        let add = format!("add {corpus} --slice github --label 2023-03 code/2023-03 {second}");
        place.run(&add).exits(0);
        assert_same(&place.export(&corpus), &expected, &format!("[{first}] and [{second}]"));
    }
}

#[test]
fn the_bundled_exports_add_up_and_exercise_every_rule() {
    let place = place();
    place.write("recipe.toml", both(""));
    place.run("build recipe.toml --corpus corpus -w 2").exits(0);
    place.assert_sound("corpus");
    let documents = place.documents("corpus");
    let mut kept = 0;
    for (name, files, reasons) in [
        (
            "2022-11",
            57,
            &[
                "license",
                "certificate",
                "license_file",
                "empty",
                "extension",
                "max_line_length",
                "avg_line_length",
                "alnum_prop",
            ][..],
        ),
        ("2023-03", 51, &["license", "duplicate", "link", "binary", "invalid_utf8"][..]),
    ] {
        let counts = label(&place, "corpus", name);
        let dropped = counts["dropped"].as_object().unwrap();
        let sum: u64 = dropped.values().map(number).sum();
        assert_eq!(number(&counts["read"]), files, "{counts}");
        assert_eq!(number(&counts["read"]), number(&counts["kept"]) + sum);
        assert_eq!(number(&counts["defects"]), 0);
        for reason in reasons {
            assert!(dropped.contains_key(*reason), "{name}: {reason}: {counts}");
        }
        kept += number(&counts["kept"]) as usize;
    }
    assert_eq!(kept, documents.len());
    let hashes: Vec<&str> = documents.iter().map(|d| text(&d["meta"]["content_hash"])).collect();
    assert!(
        hashes.iter().enumerate().all(|(n, hash)| !hashes[..n].contains(hash)),
        "a copy is kept"
    );
}

#[test]
fn records_equal_those_of_upstream() {
    for case in reference::cases("github", "local_clean_dedup") {
        let place = Place::new();
        place.write("in/rows.jsonl", lines(list(&case["input"])));
        let (counts, _) = add_with(&place, 0, "licenses = []");
        let mut found = place.documents("corpus");
        for record in &mut found {
            record.as_object_mut().unwrap().remove("id");
            let meta = record["meta"].as_object_mut().unwrap();
            // Every document of a corpus has an `id`; BigQuery's has another name.
            meta.remove("id");
            let id = meta.remove("blob_id").unwrap();
            meta.insert("id".into(), id);
            // Fields that only other records have are null in an export.
            meta.retain(|_, value| !value.is_null());
        }
        // Upstream's first step. Its filters come later, and drop a file with an unknown extension.
        let expected = list(&case["expected"]).iter();
        let expected: Vec<&Value> =
            expected.filter(|r| r["meta"]["path"] != "sub/LICENSE").collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        let dropped = json!({"certificate": 1, "license_file": 1, "duplicate": 1, "extension": 1});
        assert_eq!(counts["dropped"], dropped);
    }
}

#[test]
fn fields_keep_upstreams_order_and_lists_are_compact() {
    let place = Place::new();
    let line = r#"{"id":"b10b","size":"12","path":"a.py","binary":false,"license":"mit","x":null,"#
        .to_owned()
        + r#""repo_name":"o/r","language":[{"name": "Python","bytes":"12"}],"content":"letters"}"#;
    place.write("in/rows.jsonl", line);
    add(&place, 0);
    let export = place.export("corpus");
    let line = std::str::from_utf8(&export["github/a.jsonl"]).unwrap();
    assert_eq!(
        line.trim_end(),
        "{\"text\":\"letters\",\"meta\":{\"content_hash\":\"9a31962b953d38f5702495fdf5b44ad0\",\
         \"timestamp\":\"\",\"source\":\"github\",\"line_count\":1,\"max_line_length\":7,\
         \"avg_line_length\":7.0,\"alnum_prop\":1.0,\"blob_id\":\"b10b\",\"size\":\"12\",\
         \"path\":\"a.py\",\"binary\":false,\"license\":\"mit\",\"x\":null,\"repo_name\":\"o/r\",\
         \"language\":[{\"name\":\"Python\",\"bytes\":\"12\"}],\"id\":\"github/a/rows.jsonl#0\"},\
         \"id\":\"github/a/rows.jsonl#0\"}"
    );
}

/// The rows in the form of The Stack: its column names, lists of licences, Parquet.
fn the_stack(rows: &[Value]) -> Vec<u8> {
    let schema = "message rows {
        required binary max_stars_repo_path (UTF8);
        required binary max_stars_repo_name (UTF8);
        required group max_stars_repo_licenses (LIST) {
            repeated group list { required binary element (UTF8); }
        }
        required binary content (UTF8);
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for name in ["path", "repo_name", "license", "content"] {
        let values: Vec<ByteArray> = rows.iter().map(|row| text(&row[name]).into()).collect();
        let levels = (vec![1; rows.len()], vec![0; rows.len()]);
        let is_list = name == "license";
        let mut column = group.next_column().unwrap().unwrap();
        let (definition, repetition) =
            (is_list.then_some(&levels.0[..]), is_list.then_some(&levels.1[..]));
        column.typed::<ByteArrayType>().write_batch(&values, definition, repetition).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    file
}

#[test]
fn every_form_of_input_yields_the_same_files() {
    let rows: Vec<Value> = (0..40)
        .map(|n| {
            let licence = ["MIT", "Apache-2.0", "GPL-3.0", "BSD-3-Clause"][n % 4];
            json!({"path": format!("src/p{n:02}.py"), "repo_name": "town/lights",
                "license": licence, "content": program(n / 2)})
        })
        .collect();
    let mut archive = tar::Builder::new(Vec::new());
    let add_to = |archive: &mut tar::Builder<Vec<u8>>, path: &str, body: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, body).unwrap();
    };
    for row in rows.iter().filter(|row| row["license"] != "GPL-3.0") {
        let path = format!("lights/{}", text(&row["path"]));
        add_to(&mut archive, &path, text(&row["content"]).as_bytes());
    }
    add_to(&mut archive, "lights/LICENSE", LICENCE.as_bytes());
    let archive = archive.into_inner().unwrap();
    let lines = lines(&rows);
    let kept = |name: &str, bytes: &[u8]| {
        let place = Place::new();
        place.write(&format!("in/{name}"), bytes);
        add(&place, 0);
        let of = |d: &Value| (text(&d["meta"]["path"]).to_owned(), text(&d["text"]).to_owned());
        place.documents("corpus").iter().map(of).collect::<BTreeMap<_, _>>()
    };
    let expected = kept("rows.jsonl", lines.as_bytes());
    assert_eq!(expected.len(), 20);
    assert_eq!(kept("rows.gz", &gzip(lines.as_bytes())), expected);
    assert_eq!(kept("rows.zst", &zstd::encode_all(lines.as_bytes(), 1).unwrap()), expected);
    assert_eq!(kept("rows.parquet", &the_stack(&rows)), expected);
    assert_eq!(kept("lights.tar", &archive), expected);
    assert_eq!(kept("lights.tar.gz", &gzip(&archive)), expected);
    let place = Place::new();
    for row in rows.iter().filter(|row| row["license"] != "GPL-3.0") {
        place.write(&format!("in/lights/{}", text(&row["path"])), text(&row["content"]));
    }
    place.write("in/lights/LICENSE.txt", LICENCE);
    let (_, paths) = add(&place, 0);
    assert_eq!(paths, expected.into_keys().collect::<Vec<_>>());
}

#[test]
fn invalid_rows_are_named_with_their_reason_and_the_others_are_read() {
    let place = Place::new();
    let good = |n| row(&format!("g{n}.py"), &program(n)).to_string();
    let null = json!({"path": "b.bin", "license": "mit", "content": null}).to_string();
    let deep = format!("{{\"path\":\"d.py\",\"x\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000));
    let bad: [(&str, &[u8]); 12] = [
        ("no_json", b"no JSON"),
        ("no_json", b"[1]"),
        ("no_json", b"{\"path\":\"a.py\",\"content\":\"cut"),
        ("no_json", &[0; 5_000]),
        ("invalid_utf8", b"{\"path\":\"a.py\",\"content\":\"\xff\"}"),
        ("no_path", b"{\"content\":\"x\",\"license\":\"mit\"}"),
        ("no_path", b"{\"path\":3,\"content\":\"x\"}"),
        ("no_content", b"{\"path\":\"a.py\"}"),
        ("no_content", b"{\"path\":\"a.py\",\"content\":[]}"),
        // Half a surrogate pair is read as a replacement character, and the row has no licence.
        ("license", b"{\"path\":\"a.py\",\"content\":\"\\ud800\"}"),
        ("no_content", null.as_bytes()),
        ("no_content", deep.as_bytes()),
    ];
    let mut rows: Vec<u8> = Vec::new();
    for (n, (_, line)) in bad.iter().enumerate() {
        rows.extend([good(n).as_bytes(), b"\n", line, b"\n"].concat());
    }
    place.write("in/rows.jsonl", &rows);
    let many: Vec<Value> = (100..400).map(|n| row(&format!("m{n}.py"), &program(n * n))).collect();
    let mut damaged = gzip(lines(&many).as_bytes());
    let middle = damaged.len() / 2;
    damaged.truncate(middle);
    place.write("in/cut.gz", damaged);
    place.write("in/nul", vec![0; 1 << 20]);
    place.write("in/empty", "");
    let (counts, paths) = add(&place, 3);
    let expected =
        json!({"no_json": 4, "invalid_utf8": 1, "no_path": 2, "no_content": 4, "license": 1});
    let mut dropped = counts["dropped"].clone();
    // At the cut of the gzip member, a row or two may be incomplete.
    dropped.as_object_mut().unwrap().retain(|_, count| number(count) > 0);
    assert_eq!(dropped, expected, "{counts:#}");
    for n in 0..bad.len() {
        assert!(paths.contains(&format!("g{n}.py")), "{n}");
    }
    assert!(paths.iter().filter(|path| path.starts_with('m')).count() > 50);
    // One for each, except the file without content in BigQuery and the one without a licence; one for
    // the file of an unknown form, and one for the cut.
    assert_eq!(number(&counts["defects"]), 12, "{counts:#}");
    let listed: Vec<&str> = list(&counts["malformed"]).iter().map(|d| text(&d["what"])).collect();
    for words in ["row 2: ", "no column path with text", "the file ends within this gzip member"] {
        assert!(listed.iter().any(|what| what.contains(words)), "{words}: {listed:#?}");
    }
}

#[test]
fn a_very_long_line_is_skipped_in_bounded_memory() {
    let place = Place::new();
    let path = place.path("in/long.json");
    place.write("in/rows.jsonl", lines(&[row("a.py", &program(1))]));
    let file = fs::File::create(&path).unwrap();
    file.set_len(300 << 20).unwrap();
    let last = row("b.py", &program(2)).to_string();
    std::os::unix::fs::FileExt::write_at(&file, format!("\n{last}\n").as_bytes(), 300 << 20)
        .unwrap();
    let (counts, paths) = add(&place, 3);
    assert_eq!(paths.len(), 2);
    let listed = list(&counts["malformed"]);
    assert!(text(&listed[0]["what"]).contains("longer than 256 MiB"), "{listed:?}");
}

#[test]
fn nothing_outside_a_tree_is_read_and_no_pipe_in_it_blocks() {
    let place = Place::new();
    place.write("secret.py", "outside = 'of the tree, and never read'\n");
    place.write("in/tree/LICENSE", LICENCE);
    place.write("in/tree/src/a.py", program(1));
    place.write("in/tree/.git/objects/hidden.py", program(2));
    place.write("in/tree/picture.png", b"\x89PNG\0\0");
    place.write("in/tree/latin.py", b"# gr\xfc\xdfe\n");
    place.write("in/tree/nul.py", vec![0; 10_000]);
    symlink("../../secret.py", place.path("in/tree/link.py")).unwrap();
    symlink("..", place.path("in/tree/src/loop")).unwrap();
    symlink("loop", place.path("in/tree/loop")).unwrap();
    for pipe in ["in/tree/pipe.py", "in/tree/.git/config"] {
        let made = std::process::Command::new("mkfifo").arg(place.path(pipe)).status();
        assert!(made.unwrap().success());
    }
    fs::File::create(place.path("in/tree/large.py")).unwrap().set_len(257 << 20).unwrap();
    let (counts, paths) = add(&place, 0);
    assert_eq!(paths, ["src/a.py"]);
    let expected = json!({
        "license_file": 1, "binary": 2, "invalid_utf8": 1, "link": 3, "special_file": 1, "too_large": 1,
    });
    assert_eq!(counts["dropped"], expected);
    assert_eq!(text(&place.documents("corpus")[0]["meta"]["repo_name"]), "tree");
}

#[test]
fn paths_that_lead_out_of_an_archive_are_named_and_nothing_is_written() {
    let place = Place::new();
    let mut archive = tar::Builder::new(Vec::new());
    for (path, body) in [
        ("tree/LICENSE", LICENCE.to_owned()),
        ("/tmp/absolute.py", program(1)),
        ("tree/../../up.py", program(2)),
        ("../up.py", program(3)),
        ("tree/fine.py", program(4)),
    ] {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, body.as_bytes()).unwrap();
    }
    place.write("in/hostile.tar.gz", gzip(&archive.into_inner().unwrap()));
    let before: Vec<String> = names(&place);
    let (counts, paths) = add(&place, 3);
    assert_eq!(paths, ["fine.py"]);
    // The reason is not a missing licence, since their repository is unknown.
    assert_eq!(counts["dropped"], json!({"license_file": 1, "unsafe_path": 3}));
    assert_eq!(number(&counts["defects"]), 3);
    let after = names(&place);
    let new: Vec<&String> = after.iter().filter(|name| !before.contains(name)).collect();
    assert!(new.iter().all(|name| !name.ends_with(".py")), "{new:?}");
}

/// The names in the folder of a place.
fn names(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path("")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_repository_without_a_licence_is_counted_as_such() {
    let place = Place::new();
    place.write("in/one/.git/HEAD", "ref: refs/heads/main\n");
    place.write("in/one/a.py", program(1));
    place.write("in/two/COPYING", "All rights are reserved, and the harbour office keeps them.\n");
    place.write("in/two/b.py", program(2));
    place.write("in/three/LICENSE", LICENCE);
    place.write("in/three/c.py", program(3));
    let (counts, paths) = add(&place, 3);
    assert_eq!(paths, ["c.py"]);
    assert_eq!(counts["dropped"], json!({"license": 3, "license_file": 1}));
    let listed: Vec<&str> = list(&counts["malformed"]).iter().map(|d| text(&d["what"])).collect();
    for words in [
        "one: no usable licence: no file LICENSE",
        "two: no usable licence: COPYING resembles no licence",
    ] {
        assert!(listed.iter().any(|what| what.contains(words)), "{words}: {listed:#?}");
    }
}

#[test]
fn a_repository_under_a_known_licence_that_is_not_wanted_is_not_a_defect() {
    let place = Place::new();
    place.write("in/one/package.json", r#"{"name": "one", "license": "GPL-3.0"}"#);
    place.write("in/one/a.js", program(1));
    place.write("in/two/Cargo.toml", "[package]\nlicense = \"GPL-3.0 OR MIT\"\n");
    place.write("in/two/b.rs", program(2));
    let (counts, paths) = add(&place, 0);
    assert_eq!(paths, ["b.rs"], "{counts}");
    assert_eq!(counts["dropped"]["license"], 2, "{counts}");
}

#[test]
fn a_clause_that_restricts_a_free_licence_is_named_and_excludes_the_repository() {
    let place = Place::new();
    let clause = "\"Commons Clause\" License Condition v1.0\n\nThe License does not grant to you, the \
                  right to Sell the Software.\n\n";
    place.write("in/one/LICENSE", format!("{clause}{LICENCE}"));
    place.write("in/one/a.py", program(1));
    place.write("in/two/LICENSE", LICENCE);
    place.write("in/two/b.py", program(2));
    place.write("in/two/c.py", format!("# SPDX-License-Identifier: GPL-2.0-only\n{}", program(3)));
    let (counts, paths) = add(&place, 3);
    assert_eq!(paths, ["b.py"]);
    assert_eq!(counts["dropped"], json!({"license": 3, "license_file": 1}));
    let listed: Vec<&str> = list(&counts["malformed"]).iter().map(|d| text(&d["what"])).collect();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].contains("LICENSE restricts apache-2.0: \"commons clause\""), "{listed:?}");
}

#[test]
fn an_archive_packed_by_macos_is_read_like_any_other() {
    let double = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ";
    let packed = |doubles: bool| {
        let mut archive = tar::Builder::new(Vec::new());
        let mut put = |path: &str, body: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(body.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, body).unwrap();
        };
        for (folder, name, body) in
            [("", "lights", ""), ("lights/", "LICENSE", LICENCE), ("lights/", "a.py", &program(1))]
        {
            if doubles {
                put(&format!("{folder}._{name}"), double);
            }
            if !body.is_empty() {
                put(&format!("{folder}{name}"), body.as_bytes());
            }
        }
        let place = Place::new();
        place.write("in/lights.tar", archive.into_inner().unwrap());
        let (counts, paths) = add(&place, 0);
        let kept = text(&place.documents("corpus")[0]["meta"]["repo_name"]).to_owned();
        (counts["dropped"].clone(), paths, kept)
    };
    assert_eq!(packed(true), packed(false));
    assert_eq!(packed(true).1, ["a.py"]);
}

#[test]
fn a_bare_repository_is_rejected_with_the_remedy() {
    let place = Place::new();
    place.write("in/bare.git/HEAD", "ref: refs/heads/main\n");
    for folder in ["objects", "refs"] {
        fs::create_dir(place.path("in/bare.git").join(folder)).unwrap();
    }
    let outcome = place.run("add corpus --slice github --label a in");
    assert!(!outcome.status.success());
    outcome.names(&["bare.git is a bare git repository", "git clone"]);
}

#[test]
fn each_setting_has_its_effect() {
    let place = Place::new();
    let rows = [
        json!({"path": "a.py", "license": "gpl-3.0", "content": "#!/bin/sh\n# Copyright X\n\nletters = 1\n"}),
        json!({"path": "b.py", "license": "mit", "content": "#!/bin/sh\nletters = 1\n"}),
        json!({"path": "c.py", "content": "words = 2\n"}),
        json!({"path": "d.py", "license": ["MIT", "GPL-2.0"], "content": "more = 3\n"}),
        json!({"path": "e.py", "license": ["MIT", "BSD-2-Clause"], "content": "most = 4\n"}),
    ];
    let texts = |settings: &str| -> BTreeMap<String, String> {
        let place = Place::new();
        place.write("in/rows.jsonl", lines(&rows));
        add_with(&place, 0, settings);
        let of = |d: &Value| (text(&d["meta"]["path"]).into(), text(&d["text"]).into());
        place.documents("corpus").iter().map(of).collect()
    };
    drop(place);
    let strict = texts("");
    assert_eq!(strict.keys().collect::<Vec<_>>(), ["b.py", "e.py"]);
    assert_eq!(strict["b.py"], "letters = 1\n");
    let all = texts("licenses = []");
    assert_eq!(all.len(), 5);
    assert_eq!(all["a.py"], all["b.py"], "files are compared as they were before the cut");
    let fixed = texts("licenses = [\"GPL\"]\nclean = \"fixed\"");
    assert_eq!(fixed["a.py"], "#!/bin/sh\nletters = 1\n");
    assert_eq!(texts("clean = \"none\"")["b.py"], "#!/bin/sh\nletters = 1\n");
    // The same bytes twice: one is kept by default, both with `dedup = "none"`.
    let copies = |settings: &str| {
        let place = Place::new();
        let copy = |path: &str| json!({"path": path, "license": "mit", "content": "words = 2\n"});
        place.write("in/rows.jsonl", lines(&[copy("a.py"), copy("b.py")]));
        add_with(&place, 0, settings);
        place.documents("corpus").len()
    };
    assert_eq!((copies(""), copies("dedup = \"none\"")), (1, 2));
    assert_eq!(texts("min_alnum_prop = 0.99\nlicenses = []").len(), 0);
    assert_eq!(
        texts("max_line_length = 10\nlicenses = []").keys().collect::<Vec<_>>(),
        ["c.py", "d.py", "e.py"]
    );
}

#[test]
fn with_a_tokenizer_files_with_few_letters_per_token_are_dropped() {
    let Some(place) = Place::with_data() else { return };
    let digits: String =
        (0..99).map(|n| format!("{} {};\n", n * 977 % 1013, n * 31 % 97)).collect();
    let rows = [row("letters.py", &program(1)), row("digits.py", &digits)];
    place.write("in/rows.jsonl", lines(&rows));
    let tokenizer = "tokenizer = \"data/models/tokenizers/gpt_neox_20B_tokenizer.json\"\n";
    place.write("tokens.toml", format!("{tokenizer}[github]\n{}", input("a", "in")));
    place.run("build tokens.toml --corpus corpus").exits(0);
    let counts = label(&place, "corpus", "a");
    assert_eq!(counts["dropped"], json!({"tokens_ratio": 1}));
    let kept = place.documents("corpus");
    assert!(kept[0]["meta"]["tokens"].as_u64().is_some_and(|tokens| tokens > 5), "{kept:?}");
    place.write("none.toml", format!("[github]\n{}", input("a", "in")));
    place.run("build none.toml --corpus all").exits(0);
    assert_eq!(documents(&place.export("all") as &Export).len(), 2);
}

#[test]
fn links_and_folders_have_no_bytes_whatever_their_header_says() {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, kind, bytes) in [
        ("r/link.py", tar::EntryType::Link, 1024),
        ("r/folder", tar::EntryType::Directory, 512),
        ("r/a.py", tar::EntryType::Regular, 6),
        ("r/b.py", tar::EntryType::Regular, 6),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_path(path).unwrap();
        header.set_entry_type(kind);
        header.set_size(bytes);
        header.set_cksum();
        let body: &[u8] = if kind.is_file() { b"x = 1\n" } else { b"" };
        archive.append(&header, body).unwrap();
    }
    let place = Place::new();
    place.write("r.tar", archive.into_inner().unwrap());
    place.write("recipe.toml", "[github]\nlicenses = []\ndedup = \"none\"\n");
    place.run("build recipe.toml --corpus corpus").exits(0);
    place.run("add corpus --slice github --label a r.tar").exits(0);
    let found = place.documents("corpus");
    let paths: Vec<&str> = found.iter().map(|file| text(&file["meta"]["path"])).collect();
    assert_eq!(paths, ["a.py", "b.py"]);
}
