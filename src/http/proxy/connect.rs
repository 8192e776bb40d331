//! CONNECT (RFC 9110 §9.3.6): a tunnel through an HTTP proxy.

use std::io::{self, Read, Write};

use httparse::Status;

use crate::http::head;
use crate::http::proxy::{Failure, protocol};
use crate::model::job::Credentials;
use crate::model::proxy::ProxyProblem;
use crate::model::tls::{SPEAKS_TLS, is_record};
use crate::policy::secrets::basic_value;

/// The longest head of an answer, as for responses of origins.
const MAX_HEAD: usize = 64 * 1024;

/// How many bytes tell HTTP from anything else: `HTTP/1.1 `.
const MAX_VERSION: usize = 9;

/// The most fields of one.
const MAX_FIELDS: usize = 128;

/// Asks for a tunnel to a host and waits for the answer.
pub(super) fn open(
    stream: &mut (impl Read + Write),
    login: Option<&Credentials>,
    (host, port): (&str, u16),
) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let login_field = login
        .map(|login| format!("Proxy-Authorization: {}\r\n", basic_value(login)))
        .unwrap_or_default();
    let request = format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: haul/{version}\r\n\
         {login_field}\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut buffer = [0; 4 * 1024];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        head.extend_from_slice(&buffer[..count]);
        // What is no HTTP is found at once, and a head that drips in is not read over and over.
        if head.len() > count + MAX_VERSION && !buffer[..count].contains(&b'\n') {
            check_length(&head)?;
            continue;
        }
        while let Some(answer) = parse(&head, login.is_some())? {
            match answer {
                Answer::Interim { length } => drop(head.drain(..length)),
                Answer::Opened { length } if length == head.len() => return Ok(()),
                // The origin waits for us to speak first, so this is not from it.
                Answer::Opened { .. } => {
                    return Err(protocol("it sends more than an answer to CONNECT"));
                }
            }
        }
        check_length(&head)?;
    }
}

fn check_length(head: &[u8]) -> Result<(), Failure> {
    if head.len() > MAX_HEAD {
        let limit = MAX_HEAD / 1024;
        return Err(protocol(format!("its answer's header is larger than {limit} KiB")));
    }
    Ok(())
}

/// What begins with a whole head of so many bytes.
enum Answer {
    /// An interim response: another follows.
    Interim { length: usize },
    /// The tunnel is open.
    Opened { length: usize },
}

/// Reads a head, if all of it is there. Any status but 2xx and 1xx is a refusal.
fn parse(bytes: &[u8], has_login: bool) -> Result<Option<Answer>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let mut config = httparse::ParserConfig::default();
    // As lenient as for origins: all that counts here is the status, and how to log in.
    config
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let length = match config.parse_response(&mut response, bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) if is_record(bytes) => return Err(protocol(SPEAKS_TLS)),
        Err(error) => return Err(protocol(format!("its answer is no HTTP: {error}"))),
    };
    match response.code.unwrap_or_default() {
        100..=199 => Ok(Some(Answer::Interim { length })),
        200..=299 => Ok(Some(Answer::Opened { length })),
        407 => {
            let offers = response
                .headers
                .iter()
                .filter(|field| field.name.eq_ignore_ascii_case("proxy-authenticate"));
            let is_basic = takes_basic(offers.map(|field| field.value));
            Err(ProxyProblem::Login { was_given: has_login, is_basic }.into())
        }
        code => Err(ProxyProblem::Refused { code, reason: head::reason(code) }.into()),
    }
}

