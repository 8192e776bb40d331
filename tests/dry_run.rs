//! `--dry-run`: what would be done, without a request and without a trace.

use serde_json::{Value, json};

use crate::harness::helped::KIB;
use crate::harness::objects::{objects, sha256};
use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, Test, content};

/// URLs of a server that must not be asked.
const HOST: &str = "http://127.0.0.1:1";

/// A dry run of these targets.
fn plan(targets: &[&str]) -> Test {
    Test::new().arg("--dry-run").args(targets.iter().map(|target| format!("{HOST}{target}")))
}

/// Expects these lines on standard output, and this one on standard error.
fn told(test: Test, lines: &[&str], totals: &str) -> Test {
    test.stdout(format!("{}\n", lines.join("\n").replace("HOST", HOST))).stderr([totals])
}

#[test]
fn what_would_be_done_is_told_and_nothing_is() {
    let test = plan(&["/a", "/b", "/x/a", "/", "/b"]).existing("b", "old").args(["-j", "8"]);
    let lines = [
        "would save a from HOST/a",
        "skipped b: exists already",
        "would save a.1 from HOST/x/a",
        "would save HOST/ in ., named by the server",
    ];
    // Duplicates are found by who reads the list, whichever comes first.
    let output = test.any_stdout().stderr(["3 files would be saved, 2 skipped"]).run();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let twice = format!("skipped {HOST}/b: listed twice\n");
    assert!(stdout.contains(&twice), "{stdout}");
    let told: Vec<String> =
        stdout.replace(&twice, "").lines().map(|line| line.replace(HOST, "HOST")).collect();
    assert_eq!(told, lines);
}

#[test]
fn no_folder_is_made_and_no_list_of_failures() {
    let test = plan(&["/a"]).args(["-d", "x/y", "--failed", "failed.jsonl", "--fsync"]);
    told(test, &["would save x/y/a from HOST/a"], "1 file would be saved").run();
    let test = plan(&["/a"]).args(["-o", "z/b"]);
    told(test, &["would save z/b from HOST/a"], "1 file would be saved").run();
}

#[test]
fn a_plan_comes_in_the_order_of_the_input() {
    let urls: Vec<String> = (0..1000).map(|number| format!("{HOST}/{number}")).collect();
    let test = Test::new().arg("--dry-run").stdin(urls.join("\n")).any_stdout();
    let output = test.any_stderr().run();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let told: Vec<&str> = stdout.lines().map(|line| line.split_once("from ").unwrap().1).collect();
    assert_eq!(told, urls);
}

#[test]
fn each_policy_for_existing_files_is_told() {
    for (policy, line) in [
        ("skip", "skipped a: exists already"),
        ("overwrite", "would replace a by HOST/a"),
        ("update", "would replace a by HOST/a, if the server has another"),
        ("rename", "would save a.1 from HOST/a"),
    ] {
        let test = plan(&["/a"]).args(["--if-exists", policy]).existing("a", "old");
        let totals = match policy {
            "skip" => "0 files would be saved, 1 skipped",
            _ => "1 file would be saved",
        };
        told(test, &[line], totals).run();
    }
    let test = plan(&["/a"]).args(["--if-exists", "error"]).existing("a", "old").any_stderr();
    assert!(
        test.stdout("").status(1).run().stderr.contains("error: http://127.0.0.1:1/a: a exists")
    );
}

