//! CommonCrawl: WET dumps through CCNet's steps, then deduplication of whole pages across dumps.
//!
//! Follows cc_net `mine.py` as RedPajama-Data@rp_v1 `data_prep/cc` drives it. What we do
//! differently, and why, is in docs/fidelity.md under "CommonCrawl".

use arrangement::Rule;
use document::DocRef;
use formats::{Form, WarcReader, WarcRecord};
use models::wikiref::is_below;
use recipe::prelude::*;
use recipe::{language_of, language_score_of};
use signals::Facts;
use std::path::Path;
use std::sync::Arc;
use text::ccnet;

settings! {
    /// The recipe's numbers, each with the file that sets it.
    pub struct Settings {
        /// pages with fewer characters are dropped, before deduplication
        min_chars: u64 = 300; // cc_net mine.py: min_len
        /// which copies are dropped: none, exact, lines, paragraphs, simhash, minhash, passages; or a list
        dedup: Methods = Dedup::Paragraphs.into(); // and then whole pages, data_prep/cc/dedup
        /// which copies of a repeated paragraph are kept: first, none
        copies: Copies = Copies::First, redpajama = Copies::None; // cc_net dedup.py
        /// where paragraphs are compared: corpus, label, shard
        scope: Scope = Scope::Corpus, redpajama = Scope::Shard;
        /// number of shards of a label, if scope is shard
        shards: u64 = 5000, from 1.0; // data_prep/cc/cc_net README: --num_shards 5000
        /// number of shards compared together, if scope is shard
        hash_in_mem: u64 = 1, from 1.0; // data_prep/cc/cc_net README: --hash_in_mem 1
        /// pages with a lower language score are dropped
        min_language_score: f64 = 0.5, range 0.0..=1.0; // cc_net mine.py: lang_threshold
        /// languages kept; [] for all
        languages: Vec<String> = list(&["en"]); // data_prep/cc/cc_net README: -l en
        /// folder of language models: {lang}.sp.model, {lang}.arpa.bin
        lm: Option<FolderPath> = None; // cc_net Makefile: data/lm_sp
        /// perplexity buckets kept; all: pages without perplexity
        buckets: Vec<String> = list(&["head", "middle", "all"]); // data_prep/cc/dedup: files read
        /// fastText model of quality with the labels wiki and cc, .bin or .ftz
        classifier: Option<FilePath> = None; // data_prep/cc/classifier: wikiref.model.bin
        /// pages with a lower quality are dropped, if there is a classifier
        min_score: f64 = 0.25, range 0.0..=1.0; // data_prep/cc README: jq 'select(.wiki_prob >= 0.25)'
        /// filter expression for the pages kept, such as ccnet_perplexity < 340 and ...
        keep: String = String::new();
        /// quality signals written to the ledger, by name; ["all"] for all
        signals: Vec<String> = Vec::new(); // RedPajama-V2
        /// stop words by language, JSON as in stopwords-iso, for the signals
        stop_words: Option<FilePath> = None;
        /// bad English words, one per line, for the signals
        bad_words: Option<FilePath> = None;
        /// folder of models for the signals: classifiers, word counts, UT1's blacklists
        signal_models: Option<FolderPath> = None; // RedPajama-V2: artifacts
    }
}

choice! {
    /// Which copies of a repeated paragraph are kept.
    pub enum Copies {
        First = "first",
        None = "none",
    }
}

choice! {
    /// Where paragraphs are compared.
    pub enum Scope {
        Corpus = "corpus",
        Label = "label",
        Shard = "shard",
    }
}

/// The slice.
pub struct CommonCrawl;

impl Slice for CommonCrawl {
    const NAME: &'static str = "common_crawl";
    const ABOUT: &'static str = "CommonCrawl: pages of WET dumps through CCNet's steps";
    const TERMS: Terms = Terms {
        licenses: &["other"],
        about: "Common Crawl's terms of use (https://commoncrawl.org/terms-of-use); each page is its \
                author's",
    };
    const FIXTURES: &'static [Fixture] = FIXTURES;
    const MODELS: &'static [FixtureModel] = MODELS;
    const DEMO_SETTINGS: &'static str = "lm = \"models\"\nclassifier = \"models/wiki.bin\"\n";
    const HAS_LID: bool = true;

