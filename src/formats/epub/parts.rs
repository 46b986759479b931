//! The parts of a book by their names: members of a zip archive, or files of a folder.

use crate::archive::tree::{Links, Walk, is_never};
use crate::archive::{Archive, MEMBER_BYTES_MAX};
use crate::defect::Defect;
use crate::failure;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A book's parts.
pub struct Parts {
    source: Source,
    /// Names, with `/`.
    names: Vec<String>,
    /// Number of a part in its source, by name.
    by_name: HashMap<String, usize>,
    /// The same by the name in lower case; `None` if there are several.
    by_lower: HashMap<String, Option<usize>>,
}

enum Source {
    Zip(Archive),
    Folder { root: PathBuf, files: Vec<PathBuf> },
}

impl Parts {
    /// Returns the members of an archive.
    pub fn of_archive(archive: Archive) -> Parts {
        let names = archive.files();
        Parts::new(Source::Zip(archive), names)
    }

    /// Returns the files of a folder. Links are not followed.
    ///
    /// # Errors
    /// When the folder, or a folder in it, cannot be listed.
    pub fn of_folder(root: &Path) -> io::Result<Parts> {
        let mut files = Vec::new();
        for (path, meta) in Walk::new(root, Links::Keep, is_never)? {
            if meta?.is_file() {
                files.push(path);
            }
        }
        let names = files.iter().map(|path| path.to_string_lossy().into_owned());
        let names = names.enumerate().collect();
        Ok(Parts::new(Source::Folder { root: root.to_owned(), files }, names))
    }

    fn new(source: Source, numbers: Vec<(usize, String)>) -> Parts {
        let (mut names, mut by_name) = (Vec::new(), HashMap::new());
        let mut by_lower: HashMap<String, Option<usize>> = HashMap::new();
        for (number, name) in numbers {
            let name = name.replace('\\', "/");
            let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
            let lower = name.to_lowercase();
            by_lower.entry(lower).and_modify(|known| *known = None).or_insert(Some(number));
            by_name.entry(name.clone()).or_insert(number);
            names.push(name);
        }
        Parts { source, names, by_name, by_lower }
    }

    /// Returns the names of all parts.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the number of the part of this name: in the same case, or in any case if it is unique.
    pub fn find(&self, name: &str) -> Option<usize> {
        let in_any_case = || *self.by_lower.get(&name.to_lowercase())?;
        self.by_name.get(name).copied().or_else(in_any_case)
    }

    /// Returns the byte at which a part begins in its source, and its content.
    ///
    /// # Errors
    /// When the part is damaged or too large, or when the device fails.
    pub fn read(&mut self, number: usize) -> Result<(u64, Vec<u8>), Defect> {
        let (root, files) = match &mut self.source {
            Source::Zip(archive) => return archive.read(number),
            Source::Folder { root, files } => (root, files),
        };
        let mut bytes = Vec::new();
        let most = MEMBER_BYTES_MAX as u64 + 1;
        let read = crate::regular::open(&root.join(&files[number]));
        let read = read.and_then(|file| file.take(most).read_to_end(&mut bytes));
        let name = files[number].display();
        match read {
            Err(error) => {
                let device = failure::of_device_in_folder(&error);
                let what = format!("cannot read {name}: {error}; it is left out");
                Err(Defect { device, ..Defect::new(0, what) })
            }
            Ok(_) if bytes.len() > MEMBER_BYTES_MAX => {
                let most = MEMBER_BYTES_MAX >> 20;
                Err(Defect::new(0, format!("{name} has more than {most} MiB; it is left out")))
            }
            Ok(_) => Ok((0, bytes)),
        }
    }
}
