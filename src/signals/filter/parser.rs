//! Parses tokens into a tree by recursive descent, with one function per rule of the grammar.

use super::lexer::{Token, TokenKind, tokens};
use super::{FilterError, Kind, Name, Node, Operand, Operator};

/// Most nested parentheses and `not`s. Bounds the stack, here and during evaluation.
const DEPTH_MAX: usize = 100;

pub(super) fn parse(expression: &str, names: &[Name]) -> Result<Node, FilterError> {
    let tokens = tokens(expression)?;
    let mut parser = Parser { expression, names, tokens, at: 0, depth: 0 };
    if parser.peek() == TokenKind::End {
        return Err(parser.error("an expression is missing"));
    }
    let root = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(root),
        TokenKind::Close => Err(parser.error("there is no parenthesis to close")),
        _ => Err(parser.error("`and` or `or` is missing")),
    }
}

struct Parser<'e> {
    expression: &'e str,
    names: &'e [Name<'e>],
    /// The last is `End`.
    tokens: Vec<Token<'e>>,
    at: usize,
    depth: usize,
}

impl<'e> Parser<'e> {
    fn expression(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.conjunction()?];
        while self.take(TokenKind::Or) {
            nodes.push(self.conjunction()?);
        }
        Ok(single_or(nodes, Node::Or))
    }

    fn conjunction(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.negation()?];
        while self.take(TokenKind::And) {
            nodes.push(self.negation()?);
        }
        Ok(single_or(nodes, Node::And))
    }

    fn negation(&mut self) -> Result<Node, FilterError> {
        match self.peek() {
            TokenKind::Not => {
                self.enter()?;
                let node = self.negation()?;
                self.depth -= 1;
                Ok(Node::Not(Box::new(node)))
            }
            TokenKind::Open => {
                self.enter()?;
                let node = self.expression()?;
                self.depth -= 1;
                self.close()?;
                Ok(node)
            }
            _ => self.comparison(),
        }
    }

    /// Reads the token that begins a level.
    fn enter(&mut self) -> Result<(), FilterError> {
        if self.depth == DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} nested parentheses and `not`s");
            return Err(self.error(message));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), FilterError> {
        match self.peek() {
            TokenKind::Close => {
                self.at += 1;
                Ok(())
            }
            TokenKind::End => Err(self.error("the closing parenthesis is missing")),
            _ => Err(self.error("`and` or `or` is missing")),
        }
    }

    fn comparison(&mut self) -> Result<Node, FilterError> {
        let (left, left_source, left_kind) = self.operand()?;
        let operator_at = self.at;
        let TokenKind::Operator(operator) = self.peek() else {
            return Err(self.error("one of < <= > >= == != is missing"));
        };
        self.at += 1;
        let (right, right_source, right_kind) = self.operand()?;
        let fail = |message: String| {
            Err(FilterError::at(self.expression, &self.tokens[operator_at], message))
        };
        if left_kind != right_kind {
            let (left_kind, right_kind) = (in_words(left_kind), in_words(right_kind));
            return fail(format!(
                "{left_source} is {left_kind} and {right_source} is {right_kind}"
            ));
        }
        if left_kind == Kind::Text && !matches!(operator, Operator::Equal | Operator::NotEqual) {
            return fail("texts can only be compared with == and !=".to_owned());
        }
        Ok(Node::Compare(left, operator, right))
    }

    /// Reads an operand. Returns it with its source and its kind.
    fn operand(&mut self) -> Result<(Operand, String, Kind), FilterError> {
        let operand = match self.peek() {
            TokenKind::Name(name) => {
                let at = self.names.iter().position(|known| known.name == name);
                let at = at.ok_or_else(|| self.error(unknown(name, self.names)))?;
                (Operand::Name(at), name.to_owned(), self.names[at].kind)
            }
            TokenKind::Number(number) => {
                (Operand::Number(number), number.to_string(), Kind::Number)
            }
            TokenKind::Text(text) => (Operand::Text(text.into()), format!("{text:?}"), Kind::Text),
            _ => return Err(self.error("a name, a number or a \"string\" is missing")),
        };
        self.at += 1;
        Ok(operand)
    }

    fn peek(&self) -> TokenKind<'e> {
        self.tokens[self.at].kind
    }

    fn take(&mut self, kind: TokenKind) -> bool {
        let is_there = self.peek() == kind;
        self.at += usize::from(is_there);
        is_there
    }

    /// Returns an error at the next token.
    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError::at(self.expression, &self.tokens[self.at], message)
    }
}

fn single_or(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.remove(0),
        _ => join(nodes),
    }
}

fn in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number",
        Kind::Text => "a text",
    }
}

fn unknown(name: &str, names: &[Name]) -> String {
    // A name at a greater distance than half its letters is not suggested.
    let nearest = names
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known.name), known.name))
        .filter(|(distance, _)| 2 * distance <= name.chars().count())
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, nearest)) => {
            format!("unknown name {name}; the nearest is {nearest}")
        }
        None => format!("unknown name {name}"),
    }
}