    type Settings = Settings;

    fn check(settings: &Settings) -> Result<(), Unusable> {
        const BUCKETS: [&str; 4] = ["head", "middle", "tail", "all"];
        let unusable = |key, what: String| Err(Unusable { key, what });
        let Settings { buckets, lm, .. } = settings;
        if let Some(word) = buckets.iter().find(|b| !BUCKETS.contains(&b.as_str())) {
            let what = format!(": {word:?} is not one of {}", BUCKETS.join(", "));
            return unusable("buckets", what);
        }
        if buckets.is_empty() {
            let what = format!(
                " names no bucket, so no page would be kept: name one or more of {}",
                BUCKETS.join(", ")
            );
            return unusable("buckets", what);
        }
        if lm.is_none() && !buckets.iter().any(|bucket| bucket == "all") {
            let what = " would keep no page: without lm, all pages are in the bucket \"all\"; name \
                        lm, or that bucket too";
            return unusable("buckets", what.to_owned());
        }
        if by_place(&settings.dedup).1.contains(&Dedup::Paragraphs) {
            let what = " names paragraphs after another method: paragraphs are compared first, before \
                        languages are identified, as in CCNet; only lines may come before";
            return unusable("dedup", what.to_owned());
        }
        match (settings.copies, settings.scope) {
            (Copies::None, Scope::Corpus) => {
                let what = " = \"none\" with scope = \"corpus\" would change documents of earlier \
                            labels with each new one; use scope = \"label\" or \"shard\"";
                unusable("copies", what.to_owned())
            }
            (Copies::None, Scope::Label | Scope::Shard) | (Copies::First, _) => Ok(()),
        }
    }

    fn models(settings: &Settings) -> ModelFiles {
        let file = |path: &Option<FilePath>| path.as_ref().map(|path| path.0.clone());
        let folder = |path: &Option<FolderPath>| path.as_ref().map(|path| path.0.clone());
        ModelFiles {
            classifier: file(&settings.classifier),
            lm: folder(&settings.lm),
            languages: settings.languages.clone(),
            identified: settings.languages.clone(),
            stop_words: file(&settings.stop_words),
            bad_words: file(&settings.bad_words),
            signal_models: folder(&settings.signal_models),
            signals: settings.signals.clone(),
            keep: settings.keep.clone(),
        }
    }

    fn identifies_languages(_: &Settings) -> bool {
        true
    }

