//! Pages of a MediaWiki XML export (<https://www.mediawiki.org/wiki/Help:Export>), such as
//! Wikipedia's `pages-articles` dumps: in order, from valid and damaged files.
//!
//! An export is `<siteinfo>`, then `<page>`s. Each page is cut out by its tags, which its text cannot
//! contain, since `<` is escaped there. Then it is parsed by itself, in
//! [another thread](parallel). So document types are never read, and the entities that they declare are
//! unknown and never expanded.
//!
//! | damage | read | reported |
//! |---|---|---|
//! | the file, or the part of it that can be inflated, ends within a page | nothing of the page | yes |
//! | a page begins within another one | the second | yes |
//! | a page that is not XML or not UTF-8, or that has an unknown entity | nothing of it | yes |
//! | a page over [`PAGE_BYTES_MAX`] | nothing of it | yes |
//! | the file ends without `</mediawiki>` | all pages before | yes |
//! | no page at all | | yes, unless the file is a list that comes with a dump: its index, digests, a table of SQL |

mod page;
#[cfg(test)]
mod tests;

use crate::compressed::{Piece, Pieces};
use crate::defect::{Defect, ReadError};
use crate::parallel;
use memchr::memmem;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

pub use page::Page;

/// A page whose XML is larger is skipped and reported. Wikipedia's own limit is 2 MiB of text.
pub const PAGE_BYTES_MAX: usize = 64 << 20;

/// How far `<siteinfo>` is searched.
const SITE_BYTES_MAX: usize = 1 << 20;

/// How much of a file without pages is examined.
const HEAD_BYTES: usize = 4096;

const BEGIN: &[u8] = b"<page";
const ROOT: &[u8] = b"<mediawiki";
const ROOT_END: &[u8] = b"</mediawiki";
const END: &[u8] = b"</page>";

/// The wiki of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Name of its database: `enwiki`.
    pub dbname: Option<String>,
    /// Address of its main page: `https://en.wikipedia.org/wiki/Main_Page`.
    pub base: Option<String>,
}

/// A page as it is in the export, by the place in the file at which it begins.
type RawPage = (u64, Vec<u8>);

/// The pages of an export.
pub struct Pages {
    pieces: Box<dyn Iterator<Item = Result<Piece, Defect>> + Send>,
    site: Arc<Site>,
    /// The text that is not returned yet.
    text: Vec<u8>,
    /// The unread part of `text` begins here.
    from: usize,
    /// Which places of the file the bytes of `text` come from.
    places: VecDeque<Place>,
    /// Read, and not returned yet.
    out: VecDeque<Result<RawPage, Defect>>,
    is_nonempty: bool,
    ended: bool,
    /// The first bytes of the file.
    head: Vec<u8>,
    /// `</mediawiki>` was read, or another defect of the end was reported.
    is_closed: bool,
    /// The place of the file at which the last piece begins.
    read_to: u64,
}

struct Place {
    from: usize,
    offset: u64,
    plain: bool,
}

/// Opens an export: plain, or in any compression that [`open`](crate::open) knows.
///
/// # Errors
/// When the file cannot be opened.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("dump.xml");
/// let page = "<page><title>Lamp</title><revision><text>A light.</text></revision></page>";
/// std::fs::write(&path, format!("<mediawiki>{page}</mediawiki>"))?;
/// for text in formats::mediawiki::open(&path)?.map(|page| page.text) {
///     assert_eq!(text?.as_deref(), Some("A light."));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(path: &Path) -> Result<Pages, ReadError> {
    Ok(Pages::new(Box::new(Pieces::open(path)?)))
}

impl Pages {
    fn new(pieces: Box<dyn Iterator<Item = Result<Piece, Defect>> + Send>) -> Pages {
        let mut pages = Pages {
            pieces,
            site: Arc::default(),
            text: Vec::new(),
            from: 0,
            places: VecDeque::new(),
            out: VecDeque::new(),
            is_nonempty: false,
            ended: false,
            head: Vec::new(),
            is_closed: false,
            read_to: 0,
        };
        pages.read_site();
        pages
    }

