//! The source of documents in the dataflow: read ahead in a thread, sent under flow control.

use crate::failure::{fail, or_fail};
use crate::plan::Piece;
use crate::progress::Progress;
use crate::selection::Selection;
use crate::worker::WorkerContext;
use corpus::{DefectRow, Position};
use document::{DocRef, Document, Epoch};
use formats::{Ahead, Defect, ReadError, Waiting};
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::source as timely_source;
use timely::dataflow::{ProbeHandle, Scope, StreamVec};

/// Epochs in flight at once: one is read while the previous one is completed.
const EPOCHS_OPEN: u64 = 2;

/// The queue between the reading thread and the worker: eight batches of a MiB of text.
const AHEAD: Ahead = Ahead { batches_max: 8, batch_items_max: 4096, batch_bytes_max: 1 << 20 };

/// How long a source waits before it polls again for data or for an epoch to end.
const POLL_INTERVAL: Duration = Duration::from_micros(500);

/// The documents of a source, in order, and its defects.
pub type Documents = Box<dyn Iterator<Item = Result<Document, Defect>> + Send>;

/// Opens a source.
pub type Reader = Arc<dyn Fn(&Path) -> Result<Documents, ReadError> + Send + Sync>;

/// Opens a source at the byte at which one of its records begins; `None` if it can only be read from
/// its beginning. The offsets of the documents count from there.
pub type ReaderAt = Arc<dyn Fn(&Path, u64) -> Option<Result<Documents, ReadError>> + Send + Sync>;

/// Marks a document, as it was read, if it is excluded from the corpus. It sees its id through its ref.
pub type Exclude = Arc<dyn Fn(&mut Document) + Send + Sync>;

/// The bytes at which records begin in their sources, as stored, by ref.
pub type Offsets = HashMap<u64, u64>;

/// What one worker reads.
pub(crate) struct Reading {
    pub pieces: Vec<Piece>,
    /// The documents to be read, in a revision; `None` for all. Defects are not reported then: they
    /// were when the label was added.
    pub only: Option<Arc<Selection>>,
    /// How to read them one by one, and the bytes at which they begin.
    pub at: Option<(ReaderAt, Arc<Offsets>)>,
    pub exclude: Option<Exclude>,
    /// Path of a source, by its label and its own number.
    pub paths: Rc<dyn Fn(u64, u64) -> PathBuf>,
    pub reader: Reader,
    pub strict: bool,
    pub progress: Progress,
}

/// Sends the documents of `reading`, each at its epoch.
///
/// timely has no back-pressure, so the source limits itself: it enters epoch n only when epoch n - 2
/// has left the dataflow, and yields after each batch. It never blocks on a read.
pub(crate) fn source<'scope>(
    scope: Scope<'scope, Epoch>,
    worker: Rc<WorkerContext>,
    reading: Reading,
    probe: ProbeHandle<Epoch>,
) -> StreamVec<'scope, Epoch, Document> {
    type Builder = CapacityContainerBuilder<Vec<Document>>;
    let Reading { pieces, only, at, exclude, paths, reader, strict, progress } = reading;
    let pieces: VecDeque<(Piece, PathBuf)> = pieces
        .into_iter()
        .map(|piece| {
            let path = paths(piece.label, piece.source);
            (piece, path)
        })
        .collect();
    let weight = |fetched: &Fetched| match fetched {
        Fetched::Document(_, document) => 256 + document.text.len() + document.meta.weight(),
        _ => 64,
    };
    let records = Records { pieces, only, at, reader, open: None, ready: VecDeque::new() };
    let mut ahead = or_fail(formats::prefetch("read", AHEAD, weight, records));
    timely_source::<_, Builder, _, _>(scope, "Source", move |cap, info| {
        let activator = scope.activator_for(info.address);
        let mut cap = Some(cap);
        let mut waiting: VecDeque<Fetched> = VecDeque::new();
        let (path, offset) = (PathBuf::new(), 0);
        let mut sender = Sender { worker, exclude, strict, progress, path, offset };
        move |output| {
            let Some(time) = cap.as_mut() else { return };
            if waiting.is_empty() {
                match or_fail(ahead.try_next()) {
                    Waiting::Batch(batch) => waiting.extend(batch),
                    Waiting::NotYet => return activator.activate_after(POLL_INTERVAL),
                    Waiting::End => {
                        cap = None;
                        return;
                    }
                }
            }
            let mut documents = Vec::new();
            while let Some(fetched) = waiting.front() {
                let epoch = fetched.epoch().unwrap_or(*time.time());
                if epoch > *time.time() {
                    output.session(&*time).give_container(&mut documents);
                    documents = Vec::new();
                    // The earlier epochs are complete, whether this one may begin or not.
                    time.downgrade(&epoch);
                }
                let first = sender.worker.plan.first_epoch;
                if epoch >= first + EPOCHS_OPEN && probe.less_equal(&(epoch - EPOCHS_OPEN)) {
                    return activator.activate_after(POLL_INTERVAL);
                }
                sender.progress.begun(sender.worker.index, epoch);
                let fetched = waiting.pop_front().expect("the queue has a front");
                documents.extend(sender.take(fetched));
            }
            output.session(&*time).give_container(&mut documents);
            activator.activate();
        }
    })
}

