//! Instructions: prompts and answers as dialogues, from the data sets on which RedPajama's models were
//! tuned, and others of their form.
//!
//! The form of the text is that of OIG and OpenChatKit. What is read how, and from where it comes, is in
//! docs/fidelity.md under "Instructions".
//!
//! A record is a dialogue, or a row or tree without one.

use arrangement::Rule;
use dialogue::{Added, Dialogue, HasMarker, Item, NoDialogue, Tree, Written, of_row};
use formats::{Defect, Form, Row, Rows};
use recipe::prelude::*;
use std::collections::VecDeque;
use std::path::Path;

settings! {
    /// How dialogues are chosen and written.
    pub struct Settings {
        /// how turns are written: human_bot (OIG, OpenChatKit), chatml, plain
        template: Template = Template::HumanBot; // OpenChatKit: inference/conversation.py
        /// which dialogues of a tree of messages are read: best (replies of the best rank), all
        threads: Threads = Threads::Best; // OpenAssistant: oasst_dataset.py, top_k
        /// which dialogues stay that differ in their last answer only: all, first
        prompts: Prompts = Prompts::All; // RedPajama-Data-Instruct: all
        /// which copies are dropped: none, exact, simhash, minhash, lines to be counted; or a list
        dedup: Methods = Dedup::Exact.into();
    }
}

choice! {
    /// How turns are written.
    pub enum Template {
        HumanBot = "human_bot",
        ChatMl = "chatml",
        Plain = "plain",
    }
}

choice! {
    /// Which dialogues of a tree are read.
    pub enum Threads {
        Best = "best",
        All = "all",
    }
}

choice! {
    /// Which dialogues with the same prompt stay.
    pub enum Prompts {
        All = "all",
        First = "first",
    }
}

/// The field with the places of the answers.
const ANSWERS: &str = "answers";

/// The slice.
pub struct Instruct;

impl Slice for Instruct {
    const NAME: &'static str = "instruct";
    const ABOUT: &'static str =
        "Instructions: OIG, P3, Natural Instructions, OASST1, Dolly, ShareGPT, chats";
    const TERMS: Terms = Terms {
        licenses: &["other"],
        about: "those of each data set: Apache-2.0 for OIG, P3, Natural Instructions and OASST1, \
                CC BY-SA 3.0 for Dolly 2",
    };
    const FIXTURES: &'static [Fixture] = FIXTURES;

    /// The fields have places in the text.
    const IS_WHOLE: bool = true;

    type Settings = Settings;

    fn check(settings: &Settings) -> Result<(), Unusable> {
        let Some(method) = settings.dedup.iter().find(|method| method.cuts()) else {
            return Ok(());
        };
        let what = format!(
            ": {} cuts parts out of dialogues, and the places of their answers would be wrong: \
             drop whole ones with exact, simhash or minhash",
            method.word()
        );
        Err(Unusable { key: "dedup", what })
    }

    fn forms(_: &Settings) -> Forms {
        Forms { read: &[Form::Json, Form::Parquet], called: "JSON lines or Parquet" }
    }

    fn read(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
        let (template, threads) = (template_of(settings), threads_of(settings));
        let rows = formats::rows(path)?;
        let (ready, waiting) = (VecDeque::new(), VecDeque::new());
        Ok(documents(Reader { rows, template, threads, ready, tree: None, waiting }))
    }

    /// Drops equal dialogues, and those whose prompt came before, if that is wanted.
    fn graph<'scope>(dialogues: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        let different = dialogues.deduplicate(setup, &setup.settings.dedup);
        let kept = match setup.settings.prompts {
            Prompts::All => different,
            Prompts::First => {
                let first = Rule::first_of_all();
                different.reject_repeats("instruct_prompts", "duplicate_prompt", prompt_key, first)
            }
        };
        kept.tag("Tokens", setup.models.tokens())
    }
}

fn template_of(settings: &Settings) -> dialogue::Template {
    match settings.template {
        Template::HumanBot => dialogue::Template::HumanBot,
        Template::ChatMl => dialogue::Template::ChatMl,
        Template::Plain => dialogue::Template::Plain,
    }
}

fn threads_of(settings: &Settings) -> dialogue::Threads {
    match settings.threads {
        Threads::Best => dialogue::Threads::Best,
        Threads::All => dialogue::Threads::All,
    }
}

/// Prompts are equal if everything before the last answer is.
fn prompt_key(dialogue: &Document) -> u128 {
    let last = match dialogue.meta.get(ANSWERS) {
        Some(Value::Json(answers)) => serde_json::from_str::<Vec<[usize; 2]>>(answers).ok(),
        _ => None,
    };
    let end = last.and_then(|answers| Some(answers.last()?[0]));
    let prompt = end.and_then(|end| dialogue.text.get(..end)).unwrap_or(&dialogue.text);
    text::digest::sha1(prompt.as_bytes())
}

