//! Files that a run writes and files that it reads: the ones never take the place of the others.

use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::{Server, Test};

/// Runs haul with a file `x` that two options name; it must refuse, and leave the file.
#[track_caller]
fn refused(args: &[&str], options: [&str; 2]) {
    let test = Test::new().existing("x", "precious").existing_folder("d");
    symlink("x", test.path().join("link")).unwrap();
    let list = test.path().join("link");
    let output = test.args(args).any_result().run();
    assert_eq!(output.status, Some(2), "{args:?}: {}", output.stderr);
    let [own, input] = options.map(|option| format!("`{option}`"));
    assert!(
        output.stderr.contains(&format!("{own} would replace the file of {input}")),
        "{}",
        output.stderr
    );
    assert_eq!(fs::read_to_string(list).unwrap(), "precious");
}

#[test]
fn no_file_that_is_read_is_replaced() {
    for own in ["--save-cookies", "--failed", "--lock"] {
        let case = |args: &[&str], input: &str| {
            refused(&[&[own, "x", "http://h/a"], args].concat(), [own, input]);
        };
        case(&["--checksums", "x"], "--checksums");
        case(&["--ca-cert", "y", "--ca-cert", "./x"], "--ca-cert");
        case(&["--cert", "link"], "--cert");
        case(&["--cert", "c", "--key", "d/../x"], "--key");
        case(&["--netrc-file", "x"], "--netrc-file");
        case(&["--bearer", "@x"], "--bearer");
        case(&["-H", "@link"], "--header");
    }
    for own in ["--failed", "--lock"] {
        refused(&[own, "x", "--cookies", "link", "http://h/a"], [own, "--cookies"]);
    }
    refused(&["--save-cookies", "link", "-i", "x"], ["--save-cookies", "--input"]);
    refused(&["--failed", "x", "--verify", "-i", "x"], ["--failed", "--input"]);
}

#[test]
fn a_netrc_file_that_the_environment_names_is_not_replaced_either() {
    let test = Test::new().existing("x", "").env("NETRC", "x");
    let test = test.args(["--netrc", "--failed", "x", "http://h/a"]).stdout("").any_stderr();
    let told = test.status(2).run().stderr;
    assert!(told.contains("`--failed` would replace the file of `--netrc`"), "{told}");
}

#[test]
fn a_file_on_its_way_takes_no_place_either() {
    let test = Test::new().existing("x.haul", "").args(["--failed", "x", "--key", "x.haul"]);
    let test = test.args(["--cert", "c", "http://h/a"]).stdout("").any_stderr().status(2);
    let told = test.run().stderr;
    assert!(told.contains("`--failed` would replace the file of `--key`"), "{told}");
}

#[test]
fn a_lock_is_no_list_under_another_name_either() {
    let test = Test::new().existing("x", "").args(["--lock", "./x", "-i", "x"]);
    let told = test.stdout("").any_stderr().status(2).run().stderr;
    assert!(told.contains("`--lock ./x` is the list too"), "{told}");
}

#[test]
fn what_is_left_may_take_the_place_of_what_was_given() {
    let server = Server::start();
    let failed = ["-i", "x", "--failed", "./x"];
    let cookies = ["--cookies", "jar", "--save-cookies", "jar"];
    let jar = "# Netscape HTTP Cookie File\n";
    let test = server.test().args(failed).args(cookies).existing("x", "").existing("jar", jar);
    let test = test.any_result().run();
    assert_eq!(test.status, Some(0), "{}", test.stderr);
}
