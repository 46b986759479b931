//! What the tokenizer makes of a page: a flat list, in which what has contents opens and closes.

/// What a token is. Only what the cleaning has to tell apart is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Source text from `from` to `to`.
    Text,
    /// One character, `from`: what an entity stands for.
    Char,
    /// A node that says nothing: a template, a comment, a list marker, a link without a label.
    Empty,
    /// A tag without contents, whose name is the source from `from` to `to`.
    LoneTag,
    /// Opens a node of no special name: bold text, a table's row, an external link's label.
    Group,
    /// Opens a heading.
    Heading,
    /// Opens a wikilink, whose title begins at `from`. The contents are its text, or its title.
    Link,
    /// Opens a tag, whose name is the source from `from` to `to`.
    Tag,
    /// Opens a table in wiki markup.
    Table,
    /// Closes what was opened last.
    Close,
}

/// See the module. Places are bytes of the source.
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
        // Pages of 4 GiB are refused before.
        Token { kind, from: from as u32, to: to as u32 }
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.from as usize..self.to as usize
    }

    pub(crate) fn opens(self) -> bool {
        matches!(self.kind, Kind::Group | Kind::Heading | Kind::Link | Kind::Tag | Kind::Table)
    }
}

/// For each token that opens, where it closes; for each other token, where it stands.
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
