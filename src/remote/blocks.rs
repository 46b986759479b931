//! A remote file that is read at any place, such as an archive with its directory at the end.

use crate::body::RemoteFile;
use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// Bytes of a block. Two of them in flight read 160 MiB a second at a latency of 50 ms.
const BLOCK_BYTES: u64 = 4 << 20;

/// Blocks that are kept, with those that are being fetched.
const BLOCKS_MAX: usize = 10;

/// Blocks that are fetched ahead of one that follows another.
const AHEAD: u64 = 2;

/// A remote file that is read at any place. Keeps 40 MiB of it. Where blocks are read one after
/// another, at one place or at several in turn, the next ones are fetched ahead.
#[derive(Clone)]
pub struct Blocks(Arc<Shared>);

struct Shared {
    file: RemoteFile,
    cache: Mutex<Cache>,
    fetched: Condvar,
}

#[derive(Default)]
struct Cache {
    blocks: BTreeMap<u64, Block>,
    /// Counts the uses of blocks.
    uses: u64,
}

struct Block {
    /// `None` while it is being fetched.
    bytes: Option<io::Result<Arc<[u8]>>>,
    used: u64,
}

impl Blocks {
    /// Opens a file. The server must be able to send parts of it.
    pub(crate) fn open(file: RemoteFile) -> Blocks {
        Blocks(Arc::new(Shared { file, cache: Mutex::default(), fetched: Condvar::new() }))
    }

    /// Returns the size of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.file.stat.bytes
    }

    /// Reads bytes from `offset` on: at least one, unless `into` is empty or the file ends there.
    ///
    /// # Errors
    /// When the bytes cannot be fetched.
    pub fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.bytes() || into.is_empty() {
            return Ok(0);
        }
        let block = self.block(offset / BLOCK_BYTES)?;
        let bytes = &block[(offset % BLOCK_BYTES) as usize..];
        let read = bytes.len().min(into.len());
        into[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().expect("nobody panicked with it")
    }

    fn block(&self, number: u64) -> io::Result<Arc<[u8]>> {
        let mut cache = self.cache();
        let is_next = number > 0 && cache.blocks.contains_key(&(number - 1));
        let is_new = self.begin(&mut cache, number);
        let ahead = if is_next { number + 1..number + 1 + AHEAD } else { 0..0 };
        for next in ahead.filter(|next| next * BLOCK_BYTES < self.bytes()) {
            if self.begin(&mut cache, next) {
                let all = self.clone();
                let fetch = move || all.fetch(next);
                // If there is no thread, it is fetched when it is needed.
                if thread::Builder::new().name("fetch".into()).spawn(fetch).is_err() {
                    cache.blocks.remove(&next);
                }
            }
        }
        drop(cache);
        if is_new {
            self.fetch(number);
        }
        let is_pending = |cache: &mut Cache| {
            cache.blocks.get(&number).is_some_and(|block| block.bytes.is_none())
        };
        let cache = self.0.fetched.wait_while(self.cache(), is_pending);
        let mut cache = cache.expect("nobody panicked with it");
        match cache.blocks.get(&number).and_then(|block| block.bytes.as_ref()) {
            Some(Ok(bytes)) => Ok(bytes.clone()),
            Some(Err(error)) => {
                let error = Error::new(error.kind(), error.to_string());
                cache.blocks.remove(&number);
                Err(error)
            }
            // Others needed its place before this thread woke up.
            None => {
                drop(cache);
                self.block(number)
            }
        }
    }

    /// Makes a place for a block. Returns whether the caller must fetch it.
    fn begin(&self, cache: &mut Cache, number: u64) -> bool {
        cache.uses += 1;
        let used = cache.uses;
        if let Some(block) = cache.blocks.get_mut(&number) {
            block.used = used;
            return false;
        }
        if cache.blocks.len() >= BLOCKS_MAX {
            let of_fetched = cache.blocks.iter().filter(|(_, block)| block.bytes.is_some());
            let oldest = of_fetched.min_by_key(|(_, block)| block.used).map(|(number, _)| *number);
            oldest.and_then(|oldest| cache.blocks.remove(&oldest));
        }
        cache.blocks.insert(number, Block { bytes: None, used });
        true
    }

    fn fetch(&self, number: u64) {
        let start = number * BLOCK_BYTES;
        let file = &self.0.file;
        let read = || {
            let bytes = BLOCK_BYTES.min(file.stat.bytes - start);
            let mut block = Vec::with_capacity(bytes as usize);
            let mut body = file.body(start..start + bytes);
            body.parts_only();
            body.read_to_end(&mut block)?;
            Ok(block.into())
        };
        let fetched = read();
        if let Some(block) = self.cache().blocks.get_mut(&number) {
            block.bytes = Some(fetched);
        }
        self.0.fetched.notify_all();
    }
}

/// The error of a server that sends all of a file where a part is asked for.
pub(crate) fn sends_no_parts() -> Error {
    let what = "its server does not send parts of files, which are needed to read this format: fetch \
                it first, and name the file";
    Error::new(ErrorKind::NotSeekable, what)
}
