//! What a disk may have after the power fails.
//!
//! The program writes a journal of its operations and keeps every file (`src/durable/faults.rs`). From
//! these follows what was flushed. The rest may be on the disk or not:
//!
//! - A file whose contents were not flushed may have any part of them, and zeros or anything else
//!   after that.
//! - A name in a folder that was not flushed may be what it was at any time since the folder was
//!   flushed: missing, an older file, or a file that was removed.
//! - Without the name of a folder, everything below it is gone, flushed or not.
//!
//! A file system with a journal loses the changes of names from some moment on. Without one, it may
//! lose any of them. Both are tried.

use crate::random::Random;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The disk of a test: what of it is not flushed.
pub struct Disk {
    /// The folder with the journal and the kept files.
    kept: PathBuf,
    /// Lines of the journal that are read.
    read: usize,
    /// Number of the last change of a name.
    moment: u64,
    /// What each name was since its folder was flushed, oldest first; the first is on the disk.
    names: BTreeMap<PathBuf, Vec<(u64, Entry)>>,
    files: BTreeMap<u64, Extent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Nothing,
    /// A file with this inode number.
    File(u64),
    Folder,
}

#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    length: u64,
    synced: u64,
}

/// Which changes of names are on the disk.
#[derive(Clone, Copy, Debug)]
enum Survivors {
    None,
    All,
    /// Those before a moment, as with a journal.
    Before(u64),
    /// Any.
    Any,
}

impl Disk {
    /// A disk on which everything is flushed. The folder `kept` is created.
    pub fn new(kept: PathBuf) -> Disk {
        fs::create_dir(&kept).unwrap();
        Disk { kept, read: 0, moment: 0, names: BTreeMap::new(), files: BTreeMap::new() }
    }

    pub fn kept(&self) -> &Path {
        &self.kept
    }

    /// Reads what the last process did. Returns the fault that it met, and the operation after which
    /// it met it.
    pub fn follow(&mut self) -> Option<(String, String)> {
        let journal = fs::read_to_string(self.kept.join("journal")).unwrap();
        let mut fault = None;
        let lines: Vec<&str> = journal.lines().collect();
        for (number, line) in lines.iter().enumerate().skip(self.read) {
            let parts: Vec<&str> = line.split('\t').collect();
            if let ["fault", kind] = parts[..] {
                let before = number.checked_sub(1).map_or("", |before| lines[before]);
                fault.get_or_insert((kind.to_owned(), before.replace('\t', " ")));
            } else {
                self.apply(&parts);
            }
        }
        self.read = lines.len();
        fault
    }

    fn apply(&mut self, parts: &[&str]) {
        let number = |text: &str| -> u64 { text.parse().unwrap() };
        match *parts {
            ["create", inode, path] => {
                self.files.insert(number(inode), Extent::default());
                self.rename(path, Entry::Nothing, Entry::File(number(inode)));
            }
            ["write", inode, length] => {
                self.files.entry(number(inode)).or_default().length = number(length);
            }
            ["sync", inode, length] => {
                self.files.entry(number(inode)).or_default().synced = number(length);
            }
            ["remove", inode, path] => {
                self.rename(path, Entry::File(number(inode)), Entry::Nothing);
            }
            ["rename", inode, from, to, replaced] => {
                let (file, replaced) = (Entry::File(number(inode)), number(replaced));
                self.rename(from, file, Entry::Nothing);
                let before = if replaced == 0 { Entry::Nothing } else { Entry::File(replaced) };
                self.rename(to, before, file);
            }
            ["folder", path] => self.rename(path, Entry::Nothing, Entry::Folder),
            ["flush", folder] => {
                self.names.retain(|path, _| path.parent() != Some(Path::new(folder)));
            }
            _ => panic!("not a line of a journal: {parts:?}"),
        }
    }

    fn rename(&mut self, path: &str, before: Entry, now: Entry) {
        self.moment += 1;
        let states = self.names.entry(path.into()).or_insert_with(|| vec![(0, before)]);
        states.push((self.moment, now));
    }

