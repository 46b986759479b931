//! The second pass over a corpus: writing the files.
//!
//! A task reads a label from one segment on, and writes all files that begin in that segment. So
//! tasks are independent, and a segment is read as often as files reach into it from others, plus
//! once.

use super::destination::Destination;
use super::line::{Fields, Line};
use super::list::{Exported, Folder};
use super::output::Output;
use super::plan::Planned;
use super::scan;
use super::schema::Schema;
use super::{Options, Watch};
use crate::manifest::{File, Label};
use crate::{Corpus, Error};
use std::collections::VecDeque;

/// Bytes of lines between two reports of progress.
const REPORT_BYTES: u64 = 1 << 20;

/// A file of a task. One that is whole already is not written again, but its documents are counted.
#[derive(Clone, Debug)]
pub(super) struct TaskFile {
    pub planned: Planned,
    pub made_from: String,
    pub is_whole: bool,
}

/// Files that begin in the same segment of a label, in order.
pub(super) type Task = Vec<TaskFile>;

/// Groups the files of all labels into tasks. Groups without anything to write are left out.
pub(super) fn tasks(mut files: Vec<TaskFile>) -> Vec<Task> {
    let place = |file: &TaskFile| (file.planned.label, file.planned.segment);
    // Stable: files of a part stay in order.
    files.sort_by_key(place);
    let groups = files.chunk_by(|a, b| place(a) == place(b));
    groups.filter(|group| group.iter().any(|file| !file.is_whole)).map(<[_]>::to_vec).collect()
}

/// What a task needs besides its files.
pub(super) struct Job<'a> {
    pub corpus: &'a Corpus,
    pub label: &'a Label,
    /// Its segments, in order.
    pub segments: &'a [&'a File],
    pub schema: &'a Schema,
    pub out: &'a dyn Destination,
    pub options: &'a Options,
    pub folder: &'a Folder<'a>,
    pub watch: &'a dyn Watch,
}

/// The files of a part that begin in the segment, in order, and where they are.
#[derive(Default)]
struct Queue {
    files: VecDeque<TaskFile>,
    /// Documents before the first file.
    skipped: u64,
    open: Option<Open>,
}

struct Open {
    file: TaskFile,
    /// `None` if the file is whole already.
    output: Option<Output>,
    documents: u64,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.open.is_none()
    }
}

impl Job<'_> {
    /// Writes the files of a task.
    pub fn run(&self, task: &Task) -> Result<(), Error> {
        let mut queues: Vec<Queue> = Vec::new();
        queues.resize_with(self.options.splits.parts(), Queue::default);
        for file in task {
            let queue = &mut queues[file.planned.part];
            if queue.files.is_empty() {
                queue.skipped = file.planned.skipped;
            }
            queue.files.push_back(file.clone());
        }
        let begin = task.first().map_or(0, |file| file.planned.segment);
        let mut unreported = 0;
        for segment in self.segments.get(begin..).unwrap_or_default() {
            if queues.iter().all(Queue::is_empty) {
                break;
            }
            let copies = self.options.copies.as_deref();
            scan::lines_with(
                self.corpus,
                (self.label, segment),
                copies,
                |stored, _, line, fields| {
                    let part = self.options.splits.part(&fields.string("id").unwrap_or_default());
                    let is_written = self.take(&mut queues[part], line, fields)?;
                    unreported += if is_written { stored as u64 } else { 0 };
                    if unreported >= REPORT_BYTES {
                        self.watch.wrote(self.label, std::mem::take(&mut unreported));
                    }
                    Ok(!queues.iter().all(Queue::is_empty))
                },
            )?;
        }
        self.watch.wrote(self.label, unreported);
        // Only a file without documents is left.
        queues.iter_mut().try_for_each(|queue| self.end(queue))
    }

    /// Gives a document to the file that it is in. Returns whether it was written.
    fn take(&self, queue: &mut Queue, line: &Line<'_>, fields: &Fields<'_>) -> Result<bool, Error> {
        if queue.skipped > 0 {
            queue.skipped -= 1;
            return Ok(false);
        }
        if queue.open.is_none() {
            queue.open = queue.files.pop_front().map(|file| self.open(file)).transpose()?;
        }
        let Some(open) = &mut queue.open else { return Ok(false) };
        if let Some(output) = &mut open.output {
            let form = (self.options.records, self.schema);
            output.push(&self.label.slice, form, line, fields)?;
        }
        let is_written = open.output.is_some();
        open.documents += 1;
        if open.documents == open.file.planned.documents {
            self.close(queue.open.take())?;
        }
        Ok(is_written)
    }

    /// Writes a file without documents. Fails if a file lacks some.
    fn end(&self, queue: &mut Queue) -> Result<(), Error> {
        if queue.open.is_none() {
            queue.open = queue.files.pop_front().map(|file| self.open(file)).transpose()?;
        }
        let open = queue.open.take();
        if let Some(open) = &open
            && open.documents != open.file.planned.documents
        {
            let what = format!(
                "{} has other documents than when it was read first: its files were changed",
                self.label.full_name()
            );
            return Err(Error::corrupt(self.corpus.root(), what));
        }
        self.close(open)
    }

    fn open(&self, file: TaskFile) -> Result<Open, Error> {
        let Options { format, records, .. } = *self.options;
        let create = || Output::create(self.out, &file.planned, format, records);
        let output = (!file.is_whole).then(create).transpose()?;
        Ok(Open { file, output, documents: 0 })
    }

    fn close(&self, open: Option<Open>) -> Result<(), Error> {
        let Some(Open { file, output: Some(output), .. }) = open else { return Ok(()) };
        let (bytes, sha256) = output.finish()?;
        let TaskFile { planned, made_from, .. } = file;
        self.folder.finished(Exported {
            path: self.options.format.path(&planned),
            slice: self.label.slice.clone(),
            label: self.label.name.clone(),
            split: self.options.splits.name(planned.part).map(str::to_owned),
            documents: planned.documents,
            text_bytes: planned.text_bytes,
            bytes,
            sha256,
            made_from,
            ..Exported::default()
        })
    }
}
