//! What the scripted server sends for one request: any bytes, at any pace, with any end.
//!
//! A reply is described by its parts and rendered to steps when it is sent. Positions given to
//! `cut_after`, `reset_after`, `hold_after` and so on count bytes on the wire after the header; in
//! a raw reply they count from its start.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::gate::Gate;

/// How the connection goes on when a reply is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The next request is read.
    KeepAlive,
    /// FIN.
    Close,
    /// RST.
    Reset,
}

/// How the body's end is told.
#[derive(Clone, Debug)]
enum Framing {
    /// `Content-Length`, right or not.
    Length(Option<String>),
    /// Chunks of this many bytes.
    Chunked(usize),
    /// Nothing is said.
    Unsaid,
}

/// One thing that a connection's thread does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The header, or bytes of the body as fast as they go.
    Send {
        bytes: Vec<u8>,
        is_body: bool,
    },
    /// Bytes of the body, so many a second.
    Paced {
        bytes: Vec<u8>,
        rate: u64,
    },
    Hold(Gate),
    Pause(Duration),
    Endless(Vec<u8>),
    /// With what follows the client has everything.
    LastByte,
}

/// What the server sends for one request.
#[derive(Clone, Debug)]
#[must_use = "a reply is sent only when it is in a route's script"]
pub(crate) struct Reply {
    line: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    framing: Framing,
    raw: bool,
    header_gate: Option<Gate>,
    gate: Option<(usize, Gate)>,
    cut: Option<usize>,
    pace: Option<(usize, Duration)>,
    rate: Option<u64>,
    endless: Option<Vec<u8>>,
    end: End,
    carried: Option<Arc<dyn Any + Send + Sync>>,
    begins_at: usize,
    sent: Arc<AtomicUsize>,
}

