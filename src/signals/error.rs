//! Errors of lists and models.

use std::path::{Path, PathBuf};

/// A list or model that cannot be used, with the file and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file or folder cannot be read.
    #[error("cannot read the list {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not UTF-8.
    #[error("{} is not UTF-8 at byte {offset}; convert the list to UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The offset of the first invalid byte.
        offset: usize,
    },
    /// The file is not a JSON object of lists of words.
    #[error(
        "{} is not a list of stop words by language, {{\"en\": [\"a\", ...], ...}}", path.display()
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause, with line and column.
        source: serde_json::Error,
    },
    /// The counts of the web are missing, with which collections are compared.
    #[error(
        "{} is missing: importance weights compare collections with the web; count its words with \
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
        "{} has no category of UT1: it should have a file such as {}; use the folder \
         `blacklists` of UT1's archive", path.display(), Path::new("adult").join("domains").display()
    )]
    NoCategories {
        /// The folder.
        path: PathBuf,
    },
}
