//! Bytes of several mirrors in one file: only where it can be shown that all have the same.

use crate::harness::halves::{HALF, LENGTH, REST, body, cutting, v1};
use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, content};
use crate::mirrors::{
    CUT, DATE, MODIFIED, MODIFIED_LATER, REST_BY_DATE, dropped, empty, get, offering, passed, urls,
};

#[test]
fn a_body_that_breaks_off_goes_on_at_a_mirror_with_the_same_etag() {
    let with_date = |date| Resource::with_fields(&body(), &[("ETag", "\"v1\""), date, DATE]);
    for (ours, theirs) in [(v1(), v1()), (with_date(MODIFIED), with_date(MODIFIED_LATER))] {
        for reset in [false, true] {
            let (main, mirror) = (Server::start(), offering(theirs.clone()));
            let resource = ours.clone();
            main.answer("/a", move |request| {
                let reply = resource.answer(request);
                if reset { reply.reset_after(0) } else { reply.cut_after(HALF) }
            });
            let test = get([&main, &mirror]).retries(5);
            let cause = if reset { "the connection broke: …" } else { CUT };
            passed(test, cause, &main, &mirror).expect_file("a", body()).run();
            assert_eq!(main.asked(), ["all"]);
            assert_eq!(mirror.asked(), [if reset { "all" } else { REST }]);
        }
    }
}

#[test]
fn a_mirror_goes_on_after_a_mirror_until_all_is_there() {
    let servers = [(); 3].map(|()| Server::start());
    for (number, server) in servers.iter().enumerate() {
        let resource = v1();
        server.handle(move |request| {
            let reply = resource.answer(request);
            if number < 2 { reply.cut_after(HALF / 2) } else { reply }
        });
    }
    let [a, b, c] = &servers;
    get([a, b, c]).retries(5).any_stderr().expect_file("a", body()).run();
    assert_eq!(a.asked(), ["all"]);
    assert_eq!(b.asked(), ["bytes=75000- ? \"v1\""]);
    assert_eq!(c.asked(), [REST]);
}

#[test]
fn a_mirror_with_another_version_gives_all_of_it() {
    for length in [LENGTH, HALF / 2, 2 * LENGTH] {
        let other = content(2, length);
        let two = |fields| Resource::with_fields(&other, fields);
        for (resource, asked) in [
            (two(&[("ETag", "\"v2\"")]), &[REST] as &[_]),
            (two(&[("ETag", "\"v2\"")]).ignoring_if_range(), &[REST, "all"]),
            (two(&[("ETag", "W/\"v1\"")]), &[REST]),
            (two(&[]).ignoring_if_range(), &[REST, "all"]),
        ] {
            let (main, mirror) = (cutting(&v1()), offering(resource));
            let test = get([&main, &mirror]).retries(5);
            passed(test, CUT, &main, &mirror).expect_file("a", &other).run();
            assert_eq!(main.asked(), ["all"]);
            assert_eq!(mirror.asked(), asked);
        }
    }
}

#[test]
fn a_mirror_with_the_same_etag_and_another_length_gives_all_of_it() {
    for length in [LENGTH - 1, 2 * LENGTH] {
        let other = content(2, length);
        let (main, mirror) = (cutting(&v1()), offering(Resource::new(&other, "\"v1\"")));
        get([&main, &mirror]).retries(5).any_stderr().expect_file("a", &other).run();
        assert_eq!(mirror.asked(), [REST, "all"]);
    }
}

#[test]
fn a_date_joins_no_bytes_of_two_mirrors() {
    // The same date on both, to the second, and other bytes.
    let other = content(2, LENGTH);
    let main = cutting(&Resource::with_fields(&body(), &[MODIFIED, DATE]));
    let mirror = offering(Resource::with_fields(&other, &[MODIFIED, DATE]));
    let output =
        get([&main, &mirror]).retries(5).arg("-v").any_stderr().expect_file("a", &other).run();
    assert_eq!(main.asked(), ["all"]);
    assert_eq!(mirror.asked(), ["all"]);
    let note = "#1 starting over: what is held came from another mirror, and without a strong ETag";
    assert!(output.stderr.lines().any(|line| line == note), "{}", output.stderr);
}

