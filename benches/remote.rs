//! Sources at addresses beside local files.
//!
//! `cargo bench --bench remote [-- [COPIES] [MILLISECONDS] [EVERY] [FOLDER]]` joins COPIES (default 10) of
//! the WET file of the test data (`SLUICE_TEST_DATA`), or of the bundled pages without it, to a file about as large
//! as one of Common Crawl. It reads the pages of three such files, from the disk and from a server on this
//! machine that delays each answer by MILLISECONDS (default 50), in turn, and prints the best wall time of
//! each. With EVERY, of each so many requests one is answered with 503, and one is cut short. Nothing is
//! done with the pages: in a run, more time passes for each byte.
//!
//! With FOLDER, it only serves the files of that folder so, for runs of `sluice`, until it is killed.

use dataflows::SLICES;
use formats::access::{Addresses, ReadAt};
use recipe::{AnySlice, Preset};
use remote::{Policy, Remote};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use web::{Faults, Server};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const FILES: usize = 3;
const ROUNDS: usize = 5;

static REMOTE: LazyLock<Remote> = LazyLock::new(|| Remote::new(Policy::default()));

struct Streams;

impl Addresses for Streams {
    fn is_address(&self, path: &str) -> bool {
        remote::is_address(path)
    }

    fn stream(&self, address: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(REMOTE.stream(address)?))
    }

    fn read_at(&self, _: &str) -> io::Result<Arc<dyn ReadAt>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn bytes(&self, address: &str) -> io::Result<u64> {
        Ok(REMOTE.stat(address)?.bytes)
    }
}

fn main() -> Result<()> {
    // `cargo bench` adds --bench; `cargo test --benches` must not run it for minutes.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    let numbers: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let copies = numbers.first().copied().unwrap_or(10);
    let latency = Duration::from_millis(numbers.get(1).copied().unwrap_or(50));
    let every = numbers.get(2).copied().unwrap_or(0);
    let cut_after = 1 << 20;
    let failing = Faults { unready_every: every, cut_every: every, cut_after, ..Faults::default() };
    let faults = Faults { latency, ..failing };
    if let Some(folder) = arguments.iter().find(|argument| Path::new(argument).is_dir()) {
        return serve(Path::new(folder), faults);
    }
    let dir = tempfile::tempdir()?;
    let local = make_files(dir.path(), copies)?;
    let bytes: u64 = local.iter().map(|path| fs::metadata(path).map_or(0, |meta| meta.len())).sum();
    let server = Server::start(dir.path());
    server.set(faults);
    formats::access::install(Box::new(Streams));
    let mut best = [f64::MAX; 2];
    let mut pages = [0; 2];
    for round in 0..ROUNDS {
        // Other addresses each time: nothing is known of them.
        let name = |number: usize| server.url(&format!("{number}.warc.wet.gz?round={round}"));
        let remote: Vec<PathBuf> = (0..FILES).map(|number| name(number).into()).collect();
        for (at, paths) in [&local, &remote].into_iter().enumerate() {
            let began = Instant::now();
            pages[at] = read(paths)?;
            best[at] = best[at].min(began.elapsed().as_secs_f64());
        }
        println!("round {round}: best so far {:.2} s local, {:.2} s remote", best[0], best[1]);
    }
    assert_eq!(pages[0], pages[1], "the same pages");
    let megabytes = bytes as f64 / 1e6;
    println!("{} pages in {FILES} files of {:.0} MB", pages[0], megabytes / FILES as f64);
    println!("local files            {:6.1} MB/s", megabytes / best[0]);
    println!("{latency:?} of latency     {:6.1} MB/s", megabytes / best[1]);
    println!("remote / local         {:6.1} %", 100.0 * best[0] / best[1]);
    Ok(())
}

/// Serves files until the process is killed.
fn serve(folder: &Path, faults: Faults) -> Result<()> {
    let server = Server::start(folder);
    server.set(faults);
    println!("{}", server.url(""));
    loop {
        std::thread::park();
    }
}

fn make_files(folder: &Path, copies: u64) -> Result<Vec<PathBuf>> {
    let bundled =
        "fixtures/common_crawl/2019-30/CC-MAIN-20190715175205-20190715200159-00000.warc.wet.gz";
    let given = std::env::var_os("SLUICE_TEST_DATA").map(PathBuf::from);
    let given = given.map(|data| data.join("commoncrawl/wet_derived/derived_shared.warc.wet.gz"));
    let from = given.filter(|path| path.exists()).unwrap_or_else(|| bundled.into());
    let bytes = fs::read(from)?;
    let mut paths = Vec::new();
    for number in 0..FILES {
        let path = folder.join(format!("{number}.warc.wet.gz"));
        let mut file = File::create(&path)?;
        for _ in 0..copies {
            io::Write::write_all(&mut file, &bytes)?;
        }
        paths.push(path);
    }
    Ok(paths)
}

/// Reads all pages, as the reading thread of a run does. Returns their number.
fn read(paths: &[PathBuf]) -> Result<usize> {
    let slice: &dyn AnySlice =
        *SLICES.iter().find(|slice| slice.name() == "common_crawl").ok_or("no slice")?;
    let reader = slice.reader(&*slice.defaults(Preset::Global));
    let mut pages = 0;
    for path in paths {
        for document in reader(path)? {
            document?;
            pages += 1;
        }
    }
    Ok(pages)
}
