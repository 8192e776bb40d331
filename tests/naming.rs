//! Which name a file gets: the URL's, made harmless; the server's only when asked for; another one
//! when the name is taken in the same run.

use crate::harness::{Gate, Reply, Server, Test};

/// Downloads `target` and expects one file of this name in the folder and nothing anywhere else.
#[track_caller]
fn named(target: &str, name: &str) {
    let server = Server::start();
    server.serve(target, Reply::ok("x"));
    server.get([target]).expect_file(name, "x").run();
}

/// Downloads `/given` with `-J`, answered with this Content-Disposition.
#[track_caller]
fn suggested(field: impl AsRef<[u8]>, name: &str) {
    let server = Server::start();
    let reply = Reply::ok("x").header("Content-Disposition", field);
    server.serve("/given", reply);
    server.get(["/given"]).arg("-J").expect_file(name, "x").run();
}

#[test]
fn no_file_gets_the_name_of_a_lock_or_a_list() {
    let server = Server::start();
    server.serve("/l", Reply::ok("l"));
    server.serve("/f", Reply::ok("f"));
    let reply = Reply::ok("u").header("Content-Disposition", "attachment; filename=l");
    server.serve("/", reply);
    let options = ["--lock", "out/l", "--failed", "./out/f", "-d", "out"];
    let output = server.get(["/l", "/f", "/"]).args(options).any_result().run();
    assert_eq!(output.status, Some(0), "{}", output.stderr);
    for (name, bytes) in [("l.1", "l"), ("f.1", "f"), ("l.2", "u")] {
        let found = std::fs::read_to_string(output.folder.path().join("out").join(name));
        assert_eq!(found.unwrap(), bytes);
    }
}

#[test]
fn no_file_gets_a_name_that_is_in_the_way_of_a_file_of_the_run() {
    let server = Server::start();
    for name in ["c", "l", "f"] {
        server.serve(&format!("/{name}"), Reply::ok(name).header("Set-Cookie", "a=b"));
    }
    let options = ["--save-cookies", "c", "--lock", "l.part", "--failed", "f.part.haul"];
    let output = server.get(["/c", "/l", "/f"]).args(options).any_result().run();
    assert_eq!(output.status, Some(0), "{}", output.stderr);
    let read = |name: &str| std::fs::read_to_string(output.folder.path().join(name)).unwrap();
    for name in ["c", "l", "f"] {
        assert_eq!(read(&format!("{name}.1")), name);
    }
    assert!(read("c").contains("\ta\tb\n"));
    assert_eq!(read("l.part").lines().count(), 3, "{}", read("l.part"));
    assert_eq!(read("f.part.haul"), "");
}

#[test]
fn two_files_of_a_run_under_one_name_are_wrong_usage() {
    let refused = |args: [&str; 4], options: &str| {
        let test = Test::new().args(args).arg("http://h/a");
        let told = test.stdout("").any_stderr().status(2).run().stderr;
        assert!(told.contains(&format!("{options} name one file")), "{told}");
    };
    for own in ["--lock", "--failed", "--save-cookies"] {
        let options = format!("`{own}` and `--output`");
        refused([own, "x", "-o", "./x"], &options);
        refused([own, "x.part", "-o", "x"], &options);
        refused([own, "x", "-o", "x.haul"], &options);
    }
    refused(["--lock", "x", "--failed", "./x"], "`--lock` and `--failed`");
    refused(["--save-cookies", "x", "--lock", "x"], "`--lock` and `--save-cookies`");
    refused(["--save-cookies", "x", "--failed", "x.haul"], "`--failed` and `--save-cookies`");
}

#[test]
fn the_last_component_of_the_path_is_the_name() {
    named("/a.txt", "a.txt");
    named("/dir/sub/a.txt", "a.txt");
    named("/a.txt?b=/c.txt", "a.txt");
    named("/a%20b%2B.txt", "a b+.txt");
    named("/%C3%BC%E6%97%A5.txt", "ü日.txt");
    named("/a%2520b", "a%20b");
}

#[test]
fn an_encoded_separator_never_leaves_the_folder() {
    named("/..%2F..%2Fetc%2Fpasswd", "passwd");
    named("/..%5C..%5Cevil.dll", "evil.dll");
    named("/a%2Fb%5Cc", "c");
    named("/x/..%2F", "index.html");
    named("/%2F", "index.html");
    named("/%2Froot%2F.bashrc", "_bashrc");
}

