//! A file of the state is damaged or missing, or the disk is full: the run stops, names the file and a
//! remedy, and leaves the corpus at its last commit. Once this is fixed, the same command produces the
//! bytes of an undisturbed run.

use crate::support::{Export, Outcome, Place, assert_same, files_below, keep_all, record, wet};
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A corpus of one label, in many epochs and so in several runs, and a second label to be added.
struct Setting {
    place: Place,
    /// The command that adds the second label.
    add: String,
    /// The corpus folder before that.
    folder: Export,
    /// The export before, and after an undisturbed addition.
    before: Export,
    after: Export,
}

impl Setting {
    /// The second label is the folder `in`, which `write` fills.
    fn new(write: impl FnOnce(&Place)) -> Setting {
        let place = Place::new();
        place.write("recipe.toml", keep_all(""));
        place.run("build recipe.toml").exits(0);
        let add = |label: &str, paths: &str| {
            // Which pages of the state are read depends on the number of workers.
            format!("add corpus --slice common_crawl --label {label} {paths} -w 1")
        };
        place.run(&(add("first", "fixtures/2019-30") + " --epoch-bytes 40K")).exits(0);
        let (folder, before) = (files_below(&place.path("corpus")), place.export("corpus"));
        write(&place);
        let add = add("second", "in");
        place.run(&add).exits(0);
        let after = place.export("corpus");
        let setting = Setting { place, add, folder, before, after };
        setting.reset();
        setting
    }

    /// The second label is the other bundled dump: every page of every run is read.
    fn with_many_keys() -> Setting {
        Setting::new(|place| {
            for (name, bytes) in files_below(&place.path("fixtures/2020-05")) {
                place.write(&format!("in/{name}"), bytes);
            }
        })
    }

    /// The second label is one page with some new lines: by the filters, no page needs to be read.
    fn with_few_keys() -> Setting {
        // CCNet treats all digits as equal.
        let lines: Vec<String> = (1..40).map(|line| "word ".repeat(line)).collect();
        let page = record("http://few.example/", "title", &lines.join("\n"));
        Setting::new(|place| place.write("in/few.wet.gz", wet(&[page])))
    }

    /// Restores the corpus before the second label is added.
    fn reset(&self) {
        fs::remove_dir_all(self.place.path("corpus")).unwrap();
        for (name, bytes) in &self.folder {
            self.place.write(&format!("corpus/{name}"), bytes);
        }
        fs::create_dir_all(self.place.path("corpus/tmp")).unwrap();
    }

    /// The largest run of an index, by its name in the corpus.
    fn largest_run(&self, index: &str) -> &str {
        let of_index = |name: &&String| name.starts_with(&format!("state/{index}-"));
        let runs = self.folder.keys().filter(of_index);
        runs.max_by_key(|name| self.folder[*name].len()).expect("a run of the index")
    }

    fn path(&self, file: &str) -> PathBuf {
        self.place.path("corpus").join(file)
    }

