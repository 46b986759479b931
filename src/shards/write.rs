//! Writing the shards.
//!
//! Threads encode the documents of the segments and sort them by place, in memory and in temporary
//! files. Then all are read in order, and each shard is written in all its layouts at once.

use crate::Error;
use crate::input::{LeftOut, Source};
use crate::layout::{Form, Layout, Sequence, Writer, Written};
use crate::record::{Copy, NO_OFFSET};
use crate::scan::{Place, Shard, Shards};
use corpus::export::{Destination, Watch, parallel};
use sorting::{Sorted, Sorter, Storage};
use std::sync::Mutex;

/// Runs of one level of all threads. Bounds the open files.
const RUNS_MAX: usize = 256;

/// What is written.
pub(crate) struct Job<'a> {
    pub source: &'a Source<'a>,
    pub shards: &'a Shards,
    /// The layouts that each shard is written in; none if all of its files are whole.
    pub wanted: &'a [Vec<Layout>],
    pub out: &'a dyn Destination,
    pub form: Form<'a>,
    /// Bounds what is sorted in memory.
    pub memory_bytes: u64,
    pub left_out: &'a LeftOut,
    pub watch: &'a dyn Watch,
}

impl Job<'_> {
    /// Writes the shards. Calls `finished` with each file that is whole, and the number of documents in
    /// the shard.
    pub fn run(
        &self,
        mut finished: impl FnMut(&Shard, Layout, u64, Written) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.wanted.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let mut sorted = self.sorted()?;
        let mut open: Option<Open<'_>> = None;
        while let Some(copy) = sorted.next().map_err(Error::Temporary)? {
            if open.as_ref().is_some_and(|open| open.number != copy.shard) {
                open.take().map_or(Ok(()), |open| self.finish(open, &mut finished))?;
            }
            if open.is_none() {
                open = Some(self.open(copy.shard)?);
            }
            self.push(open.as_mut().expect("opened above"), &copy)?;
        }
        open.map_or(Ok(()), |open| self.finish(open, &mut finished))
    }

    /// Encodes the documents of shards that are to be written.
    fn sorted(&self) -> Result<Sorted<Copy>, Error> {
        let all = self.source.segments();
        let workers = self.source.workers.max(1);
        let (memory, fan_in) = (self.memory_bytes as usize / workers, RUNS_MAX / workers);
        let idle: Mutex<Vec<Sorter<Copy>>> = Mutex::new(Vec::new());
        parallel::each(self.source.workers, all.len(), |at| {
            let (label, segment, bytes) = all[at];
            let input = &self.source.inputs[label];
            if input.is_left_out() {
                return Ok(());
            }
            if !self.has_wanted(label, segment) {
                self.watch.wrote(input.label, bytes);
                return Ok(());
            }
            let waiting = lock(&idle).pop();
            let new = || Sorter::new((), memory, Storage::default()).with_fan_in(fan_in);
            let mut sorter = waiting.unwrap_or_else(new);
            self.encode((label, segment), &mut sorter)?;
            lock(&idle).push(sorter);
            Ok::<(), Error>(())
        })?;
        let sorters = idle.into_inner().expect("no thread panics while it holds the lock");
        Sorter::merge(sorters).map_err(Error::Temporary)
    }

    /// Whether a segment may have documents of shards that are to be written.
    fn has_wanted(&self, label: usize, segment: usize) -> bool {
        let (file, first) = self.source.inputs[label].segments[segment];
        let all = self.shards.all.iter().zip(self.wanted);
        let mut wanted = all.filter(|(_, layouts)| !layouts.is_empty()).map(|(shard, _)| shard);
        wanted.any(|shard| match shard.label {
            None => true,
            Some(of) => {
                let end = shard.first + shard.sum.documents;
                of == label && shard.first < first + file.records && first < end
            }
        })
    }

    fn encode(&self, at: (usize, usize), sorter: &mut Sorter<Copy>) -> Result<(), Error> {
        let input = &self.source.inputs[at.0];
        let prefix = format!("{}/", input.label.full_name());
        let offsets = self.source.offsets(at)?;
        let (mut places, mut bytes): (Vec<Place>, _) = (Vec::new(), Vec::new());
        let read = |done| self.watch.wrote(input.label, done);
        self.source.documents(at, read, |document| {
            places.clear();
            let of = (at.0, input.epochs);
            self.shards.places(of, document.number, &document.id, |place| places.push(place));
            places.retain(|place| !self.wanted[place.shard as usize].is_empty());
            if places.is_empty() {
                return Ok(());
            }
            bytes.clear();
            if self.source.encode(document, self.left_out, &mut bytes)? == 0 {
                return Ok(());
            }
            let id = document.id.strip_prefix(&prefix).ok_or_else(|| {
                let what = format!("{} is not of {prefix}: rebuild the corpus", document.id);
                Error::corrupt(self.source.corpus.root(), what)
            })?;
            let offset = offsets.of(input.label, id).unwrap_or(NO_OFFSET);
            let is_masked =
                |place: &Place| self.wanted[place.shard as usize].contains(&Layout::Sft);
            let answers = if places.iter().any(is_masked) {
                self.source.answered(at.0, document)?
            } else {
                None
            };
            places.iter().try_for_each(|&Place { shard, key, copy }| {
                let (label, id, tokens) = (at.0 as u32, id.into(), bytes.as_slice().into());
                let answers = answers.clone();
                sorter
                    .push(Copy { shard, key, copy, label, offset, id, tokens, answers })
                    .map_err(Error::Temporary)
            })
        })
    }

    fn open(&self, number: u32) -> Result<Open<'_>, Error> {
        let name = &self.shards.all[number as usize].name;
        let layouts = self.wanted[number as usize].iter();
        let writers = layouts
            .map(|layout| Ok((*layout, layout.create(self.out, name, self.form)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Open { number, writers, tokens: 0, documents: 0 })
    }

    fn push(&self, open: &mut Open<'_>, copy: &Copy) -> Result<(), Error> {
        let label = self.source.inputs[copy.label as usize].label;
        let (source, record) = copy.id.rsplit_once('#').unwrap_or((&copy.id, ""));
        let source = format!("{}/{source}", label.full_name());
        let begin = open.tokens;
        let end = begin + copy.tokens.len() as u64 / self.form.encoder.width().bytes();
        let sequence = Sequence {
            tokens: &copy.tokens,
            begin,
            end,
            source: &source,
            record,
            offset: Some(copy.offset).filter(|offset| *offset != NO_OFFSET),
            copy: copy.copy,
            answers: copy.answers.as_deref(),
        };
        open.writers.iter_mut().try_for_each(|(_, writer)| writer.push(&sequence))?;
        open.tokens = end;
        open.documents += 1;
        Ok(())
    }

    fn finish(
        &self,
        open: Open<'_>,
        finished: &mut impl FnMut(&Shard, Layout, u64, Written) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let shard = &self.shards.all[open.number as usize];
        for (layout, writer) in open.writers {
            for written in writer.finish()? {
                finished(shard, layout, open.documents, written)?;
            }
        }
        Ok(())
    }
}

/// A shard that is being written.
struct Open<'a> {
    number: u32,
    writers: Vec<(Layout, Box<dyn Writer + 'a>)>,
    tokens: u64,
    documents: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds the lock")
}
