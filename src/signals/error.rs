//! Why a list or a model cannot be used.

use std::path::{Path, PathBuf};

/// A list or model that cannot be used, with the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file or folder cannot be read.
    #[error("cannot read the list {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not UTF-8.
    #[error("{} is not UTF-8 at byte {offset}; convert the list to UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Where the first byte that does not belong stands.
        offset: usize,
    },
    /// The file is no JSON object of lists of words.
    #[error(
        "{} is no list of stop words by language, {{\"en\": [\"a\", ...], ...}}: {source}",
        path.display()
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// Collections have nothing to be compared with.
    #[error(
        "{} is not there: importance weights compare collections with the web; count its words with \
         `sluice train importance`", path.display()
    )]
    NoWeb {
        /// The file that is missing.
        path: PathBuf,
    },
    /// The file has no counts of words.
    #[error("{} has no counts of words; make it with `sluice train importance`", path.display())]
    NoCounts {
        /// The file.
        path: PathBuf,
    },
    /// A classifier cannot be used.
    #[error(transparent)]
    Model(Box<models::ModelError>),
    /// The folder has none of the categories.
    #[error(
        "{} has no category of UT1: there should be a file such as {} in it; give the folder \
         `blacklists` of UT1's archive", path.display(), Path::new("adult").join("domains").display()
    )]
    NoCategories {
        /// The folder.
        path: PathBuf,
    },
}
