//! Joins a question and its answers into one text.

use html::html_text;

/// One answer of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Its body as HTML.
    pub html: &'a str,
    /// Its score as the dump writes it.
    pub score: &'a str,
}

/// The order of answers. In both orders, ties keep the order of the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerOrder {
    /// Highest score first, as the LLaMA paper describes.
    Numeric,
    /// By the score's text, as in upstream's code: 9 comes before 10, and -1 last.
    RedPajama,
}

/// Returns the text of a thread (upstream `post_processing.py`): the question after `Q: `, each
/// answer after `A: `. A score that is not a number counts as 0.
///
/// ```
/// use threads::{Answer, AnswerOrder, thread_text};
///
/// let answers = [Answer { html: "Low", score: "1" }, Answer { html: "<b>High</b>", score: "7" }];
/// let text = thread_text("<p>Why?</p>", &answers, AnswerOrder::Numeric);
/// assert_eq!(text, "Q: Why?\nA: High\nA: Low");
/// ```
pub fn thread_text(question_html: &str, answers: &[Answer], order: AnswerOrder) -> String {
    let mut sorted: Vec<&Answer> = answers.iter().collect();
    match order {
        AnswerOrder::Numeric => sorted.sort_by_key(|answer| {
            std::cmp::Reverse(answer.score.trim().parse::<i64>().unwrap_or_default())
        }),
        AnswerOrder::RedPajama => sorted.sort_by_key(|answer| std::cmp::Reverse(answer.score)),
    }
    let mut text = String::from("Q: ");
    text += &clean(question_html);
    for answer in sorted {
        text += "\nA: ";
        text += &clean(answer.html);
    }
    text
}

/// Returns a question or answer as plain text with its list items marked. Upstream's
/// `post_processing.py` replaces the tags literally, one after another, so it leaves `<LI>` and
/// `<ul>`, and a numbered list begins with an extra star.
pub fn clean(html: &str) -> String {
    if !["<li>", "</li>", "<ol>", "</ol>"].iter().any(|tag| html.contains(tag)) {
        return html_text(html);
    }
    let marked = html.replace("<li>", "\n*").replace("</li>", "");
    html_text(&marked.replace("<ol>", "\n*").replace("</ol>", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers<'a>(scores: &'a [&'a str]) -> Vec<Answer<'a>> {
        scores.iter().map(|score| Answer { html: score, score }).collect()
    }

    #[test]
    fn answers_are_sorted_by_score() {
        let answers = answers(&["9", "10", "-1", "0", "-10"]);
        let text = thread_text("T", &answers, AnswerOrder::Numeric);
        assert_eq!(text, "Q: T\nA: 10\nA: 9\nA: 0\nA: -1\nA: -10");
        let text = thread_text("T", &answers, AnswerOrder::RedPajama);
        assert_eq!(text, "Q: T\nA: 9\nA: 10\nA: 0\nA: -10\nA: -1");
    }

    #[test]
    fn an_invalid_score_is_zero_and_ties_keep_their_order() {
        let answers: Vec<Answer> = [("a", "0"), ("b", ""), ("c", "-1"), ("d", "one"), ("e", "0")]
            .map(|(html, score)| Answer { html, score })
            .into();
        let text = thread_text("T", &answers, AnswerOrder::Numeric);
        assert_eq!(text, "Q: T\nA: a\nA: b\nA: d\nA: e\nA: c");
    }

    #[test]
    fn tags_that_another_replacement_leaves_are_replaced_in_turn() {
        assert_eq!(clean("x<o</li>l>y"), "x\n*y");
    }
}