#[test]
fn a_date_still_counts_at_the_mirror_that_gave_it() {
    let main = cutting(&Resource::with_fields(&body(), &[MODIFIED, DATE]));
    let mirror = empty();
    let test = passed(get([&main, &mirror]).retries(5), CUT, &main, &mirror);
    // What is held stays while another mirror has not answered with all of the file.
    dropped(test, "404 Not Found", &mirror, &main).expect_file("a", body()).run();
    assert_eq!(main.asked(), ["all", REST_BY_DATE]);
    assert_eq!(mirror.asked(), ["all"]);
}

#[test]
fn a_date_of_another_mirror_does_not_count_for_a_file_that_only_the_server_names() {
    let (main, mirror) = (Server::start(), Server::start());
    let named = |reply: Reply| reply.header("Content-Disposition", "attachment; filename=\"a\"");
    let resource = Resource::with_fields(&body(), &[MODIFIED, DATE]);
    let first = resource.clone();
    main.answer("/?id=1", move |request| named(first.answer(request)).cut_after(HALF));
    let line = urls(&[main.url("/?id=1"), mirror.url("/?id=1")]);
    let test = main.test().arg(main.url("/?id=1")).any_stderr().status(1);
    let folder = test.keeps("a", &body()[..HALF]).run().folder;
    // Shorter than what is held, so that what would be left of that shows.
    let other = content(2, 1000);
    main.serve("/?id=1", Reply::status(404, "-"));
    let resource = Resource::with_fields(&other, &[MODIFIED, DATE]);
    mirror.answer("/?id=1", move |request| named(resource.answer(request)));
    let test = main.test().server(&mirror).in_folder(folder).arg(line).any_stderr();
    test.expect_file("a", other).run();
    assert_eq!(mirror.asked(), ["all"]);
}

#[test]
fn a_killed_run_is_gone_on_with_at_a_mirror_with_the_same_etag() {
    // Large enough for a record on the way.
    let body = content(1, 9_000_000);
    let resource = Resource::new(&body, "\"v1\"");
    for order in [[0, 1], [1, 0]] {
        let (main, mirror) = (Server::start(), offering(resource.clone()));
        let copy = resource.clone();
        main.answer("/a", move |request| copy.answer(request));
        let killed = get([&main, &mirror]).env("__HAUL_KILL_AT", "record-replaced");
        let output = killed.any_result().run();
        assert_eq!(output.status, None);
        main.maybe("/a", Reply::status(404, "-"));
        // In another order the mirror is the main URL of the second run.
        let test = get(order.map(|number| [&main, &mirror][number]));
        test.in_folder(output.folder).any_stderr().expect_file("a", &body).run();
        let asked = mirror.asked();
        assert!(asked.len() == 1 && asked[0].starts_with("bytes="), "{asked:?}");
        assert!(asked[0].ends_with("- ? \"v1\""), "{asked:?}");
    }
}

#[test]
fn a_later_run_goes_on_under_a_date_only_where_it_came_from() {
    let dated = Resource::with_fields(&body(), &[MODIFIED, DATE]);
    for (order, asked_main, asked_mirror) in
        [([0, 1], &["all", REST_BY_DATE] as &[_], &[] as &[&str]), ([1, 0], &["all"], &["all"])]
    {
        let (main, mirror) = (cutting(&dated), offering(dated.clone()));
        let first = main.get(["/a"]).any_stderr().status(1).keeps("a", &body()[..HALF]).run();
        let test = get(order.map(|number| [&main, &mirror][number]));
        test.in_folder(first.folder).expect_file("a", body()).run();
        assert_eq!(main.asked(), asked_main);
        assert_eq!(mirror.asked(), asked_mirror);
    }
}

#[test]
fn a_body_on_standard_output_goes_on_at_a_mirror_with_the_same_etag() {
    let (main, mirror) = (cutting(&v1()), offering(v1()));
    let other = offering(Resource::new(&content(2, LENGTH), "\"v2\""));
    // A mirror with another version is of no use any more, and costs nothing.
    get([&main, &other, &mirror]).args(["-o", "-"]).retries(5).any_stderr().stdout(body()).run();
    assert_eq!((main.asked(), mirror.asked()), (vec!["all".to_owned()], vec![REST.to_owned()]));
}

#[test]
fn a_body_on_standard_output_stays_with_the_mirror_that_dated_it() {
    let dated = Resource::with_fields(&body(), &[MODIFIED, DATE]);
    let (main, mirror) = (cutting(&dated), Server::start());
    get([&main, &mirror]).args(["-o", "-"]).retries(5).any_stderr().stdout(body()).run();
    assert_eq!(main.asked(), ["all", REST_BY_DATE]);
}
