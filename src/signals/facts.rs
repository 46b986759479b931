//! The results of earlier steps and models for a document. Some signals only repeat these facts.

/// Facts about one document. Unknown facts are `None`, and their signals are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts<'a> {
    /// Code of the language, such as `en`. Selects the word lists.
    pub language: Option<&'a str>,
    /// Confidence of the language, 0 to 1.
    pub language_score: Option<f64>,
    /// CCNet's perplexity.
    pub perplexity: Option<f64>,
    /// CCNet's bucket: `head`, `middle`, `tail` or `all`.
    pub bucket: Option<&'a str>,
    /// The host of the URL, including its port and `www.`.
    pub source_domain: Option<&'a str>,
    /// Characters after deduplication.
    pub length: Option<u64>,
    /// The record's `Content-Length`, in bytes.
    pub original_length: Option<u64>,
    /// Lines after deduplication.
    pub nlines: Option<u64>,
    /// Lines before deduplication.
    pub original_nlines: Option<u64>,
    /// Similarity to pages that Wikipedia refers to (the classifier of RedPajama-1T).
    pub wikiref_score: Option<f64>,
}
