use super::*;
use crate::Archive;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const PACKAGE: &str = r#"<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf">
    <metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A &amp; B</dc:title>
    <dc:creator>N.&#160;N.</dc:creator><dc:rights/></metadata><manifest>
    <item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
    <item id="i2" href="../two%20b.xhtml#x" media-type="application/xhtml+xml"/>
    <item id="i1" href="sub/./one.xhtml" media-type="application/xhtml+xml"/>
    <item id="notes" href="notes.xhtml" media-type="application/xhtml+xml"/>
    <item id="cover" href="cover.svg" media-type="image/svg+xml"/></manifest>
    <spine><itemref idref="cover"/><itemref idref="nav"/><itemref idref="i1"/>
    <itemref idref="notes" linear="no"/><itemref idref="i2"/></spine></package>"#;

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        match name.strip_suffix('/') {
            Some(folder) => writer.add_directory(folder, SimpleFileOptions::default()).unwrap(),
            None => {
                writer.start_file(*name, SimpleFileOptions::default()).unwrap();
                writer.write_all(text.as_bytes()).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

const ROOT: &str = "<container><rootfile full-path=\"o/b.opf\"/></container>";

fn book() -> Vec<u8> {
    archive(&[
        ("mimetype", "application/epub+zip"),
        (CONTAINER, ROOT),
        ("o/b.opf", PACKAGE),
        ("o/nav.xhtml", "contents"),
        ("o/cover.svg", "<svg xmlns='http://www.w3.org/2000/svg'><text>cover</text></svg>"),
        ("two b.xhtml", "<p>Two.</p>"),
        ("o/sub/one.xhtml", "<p>One.</p>"),
        ("o/notes.xhtml", "notes"),
    ])
}

fn read_bytes(bytes: &[u8]) -> (Result<Book, Defect>, Vec<Defect>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut defects = Vec::new();
    let parts = Archive::open(file.path()).map(Parts::of_archive);
    let book = parts.and_then(|mut parts| read(&mut parts, &mut defects));
    (book, defects)
}

/// The text of a book of these files, and its defects.
fn text(files: &[(&str, &str)]) -> (String, Vec<String>) {
    let (book, defects) = read_bytes(&archive(files));
    (book.unwrap().text, defects.into_iter().map(|defect| defect.what).collect())
}

/// A package with these parts, all in the spine: name, and the other attributes of the item.
fn package(parts: &[(&str, &str)]) -> String {
    let item = |(n, (name, more)): (usize, &(&str, &str))| {
        format!("<item id='i{n}' href='{name}' {more}/>")
    };
    let items: String = parts.iter().enumerate().map(item).collect();
    let spine: String = (0..parts.len()).map(|n| format!("<itemref idref='i{n}'/>")).collect();
    format!("<package><manifest>{items}</manifest><spine>{spine}</spine></package>")
}

#[test]
fn chapters_come_in_the_order_of_the_spine() {
    let (book, defects) = read_bytes(&book());
    let metadata = [("title", "A & B"), ("creator", "N. N.")];
    let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let text = "One.\n\nTwo.".into();
    let expected = Book { metadata: metadata.to_vec(), text, is_encrypted: false };
    assert_eq!((book, defects), (Ok(expected), vec![]));
}

#[test]
fn pages_are_detected_from_their_content() {
    let labels = [
        "media-type='application/xhtml+xml'",
        "media-type='text/html'",
        "media-type='text/xml'",
        "media-type='application/xml'",
        "media-type='application/xhtml+xml; charset=utf-8'",
        "media-type='Application/XHTML+XML'",
        "media-type=''",
        "",
        "media-type='text/x-oeb1-document'",
        "media-type='application/x-dtbook+xml'",
        "media-type='application/octet-stream'",
    ];
    let names: Vec<String> = (0..labels.len()).map(|n| format!("p{n}.xhtml")).collect();
    let parts: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(labels).collect();
    let opf = package(&parts);
    let pages: Vec<String> = (0..labels.len()).map(|n| format!("<p>Page {n}.</p>")).collect();
    let mut files = vec![("META-INF/", ""), (CONTAINER, ROOT), ("o/b.opf", &opf[..]), ("o/", "")];
    let paths: Vec<String> = names.iter().map(|name| format!("o/{name}")).collect();
    files.extend(paths.iter().map(String::as_str).zip(pages.iter().map(String::as_str)));
    let (found, defects) = text(&files);
    let expected: Vec<String> = (0..labels.len()).map(|n| format!("Page {n}.")).collect();
    assert_eq!((found, defects), (expected.join("\n\n"), vec![]));
}

#[test]
fn other_parts_are_reported_and_images_have_no_text() {
    let opf = package(&[
        ("a.png", "media-type='image/png'"),
        ("b.pdf", "media-type='application/pdf'"),
        ("c.html", "media-type='application/xhtml+xml'"),
        ("d.pdf", "media-type='application/pdf' fallback='i2'"),
        ("c.html#later", "media-type='application/xhtml+xml'"),
    ]);
    let files = [
        (CONTAINER, ROOT),
        ("o/b.opf", &opf),
        ("o/a.png", "\u{89}PNG"),
        ("o/b.pdf", "%PDF-1.4"),
        ("o/c.html", "<P>Tag soup<BR>and <b>more"),
        ("o/d.pdf", "%PDF-1.4"),
    ];
    let (found, defects) = text(&files);
    assert_eq!(found, "Tag soup\nand more");
    assert_eq!(defects.len(), 1, "{defects:?}");
    assert!(defects[0].contains("o/b.pdf (application/pdf)"), "{defects:?}");
    let opf = package(&[("a.png", "media-type='image/png'"), ("c.html", "")]);
    let files = [(CONTAINER, ROOT), ("o/b.opf", &opf), ("o/a.png", "x"), ("o/c.html", "<p> </p>")];
    let (found, defects) = text(&files);
    assert_eq!(found, "");
    assert!(
        defects[0].contains("of the 2 parts in the order of reading, 1 are images"),
        "{defects:?}"
    );
}

#[test]
fn the_package_is_found_by_its_kind_or_its_name() {
    let opf = package(&[("c.html", "media-type='text/html'")]);
    let of = |container: &str| {
        let files = [
            (CONTAINER, container),
            ("o/b.pdf", "%PDF"),
            ("o/b.opf", &opf),
            ("o/c.html", "<p>Text.</p>"),
        ];
        let from = usize::from(container.is_empty());
        text(&files[from..])
    };
    let kinds = "<container><rootfiles><rootfile full-path='o/b.pdf' media-type='application/pdf'/>\
        <rootfile full-path='o/b.opf' media-type='application/oebps-package+xml'/></rootfiles></container>";
    assert_eq!(of(kinds), ("Text.".into(), vec![]));
    assert_eq!(
        of("<container><rootfile full-path='O/B.OPF'/></container>"),
        ("Text.".into(), vec![])
    );
    for container in ["", "<container><rootfile full-path='gone.opf'/></container>", "<nothing/>"] {
        let (found, defects) = of(container);
        assert_eq!(found, "Text.", "{container}");
        assert!(defects.len() == 1 && defects[0].contains("o/b.opf is taken"), "{defects:?}");
    }
}

#[test]
fn names_are_found_in_any_case_and_however_they_are_escaped() {
    let opf =
        package(&[("Text/One%20a.HTML", ""), ("./../x/%C3%A9.html#top", ""), ("b%20c.html", "")]);
    let files = [
        (CONTAINER, ROOT),
        ("o/b.opf", &opf),
        ("o/text/one a.html", "<p>One.</p>"),
        ("x/é.html", "<p>Two.</p>"),
        ("o/b%20c.html", "<p>Three.</p>"),
    ];
    assert_eq!(text(&files), ("One.\n\nTwo.\n\nThree.".into(), vec![]));
}

#[test]
fn a_book_whose_order_is_missing_has_its_pages() {
    let opf =
        package(&[("a.html", "media-type='text/html'"), ("b.html", "media-type='text/html'")]);
    let files = |opf: &str| {
        let pages = [("o/a.html", "<p>One.</p>"), ("o/b.html", "<p>Two.</p>")];
        text(&[(CONTAINER, ROOT), ("o/b.opf", opf), pages[0], pages[1]])
    };
    let (found, defects) = files(&opf[..opf.find("<spine>").unwrap()]);
    assert_eq!(found, "One.\n\nTwo.");
    assert!(defects[0].contains("the spine is empty"), "{defects:?}");
    let none_linear = opf.replace("<itemref", "<itemref linear='no'");
    assert_eq!(files(&none_linear), ("One.\n\nTwo.".into(), vec![]));
}

#[test]
fn encrypted_pages_are_reported_once_and_obfuscated_fonts_are_not() {
    let opf =
        package(&[("a.html", "media-type='text/html'"), ("b.html", "media-type='text/html'")]);
    let of = |algorithm: &str| {
        let data = |name: &str| {
            format!(
                "<enc:EncryptedData><enc:EncryptionMethod Algorithm='{algorithm}'/><enc:CipherData>\
                 <enc:CipherReference URI='{name}'/></enc:CipherData></enc:EncryptedData>"
            )
        };
        let encryption =
            format!("<encryption>{}{}</encryption>", data("o/a.html"), data("o/b.html"));
        let files = [
            (CONTAINER, ROOT),
            (ENCRYPTION, &encryption),
            ("o/b.opf", &opf),
            ("o/a.html", "<p>One.</p>"),
            ("o/b.html", "<p>Two.</p>"),
        ];
        read_bytes(&archive(&files))
    };
    let (book, defects) = of("http://www.w3.org/2001/04/xmlenc#aes128-cbc");
    assert!(book.unwrap().is_encrypted);
    assert!(defects.len() == 1 && defects[0].what.contains("DRM"), "{defects:?}");
    let (book, defects) = of("http://www.idpf.org/2008/embedding");
    assert_eq!((book.unwrap().text, defects), ("One.\n\nTwo.".into(), vec![]));
}

#[test]
fn an_unpacked_book_is_read_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(CONTAINER, ROOT);
    write("o/b.opf", &package(&[("a.html", ""), ("../../../outside.html", "")]));
    write("o/a.html", "<p>One.</p>");
    assert!(is_epub_folder(folder.path()));
    let mut defects = Vec::new();
    let book = read(&mut Parts::of_folder(folder.path()).unwrap(), &mut defects).unwrap();
    assert_eq!(book.text, "One.");
    assert!(defects.len() == 1 && defects[0].what.contains("outside.html"), "{defects:?}");
}

#[test]
fn steps_out_of_the_archive_are_ignored() {
    assert_eq!(resolve("a/b.opf", "../../../etc/passwd"), "etc/passwd");
    assert_eq!(resolve("b.opf", "c%2Fd%zz%C3%A9.xhtml?q#f"), "c/d%zzé.xhtml");
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn damage_anywhere_is_a_defect_at_most(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(), is_cut in any::<bool>(),
    ) {
        let mut bytes = book();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (book, defects) = read_bytes(&bytes);
        prop_assert!(book.is_err() || book.unwrap().text.len() < 1000);
        prop_assert!(defects.iter().all(|defect| defect.device.is_none()));
    }
}
