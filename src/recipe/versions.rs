//! The settings `versions` and `complete`, for slices whose dumps repeat the pages of earlier ones.

use crate::choice;
use crate::settings::Unusable;
use corpus::Newest;

choice! {
    /// Which versions of a page are in the corpus, if several labels have it.
    pub enum Versions {
        All = "all",
        Newest = "newest",
    }
}

impl Versions {
    /// What a newer label supersedes. `is_complete` is the setting `complete`.
    pub fn newest(self, is_complete: bool) -> Option<Newest> {
        (self == Versions::Newest).then_some(Newest { is_complete })
    }

    /// Checks that both settings go together.
    ///
    /// # Errors
    /// If dumps are to be complete, and older versions are to stay.
    pub fn check(self, is_complete: bool) -> Result<(), Unusable> {
        if is_complete && self == Versions::All {
            let what = " has no effect without versions = \"newest\": set both, or neither".into();
            return Err(Unusable { key: "complete", what });
        }
        Ok(())
    }
}
