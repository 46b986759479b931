//! Rows joined to threads.

use super::archive::{self, Stored};
use super::rows::{self, Line, Malformed, Post};
use super::site;
use super::sort::{Key, Sorted, Sorter};
use crate::failure::{self, Failure};
use crate::{Defect, ReadError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::Path;

/// A question and its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Where the question's row stands in the file.
    pub offset: u64,
    /// The question.
    pub question: Question,
    /// Its answers, in the order of the dump.
    pub answers: Vec<Answer>,
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
    /// Its score as it is written; none where the row has none.
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
pub struct Alone {
    /// Where it stands in the file.
    pub offset: u64,
    /// How much text it has, in bytes.
    pub bytes: u64,
    /// Why it is in no thread: `no_title` (wikis of tags and the like), `no_question` (an answer to
    /// what is not there, or is no question), `duplicate_id`, `thread_too_large`, `malformed`.
    pub reason: &'static str,
}

/// One record of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A question with its answers.
    Thread(Thread),
    /// A row that is in no thread.
    Alone(Alone),
}

/// What reading a site may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows that are sorted in memory; more go to disk.
    pub sort_bytes_max: usize,
    /// A row that is longer is malformed. StackExchange's own limit is 30,000 characters a post.
    pub row_bytes_max: usize,
    /// The posts of one thread; answers behind that are `thread_too_large`.
    pub thread_bytes_max: usize,
}

/// What a post takes beside its texts.
const POST_BYTES: usize = 128;

impl Default for Limits {
    fn default() -> Limits {
        let thread_bytes_max = 64 << 20;
        Limits { sort_bytes_max: 128 << 20, row_bytes_max: 16 << 20, thread_bytes_max }
    }
}

/// Where malformed lines are sorted to: behind all threads, whose numbers are of 63 bits.
const LAST: u64 = u64::MAX;

/// The first bit of an answer's second key: answers stand behind their question.
const IS_ANSWER: u64 = 1 << 63;

/// The threads of a site in the order of their questions' numbers, and what is not in any.
///
/// The first item takes until all rows are read and sorted. Memory is bounded by [`Limits`]:
/// `sort_bytes_max` twice, one row, one thread.
pub struct Threads {
    state: State,
    limits: Limits,
    ready: VecDeque<Result<Found, Defect>>,
    open: Option<Open>,
    /// Unpacked bytes to stored ones.
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

/// Unpacked bytes become about as many stored ones.
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
    /// The threads of a site: a folder with `Posts.xml`, or a file.
    pub fn open(path: &Path) -> Result<Threads, ReadError> {
        Threads::open_with(path, Limits::default())
    }

    /// The same within other limits.
    pub fn open_with(path: &Path, limits: Limits) -> Result<Threads, ReadError> {
        let file = site::posts_file(path);
        // What cannot be opened at all is no defect of the file.
        crate::regular::open(&file).map_err(|error| ReadError::new(&file, error))?;
        let (ready, scale) = (VecDeque::new(), Scale { stored: 1, unpacked: 1 });
        Ok(Threads { state: State::Unread(file), limits, ready, open: None, scale, newest: None })
    }

    /// The day of the newest post, `2023-03-29`, once the first record is read: the dump is of no
    /// earlier day.
    pub fn newest_day(&self) -> Option<&str> {
        self.newest.as_ref()?.get(..10).filter(|day| is_day(day))
    }

