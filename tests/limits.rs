//! What bounds a transfer: the user's limits on size, time and speed, and those of the machine.

use std::time::{Duration, Instant};

use crate::harness::black_hole::BlackHole;
use crate::harness::folder::Entry;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Reply, Server, Test, content};

#[test]
fn a_file_larger_than_allowed_is_refused_before_its_first_byte() {
    let server = Server::start();
    // The body never comes; so it is the length that is refused.
    let reply = Reply::ok("").length("1000001").hold_after(0, &Gate::default());
    server.serve("/a", reply);
    server.serve("/b", Reply::ok(content(1, 1_000_000)));
    server
        .get(["/a", "/b"])
        .retries(5)
        .args(["--max-size", "1000000"])
        .fails(server.url("/a"), "larger than 977 KiB")
        .hint("`--max-size` allows more")
        .expect_file("b", content(1, 1_000_000))
        .run();
}

#[test]
fn a_file_that_turns_out_larger_than_allowed_is_given_up_on_the_way() {
    for reply in [
        Reply::ok(content(1, 100_001)).chunked(1000),
        Reply::ok(content(1, 100_001)).until_close(),
        Reply::ok("").until_close().endless("more "),
    ] {
        let server = Server::start();
        server.serve("/a", reply);
        server
            .get(["/a"])
            .retries(5)
            .args(["--max-size", "100000"])
            .fails(server.url("/a"), "larger than 98 KiB")
            .hint("`--max-size` allows more")
            .run();
    }
}

#[test]
fn a_larger_limit_goes_on_where_the_smaller_one_ended() {
    let server = Server::start();
    let body = content(1, 900_000);
    let resource = Resource::new(&body, "\"v1\"");
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).chunked(1000));
    server.answer("/a", move |request| resource.answer(request));
    let output = server.get(["/a"]).args(["--max-size", "500000"]).any_result().run();
    assert_eq!(output.status, Some(1));
    let test = server.get(["/a"]).in_folder(output.folder).args(["--max-size", "1M"]);
    test.expect_file("a", body).run();
    assert!(server.asked()[1].starts_with("bytes="), "{:?}", server.asked());
}

#[test]
fn a_file_of_just_the_size_allowed_comes() {
    for reply in [Reply::ok(content(1, 100_000)), Reply::ok(content(1, 100_000)).chunked(999)] {
        let server = Server::start();
        server.serve("/a", reply);
        let test = server.get(["/a"]).args(["--max-size", "100000"]);
        test.expect_file("a", content(1, 100_000)).run();
    }
}

#[test]
fn a_length_that_no_disk_holds_is_refused_at_once() {
    for (length, told) in [("5497558138880", "5.0 TiB"), ("9223372036854775807", "8.0 EiB")] {
        let server = Server::start();
        server.serve("/a", Reply::ok("hello").length(length).hold_after(5, &Gate::default()));
        server.serve("/b", Reply::ok("x"));
        server
            .get(["/a", "/b"])
            .retries(5)
            .fails(server.url("/a"), &format!("needs {told} and … has … free"))
            .hint("make room, or give another folder with `--dir`")
            .expect_file("b", "x")
            .run();
    }
}

/// Expects that `--max-time 0.5` ends a transfer that gets this reply again and again.
#[track_caller]
fn time_over(reply: Reply) {
    let server = Server::start();
    server.always("/a", reply);
    let began = Instant::now();
    let output = server
        .get(["/a"])
        .retries(1_000_000)
        .args(["--max-time", "0.5"])
        .within(Duration::from_secs(3))
        .any_stderr()
        .status(1)
        .run();
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(400), "{took:?}: {}", output.stderr);
    let told = format!("error: {}: not done within 0.50s", server.url("/a"));
    assert!(output.stderr.contains(&told), "{}", output.stderr);
}

#[test]
fn a_body_ends_when_its_time_is_over() {
    time_over(Reply::ok("hello").hold_after(3, &Gate::default()));
    time_over(Reply::ok(content(1, 6000)).trickle(1, Duration::from_millis(10)));
}

#[test]
fn a_wait_for_the_header_ends_when_the_time_is_over() {
    time_over(Reply::ok("hello").hold_header(&Gate::default()));
}

#[test]
fn a_server_that_has_to_be_asked_again_and_again_has_no_more_time_than_others() {
    ends_in_time(Reply::ok("hello").cut_after(0));
    ends_in_time(Reply::status(500, "-"));
}

#[test]
fn a_wait_that_would_end_after_all_time_is_over_is_not_begun() {
    ends_in_time(Reply::status(503, "-").header("Retry-After", "100"));
}

