//! Reads the few fields of a SentencePiece model file that matter here from its protocol buffer
//! (`sentencepiece_model.proto`).

/// The fields of a model file.
#[derive(Debug, PartialEq)]
pub(super) struct ModelProto<'f> {
    pub(super) pieces: Vec<Piece<'f>>,
    pub(super) model_type: u64,
    pub(super) byte_fallback: bool,
    pub(super) treat_whitespace_as_suffix: bool,
    pub(super) precompiled_charsmap: &'f [u8],
    pub(super) add_dummy_prefix: bool,
    pub(super) remove_extra_whitespaces: bool,
    pub(super) escape_whitespaces: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Piece<'f> {
    pub(super) text: &'f [u8],
    pub(super) score: f32,
    pub(super) kind: u64,
}

pub(super) const TYPE_UNIGRAM: u64 = 1;
pub(super) const TYPE_BPE: u64 = 2;
pub(super) const TYPE_WORD: u64 = 3;
pub(super) const TYPE_CHAR: u64 = 4;

pub(super) const PIECE_NORMAL: u64 = 1;
pub(super) const PIECE_UNKNOWN: u64 = 2;
pub(super) const PIECE_CONTROL: u64 = 3;
pub(super) const PIECE_USER_DEFINED: u64 = 4;
pub(super) const PIECE_UNUSED: u64 = 5;
pub(super) const PIECE_BYTE: u64 = 6;

impl<'f> ModelProto<'f> {
    /// Reads a file. The error is the offset from which on it is not a valid protocol buffer.
    pub(super) fn read(file: &'f [u8]) -> Result<Self, usize> {
        let mut model = ModelProto {
            pieces: Vec::new(),
            model_type: TYPE_UNIGRAM,
            byte_fallback: false,
            treat_whitespace_as_suffix: false,
            precompiled_charsmap: &[],
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
        };
        let mut fields = Fields { bytes: file, offset: 0 };
        while let Some((number, value)) = fields.next()? {
            let Value::Bytes(message) = value else { continue };
            let start = fields.offset - message.len();
            let message = Fields { bytes: message, offset: 0 };
            let read = match number {
                1 => message.piece().map(|piece| model.pieces.push(piece)),
                2 => model.trainer(message),
                3 => model.normalizer(message),
                _ => Ok(()),
            };
            read.map_err(|offset| start + offset)?;
        }
        Ok(model)
    }

    fn trainer(&mut self, mut fields: Fields<'f>) -> Result<(), usize> {
        while let Some(field) = fields.next()? {
            match field {
                (3, Value::Number(value)) => self.model_type = value,
                (24, Value::Number(value)) => self.treat_whitespace_as_suffix = value != 0,
                (35, Value::Number(value)) => self.byte_fallback = value != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn normalizer(&mut self, mut fields: Fields<'f>) -> Result<(), usize> {
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Bytes(value)) => self.precompiled_charsmap = value,
                (3, Value::Number(value)) => self.add_dummy_prefix = value != 0,
                (4, Value::Number(value)) => self.remove_extra_whitespaces = value != 0,
                (5, Value::Number(value)) => self.escape_whitespaces = value != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Iterates over a message's fields.
struct Fields<'f> {
    bytes: &'f [u8],
    offset: usize,
}

enum Value<'f> {
    Number(u64),
    Fixed32(u32),
    Fixed64,
    Bytes(&'f [u8]),
}

impl<'f> Fields<'f> {
    /// Returns the number and value of the next field.
    fn next(&mut self) -> Result<Option<(u64, Value<'f>)>, usize> {
        if self.offset == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(usize::try_from(len).map_err(|_| self.offset)?)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Value::Fixed32(u32::from_le_bytes(bytes.try_into().expect("four were taken")))
            }
            _ => return Err(self.offset),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn piece(mut self) -> Result<Piece<'f>, usize> {
        let mut piece = Piece { text: &[], score: 0.0, kind: PIECE_NORMAL };
        while let Some(field) = self.next()? {
            match field {
                (1, Value::Bytes(text)) => piece.text = text,
                (2, Value::Fixed32(score)) => piece.score = f32::from_bits(score),
                (3, Value::Number(kind)) => piece.kind = kind,
                _ => {}
            }
        }
        Ok(piece)
    }

    fn varint(&mut self) -> Result<u64, usize> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.offset)
    }

    fn take(&mut self, count: usize) -> Result<&'f [u8], usize> {
        let taken = self.bytes[self.offset..].get(..count).ok_or(self.offset)?;
        self.offset += count;
        Ok(taken)
    }
}
