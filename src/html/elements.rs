//! The stack of open elements, and the elements that are opened and closed implicitly, as in
//! libxml2's `HTMLparser.c` (2.14).
//!
//! The rules are those of HTML 4: a start tag may end open elements (`<li>` another `<li>`), an end
//! tag ends the open elements inside its own unless one has more weight, and `html`, `head` and
//! `body` exist whether they are written or not. For the text it only matters between which two
//! pieces of text an element begins or ends.

use crate::Sink;
use crate::blank::is_blank;
use hashbrown::HashMap;
use std::sync::LazyLock;

/// Open elements, outermost first.
pub(crate) struct Elements<'a, S> {
    pub sink: &'a mut S,
    open: Vec<Name>,
    /// For each name, by its number, the positions at which it is open. Looked up instead of
    /// searched, so that a page of end tags takes no longer than others.
    places: Vec<Vec<usize>>,
    /// Names that are not in [`Tables::names`].
    others: HashMap<Box<str>, Name, foldhash::fast::RandomState>,
    other_names: Vec<Box<str>>,
    seen_head: bool,
    seen_body: bool,
    /// Number of ignored start tags of `html`, `head` and `body`. As many end tags are ignored.
    left_out: usize,
}

/// A number for a name: its index in [`Tables::names`], or a later one.
pub(crate) type Name = usize;

/// How the content of an element is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text and tags.
    Markup,
    /// Text with references, up to the end tag.
    Rcdata,
    /// Text, up to the end tag.
    Raw,
    /// Text, up to the end tag that is not in a comment with a script of its own.
    Script,
    /// Text, up to the end of the page.
    Plain,
}

/// Start tags that end the innermost element: elements, then start tags.
const ENDED_BY: &[(&str, &str)] = &[
    ("a", "a fieldset table td th"),
    ("address", "dd dl dt form li ul"),
    ("b i", "center p td th"),
    ("big s small strike tt", "p"),
    ("caption col", "col colgroup tbody tfoot thead tr"),
    ("colgroup", "colgroup tbody tfoot thead tr"),
    ("dd", "dt"),
    ("dir menu", "dd dl dt form ul"),
    ("dl", "form li"),
    ("dt", "dd dl"),
    ("font", "center td th"),
    ("form", "form"),
    ("h1 h2 h3 h4 h5 h6", "fieldset form li p table"),
    (
        "head",
        "a abbr acronym address b bdo big blockquote body br center cite code dd dfn dir div dl dt \
         em fieldset font form frameset h1 h2 h3 h4 h5 h6 hr i iframe img kbd li listing map menu \
         ol p pre q s samp small span strike strong sub sup table tt u ul var xmp",
    ),
    ("hr ol", "form"),
    ("legend", "fieldset"),
    ("li", "li"),
    ("link style title", "body frameset"),
    ("listing pre xmp", "dd dl dt fieldset form li table ul"),
    ("option", "optgroup option"),
    (
        "p",
        "address blockquote body caption center col colgroup dd dir div dl dt fieldset form \
         frameset h1 h2 h3 h4 h5 h6 head hr li listing menu ol p pre table tbody td tfoot th title \
         tr ul xmp",
    ),
    ("script", "noscript"),
    ("span", "td th"),
    ("tbody", "tbody tfoot"),
    ("td th", "tbody td tfoot th tr"),
    ("tfoot", "tbody"),
    ("thead", "tbody tfoot"),
    ("tr", "tbody tfoot tr"),
    ("u", "p td th"),
    ("ul", "address form menu pre"),
];

/// Elements that an end tag of less weight does not close. All other elements have weight 100.
const WEIGHTS: &[(&str, u8)] = &[
    ("div", 150),
    ("td", 160),
    ("th", 160),
    ("tr", 170),
    ("thead", 180),
    ("tbody", 180),
    ("tfoot", 180),
    ("table", 190),
    ("head", 200),
    ("body", 200),
    ("html", 220),
];
const WEIGHT: u8 = 100;

/// Elements without content.
const VOID: &str = "area base basefont br col frame hr img input isindex link meta param";

/// Start tags that open `head` if nothing is open yet.
const OF_HEAD: &str = "base link meta script style title";

