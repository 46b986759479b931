//! The context of the tokenizer, as a bit set (mwparserfromhell `contexts.py`).

pub(crate) type Context = u64;

pub(crate) const TEMPLATE_NAME: Context = 1 << 0;
pub(crate) const TEMPLATE_PARAM_KEY: Context = 1 << 1;
pub(crate) const TEMPLATE_PARAM_VALUE: Context = 1 << 2;
pub(crate) const TEMPLATE: Context = TEMPLATE_NAME | TEMPLATE_PARAM_KEY | TEMPLATE_PARAM_VALUE;

pub(crate) const ARGUMENT_NAME: Context = 1 << 3;
pub(crate) const ARGUMENT_DEFAULT: Context = 1 << 4;
pub(crate) const ARGUMENT: Context = ARGUMENT_NAME | ARGUMENT_DEFAULT;

pub(crate) const WIKILINK_TITLE: Context = 1 << 5;
pub(crate) const WIKILINK_TEXT: Context = 1 << 6;
pub(crate) const WIKILINK: Context = WIKILINK_TITLE | WIKILINK_TEXT;

pub(crate) const EXT_LINK_URI: Context = 1 << 7;
pub(crate) const EXT_LINK_TITLE: Context = 1 << 8;
const EXT_LINK: Context = EXT_LINK_URI | EXT_LINK_TITLE;

/// The first of six levels, one bit each.
pub(crate) const HEADING_LEVEL_1: Context = 1 << 9;
pub(crate) const HEADING: Context = 0x3f << 9;

pub(crate) const TAG_OPEN: Context = 1 << 15;
pub(crate) const TAG_ATTR: Context = 1 << 16;
pub(crate) const TAG_BODY: Context = 1 << 17;
pub(crate) const TAG_CLOSE: Context = 1 << 18;
const TAG: Context = TAG_OPEN | TAG_ATTR | TAG_BODY | TAG_CLOSE;

pub(crate) const STYLE_ITALICS: Context = 1 << 19;
pub(crate) const STYLE_BOLD: Context = 1 << 20;
pub(crate) const STYLE_PASS_AGAIN: Context = 1 << 21;
pub(crate) const STYLE_SECOND_PASS: Context = 1 << 22;
const STYLE: Context = STYLE_ITALICS | STYLE_BOLD | STYLE_PASS_AGAIN | STYLE_SECOND_PASS;

pub(crate) const DL_TERM: Context = 1 << 23;

pub(crate) const HAS_TEXT: Context = 1 << 24;
pub(crate) const FAIL_ON_TEXT: Context = 1 << 25;
pub(crate) const FAIL_NEXT: Context = 1 << 26;
pub(crate) const FAIL_ON_LBRACE: Context = 1 << 27;
pub(crate) const FAIL_ON_RBRACE: Context = 1 << 28;
pub(crate) const FAIL_ON_EQUALS: Context = 1 << 29;
pub(crate) const HAS_TEMPLATE: Context = 1 << 30;

pub(crate) const TABLE_OPEN: Context = 1 << 31;
pub(crate) const TABLE_CELL_OPEN: Context = 1 << 32;
pub(crate) const TABLE_CELL_STYLE: Context = 1 << 33;
pub(crate) const TABLE_ROW_OPEN: Context = 1 << 34;
pub(crate) const TABLE_TD_LINE: Context = 1 << 35;
pub(crate) const TABLE_TH_LINE: Context = 1 << 36;
pub(crate) const TABLE_CELL_LINE: Context = TABLE_TD_LINE | TABLE_TH_LINE | TABLE_CELL_STYLE;

/// Number of bits.
pub(crate) const BITS: u32 = 37;

/// Contexts that must be closed: the end of the page undoes them.
pub(crate) const FAIL: Context =
    TEMPLATE | ARGUMENT | WIKILINK | EXT_LINK_TITLE | HEADING | TAG | STYLE | TABLE_OPEN;
/// Contexts in which characters must be checked one by one.
pub(crate) const UNSAFE: Context =
    TEMPLATE_NAME | WIKILINK_TITLE | EXT_LINK_TITLE | TEMPLATE_PARAM_KEY | ARGUMENT_NAME;
/// Contexts of two frames that fail together.
pub(crate) const DOUBLE: Context = TEMPLATE_PARAM_KEY | TAG_CLOSE | TABLE_ROW_OPEN;
pub(crate) const NO_WIKILINKS: Context =
    TEMPLATE_NAME | ARGUMENT_NAME | WIKILINK_TITLE | EXT_LINK_URI;
pub(crate) const NO_EXT_LINKS: Context = TEMPLATE_NAME | ARGUMENT_NAME | WIKILINK_TITLE | EXT_LINK;
