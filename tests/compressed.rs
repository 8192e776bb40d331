//! Lists that gzip, xz or zstd packed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::harness::{Reply, Server, is_missing};

/// Programs that pack standard input, and the names of what they make.
const TOOLS: [(&str, &str); 3] = [("gzip", "gz"), ("xz", "xz"), ("zstd", "zst")];

/// Returns what a program makes of some bytes.
fn packed(tool: &str, bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(tool)
        .args(["-q", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// A server with files that have their own names in them.
fn numbered(count: usize) -> Server {
    let server = Server::start();
    for number in 1..=count {
        server.serve(&format!("/{number}"), Reply::ok(number.to_string()));
    }
    server
}

#[test]
fn a_packed_list_is_read_as_it_is_whatever_its_name() {
    for (tool, extension) in TOOLS {
        if is_missing(tool) {
            continue;
        }
        // Two members, as `cat a.gz b.gz` makes them.
        for name in ["list".to_owned(), format!("list.{extension}"), "-".to_owned()] {
            let server = numbered(3);
            let url = |number: u32| server.url(&format!("/{number}"));
            let mut list = packed(tool, format!("# note\n{}\n{}", url(1), url(2)).as_bytes());
            list.extend(packed(tool, format!("\n{}\n", url(3)).as_bytes()));
            let test = server.test();
            let test = match name.as_str() {
                "-" => test.stdin(list),
                name => test.existing(name, list),
            };
            let test = test.args(["-i", &name]);
            test.expect_file("1", "1").expect_file("2", "2").expect_file("3", "3").run();
        }
    }
}

#[test]
fn a_packed_list_may_have_any_format() {
    if is_missing("gzip") {
        return;
    }
    let server = numbered(3);
    let url = |number: u32| server.url(&format!("/{number}"));
    let sums = "c4ca4238a0b923820dcc509a6f75849b  1\n";
    let aria2 = format!("{}\n out=x\n", url(2));
    let jsonl = format!("{{\"url\":\"{}\",\"out\":\"y\"}}\n", url(3));
    server
        .test()
        .existing("sums", packed("gzip", sums.as_bytes()))
        .existing("aria2", packed("gzip", aria2.as_bytes()))
        .existing("jsonl", packed("gzip", jsonl.as_bytes()))
        .args(["-i", "sums", "-i", "aria2", "-i", "jsonl", "--base-url", &server.url("/")])
        .line("warning: aria2 is no list of checksums: `--base-url` is not used for it")
        .line("warning: jsonl is no list of checksums: `--base-url` is not used for it")
        .expect_file("1", "1")
        .expect_file("x", "2")
        .expect_file("y", "3")
        .run();
}

#[test]
fn what_comes_before_damage_is_downloaded_and_the_list_fails() {
    for (tool, _) in TOOLS {
        if is_missing(tool) {
            continue;
        }
        let server = numbered(2);
        let text = format!("{}\n{}\n{}", server.url("/1"), server.url("/2"), server.url("/3"));
        // A second member that is cut off before it gives anything.
        let mut list = packed(tool, text.as_bytes());
        let more = packed(tool, b"45\n");
        list.extend(&more[..more.len() / 3]);
        let cause = format!(
            "cannot read -: its {tool} data ends too early, after {} bytes of the list",
            text.len()
        );
        let server_test = server.test().stdin(list);
        server_test.expect_file("1", "1").expect_file("2", "2").fails("-", &cause).run();
    }
}

#[test]
fn damage_is_told() {
    if is_missing("gzip") {
        return;
    }
    let server = numbered(1);
    let mut list = packed("gzip", format!("{}\n", server.url("/1")).as_bytes());
    let sum = list.len() - 8;
    list[sum] ^= 1;
    let bytes = server.url("/1").len() + 1;
    let cause = format!(
        "cannot read list: its gzip data is damaged (incorrect data check), after {bytes} bytes of the \
         list"
    );
    let test = server.test().existing("list", list).args(["-i", "list", "--input-format", "lines"]);
    test.expect_file("1", "1").fails("list", &cause).run();
}

#[test]
fn a_list_that_would_take_much_memory_is_refused() {
    if is_missing("zstd") {
        return;
    }
    let server = Server::start();
    // A frame whose header wants a window of 2 GiB.
    let list = b"\x28\xb5\x2f\xfd\0\xa8\x01\0\0";
    let cause = "cannot read -: its zstd data needs more memory than the 128 MiB that a list may take, \
                 after 0 bytes of the list";
    server.test().stdin(list).fails("-", cause).run();
}

#[test]
fn a_packed_list_is_read_as_it_comes() {
    let server = numbered(3);
    let mut running = server
        .test()
        .open_stdin()
        .expect_file("1", "1")
        .expect_file("2", "2")
        .expect_file("3", "3")
        .start();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for name in ["1", "2", "3"] {
        writeln!(encoder, "{}", server.url(&format!("/{name}"))).unwrap();
        encoder.flush().unwrap();
        let bytes = std::mem::take(encoder.get_mut());
        // Byte for byte, as the slowest pipe would.
        for byte in bytes {
            running.write([byte]);
        }
        running.wait_for_file(name);
    }
    running.write(encoder.finish().unwrap());
    running.finish();
}

#[test]
fn a_list_that_is_packed_very_small_takes_little_memory() {
    if is_missing("zstd") {
        return;
    }
    let server = numbered(1);
    let mut running = server.test().open_stdin().expect_file("1", "1").start();
    let comment = format!("#{}\n", "-".repeat(9998));
    let comments = packed("zstd", comment.repeat(6400).as_bytes());
    assert!(comments.len() < 20_000);
    running.write(comments);
    running.write(packed("zstd", format!("{}\n", server.url("/1")).as_bytes()));
    running.wait_for_file("1");
    let peak = running.peak_memory();
    assert!(peak < 32 << 20, "{peak}");
    running.finish();
}
