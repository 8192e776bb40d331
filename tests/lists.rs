//! Lists that say more of a file than its URL: where it goes, what it must be.

use haul::model::digest::{Algorithm, Hasher};

use crate::harness::{Reply, Server, Test};

/// The SHA-256 of some bytes, in hexadecimal digits.
fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.digest().to_string()["sha256:".len()..].to_owned()
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
fn an_object_says_where_its_file_goes_and_what_it_must_be() {
    let server = two();
    let (a, b) = (server.url("/a"), server.url("/b"));
    let lines = format!(
        "\u{feff}# two files\n\n{{\"url\":\"{a}\",\"out\":\"x/y/z\",\"sha256\":\"{}\"}}\r\n  {}",
        sha256(b"a"),
        format_args!("{{\"n\": [{{}}], \"url\":\"{b}\",\"checksum\":\"sha256:{}\"}}", sha256(b"b")),
    );
    list(&server, lines).expect_file("x/y/z", "a").expect_file("b", "b").run();
}

#[test]
fn an_object_may_have_mirrors() {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    server.serve("/gone", Reply::status(404, "-"));
    let urls = [server.url("/gone"), server.url("/a")];
    let warning = format!("warning: {}: 404 …; going on with {}", urls[0], urls[1]);
    let line = format!("{{\"url\":\"{}\",\"mirrors\":[\"{}\"]}}", urls[0], urls[1]);
    list(&server, line).line(warning).expect_file("gone", "a").run();
}

#[test]
fn what_haul_says_of_its_jobs_is_a_list_that_checks() {
    let objects = |server: &Server| {
        let object = |name: &str, size: u64, sum: &str| {
            format!(
                "{{\"url\":\"{}\",\"path\":\"files/{name}\",\"status\":\"completed\",\"size\":{size},\
                 \"sha256\":\"{sum}\",\"mirrors\":[],\"error\":null,\"seconds\":0.1}}\n",
                server.url(&format!("/{name}")),
            )
        };
        let totals = "{\"totals\":{\"completed\":3}}\n";
        let sums = [sha256(b"a"), sha256(b"b")];
        object("a", 1, &sums[0]) + &object("b", 1, &sums[1]) + &object("c", 7, &sums[0]) + totals
    };
    for args in [&["-d", "files"] as &[_], &[]] {
        let server = two();
        server.always("/c", Reply::ok("changed"));
        // It has the length that it had, and other bytes.
        let cause = format!("the checksum is sha256:…, not sha256:{}", sha256(b"a"));
        let warning = format!("warning: {}: {cause}; fetching all of it again", server.url("/c"));
        list(&server, objects(&server))
            .args(args.iter().copied())
            .expect_file("files/a", "a")
            .expect_file("files/b", "b")
            .line(warning)
            .fails(server.url("/c"), &cause)
            .hint("check where the checksum comes from, or try again later")
            .run();
    }
}

#[test]
fn a_file_of_another_size_fails_without_its_bytes() {
    let line = |server: &Server, size: usize| {
        format!("{{\"url\":\"{}\",\"size\":{size}}}", server.url("/a"))
    };
    let hint = "if the new file is right, take its old size out of the list";
    let server = Server::start();
    server.always("/a", Reply::ok("12345"));
    list(&server, line(&server, 5)).expect_file("a", "12345").run();
    for size in [0, 4, 6] {
        let cause = format!("the file has 5 bytes, not {size}");
        let url = server.url("/a");
        let before = server.requests().len();
        list(&server, line(&server, size))
            .line(format!("warning: {url}: {cause}; fetching all of it again"))
            .fails(url, &cause)
            .hint(hint)
            .run();
        let asked = server.requests();
        let asked = asked[before..].iter();
        let wishes: Vec<_> = asked.map(|request| request.header("cache-control")).collect();
        assert_eq!(wishes, [None, Some("no-cache")]);
    }

    // One that does not say how long it is.
    server.always("/b", Reply::ok("12345").until_close());
    let unsized_line = |size: usize| line(&server, size).replace("/a", "/b");
    list(&server, unsized_line(5)).expect_file("b", "12345").run();
    let url = server.url("/b");
    list(&server, unsized_line(4)).fails(&url, "the file has more than 4 bytes").hint(hint).run();
    list(&server, unsized_line(6))
        .line(format!("warning: {url}: the file has 5 bytes, not 6; fetching all of it again"))
        .fails(&url, "the file has 5 bytes, not 6")
        .hint(hint)
        .run();

    // One that is there.
    list(&server, line(&server, 5)).existing("a", "there").skips("a", "exists already").run();
    list(&server, line(&server, 4))
        .existing("a", "there")
        .fails(server.url("/a"), "a exists, and has 5 bytes, not 4")
        .hint("`--if-exists overwrite` replaces it")
        .run();
}

#[test]
fn a_stale_copy_of_another_size_is_asked_for_past_the_caches() {
    let server = Server::start();
    server.serve("/a", Reply::ok("old"));
    server.serve("/a", Reply::ok("newer"));
    let line = format!("{{\"url\":\"{}\",\"size\":5}}", server.url("/a"));
    let warning = "warning: …: the file has 3 bytes, not 5; fetching all of it again";
    list(&server, &line).line(warning).expect_file("a", "newer").run();
    server.serve("/a", Reply::ok("old"));
    server.serve("/a", Reply::ok("newer"));
    list(&server, &line).args(["-o", "-"]).any_stderr().stdout("newer").run();
}

