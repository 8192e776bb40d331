//! Where files are put, and what happens to what is there already.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use crate::harness::folder::Entry;
use crate::harness::{Reply, Server, Test, content};

/// A server that sends `new` for `/a`, once.
fn with_new_file() -> Server {
    let server = Server::start();
    server.serve("/a", Reply::ok("new"));
    server
}

#[test]
fn the_folder_is_made() {
    with_new_file().get(["/a"]).args(["-d", "out/deep"]).expect_file("out/deep/a", "new").run();
}

#[test]
fn a_folder_may_be_absolute() {
    let server = with_new_file();
    let test = server.get(["/a"]).existing_folder("here");
    let folder = test.path().join("here");
    let saved = folder.join("a");
    test.arg("--dir")
        .arg(&folder)
        .expect_entry("here/a", Entry::File(b"new".to_vec()))
        .stdout(format!("{}\n", saved.display()))
        .stderr([format!("saved {} (3 B in …)", saved.display()), "1 file, 3 B in …".to_owned()])
        .run();
}

#[test]
fn the_output_option_names_the_file() {
    let server = with_new_file();
    server.get(["/a"]).args(["-o", "b.txt"]).expect_file("b.txt", "new").run();
}

#[test]
fn the_output_option_may_name_a_path_and_joins_the_folder() {
    let server = with_new_file();
    server.get(["/a"]).args(["-d", "out", "-o", "b.txt"]).expect_file("out/b.txt", "new").run();
}

#[test]
fn the_folder_of_the_output_is_made() {
    let server = with_new_file();
    server.get(["/a"]).args(["-o", "sub/deep/b"]).expect_file("sub/deep/b", "new").run();
}

#[test]
fn an_output_that_is_a_folder_is_an_error() {
    for output in ["sub", ".", "..", "sub/.."] {
        let server = Server::start();
        server.maybe("/a", Reply::ok("new"));
        server
            .get(["/a"])
            .existing_folder("sub")
            .args(["-o", output])
            .fails(server.url("/a"), &format!("{output} is a folder"))
            .hint("give the name of a file with `--output`")
            .run();
    }
}

#[test]
fn standard_output_by_another_name_gets_nothing_but_the_body() {
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let server = with_new_file();
        let test = server.get(["/a"]).args(["-o", name]).any_stderr();
        test.stdout("new").run();
    }
}

#[test]
fn the_name_that_the_user_gives_is_not_filtered() {
    let server = with_new_file();
    server.get(["/a"]).args(["-o", ".hidden"]).expect_file(".hidden", "new").run();
}

