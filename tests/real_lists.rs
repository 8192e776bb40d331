//! Lists that other programs wrote, or read as well: coreutils, Debian's archive, aria2, jq.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::nginx::Nginx;
use crate::harness::{Gate, Reply, Server, Test, content, is_missing};

/// Files of an archive, and how long they are.
const POOL: [(&str, usize); 5] = [
    ("pool/main/h/haul/haul_0.1.0-1_amd64.deb", 300_001),
    ("pool/main/h/haul/haul-doc_0.1.0-1_all.deb", 70_000),
    ("pool/main/libh/libhaul++/libhaul++6_2:1.0~rc1+b2_amd64.deb", 12_345),
    ("pool/main/libh/libhaul++/libhaul++-dev_2%3a1.0~rc1_amd64.deb", 1),
    ("pool/contrib/e/empty/empty_1_all.deb", 0),
];

/// Runs a program in a folder, and returns what it prints.
#[track_caller]
fn printed(folder: &Path, command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// Fills a folder as an archive is: files, their sums, and an index of them that is packed.
fn fill(root: &Path) {
    let mut index = String::new();
    for (seed, (name, length)) in (40..).zip(POOL) {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content(seed, length)).unwrap();
        let sum = printed(root, &["sha256sum", name]);
        let sum = sum.split(' ').next().unwrap();
        let _ = write!(
            index,
            "Package: p{seed}\nVersion: 0.1.0-1\nFilename: {name}\nSize: {length}\nSHA256: {sum}\n\
             Description: none\n of it\n\n",
        );
    }
    let names = POOL.map(|(name, _)| name);
    let sums = printed(root, &[&["sha256sum"], &names[..]].concat());
    std::fs::write(root.join("SHA256SUMS"), sums).unwrap();
    std::fs::write(root.join("Packages"), index).unwrap();
    printed(root, &["gzip", "Packages"]);
}

/// Expects all files of the archive in `folder`.
fn expect_pool(mut test: Test, nginx: &Nginx, folder: &str) -> Test {
    for (name, _) in POOL {
        test = test.expect_copy(&format!("{folder}/{name}"), &nginx.root().join(name));
    }
    test
}

#[test]
fn an_archive_is_mirrored_by_its_sums() {
    if is_missing("sha256sum") || is_missing("gzip") {
        return;
    }
    let Some(nginx) = Nginx::start("", fill) else { return };
    let sums = std::fs::read(nginx.root().join("SHA256SUMS")).unwrap();
    for url in [nginx.http("/"), nginx.https("/")] {
        let test = nginx.test().existing("SHA256SUMS", &sums);
        let test = test.args(["--base-url", &url, "-i", "SHA256SUMS", "-d", "mirror"]);
        expect_pool(test, &nginx, "mirror").run();
    }
}

#[test]
fn an_archive_is_mirrored_by_a_list_made_of_its_index() {
    if is_missing("sha256sum") || is_missing("gzip") {
        return;
    }
    let Some(nginx) = Nginx::start("", fill) else { return };
    let test = nginx.test().arg(nginx.https("/Packages.gz"));
    let test = test.expect_copy("Packages.gz", &nginx.root().join("Packages.gz"));
    let output = test.run();
    let index = printed(output.folder.path(), &["gzip", "-dc", "Packages.gz"]);

    let mut list = String::new();
    for package in index.split_terminator("\n\n") {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix(": ")).unwrap()
        };
        let object = serde_json::json!({
            // A path is not a URL: what means something in one is written otherwise there.
            "url": nginx.https(&format!("/{}", field("Filename").replace('%', "%25"))),
            "out": field("Filename"),
            "size": field("Size").parse::<u64>().unwrap(),
            "sha256": field("SHA256"),
        });
        let _ = writeln!(list, "{object}");
    }
    assert_eq!(list.lines().count(), POOL.len());
    let test = nginx.test().stdin(list).args(["-d", "mirror"]);
    expect_pool(test, &nginx, "mirror").run();
}