#[test]
fn a_line_that_is_no_object_fails_by_its_place_and_the_others_come() {
    let server = two();
    let (a, b) = (server.url("/a"), server.url("/b"));
    let lines = format!(
        "{{\"url\":\"{a}\"}}\n{b}\n{{\n{{\"url\":\"{b}\",\"path\":\"../x\"}}\n{{\"url\":\"word\"}}\n\
         {{\"url\":\"{b}\"}}\n",
    );
    list(&server, lines)
        .fails("list:2", "not a JSON object")
        .fails("list:3", "not a JSON object: it does not end on its line")
        .fails("list:4", "the path `../x` has `..` in it")
        .fails("list:5", "not a URL: `word`")
        .expect_file("a", "a")
        .expect_file("b", "b")
        .run();
}

#[test]
fn an_array_is_no_list_of_objects() {
    let server = Server::start();
    list(&server, "[{\"url\": \"http://a.example/\"}]\n")
        .fails("list:1", "a JSON array, and not an object on each line")
        .hint("`jq -c '.[]'` makes those of it")
        .run();
}

#[test]
fn a_first_object_that_is_too_long_is_one_failure() {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    let long = "x".repeat(200_000);
    list(&server, format!("{{\"x\":\"{long}\"}}\n{{\"url\":\"{}\"}}\n", server.url("/a")))
        .fails("list:1", "the line is longer than 131072 bytes")
        .expect_file("a", "a")
        .run();
}

#[test]
fn no_list_leads_out_of_the_folder() {
    for path in ["/etc/x", "../x", "a/../../x", "..\\\\x", "a/", "d/../../x"] {
        let server = Server::start();
        let line = format!("{{\"url\":\"{}\",\"path\":\"{path}\"}}", server.url("/a"));
        let test = list(&server, line).args(["-d", "d"]).existing_folder("d");
        test.fails("list:1", "the path `…").run();
        assert!(server.requests().is_empty());
    }
}

#[test]
fn files_of_one_path_are_numbered_and_one_url_is_fetched_once_for_it() {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    server.serve("/b", Reply::ok("b"));
    server.serve("/x", Reply::ok("x"));
    server.serve("/x", Reply::ok("x"));
    let line =
        |name: &str, out: &str| format!("{{\"url\":\"{}\",\"out\":\"{out}\"}}\n", server.url(name));
    let lines = line("/a", "d/f.txt") + &line("/b", "d/f.txt") + &line("/a", "./d//f.txt");
    list(&server, lines + &line("/x", "d/x") + &line("/x", "x"))
        .expect_file("d/f.txt", "a")
        .expect_file("d/f.1.txt", "b")
        .expect_file("d/x", "x")
        .expect_file("x", "x")
        .skips(server.url("/a"), "listed twice")
        .run();
}

#[test]
fn a_folder_that_cannot_be_made_fails_its_files_alone() {
    let server = Server::start();
    server.serve("/b", Reply::ok("b"));
    let line =
        |name: &str, out: &str| format!("{{\"url\":\"{}\",\"out\":\"{out}\"}}\n", server.url(name));
    list(&server, line("/a", "list/x") + &line("/b", "b"))
        .fails(server.url("/a"), "cannot look at list/x: not a directory")
        .hint("…")
        .expect_file("b", "b")
        .run();
}

#[test]
fn a_record_that_outlived_its_file_is_no_use_in_a_deeper_folder_either() {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    let line = format!("{{\"url\":\"{}\",\"out\":\"d/x\"}}", server.url("/a"));
    let test = list(&server, line).args(["--fsync"]).existing("d/x.part.haul", "{}");
    test.expect_no_file("d/x.part.haul").expect_file("d/x", "a").run();
}

#[test]
fn the_output_option_goes_before_the_path_of_a_list() {
    let server = Server::start();
    server.always("/a", Reply::ok("a"));
    let line = format!("{{\"url\":\"{}\",\"out\":\"d/x\"}}", server.url("/a"));
    list(&server, &line).args(["-o", "y"]).expect_file("y", "a").run();
    list(&server, &line).args(["-o", "-"]).any_stderr().stdout("a").run();
    list(&server, &line).args(["-J", "-d", "e"]).expect_file("e/d/x", "a").run();
}

#[test]
fn a_list_of_objects_is_read_as_it_comes() {
    let server = two();
    let mut running =
        server.test().open_stdin().expect_file("x/a", "a").expect_file("b", "b").start();
    running.write(format!("{{\"url\":\"{}\",\"out\":\"x/a\"}}\n", server.url("/a")));
    running.wait_for_file("x/a");
    running.write(format!("{{\"url\":\"{}\"}}", server.url("/b")));
    running.finish();
}

#[test]
fn the_format_may_be_said() {
    let server = two();
    let object = format!("{{\"url\":\"{}\"}}", server.url("/a"));
    list(&server, &object).args(["--input-format", "lines"]).fails("list:1", "not a URL: …").run();
    list(&server, format!("{}\n{object}\n", server.url("/b")))
        .args(["--input-format", "jsonl"])
        .fails("list:1", "not a JSON object")
        .expect_file("a", "a")
        .run();
    // By itself each list is taken for what its first line is.
    list(&server, format!("{}\n{object}\n", server.url("/b")))
        .fails("list:2", "not a URL: …")
        .expect_file("b", "b")
        .run();
}
