//! What is the book in a file? Plain texts, HTML pages, EPUBs, and zip archives of these, without
//! the header and licence that Project Gutenberg puts around its texts.

mod page;
mod single;
mod zip;

use formats::Defect;

pub use single::{epub, file};
pub use zip::{is_text_name, zip};

/// A book, or a file that should be one.
#[derive(Debug)]
pub struct Book {
    /// Byte at which the book begins: 0, or its member of an archive.
    pub offset: u64,
    /// Size of the file, or of the text of an EPUB, in bytes.
    pub bytes_read: u64,
    /// The text, or why there is none.
    pub text: Result<String, NoBook>,
    /// Title, author and other fields, in the order in which they are published.
    pub fields: Vec<(String, String)>,
    /// Its number at Project Gutenberg.
    pub number: Option<u64>,
    /// The encoding of the file, if it is not UTF-8.
    pub encoding: Option<&'static str>,
    /// What is damaged, cut short, or suspicious.
    pub defects: Vec<Defect>,
}

impl Book {
    /// A file without a text, and nothing else known of it.
    fn without_text(offset: u64, bytes_read: u64, reason: NoBook) -> Book {
        Book {
            offset,
            bytes_read,
            text: Err(reason),
            fields: Vec::new(),
            number: None,
            encoding: None,
            defects: Vec::new(),
        }
    }
}

/// Why a file has no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBook {
    /// It is not text: a program, a picture, an unsupported format.
    NotText,
    /// It is text in an encoding that could not be determined.
    UnknownEncoding,
    /// It is an encrypted EPUB.
    Encrypted,
}

/// The books of a file. An item that cannot be read at all is a defect.
pub type Books = Box<dyn Iterator<Item = Result<Book, Defect>> + Send>;

/// Bounds the length of a message, whatever names are in it.
fn bounded(message: &str) -> String {
    message[..message.floor_char_boundary(500)].to_owned()
}