    /// Reads and sorts all rows. What is wrong with the file as a whole is told last.
    fn read(&mut self, file: &Path) -> Result<Sorted, Failure> {
        let mut sorter = Sorter::new(self.limits.sort_bytes_max);
        let (mut number, mut end) = (0, 0);
        let mut newest: Option<String> = None;
        let mut entry = Vec::new();
        let mut sort = |line: Line| {
            number += 1;
            entry.clear();
            let key = match &line {
                Line::Post(post) => {
                    end = post.offset;
                    if post.date > newest {
                        newest.clone_from(&post.date);
                    }
                    encode(&mut entry, post)?;
                    let is_answer = if post.parent.is_some() { IS_ANSWER } else { 0 };
                    (post.parent.unwrap_or(post.id), number | is_answer)
                }
                Line::Malformed(lines) => {
                    end = lines.offset;
                    encode(&mut entry, lines)?;
                    (LAST, number)
                }
            };
            // The rows are sorted on a device too, and its failure is no damage of the file.
            sorter.push(key, &entry).map_err(failure::marked)
        };
        let mut stored = Stored::Plain;
        let row_bytes_max = self.limits.row_bytes_max;
        let read = archive::read(file, &mut |input, how| {
            stored = how;
            rows::read(input, row_bytes_max, &mut sort)
        });
        self.newest = newest;
        let stored_bytes = std::fs::metadata(file)?.len();
        self.scale = match stored {
            Stored::Plain => Scale { stored: 1, unpacked: 1 },
            Stored::Compressed => Scale { stored: stored_bytes, unpacked: end + 1 },
        };
        if let Err(failure) = read {
            if failure.device.is_some() {
                return Err(failure);
            }
            let lines = Malformed { offset: end, is_row: false, bytes: 0, what: failure.what };
            entry_of(&mut sorter, (LAST, u64::MAX), &lines)?;
        }
        Ok(sorter.sorted()?)
    }

    /// Takes the next row; false where there is none.
    fn advance(&mut self) -> Result<bool, Failure> {
        match &mut self.state {
            State::Done => return Ok(false),
            State::Unread(file) => {
                let file = std::mem::take(file);
                self.state = State::Done;
                self.state = State::Sorted(self.read(&file)?);
            }
            State::Sorted(rows) => {
                let Some(((id, _), entry)) = rows.next()? else {
                    self.state = State::Done;
                    self.close();
                    return Ok(true);
                };
                if self.open.as_ref().is_none_or(|open| open.id != id) {
                    self.close();
                    self.open = Some(Open { id, thread: None, answers: HashSet::new(), bytes: 0 });
                }
                match id {
                    LAST => self.malformed(decode(&entry)?),
                    _ => self.post(decode(&entry)?),
                }
            }
        }
        Ok(true)
    }

    fn malformed(&mut self, lines: Malformed) {
        let offset = self.scale.offset(lines.offset);
        self.ready.push_back(Err(Defect::new(offset, lines.what)));
        if lines.is_row {
            let alone = Alone { offset, bytes: lines.bytes, reason: "malformed" };
            self.ready.push_back(Ok(Found::Alone(alone)));
        }
    }

    fn post(&mut self, post: Post) {
        let offset = self.scale.offset(post.offset);
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let bytes = post.body.len() + of(&post.title);
        // What it takes in memory, where it may be one of millions of answers.
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
        let alone = Alone { offset, bytes: bytes as u64, reason };
        self.ready.push_back(Ok(Found::Alone(alone)));
    }

    /// Gives the thread whose rows are all read.
    fn close(&mut self) {
        let thread = self.open.take().and_then(|open| open.thread);
        self.ready.extend(thread.map(|thread| Ok(Found::Thread(thread))));
    }
}

impl Iterator for Threads {
    type Item = Result<Found, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.ready.pop_front() {
                return Some(found);
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(failure) => {
                    self.state = State::Done;
                    // What is wrong with the content stands among the rows: this is the disk.
                    let device = Some(failure.device.unwrap_or(io::ErrorKind::Other));
                    return Some(Err(Defect { offset: 0, what: failure.what, device }));
                }
            }
        }
    }
}

fn entry_of(sorter: &mut Sorter, key: Key, lines: &Malformed) -> io::Result<()> {
    let mut entry = Vec::new();
    encode(&mut entry, lines)?;
    sorter.push(key, &entry)
}

fn encode(into: &mut Vec<u8>, row: &impl Serialize) -> io::Result<()> {
    bincode::serialize_into(into, row).map_err(io::Error::other)
}

fn decode<T: DeserializeOwned>(entry: &[u8]) -> io::Result<T> {
    bincode::deserialize(entry).map_err(io::Error::other)
}
