//! Where URLs come from: arguments, lists in files, and a list on standard input, read as it comes.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Reply, Server, Test};

/// A server with `/1`, `/2` ..., each with its own number as the body.
fn numbered(count: usize) -> Server {
    let server = Server::start();
    for number in 1..=count {
        server.serve(&format!("/{number}"), Reply::ok(number.to_string()));
    }
    server
}

#[test]
fn a_list_in_a_file_is_read() {
    let server = numbered(2);
    let list = format!("{}\n{}\n", server.url("/1"), server.url("/2"));
    server
        .test()
        .existing("list.txt", list)
        .args(["-i", "list.txt"])
        .expect_file("1", "1")
        .expect_file("2", "2")
        .run();
}

#[test]
fn arguments_and_several_lists_are_taken_together() {
    let server = numbered(5);
    server
        .get(["/1"])
        .existing("a", server.url("/2"))
        .existing("b", server.url("/3"))
        .args(["-i", "a", "--input", "b", "-i", "-"])
        .stdin(server.url("/4"))
        .arg(server.url("/5"))
        .expect_file("1", "1")
        .expect_file("2", "2")
        .expect_file("3", "3")
        .expect_file("4", "4")
        .expect_file("5", "5")
        .run();
}

#[test]
fn without_url_and_list_standard_input_is_the_list() {
    let server = numbered(1);
    server.test().stdin(server.url("/1")).expect_file("1", "1").run();
}

#[test]
fn with_a_url_standard_input_is_not_read() {
    let server = numbered(1);
    let mut running = server.get(["/1"]).open_stdin().expect_file("1", "1").start();
    running.write("http://127.0.0.1:1/never\n");
    // The pipe stays open until the end: haul must not wait for it.
    running.wait_for_exit();
    running.finish();
}

#[test]
fn a_list_is_read_as_it_comes() {
    let server = numbered(3);
    let mut running = server
        .test()
        .open_stdin()
        .expect_file("1", "1")
        .expect_file("2", "2")
        .expect_file("3", "3")
        .start();
    running.write(format!("{}\n", server.url("/1")));
    running.wait_for_file("1");
    running.write(format!("{}\n", server.url("/2")));
    running.wait_for_file("2");
    // The last line needs no newline, but the end of the list.
    running.write(server.url("/3"));
    running.finish();
}

#[test]
fn a_saved_path_is_told_while_the_list_goes_on() {
    let server = numbered(1);
    let mut running = server.test().open_stdin().expect_file("1", "1").start();
    running.write(format!("{}\n", server.url("/1")));
    running.wait_for_stdout("1\n");
    running.finish();
}

#[test]
fn blank_lines_comments_and_foreign_line_ends_are_understood() {
    let server = numbered(4);
    let list = format!(
        "\u{feff}{}\r\n\n# {}\n   # indented\n\t{} \n\r\n#\n  {}\r\n\u{feff}{}",
        server.url("/1"),
        server.url("/never"),
        server.url("/2"),
        server.url("/3"),
        server.url("/4"),
    );
    server
        .test()
        .stdin(list)
        .expect_file("1", "1")
        .expect_file("2", "2")
        .expect_file("3", "3")
        .expect_file("4", "4")
        .run();
}

/// A text as Windows PowerShell writes it.
fn utf16(text: &str) -> Vec<u8> {
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn a_list_of_any_format_may_be_in_utf_16() {
    #[track_caller]
    fn case(list: impl Fn(&Server) -> String) {
        let server = numbered(1);
        server.test().stdin(utf16(&list(&server))).expect_file("1", "1").run();
        let server = numbered(1);
        let list = utf16(&list(&server));
        server.test().existing("list", list).args(["-i", "list"]).expect_file("1", "1").run();
    }
    case(|server| format!("# ü\n\n{}\n", server.url("/1")));
    case(|server| format!("{{\"url\": \"{}\"}}\n", server.url("/1")));
    case(|server| {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<metalink>\n<file name=\"1\"><url>{}</url></file>\n\
             </metalink>\n",
            server.url("/1")
        )
    });
    let server = numbered(1);
    let options = utf16(&format!("{}\n  out=ü\n", server.url("/1")));
    server.test().existing("list", options).args(["-i", "list"]).expect_file("ü", "1").run();
}

#[test]
fn a_list_in_utf_16_is_read_as_it_comes() {
    let server = numbered(2);
    let test = server.test().open_stdin().expect_file("1", "1").expect_file("2", "2");
    let mut running = test.start();
    let list = utf16(&format!("{}\n{}\n", server.url("/1"), server.url("/2")));
    // In the middle of a character.
    let (first, rest) = list.split_at((list.len() / 2 + 10) | 1);
    running.write(first);
    running.wait_for_file("1");
    running.write(rest);
    running.finish();
}

#[test]
fn a_list_whose_utf_16_is_damaged_is_read_up_to_there() {
    let server = numbered(1);
    let mut list = utf16(&format!("{}\n", server.url("/1")));
    list.extend(b"http://b.example/x\n");
    let cause = "cannot read -: its UTF-16 is damaged, or only its beginning is in UTF-16";
    server.test().stdin(list).fails("-", cause).expect_file("1", "1").run();
}

