//! What is written about haul says what haul says of itself: README, `--help` and manual page.

use std::fs;
use std::path::Path;

use crate::harness::Test;

const START: &str = "<!-- help -->\n```text\n";
const END: &str = "```\n<!-- /help -->";

/// Runs haul with these arguments and returns what it prints.
#[track_caller]
fn printed(args: &[&str]) -> String {
    let output = Test::new().args(args).any_stdout().stderr([""; 0]).run();
    String::from_utf8(output.stdout).unwrap()
}

fn readme() -> String {
    fs::read_to_string(readme_path()).unwrap()
}

fn readme_path() -> impl AsRef<Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// The long options that the help has, in its order.
fn options(help: &str) -> Vec<&str> {
    help.lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let option = line.split("--").nth(1).filter(|_| line.starts_with('-'))?;
            option.split([' ', '=', '[']).next()
        })
        .collect()
}

/// `BLESS=1 cargo test documents` writes the block anew.
#[test]
fn the_readme_has_the_help_as_it_is() {
    let (help, readme) = (printed(&["--help"]), readme());
    let start = readme.find(START).unwrap() + START.len();
    let end = start + readme[start..].find(END).unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(readme_path(), format!("{}{help}{}", &readme[..start], &readme[end..])).unwrap();
    } else {
        assert_eq!(&readme[start..end], help, "`BLESS=1 cargo test documents` writes it anew");
    }
}

#[test]
fn the_manual_page_has_every_option_and_exit_code_of_the_help() {
    let (help, page) = (printed(&["--help"]), printed(&["--generate", "man"]));
    // roff writes a dash as `\-`.
    let page = page.replace('\\', "");
    assert!(options(&help).len() > 10, "{help}");
    for option in options(&help) {
        assert!(page.contains(&format!("--{option}")), "--{option} is missing in {page}");
    }
    for code in ["0 ", "1 ", "2 ", "129, 130, 143"] {
        assert!(page.contains(code), "exit code {code} is missing in {page}");
    }
}

#[test]
fn the_readme_explains_every_exit_code() {
    let readme = readme();
    let table = &readme[readme.find("## Exit codes").unwrap()..];
    for code in ["| 0 |", "| 1 |", "| 2 |", "| 129, 130, 143 |"] {
        assert!(table.contains(code), "{code}");
    }
}
