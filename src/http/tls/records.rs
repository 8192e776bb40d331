//! rustls' part of a session: records in, records out, and no stream.
//!
//! rustls' connection without buffers decrypts records where they lie, in a buffer of ours; with buffers it
//! has a copy of each byte for itself, which it takes 4 KiB at a time.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read as _;

use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, WriteTraffic};

use crate::http::tls::raw::{RawInput, RawOutput};

/// What came of a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// So many bytes of plaintext are in the caller's buffer. What did not fit is kept.
    Received(usize),
    /// What is in the output has to be sent now.
    Sending,
    /// What was to be encrypted is in the output.
    Encrypted,
    /// Nothing more can be done with what has come.
    Starved,
    /// The peer has said that nothing more will come.
    Closed,
}

/// One TLS connection, and what is on its way to it and from it.
pub(super) struct Records {
    connection: UnbufferedClientConnection,
    /// What has come from the peer.
    pub(super) input: RawInput,
    /// What is to be sent to it.
    pub(super) output: RawOutput,
    /// Plaintext for which the caller's buffer had no room.
    kept: VecDeque<u8>,
    is_closed: bool,
    /// Why nothing more can be done.
    failed: Option<Error>,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

impl Records {
    pub(super) fn new(connection: UnbufferedClientConnection) -> Self {
        Self {
            connection,
            input: RawInput::default(),
            output: RawOutput::default(),
            kept: VecDeque::new(),
            is_closed: false,
            failed: None,
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Returns whether there is something to be sent.
    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty() || self.connection.wants_write()
    }

    /// Returns whether something is here that the caller has not seen.
    pub(super) fn has_unread(&self) -> bool {
        !self.input.is_empty() || !self.kept.is_empty() || self.is_closed || self.failed.is_some()
    }

    /// Returns how many bytes of plaintext are kept.
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Goes on with what has come until there is something to be done with it: puts plaintext into `buffer`,
    /// and encrypts `plaintext`, if there is any, as soon as may be.
    ///
    /// # Errors
    /// What is wrong, now and every time after. What tells the peer so is in the output.
    pub(super) fn turn(&mut self, buffer: &mut [u8], plaintext: &[u8]) -> Result<Turn, Error> {
        // So whatever comes after it finds no room before it.
        if !self.kept.is_empty() && !buffer.is_empty() {
            return Ok(Turn::Received(take(&mut self.kept, buffer)));
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.is_closed && plaintext.is_empty() {
            return Ok(Turn::Closed);
        }
        loop {
            match self.step(buffer, plaintext) {
                Ok(Some(turn)) => return Ok(turn),
                Ok(None) => {}
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Does what rustls wants next; `None` if that leads nowhere by itself.
    fn step(&mut self, buffer: &mut [u8], plaintext: &[u8]) -> Result<Option<Turn>, Error> {
        let status = self.connection.process_tls_records(self.input.pending());
        let mut discard = status.discard;
        let turn = match status.state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                let mut count = 0;
                loop {
                    match traffic.next_record() {
                        Some(Ok(record)) => {
                            discard += record.discard;
                            count += put(record.payload, &mut buffer[count..], &mut self.kept);
                        }
                        Some(Err(error)) => break Err(error),
                        None => break Ok(Some(Turn::Received(count))),
                    }
                }
            }
            Ok(ConnectionState::EncodeTlsData(record)) => {
                encode(record, &mut self.output).map(|()| None)
            }
            // It is in the output, and stays there until it is sent.
            Ok(ConnectionState::TransmitTlsData(records)) => {
                records.done();
                Ok(Some(Turn::Sending))
            }
            Ok(ConnectionState::PeerClosed) => {
                // rustls looks at nothing that follows (RFC 8446 §6.1).
                self.is_closed = true;
                Ok(Some(Turn::Closed))
            }
            Ok(ConnectionState::WriteTraffic(traffic)) if !plaintext.is_empty() => {
                encrypt(traffic, plaintext, &mut self.output).map(|()| Some(Turn::Encrypted))
            }
            Ok(_) if self.output.is_empty() => Ok(Some(Turn::Starved)),
            Ok(_) => Ok(Some(Turn::Sending)),
            Err(error) => Err(error),
        };
        self.input.discard(discard);
        turn
    }

    /// Keeps an error, and puts the alert for the peer into the output.
    fn fail(&mut self, error: Error) -> Error {
        // rustls hands out what it wants to be sent before it looks at what has come. That it must not do any
        // more: it would go on behind the error.
        while self.connection.wants_write() {
            let status = self.connection.process_tls_records(&mut []);
            let Ok(ConnectionState::EncodeTlsData(record)) = status.state else { break };
            if encode(record, &mut self.output).is_err() {
                break;
            }
        }
        self.failed = Some(error.clone());
        error
    }
}

/// Moves kept plaintext into `buffer`; returns how much.
fn take(kept: &mut VecDeque<u8>, buffer: &mut [u8]) -> usize {
    let mut total = 0;
    // It has two halves.
    while let Ok(count @ 1..) = kept.read(&mut buffer[total..]) {
        total += count;
    }
    total
}

/// Copies plaintext into `buffer`, and into `kept` what does not fit; returns how much did.
fn put(plaintext: &[u8], buffer: &mut [u8], kept: &mut VecDeque<u8>) -> usize {
    let count = plaintext.len().min(buffer.len());
    buffer[..count].copy_from_slice(&plaintext[..count]);
    kept.extend(&plaintext[count..]);
    count
}

fn encode<Data>(mut record: EncodeTlsData<'_, Data>, output: &mut RawOutput) -> Result<(), Error> {
    output.append(|room| {
        record.encode(room).map_err(|error| match error {
            EncodeError::InsufficientSize(size) => Some(size.required_size),
            EncodeError::AlreadyEncoded => None,
        })
    })
}

fn encrypt<Data>(
    mut traffic: WriteTraffic<'_, Data>,
    plaintext: &[u8],
    output: &mut RawOutput,
) -> Result<(), Error> {
    output.append(|room| {
        traffic.encrypt(plaintext, room).map_err(|error| match error {
            EncryptError::InsufficientSize(size) => Some(size.required_size),
            EncryptError::EncryptExhausted => None,
        })
    })
}
