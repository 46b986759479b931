//! One decoder for each compression over the stored file, which stops at a member's end.

use super::{Codec, Stored};
use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use std::io::{self, Read};
use std::mem;

/// The window of `zstd --long=31`. It takes as much memory as the text has bytes, up to 2 GiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 31;

pub(crate) enum Decoder {
    Plain(Stored),
    Gzip(Box<GzDecoder<Stored>>),
    /// Between frames there is no decoder, only the file.
    ZstdIdle(Stored),
    Zstd(Box<zstd::Decoder<'static, Stored>>),
    Lz4(Box<FrameDecoder<Stored>>),
    Bzip2(Box<BzDecoder<Stored>>),
}

impl Decoder {
    pub(crate) fn new(mut stored: Stored, codec: Codec) -> Self {
        match codec {
            // xz is a layer of its own, removed before.
            Codec::Plain | Codec::Xz => Decoder::Plain(stored),
            Codec::Gzip => {
                // The decoder reads a header when it is created, so it is given the file later.
                let mut decoder = GzDecoder::new(Stored::default());
                mem::swap(decoder.get_mut(), &mut stored);
                Decoder::Gzip(Box::new(decoder))
            }
            Codec::Zstd => Decoder::ZstdIdle(stored),
            Codec::Lz4 => Decoder::Lz4(Box::new(FrameDecoder::new(stored))),
            Codec::Bzip2 => Decoder::Bzip2(Box::new(BzDecoder::new(stored))),
        }
    }

    /// Returns the file below, at the byte after those that the decoder consumed.
    pub(crate) fn stored(&mut self) -> &mut Stored {
        match self {
            Decoder::Plain(stored) | Decoder::ZstdIdle(stored) => stored,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
            Decoder::Lz4(decoder) => decoder.get_mut(),
            Decoder::Bzip2(decoder) => decoder.get_mut(),
        }
    }

    /// Drops the state of the last member and begins one at the current byte of the file.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        let stored = mem::take(self.stored());
        match self {
            Decoder::Plain(place) => *place = stored,
            // Keeps its tables. A new decoder for each record costs 3 % of the time.
            Decoder::Gzip(decoder) => drop(decoder.reset(stored)),
            Decoder::ZstdIdle(_) | Decoder::Zstd(_) => {
                let mut decoder = zstd::Decoder::with_buffer(stored)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                *self = Decoder::Zstd(Box::new(decoder));
            }
            Decoder::Lz4(decoder) => **decoder = FrameDecoder::new(stored),
            Decoder::Bzip2(decoder) => **decoder = BzDecoder::new(stored),
        }
        Ok(())
    }

    /// Reads bytes of the current member; none at its end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Decoder::Plain(stored) => stored.read(into),
            Decoder::Gzip(decoder) => decoder.read(into),
            Decoder::ZstdIdle(_) => Ok(0),
            Decoder::Zstd(decoder) => decoder.read(into),
            Decoder::Lz4(decoder) => decoder.read(into),
            Decoder::Bzip2(decoder) => decoder.read(into),
        }
    }
}
