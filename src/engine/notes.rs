//! Side information that the operators of one worker pass to its sink.

use arrangement::RunMeta;
use corpus::{DEFECTS_LISTED_MAX, DefectRow, EpochReport, Position};
use document::Epoch;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Notes of the operators of one worker, which all run on its thread. What an operator notes for an
/// epoch is here before the sink sees the epoch end, since the sink comes after it.
#[derive(Clone, Default)]
pub(crate) struct Notes(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    defects: BTreeMap<Epoch, (Vec<DefectRow>, u64)>,
    positions: BTreeMap<Epoch, Position>,
    /// Runs of each index, from an epoch on until the next entry.
    runs: BTreeMap<String, BTreeMap<Epoch, Vec<RunMeta>>>,
}

impl Notes {
    /// Notes a defect in `epoch`.
    pub fn defect(&self, epoch: Epoch, row: DefectRow) {
        let mut inner = self.0.borrow_mut();
        let (rows, count) = inner.defects.entry(epoch).or_default();
        *count += 1;
        if rows.len() < DEFECTS_LISTED_MAX {
            rows.push(row);
        }
    }

    /// Notes that a source resumes at `position` after `epoch`.
    pub fn position(&self, epoch: Epoch, position: Position) {
        self.0.borrow_mut().positions.insert(epoch, position);
    }

    /// Notes that the worker's share of an index is `runs` from `epoch` on, or from the newest noted
    /// epoch if that is later.
    pub fn runs(&self, index: &str, epoch: Epoch, runs: Vec<RunMeta>) {
        let mut inner = self.0.borrow_mut();
        let epochs = inner.runs.entry(index.to_owned()).or_default();
        let newest = epochs.last_key_value().map_or(epoch, |(newest, _)| *newest);
        epochs.insert(epoch.max(newest), runs);
    }

    /// The runs noted last for an index.
    pub fn last_runs(&self, index: &str) -> Vec<RunMeta> {
        let inner = self.0.borrow();
        let last = inner.runs.get(index).and_then(|epochs| epochs.last_key_value());
        last.map(|(_, runs)| runs.clone()).unwrap_or_default()
    }

    /// Moves the notes for `epoch` into its report.
    pub fn report(&self, epoch: Epoch, report: &mut EpochReport) {
        let mut inner = self.0.borrow_mut();
        (report.defects, report.defects_count) = inner.defects.remove(&epoch).unwrap_or_default();
        report.position = inner.positions.remove(&epoch);
        for (index, epochs) in &mut inner.runs {
            // The newest entry up to the epoch is current; older ones are not needed again.
            let later = epochs.split_off(&(epoch + 1));
            if let Some((_, runs)) = epochs.pop_last() {
                report.runs.insert(index.clone(), runs.clone());
                epochs.clear();
                epochs.insert(epoch, runs);
            }
            epochs.extend(later);
        }
    }
}
