//! Splits expressions into tokens.

use super::{FilterError, Operator};

/// A token and its offset in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'e> {
    pub start: usize,
    pub kind: TokenKind<'e>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TokenKind<'e> {
    Name(&'e str),
    Number(f64),
    Text(&'e str),
    Operator(Operator),
    And,
    Or,
    Not,
    Open,
    Close,
    End,
}

/// Returns the tokens of an expression, with `End` as the last.
pub(super) fn tokens(expression: &str) -> Result<Vec<Token<'_>>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at += expression[at..].len() - expression[at..].trim_start().len();
        let (kind, length) = next(expression, at)?;
        tokens.push(Token { start: at, kind });
        if kind == TokenKind::End {
            return Ok(tokens);
        }
        at += length;
    }
}

/// Returns the token at the start of `expression`, which is not blank, and its length.
fn next(expression: &str, at: usize) -> Result<(TokenKind<'_>, usize), FilterError> {
    let rest = &expression[at..];
    let error = |message: String| Err(FilterError::new(expression, at, message));
    let Some(first) = rest.chars().next() else { return Ok((TokenKind::End, 0)) };
    match first {
        '(' => Ok((TokenKind::Open, 1)),
        ')' => Ok((TokenKind::Close, 1)),
        '"' | '\'' => match rest[1..].split_once(first) {
            Some((text, _)) => Ok((TokenKind::Text(text), text.len() + 2)),
            None => error("the string has no closing quote".to_owned()),
        },
        '<' | '>' | '=' | '!' => match operator(rest) {
            Some((operator, length)) => Ok((TokenKind::Operator(operator), length)),
            None if first == '=' => error("= is not an operator; use == to compare".to_owned()),
            None => error("! is not an operator; use != or `not`".to_owned()),
        },
        c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => {
            let word = number(rest);
            match word.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok((TokenKind::Number(number), word.len())),
                _ => error(format!("{word} is not a number")),
            }
        }
        c if is_name(c) => {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let kind = match &rest[..end] {
                "and" => TokenKind::And,
                "or" => TokenKind::Or,
                "not" => TokenKind::Not,
                name => TokenKind::Name(name),
            };
            Ok((kind, end))
        }
        c => error(format!("{c} is not allowed here")),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn operator(rest: &str) -> Option<(Operator, usize)> {
    let two = match rest.as_bytes().get(..2) {
        Some(b"<=") => Some(Operator::LessOrEqual),
        Some(b">=") => Some(Operator::GreaterOrEqual),
        Some(b"==") => Some(Operator::Equal),
        Some(b"!=") => Some(Operator::NotEqual),
        _ => None,
    };
    match (two, rest.as_bytes()[0]) {
        (Some(operator), _) => Some((operator, 2)),
        (None, b'<') => Some((Operator::Less, 1)),
        (None, b'>') => Some((Operator::Greater, 1)),
        _ => None,
    }
}

/// Returns the number at the start: all characters up to the next one that cannot be in a number.
fn number(rest: &str) -> &str {
    let mut before = ' ';
    let end = rest.char_indices().find_map(|(at, c)| {
        let is_sign = matches!(c, '-' | '+') && (at == 0 || matches!(before, 'e' | 'E'));
        before = c;
        (!is_sign && !is_name(c) && c != '.').then_some(at)
    });
    &rest[..end.unwrap_or(rest.len())]
}