    /// Returns the wiki, as far as the export names it.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Whether the file is not a dump but a list that comes with dumps: an index, digests, a table of
    /// SQL.
    pub fn is_list(&self) -> bool {
        is_list(&self.head)
    }

    /// Calls `convert` for each page, in several threads. The results are in the order of the pages.
    pub fn map<T: Send + 'static>(
        self,
        convert: impl Fn(Page) -> T + Send + Sync + 'static,
    ) -> impl Iterator<Item = Result<T, Defect>> + Send {
        let site = self.site.clone();
        let bytes = |page: &Result<RawPage, Defect>| page.as_ref().map_or(0, |(_, xml)| xml.len());
        parallel::map(Cut(self), bytes, move |page| {
            let (offset, xml) = page?;
            let page = page::parse(&xml)
                .map_err(|what| Defect::new(offset, format!("{what}; the page is left out")))?;
            Ok(convert(Page { offset, site: site.clone(), ..page }))
        })
    }

    /// Reads as far as the first page, or the end of `<siteinfo>`.
    fn read_site(&mut self) {
        let mut searched = 0;
        loop {
            let unread = &self.text[searched..];
            let found = ["</siteinfo>".as_bytes(), b"<page>"]
                .into_iter()
                .filter_map(|mark| memmem::find(unread, mark))
                .min();
            if let Some(at) = found {
                self.site = Arc::new(page::site(&self.text[..searched + at]));
                return;
            }
            if self.text.len() > SITE_BYTES_MAX {
                return;
            }
            searched = self.text.len().saturating_sub(16);
            if !self.read_more() {
                return;
            }
        }
    }

    /// Reads more text. Returns false at the end, or at a defect, which is then in `out`.
    fn read_more(&mut self) -> bool {
        match self.pieces.next() {
            Some(Ok(piece)) => {
                self.forget();
                let place =
                    Place { from: self.text.len(), offset: piece.offset, plain: piece.plain };
                self.read_to = piece.offset;
                self.places.push_back(place);
                let left = HEAD_BYTES.saturating_sub(self.head.len());
                self.head.extend_from_slice(&piece.bytes[..piece.bytes.len().min(left)]);
                self.text.extend_from_slice(&piece.bytes);
                true
            }
            Some(Err(defect)) => {
                self.report(defect);
                false
            }
            None => {
                self.ended = true;
                false
            }
        }
    }

    /// Drops text that was returned, once it is most of the text.
    fn forget(&mut self) {
        if self.from * 2 < self.text.len() {
            return;
        }
        self.text.drain(..self.from);
        for place in &mut self.places {
            let dropped = self.from.saturating_sub(place.from);
            place.offset += if place.plain { dropped as u64 } else { 0 };
            place.from = place.from.saturating_sub(self.from);
        }
        while self.places.get(1).is_some_and(|next| next.from == 0) {
            self.places.pop_front();
        }
        self.from = 0;
    }

    /// Returns the place in the file of a byte of the text.
    fn offset(&self, at: usize) -> u64 {
        let after = self.places.partition_point(|place| place.from <= at);
        let place = after.checked_sub(1).and_then(|last| self.places.get(last));
        place.map_or(0, |place| {
            place.offset + if place.plain { (at - place.from) as u64 } else { 0 }
        })
    }

    fn report(&mut self, defect: Defect) {
        self.is_nonempty = true;
        self.out.push_back(Err(defect));
    }

    /// Reads up to the next page or defect.
    fn step(&mut self) {
        match self.find_page() {
            Some(begin) => {
                self.from = begin;
                self.read_page();
            }
            None if self.ended && !self.is_nonempty => {
                self.is_nonempty = true;
                if !is_list(&self.head) {
                    self.report(Defect::new(0, "no <page> in this file: not a MediaWiki export"));
                }
            }
            None if self.ended && !self.is_closed && memmem::find(&self.head, ROOT).is_some() => {
                self.is_closed = true;
                let what = "the file ends without </mediawiki>: pages after the last one may be \
                            missing; fetch it again";
                self.report(Defect::new(self.read_to, what));
            }
            None => {}
        }
    }

    /// Returns the index at which the next page begins. `None` where the text ends before, or is
    /// interrupted.
    fn find_page(&mut self) -> Option<usize> {
        loop {
            if let Some(at) = begin_of_page(&self.text[self.from..]) {
                return Some(self.from + at);
            }
            self.is_closed |= memmem::find(&self.text[self.from..], ROOT_END).is_some();
            // A tag may be cut by the end of the text.
            self.from = self.from.max(self.text.len().saturating_sub(ROOT_END.len()));
            if !self.read_more() {
                self.drop_text();
                return None;
            }
        }
    }

    fn is_done(&self) -> bool {
        self.ended && self.text.is_empty() && self.is_nonempty
    }

    fn drop_text(&mut self) {
        self.text.clear();
        self.places.clear();
        self.from = 0;
    }

    /// Reads the page that begins at `from`.
    fn read_page(&mut self) {
        let offset = self.offset(self.from);
        // Bytes of the page that were searched.
        let mut searched = BEGIN.len();
        loop {
            let page = &self.text[self.from..];
            let end = memmem::find(&page[searched..], END).map(|at| searched + at + END.len());
            let within = end.unwrap_or(page.len());
            if let Some(next) = begin_of_page(&page[searched..within]) {
                self.from += searched + next;
                return self.report(Defect::new(
                    offset,
                    "a page begins within this one, which is left out",
                ));
            }
            if let Some(end) = end {
                return self.push_page(offset, end);
            }
            if page.len() > PAGE_BYTES_MAX {
                self.from += page.len() - END.len();
                let what = format!("a page of more than {PAGE_BYTES_MAX} bytes is left out");
                return self.report(Defect::new(offset, what));
            }
            searched = page.len().saturating_sub(END.len()).max(BEGIN.len());
            let defects = self.out.len();
            if !self.read_more() {
                let title = page::title(&self.text[self.from..]);
                let title = title.map(|title| format!(", {title:?},")).unwrap_or_default();
                let what = format!(
                    "the text ends within this page{title} which is left out: fetch the file again"
                );
                self.is_closed = true;
                self.out.insert(defects, Err(Defect::new(offset, what)));
                self.is_nonempty = true;
                return self.drop_text();
            }
        }
    }

    fn push_page(&mut self, offset: u64, bytes: usize) {
        let xml = self.text[self.from..self.from + bytes].to_vec();
        self.from += bytes;
        self.is_nonempty = true;
        self.out.push_back(Ok((offset, xml)));
    }
}