/// An item from the reading thread.
enum Fetched {
    Open(PathBuf),
    Document(Epoch, Box<Document>),
    Defect(Epoch, Defect),
    /// The source is split here: it resumes at the position in a later epoch.
    Split(Epoch, Position),
    /// A source of the label is done, with its size as stored.
    End {
        label: u64,
        bytes: u64,
    },
    Failed(Box<dyn Error + Send + Sync>),
}

impl Fetched {
    /// The epoch that must be open to take it.
    fn epoch(&self) -> Option<Epoch> {
        match self {
            Fetched::Document(epoch, _) | Fetched::Defect(epoch, _) | Fetched::Split(epoch, _) => {
                Some(*epoch)
            }
            Fetched::Open(_) | Fetched::End { .. } | Fetched::Failed(_) => None,
        }
    }
}

/// The worker's side: passes documents on, and notes and counts the rest.
struct Sender {
    worker: Rc<WorkerContext>,
    exclude: Option<Exclude>,
    strict: bool,
    progress: Progress,
    path: PathBuf,
    /// Bytes of the open source, as stored, that are counted as read.
    offset: u64,
}

impl Sender {
    fn take(&mut self, fetched: Fetched) -> Option<Document> {
        match fetched {
            Fetched::Open(path) => (self.path, self.offset) = (path, 0),
            Fetched::Document(_, mut document) => {
                let done = document.offset.saturating_sub(self.offset);
                self.offset += done;
                self.progress.read(document.at.label(), 1, document.bytes_read, done);
                if let Some(exclude) = &self.exclude {
                    exclude(&mut document);
                }
                return Some(*document);
            }
            Fetched::Defect(epoch, defect) => {
                // A failing device may work the next time, so nothing is skipped because of it.
                if defect.device.is_some() {
                    fail(format!("{}: {defect}", self.path.display()));
                }
                self.defect(epoch, defect.offset, defect.what);
            }
            Fetched::Split(epoch, position) => self.worker.notes.position(epoch, position),
            Fetched::End { label, bytes } => {
                self.progress.read(label, 0, 0, bytes.saturating_sub(self.offset));
            }
            Fetched::Failed(error) => fail(error as Box<dyn Error>),
        }
        None
    }

    fn defect(&self, epoch: Epoch, offset: u64, what: String) {
        let source = self.path.display().to_string();
        if self.strict {
            fail(format!("{source}: byte {offset}: {what} (--strict stops at the first defect)"));
        }
        self.progress.defect(self.worker.plan.label_of(epoch));
        self.worker.notes.defect(epoch, DefectRow { source, offset, what });
    }
}

/// The reading thread's side: walks the pieces and numbers their records.
struct Records {
    pieces: VecDeque<(Piece, PathBuf)>,
    only: Option<Arc<Selection>>,
    at: Option<(ReaderAt, Arc<Offsets>)>,
    reader: Reader,
    open: Option<OpenSource>,
    ready: VecDeque<Fetched>,
}

struct OpenSource {
    piece: Piece,
    documents: Numbered,
    /// Place of the current epoch among the piece's epochs.
    epoch: usize,
    next: Position,
    bytes: u64,
}

impl Iterator for Records {
    type Item = Fetched;

    fn next(&mut self) -> Option<Fetched> {
        loop {
            if let Some(fetched) = self.ready.pop_front() {
                return Some(fetched);
            }
            match &mut self.open {
                Some(open) => {
                    if open.advance(self.only.as_deref(), &mut self.ready) == Advance::End {
                        self.open = None;
                    }
                }
                None => {
                    let (piece, path) = self.pieces.pop_front()?;
                    self.ready.push_back(Fetched::Open(path.clone()));
                    match self.documents(&piece, &path) {
                        Ok(documents) => {
                            let bytes = formats::access::bytes(&path).unwrap_or(0);
                            let next = Position { source: piece.source, ..Position::default() };
                            self.open =
                                Some(OpenSource { piece, documents, epoch: 0, next, bytes });
                        }
                        Err(error) => self.ready.push_back(Fetched::Failed(error.into())),
                    }
                }
            }
        }
    }
}