#[test]
fn a_session_of_aria2_is_gone_on_with() {
    if is_missing("aria2c") {
        return;
    }
    let server = Server::start();
    let (gate, is_awake) = (Gate::default(), Arc::new(AtomicBool::new(false)));
    let (closed, answers) = (gate.clone(), Arc::clone(&is_awake));
    server.handle(move |request| {
        let reply = Reply::ok(request.target.trim_start_matches('/'));
        if answers.load(Ordering::SeqCst) { reply } else { reply.hold_header(&closed) }
    });
    let test = server.test();
    let folder = test.path().to_owned();
    // The SHA-256 of `a`.
    let sum = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    let list = format!(
        "{}\t{}\n out=sub/x.bin\n checksum=sha-256={sum}\n split=1\n{}\n dir=files/other\n",
        server.url("/a"),
        server.url("/mirror"),
        server.url("/c"),
    );
    std::fs::write(folder.join("list"), list).unwrap();
    let mut child = Command::new("aria2c")
        .args(["--no-conf", "-q", "-i", "list", "-d", "files", "--save-session=session"])
        .env_remove("http_proxy")
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    server.wait_for_requests(2);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
    std::fs::remove_file(folder.join("list")).unwrap();
    is_awake.store(true, Ordering::SeqCst);
    gate.open();

    let session = std::fs::read(folder.join("session")).unwrap();
    let options = String::from_utf8_lossy(&session).into_owned();
    let unknown = |option: &str| {
        let at = options.lines().position(|line| line.starts_with(&format!(" {option}="))).unwrap();
        format!("warning: session:{}: option `{option}` is not used", at + 1)
    };
    let _ = std::fs::remove_dir_all(folder.join("files"));
    test.existing("session", &session)
        .args(["-i", "session"])
        .line(unknown("gid"))
        .line(unknown("split"))
        .expect_file("files/sub/x.bin", "a")
        .expect_file("files/other/c", "c")
        .run();
}

#[test]
fn aria2_and_haul_get_the_same_files_by_a_metalink() {
    if is_missing("aria2c") || is_missing("sha256sum") || is_missing("gzip") {
        return;
    }
    let Some(nginx) = Nginx::start("", fill) else { return };
    let mut document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                        <metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n"
        .to_owned();
    for (name, length) in POOL {
        let sum = |command: &str, file: &Path| {
            let line = printed(&nginx.root(), &[command, file.to_str().unwrap()]);
            line.trim_start_matches('\\').split(' ').next().unwrap().to_owned()
        };
        let path = nginx.root().join(name);
        let url = nginx.http(&format!("/{}", name.replace('%', "%25")));
        let _ = write!(
            document,
            "<file name=\"{name}\">\n<size>{length}</size>\n<hash type=\"md5\">{}</hash>\n\
             <hash type=\"sha-256\">{}</hash>\n<pieces length=\"65536\" type=\"sha-1\">\n",
            sum("md5sum", &path),
            sum("sha256sum", &path),
        );
        for (number, piece) in std::fs::read(&path).unwrap().chunks(65_536).enumerate() {
            let file = nginx.root().join(format!("../piece.{number}"));
            std::fs::write(&file, piece).unwrap();
            let _ = writeln!(document, "<hash>{}</hash>", sum("sha1sum", &file));
        }
        let _ = write!(
            document,
            "</pieces>\n<url priority=\"2\">{}</url>\n<url priority=\"1\" location=\"de\">{url}</url>\n\
             </file>\n",
            nginx.http("/gone"),
        );
    }
    document += "</metalink>\n";

    let test = nginx.test().existing("archive.meta4", document);
    let folder = tempfile::tempdir().unwrap();
    let list = test.path().join("archive.meta4").display().to_string();
    let command = ["aria2c", "--no-conf", "-q", "-d", "by-aria2", "-M", &list];
    printed(folder.path(), &command);
    let test = expect_pool(test.args(["-i", "archive.meta4", "-d", "by-haul"]), &nginx, "by-haul");
    let output = test.run();
    for (name, _) in POOL {
        let [one, other] = [folder.path().join("by-aria2"), output.folder.path().join("by-haul")]
            .map(|folder| std::fs::read(folder.join(name)).unwrap());
        assert!(one == other, "{name}");
    }
}

#[test]
fn jq_reads_every_line_that_json_gives() {
    if is_missing("jq") {
        return;
    }
    let server = Server::start();
    server.serve("/a%22%5C%1b%C3%BC", Reply::ok("a"));
    server.serve("/gone", Reply::status(404, "\"\\\u{1b}"));
    let list = format!(
        "{}\n{}\nno url \"\\ \u{1b}\u{fffe}\n{}\n",
        server.url("/a%22%5C%1b%C3%BC"),
        server.url("/gone"),
        server.url("/gone"),
    );
    let output = server.test().stdin(list).args(["--json"]).any_result().run();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), 5, "{lines}");
    for line in lines.lines() {
        let mut jq = Command::new("jq")
            .args(["-e", "-c", "."])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        jq.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        let output = jq.wait_with_output().unwrap();
        assert!(output.status.success(), "{line}");
        let (ours, theirs): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(line).unwrap(), serde_json::from_slice(&output.stdout).unwrap());
        assert_eq!(with_floats(ours), with_floats(theirs));
    }
}

/// Makes every number one with a point, as JSON knows no other: jq writes `0.0` as `0`.
fn with_floats(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Number, Object};
    match value {
        Number(number) => number.as_f64().into(),
        Array(values) => values.into_iter().map(with_floats).collect(),
        Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, with_floats(value))).collect()
        }
        other => other,
    }
}
