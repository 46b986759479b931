//! The settings of `[decontaminate]`.

use super::EvaluationFiles;
use crate::settings::{SettingValue, Unusable};
use crate::{choice, settings};
use contamination::Rule;

settings! {
    /// Which evaluations are kept out of the corpus, and how.
    pub struct Decontamination {
        /// evaluations, each file a set: JSON lines, Parquet or text; files, or patterns of files
        sets: EvaluationFiles = EvaluationFiles::default();
        /// fields of their records that are compared, with what is nested in them; [] for all strings
        fields: Vec<String> = Vec::new();
        /// words that a document must share with a text of an evaluation, one after another
        ngram: u64 = 13, range 2.0..=100.0; // GPT-3, appendix C
        /// texts of evaluations with fewer words are left out; those shorter than ngram match as a whole
        min_words: u64 = 8, range 1.0..=100.0; // GPT-3, appendix C: the least N
        /// what becomes of a document that shares as many: drop, flag, cut
        action: Action = Action::Drop;
    }
}

choice! {
    /// What becomes of a contaminated document.
    pub enum Action {
        Drop = "drop",
        Flag = "flag",
        Cut = "cut",
    }
}

/// Published rules: the name in a recipe, `ngram`, `min_words` and `action`.
pub const PRESETS: [(&str, u64, u64, Action); 2] = [
    // Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C.
    ("gpt3", 13, 13, Action::Cut),
    // The card of togethercomputer/RedPajama-Data-Instruct: any 10-gram.
    ("redpajama-instruct", 10, 10, Action::Drop),
];

impl Decontamination {
    /// Sets what a published rule says; false if there is none of that name.
    pub fn follow(&mut self, preset: &str) -> bool {
        let known = PRESETS.iter().find(|(name, ..)| *name == preset);
        if let Some((_, ngram, min_words, action)) = known {
            (self.ngram, self.min_words, self.action) = (*ngram, *min_words, *action);
        }
        known.is_some()
    }

    /// What is compared.
    pub fn rule(&self) -> Rule {
        Rule { ngram: self.ngram as usize, words_min: self.min_words as usize }
    }

    /// Fails if the settings contradict each other.
    ///
    /// # Errors
    /// Names the setting and what is expected.
    pub fn check(&self) -> Result<(), Unusable> {
        if self.min_words <= self.ngram {
            return Ok(());
        }
        let (least, ngram) = (self.min_words, self.ngram.print());
        let what = format!(": {least} is more than ngram = {ngram}, so texts between are left out");
        Err(Unusable { key: "min_words", what })
    }
}