    fn put_back(&self, file: &str) {
        let path = self.path(file);
        let _ = if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) };
        fs::write(path, &self.folder[file]).unwrap();
    }

    #[track_caller]
    fn verify_names(&self, file: &str, what: &str) {
        let verified = self.place.run("verify corpus --deep").exits(1);
        assert!(verified.stdout.contains(file), "{what}: {verified}");
    }

    /// Fails unless manifest, export and every file that the manifest names are unchanged. Ignores the
    /// file `damaged`.
    #[track_caller]
    fn is_at_its_last_commit(&self, damaged: &str, what: &str) {
        for (name, bytes) in &self.folder {
            let same = || fs::read(self.path(name)).is_ok_and(|found| found == *bytes);
            assert!(name == "lock" || name == damaged || same(), "{what}: {name} has changed");
        }
        let is_commit = |name: &String| name.starts_with("commits/") && name.ends_with(".json");
        let commits: Vec<&String> = self.folder.keys().filter(|name| is_commit(name)).collect();
        assert!(self.place.commits("corpus").iter().eq(commits), "{what}");
        assert_same(&self.place.export("corpus"), &self.before, what);
    }

    /// Fails unless the second label can be added now, and nothing remains of earlier attempts.
    #[track_caller]
    fn assert_can_add(&self, what: &str) {
        self.place.run(&self.add).exits(0);
        assert_same(&self.place.export("corpus"), &self.after, what);
        self.place.assert_sound("corpus");
        self.reset();
    }

    /// Fails unless each of `faults` in the run `file` stops the second label, without harm.
    #[track_caller]
    fn stops_at(&self, file: &str, faults: &[Fault], place: &str) {
        for fault in faults {
            let what = format!("{fault:?} of {file}, {place}");
            fault.apply(&self.path(file));
            self.verify_names(file, &what);
            self.place.run(&self.add).exits(1).names(&[file, "restore it", "rebuild the corpus"]);
            self.is_at_its_last_commit(file, &what);
            self.put_back(file);
        }
        self.assert_can_add(place);
    }

    /// Fails unless the second label is added despite `fault`, with the same result, and `verify` finds
    /// the damage.
    #[track_caller]
    fn is_not_affected_by(&self, file: &str, fault: &Fault, place: &str) {
        let what = format!("{fault:?} of {file}, {place}");
        fault.apply(&self.path(file));
        self.verify_names(file, &what);
        self.place.run(&self.add).exits(0);
        assert_same(&self.place.export("corpus"), &self.after, &what);
        self.verify_names(file, &what);
        self.put_back(file);
        self.place.assert_sound("corpus");
        self.reset();
    }
}

/// The damage to a file.
#[derive(Debug)]
enum Fault {
    /// A bit of this byte is flipped.
    Flip(usize),
    /// Only this many bytes remain.
    CutTo(usize),
    Missing,
    /// A folder has the name of the file.
    Folder,
    /// No user may read it.
    Unreadable,
}

impl Fault {
    fn apply(&self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        match *self {
            Fault::Flip(at) => {
                bytes[at] ^= 0x10;
                fs::write(path, bytes).unwrap();
            }
            Fault::CutTo(len) => fs::write(path, &bytes[..len]).unwrap(),
            Fault::Missing => fs::remove_file(path).unwrap(),
            Fault::Folder => {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            }
            Fault::Unreadable => {
                fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
            }
        }
    }
}

/// The positions of the parts of a run, by its documented layout.
struct Layout {
    header: Range<usize>,
    pages: Vec<Range<usize>>,
    filters: Range<usize>,
    index: Range<usize>,
    footer: Range<usize>,
}

impl Layout {
    fn of(run: &[u8]) -> Layout {
        let number = |at: usize| u64::from_le_bytes(run[at..at + 8].try_into().unwrap()) as usize;
        let footer = run.len() - 40..run.len();
        let (index, pages, entries) =
            (number(footer.start), number(footer.start + 8), number(footer.start + 16));
        assert!((2..=64).contains(&pages), "a run of several pages in one group: {pages}");
        let row_bytes = (footer.start - index) / pages;
        let starts = (0..pages).map(|page| number(index + (page + 1) * row_bytes - 8));
        let filter_bytes = |updates: usize| 4 + (updates * 10).div_ceil(64) * 8;
        let last = entries - (pages - 1) * 1024;
        let filters = index - (pages - 1) * filter_bytes(1024) - filter_bytes(last)..index;
        let mut pages: Vec<Range<usize>> = starts.map(|start| start..start).collect();
        for page in 0..pages.len() {
            pages[page].end = pages.get(page + 1).map_or(filters.start, |next| next.start);
        }
        Layout { header: 0..16, pages, filters, index: index..footer.start, footer }
    }
}

