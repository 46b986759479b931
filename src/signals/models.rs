//! Scores of models (RedPajama-V2, `core/quality_signals/classifiers.py` and
//! `importance_weights.py`).

use crate::signal::{Of, Signal, Source};
use crate::trained::Collection;
use crate::value::round8;

/// Similarity to pages that Wikipedia refers to.
pub const WIKIREF_SCORE: Signal = Signal {
    name: "rps_doc_ml_wikiref_score",
    about: "similarity to pages that Wikipedia refers to",
    source: Source::Facts,
    of: Of::Document(|view| view.facts().wikiref_score.map(round8).into()),
};

/// Similarity to Wikipedia, books and OpenWebText.
pub const PALM_SCORE: Signal = Signal {
    name: "rps_doc_ml_palm_score",
    about: "similarity to Wikipedia, books and OpenWebText",
    source: Source::Palm,
    of: Of::Document(|view| view.palm().into()),
};

/// Similarity to Wikipedia.
pub const WIKIPEDIA_SCORE: Signal = Signal {
    name: "rps_doc_ml_wikipedia_score",
    about: "similarity to Wikipedia, for languages other than English",
    source: Source::Wikipedia,
    of: Of::Document(|view| view.wikipedia().into()),
};

/// Importance weight for books.
pub const BOOKS_IMPORTANCE: Signal = Signal {
    name: "rps_doc_books_importance",
    about: "importance weight for books (DSIR)",
    source: Source::Importance(Collection::Books),
    of: Of::Document(|view| view.weight(Collection::Books).map(|weight| weight.0).into()),
};

/// Importance weight for books, corrected for the length.
pub const BOOKS_IMPORTANCE_LENGTH_CORRECTION: Signal = Signal {
    name: "rps_doc_books_importance_length_correction",
    about: "importance weight for books (DSIR), corrected for the length",
    source: Source::Importance(Collection::Books),
    of: Of::Document(|view| view.weight(Collection::Books).map(|weight| weight.1).into()),
};

/// Importance weight for OpenWebText.
pub const OPENWEBTEXT_IMPORTANCE: Signal = Signal {
    name: "rps_doc_openwebtext_importance",
    about: "importance weight for OpenWebText (DSIR)",
    source: Source::Importance(Collection::OpenWebText),
    of: Of::Document(|view| view.weight(Collection::OpenWebText).map(|weight| weight.0).into()),
};

/// Importance weight for OpenWebText, corrected for the length.
pub const OPENWEBTEXT_IMPORTANCE_LENGTH_CORRECTION: Signal = Signal {
    name: "rps_doc_openwebtext_importance_length_correction",
    about: "importance weight for OpenWebText (DSIR), corrected for the length",
    source: Source::Importance(Collection::OpenWebText),
    of: Of::Document(|view| view.weight(Collection::OpenWebText).map(|weight| weight.1).into()),
};

/// Importance weight for Wikipedia.
pub const WIKIPEDIA_IMPORTANCE: Signal = Signal {
    name: "rps_doc_wikipedia_importance",
    about: "importance weight for Wikipedia (DSIR)",
    source: Source::Importance(Collection::Wikipedia),
    of: Of::Document(|view| view.weight(Collection::Wikipedia).map(|weight| weight.0).into()),
};

/// Importance weight for Wikipedia, corrected for the length.
pub const WIKIPEDIA_IMPORTANCE_LENGTH_CORRECTION: Signal = Signal {
    name: "rps_doc_wikipedia_importance_length_correction",
    about: "importance weight for Wikipedia (DSIR), corrected for the length",
    source: Source::Importance(Collection::Wikipedia),
    of: Of::Document(|view| view.weight(Collection::Wikipedia).map(|weight| weight.1).into()),
};