#[test]
fn names_that_hide_deceive_or_act_are_made_harmless() {
    named("/.bashrc", "_bashrc");
    named("/-rf", "_rf");
    named("/a%00b%0Ac%1B%5B31md%7F", "abc[31md");
    named("/cod%E2%80%AEgpj.exe", "codgpj.exe");
    named("/end.%20.", "end");
    named("/CON", "_CON");
    named("/nul.txt", "_nul.txt");
    named("/%00%01", "index.html");
}

#[test]
fn bytes_that_are_no_text_stay_as_the_url_has_them() {
    named("/caf%E9.txt", "caf%E9.txt");
    named("/caf%e9%20%C3%BC.txt", "caf%E9 %C3%BC.txt");
    named("/%95%5C.txt", "%95%5C.txt");
    named("/%ff%fe", "%FF%FE");
    named(&format!("/{}.tar.gz", "%E9".repeat(100)), &format!("{}.tar.gz", "%E9".repeat(77)));
    // Also where the URL is that of a redirect, or the last that is asked for a name.
    let server = Server::start();
    server.serve("/", Reply::redirect(302, "/%CE%C4%BC%FE.zip"));
    server.serve("/%CE%C4%BC%FE.zip", Reply::ok("file"));
    server.serve("/%CE%C4%B1%BE.zip", Reply::ok("text"));
    server
        .get(["/", "/%CE%C4%B1%BE.zip"])
        .args(["-J", "-j", "1"])
        .expect_file("%CE%C4%BC%FE.zip", "file")
        .expect_file("%CE%C4%B1%BE.zip", "text")
        .run();
}

#[test]
fn a_name_of_bytes_that_are_no_text_is_found_again() {
    let server = Server::start();
    server
        .get(["/caf%E9.txt"])
        .existing("caf%E9.txt", "x")
        .skips("caf%E9.txt", "exists already")
        .run();
    assert!(server.requests().is_empty());
}

#[test]
fn an_overlong_name_is_cut_before_its_extension() {
    let long = "n".repeat(300);
    named(&format!("/{long}.tar.gz"), &format!("{}.tar.gz", "n".repeat(233)));
    named(&format!("/{long}"), &"n".repeat(240));
    // Two bytes a character; the odd byte that is left stays unused.
    named(&format!("/{}.md", "%C3%BC".repeat(200)), &format!("{}.md", "ü".repeat(118)));
}

#[test]
fn a_url_without_a_name_gives_an_index() {
    named("/", "index.html");
    named("/dir/", "index.html");
    named("/?q=name.txt", "index.html");
}

#[test]
fn a_url_without_a_name_takes_the_one_of_the_server() {
    let server = Server::start();
    let name = "attachment; filename=\"report.pdf\"";
    server.serve("/", Reply::ok("x").header("Content-Disposition", name));
    server.get(["/"]).expect_file("report.pdf", "x").run();
}

#[test]
fn a_url_without_a_name_takes_the_one_of_the_last_redirect() {
    let server = Server::start();
    server.serve("/latest/", Reply::redirect(302, "/v2/tool.zip"));
    server.serve("/v2/tool.zip", Reply::ok("x"));
    server.get(["/latest/"]).expect_file("tool.zip", "x").run();
}

#[test]
fn several_urls_without_a_name_give_several_files() {
    let server = Server::start();
    let targets = ["/a/", "/b/", "/c/"];
    for target in targets {
        server.serve(target, Reply::ok("same"));
    }
    server
        .get(targets)
        .expect_file("index.html", "same")
        .expect_file("index.1.html", "same")
        .expect_file("index.2.html", "same")
        .run();
}

#[test]
fn the_server_is_not_asked_for_a_name_that_the_url_has() {
    let server = Server::start();
    let evil = "attachment; filename=.bashrc";
    server.serve("/a", Reply::ok("x").header("Content-Disposition", evil));
    server.get(["/a"]).expect_file("a", "x").run();
}

