//! The table `[decontaminate]` of a recipe: evaluations that are kept out of a corpus, and the step
//! that does it, the last of every slice.

mod evaluations;
mod settings;
mod step;
mod texts;

pub use self::evaluations::{EvaluationFiles, evaluations};
pub use self::settings::{Action, Decontamination, PRESETS};
pub use self::step::{Decontaminator, decontaminate};
