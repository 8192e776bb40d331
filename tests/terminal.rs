//! What a user sees: haul in a real terminal, with a server that stops where the tests want to look.

use crate::harness::resource::Resource;
use crate::harness::screen::Screen;
use crate::harness::{Gate, Offer, Reply, Server, Test, content};

/// A server with one file that comes at once, and two that stop half way: `first.iso` with a length,
/// `second.iso` without.
fn half_way(gate: &Gate) -> Server {
    let server = Server::start();
    let body = content(1, 1 << 20);
    server.serve("/small.txt", Reply::ok("hello"));
    server.serve("/first.iso", Reply::ok(&body).hold_after(1 << 19, gate));
    let unsized_body = Reply::ok(&body).until_close();
    server.serve("/second.iso", unsized_body.hold_after(1 << 19, gate));
    server
}

fn arguments(server: &Server) -> String {
    ["/small.txt", "/first.iso", "/second.iso"].map(|target| server.url(target)).join(" ")
}

fn find(lines: &[String], parts: &[&str]) -> Option<usize> {
    lines.iter().position(|line| parts.iter().all(|part| line.contains(part)))
}

fn shows(lines: &[String], parts: &[&str]) -> bool {
    find(lines, parts).is_some()
}

/// Returns how many lines hold this text.
fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn running_transfers_have_bars_below_the_lines_of_what_is_done() {
    let gate = Gate::default();
    let server = half_way(&gate);
    let Some(screen) = Screen::start(Test::new(), 100, 24, &arguments(&server)) else {
        server.forget();
        return;
    };
    let lines = screen.wait_for("two bars and the total", |lines| {
        shows(lines, &["first.iso", "512 KiB/1.0 MiB"])
            && shows(lines, &["second.iso", "512 KiB"])
            && shows(lines, &["1/3 files, 1.0 MiB"])
            && shows(lines, &["saved small.txt (5 B in "])
    });
    let place = |parts: &[&str]| find(&lines, parts).unwrap();
    assert_eq!(place(&["saved small.txt"]), 0, "{lines:#?}");
    assert_eq!(place(&["first.iso", "[=", "]"]), 1, "{lines:#?}");
    assert_eq!(place(&["second.iso"]), 2, "{lines:#?}");
    assert_eq!(place(&["1/3 files"]), 3, "{lines:#?}");
    assert_eq!(lines.len(), 4, "{lines:#?}");

    gate.open();
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
    // No paths: standard output is the terminal. No bars: they are over.
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(lines[0].starts_with("saved small.txt (5 B in "), "{lines:#?}");
    assert!(shows(&lines[1..3], &["saved first.iso (1.0 MiB in "]), "{lines:#?}");
    assert!(shows(&lines[1..3], &["saved second.iso (1.0 MiB in "]), "{lines:#?}");
    assert!(lines[3].starts_with("3 files, 2.0 MiB in "), "{lines:#?}");
    assert_eq!(lines[4], "status 0");
}

#[test]
fn a_narrow_window_gets_lines_that_fit() {
    let gate = Gate::default();
    let server = Server::start();
    let name = "a-name-that-is-much-too-long-for-the-window.iso";
    let targets = [format!("/1-{name}"), format!("/2-{name}")];
    for target in &targets {
        server.serve(target, Reply::ok(content(1, 1 << 20)).hold_after(1 << 18, &gate));
    }
    let arguments = targets.each_ref().map(|target| server.url(target)).join(" ");
    let Some(screen) = Screen::start(Test::new(), 30, 24, &arguments) else {
        server.forget();
        return;
    };
    let lines = screen.wait_for("two bars and the total", |lines| {
        shows(lines, &["1-a", "25%"]) && shows(lines, &["2-a", "25%"]) && shows(lines, &["0/2"])
    });
    // A line that wrapped would be two.
    assert_eq!(lines.len(), 3, "{lines:#?}");
    gate.open();
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
    assert_eq!(count(&lines, "0/2"), 0, "{lines:#?}");
    assert_eq!(count(&lines, "25%"), 0, "{lines:#?}");
}

