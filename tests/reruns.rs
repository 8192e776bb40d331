//! Across runs: what an interrupted or failed run left is gone on with by the same command, if the file
//! on the server is still the same.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::folder::Entry;
use crate::harness::halves::{HALF, LENGTH, REST, body, cutting, v1};
use crate::harness::resource::Resource;
use crate::harness::{Gate, Output, Reply, Server, Test, content, wait_until};

/// A run of one attempt that ends at half.
#[track_caller]
fn first_run(server: &Server) -> Output {
    let half = &body()[..HALF];
    let test = server.get(["/a"]).fails(server.url("/a"), "the body ended after …");
    test.kept_hint("a").keeps("a", half).run()
}

#[test]
fn the_same_command_goes_on_where_a_failed_one_ended() {
    let server = cutting(&v1());
    let output = first_run(&server);
    server.get(["/a"]).in_folder(output.folder).expect_file("a", body()).run();
    assert_eq!(server.asked(), ["all", REST]);
}

#[test]
fn a_file_that_changed_between_two_runs_comes_whole_in_its_new_version() {
    for (resource, asked) in
        [(v1(), &["all", REST] as &[_]), (v1().ignoring_if_range(), &["all", REST, "all"])]
    {
        for length in [LENGTH, HALF / 2, 2 * LENGTH] {
            resource.change(&body(), "\"v1\"");
            let server = cutting(&resource);
            let output = first_run(&server);
            let new = content(2, length);
            resource.change(&new, "\"v2\"");
            server.get(["/a"]).in_folder(output.folder).expect_file("a", new).run();
            assert_eq!(server.asked(), asked);
        }
    }
}

#[test]
fn a_run_ended_by_a_signal_is_gone_on_with() {
    let body = content(1, 2_000_000);
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (server, never) = (Server::start(), Gate::default());
        let resource = Resource::new(&body, "\"v1\"");
        let copy = resource.clone();
        server.answer("/a", move |request| copy.answer(request).hold_after(1_500_000, &never));
        server.answer("/a", move |request| resource.answer(request));
        let test = server.get(["/a"]).retries(5).any_result();
        let part = test.path().join("a.part");
        let mut running = test.start();
        wait_until("a good part is written", || {
            part.metadata().is_ok_and(|part| part.len() >= 1_000_000)
        });
        running.signal(signal);
        let output = running.finish();
        assert_eq!(output.status, Some(status));
        assert!(output.stderr.contains("1 cancelled, interrupted\n  hint: "), "{}", output.stderr);
        let hint = " MiB are kept; run the same command again to go on\n";
        assert!(output.stderr.ends_with(hint), "{}", output.stderr);
        let kept = fs::read(part).unwrap();
        assert!(body.starts_with(&kept));
        server.get(["/a"]).in_folder(output.folder).expect_file("a", &body).run();
        assert_eq!(server.asked(), ["all", &format!("bytes={}- ? \"v1\"", kept.len())]);
    }
}

#[test]
fn several_files_of_an_interrupted_run_are_all_gone_on_with() {
    let (server, never) = (Server::start(), Gate::default());
    let targets = ["/0", "/1", "/2"];
    let body = |number| content(number, 1_000_000 + number as usize);
    for (number, target) in targets.into_iter().enumerate() {
        let (resource, never) = (Resource::new(&body(number as u32), "\"v1\""), never.clone());
        let copy = resource.clone();
        server.answer(target, move |request| copy.answer(request).hold_after(900_000, &never));
        server.answer(target, move |request| resource.answer(request));
    }
    let test = server.get(targets).any_result();
    let folder = test.path().to_owned();
    let mut running = test.start();
    wait_until("a good part of each is written", || {
        (0..3).all(|number| {
            let part = folder.join(format!("{number}.part"));
            part.metadata().is_ok_and(|part| part.len() >= 500_000)
        })
    });
    running.signal(Signal::INT);
    let output = running.finish();
    let mut test = server.get(targets).in_folder(output.folder);
    for number in 0..3 {
        test = test.expect_file(&number.to_string(), body(number));
    }
    test.run();
    assert!(server.asked()[3..].iter().all(|asked| asked.starts_with("bytes=")));
}