/// Records that wait for the end of a tree.
const WAITING_MAX: usize = 1_000;

/// Reads the records of a source.
struct Reader {
    rows: Rows,
    template: dialogue::Template,
    threads: dialogue::Threads,
    /// Records that come next.
    ready: VecDeque<Result<Record, Defect>>,
    /// The tree whose messages are being read, and its first row.
    tree: Option<(Tree, Place)>,
    /// Records that come after the tree.
    waiting: VecDeque<Result<Record, Defect>>,
}

/// Where a record begins.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    number: u64,
    bytes: u64,
    digest: u128,
}

impl Iterator for Reader {
    type Item = Result<Record, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(record);
            }
            if self.waiting.len() > WAITING_MAX {
                self.end_tree();
                continue;
            }
            match self.rows.next() {
                Some(Ok(row)) => self.row(&row),
                Some(Err(defect)) => self.push(Err(defect)),
                None if self.tree.is_some() => self.end_tree(),
                None => return None,
            }
        }
    }
}

impl Reader {
    fn row(&mut self, row: &Row) {
        let place = Place {
            offset: row.offset,
            number: row.number,
            bytes: row.json.len() as u64,
            digest: text::digest::sha1(&row.json),
        };
        let record = match item(row) {
            Ok(Item::Message(message)) => match &mut self.tree {
                Some((tree, _)) => match tree.add(*message) {
                    Added::Yes => return,
                    Added::Begins(message) => return self.begin_tree(*message, place),
                    Added::No(none) => rejected(place, none),
                },
                None => return self.begin_tree(*message, place),
            },
            Ok(Item::Dialogue(dialogue)) => {
                self.end_tree();
                self.record(place, Ok(dialogue))
            }
            Ok(Item::Tree(tree)) => {
                self.end_tree();
                return self.dialogues(&tree, place);
            }
            Err(none) => rejected(place, none),
        };
        self.push(Ok(record));
    }

    /// Adds a record after the tree, if there is one.
    fn push(&mut self, record: Result<Record, Defect>) {
        let queue = if self.tree.is_some() { &mut self.waiting } else { &mut self.ready };
        queue.push_back(record);
    }

    fn begin_tree(&mut self, message: dialogue::Message, place: Place) {
        self.end_tree();
        match Tree::beginning(message) {
            Ok(tree) => self.tree = Some((tree, place)),
            Err(none) => self.push(Ok(rejected(place, none))),
        }
    }

    /// Ends the tree: its dialogues come next, and what waits for it comes after them.
    fn end_tree(&mut self) {
        let Some((tree, place)) = self.tree.take() else { return };
        self.dialogues(&tree, place);
        self.ready.append(&mut self.waiting);
    }

    fn dialogues(&mut self, tree: &Tree, place: Place) {
        let records = tree.dialogues(self.threads).map(|dialogue| self.record(place, dialogue));
        let records: Vec<Record> = records.collect();
        self.ready.extend(records.into_iter().map(Ok));
    }

    fn record(&self, place: Place, dialogue: Result<Dialogue, NoDialogue>) -> Record {
        match dialogue {
            Ok(dialogue) => match self.template.write(&dialogue.turns) {
                Ok(written) => document(place, dialogue, written).into(),
                Err(HasMarker) => {
                    rejected(place, NoDialogue { reason: "template_marker", what: None })
                }
            },
            Err(none) => rejected(place, none),
        }
    }
}

fn item(row: &Row) -> Result<Item, NoDialogue> {
    let no_json = |what: String| NoDialogue { reason: "no_json", what: Some(what) };
    let json = formats::utf8(&row.json).map_err(no_json)?;
    let fields = formats::fields(json)
        .map_err(|error| no_json(format!("a JSON object is expected: {error}")))?;
    of_row(fields)
}

fn rejected(place: Place, none: NoDialogue) -> Record {
    let mut document = Document {
        offset: place.offset,
        bytes_read: place.bytes,
        digest: place.digest,
        ..Document::default()
    };
    match none.what {
        Some(what) => {
            let what = format!("record {}: {what}; it is left out", place.number);
            Record::rejected(document, none.reason, what)
        }
        None => {
            document.reject(none.reason);
            document.into()
        }
    }
}

fn document(place: Place, dialogue: Dialogue, written: Written) -> Document {
    let Written { text, answers } = written;
    let mut document = Document {
        offset: place.offset,
        bytes_read: text.len() as u64,
        digest: text::digest::sha1(text.as_bytes()),
        text,
        ..Document::default()
    };
    let answers: Vec<[usize; 2]> =
        answers.iter().map(|answer| [answer.start, answer.end]).collect();
    let answers = serde_json::to_string(&answers).expect("numbers");
    let language = dialogue.language.map_or(Value::Json("null".to_owned()), Value::from);
    document.meta.set("source", dialogue.source);
    document.meta.set("language", language);
    document.meta.set("turns", dialogue.turns.len());
    document.meta.set(ANSWERS, Value::Json(answers));
    document.meta.set("unanswered", dialogue.unanswered);
    // As text: data sets have different fields, and a column has one type.
    document.meta.set("original", dialogue.original);
    document
}

