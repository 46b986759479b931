//! Runs the graph of a slice in process, for the tests of the slices.

use document::{DocRef, Document};
use engine::funnel;
use recipe::{CommonModels, Models, Preset, Settings, Setup, SetupLabel, Slice};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The settings of a slice where a recipe has none.
pub(crate) fn defaults<S: Slice>() -> S::Settings {
    S::Settings::defaults(Preset::Global)
}

/// A document with this text, and the digest of it.
pub(crate) fn document(text: &str) -> Document {
    Document {
        text: text.into(),
        digest: text::digest::sha1(text.as_bytes()),
        ..Document::default()
    }
}

/// The document as one of a later label.
pub(crate) fn later(document: Document) -> Document {
    Document { at: DocRef::new(1, 0, 0), ..document }
}

/// Asserts that the graph of `S` turns `documents` into the lines of `expected`: for each document,
/// the reason of its rejection, or `kept` and its text. The result must not depend on the number of
/// workers.
pub(crate) fn assert_funnel<S: Slice>(
    settings: &S::Settings,
    documents: &[Document],
    expected: &[&str],
) {
    let setup = Arc::new(setup::<S>(settings, documents));
    for workers in [1, 2, 4] {
        let setup = setup.clone();
        let documents = funnel(documents.to_vec(), workers, move |docs| S::graph(docs, &setup));
        let lines = documents.iter().map(|document| match &document.verdict {
            None => format!("kept: {}", document.text),
            Some(reason) => reason.to_string(),
        });
        assert_eq!(lines.collect::<Vec<_>>(), expected, "{workers} workers");
    }
}

fn setup<S: Slice>(settings: &S::Settings, documents: &[Document]) -> Setup<S::Settings> {
    let common = CommonModels::load(None, None).expect("built-in models");
    let models = Models::load(&S::models(settings), common).expect("models of the test");
    let mut sources: BTreeMap<u64, u64> = BTreeMap::new();
    for document in documents {
        *sources.entry(document.at.label()).or_default() += 1;
    }
    let label = |(number, sources)| SetupLabel { name: format!("label-{number}"), sources };
    let labels = Arc::new(sources.into_iter().map(label).collect());
    Setup { slice: S::NAME, settings: settings.clone(), models, labels }
}
