//! `--compressed`: packed for the way, saved unpacked; and what comes packed without being asked for.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::nginx::Nginx;
use crate::harness::objects::{object, sha256};
use crate::harness::{Reply, Server, Test, content};

fn text() -> Vec<u8> {
    let lines = (0..200).map(|number| format!("line {number} of a text\n"));
    lines.collect::<String>().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// [`text`], packed by the reference encoder.
fn brotli() -> Vec<u8> {
    const HEX: &str = "1b690e208cd45677e24c8f50e92a9d910ef0f2b6355c832898bda5ff8f7be6daecb177d1\
        d2d0d2ac1f965e5436226f7e79dfe7f74f8e20299a61395cde036aff03d3b21dd7e3e5dd7c8669d98eebf1f26e3dc3\
        b46cc7f57879b79f615ab6e37abcbc3bcf302ddb713d5ededd679896edb81e2fef9e679896edb81e2fefde679896ed\
        b81e2fefbe679896edb81eefafad3c3c02c15038128d89f50dbc4030148e4463627d832f100c8523d19858dfd00b04\
        43e1483426d637fc02c15038128d89f58dbc4030148e4463627da32f100c8523d19858df98170886c291684cac6fec\
        0b0443e1483426d637ee0582a170241a13fb7a";
    let digits: Vec<u8> = HEX.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn packed(coding: &str, bytes: &[u8]) -> Reply {
    Reply::ok(bytes).header("Content-Encoding", coding).header("ETag", "\"packed\"")
}

fn unpacking(test: Test) -> Test {
    test.arg("--compressed")
}

#[test]
fn what_servers_pack_is_saved_unpacked() {
    for (coding, bytes) in [
        ("gzip", gzip(&text())),
        ("x-gzip", gzip(&text())),
        ("br", brotli()),
        ("zstd", zstd(&text())),
        ("zstd, gzip", gzip(&zstd(&text()))),
        ("identity", text()),
    ] {
        for reply in [packed(coding, &bytes), packed(coding, &bytes).chunked(7)] {
            let server = Server::start();
            server.serve("/a", reply);
            unpacking(server.get(["/a"])).expect_file("a", text()).run();
            let asked = server.requests();
            assert_eq!(asked[0].header("accept-encoding"), Some("gzip, br, zstd"));
        }
    }
}

#[test]
fn members_one_after_the_other_are_one_file() {
    let server = Server::start();
    server.serve("/a", packed("gzip", &[gzip(b"one"), gzip(b"two")].concat()));
    server.serve("/b", packed("zstd", &[zstd(b"one"), zstd(b"two")].concat()));
    let test = unpacking(server.get(["/a", "/b"]));
    test.expect_file("a", "onetwo").expect_file("b", "onetwo").run();
}

#[test]
fn a_large_file_is_unpacked_as_it_comes() {
    let body = content(3, 3_000_000);
    let server = Server::start();
    server.serve("/a", packed("gzip", &gzip(&body)).chunked(10_000));
    server.serve("/b", packed("zstd", &zstd(&body)));
    let test = unpacking(server.get(["/a", "/b"]));
    test.expect_file("a", &body).expect_file("b", &body).run();
    server.serve("/a", packed("gzip", &gzip(&body)));
    unpacking(server.get(["/a"])).args(["-o", "-"]).stdout(&body).any_stderr().run();
}

#[test]
fn what_is_damaged_or_cut_is_not_saved() {
    for (coding, whole) in [("gzip", gzip(&text())), ("br", brotli()), ("zstd", zstd(&text()))] {
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        bytes[middle + 1] ^= 0xaa;
        let cut = &whole[..whole.len() - 2];
        let more = [&whole[..], b"more"].concat();
        for (reply, why) in [
            (packed(coding, &bytes), "damaged"),
            // The body is whole, and what is in it is not.
            (packed(coding, cut), "cut inside"),
            (packed(coding, &whole).cut_after(whole.len() - 2), "cut"),
            (packed(coding, &whole).until_close().reset_after(whole.len() / 2), "reset"),
            (packed(coding, &more), "more"),
            (packed(coding, &text()), "not packed"),
            (packed(coding, b"").until_close().reset(), "reset at once"),
        ] {
            let server = Server::start();
            // The others carry no checksum of what is in them.
            if why == "damaged" && coding != "gzip" {
                continue;
            }
            server.serve("/a", reply);
            let output = unpacking(server.get(["/a"])).any_stderr().status(1).run();
            assert!(output.stderr.contains("1 failed"), "{coding} {why}: {}", output.stderr);
        }
    }
}

#[test]
fn a_few_bytes_that_belong_to_nothing_are_no_transfer_that_broke_off() {
    let cause = "the body, packed with gzip, ends before what is packed does, or goes on behind it";
    for body in [[gzip(&text()), b"\n".to_vec()].concat(), b"plain".to_vec()] {
        let server = Server::start();
        server.serve("/a", packed("gzip", &body));
        unpacking(server.get(["/a"])).retries(5).fails(server.url("/a"), cause).run();
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_empty_file_is_empty_however_it_is_packed() {
    let server = Server::start();
    for coding in ["gzip", "br", "zstd", "zstd, gzip"] {
        let empty = || packed(coding, b"");
        for reply in [empty(), empty().chunked(7), empty().until_close(), empty().http10()] {
            server.serve("/a", reply);
            unpacking(server.get(["/a"])).expect_file("a", "").run();
        }
    }
    server.serve("/a", packed("gzip", b""));
    server.get(["/a"]).expect_file("a", "").any_stderr().run();
}

#[test]
fn what_unpacks_to_far_too_much_of_nothing_is_refused() {
    // A frame that is to be skipped (RFC 8878 §3.1.2).
    let mut nothing = vec![0; 80 << 20];
    nothing[..8].copy_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 0xf8, 0xff, 0xff, 0x04]);
    let server = Server::start();
    server.serve("/a", packed("zstd, zstd", &zstd(&nothing)));
    let output = unpacking(server.get(["/a"])).any_stderr().status(1).run();
    assert!(output.stderr.contains("unpacks to hundreds of times its size"), "{}", output.stderr);
}

#[test]
fn a_broken_transfer_begins_again_and_nothing_is_kept() {
    let server = Server::start();
    let bytes = gzip(&content(5, 900_000));
    server.serve("/a", packed("gzip", &bytes).cut_after(500_000));
    server.serve("/a", packed("gzip", &bytes));
    let test = unpacking(server.get(["/a"])).retries(1).any_stderr();
    test.expect_file("a", content(5, 900_000)).run();
    assert!(server.requests().iter().all(|request| request.header("range").is_none()));
    server.serve("/a", packed("gzip", &bytes).cut_after(500_000));
    unpacking(server.get(["/a"])).any_stderr().status(1).run();
}

#[test]
fn what_unpacks_to_far_too_much_is_refused() {
    let zeros = vec![0; 80 << 20];
    let server = Server::start();
    server.serve("/a", packed("zstd", &zstd(&zeros)));
    let output = unpacking(server.get(["/a"])).any_stderr().status(1).run();
    assert!(output.stderr.contains("unpacks to hundreds of times its size"), "{}", output.stderr);
    let server = Server::start();
    server.serve("/a", packed("gzip", &gzip(&content(1, 50_000))));
    let test = unpacking(server.get(["/a"])).args(["--max-size", "20K"]);
    test.fails(server.url("/a"), "larger than 20 KiB").hint("`--max-size` allows more").run();
}

#[test]
fn checks_are_of_what_is_saved() {
    let server = Server::start();
    let reply = packed("gzip", &gzip(&text())).header("Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A==");
    server.serve("/a", reply);
    let sum = format!("sha256:{}", sha256(text()));
    let test = unpacking(server.get(["/a"])).args(["--json", "--checksum", &sum]).any_stdout();
    let found = object(&test.expect_file("a", text()).run());
    assert_eq!((&found["size"], found.get("etag")), (&text().len().into(), None));
}

#[test]
fn a_file_that_is_named_as_packed_stays_as_it_is() {
    let server = Server::start();
    let bytes = gzip(&text());
    for _ in 0..2 {
        server.serve("/a.tar.gz", packed("gzip", &bytes));
        server.serve("/b.tgz", packed("gzip", &bytes));
    }
    for args in [&["--compressed"] as &[&str], &[]] {
        let test = server.get(["/a.tar.gz", "/b.tgz"]).args(args.iter().copied());
        test.expect_file("a.tar.gz", &bytes).expect_file("b.tgz", &bytes).run();
    }
}

#[test]
fn what_comes_packed_unasked_is_saved_so_with_a_warning() {
    let server = Server::start();
    let bytes = gzip(&text());
    server.serve("/a", packed("gzip", &bytes));
    let told = "saved as the server packed it (gzip); `--compressed` saves it unpacked";
    let test = server.get(["/a"]).line(format!("warning: {}: {told}", server.url("/a")));
    test.expect_file("a", &bytes).run();
    assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
    server.serve("/b", packed("compress", b"xyz"));
    let told = "saved as the server packed it (compress)";
    let test = unpacking(server.get(["/b"])).line(format!("warning: {}: {told}", server.url("/b")));
    test.expect_file("b", "xyz").run();
}

#[test]
fn a_real_nginx_packs_and_haul_unpacks() {
    let Some(nginx) = Nginx::start("gzip on; gzip_types *; gzip_min_length 1;", |root| {
        std::fs::write(root.join("a.txt"), text()).unwrap();
    }) else {
        return;
    };
    for url in [nginx.http("/a.txt"), nginx.https("/a.txt")] {
        let test = unpacking(nginx.test()).args(["-v", &url]).any_stderr();
        test.expect_file("a.txt", text()).run();
    }
}

#[test]
fn wrong_usage_is_refused() {
    let test = unpacking(Test::new()).args(["--spider", "http://127.0.0.1:1/a"]).stdout("");
    assert!(test.any_stderr().status(2).run().stderr.contains("`--spider` downloads nothing"));
}

#[test]
fn the_packed_text_is_what_the_encoder_made() {
    let mut unpacked = Vec::new();
    brotli_decompressor::Decompressor::new(&brotli()[..], 4096).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, text());
}
