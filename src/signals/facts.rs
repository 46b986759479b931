//! What is known about a document beside its text: the results of the steps and models before. The
//! signals that only repeat them take their values from here.

/// Facts about one document. What is not known is `None`, and its signals are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts<'a> {
    /// Code of the language, such as `en`. Chooses the word lists.
    pub language: Option<&'a str>,
    /// Certainty of the language, 0 to 1.
    pub language_score: Option<f64>,
    /// CCNet's perplexity.
    pub perplexity: Option<f64>,
    /// CCNet's bucket: `head`, `middle`, `tail` or `all`.
    pub bucket: Option<&'a str>,
    /// The host of the URL, with port and `www.` where there are any.
    pub source_domain: Option<&'a str>,
    /// Characters after deduplication.
    pub length: Option<u64>,
    /// The record's `Content-Length`, in bytes.
    pub original_length: Option<u64>,
    /// Lines after deduplication.
    pub nlines: Option<u64>,
    /// Lines before deduplication.
    pub original_nlines: Option<u64>,
    /// How much like a page that Wikipedia refers to (the classifier of RedPajama-1T).
    pub wikiref_score: Option<f64>,
}
