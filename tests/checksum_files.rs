//! `--checksums` and `--require-checksum`: what files must be, by their names.

use haul::model::digest::{Algorithm, Hasher};

use crate::harness::folder::Entry;
use crate::harness::{Reply, Server, Test, content};

fn hex(algorithm: Algorithm, bytes: &str) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes.as_bytes());
    hasher.digest().hex()
}

/// A line of `sha256sum`, of a file with these bytes.
fn line(bytes: &str, name: &str) -> String {
    format!("{}  {name}\n", hex(Algorithm::Sha256, bytes))
}

/// A server whose files say their own targets, as often as they are asked for.
fn server(targets: &[&str]) -> Server {
    let server = Server::start();
    for target in targets {
        server.maybe(target, Reply::ok(target));
    }
    server
}

/// Adds a file of checksums.
fn with(test: Test, sums: impl AsRef<[u8]>) -> Test {
    test.existing("SUMS", sums).args(["--checksums", "SUMS"])
}

fn is_not(bytes: &str, wanted: &str) -> String {
    let [found, wanted] = [bytes, wanted].map(|bytes| hex(Algorithm::Sha256, bytes));
    format!("the checksum is sha256:{found}, not sha256:{wanted}")
}

const NO_CHECKSUM: &str = "there is no checksum to check it by";
const HINT: &str = "`--checksums` gives one by name; without `--require-checksum` it is not needed";

