//! Redirects that lead to one place first and to another later: bytes of both are joined only under a
//! strong ETag, for a date is that of one resource.

use crate::harness::halves::{HALF, LENGTH, REST, body, cutting, v1};
use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, Test, content};
use crate::mirrors::{DATE, MODIFIED, REST_BY_DATE, offering};

/// The same by its date and its length.
fn other() -> Vec<u8> {
    content(2, LENGTH)
}

fn dated(bytes: &[u8]) -> Resource {
    Resource::with_fields(bytes, &[MODIFIED, DATE])
}

/// A server that sends those who ask for `/a` to these URLs, one after the other.
fn leading_to<const N: usize>(urls: [String; N]) -> Server {
    let server = Server::start();
    for url in urls {
        server.answer("/a", move |_| Reply::redirect(302, &url));
    }
    server
}

/// Starts a test of the redirector's `/a`.
fn get(redirector: &Server, targets: [&Server; 2]) -> Test {
    let test = redirector.get(["/a"]).retries(5).any_stderr();
    targets.into_iter().fold(test, Test::server)
}

#[test]
fn a_date_joins_no_bytes_of_two_targets() {
    let (first, second) = (cutting(&dated(&body())), offering(dated(&other())));
    let server = leading_to([first.url("/a"), second.url("/a"), second.url("/a")]);
    let test = get(&server, [&first, &second]).arg("-v").expect_file("a", other());
    let output = test.run();
    assert_eq!(first.asked(), ["all"]);
    assert_eq!(second.asked(), [REST_BY_DATE, "all"]);
    let note = "#1 starting over: what is held came from another URL, and without a strong ETag";
    assert!(output.stderr.lines().any(|line| line == note), "{}", output.stderr);
}

#[test]
fn a_date_joins_no_bytes_of_two_paths() {
    let target = cutting(&dated(&body()));
    let second = dated(&other());
    target.handle(move |request| second.answer(request));
    let server = leading_to([target.url("/a"), target.url("/b"), target.url("/b")]);
    get(&server, [&target, &target]).expect_file("a", other()).run();
}

#[test]
fn a_date_still_counts_where_the_redirect_leads_again() {
    let (target, unused) = (cutting(&dated(&body())), Server::start());
    let server = leading_to([target.url("/a"), target.url("/a")]);
    get(&server, [&target, &unused]).expect_file("a", body()).run();
    assert_eq!(target.asked(), ["all", REST_BY_DATE]);
}

#[test]
fn a_strong_etag_joins_the_bytes_of_two_targets() {
    let (first, second) = (cutting(&v1()), offering(v1()));
    let server = leading_to([first.url("/a"), second.url("/a")]);
    get(&server, [&first, &second]).expect_file("a", body()).run();
    assert_eq!(second.asked(), [REST]);
}

#[test]
fn a_later_run_goes_on_under_a_date_only_where_the_redirect_led_before() {
    for is_same in [false, true] {
        let (first, second) = (cutting(&dated(&body())), offering(dated(&other())));
        let later = if is_same { first.url("/a") } else { second.url("/a") };
        let server = leading_to([first.url("/a"), later.clone()]);
        if !is_same {
            server.answer("/a", move |_| Reply::redirect(302, &later));
        }
        let cut = get(&server, [&first, &second]).retries(0).status(1);
        let cut = cut.keeps("a", &body()[..HALF]).run();
        let whole = if is_same { body() } else { other() };
        get(&server, [&first, &second]).in_folder(cut.folder).expect_file("a", whole).run();
        let asked: &[&str] = if is_same { &["all", REST_BY_DATE] } else { &["all"] };
        assert_eq!(first.asked(), asked);
    }
}

#[test]
fn a_stream_is_not_gone_on_with_from_another_target_under_a_date() {
    let (first, second) = (cutting(&dated(&body())), offering(dated(&other())));
    let server = leading_to([first.url("/a"), second.url("/a"), second.url("/a")]);
    let test = get(&server, [&first, &second]).args(["-o", "-"]).status(1);
    test.stdout(&body()[..HALF]).run();
}
