//! A body that a server packed, unpacked while it comes (`--compressed`).
//!
//! It is whole when both ends come together: that of what is unpacked, and that of the body.

mod brotli;

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use url::Url;
use zstd::stream::read::Decoder;

use crate::http::body as response;
use crate::http::head::{Framing, Head};
use crate::http::remote::Remote;
use crate::http::unpack::brotli::Brotli;
use crate::model::error::Cause;
use crate::policy::coding::{self, Coding};

/// How much of the body is read at once.
const BUFFER: usize = 64 * 1024;

/// The longest window in bits that a server may use (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;

/// Unpacks the body of a response that is a file, if the server packed it in ways that are known and its
/// name does not say that it is packed for good. Nothing in its head says any more what the packed one was.
///
/// # Errors
/// What the decoder says before it has seen a byte.
pub(super) fn unpack(remote: Remote, head: &mut Head, url: &Url) -> Result<response::Body, Cause> {
    if head.framing == Framing::Length(0) {
        // Of nothing, many servers say that it is packed.
        head.coding = None;
        return Ok(remote.into());
    }
    let codings = head.coding.as_deref().filter(|_| head.status == 200).map(coding::read);
    let Some(Ok(codings)) = codings.filter(|read| {
        read.as_ref().is_ok_and(|codings| {
            !codings.is_empty()
                && codings.len() <= coding::MAX_LAYERS
                && !coding::is_in_name(codings, url.path())
        })
    }) else {
        return Ok(remote.into());
    };
    head.coding = None;
    head.framing = Framing::Close;
    head.accepts_ranges = false;
    head.declared = None;
    // Bytes of what is unpacked cannot be asked for, nor told from those of another version.
    head.validators.etag = None;
    head.validators.date = None;
    let unpacked = Unpacked::new(remote, &codings).map_err(|error| Cause::Protocol {
        detail: format!("the body cannot be unpacked: {error}"),
    })?;
    Ok(unpacked.into())
}

/// A body that is unpacked.
pub(super) struct Unpacked {
    decoder: Layer,
    names: String,
}

/// The body itself, and what is unpacked of it.
enum Layer {
    Body(Box<Body>),
    Brotli(Box<Brotli<BufReader<Box<Layer>>>>),
    Gzip(Box<MultiGzDecoder<BufReader<Box<Layer>>>>),
    Zstd(Box<Decoder<'static, BufReader<Box<Layer>>>>),
}

struct Body {
    remote: Remote,
    received: u64,
    /// What all layers have made of it.
    unpacked: u64,
    is_ended: bool,
    /// Why it broke, which `io::Error` cannot carry.
    cause: Option<Cause>,
}

impl Unpacked {
    /// Begins to unpack. `codings` are in the order in which they were applied.
    ///
    /// # Errors
    /// What the decoder says before it has seen a byte.
    pub(super) fn new(remote: Remote, codings: &[Coding]) -> io::Result<Self> {
        let names: Vec<&str> = codings.iter().map(|coding| coding.name()).collect();
        let body = Body { remote, received: 0, unpacked: 0, is_ended: false, cause: None };
        let mut decoder = Layer::Body(Box::new(body));
        for coding in codings.iter().rev() {
            decoder = decoder.under(*coding)?;
        }
        Ok(Self { decoder, names: names.join(", ") })
    }

    /// Reads into `buffer` what is unpacked, at least one byte; 0 is the end, and then the body is whole.
    ///
    /// # Errors
    /// As [`Remote::read`]; [`Cause::Protocol`] for what is damaged, or unpacks to too much.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Cause> {
        match self.decoder.read(buffer) {
            Ok(0) => self.end(),
            Ok(count) => Ok(count),
            // The same of a body whose length was not told.
            Err(_) if self.decoder.body_ref().is_nothing() => Ok(0),
            Err(error) => Err(self.failure(&error)),
        }
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.decoder.body_ref().remote
    }

    /// Judges the end of what is unpacked: the body must have ended too.
    fn end(&mut self) -> Result<usize, Cause> {
        let is_over = match self.decoder.has_more() {
            Ok(has_more) => !has_more,
            Err(error) => return Err(self.failure(&error)),
        };
        if is_over { Ok(0) } else { Err(self.damaged("goes on behind its end")) }
    }

    fn failure(&mut self, error: &io::Error) -> Cause {
        let body = self.decoder.body();
        if let Some(cause) = body.cause.take() {
            return cause;
        }
        if coding::is_too_much(body.received, body.unpacked) {
            return self.damaged("unpacks to hundreds of times its size");
        }
        if body.is_ended && error.kind() == io::ErrorKind::UnexpectedEof {
            // Nothing broke off where the body's own end was seen.
            if body.remote.has_known_end() {
                return self.damaged("ends before what is packed does, or goes on behind it");
            }
            return Cause::Truncated { received: body.received, expected: None };
        }
        self.damaged(&format!("cannot be unpacked: {error}"))
    }

    fn damaged(&self, what: &str) -> Cause {
        Cause::Protocol { detail: format!("the body, packed with {}, {what}", self.names) }
    }
}

impl Layer {
    fn under(self, coding: Coding) -> io::Result<Self> {
        let reader = BufReader::with_capacity(BUFFER, Box::new(self));
        Ok(match coding {
            Coding::Brotli => Self::Brotli(Box::new(Brotli::new(reader))),
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(reader))),
            Coding::Zstd => {
                let mut decoder = Decoder::with_buffer(reader)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    /// Returns whether anything follows the end of what was unpacked.
    fn has_more(&mut self) -> io::Result<bool> {
        let mut byte = [0];
        let reader = match self {
            Self::Body(_) => return Ok(false),
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        };
        // Reading tells of the end of the layer below, which is to be whole as well.
        Ok(reader.read(&mut byte)? > 0 || reader.get_mut().has_more()?)
    }

    fn body(&mut self) -> &mut Body {
        match self {
            Self::Body(body) => body,
            Self::Brotli(decoder) => decoder.get_mut().get_mut().body(),
            Self::Gzip(decoder) => decoder.get_mut().get_mut().body(),
            Self::Zstd(decoder) => decoder.get_mut().get_mut().body(),
        }
    }

    fn body_ref(&self) -> &Body {
        match self {
            Self::Body(body) => body,
            Self::Brotli(decoder) => decoder.get_ref().get_ref().body_ref(),
            Self::Gzip(decoder) => decoder.get_ref().get_ref().body_ref(),
            Self::Zstd(decoder) => decoder.get_ref().get_ref().body_ref(),
        }
    }
}

impl Read for Layer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self {
            Self::Body(body) => return body.read(buffer),
            Self::Brotli(decoder) => decoder.read(buffer)?,
            Self::Gzip(decoder) => decoder.read(buffer)?,
            Self::Zstd(decoder) => decoder.read(buffer)?,
        };
        // In each layer: much of nothing may be between two of them, and never come out.
        let body = self.body();
        body.unpacked += count as u64;
        if coding::is_too_much(body.received, body.unpacked) {
            return Err(io::Error::other("it is too much"));
        }
        Ok(count)
    }
}

impl Body {
    /// Returns whether it has come to its end without a byte.
    fn is_nothing(&self) -> bool {
        self.is_ended && self.received == 0
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_ended {
            return Ok(0);
        }
        match self.remote.read(buffer) {
            Ok(count) => {
                self.received += count as u64;
                self.is_ended = count == 0;
                Ok(count)
            }
            Err(cause) => {
                self.cause = Some(cause);
                Err(io::Error::other("the body broke off"))
            }
        }
    }
}
