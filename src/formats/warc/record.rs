//! A WARC record.

use std::fmt;

/// One WARC record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarcRecord {
    /// Byte of the stored file at which the record begins, or the member that it begins in.
    pub offset: u64,
    /// `WARC-Type`.
    pub kind: Kind,
    /// `WARC-Target-URI`, without the angle brackets that some writers put around it.
    pub url: Option<String>,
    /// `WARC-Date`, as written.
    pub date: Option<String>,
    /// `WARC-Block-Digest`, as written: `sha1:` and base 32.
    pub digest: Option<String>,
    /// `WARC-Record-ID`, as written.
    pub record_id: Option<String>,
    /// `Content-Length`, as the header says.
    pub content_length: u64,
    /// The block, then the line ends before the next record: CCNet's parser, which reads lines and not
    /// lengths, sees those too.
    pub body: Vec<u8>,
    /// How many bytes of `body` are the block.
    pub block_len: usize,
    /// Whether the block is shorter than the header says. The defect that follows says why.
    pub truncated: bool,
}

impl WarcRecord {
    /// Returns the block without the line ends after it.
    pub fn block(&self) -> &[u8] {
        &self.body[..self.block_len]
    }
}

/// `WARC-Type`: the eight of ISO 28500, and any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Describes the records that follow.
    Warcinfo,
    /// A server's response, with its HTTP header.
    Response,
    /// A file that was not sent by a server.
    Resource,
    /// A request to a server.
    Request,
    /// Describes another record.
    Metadata,
    /// A response that is the same as before.
    Revisit,
    /// Another record's content in another form: its text, in WET files.
    Conversion,
    /// The rest of a record that was split.
    Continuation,
    /// Any other word, in lower case.
    Other(String),
}

impl Kind {
    /// Returns the kind that a header names. ISO 28500 ignores case.
    pub fn of_name(name: &str) -> Kind {
        match name.trim().to_ascii_lowercase().as_str() {
            "warcinfo" => Kind::Warcinfo,
            "response" => Kind::Response,
            "resource" => Kind::Resource,
            "request" => Kind::Request,
            "metadata" => Kind::Metadata,
            "revisit" => Kind::Revisit,
            "conversion" => Kind::Conversion,
            "continuation" => Kind::Continuation,
            other => Kind::Other(other.to_owned()),
        }
    }

    /// Returns the name that headers use.
    pub fn as_str(&self) -> &str {
        match self {
            Kind::Warcinfo => "warcinfo",
            Kind::Response => "response",
            Kind::Resource => "resource",
            Kind::Request => "request",
            Kind::Metadata => "metadata",
            Kind::Revisit => "revisit",
            Kind::Conversion => "conversion",
            Kind::Continuation => "continuation",
            Kind::Other(name) => name,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