    fn calibration(settings: &mut Settings) -> Option<Calibration<'_>> {
        Some(Calibration {
            setting: "min_score",
            reason: QUALITY,
            threshold: &mut settings.min_score,
            keep: &mut settings.keep,
            filter: FILTER,
            signals: &settings.signals,
            earlier: EARLIER_SCORES,
        })
    }

    fn comparisons(settings: &Settings) -> Vec<Comparison> {
        let mut all = vec![
            Comparison::of_text("too_short", "chars", Bound::AtLeast, "min_chars", |page| {
                Some(page.chars().into())
            }),
            Comparison::of_ledger(
                "language_score",
                "language_score",
                Bound::AtLeast,
                "min_language_score",
                language_score_of,
            ),
            Comparison::of_ledger("language", "language", Bound::In, "languages", language_of),
            Comparison::of_ledger("bucket", "bucket", Bound::In, "buckets", |page| {
                page.scores.bucket.as_deref().map(Value::from)
            }),
            Comparison::of_ledger(QUALITY, "quality", Bound::AtLeast, "min_score", |page| {
                page.scores.quality.map(Value::from)
            }),
        ];
        if !settings.keep.is_empty() {
            all.push(Comparison::of_ledger(FILTER, "page", Bound::Passes, "keep", |_| {
                Some("the page".into())
            }));
        }
        all
    }

    fn forms(_: &Settings) -> Forms {
        Forms { read: &[Form::Wet], called: "a WET file, *.warc.wet.gz," }
    }

    fn read(path: &Path, _: &Settings) -> Result<Documents, ReadError> {
        Ok(pages(formats::wet::open(path)?))
    }

    fn read_at(path: &Path, offset: u64, _: &Settings) -> Option<Result<Documents, ReadError>> {
        Some(formats::wet::open_at(path, offset).map(pages))
    }

    /// Keeps pages in the chosen languages, without repeated paragraphs and pages.
    fn graph<'scope>(pages: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        let Settings { min_chars, min_language_score, min_score, .. } = setup.settings;
        let languages = setup.settings.languages.clone();
        let is_wanted =
            move |code: &str| languages.is_empty() || languages.iter().any(|l| l == code);
        let buckets = setup.settings.buckets.clone();
        let in_bucket = move |page: &Document| {
            let bucket = page.scores.bucket.as_deref();
            buckets.iter().any(|wanted| Some(wanted.as_str()) == bucket)
        };
        let is_poor =
            move |page: &Document| page.scores.quality.is_some_and(|q| is_below(q, min_score));
        let long = pages.reject("too_short", move |page| (page.chars() as u64) < min_chars);
        let (first, others) = by_place(&setup.settings.dedup);
        let likely = deduplicated(long, setup, first)
            // After the cut, as in CCNet: menus and cookie notices bias the result.
            .tag("Language", setup.models.language())
            .tag("Record language", record_language)
            .reject("language_score", move |page| score(page) < min_language_score)
            .reject("language", move |page| !is_wanted(language(page)))
            .tag("Perplexity", setup.models.perplexity())
            .tag("Record perplexity", record_perplexity)
            .reject("bucket", move |page| !in_bucket(page));
        let different =
            if first.contains(&Dedup::Paragraphs) { without_copies(likely) } else { likely };
        deduplicated(different, setup, others)
            .tag("Quality", setup.models.quality())
            // For poor pages too: `sluice calibrate` computes what another threshold would keep.
            .tag("Tokens", setup.models.tokens())
            .reject(QUALITY, is_poor)
            // Beyond RedPajama-1T.
            .tag("Signals", setup.models.signals(facts))
            .reject(FILTER, setup.models.fails_filter(facts))
            .tag("Record quality", record_quality)
    }

    /// If no copy is kept, a later page of a group changes the earlier ones.
    fn groups(setup: &Setup<Settings>, label: usize) -> Option<Vec<u64>> {
        match (setup.settings.copies, setup.settings.scope) {
            (Copies::First, _) => None,
            (Copies::None, Scope::Shard) => Some(shard_groups(setup, label)),
            (Copies::None, Scope::Label | Scope::Corpus) => Some(vec![0]),
        }
    }
}

/// Scores of the steps before pages are compared.
const EARLIER_SCORES: &[EarlierScore] = &[
    EarlierScore {
        name: "language_score",
        setting: "min_language_score",
        reason: "language_score",
        is_at_most: false,
        line: |threshold| format!("min_language_score = {threshold:?}"),
        signal: "ccnet_language_score",
    },
    EarlierScore {
        name: "perplexity",
        setting: "buckets",
        reason: "bucket",
        is_at_most: true,
        line: |threshold| format!("keep = \"ccnet_perplexity <= {threshold}\""),
        signal: "ccnet_perplexity",
    },
];

const QUALITY: &str = "quality";
const FILTER: &str = "filter";

/// Divides methods into those that are applied before languages are identified, where CCNet cuts
/// paragraphs, and those after: lines and paragraphs come first if the list begins with them.
fn by_place(methods: &[Dedup]) -> (&[Dedup], &[Dedup]) {
    let is_of_lines = |method: &Dedup| matches!(method, Dedup::Paragraphs | Dedup::Lines(_));
    let place = methods.iter().position(|method| !is_of_lines(method));
    methods.split_at(place.unwrap_or(methods.len()))
}