#[test]
fn a_connection_that_is_not_ready_ends_when_the_time_is_over() {
    // The kernel accepts, and nobody answers.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent = silent.local_addr().unwrap();
    let hole = BlackHole::new();
    let proxies = ["http", "https", "socks5h"].map(|scheme| format!("{scheme}://{silent}"));
    let ways = [
        (format!("http://{}/a", hole.address()), String::new()),
        (format!("https://{silent}/a"), String::new()),
        ("https://h.example/a".to_owned(), proxies[0].clone()),
        ("https://h.example/a".to_owned(), proxies[1].clone()),
        ("http://h.example/a".to_owned(), proxies[2].clone()),
    ];
    for (url, proxy) in ways {
        Test::new()
            .args(["--max-time", "0.5", "--proxy", &proxy, &url])
            .within(Duration::from_secs(5))
            .fails(&url, "not done within 0.50s")
            .run();
    }
}

/// Expects that with `--max-time 0.5` nothing is tried for longer, whatever the last cause was.
#[track_caller]
fn ends_in_time(reply: Reply) {
    let server = Server::start();
    server.always("/a", reply);
    server
        .get(["/a"])
        .retries(1_000_000)
        .args(["--max-time", "0.5"])
        .within(Duration::from_secs(3))
        .any_stderr()
        .status(1)
        .run();
}

#[test]
fn a_transfer_whose_time_is_over_is_kept_for_another_run() {
    let (server, never) = (Server::start(), Gate::default());
    let body = content(1, 300_000);
    let resource = Resource::new(&body, "\"v1\"");
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).hold_after(150_000, &never));
    server.answer("/a", move |request| resource.answer(request));
    let output = server
        .get(["/a"])
        .retries(5)
        .args(["--max-time", "0.5"])
        .fails(server.url("/a"), "not done within 0.50s after 146 KiB of 293 KiB")
        .kept_hint("a")
        .keeps("a", &body[..150_000])
        .run();
    server.get(["/a"]).in_folder(output.folder).expect_file("a", body).run();
    assert_eq!(server.asked(), ["all", "bytes=150000- ? \"v1\""]);
}

#[test]
fn a_transfer_that_crawls_is_given_up_and_one_that_is_fast_enough_is_not() {
    let server = Server::start();
    let crawling = Reply::ok(content(1, 5000)).trickle(10, Duration::from_millis(10));
    server.serve("/slow", crawling);
    let steady = Reply::ok(content(2, 90_000)).trickle(1000, Duration::from_millis(10));
    server.serve("/fast", steady);
    server
        .get(["/slow", "/fast"])
        .args(["--min-speed", "10K:0.4"])
        .fails(server.url("/slow"), "too slow: … over 0.…s")
        .expect_file("fast", content(2, 90_000))
        .run();
}

#[test]
fn a_transfer_that_falls_silent_is_too_slow_before_it_has_stalled() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello").hold_after(3, &Gate::default()));
    server
        .get(["/a"])
        .args(["--min-speed", "1:0.4"])
        .within(Duration::from_secs(5))
        .fails(server.url("/a"), "too slow: … over 0.…s")
        .run();
}

