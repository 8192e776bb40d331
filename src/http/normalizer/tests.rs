use proptest::prelude::*;

use super::*;

fn rewrite(pieces: &[&[u8]]) -> Result<Vec<u8>, Malformed> {
    let mut normalizer = Normalizer::new();
    let mut output = Vec::new();
    for piece in pieces {
        normalizer.push(piece, &mut output)?;
    }
    Ok(output)
}

/// Returns what is kept of a response's head, a line for each field.
fn kept(response: &str) -> String {
    let mut normalizer = Normalizer::new();
    normalizer.push(response.as_bytes(), &mut Vec::new()).unwrap();
    told(normalizer.fields())
}

fn told(fields: &Fields) -> String {
    let line = |(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value));
    fields.iter().map(line).collect()
}

#[track_caller]
fn case(response: &str, expected: &str) {
    let whole = rewrite(&[response.as_bytes()]).unwrap();
    assert_eq!(String::from_utf8(whole).unwrap(), expected);
    let bytes: Vec<&[u8]> = response.as_bytes().chunks(1).collect();
    assert_eq!(String::from_utf8(rewrite(&bytes).unwrap()).unwrap(), expected);
}

#[test]
fn heads_are_made_plain() {
    let plain = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
    case(plain, plain);
    case("\r\n\nHTTP/1.1 200 OK\ncontent-length:2\n\nhi", plain);
    case("HTTP/1.1 200 OK\r\ncontent-length :  2 \r\n\r\nhi", plain);
    case(
        "HTTP/1.1 200 OK\r\nno colon\r\nx-other: 1\r\n folded\r\ncontent-length: 2\r\n\r\nhi",
        plain,
    );
    case(
        "HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        plain,
    );
    let odd = "HTTP/1.1 200 OK\r\nETag:\t\"a\"\r\nX: y\r\ncontent-type: a\r\n\tb\x01c\r\nLocation: \x01\r\n\r\n";
    case(odd, "HTTP/1.1 200 OK\r\nlocation: \x01\r\n\r\n");
    assert_eq!(kept(odd), "etag: \"a\"\ncontent-type: a b c\nlocation: \x01\n");
    let cookie =
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\x01\r\n c\r\nset-cookie:d=e\x0c\r\nETag: \x02\r\n\r\n";
    assert_eq!(kept(cookie), "set-cookie:  a=b\x01 c\nset-cookie: d=e\x0c\netag:  \n");
    // In HTTP/1.1 that goes without saying.
    let kept_open = |version| format!("HTTP/{version} 200 OK\r\nconnection: keep-alive\r\n\r\n");
    case(&kept_open("1.1"), "HTTP/1.1 200 OK\r\n\r\n");
    case(&kept_open("1.0"), &kept_open("1.0"));
    case("SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH\r\n");
    case("ICY 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n");
}

#[test]
fn a_record_of_tls_is_told_from_what_else_is_no_http() {
    for (bytes, expected) in [
        (&[0x15, 3, 1, 0, 2, 2, 40][..], Err(Malformed::Tls)),
        (&[0x16, 3, 3, 0, 2], Err(Malformed::Tls)),
        (&[0x15, 2, 1], Ok(vec![0x15, 2, 1])),
    ] {
        assert_eq!(rewrite(&[bytes]), expected);
    }
}

#[test]
fn bodies_pass_untouched() {
    let body = "HTTP/1.1 200 OK\r\n\r\n\r\n0\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    case(body, body);
    let packed = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n5;x\r\n";
    case(packed, packed);
    let alone =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 5\r\n\r\n5;x\r\n";
    case(alone, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n5;x\r\n");
}

#[test]
fn chunks_lose_extensions_and_trailers_and_nothing_else() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = |chunks: &str| format!("{head}{chunks}");
    let plain = chunked("5\r\na\r\nbc\r\nc\r\n0123456789;\n\r\n0\r\n\r\n");
    case(&plain, &plain);
    case(
        &chunked(
            "005 ; a=\"long extension, longer than twenty bytes\"\r\na\r\nbc\r\nC\n0123456789;\n\r\n0;x\r\nDigest: x\r\nB: y\n\r\n",
        ),
        &plain,
    );
    // What follows the body is passed on, so that the connection is not used again.
    case(&format!("{plain}garbage"), &format!("{plain}garbage"));
}