/// Applies methods, and records what is cut as CCNet does.
fn deduplicated<'scope>(
    pages: Docs<'scope>,
    setup: &Setup<Settings>,
    methods: &[Dedup],
) -> Docs<'scope> {
    methods.iter().fold(pages, |pages, method| match method {
        Dedup::Paragraphs => pages
            .cut_repeated_paragraphs("paragraphs", ccnet::paragraph_key, rule(setup), record_cut)
            .reject_empty("duplicate_paragraphs"),
        Dedup::Lines(lines) => lines.apply(pages, "common_crawl_exact_lines", record_cut),
        Dedup::Passages(_) => {
            let pages = pages.deduplicate(setup, std::slice::from_ref(method));
            pages.tag("Record length", |page| record_lengths(page, page.text.split('\n').count()))
        }
        method => pages.deduplicate(setup, std::slice::from_ref(method)),
    })
}

/// Which copies of a paragraph are dropped.
fn rule(setup: &Setup<Settings>) -> Rule {
    let copies = match setup.settings.copies {
        Copies::First => arrangement::Copies::First,
        Copies::None => arrangement::Copies::None,
    };
    let scope = match setup.settings.scope {
        Scope::Corpus => arrangement::Scope::Everything,
        Scope::Label => {
            arrangement::Scope::Ranges(Arc::new(|at| DocRef::new(DocRef(at).label(), 0, 0).0))
        }
        Scope::Shard => {
            let groups: Vec<Vec<u64>> =
                (0..setup.labels.len()).map(|label| shard_groups(setup, label)).collect();
            arrangement::Scope::Ranges(Arc::new(move |at| {
                let at = DocRef(at);
                let firsts = &groups[at.label() as usize];
                let group = firsts.partition_point(|first| *first <= at.source()) - 1;
                DocRef::new(at.label(), firsts[group], 0).0
            }))
        }
    };
    Rule { copies, scope }
}

/// Returns the first source of each group of shards that are hashed together (cc_net `mine.py`:
/// `num_shards`, `hash_in_mem`).
fn shard_groups(setup: &Setup<Settings>, label: usize) -> Vec<u64> {
    let (sources, shards) = (setup.labels[label].sources, setup.settings.shards.max(1));
    let together = setup.settings.hash_in_mem.max(1);
    let group = |source| ccnet::shard_of(source, sources, shards) / together;
    (0..sources).filter(|s| *s == 0 || group(*s) != group(s - 1)).collect()
}

