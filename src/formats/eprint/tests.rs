use super::paper::Want;
use super::{Eprint, Unreadable, arxiv_id, iso_time, open, yymm};
use crate::Defect;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::fs;
use std::io::{self, Read, Write};
use tar::{Builder, EntryType, Header};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An archive of these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mtime(86_400);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A header of any kind and path, also such as no tool writes.
fn header(kind: EntryType, path: &[u8], size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mtime(0);
    header.set_mode(0o644);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn block(bytes: &[u8]) -> Vec<u8> {
    let mut block = bytes.to_vec();
    block.resize(bytes.len().next_multiple_of(512), 0);
    block
}

type Found = Vec<Result<Eprint, Defect>>;

/// Which files of a paper are wanted.
fn tex(name: &str) -> Want {
    match name {
        name if name.ends_with(".tex") => Want::Always,
        name if name.ends_with(".txt") => Want::IfSmall,
        _ => Want::Never,
    }
}

fn read(name: &str, bytes: &[u8]) -> Found {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    open(&path, tex).unwrap().collect()
}

/// Papers with their files, or the reason why they have none.
fn summary(found: &Found) -> Vec<String> {
    let summary_of = |item: &Result<Eprint, Defect>| match item {
        Ok(Eprint { stem, files: Ok(files), .. }) => {
            let files = files.iter().map(|f| format!("{}={}", f.name, f.bytes.escape_ascii()));
            format!("{stem}: {}", files.collect::<Vec<_>>().join(" "))
        }
        Ok(Eprint { stem, files: Err(why), .. }) => format!("{stem}: {}", why.reason()),
        Err(defect) => format!("byte {}", defect.offset),
    };
    found.iter().map(summary_of).collect()
}

#[test]
fn the_papers_of_a_bulk_archive_are_read_in_order() {
    let paper = archive(&[("b.tex", b"B"), ("fig.pdf", b"x"), ("a/a.tex", b"A")]);
    let bulk = archive(&[
        ("0704/0704.0001.gz", &gzip(&paper)),
        ("0704/0704.0002.gz", &gzip(b"one file")),
        ("0704/0704.0003.pdf", b"%PDF"),
        ("0704/astro-ph0001001.gz", &gzip(&archive(&[("fig.png", b"x")]))),
        ("0704/notes.txt", b"x"),
    ]);
    let found = read("arXiv_src_0704_001.tar", &bulk);
    assert_eq!(
        summary(&found),
        [
            "0704.0001: b.tex=B a/a.tex=A",
            "0704.0002: 0704.0002.tex=one file",
            "0704.0003: pdf_only",
            "astro-ph0001001: ",
            "notes.txt: not_an_eprint",
        ]
    );
    let offsets: Vec<u64> = found.iter().map(|f| f.as_ref().unwrap().offset).collect();
    assert!(offsets.is_sorted() && offsets[0] == 0 && offsets[1] > 0, "{offsets:?}");
    for offset in offsets {
        assert!(bulk[offset as usize..].starts_with(b"0704/"), "{offset}");
    }
    let first = found[0].as_ref().unwrap();
    assert_eq!((first.folder.as_str(), first.modified), ("0704", Some(86_400)));

    let compressed = read("bulk.tar.gz", &gzip(&bulk));
    assert_eq!(summary(&compressed), summary(&found));
    assert!(compressed.iter().all(|item| item.as_ref().unwrap().offset == 0));
}

#[test]
fn joined_bulk_archives_are_read_and_joined_papers_are_not() {
    let paper = |name: &str| archive(&[(name, b"T")]);
    let joined = gzip(&[paper("a.tex"), paper("b.tex")].concat());
    let bulk = |name: &str| archive(&[(name, &joined)]);
    let found = read("x.tar", &[bulk("0704/a.gz"), bulk("0704/b.gz")].concat());
    assert_eq!(summary(&found), ["a: a.tex=T", "b: a.tex=T"]);
}

#[test]
fn a_single_eprint_is_one_paper() {
    let tar = archive(&[("main.tex", b"T"), ("figs/x.png", b"x")]);
    for (name, bytes, expected) in [
        ("1911.02782.tar.gz", gzip(&tar), "1911.02782: main.tex=T"),
        ("1911.02782.gz", gzip(&tar), "1911.02782: main.tex=T"),
        ("paper.tar", tar.clone(), "paper: main.tex=T"),
        ("1911.02782.gz", gzip(b"text"), "1911.02782: 1911.02782.tex=text"),
        ("x.tex", b"text".to_vec(), "x: x.tex=text"),
        ("x.tex", Vec::new(), "x: x.tex="),
        ("x.pdf", b"%PDF-1.4 and so on".to_vec(), "x: pdf_only"),
        ("x.gz", gzip(b"%PDF-1.4 and so on"), "x: pdf_only"),
        ("x.tar", vec![0; 1024], "x: "),
    ] {
        assert_eq!(summary(&read(name, &bytes)), [expected], "{name}");
    }
    let found = read("1911.02782.gz", &gzip(&tar));
    assert_eq!(found[0].as_ref().unwrap().modified, Some(86_400), "of its files");
}

#[test]
fn a_folder_is_one_paper_and_links_in_it_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join("1707.08043").join(name);
    fs::create_dir_all(at("parts/.git")).unwrap();
    fs::write(at("main.tex"), "M").unwrap();
    fs::write(at("parts/one.tex"), "1").unwrap();
    fs::write(at("parts/.git/x.tex"), "hidden").unwrap();
    fs::write(at("fig.png"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", at("link.tex")).unwrap();
    std::os::unix::fs::symlink("..", at("parts/loop")).unwrap();
    let folder = dir.path().join("1707.08043");
    let found: Found = open(&folder, tex).unwrap().collect();
    assert_eq!(summary(&found), ["1707.08043: main.tex=M parts/one.tex=1"]);
    assert!(super::is_folder_of_paper(&folder));
    assert!(!super::is_folder_of_paper(dir.path()));
    fs::write(dir.path().join("note.tex"), "N").unwrap();
    fs::write(dir.path().join("2001.00001.gz"), "x").unwrap();
    assert!(!super::is_folder_of_paper(dir.path()), "a folder of papers");
}

#[test]
fn hostile_entries_are_reported_and_the_others_are_read() {
    let good = archive(&[("0704/good.gz", &gzip(b"good"))]);
    let good = &good[..good.len() - 1024];
    let paper = |path: &[u8]| [header(EntryType::Regular, path, 4), block(b"evil")].concat();
    let bulk = [
        good.to_vec(),
        paper(b"/etc/0704/a.gz"),
        paper(b"0704/../../b.gz"),
        header(EntryType::Symlink, b"0704/c.gz", 0),
        header(EntryType::Link, b"0704/d.gz", 1 << 40),
        header(EntryType::Char, b"0704/e.gz", 0),
        header(EntryType::GNUSparse, b"0704/f.gz", 0),
        header(EntryType::Directory, b"0704/sub/", 1 << 40),
        good.to_vec(),
        vec![0; 1024],
    ]
    .concat();
    assert_eq!(
        summary(&read("bulk.tar", &bulk)),
        [
            "good: good.tex=good",
            "a: unsafe_path",
            "b: unsafe_path",
            "c: link",
            "d: link",
            "e: not_a_file",
            "f: not_a_file",
            "good: good.tex=good",
        ]
    );
    let inner = [paper(b"/abs.tex"), paper(b"../up.tex"), header(EntryType::Symlink, b"l.tex", 0)];
    let found = read("x.gz", &gzip(&inner.concat()));
    assert_eq!(summary(&found), ["x: /abs.tex=evil ../up.tex=evil"], "paths are names only");
}

#[test]
fn damage_is_a_reason_and_a_defect_and_reading_continues() {
    let whole = gzip(&archive(&[("main.tex", &b"0123456789".repeat(50))]));
    let mut corrupt = whole.clone();
    corrupt[20..40].fill(0xff);
    let cut = &whole[..whole.len() / 2];
    let inner = [header(EntryType::Regular, b"a.tex", 4), block(b"text"), vec![7; 512]].concat();
    let bulk = archive(&[
        ("0704/a.gz", &whole),
        ("0704/b.gz", &corrupt),
        ("0704/c.gz", cut),
        ("0704/d.gz", &gzip(&inner)),
        ("0704/e.gz", &gzip(b"fine")),
    ]);
    let found = read("bulk.tar", &bulk);
    let summary = summary(&found);
    let names: Vec<&str> =
        summary.iter().filter(|t| !t.starts_with("byte")).map(|t| &t[..1]).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(summary[1], "b: corrupt");
    assert_eq!((summary[3].as_str(), summary[5].as_str()), ("c: truncated", "d: corrupt"));
    let defects: Vec<&Defect> = found.iter().filter_map(|item| item.as_ref().err()).collect();
    assert_eq!(defects.len(), 3);
    for (defect, name) in defects.iter().zip(["0704/b.gz", "0704/c.gz", "0704/d.gz"]) {
        let name = name.rsplit('/').next().unwrap();
        assert!(defect.what.contains(name) && defect.device.is_none(), "{defect}");
        assert!(bulk[defect.offset as usize..].starts_with(b"0704/"));
    }
}

#[test]
fn a_cut_archive_is_read_up_to_the_cut() {
    let noise: Vec<u8> =
        (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let bulk = archive(&[("0704/a.gz", &gzip(b"A")), ("0704/b.gz", &gzip(&noise))]);
    let found = read("bulk.tar", &bulk[..bulk.len() / 2]);
    assert_eq!(summary(&found), ["a: a.tex=A", "b: truncated", "byte 1024"]);
    let found = read("bulk.tar", &bulk[..700]);
    assert_eq!(summary(&found)[0], "a: a.tex=A");
    let pdf = archive(&[("0704/a.pdf", &noise)]);
    let found = read("bulk.tar", &pdf[..2000]);
    assert_eq!(summary(&found)[0], "a: pdf_only");
    assert!(found[1].as_ref().unwrap_err().what.contains("cut short"));
}

#[test]
fn a_damaged_header_costs_its_entry_only() {
    let one = |name: &str| {
        let tar = archive(&[(name, &gzip(b"text"))]);
        tar[..tar.len() - 1024].to_vec()
    };
    let mut damaged = one("0704/b.gz");
    damaged[3] ^= 1;
    let bulk = [one("0704/a.gz"), damaged, one("0704/c.gz"), vec![0; 1024]].concat();
    let found = read("bulk.tar", &bulk);
    assert_eq!(summary(&found), ["a: a.tex=text", "byte 1024", "c: c.tex=text"]);
    assert!(found[1].as_ref().unwrap_err().what.contains("1024 bytes"));
}

#[test]
fn a_claimed_size_takes_no_memory_and_a_bomb_is_reported() {
    let lie =
        [header(EntryType::Regular, b"0704/a.gz", u64::MAX >> 8), block(&gzip(b"A"))].concat();
    let found = read("bulk.tar", &lie);
    assert_eq!(summary(&found)[..2], ["a: corrupt", "byte 0"], "zeros are no gzip member");

    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    let size = super::paper::INFLATED_BYTES_MAX + (1 << 20);
    bomb.write_all(&header(EntryType::Regular, b"fig.png", size)).unwrap();
    io::copy(&mut io::repeat(0).take(size), &mut bomb).unwrap();
    let bomb = bomb.finish().unwrap();
    let found = read("bulk.tar", &archive(&[("0704/a.gz", &bomb), ("0704/b.gz", &gzip(b"B"))]));
    assert_eq!(summary(&found), ["a: too_large", "byte 0", "b: b.tex=B"]);
    assert!(found[1].as_ref().unwrap_err().what.contains("256 MiB"));
    let found = read("a.gz", &bomb);
    assert_eq!(summary(&found), ["a: too_large", "byte 0"]);

    let long = vec![b'x'; super::paper::WANTED_BYTES_MAX as usize + 1];
    assert_eq!(summary(&read("a.gz", &gzip(&long)))[0], "a: too_large");
    let most = super::paper::FILES_MAX + 1;
    let many = header(EntryType::Regular, b"a.tex", 0).repeat(most);
    assert_eq!(summary(&read("a.gz", &gzip(&many)))[0], "a: too_large");
}

#[test]
fn files_that_others_may_need_are_read_if_they_are_small() {
    let large = vec![b'x'; (4 << 20) + 1];
    let files: [(&str, &[u8]); 5] = [
        ("a.tex", b"A"),
        ("large.txt", &large),
        ("small.txt", b"B"),
        ("figure.eps", &large),
        ("b.tex", b"C"),
    ];
    let found = read("a.gz", &gzip(&archive(&files)));
    let Ok(Eprint { files: Ok(files), unread, .. }) = &found[0] else { panic!("{found:?}") };
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        (names, unread),
        (vec!["a.tex", "small.txt", "b.tex"], &vec!["large.txt".to_owned()])
    );
    // The paper is read, however many and large they are.
    let small = vec![b'x'; 4 << 20];
    let many: Vec<_> = (0..20).map(|_| ("many.txt", small.as_slice())).collect();
    let files = [&[("a.tex", &b"A"[..])], many.as_slice(), &[("b.tex", b"B")]].concat();
    let found = read("a.gz", &gzip(&archive(&files)));
    let Ok(Eprint { files: Ok(files), unread, .. }) = &found[0] else { panic!("{found:?}") };
    assert_eq!((files.len(), unread.len()), (2 + 8, 12));
}

#[test]
fn long_names_are_read_and_endless_ones_skipped() {
    let long = format!("0704/{}.gz", "n".repeat(200));
    let found = read("bulk.tar", &archive(&[("0704/a.gz", &gzip(b"A")), (&long, &gzip(b"B"))]));
    assert!(summary(&found)[1].starts_with("nnn"), "{found:?}");
    let size = 1 << 20;
    let endless = [
        header(EntryType::GNULongName, b"././@LongLink", size),
        vec![b'n'; size as usize],
        header(EntryType::Regular, b"0704/b.gz", 0),
    ];
    let first = archive(&[("0704/a.gz", &gzip(b"A"))]);
    let bulk = [&first[..first.len() - 1024], &endless.concat()].concat();
    assert_eq!(summary(&read("bulk.tar", &bulk))[1], "b: b.tex=");
}

#[test]
fn identifiers_are_upstreams() {
    for case in reference::cases("arxiv", "format_arxiv_id") {
        let raw = case["input"].as_str().unwrap();
        assert_eq!(arxiv_id(raw), case["expected"].as_str().unwrap_or(raw), "{case}");
    }
}

#[test]
fn the_month_is_the_folders_or_the_identifiers() {
    assert_eq!(yymm("1911", "anything"), "1911");
    assert_eq!(yymm("papers", "1911.02782"), "1911");
    assert_eq!(yymm("papers", "hep-th9901001"), "9901");
    assert_eq!(yymm("2048", "x"), "", "there is no month 48");
    assert_eq!(yymm("", "1911"), "");
    assert_eq!(yymm("papers", "main"), "");
    assert_eq!(yymm("é1é1", "é"), "");
}

#[test]
fn times_are_dates_in_utc() {
    assert_eq!(iso_time(0), "1970-01-01T00:00:00");
    assert_eq!(iso_time(951_782_399), "2000-02-28T23:59:59");
    assert_eq!(iso_time(951_782_400), "2000-02-29T00:00:00");
    assert_eq!(iso_time(1_600_000_000), "2020-09-13T12:26:40");
    assert_eq!(iso_time(4_107_542_400), "2100-03-01T00:00:00", "2100 has no 29 February");
    assert!(iso_time(u64::MAX).ends_with("T07:00:15"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..reference::property() })]

    /// An archive that is changed, cut or lengthened anywhere.
    #[test]
    fn papers_of_any_archive_are_in_order(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let paper = gzip(&archive(&[("a.tex", b"A"), ("b.tex", b"B")]));
        let mut bulk = archive(&[("0704/a.gz", &paper), ("0704/b.gz", &gzip(b"B")), ("0704/c.pdf", b"c")]);
        for (place, byte) in changes {
            let place = place.index(bulk.len());
            bulk[place] = byte;
        }
        bulk.truncate(cut.map_or(bulk.len(), |cut| cut.index(bulk.len())));
        bulk.extend(more);
        let found = read("bulk.tar", &bulk);
        let offsets = found.iter().flatten().map(|eprint| eprint.offset);
        prop_assert!(offsets.clone().is_sorted());
        prop_assert!(offsets.into_iter().all(|offset| offset <= bulk.len() as u64));
        prop_assert!(found.len() <= 2 * bulk.len() / 512 + 2);
        let unreadable = |item: &Result<Eprint, Defect>| {
            matches!(item, Ok(Eprint { files: Err(Unreadable::Truncated | Unreadable::Corrupt | Unreadable::TooLarge), .. }))
        };
        for pair in found.windows(2) {
            prop_assert!(!unreadable(&pair[0]) || pair[1].is_err(), "damage without a defect");
        }
    }
}
