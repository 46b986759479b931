//! Wikipedia: articles of MediaWiki's XML dumps, as plain text, in twenty languages.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/wiki`, which takes Hugging Face's `wikipedia` script
//! 2.0.0 as it is. What we do differently, and why, is in docs/fidelity.md under "Wikipedia".

use formats::mediawiki::{self, Page, Site};
use formats::{Defect, Form};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use recipe::prelude::*;
use std::path::Path;
use wikitext::LANGUAGES;

settings! {
    /// The recipe's numbers, each with the file that sets it.
    pub struct Settings {
        /// Wikipedias kept, by their codes; [] for all
        languages: Vec<String> = list(&LANGUAGES); // data_prep/wiki: its list of dumps
        /// date of the dumps, such as 20230320; empty: the date in each file's name
        timestamp: String = String::new(); // data_prep/wiki: date of the dump
        /// which copies are dropped: none, exact, lines, paragraphs, simhash, minhash, passages; or a list
        dedup: Methods = Methods::none(); // data_prep/wiki: none
        /// which versions of a page stay that several labels have: all, newest
        versions: Versions = Versions::All;
        /// whether each label is all of its wikis: what it lacks was deleted since; with newest only
        complete: bool = false;
    }
}

/// The slice.
pub struct Wikipedia;

impl Slice for Wikipedia {
    const NAME: &'static str = "wikipedia";
    const ABOUT: &'static str =
        "Wikipedia: articles of pages-articles dumps, wikitext to plain text";
    const TERMS: Terms = Terms {
        licenses: &["cc-by-sa-4.0", "gfdl"],
        about: "CC BY-SA 4.0 and GFDL (CC BY-SA 3.0 for dumps from before June 2023)",
    };
    const FIXTURES: &'static [Fixture] = FIXTURES;

    type Settings = Settings;

    fn check(settings: &Settings) -> Result<(), Unusable> {
        language_codes("languages", &settings.languages)?;
        settings.versions.check(settings.complete)
    }

    fn newest(settings: &Settings) -> Option<Newest> {
        settings.versions.newest(settings.complete)
    }

    fn comparisons(_: &Settings) -> Vec<Comparison> {
        let of_page = |page: &Document| Some(language(page).into());
        vec![Comparison::of_text("language", "language", Bound::In, "languages", of_page)]
    }

    fn forms(_: &Settings) -> Forms {
        Forms { read: &[Form::MediaWiki, Form::Xml], called: "a MediaWiki XML dump" }
    }

    fn read(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
        pages(path, settings)
    }

    /// Keeps articles and converts their wikitext to plain text.
    fn graph<'scope>(pages: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        let languages = setup.settings.languages.clone();
        let is_wanted =
            move |code: &str| languages.is_empty() || languages.iter().any(|l| l == code);
        pages
            .reject("language", move |page| !is_wanted(language(page)))
            // A dump and its parts have the same pages, and so do the two forms of a dump.
            .reject_repeats("wikipedia_pages", "duplicate_page", page_key, first_of_a_label())
            .tag("Clean", clean)
            .reject("empty", |page| page.text.is_empty())
            .deduplicate(setup, &setup.settings.dedup)
            .tag("Tokens", setup.models.tokens())
    }
}

/// Pages are the same if their addresses are.
fn page_key(page: &Document) -> u128 {
    text::digest::sha1(page.url.as_bytes())
}

/// Converts an article to plain text (`wikipedia.py`: `_parse_and_clean_wikicode`).
fn clean(page: &mut Document) {
    match wikitext::plain_text(&page.text, language(page)) {
        Ok(text) => page.text = text,
        Err(wikitext::TooComplex) => page.reject("tangled_markup"),
    }
}

fn language(page: &Document) -> &str {
    match page.meta.get("language") {
        Some(Value::Text(code)) => code,
        _ => "",
    }
}