/// Returns whether the last three lines are the two bars and the total.
fn is_live(lines: &[String], bar: &[&str]) -> bool {
    let live = lines.split_at(lines.len().saturating_sub(3)).1;
    find(live, bar) == Some(0) && find(live, &["second.iso"]) == Some(1) && count(live, "1/3") == 1
}

#[test]
fn a_window_that_becomes_wider_is_filled() {
    let gate = Gate::default();
    let server = half_way(&gate);
    let Some(screen) = Screen::start(Test::new(), 50, 24, &arguments(&server)) else {
        server.forget();
        return;
    };
    screen.wait_for("percents", |lines| is_live(lines, &["first.iso", "50%"]));
    screen.resize(100, 24);
    let wide = ["first.iso", "512 KiB/1.0 MiB"];
    let lines = screen.wait_for("sizes", |lines| is_live(lines, &wide));
    assert_eq!(lines.len(), 4, "{lines:#?}");
    gate.open();
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
    assert_eq!(lines.len(), 5, "{lines:#?}");
}

#[test]
fn a_window_that_becomes_narrower_gets_lines_that_fit() {
    // The terminal folds the lines that are there already, so a piece of an old bar may stay above.
    let gate = Gate::default();
    let server = half_way(&gate);
    let Some(screen) = Screen::start(Test::new(), 100, 24, &arguments(&server)) else {
        server.forget();
        return;
    };
    let wide = ["first.iso", "512 KiB/1.0 MiB"];
    screen.wait_for("sizes", |lines| is_live(lines, &wide));
    screen.resize(50, 24);
    screen.wait_for("percents", |lines| is_live(lines, &["first.iso", "50%"]));
    gate.open();
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
    assert_eq!(count(&lines, "1/3"), 0, "{lines:#?}");
    assert_eq!(count(&lines, "50%"), 0, "{lines:#?}");
    assert_eq!(count(&lines, "saved "), 2, "{lines:#?}");
    assert_eq!(count(&lines, "3 files, 2.0 MiB in "), 1, "{lines:#?}");
}

#[test]
fn a_low_window_tells_how_many_transfers_it_does_not_show() {
    let gate = Gate::default();
    let server = Server::start();
    let targets: Vec<String> = (0..12).map(|number| format!("/file{number}")).collect();
    for target in &targets {
        server.serve(target, Reply::ok(content(1, 1000)).hold_after(10, &gate));
    }
    let urls: Vec<String> = targets.iter().map(|target| server.url(target)).collect();
    let arguments = format!("-j 12 {}", urls.join(" "));
    let Some(screen) = Screen::start(Test::new(), 80, 8, &arguments) else {
        server.forget();
        return;
    };
    let lines = screen.wait_for("as many bars as there is room for", |lines| {
        shows(lines, &["file5"]) && shows(lines, &["… and 6 more"])
    });
    assert_eq!(lines.len(), 8, "{lines:#?}");
    gate.open();
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
    assert_eq!(count(&lines, "more"), 0, "{lines:#?}");
    // Five of twelve, the totals, the status and the line of the cursor.
    assert_eq!(count(&lines, "saved file"), 5, "{lines:#?}");
}

