//! CCNet's results for the document (RedPajama-V2, `core/worker.py`).

use crate::facts::Facts;
use crate::signal::{Of, Signal, Source};
use crate::value::Value;

/// Characters after deduplication.
pub const LENGTH: Signal = Signal {
    name: "ccnet_length",
    about: "characters after CCNet's deduplication",
    source: Source::Facts,
    of: Of::Document(|view| count(view.facts().length)),
};

/// Bytes of the record in the dump.
pub const ORIGINAL_LENGTH: Signal = Signal {
    name: "ccnet_original_length",
    about: "bytes of the record in the dump",
    source: Source::Facts,
    of: Of::Document(|view| count(view.facts().original_length)),
};

/// Lines after deduplication.
pub const NLINES: Signal = Signal {
    name: "ccnet_nlines",
    about: "lines after CCNet's deduplication",
    source: Source::Facts,
    of: Of::Document(|view| count(view.facts().nlines)),
};

/// Lines before deduplication.
pub const ORIGINAL_NLINES: Signal = Signal {
    name: "ccnet_original_nlines",
    about: "lines before CCNet's deduplication",
    source: Source::Facts,
    of: Of::Document(|view| count(view.facts().original_nlines)),
};

/// Confidence of the language.
pub const LANGUAGE_SCORE: Signal = Signal {
    name: "ccnet_language_score",
    about: "confidence of the language identification, 0 to 1",
    source: Source::Facts,
    of: Of::Document(|view| view.facts().language_score.into()),
};

/// Perplexity.
pub const PERPLEXITY: Signal = Signal {
    name: "ccnet_perplexity",
    about: "perplexity under a language model of Wikipedia",
    source: Source::Facts,
    of: Of::Document(|view| view.facts().perplexity.into()),
};

/// The bucket, as a number.
pub const BUCKET: Signal = Signal {
    name: "ccnet_bucket",
    about: "bucket of the perplexity: 0 head, 1 middle, 2 tail",
    source: Source::Facts,
    of: Of::Document(|view| bucket(view.facts())),
};

fn bucket(facts: &Facts) -> Value {
    match facts.bucket {
        Some("head") => Value::Real(0.0),
        Some("middle") => Value::Real(1.0),
        Some("tail") => Value::Real(2.0),
        _ => Value::Absent,
    }
}

/// Upstream writes these counts with a decimal point.
fn count(count: Option<u64>) -> Value {
    count.map(|count| count as f64).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_without_a_number_are_absent() {
        let of = |bucket| super::bucket(&Facts { bucket, ..Facts::default() });
        assert_eq!(of(Some("middle")), Value::Real(1.0));
        assert_eq!((of(Some("all")), of(None)), (Value::Absent, Value::Absent));
    }
}
