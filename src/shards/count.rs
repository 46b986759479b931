//! How many tokens has a label?

use crate::Error;
use crate::input::Source;
use crate::mixture::Totals;
use corpus::export::{Watch, parallel};

/// A byte has at most so many tokens: NFC, with which tokenizers begin, may triple the bytes of a
/// character, and each token covers at least one byte.
const TOKENS_OF_BYTE_MAX: u64 = 3;

impl Source<'_> {
    /// Whether no label, or no sum of all, can have more tokens than `limit`, by its size alone.
    pub fn is_surely_below(&self, limit: u64, are_summed: bool) -> bool {
        let most = self.inputs.iter().map(|input| {
            let counts = &input.label.counts;
            let marks = self.encoder.marks() + 1;
            counts.bytes_kept.saturating_mul(TOKENS_OF_BYTE_MAX).saturating_add(counts.kept * marks)
        });
        let most =
            if are_summed { most.fold(0, u64::saturating_add) } else { most.max().unwrap_or(0) };
        most <= limit
    }

    /// Returns documents and tokens of each label, from the counts of the corpus or by encoding all
    /// documents.
    pub fn totals(&self, watch: &dyn Watch) -> Result<Vec<Totals>, Error> {
        let known: Option<Vec<Totals>> = self
            .inputs
            .iter()
            .map(|input| {
                let counts = &input.label.counts;
                let tokens = counts.tokens.or((counts.kept == 0).then_some(0))?;
                let marks = counts.kept * self.encoder.marks();
                Some(Totals { documents: counts.kept, tokens: tokens + marks })
            })
            .collect();
        match known {
            Some(known) if self.is_counted => Ok(known),
            _ => self.counted(watch),
        }
    }

    fn counted(&self, watch: &dyn Watch) -> Result<Vec<Totals>, Error> {
        let mut totals = vec![Totals::default(); self.inputs.len()];
        let all = self.segments();
        let bytes: u64 = all.iter().map(|(_, _, bytes)| bytes).sum();
        let count = |at: usize| {
            let (mut found, mut scratch) = (Totals::default(), Vec::new());
            let read = |done| watch.scanned(done, bytes);
            self.documents((all[at].0, all[at].1), read, |document| {
                let tokens = self.count(document, &mut scratch)?;
                found.documents += u64::from(tokens > 0);
                found.tokens += tokens;
                Ok(())
            })?;
            Ok::<Totals, Error>(found)
        };
        parallel::in_order(self.workers, all.len(), count, |at, found| {
            let of_label = &mut totals[all[at].0];
            of_label.documents += found.documents;
            of_label.tokens += found.tokens;
            Ok(())
        })?;
        Ok(totals)
    }
}
