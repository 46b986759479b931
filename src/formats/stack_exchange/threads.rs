//! Joins rows to threads.

use super::archive::{self, Stored};
use super::rows::{self, Line, Malformed, Post, RawLine};
use super::site;
use super::sort::{Key, Row, Sorted, sorter};
use crate::failure::{self, Failure};
use crate::parallel::Queue;
use crate::{Defect, ReadError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::Path;

/// A question and its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Byte of the file at which the question's row begins.
    pub offset: u64,
    /// The question.
    pub question: Question,
    /// Its answers, in the order of the dump.
    pub answers: Vec<Answer>,
}

impl Thread {
    /// Returns the memory of its texts.
    pub fn bytes(&self) -> usize {
        let answers = self.answers.iter().map(|answer| answer.body.len());
        self.question.title.len() + self.question.body.len() + answers.sum::<usize>()
    }
}

/// A post with a title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Its number on the site.
    pub id: u64,
    /// Its title.
    pub title: String,
    /// Its body as HTML.
    pub body: String,
    /// Its score as it is written; `None` where the row has none.
    pub score: Option<String>,
}

/// A post with a parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its number on the site.
    pub id: u64,
    /// Its body as HTML.
    pub body: String,
    /// Its score as it is written; empty where the row has none.
    pub score: String,
}

/// A row that is in no thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanRow {
    /// Byte of the file at which it begins.
    pub offset: u64,
    /// Size of its text.
    pub bytes: u64,
    /// Why it is in no thread: `no_title` (wikis of tags and the like), `no_question` (an answer to
    /// a post that is missing or not a question), `duplicate_id`, `thread_too_large`, `malformed`.
    pub reason: &'static str,
}

/// One record of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteRecord {
    /// A question with its answers.
    Thread(Thread),
    /// A row that is in no thread.
    Orphan(OrphanRow),
}

/// What reading a site may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows that are sorted in memory. More are sorted on disk.
    pub sort_bytes_max: usize,
    /// A row that is longer is malformed. StackExchange's own limit is 30,000 characters a post.
    pub row_bytes_max: usize,
    /// The posts of one thread. Answers beyond that are `thread_too_large`.
    pub thread_bytes_max: usize,
}

/// Memory that a post takes beside its texts.
const POST_BYTES: usize = 128;

impl Default for Limits {
    fn default() -> Limits {
        let thread_bytes_max = 64 << 20;
        Limits { sort_bytes_max: 128 << 20, row_bytes_max: 16 << 20, thread_bytes_max }
    }
}

/// The key of malformed lines, which come after all threads: their numbers have 63 bits.
const LAST: u64 = u64::MAX;

/// The first bit of an answer's second key: answers follow their question.
const IS_ANSWER: u64 = 1 << 63;

/// Iterator over the threads of a site, in the order of their questions' numbers, and over the rows
/// that are in none.
///
/// The first item comes once all rows are read and sorted. Memory is bounded by [`Limits`]:
/// `sort_bytes_max`, one row, one thread, and the buffers of a merge.
pub struct Threads {
    state: State,
    limits: Limits,
    ready: VecDeque<Result<SiteRecord, Defect>>,
    open: Option<Open>,
    /// From unpacked bytes to stored ones.
    scale: Scale,
    /// The latest date of any post.
    newest: Option<String>,
}

enum State {
    Unread(std::path::PathBuf),
    Sorted(Sorted),
    Done,
}

/// The thread whose rows are being read.
struct Open {
    id: u64,
    thread: Option<Thread>,
    answers: HashSet<u64>,
    bytes: usize,
}

/// Whether a text is a day of ISO 8601.
fn is_day(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(is_right)
}

/// Scales a byte of the unpacked table to a byte of the stored file, about.
#[derive(Clone, Copy)]
struct Scale {
    stored: u64,
    unpacked: u64,
}

impl Scale {
    fn offset(self, unpacked: u64) -> u64 {
        let Scale { stored, unpacked: all } = self;
        (u128::from(unpacked) * u128::from(stored) / u128::from(all.max(1))) as u64
    }
}

