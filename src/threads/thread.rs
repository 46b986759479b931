//! Question and answers in one text.

use html::html_text;

/// One answer of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Its body as HTML.
    pub html: &'a str,
    /// Its score as the dump writes it.
    pub score: &'a str,
}

/// How answers are sorted; ties keep the order of the dump in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerOrder {
    /// Highest score first, as LLaMA describes it.
    Numeric,
    /// As upstream's code does it: by the score's text, so that 9 stands before 10, and -1 last.
    RedPajama,
}

/// The text of a thread (upstream `post_processing.py`): the question behind `Q: `, each answer
/// behind `A: `. A score that is no number counts as 0.
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

/// One part as plain text, items of lists marked (upstream `post_processing.py`: the tags are
/// replaced literally, one after another, so `<LI>` and `<ul>` are not, and a list with numbers
/// begins with a star of its own).
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
    fn answers_stand_by_score() {
        let answers = answers(&["9", "10", "-1", "0", "-10"]);
        let text = thread_text("T", &answers, AnswerOrder::Numeric);
        assert_eq!(text, "Q: T\nA: 10\nA: 9\nA: 0\nA: -1\nA: -10");
        let text = thread_text("T", &answers, AnswerOrder::RedPajama);
        assert_eq!(text, "Q: T\nA: 9\nA: 10\nA: 0\nA: -10\nA: -1");
    }

    #[test]
    fn what_is_no_score_is_zero_and_ties_keep_their_order() {
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
