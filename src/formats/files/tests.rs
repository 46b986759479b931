use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use tar::{Builder, EntryType, Header};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A header with any path: the crate's own setters may refuse it.
fn header(path: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header
}

fn tarred(files: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, body) in files {
        let header = header(path, *kind, body.len() as u64);
        builder.append(&header, *body).unwrap();
    }
    builder.into_inner().unwrap()
}

fn read(bytes: &[u8]) -> Vec<Result<StoredFile, Defect>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.tar");
    fs::write(&path, bytes).unwrap();
    archive(&path).unwrap().collect()
}

/// The contents by path.
fn contents(files: &[Result<StoredFile, Defect>]) -> BTreeMap<&str, &Content> {
    files.iter().flatten().map(|file| (file.path.as_str(), &file.content)).collect()
}

fn defects(files: &[Result<StoredFile, Defect>]) -> Vec<&Defect> {
    files.iter().filter_map(|file| file.as_ref().err()).collect()
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn files_that_macos_adds_are_skipped() {
    let double: &[u8] = b"\0\x05\x16\x07\0\x02\0\0Mac OS X";
    let files: [(&str, &[u8]); 6] = [
        ("p/._a.py", double),
        ("p/a.py", b"1"),
        ("p/._own.py", b"x = 1"),
        ("__MACOSX/p/._a.py", double),
        ("__MACOSX/note", b"x"),
        ("p/b/._c", double),
    ];
    let entries: Vec<_> = files.iter().map(|(path, body)| (*path, FILE, *body)).collect();
    let found = read(&tarred(&entries));
    let paths: Vec<&str> = found.iter().flatten().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["p/a.py", "p/._own.py"]);
    let folder = tempfile::tempdir().unwrap();
    for (path, body) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    }
    let found: Vec<_> = tree(folder.path()).unwrap().map(Result::unwrap).collect();
    let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["p/._own.py", "p/a.py"]);
}

#[test]
fn a_tree_is_in_the_order_of_names_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let at = |path: &str| root.join(path);
    fs::create_dir_all(at("b/.git/objects")).unwrap();
    fs::create_dir_all(at(".git")).unwrap();
    fs::write(folder.path().join("outside.py"), "secret").unwrap();
    for (path, text) in [("b.py", "1"), ("b/z", "22"), ("a", ""), (".git/HEAD", "x"), ("b/.a", "3")]
    {
        fs::write(at(path), text).unwrap();
    }
    symlink(folder.path().join("outside.py"), at("c.py")).unwrap();
    symlink("..", at("b/loop")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let found: Vec<_> = tree(&root).unwrap().map(Result::unwrap).collect();
    let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a", "b/.a", "b/loop", "b/z", "b.py", "c.py", "pipe"]);
    assert_eq!(found[1].content, Content::Bytes(b"3".to_vec()));
    assert_eq!(found[2].content, Content::Link);
    assert_eq!((found[4].offset, found[5].offset), (3, 4));
    assert_eq!((&found[5].content, &found[6].content), (&Content::Link, &Content::Special));
    assert!(tree(&root.join("none")).is_err());
}

#[test]
fn large_files_are_reported_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::File::create(folder.path().join("large")).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
    let found: Vec<_> = tree(folder.path()).unwrap().collect();
    assert_eq!(contents(&found)["large"], &Content::TooLarge);
}

#[test]
fn every_form_of_archive_gives_the_same_files() {
    let long = format!("{}f.py", "folder/".repeat(40));
    let files: [(&str, &[u8]); 3] = [("a/b.py", b"x = 1\n"), (&long, b"long"), ("c", b"")];
    let mut archives = Vec::new();
    for make in [Header::new_gnu, Header::new_ustar] {
        let mut builder = Builder::new(Vec::new());
        for (path, body) in files {
            let mut header = make();
            header.set_size(body.len() as u64);
            header.set_mode(0o644);
            if path == long && header.as_ustar().is_some() {
                let value: &[u8] = path.as_bytes();
                builder.append_pax_extensions([("path", value)]).unwrap();
                header.set_path("short").unwrap();
                header.set_cksum();
                builder.append(&header, body).unwrap();
            } else {
                builder.append_data(&mut header, path, body).unwrap();
            }
        }
        archives.push(builder.into_inner().unwrap());
    }
    for archive in archives {
        for stored in [gzip(&archive), zstd::encode_all(&archive[..], 1).unwrap(), archive] {
            let found = read(&stored);
            assert!(defects(&found).is_empty(), "{found:?}");
            let bytes = |body: &[u8]| Content::Bytes(body.to_vec());
            let found = contents(&found);
            assert_eq!(found.len(), 3);
            for (path, body) in files {
                assert_eq!(found[path], &bytes(body), "{path}");
            }
        }
    }
}

