//! For tests: a server that serves the files of a folder over HTTP, and misbehaves as it is told.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What a server does wrong. By default nothing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// How long each answer is delayed.
    pub latency: Duration,
    /// Every request of this number is answered with 503. 0 is none.
    pub unready_every: u64,
    /// The body of every answer of this number is cut short. 0 is none.
    pub cut_every: u64,
    /// Bytes of a body before it is cut.
    pub cut_after: u64,
    /// After every request of this number nothing is sent, and the connection stays open. 0 is none.
    pub silent_every: u64,
    /// All of a file is sent where a part is asked for.
    pub ignores_ranges: bool,
    /// Neither a tag nor a time of the last change is sent.
    pub has_no_version: bool,
    /// After this number of requests all files are other versions. 0 is never.
    pub replaced_after: u64,
    /// A header that every request must have.
    pub required: Option<(&'static str, &'static str)>,
}

/// A request that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The path and the query.
    pub target: String,
    /// The header `Range`.
    pub range: Option<String>,
}

/// A running server. It ends with the process.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faults: Faults,
    received: Vec<Received>,
    connections: u64,
}

impl Server {
    /// Serves the files of a folder, as they are when they are asked for.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    #[must_use]
    pub fn start(folder: &Path) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { folder: folder.to_owned(), state: Mutex::default() });
        let of_thread = shared.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                of_thread.state().connections += 1;
                let shared = of_thread.clone();
                // A client that is gone is not the server's concern.
                thread::spawn(move || drop(shared.serve(&connection)));
            }
        });
        Server { address, shared }
    }

    /// Returns the address of a file.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// Sets what the server does wrong from now on.
    pub fn set(&self, faults: Faults) {
        self.shared.state().faults = faults;
    }

    /// Returns the number of connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    /// Returns the requests so far, and forgets them.
    #[must_use]
    pub fn take_received(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.state().received)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked with it")
    }

    /// Answers the requests of a connection.
    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut input = BufReader::new(connection);
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let headers = headers(&mut input)?;
            let range = headers.get("range").cloned();
            let (faults, number) = {
                let mut state = self.state();
                state.received.push(Received { target: target.clone(), range: range.clone() });
                (state.faults.clone(), state.received.len() as u64)
            };
            thread::sleep(faults.latency);
            let is_turn = |every: u64| every > 0 && number.is_multiple_of(every);
            if is_turn(faults.silent_every) {
                // Until the client gives up.
                return input.read_line(&mut line).map(drop);
            }
            if is_turn(faults.unready_every) {
                write(connection, "503 Service Unavailable", "", 0)?;
                continue;
            }
            if let Some((name, value)) = faults.required
                && headers.get(name).is_none_or(|found| found != value)
            {
                write(connection, "403 Forbidden", "", 0)?;
                continue;
            }
            let is_replaced = faults.replaced_after > 0 && number > faults.replaced_after;
            let cut = is_turn(faults.cut_every).then_some(faults.cut_after);
            let version = if is_replaced { "2" } else { "1" };
            if !self.send(connection, &target, range.as_deref(), (&faults, version), cut)? {
                return Ok(());
            }
        }
    }

    /// Sends a file. Returns whether the connection is still good.
    fn send(
        &self,
        connection: &TcpStream,
        target: &str,
        range: Option<&str>,
        (faults, version): (&Faults, &str),
        cut: Option<u64>,
    ) -> io::Result<bool> {
        let name = target.split('?').next().unwrap_or_default().trim_start_matches('/');
        let path = self.folder.join(name.replace("%20", " "));
        let Some(mut file) = File::open(&path).ok().filter(|_| path.is_file()) else {
            write(connection, "404 Not Found", "", 0)?;
            return Ok(true);
        };
        let meta = file.metadata()?;
        let bytes = meta.len();
        let version =
            if faults.has_no_version { String::new() } else { headers_of(&meta, version) };
        let range = range.filter(|_| !faults.ignores_ranges).map(|range| wanted(range, bytes));
        let (status, sent, of) = match range {
            None => ("200 OK", 0..bytes, String::new()),
            Some(None) => {
                let of = format!("Content-Range: bytes */{bytes}\r\n{version}");
                write(connection, "416 Range Not Satisfiable", &of, 0)?;
                return Ok(true);
            }
            Some(Some(range)) => {
                let (first, last) = (range.start, range.end - 1);
                let of = format!("Content-Range: bytes {first}-{last}/{bytes}\r\n");
                ("206 Partial Content", range, of)
            }
        };
        let length = sent.end - sent.start;
        write(connection, status, &format!("{of}{version}"), length)?;
        file.seek(SeekFrom::Start(sent.start))?;
        let whole = cut.is_none_or(|after| after >= length);
        let limit = cut.unwrap_or(length).min(length);
        io::copy(&mut file.take(limit), &mut &*connection)?;
        Ok(whole)
    }
}

/// Writes the head of an answer.
fn write(mut to: &TcpStream, status: &str, headers: &str, length: u64) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n");
    to.write_all(head.as_bytes())
}

fn headers(input: &mut impl BufRead) -> io::Result<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(headers);
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}

/// The headers of a version of a file: each change has others.
fn headers_of(meta: &fs::Metadata, version: &str) -> String {
    let (inode, seconds, nanos) = (meta.ino(), meta.mtime(), meta.mtime_nsec());
    format!(
        "ETag: \"{version}-{inode:x}-{:x}-{seconds:x}{nanos:x}\"\r\nLast-Modified: {}\r\n",
        meta.len(),
        "Sun, 29 Jan 2023 12:00:00 GMT"
    )
}

/// Reads `bytes=0-99`. `None` if the file has no such bytes.
fn wanted(range: &str, bytes: u64) -> Option<Range<u64>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first: u64 = first.parse().ok()?;
    let end = last.parse().map_or(bytes, |last: u64| bytes.min(last + 1));
    (first < end).then_some(first..end)
}