    /// The power fails: takes away what was not flushed, as chance wants it. Returns what happened.
    pub fn lose(&mut self, random: &mut Random) -> Vec<String> {
        let survivors = match random.below(8) {
            0 => Survivors::All,
            1 | 2 => Survivors::None,
            3 | 4 => Survivors::Before(random.below(self.moment as usize + 1) as u64),
            _ => Survivors::Any,
        };
        let mut lost = vec![format!("names: {survivors:?}")];
        // Folders come before what is in them.
        for (path, states) in std::mem::take(&mut self.names) {
            let (_, now) = *states.last().expect("one state at least");
            let entry = match survivors {
                Survivors::All => now,
                Survivors::None => states[0].1,
                Survivors::Before(moment) => {
                    states.iter().rfind(|(at, _)| *at <= moment).expect("the first is at 0").1
                }
                Survivors::Any => states[random.below(states.len())].1,
            };
            if entry != now {
                lost.push(format!("{}: {entry:?}, not {now:?}", path.display()));
                self.put(&path, entry, now);
            }
        }
        for (inode, extent) in std::mem::take(&mut self.files) {
            if extent.length > extent.synced {
                lost.extend(self.tear(inode, extent, random));
            }
        }
        // What is left is on the disk.
        let kept = std::mem::take(&mut self.kept);
        fs::remove_dir_all(&kept).unwrap();
        *self = Disk::new(kept);
        lost
    }

    fn put(&self, path: &Path, entry: Entry, now: Entry) {
        if !path.parent().expect("in a folder").is_dir() {
            return; // It is lost with its folder.
        }
        match now {
            Entry::Nothing => {}
            Entry::File(_) => fs::remove_file(path).unwrap(),
            Entry::Folder => fs::remove_dir_all(path).unwrap(),
        }
        match entry {
            Entry::Nothing => {}
            Entry::File(inode) => fs::hard_link(self.file(inode), path).unwrap(),
            Entry::Folder => fs::create_dir(path).unwrap(),
        }
    }

    fn file(&self, inode: u64) -> PathBuf {
        self.kept.join(inode.to_string())
    }

