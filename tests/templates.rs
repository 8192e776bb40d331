//! Names by a template: each value, what it does beside other options, and that nothing leaves the folder.

use crate::harness::folder::Entry;
use crate::harness::halves::{HALF, REST, body, cutting, v1};
use crate::harness::objects::{objects, sha256};
use crate::harness::{Gate, Reply, Server, Test};

/// What a file goes by until its content gives it its name.
fn provisional(url: &str) -> String {
    format!("url-{}", &sha256(url)[..16])
}

/// A server that has each of these targets once, with the target as the body.
fn serving<'a>(targets: impl IntoIterator<Item = &'a str>) -> Server {
    let server = Server::start();
    for target in targets {
        server.serve(target, Reply::ok(target));
    }
    server
}

/// The folder of a server in a tree.
fn host(server: &Server) -> String {
    server.authority().replace(':', "_")
}

/// What haul says of arguments that it refuses.
#[track_caller]
fn misused(args: &[&str]) -> String {
    Test::new().args(args).arg("http://h/a").stdout("").any_stderr().status(2).run().stderr
}

#[test]
fn a_tree_is_that_of_the_server() {
    let targets =
        ["/", "/a/b%20c/x.txt", "/a/", "/..%2F..%2Fetc%2Fpasswd", "/.ssh/-rf", "/d%E9/%CE.zip"];
    let server = serving(targets);
    let host = host(&server);
    server
        .get(targets)
        .args(["--tree", "-d", "out"])
        .expect_file(&format!("out/{host}/index.html"), "/")
        .expect_file(&format!("out/{host}/a/b c/x.txt"), "/a/b%20c/x.txt")
        .expect_file(&format!("out/{host}/a/index.html"), "/a/")
        .expect_file(&format!("out/{host}/passwd"), "/..%2F..%2Fetc%2Fpasswd")
        .expect_file(&format!("out/{host}/_ssh/_rf"), "/.ssh/-rf")
        .expect_file(&format!("out/{host}/d%E9/%CE.zip"), "/d%E9/%CE.zip")
        .run();
}

#[test]
fn a_file_and_a_folder_of_one_name_are_told_apart_by_their_order() {
    let targets = ["/a", "/a/b", "/c/d", "/c", "/a/e"];
    let server = serving(targets);
    let test = server.get(targets).args(["--name", "{path}"]);
    let paths = ["a", "a.1/b", "c/d", "c.1", "a.1/e"];
    let test =
        paths.iter().zip(targets).fold(test, |test, (path, body)| test.expect_file(path, body));
    test.run();
}

#[test]
fn a_template_is_filled_in_for_each_file_in_the_order_of_the_list() {
    let targets = ["/x/a.tar.gz?v=1", "/x/b?v=2", "/y/a.tar.gz"];
    let server = serving(targets);
    server
        .get(targets)
        .args(["-j", "3", "--name", "{dir}/{index:03}-{stem}_{query}.{ext}"])
        .expect_file("x/001-a_v=1.tar.gz", "/x/a.tar.gz?v=1")
        .expect_file("x/002-b_v=2", "/x/b?v=2")
        .expect_file("y/003-a_.tar.gz", "/y/a.tar.gz")
        .run();
}

#[test]
fn a_rerun_finds_every_file_without_a_request() {
    let targets = ["/x/a", "/y/a", "/z/a", "/"];
    let server = serving(targets);
    let template = ["--name", "all/{name}"];
    let names = ["all/a", "all/a.1", "all/a.2", "all/index.html"];
    let expected = |test: Test| {
        names.iter().zip(targets).fold(test, |test, (name, body)| test.expect_file(name, body))
    };
    let first = expected(server.get(targets).args(template)).run();
    let again = server.get(targets).args(template).in_folder(first.folder).stdout("");
    let again = names.iter().zip(targets).fold(again, |test, (name, body)| {
        let test = test.expect_entry(name, Entry::File(body.into()));
        test.skips(name, "exists already")
    });
    again.run();
    assert_eq!(server.requests().len(), targets.len());
}

