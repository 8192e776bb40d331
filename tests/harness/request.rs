//! A request, read from the wire.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::time::Instant;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// When it came.
    pub(crate) at: Instant,
    /// Which connection it came on, from 1.
    pub(crate) connection: usize,
    /// The method, as it was sent.
    pub(crate) method: String,
    /// Path and query, as they were sent.
    pub(crate) target: String,
    /// The header fields in order.
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    /// Returns the value of the first field with this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns what is asked for: `all`, or the range, and the condition behind a `?`.
    pub(crate) fn asks(&self) -> String {
        let range = self.header("range").unwrap_or("all");
        match self.header("if-range") {
            Some(validator) => format!("{range} ? {validator}"),
            None => range.to_owned(),
        }
    }

    /// Reads the header of a request; `None` at the end of the connection, a reset included. The
    /// beginning of a TLS handshake counts as a request with the target `hello`, so that a script can
    /// answer it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(
        connection: usize,
        reader: &mut BufReader<&TcpStream>,
    ) -> Option<Result<Self, String>> {
        let mut headers = Vec::new();
        let is_hello = reader.fill_buf().ok()?.first() == Some(&0x16);
        let at = Instant::now();
        if is_hello {
            let (method, target) = ("TLS".to_owned(), "hello".to_owned());
            return Some(Ok(Self { at, connection, method, target, headers }));
        }
        let mut line = || {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line).ok()?;
            let line = line.strip_suffix(b"\r\n")?;
            Some(String::from_utf8_lossy(line).into_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1"), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Some(Err(format!("not a request line: {first:?}")));
        };
        let (method, target) = (method.to_owned(), target.to_owned());
        loop {
            let field = line()?;
            if field.is_empty() {
                return Some(Ok(Self { at, connection, method, target, headers }));
            }
            let Some((name, value)) = field.split_once(':') else {
                return Some(Err(format!("not a header field: {field:?}")));
            };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
}