    /// Changes the part of a file that was not flushed.
    fn tear(&self, inode: u64, extent: Extent, random: &mut Random) -> Option<String> {
        let Extent { length, synced } = extent;
        let file = File::options().write(true).open(self.file(inode)).unwrap();
        let at = match random.below(3) {
            0 => synced,
            _ => synced + random.below((length - synced) as usize) as u64,
        };
        let left = vec![[0, 0xA5][random.below(2)]; (length - at) as usize];
        let is_named = file.metadata().unwrap().nlink() > 1;
        let what = match random.below(4) {
            0 => return None,
            1 => {
                file.write_all_at(&left, at).unwrap();
                format!("anything in bytes {at}..{length} of {inode}")
            }
            _ => {
                file.set_len(at).unwrap();
                format!("{at} of {length} bytes of {inode}")
            }
        };
        is_named.then_some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Write;
    use tempfile::TempDir;

    /// A disk, and a folder on it that is flushed.
    struct Machine {
        dir: TempDir,
        disk: Disk,
    }

    impl Machine {
        fn new() -> Machine {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("a")).unwrap();
            let disk = Disk::new(dir.path().join("kept"));
            Machine { dir, disk }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn note(&self, line: &str) {
            let journal = self.disk.kept().join("journal");
            let mut journal = File::options().create(true).append(true).open(journal).unwrap();
            writeln!(journal, "{line}").unwrap();
        }

        /// Writes a file, as the program would.
        fn write(&self, name: &str, text: &str) -> u64 {
            let path = self.path(name);
            fs::write(&path, text).unwrap();
            let inode = fs::metadata(&path).unwrap().ino();
            fs::hard_link(&path, self.disk.kept().join(inode.to_string())).unwrap();
            self.note(&format!("create\t{inode}\t{}", path.display()));
            self.note(&format!("write\t{inode}\t{}", text.len()));
            inode
        }

        fn sync(&self, inode: u64, length: usize) {
            self.note(&format!("sync\t{inode}\t{length}"));
        }

        fn flush(&self, name: &str) {
            self.note(&format!("flush\t{}", self.path(name).display()));
        }

        fn rename(&self, inode: u64, from: &str, to: &str, replaced: u64) {
            let (from, to) = (self.path(from), self.path(to));
            fs::rename(&from, &to).unwrap();
            self.note(&format!(
                "rename\t{inode}\t{}\t{}\t{replaced}",
                from.display(),
                to.display()
            ));
        }

        fn remove(&self, inode: u64, name: &str) {
            fs::remove_file(self.path(name)).unwrap();
            self.note(&format!("remove\t{inode}\t{}", self.path(name).display()));
        }

        fn read(&self, name: &str) -> Option<String> {
            fs::read(self.path(name)).ok().map(|b| String::from_utf8_lossy(&b).into_owned())
        }
    }

    /// Everything that a file may be after the power fails, over many seeds.
    fn outcomes(name: &str, act: impl Fn(&mut Machine)) -> BTreeSet<Option<String>> {
        let one = |seed| {
            let mut machine = Machine::new();
            act(&mut machine);
            machine.disk.follow();
            machine.disk.lose(&mut Random(seed));
            machine.read(name)
        };
        (0..100).map(one).collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_flushed_stays() {
        let found = outcomes("a/x", |machine| {
            let inode = machine.write("a/x", "text");
            machine.sync(inode, 4);
            machine.flush("a");
        });
        assert_eq!(found, BTreeSet::from([some("text")]));
    }

    #[test]
    fn a_name_that_is_not_flushed_may_be_lost_and_contents_may_be_any() {
        let found = outcomes("a/x", |machine| {
            let inode = machine.write("a/x", "text");
            machine.sync(inode, 4);
        });
        assert_eq!(found, BTreeSet::from([None, some("text")]));
        let found = outcomes("a/x", |machine| {
            machine.write("a/x", "text");
            machine.flush("a");
        });
        for text in ["", "t", "text", "\0\0\0\0", "t\0\0\0"] {
            assert!(found.contains(&some(text)), "{text:?} is not in {found:?}");
        }
        assert!(!found.contains(&None));
    }

    #[test]
    fn a_removed_file_and_a_replaced_one_may_come_back() {
        let found = outcomes("a/x", |machine| {
            let inode = machine.write("a/x", "text");
            machine.sync(inode, 4);
            machine.flush("a");
            machine.remove(inode, "a/x");
        });
        assert_eq!(found, BTreeSet::from([None, some("text")]));
        let replace = |machine: &mut Machine| {
            let old = machine.write("a/x", "old");
            machine.sync(old, 3);
            machine.flush("a");
            let new = machine.write("a/x.tmp", "new");
            machine.sync(new, 3);
            machine.rename(new, "a/x.tmp", "a/x", old);
        };
        assert_eq!(outcomes("a/x", replace), BTreeSet::from([some("new"), some("old")]));
        assert_eq!(outcomes("a/x.tmp", replace), BTreeSet::from([None, some("new")]));
    }

    #[test]
    fn a_folder_that_is_not_flushed_in_the_one_above_takes_its_files_with_it() {
        let found = outcomes("a/b/x", |machine| {
            fs::create_dir(machine.path("a/b")).unwrap();
            machine.note(&format!("folder\t{}", machine.path("a/b").display()));
            let inode = machine.write("a/b/x", "text");
            machine.sync(inode, 4);
            machine.flush("a/b");
        });
        assert_eq!(found, BTreeSet::from([None, some("text")]));
    }

    #[test]
    fn after_a_failure_everything_that_is_left_is_on_the_disk() {
        let mut machine = Machine::new();
        machine.write("a/x", "text");
        machine.disk.follow();
        machine.disk.lose(&mut Random(1));
        let left = machine.read("a/x");
        machine.note("fault\tkill");
        let (kind, _) = machine.disk.follow().expect("a fault");
        assert_eq!(kind, "kill");
        machine.disk.lose(&mut Random(2));
        assert_eq!(machine.read("a/x"), left);
    }
}
