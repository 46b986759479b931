//! The last step of every slice: contaminated documents are dropped, flagged, or cut.

use super::texts::index;
use super::{Action, Decontamination};
use crate::models::CommonModels;
use crate::recipe::Recipe;
use anyhow::Result;
use contamination::{Cutting, Found, Index, Scratch, cut};
use corpus::{MatchedSet, Matches};
use document::{Contamination, Outcome};
use engine::Docs;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

thread_local! {
    /// Memory for the words of a text.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Says of texts what they have of evaluations, and what becomes of them.
#[derive(Clone)]
pub struct Decontaminator {
    index: Arc<Index>,
    action: Action,
    models: CommonModels,
}

impl Decontaminator {
    /// Reads the evaluation sets of a recipe. `None` if it has none.
    ///
    /// # Errors
    /// If a set cannot be read as a whole, or has nothing to compare.
    pub fn load(recipe: &Recipe, models: &CommonModels) -> Result<Option<Decontaminator>> {
        if recipe.evaluations.is_empty() {
            return Ok(None);
        }
        let settings: &Decontamination = &recipe.decontamination;
        let index = Arc::new(index(settings, &recipe.evaluations)?);
        Ok(Some(Decontaminator { index, action: settings.action, models: models.clone() }))
    }

    /// The sets.
    pub fn sets(&self) -> &[contamination::Set] {
        self.index.sets()
    }

    /// Returns what a text has of evaluations, and what becomes of it; `None` if it has nothing.
    pub fn judge(&self, text: &str) -> Option<Contamination> {
        let found = SCRATCH.with_borrow_mut(|scratch| self.index.scan(text, scratch))?;
        let mut matches = self.matches(&found);
        let outcome = match self.action {
            Action::Drop => Outcome::Dropped,
            Action::Flag => Outcome::Flagged,
            Action::Cut => match cut(text, &found.passages, Cutting::GPT3) {
                None => Outcome::Dropped,
                Some(left) => {
                    let place = |range: &Range<usize>| (range.start as u64, range.end as u64);
                    matches.cut = left.removed.iter().map(place).collect();
                    let tokens = self.models.tokens_of(&left.text);
                    Outcome::Cut { text: left.text, tokens }
                }
            },
        };
        Some(Contamination { record: matches.record(), outcome })
    }

    fn matches(&self, found: &Found) -> Matches {
        let sets = found.sets.iter().map(|found| MatchedSet {
            set: self.sets()[found.set].name.clone(),
            line: found.line,
            field: found.field.clone(),
            ngram: found.ngram.clone(),
            places: found.places,
        });
        Matches { sets: sets.collect(), ..Matches::default() }
    }
}

/// Compares the documents that are kept with evaluations. What a document was before is kept aside
/// by the sink.
pub fn decontaminate<'scope>(docs: Docs<'scope>, with: &Decontaminator) -> Docs<'scope> {
    let with = with.clone();
    docs.tag("Decontaminate", move |document| {
        if let Some(found) = with.judge(&document.text) {
            document.contaminate(found);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EvaluationFiles, Preset, Settings};
    use document::{CONTAMINATED, Document};

    const QUESTION: &str = "Which of the old stone bridges over the river was finished first?";

    fn decontaminator(action: Action, fields: &str) -> Decontaminator {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridges.jsonl");
        std::fs::write(&path, format!("{{\"{fields}\":\"{QUESTION}\"}}")).unwrap();
        let mut recipe = Recipe::default(&[]);
        let sets = EvaluationFiles::find(path.to_str().unwrap(), folder.path()).unwrap();
        recipe.evaluations = crate::evaluations(&sets).unwrap();
        recipe.decontamination =
            Decontamination { sets, action, ..Decontamination::defaults(Preset::Global) };
        let models = CommonModels::load(None, None).unwrap();
        Decontaminator::load(&recipe, &models).unwrap().expect("a set")
    }

    #[test]
    fn each_action_leaves_the_document_as_it_was_beside_what_becomes_of_it() {
        let filler = |letter: &str| format!("{letter} ").repeat(250);
        let text = format!("{}{QUESTION} {}", filler("a"), filler("b"));
        let matched = "\"set\":\"bridges.jsonl\",\"line\":1,\"field\":\"q\"";
        for action in [Action::Drop, Action::Flag, Action::Cut] {
            let with = decontaminator(action, "q");
            let document = Document { text: text.clone(), ..Document::default() };
            let short = Document { text: QUESTION.into(), ..Document::default() };
            let clean = Document { text: QUESTION.replace("old", "new"), ..Document::default() };
            let documents = [document, short, clean];
            let found = engine::funnel(documents, 1, move |docs| decontaminate(docs, &with));
            assert_eq!((&found[0].text, &found[2].contamination), (&text, &None));
            let contamination = found[0].contamination.as_ref().unwrap();
            assert!(contamination.record.contains(matched), "{contamination:?}");
            let dropped: Vec<bool> =
                found.iter().map(|found| found.verdict.as_deref() == Some(CONTAMINATED)).collect();
            // Nothing is left of the second document.
            assert_eq!(dropped[0], action == Action::Drop);
            assert_eq!(dropped[1], action != Action::Flag);
            assert!(!dropped[2]);
            if let Outcome::Cut { text, .. } = &contamination.outcome {
                assert_eq!(*text, format!("{}\n{}", "a ".repeat(150), "b ".repeat(151)));
                let cut = format!("\"cut\":[[300,{}]]", 500 + QUESTION.len() + 200 - 1);
                assert!(contamination.record.contains(&cut), "{contamination:?}");
            }
        }
    }
}