/// Flips the first byte, one in the middle, or the last byte.
fn flips(part: &Range<usize>) -> [Fault; 3] {
    [part.start, part.start + part.len() / 2, part.end - 1].map(Fault::Flip)
}

#[test]
fn a_damaged_missing_or_unreadable_run_stops_the_command_without_harm() {
    let setting = Setting::with_many_keys();
    let file = setting.largest_run("paragraphs");
    let (layout, len) = (Layout::of(&setting.folder[file]), setting.folder[file].len());
    for (name, part) in [
        ("header", &layout.header),
        ("first page", &layout.pages[0]),
        ("last page", layout.pages.last().unwrap()),
        ("index", &layout.index),
        ("footer", &layout.footer),
    ] {
        setting.stops_at(file, &flips(part), name);
    }
    let faults = [Fault::CutTo(len - 1), Fault::CutTo(0), Fault::Missing, Fault::Folder];
    setting.stops_at(file, &faults, "the file");
    // Each index has its own runs.
    let file = setting.largest_run("documents");
    let len = setting.folder[file].len();
    let faults = [Fault::Flip(12), Fault::Flip(100), Fault::Flip(len - 9), Fault::Missing];
    setting.stops_at(file, &faults, "the file");
    Fault::Unreadable.apply(&setting.path(file));
    if fs::read(setting.path(file)).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    setting.put_back(file);
    setting.stops_at(file, &[Fault::Unreadable], "the file");
}

#[test]
fn a_damaged_filter_stops_the_command_without_harm() {
    let setting = Setting::with_few_keys();
    let file = setting.largest_run("paragraphs");
    let layout = Layout::of(&setting.folder[file]);
    setting.stops_at(file, &flips(&layout.filters), "filters");
}

#[test]
fn damage_that_is_not_read_changes_nothing_and_is_found_by_verify() {
    let (many, few) = (Setting::with_many_keys(), Setting::with_few_keys());
    let file = many.largest_run("paragraphs");
    let layout = Layout::of(&many.folder[file]);
    for fault in flips(&layout.filters) {
        many.is_not_affected_by(file, &fault, "filters");
    }
    for fault in flips(&layout.pages[1]) {
        few.is_not_affected_by(file, &fault, "second page");
    }
}

/// The largest number of blocks of 512 bytes in a file, and the file that exceeds it.
struct Full {
    blocks: u64,
    flags: &'static str,
    file: &'static str,
}

impl Setting {
    /// Fails unless the second label stops at the file that does not fit, without harm.
    #[track_caller]
    fn stops_where_full(&self, Full { blocks, flags, file }: Full) {
        let run = |line: &str| -> Outcome { self.place.run_with_file_limit(blocks, line) };
        let (line, what) = (format!("{} {flags}", self.add), format!("no space for {file}"));
        // Twice, since leftovers of the first attempt must not change the result.
        for _ in 0..2 {
            run(&line).exits(1).names(&[&format!("corpus/{file}"), "File too large"]);
            self.is_at_its_last_commit("", &what);
        }
        self.assert_can_add(&what);
    }
}

#[test]
fn a_full_disk_stops_the_run_at_any_file_without_harm() {
    let setting = Setting::with_many_keys();
    let together = "--memory 64K --epoch-bytes 1G";
    for full in [
        Full { blocks: 4, flags: together, file: "state/paragraphs-0000.spill" },
        Full { blocks: 40, flags: together, file: "tmp" },
        Full { blocks: 1, flags: "", file: "state/paragraphs-00000013-0000-01.run" },
        Full { blocks: 20, flags: "-w 2", file: "state/paragraphs-00000013-000" },
        // The run of an epoch fits, but eight merged runs do not.
        Full { blocks: 30, flags: "--epoch-bytes 20K", file: "state/paragraphs-000000" },
        Full { blocks: 70, flags: "", file: "data/common_crawl/second/00000013-0000.jsonl.zst" },
    ] {
        setting.stops_where_full(full);
    }
}

