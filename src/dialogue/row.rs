//! From the fields of a row to its dialogue, by the names of the fields.
//!
//! | fields | data set |
//! |---|---|
//! | `prompt`, `message_tree_id`, `tree_state` | OpenAssistant: a tree of messages |
//! | `message_id`, `role`, `text` | OpenAssistant: a message |
//! | `messages` | chats, as OpenAI has them |
//! | `conversations` or `conversation` | ShareGPT |
//! | `definition`, `inputs`, `targets` | Natural Instructions, as in RedPajama-Data-Instruct |
//! | `inputs`, `targets` | P3, as in RedPajama-Data-Instruct and, `_pretokenized`, by BigScience |
//! | `instruction`, `response` | Dolly 2 |
//! | `instruction`, `output` | Alpaca |
//! | `text` | OIG: turns begin with `<human>:` and `<bot>:` |

use crate::tree::{Message, Tree};
use crate::turns::{Role, Turn, settled};
use crate::{Dialogue, NoDialogue, messages, template};
use formats::columns::Names;
use formats::{Field, Fields};
use serde_json::value::{RawValue, to_raw_value};

/// What a row is.
#[derive(Debug)]
pub enum Item {
    /// A dialogue.
    Dialogue(Dialogue),
    /// A tree of messages.
    Tree(Tree),
    /// A message of a tree, whose other messages are rows next to it.
    Message(Box<Message>),
}

/// Takes the turns out of the fields of a row.
type ReadTurns = fn(&mut Vec<Field>) -> Result<Vec<Turn>, NoDialogue>;

/// Returns what a row is.
///
/// # Errors
/// If it has no dialogue.
pub fn of_row(mut fields: Vec<Field>) -> Result<Item, NoDialogue> {
    let has =
        |names: &[&str]| names.iter().all(|name| fields.iter().any(|(known, _)| known == name));
    if has(&["prompt", "message_tree_id", "tree_state"]) {
        return Tree::of_row(&fields).map(Item::Tree);
    }
    if has(&["message_id", "role", "text"]) {
        return Message::of_row(&fields).map(|message| Item::Message(Box::new(message)));
    }
    let names = || fields.iter().map(|(name, _)| name.as_str());
    let (source, turns): (_, ReadTurns) = match () {
        () if has(&["messages"]) => ("messages", |fields| listed(fields, "messages")),
        () if has(&["conversations"]) => ("sharegpt", |fields| listed(fields, "conversations")),
        () if has(&["conversation"]) => ("sharegpt", |fields| listed(fields, "conversation")),
        () if has(&["inputs_pretokenized", "targets_pretokenized"]) => ("p3", |fields| {
            // These are their tokens.
            take(fields, "inputs");
            take(fields, "targets");
            pair(fields, &["inputs_pretokenized"], "targets_pretokenized")
        }),
        () if has(&["definition", "inputs", "targets"]) => {
            ("natural_instructions", |fields| pair(fields, &["definition", "inputs"], "targets"))
        }
        () if has(&["inputs", "targets"]) => ("p3", |fields| pair(fields, &["inputs"], "targets")),
        () if has(&["instruction", "response"]) => {
            ("dolly", |fields| pair(fields, &["instruction", "context"], "response"))
        }
        () if has(&["instruction", "output"]) => {
            ("alpaca", |fields| pair(fields, &["instruction", "input"], "output"))
        }
        () if has(&["text"]) => ("oig", marked),
        () => {
            return Err(NoDialogue::malformed(format!(
                "no columns of a known data set of instructions, such as messages, conversations, \
                 text, inputs and targets, or instruction and response; its columns: {}",
                Names::listed(names())
            )));
        }
    };
    let (turns, unanswered) = settled(turns(&mut fields)?)?;
    let language = language(&mut fields);
    let original = object(&fields);
    Ok(Item::Dialogue(Dialogue { source, language, turns, unanswered, original }))
}

fn take(fields: &mut Vec<Field>, name: &str) -> Option<Box<RawValue>> {
    let at = fields.iter().position(|(known, _)| known == name)?;
    Some(fields.remove(at).1)
}

/// Takes the language out of the fields, if it is there.
fn language(fields: &mut Vec<Field>) -> Option<String> {
    let is_named = |(name, value): &Field| {
        ["lang", "language"].contains(&name.as_str()) && value.get().starts_with('"')
    };
    let at = fields.iter().position(is_named)?;
    let language: String = serde_json::from_str(fields[at].1.get()).ok()?;
    fields.remove(at);
    (!language.is_empty()).then_some(language)
}

/// Writes fields as a JSON object.
pub(crate) fn object(fields: &[Field]) -> String {
    let object = to_raw_value(&Fields(fields)).expect("names are strings, values are JSON");
    formats::compact(&object)
}

fn listed(fields: &mut Vec<Field>, name: &str) -> Result<Vec<Turn>, NoDialogue> {
    let list = take(fields, name).expect("the row has it");
    messages::turns(list.get())
}

/// Reads a prompt, whose parts are joined by an empty line, and an answer.
fn pair(fields: &mut Vec<Field>, prompt: &[&str], answer: &str) -> Result<Vec<Turn>, NoDialogue> {
    let parts: Result<Vec<String>, NoDialogue> =
        prompt.iter().map(|name| first_text(fields, name)).collect();
    let parts = parts?;
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    let prompt = parts.collect::<Vec<_>>().join("\n\n");
    let answer = first_text(fields, answer)?;
    Ok(vec![Turn::new(Role::Human, prompt), Turn::new(Role::Bot, answer)])
}

/// Takes a text out of the fields. Of a list of texts it is the first one, and the list stays among
/// the fields if it has others.
fn first_text(fields: &mut Vec<Field>, name: &str) -> Result<String, NoDialogue> {
    let Some(value) = take(fields, name) else { return Ok(String::new()) };
    let expected = || NoDialogue::malformed(format!("{name} is expected to be a text"));
    match value.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(value.get()).map_err(|_| expected()),
        Some(b'n') => Ok(String::new()),
        Some(b'[') => {
            let mut texts: Vec<String> =
                serde_json::from_str(value.get()).map_err(|_| expected())?;
            if texts.len() > 1 {
                fields.push((name.to_owned(), value));
            }
            texts.truncate(1);
            Ok(texts.pop().unwrap_or_default())
        }
        _ => Err(expected()),
    }
}

/// Reads a text whose turns begin with `<human>:` and `<bot>:`, each at the beginning of a line. What is
/// before the first of them is said by the system.
fn marked(fields: &mut Vec<Field>) -> Result<Vec<Turn>, NoDialogue> {
    let text = first_text(fields, "text")?;
    if text.trim().is_empty() {
        return Err(NoDialogue::useless("empty"));
    }
    let mut turns = vec![Turn::new(Role::System, "")];
    for line in text.split_inclusive('\n') {
        let marked = template::MARKERS
            .iter()
            .find_map(|(marker, role)| Some(Turn::new(*role, line.strip_prefix(marker)?)));
        match marked {
            Some(turn) => turns.push(turn),
            None => turns.last_mut().expect("there is one").text.push_str(line),
        }
    }
    if turns.len() == 1 {
        let what = "its text has no turns: <human>: or <bot>: at the beginning of a line";
        return Err(NoDialogue::malformed(what));
    }
    Ok(turns)
}
