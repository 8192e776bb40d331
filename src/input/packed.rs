//! Compressed lists: told by their first bytes, whatever they are named, and unpacked as they are read.
//!
//! What can be unpacked of the bytes that are there is given before more are waited for, so that a pipe
//! whose writer flushes is followed line by line. Memory is bounded: a list that needs a larger window is
//! refused. What came before damage is given, and only then is it told.

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Decompress, FlushDecompress, Status as Inflated};
use liblzma::stream::{Action, Error as XzError, Status as XzStatus, Stream};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use crate::input::head::{self, Again, TooFew};

/// The largest window, as a power of two: 128 MiB, which is what `zstd` itself unpacks without being
/// told to, and twice what `xz -9` makes.
const WINDOW_LOG: u32 = 27;

/// The same for xz, which counts all that it takes.
const XZ_MEMORY: u64 = (1 << WINDOW_LOG) + (1 << 20);

/// How a list is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Xz,
    Zstd,
}

impl Packing {
    /// Returns how a list that begins so is packed, if it is.
    fn of(head: &[u8]) -> Result<Option<Self>, TooFew> {
        let mut may_be = false;
        for (mask, magic, packing) in MAGICS {
            let mut pairs = head.iter().zip(magic).enumerate();
            let fits = pairs.all(|(at, (byte, wanted))| {
                let byte = if at == 0 { byte & mask } else { *byte };
                byte == *wanted
            });
            if fits && head.len() >= magic.len() {
                return Ok(Some(packing));
            }
            may_be |= fits;
        }
        if may_be { Err(TooFew) } else { Ok(None) }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

/// What packed lists begin with, and which bits of the first byte count: the low half of a skippable
/// frame's is free.
const MAGICS: [(u8, &[u8], Packing); 4] = [
    (0xff, b"\x1f\x8b\x08", Packing::Gzip),
    (0xff, b"\xfd7zXZ\0", Packing::Xz),
    (0xff, b"\x28\xb5\x2f\xfd", Packing::Zstd),
    (0xf0, b"\x50\x2a\x4d\x18", Packing::Zstd),
];

/// Looks whether a list is packed; gives it back from its first byte on.
///
/// # Errors
/// What the source says.
pub(super) fn look<R: Read>(bytes: R) -> io::Result<(Option<Packing>, Again<R>)> {
    head::look(bytes, Packing::of)
}

/// A packed list, unpacked as it is read.
pub(super) struct Unpacked<R> {
    source: BufReader<R>,
    packing: Packing,
    /// `None` before each member.
    codec: Option<Codec>,
    /// Whether nothing more can be had of the bytes that are here.
    is_drained: bool,
    /// How many bytes were given.
    given: u64,
    /// What is wrong behind what was given.
    broken: Option<String>,
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(packing: Packing, source: R) -> Self {
        let source = BufReader::with_capacity(64 * 1024, source);
        Self { source, packing, codec: None, is_drained: true, given: 0, broken: None }
    }

    /// Begins the next member, if there is one. Zeros fill tapes and align the members of xz.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            let here = self.source.fill_buf()?;
            let zeros = match here.iter().position(|&byte| byte != 0) {
                _ if here.is_empty() => return Ok(false),
                Some(0) => break,
                zeros => zeros.unwrap_or(here.len()),
            };
            self.source.consume(zeros);
        }
        let codec = Codec::new(self.packing).map_err(|why| self.wrong(&why))?;
        self.codec = Some(codec);
        self.is_drained = false;
        Ok(true)
    }

    fn wrong(&self, why: &str) -> io::Error {
        let (name, given) = (self.packing.name(), self.given);
        let text = format!("its {name} data {why}, after {given} bytes of the list");
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(why) = &self.broken {
                return Err(self.wrong(why));
            }
            if buffer.is_empty() || (self.codec.is_none() && !self.begin()?) {
                return Ok(0);
            }
            let Some(codec) = &mut self.codec else { continue };
            let input =
                if self.is_drained { self.source.fill_buf()? } else { self.source.buffer() };
            let Step { taken, given, end } = codec.step(input, buffer);
            let is_stuck = taken == 0 && given == 0;
            match end {
                End::Broken(why) => self.broken = Some(why),
                End::Complete => self.codec = None,
                End::Open if is_stuck && self.is_drained => {
                    let why = if input.is_empty() { "ends too early" } else { "is damaged" };
                    self.broken = Some(why.to_owned());
                }
                End::Open => {}
            }
            self.source.consume(taken);
            self.is_drained = is_stuck;
            self.given += given as u64;
            if given > 0 {
                return Ok(given);
            }
        }
    }
}

/// What one step of unpacking did.
struct Step {
    taken: usize,
    given: usize,
    end: End,
}

/// How the member stands after a step.
enum End {
    Broken(String),
    Complete,
    Open,
}

/// What unpacks a member.
enum Codec {
    Gzip(Box<Decompress>),
    Xz(Stream),
    Zstd(Decoder<'static>),
}

impl Codec {
    fn new(packing: Packing) -> Result<Self, String> {
        Ok(match packing {
            Packing::Gzip => Self::Gzip(Box::new(Decompress::new_gzip(15))),
            Packing::Xz => Self::Xz(Stream::new_stream_decoder(XZ_MEMORY, 0).map_err(xz_problem)?),
            Packing::Zstd => {
                let unusable = |error: io::Error| format!("cannot be unpacked ({error})");
                let mut decoder = Decoder::new().map_err(unusable)?;
                decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(unusable)?;
                Self::Zstd(decoder)
            }
        })
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        match self {
            Self::Gzip(inflate) => {
                let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
                let end = match inflate.decompress(input, output, FlushDecompress::None) {
                    Ok(Inflated::StreamEnd) => End::Complete,
                    Ok(Inflated::Ok | Inflated::BufError) => End::Open,
                    Err(error) => End::Broken(match error.message() {
                        Some(why) => format!("is damaged ({why})"),
                        None => "is damaged".to_owned(),
                    }),
                };
                let taken = (inflate.total_in() - before_in) as usize;
                Step { taken, given: (inflate.total_out() - before_out) as usize, end }
            }
            Self::Xz(stream) => {
                let (before_in, before_out) = (stream.total_in(), stream.total_out());
                let end = match stream.process(input, output, Action::Run) {
                    Ok(XzStatus::StreamEnd) => End::Complete,
                    Ok(_) => End::Open,
                    Err(error) => End::Broken(xz_problem(error)),
                };
                let taken = (stream.total_in() - before_in) as usize;
                Step { taken, given: (stream.total_out() - before_out) as usize, end }
            }
            Self::Zstd(decoder) => {
                let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
                let end = match decoder.run(&mut input, &mut output) {
                    Ok(0) => End::Complete,
                    Ok(_) => End::Open,
                    Err(error) => End::Broken(zstd_problem(&error)),
                };
                Step { taken: input.pos(), given: output.pos(), end }
            }
        }
    }
}

fn xz_problem(error: XzError) -> String {
    match error {
        XzError::MemLimit => too_large(),
        XzError::Mem => "cannot be unpacked (out of memory)".to_owned(),
        XzError::Options => "cannot be unpacked (it uses options that are not known)".to_owned(),
        _ => "is damaged".to_owned(),
    }
}

fn zstd_problem(error: &io::Error) -> String {
    let why = error.to_string();
    // zstd has no other sign for it than its text.
    if why.contains("too much memory") { too_large() } else { format!("is damaged ({why})") }
}

fn too_large() -> String {
    format!("needs more memory than the {} MiB that a list may take", (1_u32 << WINDOW_LOG) >> 20)
}

#[cfg(test)]
mod tests;
