//! Metalink documents as lists.

use haul::model::digest::{Algorithm, Hasher};

use crate::harness::folder::Entry;
use crate::harness::{Reply, Server, Test};
use crate::logins::{basic, netrc};

/// The digest of some bytes, in hexadecimal digits.
fn hex(algorithm: Algorithm, bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.digest().hex()
}

/// A document of RFC 5854 with these files.
fn document(files: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n{files}</metalink>\n"
    )
}

/// One file on a line, with what is inside it.
fn file(name: &str, inside: &str) -> String {
    format!("<file name=\"{name}\">{inside}</file>\n")
}

fn url(server: &Server, target: &str, priority: u32) -> String {
    format!("<url priority=\"{priority}\">{}</url>", server.url(target))
}

/// A server that has `/a` and `/b`, each with its own name as the body.
fn two() -> Server {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    server.serve("/b", Reply::ok("b"));
    server
}

/// Runs haul with `list` as the list.
fn list(server: &Server, list: impl AsRef<[u8]>) -> Test {
    server.test().existing("list", list).args(["-i", "list"])
}

#[test]
fn the_files_of_a_document_come_and_are_checked() {
    for format in ["auto", "metalink"] {
        let server = two();
        let sum = |algorithm, bytes: &str| hex(algorithm, bytes.as_bytes());
        let files = file(
            "d/x.bin",
            &format!(
                "<size>1</size><hash type=\"sha-256\">{}</hash><hash type=\"md5\">{}</hash>{}",
                sum(Algorithm::Sha256, "a"),
                // Only the strongest is looked at.
                sum(Algorithm::Md5, "other"),
                url(&server, "/a", 1),
            ),
        ) + &file("y", &url(&server, "/b", 1));
        list(&server, document(&files))
            .args(["-d", "out", "--input-format", format])
            .expect_file("out/d/x.bin", "a")
            .expect_file("out/y", "b")
            .run();
    }
}

#[test]
fn mirrors_are_asked_in_the_order_of_their_priorities() {
    let server = Server::start();
    for target in ["/1", "/2"] {
        server.serve(target, Reply::status(404, "-"));
    }
    server.serve("/3", Reply::ok("x"));
    let urls = [("/4", 4), ("/2", 2), ("/3", 3), ("/1", 1)];
    let urls: String = urls.iter().map(|(target, rank)| url(&server, target, *rank)).collect();
    let ftp = "<url priority=\"1\">ftp://ftp.example/x</url>";
    let warning = |from: &str, to: &str| {
        format!("warning: {}: 404 …; going on with {}", server.url(from), server.url(to))
    };
    list(&server, document(&file("x", &format!("{ftp}{urls}"))))
        .line(
            "warning: list:3: `ftp://ftp.example/x` is not used: scheme `ftp` is not supported; others \
             like it are not told",
        )
        .line(warning("/1", "/2"))
        .line(warning("/2", "/3"))
        .expect_file("x", "x")
        .run();
    assert_eq!(server.targets(), ["/1", "/2", "/3"]);
}

#[test]
fn a_file_that_cannot_be_asked_for_fails_at_its_line() {
    let server = two();
    let ok = url(&server, "/a", 1);
    let files = file("x", "<url>ftp://ftp.example/x</url><metaurl>http://a.example/</metaurl>")
        + &file("../up", &ok)
        + &file("/etc/passwd", &ok)
        + &file("", &ok)
        + &file("wrong", &format!("\n<size>many</size>{ok}"))
        + &file("a", &ok)
        + &file("b", &url(&server, "/b", 1));
    list(&server, document(&files))
        .line("warning: list:3: `ftp://ftp.example/x` is not used: …")
        .fails("list:3", "no URL of http or https")
        .fails("list:4", "the path `../up` has `..` in it")
        .fails(
            "list:5",
            "the path `/etc/passwd` is absolute, and a list has paths below `--dir` only",
        )
        .fails("list:6", "the path `` names no file")
        .fails("list:8", "`many` is not a number of bytes")
        .expect_file("a", "a")
        .expect_file("b", "b")
        .run();
}

#[test]
fn a_relative_url_of_a_document_is_not_used() {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    let relative = "<url priority=\"1\">a.example/x</url>";
    let files = file("a", &format!("{relative}{}", url(&server, "/a", 2))) + &file("x", relative);
    list(&server, document(&files))
        .line("warning: list:3: `a.example/x` is not used: it is no absolute URL; others like it are not told")
        .fails("list:4", "no absolute URL of http or https")
        .hint("write its URLs out in the document, with scheme and host")
        .expect_file("a", "a")
        .run();
}