/// Start tags that do not open `body`.
const NO_BODY: &str = "frame frameset noframes";

const CONTENTS: &[(&str, Content)] = &[
    ("iframe", Content::Raw),
    ("noembed", Content::Raw),
    ("noframes", Content::Raw),
    ("plaintext", Content::Plain),
    ("script", Content::Script),
    ("style", Content::Raw),
    ("textarea", Content::Rcdata),
    ("title", Content::Rcdata),
    ("xmp", Content::Raw),
];

/// The lists above by number.
struct Tables {
    /// Sorted.
    names: Vec<&'static str>,
    /// For each element, a bit for each start tag that ends it.
    ended_by: Vec<u128>,
    weights: Vec<u8>,
    /// The elements with more weight than others.
    heavy: Vec<Name>,
    void: Vec<bool>,
    contents: Vec<Content>,
    of_head: Vec<bool>,
    no_body: Vec<bool>,
    html: Name,
    head: Name,
    body: Name,
    p: Name,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

impl Tables {
    fn new() -> Tables {
        let lists = ENDED_BY.iter().flat_map(|(elements, tags)| [*elements, *tags]);
        let names = lists.chain([VOID, OF_HEAD, NO_BODY]).flat_map(str::split_ascii_whitespace);
        let names = names.chain(WEIGHTS.iter().map(|(name, _)| *name));
        let mut names: Vec<_> = names.chain(CONTENTS.iter().map(|(name, _)| *name)).collect();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() <= 128, "a bit for each name");
        let number = |name: &str| names.binary_search(&name).expect("every name is in the list");
        let are_in = |list: &str| {
            let listed: Vec<_> = list.split_ascii_whitespace().collect();
            names.iter().map(|name| listed.contains(name)).collect::<Vec<_>>()
        };
        let mut ended_by = vec![0; names.len()];
        for (elements, tags) in ENDED_BY {
            let bits = tags.split_ascii_whitespace().fold(0, |bits, tag| bits | 1 << number(tag));
            for element in elements.split_ascii_whitespace() {
                ended_by[number(element)] |= bits;
            }
        }
        let mut weights = vec![WEIGHT; names.len()];
        WEIGHTS.iter().for_each(|(name, weight)| weights[number(name)] = *weight);
        let mut contents = vec![Content::Markup; names.len()];
        CONTENTS.iter().for_each(|(name, content)| contents[number(name)] = *content);
        Tables {
            ended_by,
            weights,
            heavy: WEIGHTS.iter().map(|(name, _)| number(name)).collect(),
            void: are_in(VOID),
            contents,
            of_head: are_in(OF_HEAD),
            no_body: are_in(NO_BODY),
            html: number("html"),
            head: number("head"),
            body: number("body"),
            p: number("p"),
            names,
        }
    }

    fn weight(&self, name: Name) -> u8 {
        self.weights.get(name).copied().unwrap_or(WEIGHT)
    }

    fn is_ended_by(&self, element: Name, tag: Name) -> bool {
        let known = self.names.len();
        element < known && tag < known && self.ended_by[element] & 1 << tag != 0
    }
}

impl<'a, S: Sink> Elements<'a, S> {
    pub fn new(sink: &'a mut S) -> Self {
        Elements {
            sink,
            open: Vec::new(),
            places: Vec::new(),
            others: HashMap::default(),
            other_names: Vec::new(),
            seen_head: false,
            seen_body: false,
            left_out: 0,
        }
    }

    /// Returns the number of a name in lower case.
    pub fn number(&mut self, name: &str) -> Name {
        if let Ok(number) = TABLES.names.binary_search(&name) {
            return number;
        }
        if let Some(number) = self.others.get(name) {
            return *number;
        }
        let number = TABLES.names.len() + self.other_names.len();
        self.others.insert(name.into(), number);
        self.other_names.push(name.into());
        number
    }

    pub fn name(&self, number: Name) -> &str {
        name_of(number, &self.other_names)
    }

    pub fn innermost(&self) -> Option<Name> {
        self.open.last().copied()
    }