/// RedPajama's own step, after CCNet's: whole pages, compared across dumps.
fn without_copies(pages: Docs<'_>) -> Docs<'_> {
    pages.reject_repeats("documents", "duplicate", |page| page.digest, Rule::first_of_all())
}

/// Reads the pages of a WET file (cc_net `process_wet_file.py`: `parse_doc`).
fn pages(records: WarcReader) -> Documents {
    documents(records.map(|record| record.map(page)))
}

/// Converts a WET record to a page. The title is not part of the text: it is neither compared nor
/// scored.
///
/// A record that cannot be a page is rejected at once, so that it is counted.
fn page(record: WarcRecord) -> Record {
    let digest = document_digest(&record);
    let mut page = Document {
        offset: record.offset,
        url: record.url.clone().unwrap_or_default(),
        bytes_read: record.block_len as u64,
        digest,
        ..Document::default()
    };
    if record.truncated {
        page.reject("truncated"); // The reader reports the defect.
        return page.into();
    }
    let Ok(body) = simdutf8::basic::from_utf8(&record.body) else {
        let what = "the text of this record is not UTF-8; the record is left out";
        return Record::rejected(page, "invalid_utf8", what);
    };
    let Some(url) = &record.url else {
        let what = "this record has no WARC-Target-URI; it is left out";
        return Record::rejected(page, "no_url", what);
    };
    let Some(content) = ccnet::page(body) else {
        page.reject("empty");
        return page.into();
    };
    page.meta.set("url", url.as_str());
    page.meta.set("date_download", record.date.as_deref().unwrap_or_default());
    page.meta.set("digest", record.digest.as_deref().unwrap_or_default());
    page.meta.set("length", record.content_length as usize);
    page.meta.set("nlines", content.nlines);
    page.meta.set("source_domain", ccnet::source_domain(url));
    page.meta.set("title", content.title);
    page.text = content.text;
    page.into()
}

/// Returns the first 128 bits of the digest of the whole WET block, including the title (RedPajama
/// `data_prep/cc/dedup`: pages are equal if their digests are). Computes it if the record has none.
fn document_digest(record: &WarcRecord) -> u128 {
    let named = record.digest.as_deref().and_then(text::digest::parse_sha1);
    named.unwrap_or_else(|| text::digest::sha1(record.block()))
}

/// Records the cut as CCNet does (cc_net `dedup.py`: `DuplicatesRemover.do`). As upstream, `length`
/// is in bytes before the cut and in characters after it. After several cuts, the original values and the
/// numbers of lines are those before the first.
fn record_cut(page: &mut Document, lines: &[u32]) {
    let lines: Vec<u32> = match page.meta.get("line_ids") {
        Some(Value::Ints(before)) => {
            lines.iter().filter_map(|line| before.get(*line as usize).copied()).collect()
        }
        _ => lines.to_vec(),
    };
    record_lengths(page, lines.len());
    page.meta.set("line_ids", lines);
}

/// Records how long a page is that has so many lines left, and how long it was before the first cut.
fn record_lengths(page: &mut Document, lines: usize) {
    for (name, original) in [("nlines", "original_nlines"), ("length", "original_length")] {
        if page.meta.get(original).is_none()
            && let Some(Value::Int(number)) = page.meta.get(name).cloned()
        {
            page.meta.set(original, number as usize);
        }
    }
    page.meta.set("nlines", lines);
    page.meta.set("length", page.chars());
}

fn record_language(page: &mut Document) {
    let (language, score) = (language(page).to_owned(), score(page));
    page.meta.set("language", language);
    page.meta.set("language_score", score);
}

/// Records perplexity and bucket as cc_net `perplexity.py` does. A page without perplexity has no
/// such field.
fn record_perplexity(page: &mut Document) {
    if let Some(perplexity) = page.scores.perplexity {
        page.meta.set("perplexity", perplexity);
    }
    if let Some(bucket) = &page.scores.bucket {
        page.meta.set("bucket", bucket.clone().into_owned());
    }
}

/// Records the score of RedPajama's classifier, if there is one.
fn record_quality(page: &mut Document) {
    if let Some(quality) = page.scores.quality {
        page.meta.set("wiki_prob", quality);
    }
}

/// Returns what the steps above recorded, for signals that repeat it.
fn facts(page: &Document) -> Facts<'_> {
    let int = |name: &str| match page.meta.get(name) {
        Some(Value::Int(number)) => Some(*number as u64),
        _ => None,
    };
    let text = |name: &str| match page.meta.get(name) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    Facts {
        language: page.language.as_ref().map(|language| language.code.as_str()),
        language_score: page.language.as_ref().map(|language| language.score),
        perplexity: page.scores.perplexity,
        bucket: page.scores.bucket.as_deref(),
        source_domain: text("source_domain"),
        length: int("length"),
        original_length: int("original_length"),
        nlines: int("nlines"),
        original_nlines: int("original_nlines"),
        wikiref_score: page.scores.quality,
    }
}

fn language(page: &Document) -> &str {
    page.language.as_ref().map_or("", |language| &language.code)
}

fn score(page: &Document) -> f64 {
    page.language.as_ref().map_or(0.0, |language| language.score)
}