/// Reads the pages of a dump.
fn pages(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
    let pages = mediawiki::open(path)?;
    if pages.is_list() {
        return Ok(Box::new(std::iter::empty()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = Name::of(&name);
    let Some(language) = name.language.or_else(|| language_of(pages.site())) else {
        let what = "cannot tell which Wikipedia this is a dump of: neither its name, such as \
                    enwiki-20230320-pages-articles.xml.bz2, nor its <siteinfo> says";
        // Not an error: the other dumps of the label can still be read.
        let defect = Defect { offset: 0, what: what.to_owned(), device: None };
        return Ok(Box::new(std::iter::once(Err(defect))));
    };
    let timestamp = match settings.timestamp.as_str() {
        "" => name.date.unwrap_or_default(),
        date => date.to_owned(),
    };
    Ok(Box::new(pages.map(move |page| article(page, &language, &timestamp))))
}

/// Language and date in the name of a dump: `enwiki-20230320-pages-articles.xml.bz2`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Name {
    language: Option<String>,
    date: Option<String>,
}

impl Name {
    fn of(name: &str) -> Name {
        let Some((code, rest)) = name.split_once("wiki") else { return Name::default() };
        // Codes have two or three letters; longer ones have an underscore, as zh_min_nan.
        let is_code = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            && (matches!(code.len(), 2 | 3) || code.contains('_') || code == "simple");
        let is_dump = rest.starts_with(['-', '.', '_']);
        let date = rest.get(1..9).filter(|date| date.bytes().all(|byte| byte.is_ascii_digit()));
        Name {
            language: (is_code && is_dump).then(|| code.replace('_', "-")),
            date: date.map(str::to_owned),
        }
    }
}

/// Returns the language of a Wikipedia, by the address of its main page or the name of its
/// database.
fn language_of(site: &Site) -> Option<String> {
    let host = site.base.as_deref().and_then(|base| base.split('/').nth(2));
    let of_host = host.and_then(|host| host.strip_suffix(".wikipedia.org"));
    // The databases of Commons, Wikidata and others have such names too, but other addresses.
    let name = site.dbname.as_deref().filter(|_| host.is_none());
    let of_name = || name.and_then(|name| name.strip_suffix("wiki"));
    Some(of_host.or_else(of_name).filter(|code| !code.is_empty())?.replace('_', "-"))
}

/// Converts a page, with RedPajama's fields. Rejects pages that are not articles, in the order of
/// `wikipedia.py` (`_extract_content`).
fn article(page: Page, language: &str, timestamp: &str) -> Document {
    let text = page.text.unwrap_or_default();
    let mut document = Document {
        offset: page.offset,
        url: url(&page.title, language),
        page: page.id,
        bytes_read: text.len() as u64,
        digest: text::digest::sha1(text.as_bytes()),
        ..Document::default()
    };
    let is_wikitext = page.model.is_none_or(|model| model == "wikitext");
    let reason = if page.namespace != Some(0) {
        Some("namespace")
    } else if page.redirect {
        Some("redirect")
    } else if !is_wikitext {
        Some("content_model")
    } else if text.is_empty() {
        Some("no_text")
    } else {
        None
    };
    if let Some(reason) = reason {
        document.reject(reason);
        return document;
    }
    document.meta.set("title", page.title);
    document.meta.set("url", document.url.clone());
    document.meta.set("language", language);
    if !timestamp.is_empty() {
        document.meta.set("timestamp", timestamp);
    }
    document.text = text;
    document
}

/// The characters that Python's `quote` does not escape.
const UNQUOTED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~').remove(b'/');

/// Returns the address of a page as `wikipedia.py` does (`_construct_url`): with `%20` for blanks,
/// not underscores.
fn url(title: &str, language: &str) -> String {
    format!("https://{language}.wikipedia.org/wiki/{}", utf8_percent_encode(title, UNQUOTED))
}

const FIXTURES: &[Fixture] = fixtures!(
    "wikipedia":
    "20230320" / "enwiki-20230320-pages-articles.xml.bz2",
    "20230320" / "slwiki-20230320-pages-articles.xml",
    "20230401" / "dewiki-20230401-pages-articles-multistream.xml.bz2",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_funnel, defaults, document, later};

    #[test]
    fn names_of_dumps_tell_language_and_date() {
        let found = |name: &str| {
            let Name { language, date } = Name::of(name);
            (language.unwrap_or_default(), date.unwrap_or_default())
        };
        let both = |language: &str, date: &str| (language.to_owned(), date.to_owned());
        assert_eq!(
            found("enwiki-20230320-pages-articles-multistream1.xml-p1p41242.bz2"),
            both("en", "20230320")
        );
        assert_eq!(found("zh_min_nanwiki-latest-pages-articles.xml.bz2"), both("zh-min-nan", ""));
        assert_eq!(found("hrwiki.xml.bz2"), both("hr", ""));
        for other in ["enwiktionary-20230320-pages.xml", "tinywiki-latest.xml", "pages.xml", "wiki"]
        {
            assert_eq!(found(other).0, "", "{other}");
        }
    }

    #[test]
    fn sites_tell_their_language_and_other_projects_do_not() {
        let site = |dbname: &str, base: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            language_of(&Site { dbname: some(dbname), base: some(base) })
        };
        assert_eq!(site("tmp", "https://ltg.wikipedia.org/wiki/X").as_deref(), Some("ltg"));
        assert_eq!(site("slwiki", "").as_deref(), Some("sl"));
        assert_eq!(site("enwiktionary", "https://en.wiktionary.org/wiki/Main"), None);
        assert_eq!(site("commonswiki", "https://commons.wikimedia.org/wiki/Main_Page"), None);
        assert_eq!(site("", ""), None);
    }

    #[test]
    fn addresses_are_quoted_as_in_python() {
        assert_eq!(url("AC/DC (band)", "en"), "https://en.wikipedia.org/wiki/AC/DC%20%28band%29");
        assert_eq!(url("Š_.-~", "sl"), "https://sl.wikipedia.org/wiki/%C5%A0_.-~");
    }

    fn page(language: &str, title: &str, text: &str) -> Document {
        let mut page = document(text);
        page.url = url(title, language);
        page.meta.set("language", language);
        page
    }

    #[test]
    fn articles_become_text_once_a_dump() {
        let tangled = "<ref>{{a|''[[b|".repeat(20_000) + &"]]''}}</ref>".repeat(3);
        let documents = [
            page("en", "Ice", "'''Ice''' is [[water|frozen water]]."),
            page("en", "Ice", "'''Ice''' is frozen."),
            page("xx", "Ice", "Ice."),
            page("en", "Template", "{{stub}}"),
            page("en", "Knot", &tangled),
            later(page("en", "Ice", "'''Ice''' is frozen.")),
        ];
        let expected = [
            "kept: Ice is frozen water.",
            "duplicate_page",
            "language",
            "empty",
            "tangled_markup",
            "kept: Ice is frozen.",
        ];
        assert_funnel::<Wikipedia>(&defaults::<Wikipedia>(), &documents, &expected);
    }
}