#[test]
fn on_request_the_server_names_the_file() {
    suggested("attachment; filename=plain.txt", "plain.txt");
    suggested("attachment; filename=\"a;b \\\"c\\\".txt\"", "a;b \"c\".txt");
    suggested(
        "attachment; filename=\"x.txt\"; filename*=UTF-8''%e2%82%ac%20rates.txt",
        "€ rates.txt",
    );
    suggested(b"attachment; filename=\"\xe4.txt\"", "ä.txt");
    suggested("attachment; filename=\"foo-%41.html\"", "foo-%41.html");
    suggested(r#"attachment; filename="f\oo.html""#, "foo.html");
    suggested("attachment; filename*=UTF-8''f%oo.html; filename=good.html", "good.html");
}

#[test]
fn the_name_of_the_server_passes_the_same_filter() {
    suggested("attachment; filename=\"../../etc/passwd\"", "passwd");
    suggested("attachment; filename=\"..\\\\..\\\\x.dll\"", "x.dll");
    suggested(r#"attachment; filename="..\..\x.dll""#, "_...x.dll");
    suggested(r#"attachment; filename="C:\dir\x.txt""#, "x.txt");
    suggested("attachment; filename=\"/home/u/.bashrc\"", "_bashrc");
    suggested("attachment; filename*=UTF-8''..%2F..%2Fx", "x");
    suggested("attachment; filename*=UTF-8''a%1B%5B31m", "a[31m");
    // What is left of these is nothing, so the URL decides.
    suggested("attachment; filename=\"..\"", "given");
    suggested("attachment; filename=\"dir/\"", "given");
    suggested("attachment; filename=\"\"", "given");
    suggested("inline", "given");
}

#[test]
fn without_content_disposition_the_last_redirect_names_the_file_on_request() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, "/b.txt"));
    server.serve("/b.txt", Reply::ok("x"));
    server.get(["/a"]).arg("-J").expect_file("b.txt", "x").run();
}

#[test]
fn the_name_of_the_server_never_replaces_a_file() {
    let server = Server::start();
    let name = "attachment; filename=b";
    server.serve("/a", Reply::ok("new").header("Content-Disposition", name));
    server
        .get(["/a"])
        .args(["-J", "--if-exists", "overwrite"])
        .existing("b", "old")
        .expect_file("b.1", "new")
        .run();
}

#[test]
fn equal_names_are_numbered_in_the_order_of_the_list() {
    let server = Server::start();
    let gate = Gate::default();
    // The first to be listed is the last to arrive.
    server.serve("/1/a.tar.gz", Reply::ok("one").hold_header(&gate));
    server.serve("/2/a.tar.gz", Reply::ok("two"));
    server.serve("/3/a.tar.gz", Reply::ok("three"));
    server.serve("/4/b", Reply::ok("four"));
    server.serve("/5/b", Reply::ok("five"));
    let running = server
        .get(["/1/a.tar.gz", "/2/a.tar.gz", "/3/a.tar.gz", "/4/b", "/5/b"])
        .expect_file("a.tar.gz", "one")
        .expect_file("a.1.tar.gz", "two")
        .expect_file("a.2.tar.gz", "three")
        .expect_file("b", "four")
        .expect_file("b.1", "five")
        .start();
    for other in ["a.1.tar.gz", "a.2.tar.gz", "b", "b.1"] {
        running.wait_for_file(other);
    }
    gate.open();
    running.finish();
}

#[test]
fn a_number_that_is_taken_by_a_url_is_passed_over() {
    let server = Server::start();
    server.serve("/x/a", Reply::ok("one"));
    server.serve("/a.1", Reply::ok("two"));
    server.serve("/y/a", Reply::ok("three"));
    server
        .get(["/x/a", "/a.1", "/y/a"])
        .expect_file("a", "one")
        .expect_file("a.1", "two")
        .expect_file("a.2", "three")
        .run();
}

#[test]
fn equal_names_from_the_server_are_numbered() {
    let server = Server::start();
    for target in ["/1", "/2", "/3"] {
        let reply = Reply::ok("same").header("Content-Disposition", "attachment; filename=a.txt");
        server.serve(target, reply);
    }
    server
        .get(["/1", "/2", "/3"])
        .arg("-J")
        .expect_file("a.txt", "same")
        .expect_file("a.1.txt", "same")
        .expect_file("a.2.txt", "same")
        .run();
}

#[test]
fn a_name_and_the_same_name_with_part_do_not_meet() {
    // The partial file of the one would be named like the other, in this run or in a later one.
    for (targets, names) in
        [(["/x", "/x.part"], ["x", "x.part_"]), (["/x.part", "/x"], ["x.part_", "x"])]
    {
        let server = Server::start();
        let gate = Gate::default();
        server.serve(targets[0], Reply::ok("first").hold_after(2, &gate));
        server.serve(targets[1], Reply::ok("second").hold_after(2, &gate));
        let running = server
            .get(targets)
            .expect_file(names[0], "first")
            .expect_file(names[1], "second")
            .start();
        gate.wait_reached(2);
        gate.open();
        running.finish();
    }
}

#[test]
fn names_that_differ_in_case_stay_apart_where_the_folder_keeps_them_apart() {
    let server = Server::start();
    server.serve("/a.txt", Reply::ok("small"));
    server.serve("/A.TXT", Reply::ok("large"));
    server
        .get(["/a.txt", "/A.TXT"])
        .expect_file("a.txt", "small")
        .expect_file("A.TXT", "large")
        .run();
}