#[test]
fn one_output_for_several_urls_is_a_usage_error() {
    let output = Test::new()
        .args(["-o", "x", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b"])
        .any_stderr()
        .status(2)
        .run();
    assert!(output.stderr.contains("-o"), "{}", output.stderr);
}

#[test]
fn one_output_for_a_longer_list_takes_the_first_url() {
    let server = with_new_file();
    server
        .test()
        .stdin(format!("{}\n{}\n", server.url("/a"), server.url("/b")))
        .args(["-o", "x"])
        .expect_file("x", "new")
        .fails(server.url("/b"), "`-o x` names one file, and it is taken by the first URL")
        .hint("use `--dir` for several files")
        .run();
}

#[test]
fn bodies_go_to_standard_output_in_the_order_of_the_input() {
    let server = Server::start();
    let (a, b) = (content(1, 400_000), content(2, 10));
    server.serve("/a", Reply::ok(&a));
    server.serve("/b", Reply::ok(&b).chunked(3));
    server.serve("/c", Reply::ok(""));
    let (url_a, url_b, url_c) = (server.url("/a"), server.url("/b"), server.url("/c"));
    server
        .get(["/a", "/b", "/c"])
        .args(["-o", "-"])
        .stdout([a, b].concat())
        .stderr([
            format!("sent {url_a} to stdout (391 KiB in …)"),
            format!("sent {url_b} to stdout (10 B in …)"),
            format!("sent {url_c} to stdout (0 B in …)"),
            "3 files, 391 KiB in …".to_owned(),
        ])
        .run();
}

#[test]
fn a_body_that_breaks_off_on_standard_output_ends_the_stream() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello").cut_after(3));
    server.maybe("/b", Reply::ok("world"));
    server
        .get(["/a", "/b"])
        .args(["-o", "-"])
        .stdout("hel")
        .fails(server.url("/a"), "the body ended after 3 B of 5 B")
        .fails(
            server.url("/b"),
            "not written: an earlier body broke off in the middle of the stream",
        )
        .run();
}

#[test]
fn a_body_that_never_began_does_not_break_the_stream() {
    let server = Server::start();
    server.serve("/a", Reply::status(404, "Not Found").body("no such thing"));
    server.serve("/b", Reply::ok("world"));
    let (a, b) = (server.url("/a"), server.url("/b"));
    server
        .get(["/a", "/b"])
        .args(["-o", "-"])
        .stdout("world")
        .stderr([
            format!("error: {a}: 404 Not Found"),
            "  hint: check the URL".to_owned(),
            format!("sent {b} to stdout (5 B in …)"),
            "failed:".to_owned(),
            format!("  {a}: 404 Not Found"),
            "1 file, … in …, 1 failed".to_owned(),
        ])
        .status(1)
        .run();
}

#[test]
fn a_device_that_the_user_names_is_written_into() {
    let server = Server::start();
    server.serve("/a", Reply::ok(content(3, 500_000)));
    server
        .get(["/a"])
        .args(["-o", "/dev/null"])
        .stdout("/dev/null\n")
        .stderr(["saved /dev/null (488 KiB in …)", "1 file, 488 KiB in …"])
        .run();
    let kind = std::fs::metadata("/dev/null").unwrap().file_type();
    assert!(!kind.is_file());
}

#[test]
fn by_default_a_file_that_is_there_is_not_asked_for() {
    let server = Server::start();
    server.get(["/a"]).existing("a", "old").skips("a", "exists already").run();
}

#[test]
fn a_file_that_is_there_can_be_replaced() {
    with_new_file()
        .get(["/a"])
        .existing("a", "old and longer")
        .args(["--if-exists", "overwrite"])
        .expect_file("a", "new")
        .run();
}

#[test]
fn a_file_stays_until_its_replacement_is_complete() {
    let server = Server::start();
    server.serve("/a", Reply::ok("newer").cut_after(3));
    server
        .get(["/a"])
        .existing("a", "old")
        .args(["--if-exists", "overwrite"])
        .fails(server.url("/a"), "the body ended after 3 B of 5 B")
        .run();
}

#[test]
fn a_file_that_is_there_can_be_kept_beside_the_new_one() {
    with_new_file()
        .get(["/a"])
        .existing("a", "old")
        .existing("a.1", "older")
        .args(["--if-exists", "rename"])
        .expect_file("a.2", "new")
        .run();
}

#[test]
fn a_file_that_is_there_can_be_an_error() {
    let server = Server::start();
    server
        .get(["/a"])
        .existing("a", "old")
        .args(["--if-exists", "error"])
        .fails(server.url("/a"), "a exists already")
        .hint("`--if-exists skip`, `overwrite` or `rename` accept it")
        .run();
}

#[test]
fn an_empty_file_does_not_count_as_there() {
    with_new_file().get(["/a"]).existing("a", "").expect_file("a", "new").run();
}

#[test]
fn a_folder_in_the_place_of_the_file_is_an_error() {
    for policy in ["skip", "overwrite", "error"] {
        let server = Server::start();
        server
            .get(["/a"])
            .existing_folder("a")
            .args(["--if-exists", policy])
            .fails(server.url("/a"), "a is a folder")
            .hint("give the name of a file with `--output`")
            .run();
    }
}

#[test]
fn a_link_is_replaced_and_not_followed() {
    let server = with_new_file();
    let test = server.get(["/a"]).existing("victim", "precious");
    symlink("victim", test.path().join("a")).unwrap();
    test.args(["--if-exists", "overwrite"]).expect_file("a", "new").run();
}

#[test]
fn a_link_to_nothing_is_not_followed() {
    let server = Server::start();
    let test = server.get(["/a"]);
    symlink("nowhere", test.path().join("a")).unwrap();
    test.expect_entry("a", Entry::Link("nowhere".into()))
        .fails(server.url("/a"), "a is a symbolic link to nothing")
        .hint("remove it, or give another name with `--output`")
        .run();
}

#[test]
fn a_link_in_the_place_of_the_partial_file_is_not_followed() {
    let server = Server::start();
    server.maybe("/a", Reply::ok("new"));
    let test = server.get(["/a"]).existing("victim", "precious");
    let link = test.path().join("a.part");
    symlink("victim", &link).unwrap();
    let output = test.any_result().run();
    let victim = std::fs::read(output.folder.path().join("victim")).unwrap();
    assert_eq!(victim, b"precious");
}

#[test]
fn a_partial_file_that_was_left_over_is_replaced() {
    with_new_file()
        .get(["/a"])
        .existing("a.part", "left over, and longer")
        .expect_no_file("a.part")
        .expect_file("a", "new")
        .run();
}

#[test]
fn a_file_in_the_place_of_the_folder_ends_the_run_or_fails_all() {
    let server = Server::start();
    let output =
        server.get(["/a", "/b"]).existing("out", "a file").args(["-d", "out"]).any_result().run();
    assert_ne!(output.status, Some(0));
    assert!(output.stderr.contains("out"), "{}", output.stderr);
    assert!(server.requests().is_empty());
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_its_cause() {
    let server = Server::start();
    let output = server.get(["/a"]).args(["-d", "/proc/haul"]).any_result().run();
    assert_ne!(output.status, Some(0));
    assert!(output.stderr.contains("/proc/haul"), "{}", output.stderr);
    assert!(server.requests().is_empty());
}

#[test]
fn the_time_of_the_file_is_the_one_of_the_server() {
    #[track_caller]
    fn case(date: &str, is_time: bool) {
        let server = Server::start();
        server.serve("/a", Reply::ok("x").header("Last-Modified", date));
        let output = server.get(["/a"]).expect_file("a", "x").run();
        let metadata = std::fs::metadata(output.folder.path().join("a")).unwrap();
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(metadata.modified().unwrap() == expected, is_time, "{date}");
    }
    case("Sun, 06 Nov 1994 08:49:37 GMT", true);
    case("Sun, 6 Nov 1994 08:49:37 GMT", true);
    case("mon, 06 nov 1994 08:49:37 +0000", true);
    case("Sun, 06 Nov 1994 08:49:37 +0100", false);
    case("yesterday", false);
}

#[test]
fn the_time_of_the_server_can_be_passed_over() {
    let server = Server::start();
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    server.serve("/a", Reply::ok("x").header("Last-Modified", date));
    let output = server.get(["/a"]).arg("--no-mtime").expect_file("a", "x").run();
    let metadata = std::fs::metadata(output.folder.path().join("a")).unwrap();
    assert!(metadata.modified().unwrap().elapsed().unwrap() < Duration::from_secs(60));
}

#[test]
fn files_have_the_mode_that_the_umask_leaves() {
    #[track_caller]
    fn case(umask: &str, mode: u32) {
        let output = with_new_file()
            .get(["/a"])
            .shell(&format!("umask {umask}; exec \"$@\""))
            .expect_file("a", "new")
            .run();
        let metadata = std::fs::metadata(output.folder.path().join("a")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode);
    }
    case("022", 0o644);
    case("077", 0o600);
    case("000", 0o666);
}