#[test]
fn a_transfer_that_was_too_slow_goes_on_over_another_connection() {
    let server = Server::start();
    let body = content(1, 300_000);
    let resource = Resource::new(&body, "\"v1\"");
    let (copy, never) = (resource.clone(), Gate::default());
    server.answer("/a", move |request| copy.answer(request).hold_after(150_000, &never));
    server.answer("/a", move |request| resource.answer(request));
    server
        .get(["/a"])
        .args(["--min-speed", "1M:0.4"])
        .retries(1)
        .retried(server.url("/a"), "too slow: … over …s", "retry 1 of 1")
        .expect_file("a", body)
        .run();
    assert_eq!(server.asked(), ["all", "bytes=150000- ? \"v1\""]);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_server_that_crawls_is_given_up_although_each_attempt_gets_further() {
    let server = Server::start();
    let resource = Resource::new(&content(1, 300_000), "\"v1\"");
    server.handle(move |request| resource.answer(request).trickle(100, Duration::from_millis(10)));
    let output = server
        .get(["/a"])
        .args(["--min-speed", "1M:0.3"])
        .retries(1)
        .retried(server.url("/a"), "too slow: … over …s", "retry 1 of 1")
        .any_result()
        .run();
    assert_eq!(output.status, Some(1));
    assert!(output.stderr.contains("(2 attempts)"), "{}", output.stderr);
    let asked = server.asked();
    assert!(asked.len() == 2 && asked[1].starts_with("bytes="), "{asked:?}");
}

#[test]
fn few_descriptors_make_few_workers_and_all_files() {
    let server = Server::start();
    let mut test = server.test().args(["-j", "64"]).retries(5);
    for number in 0..200 {
        let target = format!("/{number}");
        server.serve(&target, Reply::ok(content(number, 5000)));
        test =
            test.arg(server.url(&target)).expect_file(&number.to_string(), content(number, 5000));
    }
    test.shell("ulimit -n 32; exec \"$@\"")
        .line("warning: … of 64 workers: the limit on open files (`ulimit -n`) is low")
        .run();
    assert!(server.connections() < 16, "{}", server.connections());
}

#[test]
fn a_soft_limit_on_descriptors_is_raised_without_a_word() {
    let (server, gate) = (Server::start(), Gate::default());
    let mut test = server.test().args(["-j", "32"]);
    for number in 0..32 {
        let target = format!("/{number}");
        server.serve(&target, Reply::ok("hello").hold_after(1, &gate));
        test = test.arg(server.url(&target)).expect_file(&number.to_string(), "hello");
    }
    let running = test.shell("ulimit -S -n 32; exec \"$@\"").start();
    gate.wait_reached(32);
    gate.open();
    running.finish();
}

#[test]
fn a_second_process_can_wait_for_the_first_one() {
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/a", Reply::ok("hello").hold_after(2, &gate));
    let first = server.get(["/a"]).expect_file("a", "hello");
    let folder = first.path().to_owned();
    let first = first.start();
    gate.wait_reached(1);
    let second = server.get(["/a"]).arg("--wait-lock").arg("-d").arg(&folder);
    let part = folder.join("a.part");
    let waiting = format!("another haul is writing {}; waiting", part.display());
    let second = second
        .line(format!("warning: {}: {waiting}", server.url("/a")))
        .skips(folder.join("a").display().to_string(), "exists already")
        .start();
    second.wait_for_stderr("; waiting");
    gate.open();
    let _folder = first.finish().folder;
    second.finish();
}

#[test]
fn a_second_process_goes_on_where_the_first_one_was_killed() {
    let (server, never) = (Server::start(), Gate::default());
    let body = content(1, 9_000_000);
    let resource = Resource::new(&body, "\"v1\"");
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).hold_after(8_000_000, &never));
    server.answer("/a", move |request| resource.answer(request));
    // On a busy machine either's idle workers would help, and ask for more.
    let first = server.get(["/a"]).arg("--no-split").any_result();
    let folder = first.path().to_owned();
    let mut first = first.start();
    let record = folder.join("a.part.haul");
    crate::harness::wait_until("a record is written", || record.exists());
    let second = server.get(["/a"]).args(["--no-split", "--wait-lock", "-d"]).arg(&folder);
    let second = second.any_result().start();
    second.wait_for_stderr("; waiting");
    first.signal(rustix::process::Signal::KILL);
    let _folder = first.finish().folder;
    let output = second.finish();
    assert_eq!(output.status, Some(0), "{}", output.stderr);
    let asked = server.asked();
    assert!(asked[1].starts_with("bytes="), "{asked:?}");
}

#[test]
fn two_processes_with_one_list_end_with_every_file_right() {
    let server = Server::start();
    server.handle(|request| {
        let number: u32 = request.target[1..].parse().unwrap();
        let body = content(number, 20_000);
        Resource::new(&body, "\"v1\"").answer(request).trickle(5000, Duration::from_millis(1))
    });
    let targets: Vec<String> = (0..40).map(|number| format!("/{number}")).collect();
    let get = || server.get(targets.iter().map(String::as_str));
    let mut first = get().any_result();
    for number in 0..40 {
        let bytes = content(number, 20_000);
        first = first.expect_entry(&number.to_string(), Entry::File(bytes));
    }
    let folder = first.path().to_owned();
    let first = first.start();
    let second = get().arg("--wait-lock").arg("-d").arg(&folder).any_result().start();
    let second = second.finish();
    assert_eq!(second.status, Some(0), "{}", second.stderr);
    // The first one did not wait, so that it may have failed some.
    let first = first.finish();
    let expected = (0..40).map(|number| (number.to_string(), Entry::File(content(number, 20_000))));
    assert_eq!(
        crate::harness::folder::snapshot(first.folder.path()),
        expected.collect(),
        "{}",
        first.stderr
    );
}

#[test]
fn a_run_keeps_to_its_rate_whatever_the_number_of_workers() {
    for jobs in ["1", "8"] {
        let server = Server::start();
        let body = content(1, 50_000);
        let mut test = server.test().args(["-j", jobs, "--limit-rate", "200KB"]);
        for target in ["/a", "/b", "/c"] {
            server.serve(target, Reply::ok(&body));
            test = test.arg(server.url(target)).expect_file(&target[1..], &body);
        }
        let began = Instant::now();
        test.run();
        let took = began.elapsed();
        // 150,000 bytes at 200,000 a second, less what the bucket holds and the last read.
        assert!(took >= Duration::from_millis(600), "{took:?} with {jobs} workers");
    }
}

#[test]
fn a_rate_of_nothing_is_a_usage_error() {
    let test = crate::harness::Test::new().args(["--limit-rate", "0", "http://127.0.0.1:1/a"]);
    let output = test.stdout("").any_stderr().status(2).run();
    assert!(output.stderr.contains("would never end"), "{}", output.stderr);
}
