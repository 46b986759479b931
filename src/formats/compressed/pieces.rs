//! The text of a file in pieces, each with its place in the stored file, past damage.

use super::bzip2::{self, Blocks};
use super::{Begun, Codec, Members, Next, begin};
use crate::defect::{Defect, ReadError};
use std::path::Path;

/// A piece of the text.
pub(crate) struct Piece {
    /// Byte of the stored file at which it begins, or, in compressed files, at which its member or
    /// block begins.
    pub offset: u64,
    /// Whether each byte of the piece is a byte of the stored file.
    pub plain: bool,
    pub bytes: Vec<u8>,
}

/// Iterator over the pieces. After an error the text continues, with some of it missing.
pub(crate) enum Pieces {
    Members { members: Box<Members>, ended: bool },
    Blocks(Box<Blocks>),
}

impl Pieces {
    pub(crate) fn open(path: &Path) -> Result<Pieces, ReadError> {
        let cannot_open = |source| ReadError::new(path, source);
        let Begun { stored, codec } = begin(path).map_err(cannot_open)?;
        if codec == Codec::Bzip2 {
            return Ok(Pieces::Blocks(Box::new(bzip2::blocks(stored))));
        }
        Ok(Pieces::Members { members: Box::new(Members::new(stored, codec)), ended: false })
    }
}

impl Iterator for Pieces {
    type Item = Result<Piece, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        let (members, ended) = match self {
            Pieces::Members { members, ended } => (members, ended),
            Pieces::Blocks(blocks) => {
                let piece = |(offset, bytes)| Piece { offset, plain: false, bytes };
                return blocks.next().map(|block| block.map(piece));
            }
        };
        while !*ended {
            let offset = members.offset();
            let plain = members.is_exact();
            let bytes = members.fill(1).to_vec();
            if !bytes.is_empty() {
                members.consume(bytes.len());
                return Some(Ok(Piece { offset, plain, bytes }));
            }
            if let Some(fault) = members.take_fault() {
                let defect = Defect::from(fault);
                *ended = defect.device.is_some();
                return Some(Err(defect));
            }
            let next = members.advance();
            *ended = matches!(next, Next::End { .. });
            if let Next::Member { skipped: skipped @ 1.. } | Next::End { skipped: skipped @ 1.. } =
                next
            {
                let what = format!("{skipped} bytes that are not a {} member", members.codec());
                return Some(Err(Defect::new(members.offset().saturating_sub(skipped), what)));
            }
        }
        None
    }
}