#[test]
fn a_file_that_is_not_what_its_document_says_fails() {
    let server = Server::start();
    server.always("/a", Reply::ok("a"));
    let inside = format!(
        "<hash type=\"sha-1\">{}</hash>{}",
        hex(Algorithm::Sha1, b"b"),
        url(&server, "/a", 1)
    );
    let cause = "the checksum is sha1:86f7e437faa5a7fce15d1ddcb9eaeaea377667b8, not sha1:…";
    list(&server, document(&file("x", &inside)))
        .line(format!("warning: {}: {cause}; fetching all of it again", server.url("/a")))
        .fails(server.url("/a"), cause)
        .hint("check where the checksum comes from, or try again later")
        .run();
}

#[test]
fn a_malformed_hash_fails_a_file_that_nothing_else_checks() {
    let server = two();
    let right = |bytes: &str| {
        format!("<hash type=\"sha-256\">{}</hash>", hex(Algorithm::Sha256, bytes.as_bytes()))
    };
    let short = format!("<hash type=\"md5\">{}</hash>", "0".repeat(31));
    let files = file("a", &format!("<size/>{short}{}{}", right("a"), url(&server, "/a", 1)))
        + &file("x", &format!("{short}{}", url(&server, "/b", 1)))
        + &file("b", &format!("<hash type=\"x\">0</hash>{}", url(&server, "/b", 1)));
    list(&server, document(&files))
        .line("warning: list:3: an empty `size` is not used; others like it are not told")
        .line("warning: list:3: a hash is not used: `md5:000… is not a checksum …; others like it are not told")
        .fails("list:4", "`md5:0000000000000000000000000000000` is not a checksum …")
        .line("warning: list:5: not checked: its hashes are of no kind that is known; others like …")
        .expect_file("a", "a")
        .expect_file("b", "b")
        .run();
}

#[test]
fn pieces_of_version_3_are_numbered() {
    let server = Server::start();
    server.serve("/x", Reply::ok("ab"));
    let piece = |number: u8, bytes: &[u8]| {
        format!("<hash piece=\"{number}\">{}</hash>", hex(Algorithm::Sha1, bytes))
    };
    let document = format!(
        "<metalink version=\"3.0\"><files><file name=\"x\"><size>2</size><verification>\
         <pieces length=\"1\" type=\"sha1\">{}{}</pieces></verification>\
         <resources><url type=\"http\">{}</url></resources></file></files></metalink>",
        piece(1, b"b"),
        piece(0, b"a"),
        server.url("/x")
    );
    list(&server, &document).expect_file("x", "ab").run();
    list(&server, document.replace("piece=\"1\"", "piece=\"0\""))
        .fails(
            "list:1",
            "the hashes of its pieces are not used: their numbers are not 0 to 1, each once",
        )
        .run();
}

#[test]
fn a_document_that_is_not_well_formed_is_read_up_to_there() {
    #[track_caller]
    fn case(end: &str, line: u32, cause: &str) {
        let server = two();
        let files = file("a", &url(&server, "/a", 1)) + &file("b", &url(&server, "/b", 1));
        let whole = document(&files).replace("</metalink>\n", end);
        let test = list(&server, whole).expect_file("a", "a").expect_file("b", "b");
        test.fails(format!("list:{line}"), cause).run();
    }
    case("<file name=\"c\">\n<url>http://c.exa", 6, "the document ends before its last tag");
    case("</files>", 5, "not well-formed XML: …");
    case("<a>&lol;</a>", 5, "an entity that is not XML's own");
}

#[test]
fn a_document_type_is_refused() {
    let server = Server::start();
    let laughs = "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [\n<!ENTITY a \"ha\">\n\
                  <!ENTITY b \"&a;&a;\">]>\n<metalink><file name=\"&b;\"/></metalink>";
    list(&server, laughs)
        .fails(
            "list:4",
            "a document type (`<!DOCTYPE`), which can make a small document a huge one, is not read",
        )
        .hint("take the `<!DOCTYPE` out of the document if it is yours")
        .run();
}

#[test]
fn other_encodings_are_refused() {
    let server = Server::start();
    let text = document("").replace("UTF-8", "ISO-8859-1");
    let cause = "the document is in `ISO-8859-1`, and only UTF-8 and UTF-16 are read";
    list(&server, text).fails("list:1", cause).run();
}

