//! Lists of messages: `role` and `content`, as OpenAI has them, or `from` and `value`, as ShareGPT.

use crate::NoDialogue;
use crate::turns::{Role, Turn};
use serde_json::{Map, Value};

/// Reads a list of messages. Either names may be used, in any list.
pub(crate) fn turns(json: &str) -> Result<Vec<Turn>, NoDialogue> {
    let messages: Vec<Map<String, Value>> = serde_json::from_str(json).map_err(|error| {
        NoDialogue::malformed(format!("a list of messages is expected: {error}"))
    })?;
    messages.iter().enumerate().map(|(at, message)| turn(at + 1, message)).collect()
}

fn turn(number: usize, message: &Map<String, Value>) -> Result<Turn, NoDialogue> {
    let find = |names: [&str; 2]| names.into_iter().find_map(|name| message.get(name));
    let name = find(["role", "from"]).and_then(Value::as_str);
    let name = name.ok_or_else(|| missing(number, "role or from"))?;
    let role = Role::named(name).ok_or_else(|| Role::unknown(number, name))?;
    let text = match find(["content", "value"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) => String::new(),
        Some(Value::Array(parts)) => of_parts(parts)
            .ok_or_else(|| missing(number, "only texts in its content, and no pictures"))?,
        _ => return Err(missing(number, "content or value")),
    };
    Ok(Turn { role, text })
}

/// Joins the parts of a content: texts, or objects with a text.
fn of_parts(parts: &[Value]) -> Option<String> {
    let text = |part: &Value| match part {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => Some(fields.get("text")?.as_str()?.to_owned()),
        _ => None,
    };
    let texts: Option<Vec<String>> = parts.iter().map(text).collect();
    texts.map(|texts| texts.join("\n"))
}

fn missing(number: usize, expected: &str) -> NoDialogue {
    NoDialogue::malformed(format!("message {number} is expected to have {expected}"))
}