#[test]
fn the_same_url_twice_is_one_file_unless_it_is_numbered() {
    let server = serving(["/a", "/a", "/a"]);
    let url = server.url("/a");
    server
        .get(["/a", "/a"])
        .args(["--name", "{host}.{name}"])
        .skips(&url, "listed twice")
        .expect_file(&format!("{}.a", host(&server)), "/a")
        .run();
    server
        .get(["/a", "/a"])
        .args(["--name", "{index}"])
        .expect_file("1", "/a")
        .expect_file("2", "/a")
        .run();
}

#[test]
fn the_path_of_a_list_goes_before_the_template() {
    let server = serving(["/a", "/b", "/c"]);
    let [a, b, c] = ["/a", "/b", "/c"].map(|target| server.url(target));
    let list = format!("{{\"url\":\"{a}\",\"out\":\"mine\"}}\n{{\"url\":\"{b}\"}}\n");
    let aria2 = format!("{c}\n  dir=deep\n");
    server
        .test()
        .existing("list", list)
        .existing("aria2", aria2)
        .args(["-i", "list", "-i", "aria2", "--name", "t/{index}-{name}"])
        .expect_file("mine", "/a")
        .expect_file("t/2-b", "/b")
        .expect_file("deep/t/3-c", "/c")
        .run();
}

#[test]
fn the_server_may_give_the_name_in_a_template() {
    let server = Server::start();
    let named = |name: &str| {
        let field = format!("attachment; filename=\"{name}\"");
        Reply::ok("x").header("Content-Disposition", field)
    };
    server.serve("/get?id=1", named("../r.pdf"));
    server.serve("/get?id=2", named("r.pdf"));
    server.serve("/plain", Reply::ok("x"));
    server
        .get(["/get?id=1", "/get?id=2", "/plain"])
        .args(["-j", "1", "-J", "--name", "{host}/{stem}-v1.{ext}"])
        .expect_file(&format!("{}/r-v1.pdf", host(&server)), "x")
        .expect_file(&format!("{}/r-v1.1.pdf", host(&server)), "x")
        .expect_file(&format!("{}/plain-v1", host(&server)), "x")
        .run();
}

