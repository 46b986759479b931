//! What a WARC file is made of.

use std::fmt;

/// One WARC record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarcRecord {
    /// Byte of the file as stored where the record begins, or the member that it begins in.
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
    /// The block, then the line ends between it and the next record: CCNet's parser, which goes by
    /// lines and not by length, sees those too.
    pub body: Vec<u8>,
    /// How many bytes of `body` are the block.
    pub block_len: usize,
    /// The block is shorter than the header says. The defect that follows says why.
    pub truncated: bool,
}

impl WarcRecord {
    /// The block proper.
    pub fn block(&self) -> &[u8] {
        &self.body[..self.block_len]
    }
}

/// `WARC-Type`: the eight that ISO 28500 names, and any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// About the records that follow.
    Warcinfo,
    /// What a server sent, HTTP header and all.
    Response,
    /// A file that no server sent.
    Resource,
    /// What a server was asked.
    Request,
    /// About another record.
    Metadata,
    /// The same as before.
    Revisit,
    /// Another record's content in another form: of WET files, its text.
    Conversion,
    /// The rest of a record that was split.
    Continuation,
    /// Any other word, in lower case.
    Other(String),
}

impl Kind {
    /// The kind that a header names. Case does not matter, by ISO 28500.
    pub fn named(name: &str) -> Kind {
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

    /// As headers write it.
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