const FIXTURES: &[Fixture] = fixtures!(
    "common_crawl":
    "2019-30" / "CC-MAIN-20190715175205-20190715200159-00000.warc.wet.gz",
    "2019-30" / "CC-MAIN-20190715175205-20190715200159-00001.warc.wet.gz",
    "2019-30" / "CC-MAIN-20190715175205-20190715200159-00002.warc.wet.gz",
    "2019-30" / "CC-MAIN-20190715175205-20190715200159-00003.warc.wet.gz",
    "2020-05" / "CC-MAIN-20200117152059-20200117180059-00000.warc.wet.gz",
    "2020-05" / "CC-MAIN-20200117152059-20200117180059-00001.warc.wet.gz",
);

macro_rules! model {
    ($name:literal) => {
        FixtureModel { name: $name, bytes: include_bytes!(concat!("../fixtures/models/", $name)) }
    };
}

/// Toy models for the demo only, made by fixtures/models/train.sh.
const MODELS: &[FixtureModel] = &[model!("en.sp.model"), model!("en.arpa.gz"), model!("wiki.bin")];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_funnel, defaults, document, later};
    use std::path::PathBuf;

    #[test]
    fn after_several_cuts_the_original_lengths_are_those_before_the_first() {
        let mut page = document("a\nb\nc");
        page.meta.set("nlines", 4_usize);
        page.meta.set("length", 70_usize);
        record_cut(&mut page, &[0, 2, 3]);
        record_cut(&mut page, &[1, 2]);
        record_lengths(&mut page, 1);
        let number = |name: &str| page.meta.get(name).cloned();
        assert_eq!(number("original_nlines"), Some(Value::Int(4)));
        assert_eq!(number("original_length"), Some(Value::Int(70)));
        assert_eq!(
            (number("nlines"), number("length")),
            (Some(Value::Int(1)), Some(Value::Int(5)))
        );
        assert_eq!(number("line_ids"), Some(Value::Ints(vec![2, 3])));
    }

    const ENGLISH: &str = "The committee met on Thursday evening and agreed that the library should \
                           stay open during the summer.";
    const OTHER: &str = "Every winter the river freezes over and the children of the village go \
                         skating after school.";
    const GERMAN: &str = "Der Ausschuss tagte am Donnerstagabend und beschloss, dass die Bibliothek \
                          im Sommer geöffnet bleibt.";

    fn settings() -> Settings {
        Settings { min_chars: 30, ..defaults::<CommonCrawl>() }
    }

    #[test]
    fn a_later_dump_adds_only_what_is_new() {
        let documents = [
            document("Too short."),
            document(&format!("Home | News | Contact\n{ENGLISH}")),
            document(GERMAN),
            document("1234567890 1234567890 1234567890 1234567890"),
            later(document(&format!("Home | News | Contact\n{OTHER}"))),
            later(document(ENGLISH)),
        ];
        let expected = [
            "too_short",
            &format!("kept: Home | News | Contact\n{ENGLISH}"),
            "language",
            "language_score",
            &format!("kept: {OTHER}"),
            "duplicate_paragraphs",
        ];
        assert_funnel::<CommonCrawl>(&settings(), &documents, &expected);
    }

    #[test]
    fn pages_are_compared_by_their_digest_after_the_cut() {
        let copy = Document { text: OTHER.into(), ..document(ENGLISH) };
        let expected = [&format!("kept: {ENGLISH}"), "duplicate"];
        assert_funnel::<CommonCrawl>(&settings(), &[document(ENGLISH), copy], &expected);
    }

    #[test]
    fn pages_fail_the_bucket_the_classifier_and_the_filter() {
        let model = |name: &str| PathBuf::from("fixtures/models").join(name);
        let bucket =
            Settings { lm: Some(FolderPath(model(""))), buckets: list(&["head"]), ..settings() };
        let quality = Settings {
            classifier: Some(FilePath(model("wiki.bin"))),
            min_score: 1.0,
            ..settings()
        };
        let filter = Settings { keep: "rps_doc_word_count > 100".into(), ..settings() };
        for (settings, reason) in [(bucket, "bucket"), (quality, QUALITY), (filter, FILTER)] {
            assert_funnel::<CommonCrawl>(&settings, &[document(ENGLISH)], &[reason]);
        }
    }
}