#[test]
fn a_file_may_be_named_after_its_content() {
    let server = Server::start();
    server.serve("/a.bin", Reply::ok("one"));
    server.serve("/b.bin", Reply::ok("two"));
    let (one, two) = (sha256("one"), sha256("two"));
    let (first, second) = (format!("{one}.bin"), format!("{two}.bin"));
    let output = server
        .get(["/a.bin", "/b.bin"])
        .args(["--json", "--name", "{sha256}.{ext}"])
        .any_stdout()
        .expect_file(&first, "one")
        .expect_file(&second, "two")
        .run();
    let mut found: Vec<(String, String)> = objects(&output)
        .0
        .iter()
        .filter_map(|o| Some((o["path"].as_str()?.to_owned(), o["sha256"].as_str()?.to_owned())))
        .collect();
    found.sort();
    let mut expected = [(first, one), (second, two)];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn folders_of_a_content_are_made_and_one_content_is_one_file() {
    let server = Server::start();
    for target in ["/a", "/b", "/c"] {
        server.serve(target, Reply::ok("same"));
    }
    let path = format!("by/{}/data", sha256("same"));
    server
        .get(["/a", "/b", "/c"])
        .args(["-j", "1", "-d", "out", "--name", "by/{sha256}/data"])
        .expect_file(&format!("out/{path}"), "same")
        .skips(format!("out/{path}"), "exists already")
        .skips(format!("out/{path}"), "exists already")
        .run();
}

#[test]
fn one_content_that_comes_twice_at_once_is_one_file() {
    let server = Server::start();
    let gate = Gate::default();
    for target in ["/a", "/b"] {
        server.serve(target, Reply::ok("same").hold_after(2, &gate));
    }
    let name = sha256("same");
    let test = server.get(["/a", "/b"]).args(["--name", "{sha256}"]);
    let running = test.expect_file(&name, "same").skips(&name, "exists already").start();
    gate.wait_reached(2);
    gate.open();
    running.finish();
}

#[test]
fn what_has_the_name_of_a_content_is_looked_at() {
    let name = sha256("hello");
    let case = |old: &str, options: &[&str]| {
        let server = Server::start();
        server.serve("/a", Reply::ok("hello"));
        let url = server.url("/a");
        let test = server.get(["/a"]).args(["--name", "{sha256}"]).existing(&name, old);
        (server, url, test.args(options))
    };
    for options in [&[] as &[_], &["--if-exists", "rename"]] {
        let (_server, _, test) = case("hello", options);
        test.skips(&name, "exists already").run();
        let (_server, url, test) = case("hell", options);
        let told = format!("{name} exists, and has 4 bytes, not 5");
        test.fails(url, &told).hint("`--if-exists overwrite` replaces it").run();
    }
    for (old, options) in [("", &[] as &[_]), ("hell", &["--if-exists", "overwrite"])] {
        let (_server, _, test) = case(old, options);
        test.expect_file(&name, "hello").run();
    }
    let (_server, url, test) = case("hello", &["--if-exists", "error"]);
    test.fails(url, &format!("{name} exists already"))
        .hint("`--if-exists skip`, `overwrite` or `rename` accept it")
        .run();
}

#[test]
fn a_file_named_after_its_content_is_gone_on_with() {
    for options in [&["--name", "{sha256}.bin"] as &[_], &["-J", "--name", "{sha256}.bin{ext}"]] {
        let server = cutting(&v1());
        let url = server.url("/a");
        let part = provisional(&url);
        let half = &body()[..HALF];
        let test = server.get(["/a"]).args(options).fails(&url, "the body ended after …");
        let output = test.kept_hint(&part).keeps(&part, half).run();
        let name = format!("{}.bin", sha256(body()));
        let test = server.get(["/a"]).args(options).in_folder(output.folder);
        test.expect_file(&name, body()).run();
        assert_eq!(server.asked().last().unwrap(), REST);
    }
}

#[test]
fn a_failed_file_keeps_the_name_of_its_template() {
    let server = Server::start();
    server.serve("/a/b", Reply::status(404, "Not Found"));
    server.serve("/a/c", Reply::status(404, "Not Found"));
    let (b, c) = (server.url("/a/b"), server.url("/a/c"));
    let output = server
        .get(["/a/b", "/a/c"])
        .args(["-d", "out", "--name", "{index}/{name}", "--failed", "failed"])
        .fails(b, "404 Not Found")
        .fails(c, "404 Not Found")
        .hint("check the URL")
        .hint("check the URL")
        .expect_entry("failed", Entry::AnyFile)
        .existing_folder("out/1")
        .existing_folder("out/2")
        .any_stderr()
        .run();
    let failed = std::fs::read_to_string(output.folder.path().join("failed")).unwrap();
    assert!(failed.contains("\"out\":\"1/b\"") && failed.contains("\"out\":\"2/c\""), "{failed}");
}

#[test]
fn wrong_templates_are_wrong_usage() {
    let case = |args: &[&str], told: &str| {
        let stderr = misused(args);
        assert!(stderr.contains(told), "{stderr}");
    };
    case(&["--name", "{foo}"], "`{foo}` is not known; known are {host}, {path},");
    case(&["--name", "{name"], "a `{` without a `}`");
    case(&["--name", "../{name}"], "leads out of the folder");
    case(&["--name", "/{name}"], "absolute");
    case(&["--name", ""], "names no file");
    case(&["--name", "x", "-o", "y"], "--output");
    case(&["--tree", "-o", "y"], "--output");
    case(&["--tree", "--name", "x"], "--name");
    case(&["--tree", "-J"], "--server-name");
    case(&["-J", "--name", "{path}"], "has none of them");
}
