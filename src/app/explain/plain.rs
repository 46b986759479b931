//! An explanation for people.

use super::copies::{Copies, Witness};
use super::steps::StepDone;
use super::{Explanation, Lost};
use crate::look::{cut, head, line};
use crate::terminal::units::counted;

/// Parts of a text, and copies of an index, that are listed.
const LISTED_MAX: usize = 10;

/// Characters of a part that are shown.
const PART_CHARS: usize = 100;

/// Returns an explanation as text.
pub(crate) fn plain(explanation: &Explanation) -> String {
    let Explanation { view, steps, copy_of, lost, copies } = explanation;
    let mut out = head(view, &[]);
    let width = steps.iter().map(|step| step.step.chars().count()).max().unwrap_or_default();
    // What writes says nothing, unless it dropped the document.
    let shown = steps.iter().filter(|step| step.does != "write" || !step.passed);
    for (place, step) in shown.enumerate() {
        line(&mut out, if place == 0 { "steps" } else { "" }, &step_line(step, width));
    }
    if let Some(witness) = copy_of {
        line(&mut out, "copy of", &document(witness));
        line(&mut out, "", &shared(witness));
    }
    lost_lines(&mut out, lost);
    copies.iter().for_each(|copies| copies_lines(&mut out, copies));
    for (place, note) in view.notes.iter().enumerate() {
        line(&mut out, if place == 0 { "notes" } else { "" }, note);
    }
    out
}

fn step_line(step: &StepDone, width: usize) -> String {
    let outcome = if step.passed { "passed" } else { "dropped" };
    let numbers = step.numbers.as_ref().map(|numbers| format!(": {numbers}")).unwrap_or_default();
    format!("{:width$}  {outcome}{numbers}", step.step)
}

/// A document, and what became of it.
fn document(document: &Witness) -> String {
    match &document.reason {
        None => format!("{}  kept", document.id),
        Some(reason) => format!("{}  dropped: {reason}", document.id),
    }
}

/// By what two documents are equal.
fn shared(witness: &Witness) -> String {
    let index = &witness.index;
    if let Some(similarity) = witness.similarity {
        let bands = counted(witness.keys as u64, "band");
        return format!(
            "their signatures in the index {index} have a similarity of {similarity:.2}; they share \
             {bands}"
        );
    }
    match witness.keys {
        1 => format!("they have one key in the index {index}"),
        keys => format!("they share {keys} keys in the index {index}"),
    }
}

fn lost_lines(out: &mut String, lost: &[Lost]) {
    if lost.is_empty() {
        return;
    }
    line(out, "lost", &format!("{} that others have:", counted(lost.len() as u64, "part")));
    for Lost { text, first } in lost.iter().take(LISTED_MAX) {
        let text = text.as_ref().map_or("[its text is not known]".to_owned(), |text| {
            cut(&text.replace('\n', " "), PART_CHARS)
        });
        line(out, "", &format!("  {text}"));
        line(out, "", &format!("    first in {}", document(first)));
    }
    more(out, lost.len());
}

fn copies_lines(out: &mut String, copies: &Copies) {
    let Copies { index, effect, documents, labels, is_cut, listed } = copies;
    let count = counted(*documents, "document");
    let count = if *is_cut { format!("{count} and more") } else { count };
    let what = match effect.as_str() {
        "cut" => format!("{count} lost parts to it (index {index}):"),
        "counted" => format!("{count} after it with parts of it (index {index}):"),
        _ => {
            let labels = counted(*labels, "label");
            format!("{count} after it dropped as copies: {effect} (index {index}, {labels}):")
        }
    };
    line(out, "copies", &what);
    for copy in listed.iter().take(LISTED_MAX) {
        let next = if copy.is_next { "; the next copy" } else { "" };
        line(out, "", &format!("  {}{next}", document(&copy.document)));
    }
    more(out, *documents as usize);
}

/// Says how many are not listed.
fn more(out: &mut String, count: usize) {
    if count > LISTED_MAX {
        let more = counted((count - LISTED_MAX) as u64, "more");
        line(out, "", &format!("  and {}: --json has them", more.trim_end_matches('s')));
    }
}
