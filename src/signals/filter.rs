//! Filter expressions:
//! `ccnet_perplexity < 340 and (language == "en" or not rps_doc_word_count < 50)`.
//!
//! ```text
//! expression = conjunction { "or" conjunction }
//! conjunction = negation { "and" negation }
//! negation = "not" negation | "(" expression ")" | comparison
//! comparison = operand ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) operand
//! operand = name | number | "string"
//! ```
//!
//! Names are numbers or texts. Texts can only be compared with texts, by `==` and `!=`.
//!
//! **A comparison with an absent value or NaN is false**, for every operator, including `!=`. A
//! document without a perplexity passes neither `ccnet_perplexity < 340` nor
//! `ccnet_perplexity >= 340`, but it does pass `not ccnet_perplexity >= 340`.

mod error;
mod lexer;
mod parser;

pub use error::FilterError;

use std::cmp::Ordering;

/// A name that expressions may use. An expression refers to it by its index in the list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// Letters, digits and `_`, not beginning with a digit.
    pub name: &'a str,
    /// The type of its value.
    pub kind: Kind,
}

/// The type of a name's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A text.
    Text,
}

/// The value of a name for one document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datum<'a> {
    /// The document has no value.
    Absent,
    /// A number.
    Number(f64),
    /// A text.
    Text(&'a str),
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Or(Vec<Node>),
    And(Vec<Node>),
    Not(Box<Node>),
    Compare(Operand, Operator, Operand),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Name(usize),
    Number(f64),
    Text(Box<str>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Filter {
    /// Parses an expression over `names`.
    ///
    /// # Errors
    ///
    /// Fails if the expression is invalid, with a message that marks the place.
    ///
    /// ```
    /// use signals::filter::{Datum, Filter, Kind, Name};
    ///
    /// let names = [Name { name: "score", kind: Kind::Number }];
    /// let filter = Filter::new("score >= 0.5", &names)?;
    /// assert!(filter.holds(|_| Datum::Number(0.75)));
    /// assert!(!filter.holds(|_| Datum::Absent));
    /// # Ok::<(), signals::filter::FilterError>(())
    /// ```
    pub fn new(expression: &str, names: &[Name]) -> Result<Self, FilterError> {
        Ok(Filter { root: parser::parse(expression, names)? })
    }

    /// Evaluates the expression for a document, from left to right and without allocating. `value`
    /// returns the value of a name by its index in the list of names. It is called only for values
    /// that can decide.
    pub fn holds<'v>(&self, mut value: impl FnMut(usize) -> Datum<'v>) -> bool {
        self.root.holds(&mut value)
    }

    /// Returns the indexes of the names in the expression, each once, in ascending order.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = Vec::new();
        self.root.collect(&mut uses);
        uses.sort_unstable();
        uses.dedup();
        uses
    }

    /// Returns the conditions that must all hold, each as an expression.
    pub(crate) fn conditions(&self) -> Vec<Filter> {
        let mut roots = Vec::new();
        self.root.conditions(&mut roots);
        roots.into_iter().map(|root| Filter { root: root.clone() }).collect()
    }

    /// Whether one of several conditions suffices.
    pub(crate) fn is_alternative(&self) -> bool {
        matches!(self.root, Node::Or(_))
    }

    /// If the expression compares a name with a number by `>=` or `<=`: the index of the name,
    /// whether its value must be at or below the number, and the number.
    pub(crate) fn bound(&self) -> Option<(usize, bool, f64)> {
        match &self.root {
            Node::Compare(Operand::Name(at), operator, Operand::Number(number)) => match operator {
                Operator::GreaterOrEqual => Some((*at, false, *number)),
                Operator::LessOrEqual => Some((*at, true, *number)),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Node {
    fn conditions<'n>(&'n self, all: &mut Vec<&'n Node>) {
        match self {
            Node::And(nodes) => nodes.iter().for_each(|node| node.conditions(all)),
            other => all.push(other),
        }
    }

    fn holds<'v>(&self, value: &mut impl FnMut(usize) -> Datum<'v>) -> bool {
        match self {
            Node::Or(nodes) => nodes.iter().any(|node| node.holds(value)),
            Node::And(nodes) => nodes.iter().all(|node| node.holds(value)),
            Node::Not(node) => !node.holds(value),
            Node::Compare(left, operator, right) => {
                let order = match (left.datum(value), right.datum(value)) {
                    (Datum::Number(left), Datum::Number(right)) => left.partial_cmp(&right),
                    (Datum::Text(left), Datum::Text(right)) => Some(left.cmp(right)),
                    _ => None,
                };
                order.is_some_and(|order| operator.holds(order))
            }
        }
    }

    fn collect(&self, uses: &mut Vec<usize>) {
        match self {
            Node::Or(nodes) | Node::And(nodes) => nodes.iter().for_each(|node| node.collect(uses)),
            Node::Not(node) => node.collect(uses),
            Node::Compare(left, _, right) => {
                for operand in [left, right] {
                    if let Operand::Name(at) = operand {
                        uses.push(*at);
                    }
                }
            }
        }
    }
}

impl Operand {
    fn datum<'s, 'v: 's>(&'s self, value: &mut impl FnMut(usize) -> Datum<'v>) -> Datum<'s> {
        match self {
            Operand::Name(at) => value(*at),
            Operand::Number(number) => Datum::Number(*number),
            Operand::Text(text) => Datum::Text(text),
        }
    }
}

impl Operator {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [Name; 4] = [
        Name { name: "a", kind: Kind::Number },
        Name { name: "b", kind: Kind::Number },
        Name { name: "none", kind: Kind::Number },
        Name { name: "language", kind: Kind::Text },
    ];

    fn holds(expression: &str) -> bool {
        let values = [Datum::Number(1.0), Datum::Number(2.5), Datum::Absent, Datum::Text("en")];
        let filter = Filter::new(expression, &NAMES).unwrap_or_else(|error| panic!("{error}"));
        filter.holds(|at| values[at])
    }

    fn error(expression: &str) -> String {
        Filter::new(expression, &NAMES).expect_err(expression).to_string()
    }

    #[test]
    fn comparisons() {
        for truth in ["a < b", "a <= 1", "b > 2.4999", "b >= 2.5", "a == 1", "a != b", "1 < b"] {
            assert!(holds(truth), "{truth}");
        }
        for lie in ["a > b", "a >= 1.5", "b < 2.5", "b <= -3", "a == 2", "a != 1e0", ".5 > a"] {
            assert!(!holds(lie), "{lie}");
        }
        assert!(holds("language == \"en\"") && holds("'de' != language"));
        assert!(!holds("language == \"\""));
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        assert!(holds("a == 1 or a == 2 and b == 0"));
        assert!(!holds("(a == 1 or a == 2) and b == 0"));
        assert!(holds("not a == 2 and b == 2.5"));
        assert!(!holds("not (a == 2 or b == 2.5)"));
        assert!(holds("not not a == 1"));
    }

    #[test]
    fn comparing_with_an_absent_value_is_false_either_way() {
        for operator in ["<", "<=", ">", ">=", "==", "!="] {
            assert!(!holds(&format!("none {operator} 1")), "{operator}");
            assert!(!holds(&format!("none {operator} none")), "{operator}");
        }
        assert!(holds("not none >= 340"));
        assert!(holds("none < 1 or a == 1"));
    }

    #[test]
    fn comparing_with_nan_is_false_either_way() {
        for operator in ["<", "<=", ">", ">=", "==", "!="] {
            let filter = Filter::new(&format!("a {operator} 1"), &NAMES).expect("an expression");
            assert!(!filter.holds(|_| Datum::Number(f64::NAN)), "{operator}");
        }
    }

    #[test]
    fn only_deciding_values_are_requested() {
        let filter = Filter::new("a < 1 and b > 2 or none > 0", &NAMES).expect("an expression");
        assert_eq!(filter.uses(), [0, 1, 2]);
        let mut asked = Vec::new();
        let holds = filter.holds(|at| {
            asked.push(at);
            Datum::Number(1.0)
        });
        assert!(holds);
        assert_eq!(asked, [0, 2]);
    }

    #[test]
    fn an_unknown_name_is_shown_with_its_place_and_the_nearest_known_one() {
        assert_eq!(
            error("a < 1 and langage == \"en\""),
            "unknown name langage; the nearest is language\n  \
             a < 1 and langage == \"en\"\n            ^"
        );
        assert!(error("xyzzyxyzzy > 1").starts_with("unknown name xyzzyxyzzy\n"));
    }

    #[test]
    fn invalid_expressions_are_shown_with_the_place_of_the_error() {
        for (expression, message, column) in [
            ("", "an expression is missing", 0),
            ("a <", "a name, a number or a \"string\" is missing", 3),
            ("a", "one of < <= > >= == != is missing", 1),
            ("a < 1 b", "`and` or `or` is missing", 6),
            ("a < b < 2", "`and` or `or` is missing", 6),
            ("(a < 1", "the closing parenthesis is missing", 6),
            ("a < 1)", "there is no parenthesis to close", 5),
            ("a = 1", "= is not an operator; use == to compare", 2),
            ("a & 1", "& is not allowed here", 2),
            ("a < 1 and", "a name, a number or a \"string\" is missing", 9),
            ("and a < 1", "a name, a number or a \"string\" is missing", 0),
            ("language == \"en", "the string has no closing quote", 12),
            ("a < 1.2.3", "1.2.3 is not a number", 4),
            ("a < 12abc", "12abc is not a number", 4),
            ("a < 1e999", "1e999 is not a number", 4),
            ("language < \"en\"", "texts can only be compared with == and !=", 9),
            ("language == 1", "language is a text and 1 is a number", 9),
            ("a == \"en\"", "a is a number and \"en\" is a text", 2),
        ] {
            let mark = format!("{:width$}^", "", width = column + 2);
            assert_eq!(error(expression), format!("{message}\n  {expression}\n{mark}"));
        }
    }

    #[test]
    fn columns_are_characters_and_long_lines_are_shown_whole() {
        let error = error("'é' == language\n and ü > 1");
        assert!(
            error.ends_with("\n  'é' == language  and ü > 1\n                       ^"),
            "{error}"
        );
    }

    #[test]
    fn deep_nesting_is_an_error_and_long_chains_are_not() {
        let deep = "(".repeat(100_000) + "a < 1" + &")".repeat(100_000);
        assert!(error(&deep).starts_with("more than 100 nested parentheses and `not`s"));
        assert!(error(&"not ".repeat(100_000)).starts_with("more than 100"));
        assert!(holds(&(String::from("a == 1") + &" and a == 1".repeat(100_000))));
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn no_text_makes_the_parser_panic(expression in "([a(<=!>&\"'é 1.e-]|and |or |not |language|none){0,30}") {
            if let Ok(filter) = Filter::new(&expression, &NAMES) {
                filter.holds(|_| Datum::Absent);
            }
        }

        #[test]
        fn no_other_text_makes_the_parser_panic(expression in any::<String>()) {
            let _ = Filter::new(&expression, &NAMES);
        }
    }
}