/// Whether a file that begins with `head` is not a dump but comes with dumps: the index of a
/// multistream dump (`616:10:Title`), a list of digests, a table of SQL, a feed.
fn is_list(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut fields = first.splitn(3, ':');
    let is_index = fields.next().is_some_and(is_number)
        && fields.next().is_some_and(is_number)
        && fields.next().is_some();
    // As `sha1sum` prints it: digits, two blanks or a blank and a star, the name of a file.
    let is_digest = first.split_once(' ').is_some_and(|(digest, file)| {
        let file = file.strip_prefix([' ', '*']).unwrap_or_default();
        let is_name = file.contains('.') && !file.contains(char::is_whitespace);
        digest.len() >= 4 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_name
    });
    let is_table = first.starts_with("-- MySQL dump") || first.starts_with("-- MariaDB dump");
    is_index || is_digest || is_table || head.contains("<rss ")
}

/// Returns the index of `<page>` or `<page `.
fn begin_of_page(text: &[u8]) -> Option<usize> {
    let ends =
        |at: &usize| text.get(at + BEGIN.len()).is_some_and(|byte| b"> \t\r\n".contains(byte));
    memmem::find_iter(text, BEGIN).find(ends)
}

/// Iterator over the pages as they are in the export.
struct Cut(Pages);

impl Iterator for Cut {
    type Item = Result<RawPage, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        let Cut(pages) = self;
        while pages.out.is_empty() && !pages.is_done() {
            pages.step();
        }
        pages.out.pop_front()
    }
}