#[test]
fn a_document_is_read_as_it_comes_also_packed() {
    use std::io::Write as _;

    let server = two();
    let test = server.test().open_stdin().expect_file("a", "a").expect_file("b", "b");
    let mut running = test.start();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let document = document("");
    let (head, tail) = document.split_once("</metalink>").unwrap();
    for (text, name) in [
        (head.to_owned() + &file("a", &url(&server, "/a", 1)), "a"),
        (file("b", &url(&server, "/b", 1)), "b"),
    ] {
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.flush().unwrap();
        running.write(std::mem::take(encoder.get_mut()));
        running.wait_for_file(name);
    }
    write!(encoder, "</metalink>{tail}").unwrap();
    running.write(encoder.finish().unwrap());
    running.finish();
}

#[test]
fn a_base_url_is_of_no_use_for_a_document() {
    let server = two();
    let files = file("a", &url(&server, "/a", 1)) + &file("b", &url(&server, "/b", 1));
    list(&server, document(&files))
        .args(["--base-url", &server.url("/")])
        .line("warning: list is no list of checksums: `--base-url` is not used for it")
        .expect_file("a", "a")
        .expect_file("b", "b")
        .run();
    Test::new()
        .stdin("")
        .args(["--base-url", "http://a.example/", "--input-format", "metalink"])
        .stderr(["error: `--base-url` is for lists of checksums only"])
        .status(2)
        .run();
}

#[test]
fn no_file_of_this_machine_is_a_file_of_a_document() {
    let server = Server::start();
    for url in ["file:///etc/passwd", "FILE:/etc/passwd", "data:,x"] {
        let scheme = url.split(':').next().unwrap().to_lowercase();
        let warning = format!("warning: list:3: `{url}` is not used: scheme `{scheme}` is not …");
        list(&server, document(&file("x", &format!("<url>{url}</url>"))))
            .line(warning)
            .fails("list:3", "no URL of http or https")
            .run();
    }
}

#[test]
fn urls_of_a_document_get_nothing_that_was_given_for_all() {
    let server = two();
    let with_login = server.url("/b").replace("://", "://me:own@");
    let files = file("a", &url(&server, "/a", 1)) + &file("b", &format!("<url>{with_login}</url>"));
    list(&server, document(&files))
        .args(["-H", "X-Api-Key: s3cret", "--user", "me:s3cret", "--cookie", "a=s3cret"])
        .args(["--referer", "http://page.example/s3cret", "--location-trusted", "-j1"])
        .line("warning: headers and credentials of the command line are not sent for the URLs of a Metalink …")
        .expect_file("a", "a")
        .expect_file("b", "b")
        .run();
    let requests = server.requests();
    assert!(!format!("{requests:?}").contains("s3cret"), "{requests:?}");
    assert_eq!(requests[0].header("authorization"), None);
    assert_eq!(requests[1].header("authorization"), Some(&*basic("me:own")));
    for name in ["x-api-key", "cookie", "referer"] {
        assert!(requests.iter().all(|request| request.header(name).is_none()), "{name}");
    }
}

#[test]
fn a_netrc_file_must_name_the_hosts_of_a_document() {
    for (entry, login) in [("default", None), ("machine 127.0.0.1", Some(basic("me:s3cret")))] {
        let server = Server::start();
        server.serve("/a", Reply::ok("a"));
        let list = list(&server, document(&file("a", &url(&server, "/a", 1))));
        netrc(list, &format!("{entry} login me password s3cret")).expect_file("a", "a").run();
        assert_eq!(server.requests()[0].header("authorization"), login.as_deref());
    }
}

#[test]
fn what_haul_prints_of_a_document_says_that_its_urls_are_foreign() {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    server.serve("/x", Reply::status(404, "-"));
    let files = file("a", &url(&server, "/a", 1)) + &file("x", &url(&server, "/x", 1));
    let run = list(&server, document(&files))
        .args(["--json", "--failed", "failed", "--lock", "lock"])
        .expect_entry("failed", Entry::AnyFile)
        .expect_entry("lock", Entry::AnyFile)
        .any_stdout()
        .fails(server.url("/x"), "404 …")
        .hint("check the URL")
        .expect_file("a", "a")
        .run();
    let read = |name: &str| std::fs::read_to_string(run.folder.path().join(name)).unwrap();
    for text in [read("failed"), read("lock"), String::from_utf8(run.stdout.clone()).unwrap()] {
        assert!(text.contains("\"foreign\":true"), "{text}");
    }
    server.serve("/x", Reply::ok("x"));
    server
        .test()
        .existing("list", read("failed"))
        .args(["-i", "list", "-H", "X-Api-Key: s3cret"])
        .line("warning: headers and credentials …")
        .expect_file("x", "x")
        .run();
    assert_eq!(server.requests().last().unwrap().header("x-api-key"), None);
}
