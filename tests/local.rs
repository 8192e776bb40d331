//! URLs that need no server, and which schemes are allowed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::folder::Entry;
use crate::harness::{Reply, Running, Server, Test, content, wait_until};

fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A folder with a file in it, and the file's URL.
fn source(bytes: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    fs::write(&path, bytes).unwrap();
    let url = url(&path);
    (folder, url)
}

/// Waits until the first bytes of `a.bin` have been read and written.
fn wait_for_bytes(running: &Running) {
    let part = running.path().join("a.bin.part");
    wait_until("bytes have come", || fs::metadata(&part).is_ok_and(|part| part.len() > 0));
}

#[test]
fn a_file_is_copied_with_its_time() {
    let (from, url) = source(&content(1, 3_000_000));
    let file = from.path().join("a.bin");
    let seconds = fs::metadata(&file).unwrap().modified().unwrap();
    let output = Test::new().arg(&url).expect_copy("a.bin", &file).run();
    let copy = fs::metadata(output.folder.path().join("a.bin")).unwrap().modified().unwrap();
    assert!(seconds.duration_since(copy).unwrap() < Duration::from_secs(1));
    let encoded = url.replace("a.bin", "%61.bin").replace("file://", "FILE://localhost");
    Test::new().args(["-o", "-", &encoded]).stdout(content(1, 3_000_000)).any_stderr().run();
    let (_empty, url) = source(b"");
    Test::new().arg(&url).expect_file("a.bin", "").run();
}

#[test]
fn a_copy_that_was_interrupted_is_gone_on_with() {
    let (from, url) = source(&content(1, 3_000_000));
    let file = from.path().join("a.bin");
    let past = std::time::SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(&file).unwrap().set_modified(past).unwrap();
    let test = Test::new().args(["--limit-rate", "1M", "-j1", &url]).any_result();
    let mut running = test.start();
    wait_for_bytes(&running);
    running.signal(Signal::INT);
    let output = running.finish();
    assert!(output.folder.path().join("a.bin.part.haul").exists(), "{}", output.stderr);
    let test = Test::new().in_folder(output.folder).args(["--json", &url]).any_stdout();
    let output = test.any_stderr().expect_copy("a.bin", &file).run();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("\"resumed_from\":"), "{told}");
}

#[test]
fn a_file_that_changes_while_it_is_copied_is_copied_anew() {
    let (from, url) = source(&content(1, 400_000));
    let test = Test::new().args(["--limit-rate", "400K", "-j1", &url]).status(1).any_stderr();
    let test = test.keeps("a.bin", content(1, 400_000));
    let running = test.start();
    wait_for_bytes(&running);
    let mut file = fs::File::options().append(true).open(from.path().join("a.bin")).unwrap();
    file.write_all(b"more").unwrap();
    let output = running.finish();
    assert!(output.stderr.contains("a.bin: it was changed meanwhile"), "{}", output.stderr);
    let copy = from.path().join("a.bin");
    Test::new().in_folder(output.folder).arg(&url).expect_copy("a.bin", &copy).run();
}

#[test]
fn what_cannot_be_copied_says_why() {
    #[track_caller]
    fn case(url: &str, cause: &str) {
        Test::new().arg(url).fails(url, cause).run();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let shown = |name: &str| path(name).display().to_string();
    case(&url(&path("no")), &format!("cannot read {}: no such file or directory", shown("no")));
    fs::create_dir(path("folder")).unwrap();
    // Nothing is said of removing what was to be copied.
    case(&url(&path("folder")), &format!("cannot read {}: it is a folder", shown("folder")));
    rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), 0o600.into()).unwrap();
    case(&url(&path("fifo")), &format!("cannot read {}: it is a device", shown("fifo")));
    let output = Test::new().arg("file://other.example/x").any_stderr().status(1).run();
    assert!(output.stderr.contains("is a file of another machine"), "{}", output.stderr);
}

#[test]
fn data_is_in_its_url() {
    let test = Test::new().args(["data:,hello%20you", "data:text/plain;base64,aGVsbG8="]);
    test.expect_file("data", "hello you").expect_file("data.1", "hello").run();
    let output = Test::new().args(["data:;base64,%%%", "data:x"]).any_stderr().status(1).run();
    for told in
        ["its base64 is damaged", "it has no comma", "hint: one looks like data:text/plain,hello"]
    {
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
    }
}

#[test]
fn a_file_can_stand_in_for_a_server() {
    let (from, local) = source(b"here");
    let server = Server::start();
    server.serve("/a.bin", Reply::status(404, "Not Found"));
    let both = format!("{}\t{local}", server.url("/a.bin"));
    let test = server.test().arg(both).any_stderr();
    test.expect_copy("a.bin", &from.path().join("a.bin")).run();
}

#[test]
fn no_server_leads_to_a_file() {
    for location in ["file:///etc/passwd", "data:,x"] {
        let server = Server::start();
        server.serve("/a", Reply::redirect(302, location));
        let output = server.get(["/a"]).any_stderr().status(1).run();
        assert!(output.stderr.contains("redirect"), "{}", output.stderr);
    }
}

#[test]
fn only_allowed_schemes_are_asked() {
    let server = Server::start();
    let told = "scheme `http` is not allowed here";
    let test = server.get(["/a"]).args(["--proto", "-http"]);
    test.fails(server.url("/a"), told).hint("`--proto` says which ones are").run();
    let (_from, local) = source(b"x");
    let test = Test::new().args(["--proto", "https,http", &local]).any_stderr().status(1);
    assert!(test.run().stderr.contains("scheme `file` is not allowed here"));
    Test::new().args(["--proto", "=file", &local]).expect_file("a.bin", "x").run();
    let output =
        Test::new().args(["--proto", "gopher", &local]).stdout("").any_stderr().status(2).run();
    assert!(output.stderr.contains("allows nothing; haul speaks http, https, file, data"));
}

#[test]
fn schemes_that_haul_does_not_speak_are_named() {
    for url in ["ftp://h/x", "sftp://h/x", "s3://bucket/x"] {
        let scheme = url.split(':').next().unwrap();
        let hint =
            "haul speaks http, https, file and data; for others there are curl, rclone and aws s3";
        let test = Test::new().arg(url).hint(hint);
        let output = test.any_stderr().status(1).run();
        let told = format!("scheme `{scheme}` is not supported\n  hint: {hint}\n");
        assert!(output.stderr.contains(&told), "{}", output.stderr);
    }
}

#[test]
fn a_lock_holds_for_local_files_too() {
    let (from, url) = source(b"here");
    let lock = |test: Test| test.args(["--lock", "l", &url]).expect_entry("l", Entry::AnyFile);
    let output = lock(Test::new()).expect_copy("a.bin", &from.path().join("a.bin")).run();
    let test = lock(Test::new().in_folder(output.folder)).args(["--if-exists", "update"]);
    let copy = Entry::CopyOf(from.path().join("a.bin"));
    test.expect_entry("a.bin", copy).skips("a.bin", "unchanged").run();
}