const FIXTURES: &[Fixture] = fixtures!(
    "instruct":
    "2023-03" / "natural_instructions.jsonl",
    "2023-03" / "oig.jsonl",
    "2023-03" / "p3.jsonl",
    "2023-04" / "chats.jsonl",
    "2023-04" / "dolly.jsonl",
    "2023-04" / "oasst1.messages.jsonl",
    "2023-04" / "oasst1.trees.jsonl",
    "2023-04" / "sharegpt.json",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_funnel, defaults, document, later};

    /// A dialogue with one answer, as the reader returns it.
    fn asked(prompt: &str, answer: &str) -> Document {
        let text = format!("<human>: {prompt}\n<bot>: {answer}");
        let begin = text.len() - answer.len() - 1;
        let mut dialogue = document(&text);
        dialogue.meta.set(ANSWERS, Value::Json(format!("[[{begin},{}]]", text.len())));
        dialogue
    }

    fn dialogues() -> Vec<Document> {
        vec![
            asked("How high is the tower?", "40 m."),
            asked("How high is the tower?", "It has 40 m."),
            asked("How high is the tower?", "40 m."),
            later(asked("How high is the tower?", "40 m.")),
            later(asked("How high is the mast?", "40 m.")),
            later(asked("How high is the tower?", "Very.")),
        ]
    }

    #[test]
    fn equal_dialogues_are_kept_once() {
        let [first, second, .., fifth, sixth] =
            &dialogues().iter().map(|d| format!("kept: {}", d.text)).collect::<Vec<_>>()[..]
        else {
            unreachable!()
        };
        let expected = [first, second, "duplicate", "duplicate", fifth, sixth];
        assert_funnel::<Instruct>(&defaults::<Instruct>(), &dialogues(), &expected);

        let settings = Settings { prompts: Prompts::First, ..defaults::<Instruct>() };
        let again = "duplicate_prompt";
        let expected = [first, again, "duplicate", "duplicate", fifth, again];
        assert_funnel::<Instruct>(&settings, &dialogues(), &expected);

        let settings = Settings { dedup: Methods::none(), ..settings };
        let expected = [first, again, again, again, fifth, again];
        assert_funnel::<Instruct>(&settings, &dialogues(), &expected);
    }

    fn read(lines: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, lines).unwrap();
        let found = Instruct::read(&path, &defaults::<Instruct>()).unwrap();
        let found = found.map(|document| match document {
            Ok(Document { verdict: None, text, offset, .. }) => format!("{offset} {text}"),
            Ok(Document { verdict: Some(reason), offset, .. }) => format!("{offset} {reason}"),
            Err(defect) => format!("{} defect", defect.offset),
        });
        found.collect()
    }

    #[test]
    fn a_tree_of_rows_comes_where_its_first_row_is() {
        let row = |id: &str, parent: &str, role: &str| {
            let parent = if parent.is_empty() { "null".into() } else { format!("{parent:?}") };
            format!(
                "{{\"message_id\":{id:?},\"parent_id\":{parent},\"role\":{role:?},\"text\":{id:?}}}\n"
            )
        };
        let pair = "{\"inputs\":\"x\",\"targets\":\"y\"}\n";
        let lines = [
            &row("a", "", "prompter"),
            "no json\n",
            &row("b", "a", "assistant"),
            &row("c", "z", "assistant"),
            &row("d", "", "prompter"),
            &row("e", "d", "assistant"),
            pair,
            &row("f", "e", "prompter"),
        ];
        let at = |line: usize| lines[..line].iter().map(|line| line.len()).sum::<usize>();
        let expected = [
            "0 <human>: a\n<bot>: b".to_owned(),
            format!("{} no_json", at(1)),
            format!("{} defect", at(1)),
            format!("{} orphan", at(3)),
            format!("{} defect", at(3)),
            format!("{} <human>: d\n<bot>: e", at(4)),
            format!("{} <human>: x\n<bot>: y", at(6)),
            format!("{} orphan", at(7)),
            format!("{} defect", at(7)),
        ];
        assert_eq!(read(&lines.concat()), expected);
    }

    #[test]
    fn rows_that_wait_for_the_end_of_a_tree_are_bounded() {
        let row =
            "{\"message_id\":\"a\",\"parent_id\":null,\"role\":\"prompter\",\"text\":\"a\"}\n";
        let found = read(&format!("{row}{}", "x\n".repeat(3 * WAITING_MAX)));
        assert_eq!(found.len(), 1 + 2 * 3 * WAITING_MAX);
        assert_eq!(found[0], "0 no_answer");
    }
}
