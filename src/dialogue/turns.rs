//! Turns, and what makes them a dialogue.

use crate::NoDialogue;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What is said of the dialogue before it begins.
    System,
    /// Who asks.
    Human,
    /// Who answers.
    Bot,
}

/// The names of roles in published data sets.
const ROLES: [(&str, Role); 11] = [
    ("system", Role::System),
    ("human", Role::Human),
    ("user", Role::Human),
    ("prompter", Role::Human),
    ("bot", Role::Bot),
    ("assistant", Role::Bot),
    ("gpt", Role::Bot),
    ("chatgpt", Role::Bot),
    ("bing", Role::Bot),
    ("bard", Role::Bot),
    ("model", Role::Bot),
];

/// Characters of a name that a message quotes.
const NAME_CHARS_MAX: usize = 30;

impl Role {
    /// Returns the role of that name.
    pub(crate) fn named(name: &str) -> Option<Role> {
        let name = name.trim().to_lowercase();
        ROLES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
    }

    /// Says that a turn, counted from 1, has no known role.
    pub(crate) fn unknown(turn: usize, name: &str) -> NoDialogue {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let known: Vec<&str> = ROLES.iter().map(|(known, _)| *known).collect();
        let what = format!("turn {turn} has the role {name:?}; known: {}", known.join(", "));
        NoDialogue { reason: "unknown_role", what: Some(what) }
    }
}

/// What one of them says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
}

impl Turn {
    pub(crate) fn new(role: Role, text: impl Into<String>) -> Turn {
        Turn { role, text: text.into() }
    }
}

/// Removes outer white space of each turn, joins what the system says at the beginning, and leaves out
/// what has no answer. Returns the turns, and how many are left out.
pub(crate) fn settled(turns: Vec<Turn>) -> Result<(Vec<Turn>, usize), NoDialogue> {
    let trimmed = turns.into_iter().map(|Turn { role, text }| {
        let inner = text.trim();
        Turn { role, text: if inner.len() == text.len() { text } else { inner.to_owned() } }
    });
    // Many rows have an empty system turn, which says nothing.
    let mut turns: Vec<Turn> =
        trimmed.filter(|turn| turn.role != Role::System || !turn.text.is_empty()).collect();
    let begins = turns.iter().position(|turn| turn.role != Role::System).unwrap_or(turns.len());
    if begins > 1 {
        let joined: Vec<String> = turns.drain(..begins).map(|turn| turn.text).collect();
        turns.insert(0, Turn::new(Role::System, joined.join("\n\n")));
    }
    let begins = begins.min(1);
    match turns.get(begins) {
        None => return Err(NoDialogue::useless("no_prompt")),
        Some(turn) if turn.role == Role::Bot => return Err(NoDialogue::useless("no_prompt")),
        Some(_) => {}
    }
    let Some(last) = turns.iter().rposition(|turn| turn.role == Role::Bot) else {
        let is_asked = turns[begins..].iter().any(|turn| !turn.text.is_empty());
        return Err(NoDialogue::useless(if is_asked { "no_answer" } else { "empty_prompt" }));
    };
    let unanswered = turns.len() - 1 - last;
    turns.truncate(last + 1);
    if turns[begins..].iter().any(|turn| turn.role == Role::System) {
        return Err(NoDialogue::useless("late_system"));
    }
    let is_empty = |role| turns.iter().any(|turn| turn.role == role && turn.text.is_empty());
    if is_empty(Role::Human) {
        return Err(NoDialogue::useless("empty_prompt"));
    }
    if is_empty(Role::Bot) {
        return Err(NoDialogue::useless("empty_answer"));
    }
    Ok((turns, unanswered))
}
