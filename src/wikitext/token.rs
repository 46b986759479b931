//! The tokens of a page: a flat list in which nodes with contents open and close.

/// The kind of a token. Only kinds that the cleaning distinguishes are separate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Source text from `from` to `to`.
    Text,
    /// One character, `from`: that of an entity.
    Char,
    /// A node without text: a template, a comment, a list marker, a link without a label.
    Empty,
    /// A tag without contents, whose name is the source from `from` to `to`.
    LoneTag,
    /// Opens a node of another kind: bold text, a table's row, an external link's label.
    Group,
    /// Opens a heading.
    Heading,
    /// Opens a wikilink, whose title begins at `from`. The contents are its text, or its title.
    Link,
    /// Opens a tag, whose name is the source from `from` to `to`.
    Tag,
    /// Opens a table in wiki markup.
    Table,
    /// Closes the node that was opened last.
    Close,
}

/// A token. `from` and `to` are byte offsets in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub from: u32,
    pub to: u32,
}

impl Token {
    pub(crate) fn new(kind: Kind) -> Token {
        Token { kind, from: 0, to: 0 }
    }

    pub(crate) fn spanning(kind: Kind, from: usize, to: usize) -> Token {
        // Pages of 4 GiB are refused earlier.
        Token { kind, from: from as u32, to: to as u32 }
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.from as usize..self.to as usize
    }

    pub(crate) fn opens(self) -> bool {
        matches!(self.kind, Kind::Group | Kind::Heading | Kind::Link | Kind::Tag | Kind::Table)
    }
}

/// Returns, for each opening token, the index of its closing token, and for any other its own
/// index.
pub(crate) fn ends(tokens: &[Token]) -> Vec<u32> {
    let mut ends: Vec<u32> = (0..tokens.len() as u32).collect();
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.opens() {
            open.push(at);
        } else if token.kind == Kind::Close
            && let Some(opened) = open.pop()
        {
            ends[opened] = at as u32;
        }
    }
    ends
}