    /// Ends and opens other elements for a start tag, before its attributes are read. Returns
    /// whether the tag opens an element itself.
    pub fn prepare(&mut self, tag: Name) -> bool {
        self.end_for(tag);
        self.imply(tag);
        let left_out = if tag == TABLES.html {
            usize::from(!self.open.is_empty())
        } else if tag == TABLES.head {
            usize::from(self.open.len() != 1)
        } else if tag == TABLES.body {
            self.places(tag).len()
        } else {
            0
        };
        self.left_out += left_out;
        left_out == 0
    }

    /// Opens an element.
    pub fn open(&mut self, name: Name) {
        self.seen_head |= name == TABLES.head;
        self.seen_body |= name == TABLES.body;
        if name >= self.places.len() {
            self.places.resize(name + 1, Vec::new());
        }
        self.places[name].push(self.open.len());
        self.open.push(name);
        self.sink.start(name_of(name, &self.other_names));
    }

    /// Ends the innermost element.
    pub fn end_innermost(&mut self) {
        let Some(name) = self.open.pop() else { return };
        self.places[name].pop();
        self.sink.end(name_of(name, &self.other_names));
    }

    /// Returns how the content of the innermost element is read, and ends the element if it is
    /// void.
    pub fn content(&mut self) -> Content {
        let Some(name) = self.innermost() else { return Content::Markup };
        if TABLES.void.get(name) == Some(&true) {
            self.end_innermost();
            return Content::Markup;
        }
        TABLES.contents.get(name).copied().unwrap_or(Content::Markup)
    }

    /// Handles an end tag.
    pub fn end(&mut self, tag: Name) {
        if self.left_out > 0 && [TABLES.html, TABLES.head, TABLES.body].contains(&tag) {
            self.left_out -= 1;
            return;
        }
        let Some(place) = self.places(tag).last().copied() else { return };
        let weight = TABLES.weight(tag);
        let is_above = |name: &Name| self.places(*name).last().is_some_and(|at| *at > place);
        let mut heavier = TABLES.heavy.iter().filter(|name| TABLES.weights[**name] > weight);
        if heavier.any(is_above) {
            return;
        }
        while self.open.len() > place {
            self.end_innermost();
        }
    }

    /// Opens `body`, if it is not open, for text that is not blank.
    pub fn prepare_text(&mut self) {
        if self.innermost() == Some(TABLES.head) {
            self.end_for(TABLES.p);
        }
        self.imply(TABLES.p);
    }

    /// Adds text. Outside of `body`, leading blanks come before the elements that it opens.
    pub fn text(&mut self, text: &str) {
        let outside = [None, Some(TABLES.html), Some(TABLES.head)];
        if !outside.contains(&self.innermost()) {
            return self.sink.data(text);
        }
        let rest = text.trim_start_matches(is_blank);
        self.sink.data(&text[..text.len() - rest.len()]);
        if !rest.is_empty() {
            self.prepare_text();
            self.sink.data(rest);
        }
    }

    fn places(&self, name: Name) -> &[usize] {
        self.places.get(name).map_or(&[], Vec::as_slice)
    }

    fn end_for(&mut self, tag: Name) {
        while self.innermost().is_some_and(|element| TABLES.is_ended_by(element, tag)) {
            self.end_innermost();
        }
    }

    fn imply(&mut self, tag: Name) {
        if tag == TABLES.html {
            return;
        }
        if self.open.is_empty() {
            self.open(TABLES.html);
        }
        if tag == TABLES.body || tag == TABLES.head {
            return;
        }
        if self.open.len() <= 1 && TABLES.of_head.get(tag) == Some(&true) {
            if !self.seen_head && !self.seen_body {
                self.open(TABLES.head);
            }
        } else if TABLES.no_body.get(tag) != Some(&true) {
            let is_open = |name| !self.places(name).is_empty();
            if !self.seen_body && !is_open(TABLES.body) && !is_open(TABLES.head) {
                self.open(TABLES.body);
            }
        }
    }
}

fn name_of(number: Name, others: &[Box<str>]) -> &str {
    let known = &TABLES.names;
    known.get(number).copied().unwrap_or_else(|| &others[number - known.len()])
}