#[test]
fn a_line_that_is_no_url_fails_by_its_place_and_the_others_come() {
    let server = numbered(2);
    let mut list = format!("{}\nnot a url\n", server.url("/1")).into_bytes();
    list.extend(b"http://h/\xff\n\nhttp://h:99999/\n");
    list.extend(vec![b'x'; 200_000]);
    list.extend(format!("\n{}\n", server.url("/2")).as_bytes());
    server
        .test()
        .existing("my list", &list)
        .args(["-i", "my list"])
        .fails("my list:2", "not a URL: `not a url` has ` ` in it")
        .fails("my list:3", "not a URL: byte 10 is not UTF-8")
        .fails("my list:5", "not a URL: `http://h:99999/`: invalid port number")
        .fails("my list:6", "not a URL: the line is longer than 131072 bytes")
        .expect_file("1", "1")
        .expect_file("2", "2")
        .run();
}

#[test]
fn a_bad_line_of_standard_input_is_named_with_a_dash() {
    Test::new().stdin("\n\0\n").fails("-:2", "not a URL: …").run();
}

#[test]
fn a_bad_argument_fails_alone() {
    let hint = "a URL looks like https://host.example/path";
    for (argument, shown) in [("word", "word"), ("", "``")] {
        let server = numbered(1);
        let test = server.get(["/1"]).arg(argument).fails(shown, "not a URL: …").hint(hint);
        test.expect_file("1", "1").run();
    }
}

#[test]
fn an_argument_that_is_a_file_here_is_perhaps_a_list() {
    Test::new()
        .existing("list.txt", "http://127.0.0.1:1/\n")
        .arg("./list.txt")
        .fails("./list.txt", "not a URL: `./list.txt`")
        .hint("to read a list of URLs, use `-i ./list.txt`")
        .run();
}

#[test]
fn an_empty_list_is_no_error() {
    Test::new().run();
    Test::new().stdin("").run();
    Test::new().stdin("\n# nothing\n\n").run();
    Test::new().existing("l", "").args(["-i", "l"]).run();
    Test::new().args(["-i", "/dev/null"]).stdout("").run();
}

#[test]
fn a_terminal_is_not_read_for_urls() {
    // A pseudo-terminal whose other end nobody writes to: reading it would wait for ever.
    let output = Test::new().terminal_stdin().any_stderr().status(2).run();
    assert!(output.stderr.starts_with("error: no URL"), "{}", output.stderr);
}

#[test]
fn a_list_that_cannot_be_opened_ends_the_run_before_it_begins() {
    #[track_caller]
    fn case(list: &str, cause: &str) {
        let server = Server::start();
        server
            .get(["/never"])
            .existing_folder("folder")
            .args(["-i", list])
            .stderr([format!("error: cannot read list {list}: {cause}")])
            .status(2)
            .run();
    }
    case("missing", "no such file or directory");
    case("folder", "is a directory");
}

#[test]
fn a_url_without_scheme_means_https() {
    let server = Server::start();
    // What servers of plain HTTP answer to the beginning of a TLS handshake.
    server.serve("hello", Reply::raw("HTTP/1.1 400 Bad Request\r\n\r\n"));
    let address = server.authority();
    server
        .test()
        .arg(format!("{address}/x"))
        .fails(format!("https://{address}/x"), "127.0.0.1 speaks plain HTTP on this port, not TLS")
        .hint("is it an http:// URL? Without a scheme `https://` is meant")
        .run();
}

#[test]
fn other_schemes_are_not_supported() {
    for scheme in ["ftp", "sftp", "gopher"] {
        Test::new()
            .arg(format!("{scheme}://127.0.0.1/x"))
            .fails(
                format!("{scheme}://127.0.0.1/x"),
                &format!("scheme `{scheme}` is not supported"),
            )
            .hint("haul speaks http, https, file and data; for others there are curl, rclone and aws s3")
            .run();
    }
}

#[test]
fn the_same_url_twice_is_done_once() {
    let server = numbered(2);
    let (one, two) = (server.url("/1"), server.url("/2"));
    server
        .test()
        .stdin(format!("{one}\n{two}\n{one}#part\n"))
        .expect_file("1", "1")
        .expect_file("2", "2")
        .skips(&one, "listed twice")
        .run();
}

#[test]
fn a_fifo_is_read_as_a_list() {
    let server = numbered(1);
    let mut running =
        server.test().args(["-i", "/dev/stdin"]).open_stdin().expect_file("1", "1").start();
    running.write(format!("{}\n", server.url("/1")));
    running.wait_for_file("1");
    running.finish();
}

#[test]
fn an_interrupt_ends_a_run_that_waits_for_its_list() {
    let server = numbered(1);
    let mut running = server
        .test()
        .open_stdin()
        .expect_file("1", "1")
        .totals_end("interrupted")
        .status(130)
        .start();
    running.write(format!("{}\n", server.url("/1")));
    running.wait_for_file("1");
    running.wait_for_stderr("saved 1");
    running.signal(Signal::INT);
    running.wait_for_exit();
    let output = running.finish();
    assert!(output.since_signal.unwrap() < Duration::from_secs(1));
}
