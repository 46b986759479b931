//! What becomes of a document.

use super::Judge;
use super::lines::LinePair;
use super::part::BuiltRow;
use crate::contamination::{contaminated_line, contaminated_row};
use crate::error::Error;
use crate::ledger::{LedgerRow, Rejection};
use document::{CONTAMINATED, Contamination};

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is as it was built.
    AsBuilt,
    /// It is what it is.
    Stays,
    Rejected(Rejection),
    Contaminated(Contamination),
}

impl Verdict {
    /// Returns the row of a document, if it is not as it was built.
    pub fn row(&self, row: &BuiltRow) -> Option<LedgerRow> {
        let mut decided = row.built.clone();
        match self {
            Verdict::AsBuilt => return None,
            Verdict::Stays => return row.revised.clone(),
            Verdict::Rejected(rejection) => decided.reject(rejection.clone()),
            Verdict::Contaminated(found) => decided = contaminated_row(&decided, found),
        }
        (decided != row.built).then_some(decided)
    }

    /// Compares a document with evaluations.
    pub fn of_text(
        judge: Option<&Judge>,
        row: &BuiltRow,
        lines: &LinePair,
    ) -> Result<Verdict, Error> {
        let Some(judge) = judge else { return Ok(Verdict::AsBuilt) };
        let found = judge(&lines.built_text(&row.built)?);
        Ok(found.map_or(Verdict::AsBuilt, Verdict::Contaminated))
    }

    /// Returns what the corpus has of a document afterwards.
    pub fn apply(&self, row: BuiltRow, lines: &LinePair) -> Result<After, Error> {
        let was_kept = row.built.reason.is_none();
        let Some(decided) = self.row(&row) else {
            let line = was_kept.then(|| lines.built.clone());
            return Ok(After { row: row.built, line, aside: None });
        };
        let line = match self {
            Verdict::Contaminated(found) => contaminated_line(&lines.built, &row.built, found)?,
            Verdict::Stays => decided.reason.is_none().then(|| lines.now.clone()),
            Verdict::AsBuilt | Verdict::Rejected(_) => None,
        };
        Ok(After { row: decided, line, aside: Some(row.built) })
    }
}

/// What the corpus has of a document. If its row as built is kept aside and was kept, so is its line
/// as built.
pub(super) struct After {
    pub row: LedgerRow,
    /// Its line, unless it is dropped.
    pub line: Option<Vec<u8>>,
    pub aside: Option<LedgerRow>,
}

/// Whether a revision dropped a document, and not for what it has of evaluations.
pub(super) fn is_dropped_otherwise(row: &BuiltRow) -> bool {
    let reason = row.revised.as_ref().and_then(|revised| revised.reason.as_deref());
    reason.is_some_and(|reason| reason != CONTAMINATED)
}