#[test]
fn chunked_is_said_once() {
    let plain = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    let body = "1;x\r\na\r\n0\r\n\r\n";
    for (version, fields) in [
        ("1.1", "Transfer-Encoding: chunked\r\n"),
        ("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: Chunked\r\n"),
        ("1.1", "Transfer-Encoding: , chunked, chunked\r\n"),
        ("1.1", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
        ("1.0", "Transfer-Encoding: chunked\r\n"),
    ] {
        case(&format!("HTTP/{version} 200 OK\r\n{fields}\r\n{body}"), plain);
    }
}

#[test]
fn a_response_that_others_may_see_end_elsewhere_is_the_last() {
    #[track_caller]
    fn case(response: &str, is_last: bool) {
        let mut normalizer = Normalizer::new();
        normalizer.push(response.as_bytes(), &mut Vec::new()).unwrap();
        assert_eq!(normalizer.is_ambiguous(), is_last, "{response:?}");
        normalizer.expect_head(true);
        assert!(!normalizer.is_ambiguous());
        if normalizer.take_head(response.as_bytes(), &mut Vec::new()).unwrap().is_some() {
            assert_eq!(normalizer.is_ambiguous(), is_last, "{response:?}");
        }
    }
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    case(&head("Content-Length: 5\r\n"), false);
    case(&head("Transfer-Encoding: chunked\r\n"), false);
    case(&head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), true);
    case(&head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), true);
    case(&head("Transfer-Encoding: , chunked\r\n"), true);
    case(&head("Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), true);
    case(&head("Transfer-Encoding: gzip\r\n"), true);
    case("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n", true);
    let chunked = head("Transfer-Encoding: chunked\r\n");
    case(&format!("{chunked}1\r\na\r\n0\r\nX: y\n\n"), false);
    case(&format!("{chunked}1\na\r\n0\r\n\r\n"), true);
    case(&format!("{chunked}1\r\na\r\n0\n\r\n"), true);
}

#[test]
fn chunks_may_end_their_lines_bare_where_nothing_else_can_be_meant() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let plain = format!("{head}3\r\na\nb\r\n1\r\n\n\r\n0\r\n\r\n");
    case(&format!("{head}3\na\nb\n1\n\n\n0\n\n"), &plain);
    case(&format!("{head}3\na\nb\r\n1;x\n\n\n0\r\n\r\n"), &plain);
    for chunks in ["1\r\na\n0\r\n\r\n", "2\na\r\n0\n\n", "1\nab\n0\n\n", "1\na\r\r\n0\n\n"] {
        let result = rewrite(&[head.as_bytes(), chunks.as_bytes()]);
        assert_eq!(result, Err(Malformed::ChunkEnd), "{chunks:?}");
    }
    // Each chunk by itself.
    let result = rewrite(&[head.as_bytes(), b"1\na\n1\r\nb\n0\n\n"]);
    assert_eq!(result, Err(Malformed::ChunkEnd));
    // A size that is one too small leaves a line without a number.
    let result = rewrite(&[head.as_bytes(), b"1\na\n\n0\n\n"]);
    assert_eq!(result, Err(Malformed::ChunkSize(String::new())));
}

#[test]
fn the_answer_to_head_ends_with_its_head() {
    let mut normalizer = Normalizer::new();
    normalizer.expect_head(false);
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut output = Vec::new();
    normalizer.push(head, &mut output).unwrap();
    assert_eq!(output, head);
    assert!(normalizer.is_transparent());
    // What comes all the same makes ureq drop the connection.
    normalizer.push(b"no chunk", &mut output).unwrap();
    assert!(output.ends_with(b"\r\n\r\nno chunk"));
    normalizer.expect_head(true);
    normalizer.push(head, &mut output).unwrap();
    assert_eq!(normalizer.push(b"no chunk\n", &mut output).unwrap_err(), {
        Malformed::ChunkSize("no chunk".to_owned())
    });
}

#[test]
fn chunks_that_are_none_are_malformed() {
    let chunked = |chunks: &str| {
        rewrite(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", chunks.as_bytes()])
    };
    for size in ["+5", "-5", "0x5", "5 5", "", "g", "11111111111111111"] {
        let line = format!("{size}\r\n");
        assert!(matches!(chunked(&line), Err(Malformed::ChunkSize(_))), "{size}");
    }
    assert_eq!(chunked("1\r\nab"), Err(Malformed::ChunkEnd));
    assert_eq!(chunked("1\r\na\r\r\n"), Err(Malformed::ChunkEnd));
    assert_eq!(chunked("6\r\nhello\r\n0\r\n\r\n"), Err(Malformed::ChunkEnd));
    assert_eq!(chunked(&"1".repeat(100_000)), Err(Malformed::LineTooLong));
    assert_eq!(
        chunked(&format!("0\r\n{}", "a: b\r\n".repeat(20_000))),
        Err(Malformed::LineTooLong)
    );
    let endless = "a: b\r\n".repeat(100_000);
    let endless = format!("HTTP/1.1 200 OK\r\n{endless}");
    assert_eq!(rewrite(&[endless.as_bytes()]), Err(Malformed::HeadTooLong));
    let etag = format!("HTTP/1.1 200 OK\r\netag: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert_eq!(rewrite(&[etag.as_bytes()]), Err(Malformed::FieldsTooLong));
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(20_000);
    assert_eq!(rewrite(&[interim.as_bytes()]), Err(Malformed::HeadTooLong));
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        response in proptest::collection::vec(
            prop_oneof![
                Just("HTTP/1.1 200 OK\r\n"), Just("HTTP/1.1 100 C\r\n"), Just("\r\n"), Just("\n"),
                Just("transfer-encoding: chunked\r\n"), Just("3\r\n"), Just("3\n"), Just("abc"), Just("0\r\n"),
                Just(" x"), Just(";y"), Just("etag: \"a\""), Just("\r"),
            ],
            0..20,
        ),
        cut in 1..9_usize,
    ) {
        let response = response.concat();
        let pieces: Vec<&[u8]> = response.as_bytes().chunks(cut).collect();
        let whole = rewrite(&[response.as_bytes()]);
        prop_assert_eq!(rewrite(&pieces), whole.clone());
        let (mut normalizer, mut output) = (Normalizer::new(), Vec::new());
        if let Some(end) = normalizer.take_head(response.as_bytes(), &mut output).unwrap() {
            prop_assert!(normalizer.is_transparent());
            prop_assert_eq!([&output, &response.as_bytes()[end..]].concat(), whole.unwrap());
            prop_assert_eq!(told(normalizer.fields()), kept(&response));
        }
    }
}