#[test]
fn unsafe_paths_and_special_files_are_reported() {
    let entries: [(&str, EntryType, &[u8]); 10] = [
        ("/etc/passwd", FILE, b"x"),
        ("a/../../b.py", FILE, b"x"),
        (".//etc/shadow", FILE, b"x"),
        ("link", EntryType::Symlink, b""),
        ("hard", EntryType::Link, b""),
        ("pipe", EntryType::Fifo, b""),
        ("dev", EntryType::Char, b""),
        ("folder", EntryType::Directory, b""),
        ("x/.git/config", FILE, b"x"),
        ("./fine.py", FILE, b"y"),
    ];
    let found = read(&tarred(&entries));
    let found = contents(&found);
    assert_eq!(found.len(), 8);
    assert_eq!(found["/etc/passwd"], &Content::UnsafePath);
    assert_eq!(found["a/../../b.py"], &Content::UnsafePath);
    assert_eq!(found["/etc/shadow"], &Content::UnsafePath);
    assert_eq!((found["link"], found["hard"]), (&Content::Link, &Content::Link));
    assert_eq!((found["pipe"], found["dev"]), (&Content::Special, &Content::Special));
    assert_eq!(found["fine.py"], &Content::Bytes(b"y".to_vec()));
}

#[test]
fn a_damaged_header_loses_its_file_only() {
    let mut bytes = tarred(&[("a", FILE, b"1"), ("b", FILE, b"2"), ("c", FILE, b"3")]);
    bytes[1024 + 3] ^= 1;
    let found = read(&bytes);
    assert_eq!(contents(&found).into_keys().collect::<Vec<_>>(), ["a", "c"]);
    let defects = defects(&found);
    assert_eq!(defects.len(), 1);
    assert!(defects[0].what.contains("found 1024 bytes that are not one"), "{}", defects[0]);
    // Two archives, one after the other.
    let joined = [tarred(&[("a", FILE, b"1")]), tarred(&[("b", FILE, b"2")])].concat();
    assert_eq!(read(&joined).len(), 2);
}

#[test]
fn an_archive_that_is_cut_short_says_so() {
    let body = vec![b'x'; 5_000];
    let bytes = tarred(&[("a", FILE, b"1"), ("b", FILE, &body)]);
    for stored in [bytes[..4_000].to_vec(), gzip(&bytes)[..60].to_vec()] {
        let found = read(&stored);
        let last = found.last().unwrap();
        let what = match last {
            Ok(StoredFile { content: Content::Unreadable(defect), .. }) => &defect.what,
            Err(defect) => &defect.what,
            other => panic!("{other:?}"),
        };
        assert!(what.contains("the rest of the archive is left out"), "{what}");
    }
}

#[test]
fn a_file_whose_last_block_is_cut_is_whole() {
    let bytes = tarred(&[("a", FILE, b"1"), ("b", FILE, b"23")]);
    let found = read(&bytes[..3 * 512 + 2]);
    assert_eq!(contents(&found)["b"], &Content::Bytes(b"23".to_vec()));
    let defects = defects(&found);
    assert_eq!(defects.len(), 1);
    assert!(defects[0].what.starts_with("the archive ends within an entry"), "{}", defects[0]);
}

#[test]
fn claims_are_not_believed() {
    // Sizes beyond the end of the file, in octal and in binary, and a name of a gigabyte.
    for (kind, size) in [(FILE, 1 << 32), (FILE, u64::MAX / 2), (EntryType::GNULongName, 1 << 30)] {
        let mut bytes = header("a", kind, size).as_bytes().to_vec();
        bytes.extend([0; 2048]);
        let found = read(&bytes);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!matches!(&found[0], Ok(StoredFile { content: Content::Bytes(_), .. })));
    }
}

#[test]
fn archives_are_detected_from_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let is = |bytes: &[u8]| {
        let path = folder.path().join("x");
        fs::write(&path, bytes).unwrap();
        is_archive(&path).unwrap()
    };
    let bytes = tarred(&[("a", FILE, b"1")]);
    assert!(is(&bytes) && is(&gzip(&bytes)));
    assert!(!is(b"") && !is(b"{\"a\":1}\n") && !is(&[0; 4096]) && !is(&gzip(&[b'{'; 600])));
    assert!(is_archive(Path::new("/no/such/file")).is_err());
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn any_damage_ends_and_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let sparse = ("s", EntryType::GNUSparse, &b"sparse"[..]);
        let mut bytes = tarred(&[("a", FILE, b"1"), sparse, ("b", EntryType::XHeader, b"9 path=x\n"), ("c", FILE, b"3")]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            // The checksum of the block is corrected, as a careful attacker would.
            let begin = at / 512 * 512;
            let mut header = Header::from_byte_slice(&bytes[begin..begin + 512]).clone();
            header.set_cksum();
            bytes[begin..begin + 512].copy_from_slice(header.as_bytes());
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        prop_assert!(read(&bytes).len() < 20);
    }
}