#[test]
fn files_are_checked_by_their_names_however_they_are_asked_for() {
    let server = server(&["/a", "/d/b", "/c"]);
    let list = format!(
        "{}\n{}\n{{}}",
        format_args!(r#"{{"url":"{}","out":"d/b"}}"#, server.url("/d/b")),
        format_args!(r#"{{"url":"{}"}}"#, server.url("/c")),
    );
    let sums = line("/a", "a") + &line("/d/b", "./d/b") + &line("/other", "e/c");
    let test = with(server.get(["/a"]), sums).args(["-d", "out", "-i", "-"]).stdin(list);
    let output = test.any_result().run();
    assert_eq!(output.status, Some(1));
    let told = format!("error: {}: {}\n", server.url("/c"), is_not("/c", "/other"));
    assert!(output.stderr.contains(&told), "{}", output.stderr);
    let saved = |path: &str| std::fs::read_to_string(output.folder.path().join(path)).ok();
    assert_eq!(saved("out/a").as_deref(), Some("/a"));
    assert_eq!(saved("out/d/b").as_deref(), Some("/d/b"));
    assert_eq!(saved("out/c"), None);
}

#[test]
fn every_format_and_algorithm_of_lists_is_taken() {
    let server = server(&["/a"]);
    for algorithm in Algorithm::NAMED {
        let tag = format!("{} (a) = {}", algorithm.name().to_uppercase(), hex(algorithm, "/a"));
        with(server.get(["/a"]), tag).expect_file("a", "/a").run();
    }
    let sums = format!("{} *a\n", hex(Algorithm::Blake2b, "/a"));
    let test = server.get(["/a"]).existing("B2SUMS", sums);
    test.args(["--checksums", "B2SUMS"]).expect_file("a", "/a").run();
}

#[test]
fn several_files_are_one_list_and_the_strongest_counts() {
    let server = server(&["/a"]);
    let md5 = format!("{}  a\n", hex(Algorithm::Md5, "/a"));
    let test = with(server.get(["/a"]), line("/other", "a"));
    let test = test.existing("MD5SUMS", md5).args(["--checksums", "MD5SUMS"]);
    test.any_stderr().status(1).run();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_name_that_is_anothers_too_is_no_match() {
    let server = server(&["/a"]);
    let sums = line("/x", "d/a") + &line("/y", "e/a");
    let told = "warning: 2 of 2 checksums of `--checksums` are of no file of this run";
    with(server.get(["/a"]), &sums).line(told).expect_file("a", "/a").run();
    let test = with(server.get(["/a"]), &sums).arg("--require-checksum");
    test.line(told).fails(server.url("/a"), NO_CHECKSUM).hint(HINT).run();
}

#[test]
fn checksums_of_no_file_are_told_at_the_end() {
    let server = server(&["/a", "/b"]);
    let told = "warning: the checksum of `--checksums` is of no file of this run";
    with(server.get(["/a"]), line("/b", "b")).line(told).expect_file("a", "/a").run();
    let sums = line("/a", "a") + &line("/b", "b") + &line("/c", "c");
    let told = "warning: 1 of 3 checksums of `--checksums` are of no file of this run";
    let test = with(server.get(["/a", "/b"]), sums).line(told);
    test.expect_file("a", "/a").expect_file("b", "/b").run();
}

#[test]
fn what_is_there_already_is_checked() {
    let server = Server::start();
    let there = || server.get(["/a"]).existing("a", "there");
    with(there(), line("there", "a")).skips("a", "exists already").run();
    let cause = format!(
        "a exists, and its checksum is {}",
        &is_not("there", "x")["the checksum is ".len()..]
    );
    let test = with(there(), line("x", "a")).expect_entry("a", Entry::File(b"there".to_vec()));
    test.fails(server.url("/a"), &cause).hint("`--if-exists overwrite` replaces it").run();
    assert!(server.requests().is_empty());
}

#[test]
fn a_name_that_the_server_gives_is_looked_up_before_the_body_comes() {
    let server = Server::start();
    let named = Reply::ok("hello").header("Content-Disposition", "attachment; filename=b");
    server.maybe("/a", named.clone());
    let get = || server.get(["/a"]).arg("-J").arg("--require-checksum");
    with(get(), line("hello", "b")).expect_file("b", "hello").run();
    let output = with(get(), line("other", "b")).any_stderr().status(1).run();
    assert!(output.stderr.contains(&is_not("hello", "other")), "{}", output.stderr);
    let test = with(get(), line("hello", "a"));
    let told = "warning: the checksum of `--checksums` is of no file of this run";
    test.line(told).fails(server.url("/a"), NO_CHECKSUM).hint(HINT).run();
    // Without a list no name changes anything.
    let before = server.requests().len();
    get().fails(server.url("/a"), NO_CHECKSUM).hint(HINT).run();
    assert_eq!(server.requests().len(), before);
}

#[test]
fn a_stream_and_a_file_that_the_user_names_are_looked_up_by_url() {
    let server = server(&["/d/a"]);
    let stream = || server.get(["/d/a"]).args(["-o", "-", "--require-checksum"]);
    with(stream(), line("/d/a", "a")).any_stderr().stdout("/d/a").run();
    let output = with(stream(), line("other", "a")).any_result().run();
    assert!(output.status == Some(1) && output.stderr.contains(&is_not("/d/a", "other")));
    let output = with(stream(), line("/d/a", "b")).any_result().run();
    assert!(output.status == Some(1) && output.stdout.is_empty());

    let file = |sums| with(server.get(["/d/a"]).args(["-o", "mine", "--require-checksum"]), sums);
    file(line("/d/a", "a")).expect_file("mine", "/d/a").run();
    // The name that the user chose goes first.
    let both = line("other", "a") + &line("/d/a", "mine");
    file(both).any_stderr().expect_file("mine", "/d/a").run();
}

#[test]
fn a_checksum_that_contradicts_the_list_fails_its_file() {
    let server = Server::start();
    let [own, listed] = ["x", "y"].map(|bytes| format!("sha256:{}", hex(Algorithm::Sha256, bytes)));
    let cause = format!("its checksum is to be {own}, and {listed} by `--checksums`");
    let test = with(server.get(["/a"]), line("y", "a")).args(["--checksum", &own]);
    test.fails(server.url("/a"), &cause).hint("take out the one that is wrong").run();
    let list = format!(r#"{{"url":"{}","checksum":"{own}"}}"#, server.url("/a"));
    let test = with(server.test(), line("y", "a")).args(["--json", "-i", "-"]).stdin(list);
    let output = test.any_result().run();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(r#""kind":"contradiction""#), "{told}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_file_that_nothing_checks_fails_where_that_is_asked_for() {
    let server = server(&["/a", "/b", "/c"]);
    let list = format!(
        "{}\n{}\n  checksum=sha-256={}\n{}\n",
        server.url("/a"),
        server.url("/b"),
        hex(Algorithm::Sha256, "/b"),
        server.url("/c"),
    );
    let test = with(server.test(), line("/c", "c")).args(["--require-checksum", "-i", "list"]);
    test.existing("list", list)
        .fails(server.url("/a"), NO_CHECKSUM)
        .hint(HINT)
        .expect_file("b", "/b")
        .expect_file("c", "/c")
        .run();
    assert_eq!(server.targets().len(), 2);

    // What the server declares does not count.
    let md5 = Reply::ok("hello").header("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==");
    server.maybe("/d", md5);
    let test = server.get(["/d"]).arg("--require-checksum").args(["--json"]);
    let output = test.any_result().run();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(r#""kind":"no_checksum""#), "{told}");
    let sum = format!("md5:{}", hex(Algorithm::Md5, "hello"));
    let test = server.get(["/d"]).args(["--require-checksum", "--checksum", &sum]);
    test.expect_file("d", "hello").run();
}

#[test]
fn what_fails_is_listed_with_the_checksum_that_it_had_by_name() {
    let server = server(&["/a"]);
    let test = with(server.get(["/a"]), line("other", "a")).args(["--failed", "failed"]);
    let output = test.any_result().run();
    let list = std::fs::read_to_string(output.folder.path().join("failed")).unwrap();
    let sum = format!(r#""checksum":"sha256:{}""#, hex(Algorithm::Sha256, "other"));
    assert!(list.contains(&sum), "{list}");
}

#[test]
fn a_list_that_cannot_be_believed_ends_the_run_before_it_begins() {
    #[track_caller]
    fn case(sums: &str, why: &str) {
        let test = with(Test::new(), sums).args(["-d", "new", "http://127.0.0.1:1/a"]);
        let output = test.any_result().run();
        assert_eq!(output.status, Some(2), "{}", output.stderr);
        assert!(output.stderr.contains(why), "{}", output.stderr);
        assert!(!output.folder.path().join("new").exists());
    }
    case(&format!("{}<html>\n", line("x", "a")), "SUMS:2: no checksum with the name of a file");
    case(&format!("{}{}", line("x", "a"), line("y", "./a")), "SUMS:2: `./a` is sha256:");
    case(&line("x", "-"), "SUMS:1: the checksum is of a standard input");
    case("d41d8cd98f00b204  a", "SUMS:1: no checksum");
    let missing = Test::new().args(["--checksums", "none", "http://127.0.0.1:1/a"]);
    let output = missing.any_result().run();
    assert_eq!(output.status, Some(2));
    assert!(
        output.stderr.contains("cannot read checksums none: no such file"),
        "{}",
        output.stderr
    );
    let output = Test::new().args(["--checksums", "-", "http://h/a"]).any_result().run();
    assert!(output.status == Some(2) && output.stderr.contains("`/dev/stdin`"));
}

#[test]
fn checksums_may_come_from_standard_input() {
    let server = Server::start();
    let body = content(1, 1000);
    server.serve("/a", Reply::ok(&body));
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(&body);
    let test = server.get(["/a"]).args(["--require-checksum", "--checksums", "/dev/stdin"]);
    test.stdin(format!("{}  a\n", hasher.digest().hex())).expect_file("a", body).run();
}

#[test]
fn a_file_whose_name_by_its_content_the_lock_tells_is_checked_by_that_of_its_url() {
    let server = server(&["/a"]);
    let name = hex(Algorithm::Sha256, "/a");
    let run = |test: Test, wanted: &str| {
        let test = with(test, line(wanted, "a")).args(["--lock", "l", "--name", "{sha256}"]);
        test.expect_entry("l", Entry::AnyFile).expect_entry(&name, Entry::File(b"/a".to_vec()))
    };
    let output = run(server.get(["/a"]), "/a").stdout(format!("{name}\n")).any_stderr().run();
    let output = run(server.get(["/a"]).in_folder(output.folder), "/a");
    let output = output.skips(&name, "exists already").run();
    // The lock alone is not enough.
    let output = run(server.get(["/a"]).in_folder(output.folder), "/b").any_stderr().status(1);
    let told = output.run().stderr;
    assert!(told.contains("exists, and its checksum is"), "{told}");
}
