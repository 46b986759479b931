//! Samples for supervised fine-tuning: a Parquet table with a row for each sample.
//!
//! | column | type | |
//! |---|---|---|
//! | `input_ids` | list of `INT32` | the tokens of one or more documents |
//! | `loss_mask` | list of `INT8` | as many: 1 for a token that is to be learned, 0 for one that is given |
//! | `seq_start_id` | list of `INT32` | where each document begins in the sample |
//!
//! Documents are packed in their order. A document that does not fit into what is left of a sample begins
//! the next one, so only a document that is longer than a sample is not whole: it is cut off, and counted.
//! Samples are not padded.

use super::table::{Table, column};
use super::{Cut, Form, Sequence, Writer, Written};
use crate::{Error, Width};
use corpus::export::Destination;
use parquet::data_type::Int32Type;

/// Tokens of a row group, at least. Fixed, because the bytes of the file depend on it.
const TOKENS_IN_GROUP: usize = 1 << 20;

const SCHEMA: &str = "message samples {
    required group input_ids (LIST) { repeated group list { required int32 element; } }
    required group loss_mask (LIST) { repeated group list { required int32 element (INTEGER(8,true)); } }
    required group seq_start_id (LIST) { repeated group list { required int32 element; } }
}";

/// The table of a shard.
pub(super) struct Sft {
    table: Table,
    width: Width,
    /// Most tokens of a sample.
    sample_tokens: usize,
    /// Tokens of the sample that is being filled.
    begun: usize,
    ids: Lists,
    mask: Lists,
    starts: Lists,
    tokens: u64,
    cut: Cut,
}

/// The values of a column of lists.
#[derive(Default)]
struct Lists {
    values: Vec<i32>,
    /// 0 for the first value of a list, 1 for the others.
    repeats: Vec<i16>,
}

impl Lists {
    fn push(&mut self, value: i32, is_first: bool) {
        self.values.push(value);
        self.repeats.push(i16::from(!is_first));
    }
}

impl Sft {
    pub fn create(out: &dyn Destination, files: &[String], form: Form<'_>) -> Result<Sft, Error> {
        let length = form
            .sequence_length
            .ok_or_else(|| Error::Usage("the layout sft needs a sequence length".to_owned()))?;
        Ok(Sft {
            table: Table::create(out, &files[0], SCHEMA, |properties| properties)?,
            width: form.encoder.width(),
            sample_tokens: length as usize,
            begun: 0,
            ids: Lists::default(),
            mask: Lists::default(),
            starts: Lists::default(),
            tokens: 0,
            cut: Cut::default(),
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        let columns = [&mut self.ids, &mut self.mask, &mut self.starts].map(std::mem::take);
        self.table.group(|group| {
            columns.iter().try_for_each(|Lists { values, repeats }| {
                // Every list has a value.
                let present = vec![1; values.len()];
                column::<Int32Type>(group, values, Some(&present), Some(repeats))
            })
        })
    }
}

impl Writer for Sft {
    fn push(&mut self, document: &Sequence<'_>) -> Result<(), Error> {
        let all = (document.end - document.begin) as usize;
        let count = all.min(self.sample_tokens);
        if count < all {
            self.cut.documents += 1;
            self.cut.tokens += (all - count) as u64;
        }
        if self.begun + count > self.sample_tokens {
            self.begun = 0;
            if self.ids.values.len() >= TOKENS_IN_GROUP {
                self.flush()?;
            }
        }
        self.starts.push(self.begun as i32, self.begun == 0);
        let ids = document.tokens.chunks_exact(self.width.bytes() as usize);
        let mut answers = document.answers.map(<[_]>::iter);
        let mut answer = answers.as_mut().and_then(Iterator::next);
        for (at, id) in (0..).zip(ids.take(count)) {
            while answer.is_some_and(|(_, end)| *end <= at) {
                answer = answers.as_mut().and_then(Iterator::next);
            }
            let is_learned = answers.is_none() || answer.is_some_and(|(begin, _)| *begin <= at);
            let is_first = self.begun == 0;
            self.ids.push(self.width.read(id) as i32, is_first);
            self.mask.push(i32::from(is_learned), is_first);
            self.begun += 1;
        }
        self.tokens += count as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<Written>, Error> {
        if !self.ids.values.is_empty() {
            self.flush()?;
        }
        let Sft { table, tokens, cut, .. } = *self;
        Ok(vec![Written { cut: Some(cut), ..table.finish(tokens)? }])
    }
}
