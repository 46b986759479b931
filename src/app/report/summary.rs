//! What the template of the European Commission for the public summary of training content (24 July
//! 2025, for Article 53(1)(d) of the AI Act) asks for, as far as a corpus knows it.

use super::SliceReport;
use crate::look::Look;
use anyhow::Result;
use corpus::{EXCLUDED, Label, Request};
use serde::Serialize;

/// A public summary.
#[derive(Serialize)]
pub(crate) struct Summary {
    /// The kinds of content: only text.
    pub modalities: [&'static str; 1],
    /// The template's band for the tokens of text; `None` if tokens are not counted.
    pub tokens_band: Option<&'static str>,
    /// The collections that the corpus is made of.
    pub collections: Vec<Collection>,
    /// Documents of the labels that were removed on request.
    pub removed: u64,
    /// The requests that are in force, in the order in which they came. What they name is not listed:
    /// a summary is published.
    pub requests: Vec<Request>,
}

/// A slice, as a source of the corpus.
#[derive(Serialize)]
pub(crate) struct Collection {
    /// Its name.
    pub slice: String,
    /// What it is.
    pub about: String,
    /// Under which terms its texts may be used.
    pub terms: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// The first and the last day in the names of its labels and sources, `2019-07-15`.
    pub period: Option<(String, String)>,
    /// Sources.
    pub sources: u64,
    /// Bytes of the sources, as stored.
    pub bytes_stored: u64,
    /// Documents kept.
    pub documents: u64,
    /// Bytes of text kept.
    pub bytes: u64,
    /// Tokens kept, if they are counted.
    pub tokens: Option<u64>,
}

/// Returns the summary of a corpus.
pub(super) fn summary(look: &Look, slices: &[SliceReport]) -> Result<Summary> {
    let collection = |slice: &SliceReport| {
        let of_slice = || look.manifest.present().filter(|label| label.slice == slice.slice);
        let (about, terms) = look.terms(&slice.slice)?;
        let days = of_slice().flat_map(days_of);
        let (first, last) = days.fold((None, None), |(first, last): Period, day| {
            (Some(first.map_or(day, |first| first.min(day))), last.max(Some(day)))
        });
        Ok(Collection {
            slice: slice.slice.clone(),
            about: about.to_owned(),
            terms: terms.to_owned(),
            labels: of_slice().map(|label| label.name.clone()).collect(),
            period: first.zip(last).map(|(first, last)| (shown(first), shown(last))),
            sources: slice.all.sources,
            bytes_stored: slice.all.bytes_stored,
            documents: slice.all.counts.kept,
            bytes: slice.all.counts.bytes_kept,
            tokens: slice.all.counts.tokens,
        })
    };
    let collections = slices.iter().map(collection).collect::<Result<Vec<_>>>()?;
    let tokens: Option<u64> = collections.iter().map(|collection| collection.tokens).sum();
    let removed = look.manifest.present();
    let removed = removed.filter_map(|label| label.counts.dropped.get(EXCLUDED));
    Ok(Summary {
        modalities: ["text"],
        tokens_band: tokens.map(band),
        collections,
        removed: removed.sum(),
        requests: look.manifest.excluded.requests.clone(),
    })
}

type Period = (Option<Day>, Option<Day>);
type Day = (u32, u32, u32);

/// The bands of the template.
fn band(tokens: u64) -> &'static str {
    match tokens {
        ..1_000_000_000 => "less than 1 billion tokens",
        1_000_000_000..=10_000_000_000_000 => "1 billion to 10 trillion tokens",
        _ => "more than 10 trillion tokens",
    }
}

/// The days that the names of a label and of its sources have.
fn days_of(label: &Label) -> impl Iterator<Item = Day> {
    let names = label.sources.iter().map(|source| source.name.as_str());
    names.chain([label.name.as_str()]).flat_map(days)
}

/// The days in a name: eight digits, or more if a time follows, as in `CC-MAIN-20190715175205`; or
/// `2019-07-15`.
fn days(name: &str) -> Vec<Day> {
    let digits_only = |part: &&str| part.len() == 8 || part.len() == 14;
    let numbers = name.split(|c: char| !c.is_ascii_digit());
    let mut found: Vec<Day> = numbers.filter(digits_only).filter_map(day).collect();
    let dashed = name.as_bytes().windows(10).filter(|part| part[4] == b'-' && part[7] == b'-');
    found.extend(dashed.filter_map(|part| {
        let digits: Vec<u8> = part.iter().copied().filter(u8::is_ascii_digit).collect();
        day(std::str::from_utf8(&digits).ok()?)
    }));
    found
}

fn day(digits: &str) -> Option<Day> {
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u32>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let is_day = (1990..2100).contains(&year) && (1..13).contains(&month) && (1..32).contains(&day);
    is_day.then_some((year, month, day))
}

fn shown((year, month, day): Day) -> String {
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_found_in_names() {
        let crawl = "CC-MAIN-20190715175205-20190715200159-00002.warc.wet.gz";
        assert_eq!(days(crawl), [(2019, 7, 15), (2019, 7, 15)]);
        assert_eq!(days("enwiki-20230320-pages-articles.xml.bz2"), [(2023, 3, 20)]);
        assert_eq!(days("2023-03-29"), [(2023, 3, 29)]);
        assert_eq!(days("12345678 2023-13-01 c4-train.00000-of-01024 arXiv_src_2301_001"), []);
    }

    #[test]
    fn bands_are_those_of_the_template() {
        assert_eq!(band(999_999_999), "less than 1 billion tokens");
        assert_eq!(band(1_000_000_000), "1 billion to 10 trillion tokens");
        assert_eq!(band(10_000_000_000_001), "more than 10 trillion tokens");
    }
}