impl Threads {
    /// Opens a site: a folder with `Posts.xml`, or a file.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Threads, ReadError> {
        Threads::open_with(path, Limits::default())
    }

    /// Opens a site as [`open`](Threads::open) does, within other limits.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open_with(path: &Path, limits: Limits) -> Result<Threads, ReadError> {
        let file = site::posts_file(path);
        // A file that cannot be opened is an error and not a defect.
        crate::access::stream(&file).map_err(|error| ReadError::new(&file, error))?;
        let (ready, scale) = (VecDeque::new(), Scale { stored: 1, unpacked: 1 });
        Ok(Threads { state: State::Unread(file), limits, ready, open: None, scale, newest: None })
    }

    /// Returns the day of the newest post, `2023-03-29`, once the first record is read. The dump is
    /// not older than that.
    pub fn newest_day(&self) -> Option<&str> {
        self.newest.as_ref()?.get(..10).filter(|day| is_day(day))
    }

    /// Reads and sorts all rows. A defect of the file as a whole comes last.
    fn read(&mut self, file: &Path) -> Result<Sorted, Failure> {
        let mut sorter = sorter(self.limits.sort_bytes_max);
        let (mut number, mut end) = (0, 0);
        let mut newest: Option<String> = None;
        let mut sort = |parsed: Parsed| {
            number += 1;
            end = parsed.offset;
            newest = newest.take().max(parsed.date);
            let row = Row { key: (parsed.key.0, parsed.key.1 | number), bytes: parsed.bytes? };
            // Runs are on a device too, and its failure is not damage of the file.
            sorter.push(row).map_err(failure::marked)
        };
        let mut parsing = Queue::new(RawLine::bytes, parse);
        let mut stored = Stored::Plain;
        let row_bytes_max = self.limits.row_bytes_max;
        let read = archive::read(file, &mut |input, how| {
            stored = how;
            rows::read(input, row_bytes_max, &mut |line| {
                parsing.push(line);
                let parsed = if parsing.is_full() { parsing.next_results() } else { None };
                parsed.into_iter().flatten().flatten().try_for_each(&mut sort)
            })
        });
        while let Some(parsed) = parsing.next_results() {
            parsed.into_iter().flatten().try_for_each(&mut sort)?;
        }
        self.newest = newest;
        let stored_bytes = crate::access::bytes(file)?;
        self.scale = match stored {
            Stored::Plain => Scale { stored: 1, unpacked: 1 },
            Stored::Compressed => Scale { stored: stored_bytes, unpacked: end + 1 },
        };
        if let Err(error) = read {
            if error.device.is_some() {
                return Err(error);
            }
            let lines = Malformed { offset: end, is_row: false, bytes: 0, what: error.what };
            sorter.push(Row { key: (LAST, u64::MAX), bytes: encode(&lines)? })?;
        }
        Ok(sorter.finish()?)
    }

    /// Takes the next row. Returns false at the end.
    fn advance(&mut self) -> Result<bool, Failure> {
        match &mut self.state {
            State::Done => return Ok(false),
            State::Unread(file) => {
                let file = std::mem::take(file);
                self.state = State::Done;
                self.state = State::Sorted(self.read(&file)?);
            }
            State::Sorted(rows) => {
                let Some(Row { key: (id, _), bytes }) = rows.next()? else {
                    self.state = State::Done;
                    self.close();
                    return Ok(true);
                };
                if self.open.as_ref().is_none_or(|open| open.id != id) {
                    self.close();
                    self.open = Some(Open { id, thread: None, answers: HashSet::new(), bytes: 0 });
                }
                match id {
                    LAST => self.malformed(decode(&bytes)?),
                    _ => self.post(decode(&bytes)?),
                }
            }
        }
        Ok(true)
    }

    fn malformed(&mut self, lines: Malformed) {
        let offset = self.scale.offset(lines.offset);
        self.ready.push_back(Err(Defect::new(offset, lines.what)));
        if lines.is_row {
            let orphan = OrphanRow { offset, bytes: lines.bytes, reason: "malformed" };
            self.ready.push_back(Ok(SiteRecord::Orphan(orphan)));
        }
    }

    fn post(&mut self, post: Post) {
        let offset = self.scale.offset(post.offset);
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let bytes = post.body.len() + of(&post.title);
        // The memory that it takes: it may be one of millions of answers.
        let held = bytes + of(&post.score) + POST_BYTES;
        let open = self.open.as_mut().expect("opened for this row");
        let reason = match (&mut open.thread, post.parent, post.title) {
            (thread @ None, None, Some(title)) => {
                let question = Question { id: post.id, title, body: post.body, score: post.score };
                *thread = Some(Thread { offset, question, answers: Vec::new() });
                open.answers.insert(post.id);
                open.bytes += held;
                return;
            }
            (_, None, None) => "no_title",
            (None, Some(_), _) => "no_question",
            (Some(_), None, Some(_)) => "duplicate_id",
            (Some(_), Some(_), _) if open.answers.contains(&post.id) => "duplicate_id",
            (Some(_), Some(_), _) if open.bytes + held > self.limits.thread_bytes_max => {
                "thread_too_large"
            }
            (Some(thread), Some(_), _) => {
                let score = post.score.unwrap_or_default();
                thread.answers.push(Answer { id: post.id, body: post.body, score });
                open.answers.insert(post.id);
                open.bytes += held;
                return;
            }
        };
        let orphan = OrphanRow { offset, bytes: bytes as u64, reason };
        self.ready.push_back(Ok(SiteRecord::Orphan(orphan)));
    }

    /// Ends the thread whose rows are all read.
    fn close(&mut self) {
        let thread = self.open.take().and_then(|open| open.thread);
        self.ready.extend(thread.map(|thread| Ok(SiteRecord::Thread(thread))));
    }
}

impl Iterator for Threads {
    type Item = Result<SiteRecord, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(record);
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(Failure { what, device }) => {
                    self.state = State::Done;
                    // Damaged content is reported among the rows, so this is the device.
                    let device = Some(device.unwrap_or(io::ErrorKind::Other));
                    return Some(Err(Defect { offset: 0, what, device }));
                }
            }
        }
    }
}

/// A row as it is sorted.
struct Parsed {
    /// Its key, without its number.
    key: Key,
    /// Byte of the unpacked file at which it begins.
    offset: u64,
    date: Option<String>,
    bytes: io::Result<Box<[u8]>>,
}

fn parse(line: RawLine) -> Vec<Parsed> {
    let parsed = |line| match line {
        Line::Post(post) => {
            let bytes = encode(&post);
            let Post { id, parent, offset, date, .. } = post;
            let is_answer = if parent.is_some() { IS_ANSWER } else { 0 };
            Parsed { key: (parent.unwrap_or(id), is_answer), offset, date, bytes }
        }
        Line::Malformed(lines) => {
            Parsed { key: (LAST, 0), offset: lines.offset, date: None, bytes: encode(&lines) }
        }
    };
    line.parse().into_iter().map(parsed).collect()
}

fn encode(row: &impl Serialize) -> io::Result<Box<[u8]>> {
    bincode::serialize(row).map(Vec::into_boxed_slice).map_err(io::Error::other)
}

fn decode<T: DeserializeOwned>(entry: &[u8]) -> io::Result<T> {
    bincode::deserialize(entry).map_err(io::Error::other)
}
