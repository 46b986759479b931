//! Trees of messages, as OpenAssistant publishes them: each reply has a rank among those to the same
//! message.
//!
//! Which messages and trees count is as in OpenAssistant's own loader of its export
//! (LAION-AI/Open-Assistant `model/model_training/custom_datasets/oasst_dataset.py`).

use crate::row::object;
use crate::turns::{Role, Turn, settled};
use crate::{Dialogue, NoDialogue};
use formats::Field;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::HashMap;

/// The kind of data set.
const SOURCE: &str = "oasst1";

/// The state of trees that are complete and were reviewed.
const READY: &str = "ready_for_export";

/// Most messages of a tree. OpenAssistant's have some hundreds.
pub const MESSAGES_MAX: usize = 10_000;

/// Most bytes of the messages of a tree, and of its dialogues together, which repeat what they share.
const BYTES_MAX: usize = 64 << 20;

/// A message.
#[derive(Debug, Deserialize)]
pub struct Message {
    /// Its id.
    pub message_id: String,
    /// The message to which it replies; `None` for the first one of a tree.
    pub parent_id: Option<String>,
    /// The tree that it belongs to.
    pub message_tree_id: Option<String>,
    /// The state of the tree.
    tree_state: Option<String>,
    text: Option<String>,
    role: String,
    lang: Option<String>,
    /// Its place among the replies to the same message, from 0, the best one. A number with a fraction
    /// in tables that pandas wrote.
    rank: Option<f64>,
    deleted: Option<bool>,
    /// Whether reviewers accepted it.
    review_result: Option<bool>,
    /// In files of trees.
    replies: Option<Vec<Message>>,
}

impl Message {
    /// Reads a row.
    pub(crate) fn of_row(fields: &[Field]) -> Result<Message, NoDialogue> {
        read(fields, "a message of OpenAssistant")
    }

    fn is_usable(&self) -> bool {
        !self.deleted.unwrap_or(false) && self.review_result.unwrap_or(true)
    }
}

#[derive(Deserialize)]
struct Whole {
    message_tree_id: String,
    tree_state: String,
    prompt: Message,
}

/// Reads a row. Fields that are not asked for may be anything.
fn read<T: DeserializeOwned>(fields: &[Field], expected: &str) -> Result<T, NoDialogue> {
    serde_json::from_str(&object(fields))
        .map_err(|error| NoDialogue::malformed(format!("{expected} is expected: {error}")))
}

/// Which dialogues of a tree are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The one of the best replies: of all replies to a message, the one with the lowest rank.
    Best,
    /// Every one that ends with an answer to which no answer follows.
    All,
}

/// The messages of a tree.
#[derive(Debug)]
pub struct Tree {
    id: String,
    state: String,
    /// In an order in which every message is after the one to which it replies.
    messages: Vec<Placed>,
    places: HashMap<String, usize>,
    bytes: usize,
}

#[derive(Debug)]
struct Placed {
    message: Message,
    parent: Option<usize>,
    replies: Vec<usize>,
    /// Bytes of its text and of those before it in a dialogue.
    bytes: usize,
}

/// What became of a message that was to be added to a tree.
#[derive(Debug)]
pub enum Added {
    /// It is in the tree.
    Yes,
    /// It is of another tree, and begins it.
    Begins(Box<Message>),
    /// It is in no tree.
    No(NoDialogue),
}

impl Tree {
    /// Begins a tree with its first message.
    ///
    /// # Errors
    /// If the message replies to another one.
    pub fn beginning(message: Message) -> Result<Tree, NoDialogue> {
        if message.parent_id.is_some() {
            return Err(orphan(&message));
        }
        let id = message.message_tree_id.as_ref().unwrap_or(&message.message_id).clone();
        let state = message.tree_state.clone().unwrap_or_else(|| READY.to_owned());
        let mut tree = Tree::empty(id, state);
        tree.place(message, None);
        Ok(tree)
    }

    /// Adds a message that replies to one of the tree.
    pub fn add(&mut self, message: Message) -> Added {
        let is_other = message.message_tree_id.as_ref().is_some_and(|id| *id != self.id);
        let Some(parent) = &message.parent_id else {
            if is_other || message.message_tree_id.is_none() {
                return Added::Begins(Box::new(message));
            }
            return Added::No(orphan(&message));
        };
        let Some(parent) = self.places.get(parent).copied().filter(|_| !is_other) else {
            return Added::No(orphan(&message));
        };
        if self.places.contains_key(&message.message_id) {
            let what = "its tree has a message with the same message_id before it";
            return Added::No(NoDialogue { reason: "duplicate_message", what: Some(what.into()) });
        }
        if self.is_full() {
            return Added::No(too_large("its tree"));
        }
        self.place(message, Some(parent));
        Added::Yes
    }