impl Records {
    /// Opens a source: from its beginning, or only the wanted records if that can be done. It cannot
    /// where the first of them is not found at its byte: in a file that is packed twice, bytes are not
    /// places. If the file has changed, reading all of it says so.
    fn documents(&self, piece: &Piece, path: &Path) -> Result<Numbered, ReadError> {
        if let (Some(only), Some((reader_at, offsets))) = (&self.only, &self.at)
            && !only.has_all_of(piece.label)
        {
            let wanted = only.refs_of(piece.label, piece.source);
            let known = |at: &u64| offsets.get(at).map(|offset| (DocRef(*at), *offset));
            let wanted: Option<VecDeque<_>> = wanted.iter().map(known).collect();
            if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
                let (path, reader_at) = (path.to_owned(), reader_at.clone());
                let wanted = Wanted { path, reader_at, wanted };
                if wanted.read(wanted.wanted[0].1).is_some_and(|read| read.is_ok()) {
                    return Ok(Numbered::Wanted(wanted));
                }
            }
        }
        (self.reader)(path).map(Numbered::All)
    }
}

/// Documents of a source.
enum Numbered {
    /// All, from record 0 on.
    All(Documents),
    /// Some, with their numbers.
    Wanted(Wanted),
}

/// Records that are read one by one, each at its byte.
struct Wanted {
    path: PathBuf,
    reader_at: ReaderAt,
    wanted: VecDeque<(DocRef, u64)>,
}

impl Wanted {
    /// Returns the number of the next record, and its document. If there is none at its byte any more,
    /// that is an error which names the record.
    fn next(&mut self) -> Option<(u64, Result<Document, String>)> {
        let (at, offset) = self.wanted.pop_front()?;
        let what = || format!("no record begins at byte {offset} any more: the file has changed");
        let document = self.read(offset).unwrap_or_else(|| Err(what()));
        Some((at.record(), document.map(|read| Document { offset, ..read })))
    }

    /// Reads the record at a byte, if one begins there.
    fn read(&self, offset: u64) -> Option<Result<Document, String>> {
        let mut read = match (self.reader_at)(&self.path, offset)? {
            Ok(documents) => documents,
            Err(error) => return Some(Err(error.to_string())),
        };
        read.find_map(|read| match read {
            Ok(document) => Some(Ok(document)),
            Err(defect) if defect.device.is_some() => Some(Err(defect.to_string())),
            Err(_) => None,
        })
    }
}

/// Whether a source has more records.
#[derive(PartialEq, Eq)]
enum Advance {
    More,
    End,
}

impl OpenSource {
    /// Reads the next record into `ready`, if it is one of `only`.
    fn advance(&mut self, only: Option<&Selection>, ready: &mut VecDeque<Fetched>) -> Advance {
        let Piece { label, source, .. } = self.piece;
        let last = only.and_then(|only| only.last_of(label, source));
        let is_past = last.is_some_and(|last| self.next.record > last.record());
        let next = match &mut self.documents {
            _ if is_past => None,
            Numbered::All(documents) => documents.next(),
            Numbered::Wanted(wanted) => match wanted.next() {
                None => None,
                Some((record, Ok(document))) => {
                    self.next.record = record;
                    Some(Ok(document))
                }
                Some((record, Err(what))) => {
                    let path = wanted.path.display();
                    let what = format!("{path}: record {record}: {what}");
                    ready.push_back(Fetched::Failed(what.into()));
                    return Advance::End;
                }
            },
        };
        match next {
            Some(Ok(mut document)) => {
                let record = self.next.record;
                if record >= DocRef::RECORDS_MAX {
                    let most = DocRef::RECORDS_MAX;
                    let what = format!("a source has more than {most} records");
                    ready.push_back(Fetched::Failed(what.into()));
                    return Advance::End;
                }
                let at = DocRef::new(label, source, record);
                let is_wanted = only.is_none_or(|only| only.contains(at));
                if is_wanted && record >= self.piece.from.record {
                    while document.offset >= self.piece.epochs[self.epoch].1 {
                        ready.push_back(self.split());
                    }
                    document.at = at;
                    let epoch = self.piece.epochs[self.epoch].0;
                    ready.push_back(Fetched::Document(epoch, Box::new(document)));
                }
                self.next.record += 1;
            }
            Some(Err(defect)) => {
                let is_known = only.is_some() && defect.device.is_none();
                if !is_known && self.next.defects >= self.piece.from.defects {
                    ready.push_back(Fetched::Defect(self.piece.epochs[self.epoch].0, defect));
                }
                self.next.defects += 1;
            }
            None => {
                while self.epoch + 1 < self.piece.epochs.len() {
                    ready.push_back(self.split());
                }
                ready.push_back(Fetched::End { label: self.piece.label, bytes: self.bytes });
                return Advance::End;
            }
        }
        Advance::More
    }

    fn split(&mut self) -> Fetched {
        let split = Fetched::Split(self.piece.epochs[self.epoch].0, self.next);
        self.epoch += 1;
        split
    }
}
