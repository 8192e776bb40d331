//! Lists of checksums: a release is downloaded and checked by what its makers publish.

use std::path::Path;
use std::process::Command;

use crate::harness::nginx::Nginx;
use crate::harness::{Reply, Server, Test, is_missing};

/// Names of files in a release, and where they are saved.
const NAMES: [(&str, &str); 7] = [
    ("plain.iso", "plain.iso"),
    ("with blank (1) = x.txt", "with blank (1) = x.txt"),
    ("sub/deeper/ü+%41&?#;@.bin", "sub/deeper/ü+%41&?#;@.bin"),
    ("new\nline", "newline"),
    ("back\\slash", "back/slash"),
    ("*star", "*star"),
    (".hidden", "_hidden"),
];

/// Of no bytes, by coreutils.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Fills a folder with files that say their own names.
fn fill(root: &Path) {
    for (name, _) in NAMES {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, name).unwrap();
    }
}

/// Returns what a tool of coreutils prints about all files in `root`.
fn printed(root: &Path, command: &[&str]) -> Vec<u8> {
    let output = Command::new(command[0])
        .args(&command[1..])
        .arg("--")
        .args(NAMES.map(|(name, _)| name))
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success());
    output.stdout
}

/// Runs haul with `list` as the list, whose files the server has at its root.
fn list(server: &Server, list: impl AsRef<[u8]>) -> Test {
    let test = server.test().existing("SUMS", list).args(["-i", "SUMS"]);
    test.arg("--base-url").arg(server.url("/"))
}

#[test]
fn a_release_is_downloaded_and_checked_by_its_sums() {
    if is_missing("sha256sum") {
        return;
    }
    let Some(nginx) = Nginx::start("", fill) else { return };
    for command in [
        &["sha256sum"] as &[_],
        &["sha256sum", "--binary"],
        &["sha256sum", "--tag"],
        &["sha512sum"],
        &["sha384sum"],
        &["sha1sum"],
        &["md5sum"],
        &["md5sum", "--tag"],
    ] {
        let sums = printed(&nginx.root(), command);
        let mut test = nginx.test().existing("SUMS", sums).args(["-i", "SUMS", "-d", "out"]);
        for (name, saved) in NAMES {
            test = test.expect_file(&format!("out/{saved}"), name);
        }
        test.arg("--base-url").arg(nginx.https("/")).run();
    }
}

#[test]
fn a_file_that_is_not_what_its_line_says_fails_alone() {
    if is_missing("sha256sum") {
        return;
    }
    let Some(nginx) = Nginx::start("", fill) else { return };
    let sums = printed(&nginx.root(), &["sha256sum"]);
    std::fs::write(nginx.root().join("plain.iso"), "other.iso").unwrap();
    let mut test = nginx.test().existing("SUMS", sums).args(["-i", "SUMS"]);
    for (name, saved) in NAMES.into_iter().filter(|(name, _)| *name != "plain.iso") {
        test = test.expect_file(saved, name);
    }
    let url = nginx.http("/plain.iso");
    let cause = "the checksum is sha256:…, not sha256:…";
    test.arg("--base-url")
        .arg(nginx.http(""))
        .line(format!("warning: {url}: {cause}; fetching all of it again"))
        .fails(url, cause)
        .hint("check where the checksum comes from, or try again later")
        .run();
}

#[test]
fn a_list_signed_in_the_clear_is_read() {
    let server = Server::start();
    server.serve("/d/a", Reply::ok(""));
    let signed = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{EMPTY}  d/a\nsome text\n\
         -----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCAAdFiEE\n=Ab1+\n-----END PGP SIGNATURE-----\n",
    );
    list(&server, signed)
        .line("warning: SUMS: the signature of the list is not checked")
        .fails("SUMS:5", "no checksum with the name of a file")
        .expect_file("d/a", "")
        .run();
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    let server = Server::start();
    let line = |name: &str| format!("{EMPTY}  {name}\n");
    list(&server, line("../x") + &line("/etc/x") + &line("a/../../x") + &line("-"))
        .fails("SUMS:1", "the path `../x` has `..` in it")
        .fails("SUMS:2", "the path `/etc/x` is absolute, and a list has paths below `--dir` only")
        .fails("SUMS:3", "the path `a/../../x` has `..` in it")
        .fails("SUMS:4", "the checksum is of a standard input, not of a file")
        .run();
    assert!(server.requests().is_empty());
}

#[test]
fn credentials_of_the_base_go_with_each_file() {
    let server = Server::start();
    server.always("/d/a", Reply::ok(""));
    let base = server.url("/d").replace("http://", "http://u:p@");
    let test = server.test().stdin(format!("{EMPTY}  a\n")).args(["--base-url", &base]);
    test.expect_file("a", "").run();
    assert_eq!(server.requests()[0].header("authorization"), Some("Basic dTpw"));
}

#[test]
fn a_list_of_checksums_is_read_as_it_comes() {
    let server = Server::start();
    server.serve("/a", Reply::ok(""));
    server.serve("/b", Reply::ok(""));
    let test = server.test().open_stdin().args(["--base-url", &server.url("/")]);
    let mut running = test.expect_file("a", "").expect_file("b", "").start();
    running.write(format!("{EMPTY}  a\n"));
    running.wait_for_file("a");
    running.write(format!("{EMPTY}  b"));
    running.finish();
}

#[test]
fn the_base_belongs_to_lists_of_checksums() {
    let reason = "a list of checksums, and nothing says where its files are";
    let hint = "`--base-url URL` gives the folder that they are in";
    // Once, whatever the number of lines.
    Test::new().stdin(format!("\n{EMPTY}  a\n{EMPTY}  b\n")).fails("-:2", reason).hint(hint).run();

    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    list(&server, server.url("/a"))
        .line("warning: SUMS is no list of checksums: `--base-url` is not used for it")
        .expect_file("a", "a")
        .run();
    let usage = |args: &[&str], why: &str| {
        let output = Test::new().args(args.iter().copied()).any_result().run();
        assert_eq!(output.status, Some(2));
        assert!(output.stderr.contains(why), "{}", output.stderr);
    };
    usage(&["--base-url", "http://h/", "http://h/a"], "there is no list");
    usage(&["--base-url", "http://h/?x", "-i", "-"], "has a query");
    usage(&["--base-url", "http://h/", "--input-format", "jsonl"], "for lists of checksums only");
    usage(&["--input-format", "sums", "-i", "-"], "needs `--base-url`");
}
