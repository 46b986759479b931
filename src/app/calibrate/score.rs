//! What a threshold can be on: the quality, a signal, or the score of an earlier step.

use anyhow::Result;
use corpus::{BuiltRow, LedgerRow, Rejection};
use document::CONTAMINATED;
use recipe::usage::{suggest, usage};
use recipe::{Calibration, EarlierScore};
use signals::{Bound, Bounds, RULES, SIGNALS, Signal};

/// A score, and which side of a threshold is kept.
#[derive(Clone, Copy)]
pub(crate) enum Score {
    /// The classifier's, with the setting of its threshold.
    Quality(&'static str),
    /// A signal, in the slice's filter expression.
    Signal { signal: &'static Signal, is_at_most: bool },
    /// One of a step before documents are compared.
    Earlier(&'static EarlierScore),
}

pub(crate) const QUALITY: &str = "quality";

impl Score {
    /// Finds a score by its name. `is_at_most` keeps documents at or below a threshold.
    pub fn find(name: &str, is_at_most: bool, calibration: &Calibration<'_>) -> Result<Score> {
        let earlier = calibration.earlier.iter().find(|score| score.name == name);
        let score = if name == QUALITY {
            Score::Quality(calibration.setting)
        } else if let Some(earlier) = earlier {
            Score::Earlier(earlier)
        } else if let Some(signal) = signals::find(name) {
            return Ok(Score::Signal { signal, is_at_most });
        } else {
            let signals = SIGNALS.iter().chain(&RULES).map(|signal| signal.name);
            let earlier = calibration.earlier.iter().map(|score| score.name);
            let hint = suggest(name, [QUALITY].into_iter().chain(earlier).chain(signals));
            return Err(usage(format!("--score {name}: there is no such score{hint}")));
        };
        if is_at_most && !score.is_at_most() {
            return Err(usage(format!("--at-most: a high {name} is a good one; drop --at-most")));
        }
        Ok(score)
    }

    /// Its name in the ledger, or that of the signal.
    pub fn name(self) -> &'static str {
        match self {
            Score::Quality(_) => QUALITY,
            Score::Signal { signal, .. } => signal.name,
            Score::Earlier(score) => score.name,
        }
    }

    /// What a threshold on it is called: the key of a recipe, where there is one.
    pub fn setting(self) -> &'static str {
        match self {
            Score::Quality(setting) => setting,
            Score::Earlier(score) if !score.is_at_most => score.setting,
            other => other.name(),
        }
    }

    /// Whether documents at or below a threshold are kept.
    pub fn is_at_most(self) -> bool {
        match self {
            Score::Quality(_) => false,
            Score::Signal { is_at_most, .. } => is_at_most,
            Score::Earlier(score) => score.is_at_most,
        }
    }

    /// The comparison that keeps a document.
    pub fn operator(self) -> &'static str {
        if self.is_at_most() { "<=" } else { ">=" }
    }

    /// Fails if the ledger cannot have the score.
    pub fn check_recorded(self, slice: &str, calibration: &Calibration<'_>) -> Result<()> {
        let Score::Signal { signal, .. } = self else { return Ok(()) };
        let is_listed = |name: &String| name == signal.name || name == "all";
        if is_of_column(signal) || calibration.signals.iter().any(is_listed) {
            return Ok(());
        }
        let name = signal.name;
        Err(usage(format!(
            "the ledger has no {name}: the recipe of this corpus does not list it; build the corpus \
             again with signals = [\"{name}\"] in [{slice}]"
        )))
    }

    /// Returns the score of a document.
    pub fn of(self, row: &LedgerRow) -> Option<f64> {
        match self {
            // fastText's probabilities may be beyond 0 and 1 by a few parts in 100,000.
            Score::Quality(_) => row.scores.quality.map(|quality| quality.clamp(0.0, 1.0)),
            Score::Signal { signal, .. } => signal_of(row, signal),
            Score::Earlier(score) => match score.name {
                "perplexity" => row.scores.perplexity,
                _ => row.language().map(|language| language.score),
            },
        }
    }

    /// Returns the threshold of a recipe, if it has one.
    pub fn threshold(self, calibration: &Calibration<'_>) -> Result<Option<f64>> {
        match self {
            Score::Quality(_) => Ok(Some(*calibration.threshold)),
            Score::Signal { signal, is_at_most } => {
                Ok(Bounds::split(calibration.keep)?.threshold(signal, is_at_most))
            }
            Score::Earlier(_) => Ok(None),
        }
    }
}

/// The last steps of a slice, as one label was built and as they are now.
pub(crate) struct LastSteps {
    /// The reason of documents below the quality threshold.
    pub quality: &'static str,
    /// The reason of documents that fail the filter.
    pub filter: &'static str,
    pub min_score: f64,
    /// What the filter asks beyond what it asked when the label was built.
    pub bounds: Vec<Bound>,
}

impl LastSteps {
    /// Why these steps reject a document, if they do. `row` is its row as built.
    pub fn rejection(&self, row: &LedgerRow) -> Option<Rejection> {
        // Documents rejected by earlier steps never reached these.
        let later = [self.filter, CONTAMINATED];
        let has_passed = row.reason.as_deref().is_none_or(|reason| later.contains(&reason));
        if !has_passed {
            return None;
        }
        if is_below(row, self.min_score) {
            return Some(Rejection { reason: self.quality.into(), has_signals: false });
        }
        let is_out = row.reason.is_none() && !self.bounds.iter().all(|bound| within(bound, row));
        is_out.then(|| Rejection { reason: self.filter.into(), has_signals: true })
    }

    /// Whether a document would be kept if `score` alone were no obstacle. Of documents that the
    /// filter dropped when the label was built, and of those that it never saw, nothing is known.
    pub fn keep_but_for(&self, score: Score, row: &BuiltRow) -> bool {
        let built = &row.built;
        if row.now().reason.as_deref() == Some(CONTAMINATED) {
            return false;
        }
        let is_good = || !is_below(built, self.min_score);
        match score {
            Score::Earlier(score) => {
                row.now().reason.as_ref().is_none_or(|reason| reason == score.reason)
            }
            Score::Quality(_) => match &built.reason {
                None => self.bounds.iter().all(|bound| within(bound, built)),
                Some(reason) => reason == self.quality,
            },
            Score::Signal { signal, is_at_most } => {
                let mut others = self.bounds.iter().filter(|bound| {
                    bound.signal.name != signal.name || bound.is_at_most != is_at_most
                });
                built.reason.is_none() && is_good() && others.all(|bound| within(bound, built))
            }
        }
    }
}

/// Whether the quality of a document is below the threshold.
pub(crate) fn is_below(row: &LedgerRow, min_score: f64) -> bool {
    row.scores.quality.is_some_and(|quality| models::wikiref::is_below(quality, min_score))
}

/// Whether a document is within a bound.
pub(crate) fn within(bound: &Bound, row: &LedgerRow) -> bool {
    bound.holds(signal_of(row, bound.signal))
}

/// Whether the signal repeats a column of the ledger.
fn is_of_column(signal: &Signal) -> bool {
    ["ccnet_language_score", "ccnet_perplexity", "rps_doc_ml_wikiref_score"].contains(&signal.name)
}

fn signal_of(row: &LedgerRow, signal: &Signal) -> Option<f64> {
    match signal.name {
        "ccnet_language_score" => row.language().map(|language| language.score),
        "ccnet_perplexity" => row.scores.perplexity,
        "rps_doc_ml_wikiref_score" => row.scores.quality,
        name => row.signal(name),
    }
}
