//! `reject` and `tag`: one document at a time.

use crate::docs::Docs;
use crate::operators::steps::Step;
use document::{Document, Reason};

impl Docs<'_> {
    /// Rejects, with `reason`, the documents for which `test` holds.
    ///
    /// State: none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use document::Document;
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// let documents = ["short", "long enough"].map(document);
    /// let documents = engine::funnel(documents, 1, |docs| {
    ///     docs.reject("too_short", |document| document.chars() < 10)
    /// });
    /// assert_eq!(documents[0].verdict.as_deref(), Some("too_short"));
    /// assert!(documents[1].is_kept());
    /// ```
    pub fn reject(
        self,
        reason: impl Into<Reason>,
        test: impl FnMut(&Document) -> bool + 'static,
    ) -> Self {
        let reason = reason.into();
        let test: Box<dyn FnMut(&Document) -> bool> = Box::new(test);
        let test = match &self.worker().replay {
            Some(recorder) => recorder.deciding(&reason, test),
            None => test,
        };
        self.rejecting(reason, test)
    }

    fn rejecting(self, reason: Reason, mut test: Box<dyn FnMut(&Document) -> bool>) -> Self {
        let name = format!("Reject: {reason}");
        self.each(
            &name,
            Box::new(move |document| {
                if test(document) {
                    document.reject(reason.clone());
                }
            }),
        )
    }

    /// Rejects, with `reason`, the documents whose text is empty: nothing of them is left.
    ///
    /// Unlike [`Docs::reject`], it tests the text in a replay too, where what others have is cut as in a run.
    /// So two steps may have one reason.
    ///
    /// State: none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use document::Document;
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// let documents = ["", " "].map(document);
    /// let documents = engine::funnel(documents, 1, |docs| docs.reject_empty("empty"));
    /// assert_eq!(documents[0].verdict.as_deref(), Some("empty"));
    /// assert!(documents[1].is_kept());
    /// ```
    pub fn reject_empty(self, reason: impl Into<Reason>) -> Self {
        let reason = reason.into();
        let test: Box<dyn FnMut(&Document) -> bool> = Box::new(|document| document.text.is_empty());
        let test = match &self.worker().replay {
            Some(recorder) => recorder.testing(&reason, test),
            None => test,
        };
        self.rejecting(reason, test)
    }

    /// Calls `write` on each kept document. `name` names the step in the dataflow.
    ///
    /// State: none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use document::Document;
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// let documents = engine::funnel([document(" a text ")], 1, |docs| {
    ///     docs.tag("Trim", |document| document.text = document.text.trim().to_owned())
    /// });
    /// assert_eq!(documents[0].text, "a text");
    /// ```
    pub fn tag(self, name: &str, write: impl FnMut(&mut Document) + 'static) -> Self {
        let write: Box<dyn FnMut(&mut Document)> = Box::new(write);
        let write = match &self.worker().replay {
            Some(recorder) => recorder.writing(name, write),
            None => write,
        };
        self.each(name, write)
    }

    fn each(self, name: &str, act: Box<dyn FnMut(&mut Document)>) -> Self {
        self.with_step(Step { name: name.to_owned(), act })
    }
}
