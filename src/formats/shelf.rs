//! Folders of Project Gutenberg's mirrors. Each is one book in several forms.
//!
//! `1/3/4/1342/` has `1342-0.txt` (UTF-8), `1342-8.txt` (8 bits), `1342.txt` (ASCII), zip archives
//! of these, `1342-h/1342-h.htm`, and earlier editions in `old/`; `cache/epub/1342/` has `pg1342.txt`,
//! `pg1342.epub` and others.

use crate::archive::tree::{Links, Walk, is_hidden};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of such a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    /// The book in each of its forms, the preferred one first.
    pub forms: Vec<PathBuf>,
    /// Files that are not a form of it by their names.
    pub others: Vec<PathBuf>,
}

/// Whether a folder is one book: its name is a number, and a text in it is named by that number.
pub fn is_shelf(folder: &Path) -> bool {
    let Some(number) = number(folder) else { return false };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| rank(&entry.file_name().to_string_lossy(), number).is_some())
}

/// Lists such a folder, without pictures, style sheets and other parts of pages.
///
/// # Errors
/// When the folder, or a folder in it, cannot be listed.
pub fn shelf(folder: &Path) -> io::Result<Shelf> {
    let number = number(folder).unwrap_or_default();
    let mut files = Vec::new();
    for (path, meta) in Walk::new(folder, Links::Follow, is_hidden)? {
        if !meta?.is_dir() {
            files.push(path);
        }
    }
    let (mut forms, mut shelf) = (Vec::new(), Shelf::default());
    for file in files.into_iter().filter(|file| !is_part_of_a_page(file)) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut folders = file.components().rev().skip(1).map(|part| part.as_os_str());
        let is_old = folders.any(|part| part == "old");
        // An earlier edition is the last choice, and an unpacked file comes before its archive.
        let rank = rank(&name, number).map(|rank| (is_old, rank));
        match rank.or(is_old.then_some((true, u8::MAX))) {
            Some(rank) => forms.push((rank, file)),
            None => shelf.others.push(folder.join(file)),
        }
    }
    forms.sort();
    shelf.forms = forms.into_iter().map(|(_, file)| folder.join(file)).collect();
    shelf.others.sort();
    Ok(shelf)
}

/// Whether a file is part of a page: an image, a style sheet or a script.
pub fn is_part_of_a_page(file: &Path) -> bool {
    let ends = ["jpg", "jpeg", "png", "gif", "svg", "webp", "css", "js", "ico"];
    let end = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ends.contains(&&end[..])
}

fn number(folder: &Path) -> Option<&str> {
    let name = folder.file_name()?.to_str()?;
    name.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
}

/// Returns the rank of a form by its name: texts before EPUB before HTML, and among texts those with
/// all characters first. `None` for what is not a form of this book.
fn rank(name: &str, number: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    let rest = name.strip_prefix("pg").unwrap_or(&name).strip_prefix(number)?;
    let is_packed = rest.ends_with(".zip");
    let rank = match rest.trim_end_matches(".zip").trim_end_matches(".utf8").trim_end_matches(".gz")
    {
        "-0.txt" | "-0" => 0,
        ".txt" if name.starts_with("pg") => 0,
        "-8.txt" | "-8" => 2,
        ".txt" | "" => 4,
        text if text.starts_with('-') && text.ends_with(".txt") => 6,
        book if book.ends_with(".epub") || book.ends_with(".epub3") => 8,
        "-h" | "-h.htm" | "-h.html" | ".html" | "-images.html" | ".htm" => 10,
        other if other.starts_with(['-', '.']) => 12,
        _ => return None,
    };
    Some(rank + u8::from(is_packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("1342");
        for name in names {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        (root, folder)
    }

    #[test]
    fn a_book_is_read_in_its_best_form() {
        let names = [
            "1342-h/1342-h.htm",
            "1342-h/images/a.jpg",
            "1342.txt",
            "1342-8.txt",
            "1342-8.zip",
            "1342-0.txt",
            "1342-0.zip",
            "1342-h.zip",
            "old/pandp10.txt",
            "old/1342-0.txt",
            "readme.txt",
        ];
        let (_root, folder) = place(&names);
        assert!(is_shelf(&folder));
        let found = shelf(&folder).unwrap();
        let below = |files: &[PathBuf]| -> Vec<String> {
            let below = files.iter().map(|file| file.strip_prefix(&folder).unwrap());
            below.map(|file| file.to_string_lossy().into_owned()).collect()
        };
        let expected = [
            "1342-0.txt",
            "1342-0.zip",
            "1342-8.txt",
            "1342-8.zip",
            "1342.txt",
            "1342-h/1342-h.htm",
            "1342-h.zip",
            "old/1342-0.txt",
            "old/pandp10.txt",
        ];
        assert_eq!(below(&found.forms), expected);
        assert_eq!(below(&found.others), ["readme.txt"]);
        let (_root, folder) = place(&["pg1342.epub", "pg1342.txt", "pg1342.rdf"]);
        assert_eq!(
            below_names(&shelf(&folder).unwrap().forms),
            ["pg1342.txt", "pg1342.epub", "pg1342.rdf"]
        );
    }

    fn below_names(files: &[PathBuf]) -> Vec<String> {
        files.iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn other_folders_are_not_shelves() {
        let (root, folder) = place(&["one.txt", "13421.txt"]);
        assert!(!is_shelf(&folder), "another book's number");
        assert!(!is_shelf(root.path()));
    }
}
