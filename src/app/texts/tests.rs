use super::*;

fn read(name: &str, bytes: &[u8], language: Option<&str>) -> Result<(Vec<String>, Passed)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let part = CorpusPart { slice: None, label: None };
    let flags = TextFlags { text_field: TextField::default() };
    let files = TextFiles::find(&[path.to_string_lossy().into_owned()], &part, language, &flags)?;
    let (mut found, mut passed) = (Vec::new(), Passed::default());
    files.for_each(&mut passed, &mut |text| {
        found.push(text.to_owned());
        Ok(())
    })?;
    Ok((found, passed))
}

fn texts(name: &str, bytes: &str, language: Option<&str>) -> Vec<String> {
    read(name, bytes.as_bytes(), language).unwrap().0
}

#[test]
fn only_texts_marked_as_another_language_are_skipped() {
    let lines = "{\"text\":\"one\",\"meta\":{\"language\":\"en\"}}\n\
                 {\"text\":\"zwei\",\"meta\":{\"language\":\"de\"}}\n\
                 {\"text\":\"thr\\u00e9e\",\"meta\":\"a note\"}\n{\"text\":\"four\"}\n";
    assert_eq!(texts("a.jsonl", lines, Some("en")), ["one", "thrée", "four"]);
    assert_eq!(texts("a.jsonl", lines, None).len(), 4);
    let (_, passed) = read("a.jsonl", lines.as_bytes(), Some("fr")).unwrap();
    let error = passed.explain(usage("no words")).to_string();
    assert!(error.contains("no words; 2 texts are of another language and skipped (de 1, en 1)"));
}

#[test]
fn plain_lines_are_texts_and_blank_ones_are_not() {
    let lines = "\u{feff}one\n\n  \r\ntwo \r\nthree";
    assert_eq!(texts("a.txt", lines, None), ["one", "two", "three"]);
}

#[test]
fn malformed_lines_are_listed_and_blank_lines_are_none() {
    let lines = "\u{feff}{\"text\":\"a\"}\n\n{\n{\"text\":null}\n{\"text\":\"\\ud800b\"}\n{\"txt\":\"c\"}\n";
    let (found, passed) = read("a.jsonl", lines.as_bytes(), None).unwrap();
    assert_eq!(found, ["a", "\u{fffd}b"]);
    assert_eq!(passed.malformed, 3);
    let mut report = serde_json::json!({});
    passed.add_to(&mut report);
    let listed = report["listed"].to_string();
    for place in [
        "a.jsonl: line 3: ",
        "a.jsonl: line 4: the field text is not a string",
        "a.jsonl: line 6: there is no field text; name another with --text-field",
    ] {
        assert!(listed.contains(place), "{place}: {listed}");
    }
    let (found, passed) = read("a.txt", b"one\ncaf\xe9\ntwo", None).unwrap();
    assert_eq!((found, passed.malformed), (vec!["one".to_owned(), "two".to_owned()], 1));
}

#[test]
fn lines_of_json_are_recognized_by_their_content_too() {
    assert_eq!(texts("pages", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n", None), ["a", "b"]);
}

#[test]
fn dumps_and_binary_files_are_rejected() {
    for (name, bytes, problem) in [
        ("a.warc.wet", &b"WARC/1.0"[..], "add it to a corpus"),
        ("a.txt", b"<mediawiki xmlns=\"x\"><page>", "is a dump, not text"),
        ("a.txt", b"%PDF-1.4\nx", "is a dump, not text"),
        ("a.txt", b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaa", "is a dump, not text"),
        ("a.txt", b"\0\x01\x02\xff\xfe\0\0\x07\0\0\x03\xff", "is binary, not text"),
    ] {
        let error = read(name, bytes, None).err().expect(problem);
        assert!(error.to_string().contains(problem), "{error}");
    }
}
