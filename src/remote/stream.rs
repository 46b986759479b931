//! A remote file from its beginning to its end, read ahead in a thread.

use crate::body::{Body, RemoteFile};
use crossbeam::channel::{Receiver, bounded};
use std::io::{self, Read};
use std::sync::Arc;
use std::thread;

/// What is fetched when a file is opened. It suffices to detect what the file is, and many files are
/// opened only for that.
pub(crate) const HEAD_BYTES: u64 = 2 << 20;

/// What the thread hands over at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Chunks that wait for the reader: 8 MiB.
const CHUNKS_MAX: usize = 32;

/// A remote file that is read in order. Takes at most 11 MiB.
pub struct Stream {
    head: io::Cursor<Arc<[u8]>>,
    rest: Rest,
}

enum Rest {
    /// Not asked for: the reader is still in the head.
    Unread(Body),
    Running {
        chunks: Receiver<io::Result<Vec<u8>>>,
        chunk: io::Cursor<Vec<u8>>,
    },
    End,
}

impl Stream {
    /// Opens a file whose beginning may be known.
    pub(crate) fn open(file: &RemoteFile, head: Option<Arc<[u8]>>) -> io::Result<Stream> {
        let bytes = file.stat.bytes;
        let (head, mut body) = match head {
            Some(head) => {
                let read = head.len() as u64;
                (head, file.body(read..bytes))
            }
            None => {
                let mut body = file.body(0..HEAD_BYTES);
                let mut head = Vec::with_capacity(bytes.min(HEAD_BYTES) as usize);
                body.read_to_end(&mut head)?;
                (head.into(), body)
            }
        };
        body.extend();
        let rest = if head.len() as u64 == bytes { Rest::End } else { Rest::Unread(body) };
        Ok(Stream { head: io::Cursor::new(head), rest })
    }

    /// Returns the beginning of the file.
    pub(crate) fn head(&self) -> &Arc<[u8]> {
        self.head.get_ref()
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.head.read(into)?;
        if read > 0 || into.is_empty() {
            return Ok(read);
        }
        loop {
            match &mut self.rest {
                Rest::End => return Ok(0),
                Rest::Unread(_) => {
                    let Rest::Unread(body) = std::mem::replace(&mut self.rest, Rest::End) else {
                        unreachable!("matched above")
                    };
                    let (chunks, chunk) = (start(body)?, io::Cursor::default());
                    self.rest = Rest::Running { chunks, chunk };
                }
                Rest::Running { chunks, chunk } => {
                    let read = chunk.read(into)?;
                    if read > 0 {
                        return Ok(read);
                    }
                    match chunks.recv() {
                        Ok(next) => *chunk = io::Cursor::new(next?),
                        Err(_) => self.rest = Rest::End,
                    }
                }
            }
        }
    }
}

/// Reads `body` in a thread, which ends with it, with the first error, or soon after the receiver is
/// dropped.
fn start(mut body: Body) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = bounded(CHUNKS_MAX);
    let run = move || {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let read = body.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
            let is_end = chunk.is_empty() && read.is_ok();
            if is_end || (!chunk.is_empty() && sender.send(Ok(chunk)).is_err()) {
                return;
            }
            if let Err(error) = read {
                // Fails only if nobody reads any more.
                let _ = sender.send(Err(error));
                return;
            }
        }
    };
    thread::Builder::new().name("fetch".into()).spawn(run)?;
    Ok(receiver)
}