impl Reply {
    /// 200 with this body and its length.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::status(200, "OK").body(body)
    }

    /// A status line and an empty body.
    pub(crate) fn status(code: u16, reason: &str) -> Self {
        Self {
            line: format!("HTTP/1.1 {code} {reason}"),
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length(None),
            raw: false,
            header_gate: None,
            gate: None,
            cut: None,
            pace: None,
            rate: None,
            endless: None,
            end: End::KeepAlive,
            carried: None,
            begins_at: 0,
            sent: Arc::default(),
        }
    }

    /// 206 with these bytes of a body, and what Content-Range has to say about them.
    pub(crate) fn part(body: &[u8], range: Range<usize>) -> Self {
        let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, body.len());
        let mut reply = Self::status(206, "Partial Content").header("Content-Range", content_range);
        reply.begins_at = range.start;
        reply.body(&body[range])
    }

    /// A redirect with this `Location`, sent as it is.
    pub(crate) fn redirect(code: u16, location: impl AsRef<str>) -> Self {
        Self::status(code, "Redirect").header("Location", location.as_ref())
    }

    /// These bytes, then FIN.
    pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Self {
        let mut reply = Self::status(0, "").body(bytes).close();
        reply.raw = true;
        reply
    }

    /// FIN instead of an answer.
    pub(crate) fn nothing() -> Self {
        Self::raw("")
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Says HTTP/1.0, which has no keep-alive and no chunks.
    pub(crate) fn http10(mut self) -> Self {
        self.line = self.line.replacen("HTTP/1.1", "HTTP/1.0", 1);
        self.until_close()
    }

    /// Says another status.
    pub(crate) fn with_status(mut self, code: u16) -> Self {
        self.line = format!("HTTP/1.1 {code} -");
        self
    }

    /// Says this as the length.
    pub(crate) fn length(mut self, text: &str) -> Self {
        self.framing = Framing::Length(Some(text.to_owned()));
        self
    }

    /// Sends chunks of `piece` bytes.
    pub(crate) fn chunked(mut self, piece: usize) -> Self {
        self.framing = Framing::Chunked(piece);
        self
    }

    /// Says no length: the body ends with the connection.
    pub(crate) fn until_close(mut self) -> Self {
        self.framing = Framing::Unsaid;
        self.close()
    }

    /// Closes the connection after the reply without having said so.
    pub(crate) fn close(mut self) -> Self {
        self.end = End::Close;
        self
    }

    /// Keeps the connection open after the reply.
    pub(crate) fn keep_alive(mut self) -> Self {
        self.end = End::KeepAlive;
        self
    }

    /// Resets the connection after the reply.
    pub(crate) fn reset(mut self) -> Self {
        self.end = End::Reset;
        self
    }

    /// Sends `bytes` bytes and FIN.
    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self.close()
    }

    /// Sends `bytes` bytes and RST.
    pub(crate) fn reset_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self.reset()
    }

    /// Waits at `gate` when `bytes` bytes are sent.
    pub(crate) fn hold_after(mut self, bytes: usize, gate: &Gate) -> Self {
        self.gate = Some((bytes, gate.clone()));
        self
    }

    /// Waits at `gate` before the first byte.
    pub(crate) fn hold_header(mut self, gate: &Gate) -> Self {
        self.header_gate = Some(gate.clone());
        self
    }

    /// Sends the body in pieces of `piece` bytes with a pause after each.
    pub(crate) fn trickle(mut self, piece: usize, every: Duration) -> Self {
        self.pace = Some((piece, every));
        self
    }

    /// Sends the body at this many bytes a second, without bursts.
    pub(crate) fn rate(mut self, rate: u64) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Repeats `bytes` after the body until the client goes.
    pub(crate) fn endless(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.endless = Some(bytes.as_ref().to_vec());
        self
    }

    /// Drops `thing` when the reply has been sent.
    pub(crate) fn carry(mut self, thing: impl Any + Send + Sync) -> Self {
        self.carried = Some(Arc::new(thing));
        self
    }

    /// Puts another value in the place of a header field's.
    pub(crate) fn with_field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        self.header(name, value)
    }

    /// Returns how many bytes its body has.
    pub(crate) fn body_len(&self) -> usize {
        self.body.len()
    }

    /// Returns its body.
    pub(crate) fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Returns where in the file its body begins.
    pub(crate) fn begins_at(&self) -> usize {
        self.begins_at
    }

    /// Returns the number of bytes of the body, as they are on the wire, that have been sent so far.
    pub(crate) fn sent(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.sent)
    }

    pub(super) fn end(&self) -> End {
        self.end
    }

    /// Renders the reply to what a connection does.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        steps.extend(self.header_gate.clone().map(Step::Hold));
        if !self.raw {
            steps.push(Step::Send { bytes: self.header_bytes(), is_body: false });
        }
        let mut body = self.wire_bytes();
        body.truncate(self.cut.unwrap_or(body.len()));
        match &self.gate {
            Some((at, gate)) => {
                let rest = body.split_off(body.len().min(*at));
                self.send(body, &mut steps);
                steps.push(Step::Hold(gate.clone()));
                self.send(rest, &mut steps);
            }
            None => self.send(body, &mut steps),
        }
        steps.extend(self.endless.clone().map(Step::Endless));
        mark_last_byte(&mut steps);
        steps
    }

    fn send(&self, bytes: Vec<u8>, steps: &mut Vec<Step>) {
        if bytes.is_empty() {
            return;
        }
        match (self.pace, self.rate) {
            (Some((piece, every)), _) => {
                for part in bytes.chunks(piece) {
                    steps.push(Step::Send { bytes: part.to_vec(), is_body: true });
                    steps.push(Step::Pause(every));
                }
            }
            (None, Some(rate)) => steps.push(Step::Paced { bytes, rate }),
            (None, None) => steps.push(Step::Send { bytes, is_body: true }),
        }
    }

    fn header_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.line).into_bytes();
        let mut field = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.headers {
            field(name, value);
        }
        match &self.framing {
            Framing::Length(Some(text)) => field("Content-Length", text.as_bytes()),
            Framing::Length(None) => {
                field("Content-Length", self.body.len().to_string().as_bytes());
            }
            Framing::Chunked(_) => field("Transfer-Encoding", b"chunked"),
            Framing::Unsaid => {}
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    fn wire_bytes(&self) -> Vec<u8> {
        let Framing::Chunked(piece) = self.framing else {
            return self.body.clone();
        };
        let mut bytes = Vec::new();
        for chunk in self.body.chunks(piece) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }
}

/// Puts a mark before the last byte, if nothing but a pause follows it.
fn mark_last_byte(steps: &mut Vec<Step>) {
    let at = steps.iter().rposition(|step| !matches!(step, Step::Pause(_)));
    let Some(at) = at else { return };
    let (last, is_body) = match &mut steps[at] {
        Step::Send { bytes, is_body } => (bytes.pop(), *is_body),
        Step::Paced { bytes, .. } => (bytes.pop(), true),
        _ => return,
    };
    let Some(last) = last else { return };
    steps.insert(at + 1, Step::LastByte);
    steps.insert(at + 2, Step::Send { bytes: vec![last], is_body });
}
