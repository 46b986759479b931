//! From turns to a text, with the places of the answers in it.

use crate::turns::{Role, Turn};
use std::ops::Range;

/// How turns are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// `<human>: ...` and `<bot>: ...` on lines of their own, as in OIG and OpenChatKit
    /// (`inference/conversation.py`). What the system says is before them, without a marker, where
    /// OpenChatKit's prompt has date and time.
    HumanBot,
    /// `<|im_start|>user`, a line end, the turn, `<|im_end|>`; a line end between turns.
    ChatMl,
    /// The turns on lines of their own, and nothing else.
    Plain,
}

/// What turns begin with in [`Template::HumanBot`].
pub(crate) const MARKERS: [(&str, Role); 2] = [("<human>:", Role::Human), ("<bot>:", Role::Bot)];

const BEGIN: &str = "<|im_start|>";
const END: &str = "<|im_end|>";

/// A dialogue as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// The bytes of each answer: all that a model has to write after the prompt. So they begin after
    /// `<bot>:`, with the blank that follows it, and have `<|im_end|>`.
    pub answers: Vec<Range<usize>>,
}

/// A turn has what the template puts between turns, so it could not be told where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasMarker;

impl Template {
    /// Writes turns.
    ///
    /// # Errors
    /// If a turn has a marker of the template.
    pub fn write(self, turns: &[Turn]) -> Result<Written, HasMarker> {
        let mut written = Written { text: String::new(), answers: Vec::new() };
        for (at, turn) in turns.iter().enumerate() {
            if self.is_marked(&turn.text) {
                return Err(HasMarker);
            }
            if at > 0 {
                written.text.push('\n');
            }
            self.begin(turn.role, &mut written.text);
            let begin = written.text.len();
            if self == Template::HumanBot && turn.role != Role::System {
                written.text.push(' ');
            }
            written.text.push_str(&turn.text);
            if self == Template::ChatMl {
                written.text.push_str(END);
            }
            if turn.role == Role::Bot {
                written.answers.push(begin..written.text.len());
            }
        }
        Ok(written)
    }

    /// Writes what is before a turn.
    fn begin(self, role: Role, text: &mut String) {
        match self {
            Template::HumanBot => {
                let marker = MARKERS.iter().find(|(_, known)| *known == role);
                text.push_str(marker.map_or("", |(marker, _)| marker));
            }
            Template::ChatMl => {
                let name = match role {
                    Role::System => "system",
                    Role::Human => "user",
                    Role::Bot => "assistant",
                };
                text.push_str(BEGIN);
                text.push_str(name);
                text.push('\n');
            }
            Template::Plain => {}
        }
    }

    /// Whether a turn would look like several.
    fn is_marked(self, turn: &str) -> bool {
        match self {
            Template::HumanBot => turn
                .split('\n')
                .any(|line| MARKERS.iter().any(|(marker, _)| line.starts_with(marker))),
            Template::ChatMl => turn.contains(BEGIN) || turn.contains(END),
            Template::Plain => false,
        }
    }
}