/// Returns whether `Basic` is among the schemes that a proxy offers. One that offers none at all is
/// given the benefit of the doubt.
pub(in crate::http) fn takes_basic<'a>(offers: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut is_first = true;
    for offer in offers {
        is_first = false;
        let schemes = offer.split(|&byte| byte == b',').map(<[u8]>::trim_ascii_start);
        for scheme in schemes {
            let word = scheme.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            if word.eq_ignore_ascii_case(b"basic") {
                return true;
            }
        }
    }
    is_first
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A proxy that has written its answer, which comes in pieces of this size.
    struct Scripted {
        answer: Cursor<Vec<u8>>,
        piece: usize,
        asked: Vec<u8>,
    }

    impl Read for Scripted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(self.piece);
            self.answer.read(&mut buffer[..count])
        }
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns `opened`, or why not.
    fn ask(answer: &[u8], piece: usize, login: Option<&Credentials>) -> (String, String) {
        let answer = Cursor::new(answer.to_vec());
        let mut stream = Scripted { answer, piece, asked: Vec::new() };
        let result = match open(&mut stream, login, ("h.example", 443)) {
            Ok(()) => "opened".to_owned(),
            Err(Failure::Io(error)) => error.kind().to_string(),
            Err(Failure::Problem(problem)) => problem.to_string(),
            Err(Failure::LookUp(cause)) => cause.to_string(),
        };
        (result, String::from_utf8(stream.asked).unwrap())
    }

    #[test]
    fn the_request_names_the_host_and_carries_the_login() {
        let agent = concat!("User-Agent: haul/", env!("CARGO_PKG_VERSION"), "\r\n");
        let plain = "CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n";
        let (_, asked) = ask(b"", 1, None);
        assert_eq!(asked, format!("{plain}{agent}\r\n"));
        let login = Credentials { user: b"me".to_vec(), password: b"pw".to_vec() };
        let (_, asked) = ask(b"", 1, Some(&login));
        let field = "Proxy-Authorization: Basic bWU6cHc=\r\n";
        assert_eq!(asked, format!("{plain}{agent}{field}\r\n"));
    }

    #[test]
    fn answers_are_understood_however_they_are_cut() {
        #[track_caller]
        fn case(answer: &str, result: &str) {
            for piece in [1, 7, 10_000] {
                assert_eq!(ask(answer.as_bytes(), piece, None).0, result, "{answer:?}");
            }
        }
        case("HTTP/1.1 200 Connection established\r\n\r\n", "opened");
        case("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nVia: x\r\n\r\n", "opened");
        case("HTTP/1.1 204\r\n\r\n", "opened");
        case("HTTP/1.1 200 OK\r\nVia: x\r\n y\r\nAge : 1\r\nno field\r\n\r\n", "opened");
        case("HTTP/1.1 200 OK\n\n", "opened");
        case("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "opened");
        case("HTTP/1.1 403 Nope\r\n\r\nwhy", "it refuses a tunnel: 403 Forbidden");
        case("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "it refuses a tunnel: 302 Found");
        case("HTTP/1.1 599 x\r\n\r\n", "it refuses a tunnel: 599");
        case("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", "it wants a login");
        case("HTTP/1.1 407 x\r\n\r\n", "it wants a login");
        let unknown = "it wants a login of a kind that haul does not know";
        case("HTTP/1.1 407 x\r\nProxy-Authenticate: NTLM\r\n\r\n", unknown);
        case("HTTP/1.1 200 OK\r\n", "unexpected end of file");
        case("", "unexpected end of file");
        case("220 ftp.example\r\n", "its answer is no HTTP: invalid HTTP version");
    }

    #[test]
    fn what_is_too_long_or_too_much_is_refused() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(70_000));
        assert_eq!(ask(long.as_bytes(), 4096, None).0, "its answer's header is larger than 64 KiB");
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(200));
        assert_eq!(ask(many.as_bytes(), 4096, None).0, "its answer is no HTTP: too many headers");
        let more = b"HTTP/1.1 200 OK\r\n\r\nhello";
        assert_eq!(ask(more, 4096, None).0, "it sends more than an answer to CONNECT");
        let interims = "HTTP/1.1 100 Continue\r\n\r\n".repeat(3000);
        assert_eq!(ask(interims.as_bytes(), 4096, None).0, "unexpected end of file");
    }

    #[test]
    fn a_login_that_was_given_is_refused() {
        let login = Credentials { user: b"me".to_vec(), password: b"pw".to_vec() };
        let answer = b"HTTP/1.1 407 x\r\n\r\n";
        assert_eq!(ask(answer, 99, Some(&login)).0, "it refuses the login");
    }
}
