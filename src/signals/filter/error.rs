//! Errors of expressions.

use super::lexer::Token;
use std::fmt;

/// An invalid expression. The message shows the expression with a mark under the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    message: String,
    expression: String,
    column: usize,
}

impl FilterError {
    pub(super) fn new(expression: &str, at: usize, message: impl Into<String>) -> Self {
        FilterError {
            message: message.into(),
            expression: expression.to_owned(),
            column: expression[..at].chars().count(),
        }
    }

    pub(super) fn at(expression: &str, token: &Token, message: impl Into<String>) -> Self {
        FilterError::new(expression, token.start, message)
    }

    /// Returns the position of the error, in characters from the start of the expression.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // On one line, so that the mark is under the right one.
        let line: String =
            self.expression.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let FilterError { message, column, .. } = self;
        write!(f, "{message}\n  {line}\n{:column$}  ^", "")
    }
}

impl std::error::Error for FilterError {}
