//! A queue that spills to disk.

use lz4_flex::frame::{FrameDecoder, FrameEncoder, FrameInfo};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::marker::PhantomData;
use std::path::Path;

/// First in, first out. Once memory is full, items go through an unlinked file, which disappears
/// however the process ends. Each block of the file has a checksum, which is verified when it is
/// read.
pub(crate) struct SpillQueue<T> {
    memory: VecDeque<T>,
    writer: Option<FrameEncoder<durable::File>>,
    reader: Option<FrameDecoder<BufReader<File>>>,
    on_disk: u64,
    item: PhantomData<T>,
}

impl<T> Default for SpillQueue<T> {
    fn default() -> Self {
        let (writer, reader, item) = (None, None, PhantomData);
        SpillQueue { memory: VecDeque::new(), writer, reader, on_disk: 0, item }
    }
}

impl<T: Serialize + DeserializeOwned> SpillQueue<T> {
    /// Adds an item: to memory while `fits` and nothing is on disk, else to a file in `dir`.
    /// Returns whether it is in memory.
    pub fn push(&mut self, item: T, fits: bool, dir: &Path) -> io::Result<bool> {
        assert!(self.reader.is_none(), "items are added before any is read back from disk");
        if fits && self.writer.is_none() {
            self.memory.push_back(item);
            return Ok(true);
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let info = FrameInfo::new().block_checksums(true);
                self.writer.insert(FrameEncoder::with_frame_info(info, unlinked_file(dir)?))
            }
        };
        bincode::serialize_into(writer, &item).map_err(io::Error::other)?;
        self.on_disk += 1;
        Ok(false)
    }

    /// Removes the next item. Returns it, and whether it was in memory.
    pub fn pop(&mut self) -> io::Result<Option<(T, bool)>> {
        if let Some(item) = self.memory.pop_front() {
            return Ok(Some((item, true)));
        }
        if let Some(writer) = self.writer.take() {
            let file = writer.finish().map_err(io::Error::other)?;
            self.reader = Some(reader_of(file.into_std())?);
        }
        if self.on_disk == 0 {
            return Ok(None);
        }
        self.on_disk -= 1;
        let reader = self.reader.as_mut().expect("opened above");
        let item = bincode::deserialize_from(reader).map_err(|error| read_error(*error))?;
        Ok(Some((item, false)))
    }
}

/// The error of the operating system, or an error that says that the file differs from what was
/// written.
fn read_error(error: bincode::ErrorKind) -> io::Error {
    match error {
        bincode::ErrorKind::Io(error) if error.raw_os_error().is_some() => error,
        error => io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "documents spilled to disk are not what was written there ({error}): check the \
                 disk and the memory of this machine; they are not committed, and the same \
                 command continues from the last commit"
            ),
        ),
    }
}

/// Reads a file from its beginning.
fn reader_of(mut file: File) -> io::Result<FrameDecoder<BufReader<File>>> {
    file.rewind()?;
    Ok(FrameDecoder::new(BufReader::with_capacity(1 << 18, file)))
}

fn unlinked_file(dir: &Path) -> io::Result<durable::File> {
    for number in 0.. {
        let path = dir.join(format!("held-{}-{number}", std::process::id()));
        match durable::File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
            Ok(file) => return durable::remove_file(&path).map(|()| file),
        }
    }
    unreachable!("a folder has a limited number of files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_over_memory_and_disk_and_no_file_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut queue = SpillQueue::default();
        for number in 0..1000u64 {
            let item = (number, "text ".repeat(number as usize % 50));
            let in_memory = queue.push(item, number < 10, dir.path()).unwrap();
            assert_eq!(in_memory, number < 10);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        for number in 0..1000u64 {
            let ((found, text), in_memory) = queue.pop().unwrap().unwrap();
            assert_eq!((found, in_memory), (number, number < 10));
            assert_eq!(text.len(), number as usize % 50 * 5);
        }
        assert!(queue.pop().unwrap().is_none());
    }

    #[test]
    fn a_changed_bit_in_the_file_is_an_error() {
        use std::os::unix::fs::FileExt;
        let dir = tempfile::tempdir().unwrap();
        let text = |number: u64| {
            let words = (0..20).map(|word| (number * 131 + word * 7919).to_string());
            words.collect::<Vec<_>>().join(" ")
        };
        let mut at = 0;
        loop {
            let mut queue = SpillQueue::default();
            for number in 0..40u64 {
                queue.push((number, text(number)), false, dir.path()).unwrap();
            }
            let file = queue.writer.take().unwrap().finish().unwrap().into_std();
            let len = file.metadata().unwrap().len();
            if at >= len {
                break;
            }
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
            queue.reader = Some(reader_of(file).unwrap());
            let found: io::Result<Vec<(u64, String)>> = std::iter::from_fn(|| {
                queue.pop().map(|item| item.map(|(item, _)| item)).transpose()
            })
            .collect();
            // The end mark of the frame is not read: the queue knows its number of items.
            assert!(found.is_err() || at + 4 >= len, "byte {at} of {len}");
            at += 61;
        }
    }
}