#[test]
fn an_object_says_that_the_server_decides() {
    let options = ["--if-exists", "update", "--json"];
    let output = plan(&["/a"]).args(options).existing("a", "old").any_result().run();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains(r#""status":"planned","reason":"update""#), "{stdout}");
}

#[test]
fn what_an_earlier_run_left_is_told_and_stays_as_it_is() {
    let (server, body) = (Server::start(), content(1, 1200 * KIB));
    let resource = Resource::new(&body, "\"v1\"");
    server.answer("/a", move |request| resource.answer(request).cut_after(900 * KIB));
    let output = server.get(["/a"]).any_result().run();
    let part = std::fs::read(output.folder.path().join("a.part")).unwrap();
    let record = std::fs::read(output.folder.path().join("a.part.haul")).unwrap();
    let url = server.url("/a");
    let again = |args: &[&str], folder, line: &str| {
        let test = server.get(["/a"]).arg("--dry-run").args(args.to_vec()).in_folder(folder);
        let test = test.existing("a.part", &part).existing("a.part.haul", &record);
        test.stdout(format!("{line}\n")).stderr(["1 file would be saved"]).run().folder
    };
    let folder = again(
        &[],
        output.folder,
        &format!("would go on with a after 900 KiB of 1.2 MiB, from {url}"),
    );
    for option in ["--restart", "--no-resume"] {
        let folder = tempfile::tempdir().unwrap();
        again(&[option], folder, &format!("would save a from {url}"));
    }
    let test = server.get(["/a"]).args(["--dry-run", "--json"]).in_folder(folder).any_stdout();
    let output = test.any_result().run();
    let (found, _) = objects(&output);
    assert_eq!(found[0]["resumed_from"], 900 * KIB);
    // A file of another URL is begun anew.
    let test = server.get(["/x/a"]).arg("--dry-run").in_folder(output.folder).any_result();
    let output = test.run();
    assert_eq!(output.stdout, format!("would save a from {}\n", server.url("/x/a")).as_bytes());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_a_killed_run_left_beside_a_file_is_not_tidied() {
    let test = plan(&["/a"]).existing("a", "x").existing("a.part.haul", "{}");
    told(test, &["skipped a: exists already"], "0 files would be saved, 1 skipped").run();
}

#[test]
fn what_would_fail_as_soon_fails() {
    let list = format!(
        "{}\n{}\n",
        json!({"url": "http://u:s3cret@h:99999/"}),
        json!({"url": format!("{HOST}/a?sig=s3cret"), "sha256": sha256("new")})
    );
    let test = Test::new().arg("--dry-run").existing("a", "old").stdin(list).status(1);
    let output = test.stdout("").any_stderr().run();
    assert!(output.stderr.contains("a exists, and its checksum is"), "{}", output.stderr);
    assert!(output.stderr.ends_with("\n0 files would be saved, 2 failed\n"), "{}", output.stderr);
    assert!(!output.stderr.contains("s3cret"));
}

#[test]
fn as_objects_a_plan_is_a_list() {
    let server = Server::start();
    let list = format!(
        "{}\n{}\n",
        json!({"url": server.url("/a?sig=x"), "out": "x/y", "size": 5}),
        json!({"url": server.url("/b"), "mirrors": [server.url("/m")]})
    );
    let test = server.test().args(["--dry-run", "--json", "-d", "out"]).stdin(list);
    let output = test.any_stdout().any_stderr().run();
    let (found, totals) = objects(&output);
    let expected: [Value; 2] = [
        json!({
            "haul": 1, "url": server.url("/a?sig=***"), "path": "out/x/y", "status": "planned",
            "size": 5,
        }),
        json!({
            "haul": 1, "url": server.url("/b"), "mirrors": [server.url("/m")], "path": "out/b",
            "status": "planned",
        }),
    ];
    assert_eq!(found, expected);
    assert_eq!((&totals["planned"], &totals["completed"]), (&2.into(), &0.into()));
    server.serve("/a?sig=***", Reply::ok("hello"));
    server.serve("/b", Reply::ok("b"));
    let test = server.test().args(["-d", "out"]).stdin(&output.stdout);
    test.expect_file("out/x/y", "hello").expect_file("out/b", "b").run();
}

#[test]
fn quiet_says_nothing() {
    plan(&["/a"]).quiet().run();
}

#[test]
fn what_contradicts_it_is_wrong_usage() {
    for (args, why) in [
        (&["--spider"] as &[_], "cannot be used with"),
        (&["-o", "-"], "`--dry-run` and `--output -` both want standard output"),
        (&["-0"], "`--dry-run` prints none; `--json` is for any name"),
    ] {
        let output = plan(&["/a"]).args(args.to_vec()).any_result().run();
        assert_eq!(output.status, Some(2));
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
}