#[test]
fn an_error_is_told_above_the_bars_and_again_at_the_end() {
    let gate = Gate::default();
    let server = Server::start();
    server.serve("/long.iso", Reply::ok(content(1, 1000)).hold_after(10, &gate));
    server.serve("/missing", Reply::status(404, "Not Found"));
    let arguments = format!("{} {}", server.url("/long.iso"), server.url("/missing"));
    let Some(screen) = Screen::start(Test::new(), 100, 24, &arguments) else {
        server.forget();
        return;
    };
    let error = format!("error: {}: 404 Not Found", server.url("/missing"));
    let lines = screen.wait_for("the error and a bar", |lines| {
        shows(lines, &["long.iso"]) && shows(lines, &["1/2 files", "1 failed"])
    });
    assert_eq!(lines[..2], [error.as_str(), "  hint: check the URL"], "{lines:#?}");
    gate.open();
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 1"]));
    let at = find(&lines, &["failed:"]).unwrap();
    assert_eq!(lines[at + 1], format!("  {}: 404 Not Found", server.url("/missing")));
    assert!(lines[at + 2].starts_with("1 file, "), "{lines:#?}");
}

#[test]
fn an_interrupt_from_the_keyboard_takes_the_bars_away() {
    let gate = Gate::default();
    let server = half_way(&gate);
    let Some(screen) = Screen::start(Test::new(), 100, 24, &arguments(&server)) else {
        server.forget();
        return;
    };
    screen.wait_for("bars", |lines| shows(lines, &["first.iso", "512 KiB"]));
    screen.press("C-c");
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 130"]));
    assert!(shows(&lines, &["1 file, ", ", 2 cancelled, interrupted"]), "{lines:#?}");
    assert_eq!(count(&lines, "first.iso"), 0, "{lines:#?}");
    assert_eq!(count(&lines, "files,"), 0, "{lines:#?}");
}

#[test]
fn a_helped_transfer_shows_its_connections() {
    let (server, gate) = (Server::start(), Gate::default());
    let held = gate.clone();
    let resource = Resource::new(&content(1, 1 << 20), "\"v1\"");
    Offer::new(&resource)
        .spoiled(move |_, _, reply| reply.hold_after(1 << 15, &held))
        .on(&server, "/big.iso");
    let arguments = format!("-j 4 --min-split 64K {}", server.url("/big.iso"));
    let Some(screen) = Screen::start(Test::new(), 100, 24, &arguments) else { return };
    gate.wait_reached(4);
    screen.wait_for("four connections", |lines| shows(lines, &["big.iso", "x4", "/1.0 MiB"]));
    gate.open();
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
    assert_eq!(count(&lines, "x4"), 0, "{lines:#?}");
    assert!(shows(&lines, &["saved big.iso (1.0 MiB in "]), "{lines:#?}");
}

#[test]
fn a_quick_run_shows_no_bars() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello"));
    let Some(screen) = Screen::start(Test::new(), 80, 24, &server.url("/a")) else {
        server.forget();
        return;
    };
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].starts_with("saved a (5 B in "), "{lines:#?}");
    assert!(lines[1].starts_with("1 file, 5 B in "), "{lines:#?}");
}

#[test]
fn bodies_on_a_terminal_are_not_disturbed_by_bars() {
    let gate = Gate::default();
    let server = Server::start();
    server.serve("/a", Reply::ok("one\ntwo\n").hold_after(4, &gate));
    let arguments = format!("-o - {}", server.url("/a"));
    let Some(screen) = Screen::start(Test::new(), 80, 24, &arguments) else {
        server.forget();
        return;
    };
    screen.wait_for("the first line", |lines| lines == ["one"]);
    gate.open();
    let lines = screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
    assert_eq!(lines[..2], ["one", "two"], "{lines:#?}");
    assert_eq!(lines.len(), 5, "{lines:#?}");
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let gate = Gate::default();
    let server = half_way(&gate);
    let arguments = arguments(&server);
    let Some(screen) = Screen::start_with(Test::new(), 100, 24, "TERM=dumb", &arguments) else {
        server.forget();
        return;
    };
    gate.wait_reached(2);
    // Longer than bars would take to appear.
    std::thread::sleep(std::time::Duration::from_millis(800));
    let lines = screen.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].starts_with("saved small.txt"), "{lines:#?}");
    gate.open();
    screen.wait_for("the end", |lines| shows(lines, &["status 0"]));
}