#[test]
fn an_older_file_stays_until_the_one_gone_on_with_is_complete() {
    let server = cutting(&v1());
    let overwrite = |test: Test| test.args(["--if-exists", "overwrite"]);
    let output = overwrite(server.get(["/a"]))
        .existing("a", "old")
        .fails(server.url("/a"), "the body ended after …")
        .kept_hint("a")
        .keeps("a", &body()[..HALF])
        .run();
    let test = server.get(["/a"]).in_folder(output.folder);
    overwrite(test).expect_file("a", body()).run();
    assert_eq!(server.asked(), ["all", REST]);
}

#[test]
fn files_of_one_name_are_each_gone_on_with() {
    let server = Server::start();
    let bodies = [content(1, LENGTH), content(2, LENGTH)];
    for (target, body) in ["/x/a", "/y/a"].into_iter().zip(&bodies) {
        let resource = Resource::new(body, "\"v1\"");
        let copy = resource.clone();
        server.answer(target, move |request| copy.answer(request).cut_after(HALF));
        server.answer(target, move |request| resource.answer(request));
    }
    let mut test = server.get(["/x/a", "/y/a"]);
    for (target, name, body) in [("/x/a", "a", &bodies[0]), ("/y/a", "a.1", &bodies[1])] {
        test = test.fails(server.url(target), "the body ended after …").kept_hint(name);
        test = test.keeps(name, &body[..HALF]);
    }
    let folder = test.run().folder;
    let test = server.get(["/x/a", "/y/a"]).in_folder(folder);
    test.expect_file("a", &bodies[0]).expect_file("a.1", &bodies[1]).run();
    assert_eq!(server.asked()[2..], [REST; 2]);
}

#[test]
fn a_transfer_whose_name_was_taken_meanwhile_leaves_nothing() {
    // It can never be completed under this name: a kept part would lie there for ever.
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/a", Reply::ok(body()).header("ETag", "\"v1\"").hold_after(HALF, &gate));
    let test = server.get(["/a"]).expect_entry("a", Entry::File(b"another's".to_vec()));
    let file = test.path().join("a");
    let running = test.any_stderr().status(1).start();
    gate.wait_reached(1);
    // Before that it may as well have been there: the clock of file systems ticks 100 times a second.
    sleep(Duration::from_millis(20));
    fs::write(file, "another's").unwrap();
    gate.open();
    running.finish();
}

#[test]
fn a_name_that_only_the_server_tells_does_not_keep_it_from_going_on() {
    let server = Server::start();
    let named = |request: &_| {
        v1().answer(request).header("Content-Disposition", "attachment; filename=\"a\"")
    };
    server.answer("/?id=1", move |request| named(request).cut_after(HALF));
    server.handle(named);
    let test = server.get(["/?id=1"]).keeps("a", &body()[..HALF]).kept_hint("a");
    let output = test.fails(server.url("/?id=1"), "the body ended after …").run();
    server.get(["/?id=1"]).in_folder(output.folder).expect_file("a", body()).run();
    assert_eq!(server.asked().last().map(String::as_str), Some(REST));
}

#[test]
fn a_partial_file_of_another_url_is_not_gone_on_with() {
    let server = cutting(&v1());
    let output = first_run(&server);
    let other = content(2, LENGTH);
    server.serve("/other/a", Reply::ok(&other).header("ETag", "\"v1\""));
    server
        .get(["/other/a"])
        .in_folder(output.folder)
        .arg("-v")
        .any_stderr()
        .expect_file("a", other)
        .run();
    assert_eq!(server.asked(), ["all", "all"]);
}
