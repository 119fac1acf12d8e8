//! Bodies that were compressed unasked, as some proxies do.

use std::io::{self, Write as _};

use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// What every gzip body begins with, and no text does.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Undoes the compression of one body, piece by piece.
pub(crate) enum BodyDecoder {
    /// Nothing has arrived yet. Whether zlib is announced.
    Undecided(bool),
    /// It is not compressed, or in a form that is not known here.
    Plain,
    /// It is compressed with gzip.
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    /// It is compressed with zlib, which HTTP calls "deflate".
    Zlib(Box<ZlibDecoder<Vec<u8>>>),
}

impl BodyDecoder {
    /// The decoder of a body with these headers. Gzip is recognised by the body itself: headers may be lost
    /// on the way, or stay although a proxy unpacked it.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let encoding = headers.get(CONTENT_ENCODING);
        let encoding = encoding.and_then(|name| name.to_str().ok());
        Self::Undecided(encoding.is_some_and(|name| name.trim().eq_ignore_ascii_case("deflate")))
    }

    /// Decodes `piece`; `None` when it is to be used as it is.
    pub(crate) fn decode(&mut self, piece: &[u8]) -> io::Result<Option<Vec<u8>>> {
        if let Self::Undecided(zlib) = *self
            && !piece.is_empty()
        {
            *self = if piece.starts_with(&GZIP_MAGIC) || piece == &GZIP_MAGIC[..1] {
                Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
            } else if zlib {
                Self::Zlib(Box::new(ZlibDecoder::new(Vec::new())))
            } else {
                Self::Plain
            };
        }
        Ok(match self {
            Self::Undecided(_) | Self::Plain => None,
            Self::Gzip(decoder) => {
                decoder.write_all(piece)?;
                Some(std::mem::take(decoder.get_mut()))
            }
            Self::Zlib(decoder) => {
                decoder.write_all(piece)?;
                Some(std::mem::take(decoder.get_mut()))
            }
        })
    }

    /// What is left at the end; an error when the body ends too early.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Undecided(_) | Self::Plain => Ok(Vec::new()),
            Self::Gzip(decoder) => decoder.finish(),
            Self::Zlib(decoder) => decoder.finish(),
        }
    }
}
