//! The graphs of a corpus, to replay records in them.

use crate::dedup::global_dedup;
use crate::models::{CommonModels, ModelFiles, Models};
use crate::recipe::Recipe;
use crate::slice::{AnySlice, SetupLabel};
use corpus::Manifest;
use document::CONTAMINATED;
use engine::Graph;
use std::sync::Arc;

impl Recipe {
    /// Returns the graph of a slice, followed by the comparison across slices and that with evaluations
    /// if the corpus has them. It has no models, and no evaluations, so what they report is missing: for a replay in which the verdicts are known
    /// ([`engine::Verdicts::Known`]).
    ///
    /// # Errors
    /// None in practice: no file is read.
    pub fn graph_without_models(
        &self,
        slice: &dyn AnySlice,
        manifest: &Manifest,
    ) -> anyhow::Result<Graph> {
        let models = Models::load(&ModelFiles::default(), CommonModels::load(None, None)?)?;
        let settings = self.settings(slice.name());
        let graph = slice.prepare(settings, models, SetupLabel::of_corpus(manifest)).graph;
        let (is_global, is_compared) = (self.global_dedup, !manifest.evaluations.is_empty());
        let whole: Graph = Arc::new(move |docs| {
            let docs = graph(docs);
            let docs = if is_global { global_dedup(docs) } else { docs };
            if is_compared { docs.reject(CONTAMINATED, |_| false) } else { docs }
        });
        Ok(whole)
    }
}
