//! Lists as people write them for aria2, and as aria2 saves them.

use crate::harness::{Reply, Server};

const MD5_OF_A: &str = "0cc175b9c0f1b6a831c399e269772661";

/// The SHA-256 of `b`.
const SHA256_OF_B: &str = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";

/// A server with files that have their own names in them.
fn server(names: &[&str]) -> Server {
    let server = Server::start();
    for name in names {
        server.serve(name, Reply::ok(&name[1..]));
    }
    server
}

#[test]
fn a_list_for_aria2_is_taken_as_it_is() {
    for (format, folder) in [
        (&["--input-format", "aria2"] as &[_], "files"),
        (&["--input-format", "auto"], "./files"),
        (&[], "files/"),
    ] {
        let server = server(&["/a", "/b", "/c", "/d"]);
        server.serve("/gone", Reply::status(404, "-"));
        let test = server.test();
        // aria2 saves absolute folders.
        let here = test.path().join("files").display().to_string();
        let list = format!(
            "# made by a script\n{}\n{}\t{}\n  dir=sub\n  out=b.bin\n  checksum=sha-256={SHA256_OF_B}\n  \
             split=5\n\n{}\n  header=Cookie: a=b\n  allow-overwrite=true\n  # the folder\n\tdir = {here}/other\n  split=1\n\
             {}\r\n out=x/d\r\n",
            server.url("/a"),
            server.url("/gone"),
            server.url("/b"),
            server.url("/c"),
            server.url("/d"),
        );
        let files = ["files/a", "files/sub/b.bin", "files/other/c", "files/x/d"];
        let mut test = test.existing("list", list);
        for (file, body) in files.into_iter().zip(["a", "b", "c", "d"]) {
            test = test.expect_file(file, body);
        }
        let output = test
            .args(["-i", "list", "-d", folder])
            .args(format.iter().copied())
            .any_stdout()
            .any_stderr()
            .run();
        let told: Vec<_> =
            output.stderr.lines().filter(|line| line.starts_with("warning")).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        for option in ["list:7: option `split`", "list:11: option `allow-overwrite`"] {
            assert!(told.contains(&format!("warning: {option} is not used").as_str()), "{told:?}");
        }
        for request in server.requests() {
            let cookie = Some("a=b").filter(|_| request.target == "/c");
            assert_eq!(request.header("cookie"), cookie);
        }
    }
}

#[test]
fn an_option_that_is_wrong_fails_its_file_at_its_line() {
    let server = server(&["/b"]);
    let a = server.url("/a");
    let list = format!(
        "{a}\n out=../x\n{a}\n dir=/etc\n{a}\n checksum=sha-256=00\n{a}\n nonsense\n{}\n",
        server.url("/b"),
    );
    server
        .test()
        .existing("list", list)
        .args(["-i", "list", "-d", "d", "--input-format", "aria2"])
        .fails("list:2", "the path `../x` has `..` in it")
        .fails("list:4", "`dir=/etc` does not lead below the folder of `--dir`")
        .hint("give that folder, or one above it, with `--dir`")
        .fails("list:6", "`sha-256=00` has 1 byte, and sha256 has 32")
        .fails("list:8", "`nonsense` is not an option and its value")
        .expect_file("d/b", "b")
        .run();
}

#[test]
fn a_file_whose_checksum_is_another_fails() {
    let server = Server::start();
    server.always("/a", Reply::ok("b"));
    let url = server.url("/a");
    let cause = format!("the checksum is md5:…, not md5:{MD5_OF_A}");
    server
        .test()
        .stdin(format!("{url}\n checksum=md5={MD5_OF_A}\n"))
        .args(["--input-format", "aria2"])
        .line(format!("warning: {url}: {cause}; fetching all of it again"))
        .fails(&url, &cause)
        .hint("check where the checksum comes from, or try again later")
        .run();
}

#[test]
fn an_entry_begins_as_soon_as_the_next_one_does() {
    let server = server(&["/a", "/b", "/c"]);
    let test = server.test().open_stdin().args(["--input-format", "aria2"]);
    let test = test.expect_file("x", "a").expect_file("y", "b").expect_file("c", "c");
    let mut running = test.start();
    running.write(format!("{}\n", server.url("/a")));
    running.write(" out=x\n\n# note\nh");
    running.wait_for_file("x");
    running.write(format!("{}\n out=y\n", &server.url("/b")[1..]));
    running.write("h");
    running.wait_for_file("y");
    running.write(&server.url("/c")[1..]);
    running.finish();
}

#[test]
fn a_pipe_is_taken_for_a_plain_list() {
    let server = server(&["/a", "/b"]);
    let list = format!("{}\n out=x\n{}\n", server.url("/a"), server.url("/b"));
    server
        .test()
        .stdin(list)
        .line(
            "warning: -:2 is like an option of aria2; a pipe is taken for such a list only with \
             `--input-format aria2`",
        )
        .fails("-:2", "not a URL: `out=x`")
        .expect_file("a", "a")
        .expect_file("b", "b")
        .run();
}

#[test]
fn standard_input_that_is_a_file_is_taken_for_what_it_is() {
    let server = server(&["/a"]);
    server
        .test()
        .existing("list", format!("{}\n out=x\n", server.url("/a")))
        .shell("\"$@\" <list")
        .expect_file("x", "a")
        .run();
}

#[test]
fn a_plain_list_has_no_options() {
    let server = server(&["/a"]);
    server
        .test()
        .existing("list", format!("  {}\n out=x\n", server.url("/a")))
        .args(["-i", "list", "--input-format", "lines"])
        .fails("list:2", "not a URL: `out=x`")
        .expect_file("a", "a")
        .run();
}