    fn empty(id: String, state: String) -> Tree {
        Tree { id, state, messages: Vec::new(), places: HashMap::new(), bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.messages.len() == MESSAGES_MAX || self.bytes > BYTES_MAX
    }

    fn place(&mut self, message: Message, parent: Option<usize>) {
        let place = self.messages.len();
        let own = message.text.as_ref().map_or(0, String::len);
        self.bytes += own;
        let bytes = own + parent.map_or(0, |parent| self.messages[parent].bytes);
        self.places.insert(message.message_id.clone(), place);
        if let Some(parent) = parent {
            self.messages[parent].replies.push(place);
        }
        self.messages.push(Placed { message, parent, replies: Vec::new(), bytes });
    }

    /// Reads a row that is a tree.
    pub(crate) fn of_row(fields: &[Field]) -> Result<Tree, NoDialogue> {
        let Whole { message_tree_id, tree_state, prompt } =
            read(fields, "a tree of OpenAssistant's messages")?;
        let mut tree = Tree::empty(message_tree_id, tree_state);
        // Where a message is nested says to which it replies.
        let mut open = vec![(prompt, None)];
        while let Some((mut message, parent)) = open.pop() {
            let replies = message.replies.take().unwrap_or_default();
            if tree.is_full() {
                return Err(too_large("it"));
            }
            let place = tree.messages.len();
            tree.place(message, parent);
            open.extend(replies.into_iter().rev().map(|reply| (reply, Some(place))));
        }
        Ok(tree)
    }

    /// Returns how many messages it has.
    pub fn messages(&self) -> usize {
        self.messages.len()
    }

    /// Returns its dialogues, each or why it is none. There is at least one.
    pub fn dialogues(
        &self,
        threads: Threads,
    ) -> impl Iterator<Item = Result<Dialogue, NoDialogue>> {
        let ends = self.ends(threads);
        let none = ends.as_ref().err().cloned();
        let ends = ends.unwrap_or_default().into_iter().map(|end| self.dialogue(end));
        none.map(Err).into_iter().chain(ends)
    }

    /// Returns the last messages of its dialogues.
    fn ends(&self, threads: Threads) -> Result<Vec<usize>, NoDialogue> {
        if self.state != READY {
            return Err(NoDialogue::useless("tree_state"));
        }
        if !self.messages[0].message.is_usable() {
            return Err(NoDialogue::useless("deleted"));
        }
        let ends = match threads {
            Threads::Best => self.best().into_iter().collect(),
            Threads::All => self.all(),
        };
        let bytes = ends.iter().map(|end| self.messages[*end].bytes).sum::<usize>();
        match ends.len() {
            0 => Err(NoDialogue::useless("no_answer")),
            2.. if bytes > BYTES_MAX => {
                Err(too_large("with what they repeat of each other, all of its dialogues"))
            }
            _ => Ok(ends),
        }
    }

    fn is_answer(&self, place: usize) -> bool {
        Role::named(&self.messages[place].message.role) == Some(Role::Bot)
    }

    /// The last answer on the way of the best replies.
    fn best(&self) -> Option<usize> {
        let (mut place, mut end) = (0, None);
        loop {
            if self.is_answer(place) {
                end = Some(place);
            }
            let replies = self.messages[place].replies.iter().copied();
            let usable = replies.filter(|reply| self.messages[*reply].message.is_usable());
            // Of equal ranks, and of replies that have none, the first one counts.
            let rank = |reply: &usize| self.messages[*reply].message.rank.unwrap_or(f64::MAX);
            match usable.min_by(|a, b| rank(a).total_cmp(&rank(b))) {
                Some(reply) => place = reply,
                None => return end,
            }
        }
    }

    /// All answers after which no answer follows.
    fn all(&self) -> Vec<usize> {
        let count = self.messages.len();
        let mut is_reached = vec![false; count];
        for (place, Placed { message, parent, .. }) in self.messages.iter().enumerate() {
            is_reached[place] =
                parent.is_none_or(|parent| is_reached[parent]) && message.is_usable();
        }
        let mut is_followed = vec![false; count];
        for place in (1..count).rev() {
            let parent = self.messages[place].parent.expect("only the first one has none");
            let has_answer = self.is_answer(place) || is_followed[place];
            is_followed[parent] |= is_reached[place] && has_answer;
        }
        let is_end =
            |place: &usize| is_reached[*place] && self.is_answer(*place) && !is_followed[*place];
        (0..count).filter(is_end).collect()
    }

    /// Returns the dialogue that ends with a message.
    fn dialogue(&self, end: usize) -> Result<Dialogue, NoDialogue> {
        let mut thread = vec![end];
        while let Some(parent) = self.messages[thread[thread.len() - 1]].parent {
            thread.push(parent);
        }
        let turns = thread.iter().rev().enumerate().map(|(at, place)| {
            let Message { role, text, .. } = &self.messages[*place].message;
            let role = Role::named(role).ok_or_else(|| Role::unknown(at + 1, role))?;
            Ok(Turn::new(role, text.as_deref().unwrap_or_default()))
        });
        let (turns, unanswered) = settled(turns.collect::<Result<_, NoDialogue>>()?)?;
        let original = json!({
            "message_tree_id": self.id,
            "message_id": self.messages[end].message.message_id,
            "messages": self.messages.len(),
        });
        let original = original.to_string();
        let language = self.messages[0].message.lang.clone();
        Ok(Dialogue { source: SOURCE, language, turns, unanswered, original })
    }
}

fn too_large(what: &str) -> NoDialogue {
    let most = BYTES_MAX >> 20;
    let what = format!("{what} may have no more than {MESSAGES_MAX} messages or {most} MiB");
    NoDialogue { reason: "tree_too_large", what: Some(what) }
}

fn orphan(message: &Message) -> NoDialogue {
    let what = match message.parent_id {
        Some(_) => {
            "the message to which it replies is not before it: the rows of a tree must be together"
        }
        None => "its tree has another first message",
    };
    NoDialogue { reason: "orphan", what: Some(what.to_owned()) }
}