#[test]
fn a_run_without_space_for_its_error_message_ends_like_any_other() {
    let setting = Setting::with_many_keys();
    setting.place.run_with_file_limit(0, &setting.add).exits(1);
    setting.is_at_its_last_commit("", "no space for anything");
    setting.assert_can_add("no space for anything");
}

#[test]
fn a_ledger_that_does_not_fit_stops_the_run_without_harm() {
    // Many pages of the same text: many rows, one document.
    let setting = Setting::new(|place| {
        let hash = |page: u64| u128::from(page + 1).wrapping_mul(u128::MAX / 1_618_033);
        let url = |page: u64| format!("http://{:x}.example/", hash(page));
        let pages: Vec<_> = (0..600).map(|page| record(&url(page), "title", "the same")).collect();
        place.write("in/same.wet.gz", wet(&pages));
    });
    let file = "ledger/common_crawl/second/00000013-0000.parquet";
    setting.stops_where_full(Full { blocks: 20, flags: "", file });
}

#[test]
fn a_manifest_that_does_not_fit_stops_the_run_without_harm() {
    // Many small sources: the manifest lists all of them.
    let setting = Setting::new(|place| {
        for source in 0..300 {
            let page = record(&format!("http://example/{source}"), "title", "the same");
            place.write(&format!("in/{}{source}.wet.gz", "long".repeat(40)), wet(&[page]));
        }
    });
    setting.stops_where_full(Full { blocks: 120, flags: "", file: "commits/000004.json" });
}

/// The file of documents that wait on disk, of a running process. It has no name, but the system lists
/// it.
fn held_file(process: u32, bytes_min: u64) -> Option<PathBuf> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    open.map(|entry| entry.path()).find(|path| {
        let is_held =
            fs::read_link(path).is_ok_and(|to| to.to_string_lossy().contains("/tmp/held-"));
        is_held && fs::metadata(path).is_ok_and(|meta| meta.len() >= bytes_min)
    })
}

fn signal(process: u32, name: &str) {
    let done = Command::new("kill").args([name, &process.to_string()]).status();
    assert!(done.unwrap().success());
}

#[test]
fn documents_that_change_while_they_wait_on_disk_stop_the_run_and_are_not_published() {
    let setting = Setting::new(|place| {
        let hash = |number: u64| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let letters = |number: u64| format!("{:016x}", hash(number)).replace(char::is_numeric, "z");
        let page = |page: u64| {
            let lines: Vec<String> = (0..60).map(|line| letters(page * 60 + line)).collect();
            record(&format!("http://{}.example/", letters(page)), "title", &lines.join("\n"))
        };
        place.write("in/many.wet.gz", wet(&(0..6000).map(page).collect::<Vec<_>>()));
    });
    let mut run = setting.place.start(&format!("{} --memory 64K --epoch-bytes 1G", setting.add));
    let file = loop {
        assert!(!run.is_over(), "the run ended before a document waited on disk");
        if let Some(file) = held_file(run.id(), 300 << 10) {
            break file;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    // It is read only at the end of the epoch, which is the whole label.
    signal(run.id(), "-STOP");
    let file = fs::File::options().read(true).write(true).open(file).unwrap();
    // A letter among letters belongs to a text, even if the rest is compressed.
    let mut bytes = vec![0; 200 << 10];
    file.read_exact_at(&mut bytes, 0).unwrap();
    let start = 100 << 10;
    let is_text = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_lowercase);
    let at = start + 5 + bytes[start..].windows(11).position(is_text).expect("some text");
    file.write_all_at(&[bytes[at] ^ 0x01], at as u64).unwrap();
    signal(run.id(), "-CONT");
    run.wait().exits(1).names(&["corpus/tmp", "not what was written", "check the disk"]);
    setting.is_at_its_last_commit("", "a bit of a waiting document");
    setting.assert_can_add("a bit of a waiting document");
}
