//! The table `[decontaminate]` of a recipe: evaluations that are kept out of a corpus, and the step
//! that does it, the last of every slice.

mod evaluations;
mod settings;
mod step;
mod texts;

pub use self::evaluations::{EvaluationFiles, evaluations};
pub use self::settings::{Action, Decontamination, PRESETS};
pub use self::step::{Decontaminator, decontaminate};

use crate::recipe::Recipe;
use crate::slice::{Slices, find_slice};
use crate::usage::usage;
use anyhow::Result;

impl Recipe {
    /// Fails if passages would be cut out of documents of one of these slices from which nothing may
    /// be cut.
    ///
    /// # Errors
    /// Names the slice and what to do.
    pub fn check_cuts<'n>(
        &self,
        slices: Slices,
        used: impl IntoIterator<Item = &'n str>,
    ) -> Result<()> {
        if self.evaluations.is_empty() || self.decontamination.action != Action::Cut {
            return Ok(());
        }
        for name in used {
            if find_slice(slices, name)?.is_whole() {
                return Err(usage(format!(
                    "decontaminate.action = \"cut\" is not for {name}: its fields have places in the \
                     texts, which would be wrong; drop or flag contaminated documents, or keep {name} \
                     in a corpus of its own"
                )));
            }
        }
        Ok(())
    }
}
