//! The models that slices use, each loaded once for a process and shared by its workers.

use crate::Settings;
use crate::usage::usage;
use document::Document;
use std::sync::Arc;
use text::language::LanguageIdentifier;

/// The models of one slice.
#[derive(Clone)]
pub struct Models {
    language: Arc<LanguageIdentifier>,
}

impl Models {
    /// Loads what `settings` name; what they do not name is built in where there is such a thing.
    pub(crate) fn load(settings: &Settings) -> anyhow::Result<Models> {
        let language = match settings.file("lid") {
            Some(path) => {
                LanguageIdentifier::open(path).map_err(|error| usage(error.to_string()))?
            }
            None => LanguageIdentifier::builtin(),
        };
        Ok(Models { language: Arc::new(language) })
    }

    /// The name of the language identifier in use.
    pub fn language_name(&self) -> &str {
        self.language.name()
    }

    /// Writes a document's language, as CCNet finds it, into it.
    pub fn language(&self) -> impl Fn(&mut Document) + 'static {
        let identifier = self.language.clone();
        move |document| document.language = Some(identifier.ccnet_language(&document.text))
    }
}
