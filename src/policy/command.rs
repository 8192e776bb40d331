//! The command that is run for each file (`--exec`): its words, and what stands in them for the file.
//!
//! Words are divided as a shell does it and go to the program as they are; no shell sees them, so that
//! nothing in a path or a URL can be taken for syntax.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::str::FromStr;

/// What stands for the path of the file.
const PATH: &str = "{}";

/// What stands for the URL of the file.
const URL: &str = "{url}";

/// A command, divided into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    program: String,
    arguments: Vec<String>,
}

impl FromStr for Command {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = shlex::split(text)
            .ok_or_else(|| "a quote or a backslash at the end has nothing behind it".to_owned())?;
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        let program = program.ok_or_else(|| "it has no command".to_owned())?;
        if program.contains(PATH) || program.contains(URL) {
            return Err(format!("the command itself cannot be `{program}`"));
        }
        Ok(Self { program, arguments: words.collect() })
    }
}

impl Command {
    /// Returns the program, as it was given.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Returns the arguments for a file. Its path is the last one where no word has a place for it.
    pub fn arguments(&self, path: &Path, url: &str) -> Vec<OsString> {
        let path = operand(path);
        let mut arguments: Vec<OsString> =
            self.arguments.iter().map(|word| fill(word, &path, url)).collect();
        if !self.arguments.iter().any(|word| word.contains(PATH)) {
            arguments.push(path);
        }
        arguments
    }
}

impl Command {
    /// Returns the arguments where `{}` stands for a text, which is the last one where no word has a place for
    /// it.
    pub fn arguments_of(&self, text: &str) -> Vec<OsString> {
        let text = OsString::from(text);
        let mut arguments: Vec<OsString> =
            self.arguments.iter().map(|word| fill(word, &text, URL)).collect();
        if !self.arguments.iter().any(|word| word.contains(PATH)) {
            arguments.push(text);
        }
        arguments
    }
}

/// Returns a path in a form that no program takes for an option.
pub fn operand(path: &Path) -> OsString {
    let is_option = path.as_os_str().as_bytes().starts_with(b"-");
    if is_option { Path::new(".").join(path).into() } else { path.into() }
}

/// Puts a path and a URL into a word, in one go: what they hold is not looked at.
fn fill(word: &str, path: &OsString, url: &str) -> OsString {
    let mut filled = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        filled.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(PATH) {
            filled.extend_from_slice(path.as_bytes());
            rest = after;
        } else if let Some(after) = rest.strip_prefix(URL) {
            filled.extend_from_slice(url.as_bytes());
            rest = after;
        } else {
            filled.push(b'{');
            rest = &rest[1..];
        }
    }
    filled.extend_from_slice(rest.as_bytes());
    OsString::from_vec(filled)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::prelude::*;

    use super::*;

    fn arguments(command: &str, path: &str) -> Vec<String> {
        let command: Command = command.parse().unwrap();
        let arguments = command.arguments(Path::new(path), "http://h/?a={}");
        arguments.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn words_are_divided_as_a_shell_does_it_and_filled() {
        #[track_caller]
        fn case(command: &str, path: &str, expected: &[&str]) {
            assert_eq!(arguments(command, path), expected, "{command}");
        }
        case("cmd", "d/x", &["d/x"]);
        case("cmd -a", "d/x", &["-a", "d/x"]);
        case("cmd {} -o {}.out", "x", &["x", "-o", "x.out"]);
        case("cmd --in={}={}", "x", &["--in=x=x"]);
        case("cmd {url}", "x", &["http://h/?a={}", "x"]);
        case("cmd {url} {}", "{url}", &["http://h/?a={}", "{url}"]);
        case("cmd {{}} {u} { }", "x", &["{x}", "{u}", "{", "}"]);
        case("cmd 'a b' \"c $d\" e\\ f '' g'h'i", "x", &["a b", "c $d", "e f", "", "ghi", "x"]);
        case("cmd $(x) `y` ; | & > z *", "x", &["$(x)", "`y`", ";", "|", "&", ">", "z", "*", "x"]);
        case("cmd", "-rf", &["./-rf"]);
        case("cmd --in={}", "-d/x", &["--in=./-d/x"]);
        case("sh -c 'wc -l <\"$1\"' sh", "a b", &["-c", "wc -l <\"$1\"", "sh", "a b"]);
    }

    #[test]
    fn a_command_must_be_one() {
        let error = |text: &str| text.parse::<Command>().unwrap_err();
        assert_eq!(error(""), "it has no command");
        assert_eq!(error("  "), "it has no command");
        assert_eq!(error("'' x"), "it has no command");
        assert!(error("cmd 'x").contains("quote"));
        assert!(error("cmd x\\").contains("backslash"));
        assert!(error("{} x").contains("`{}`"));
        assert!(error("./{url}").contains("`./{url}`"));
        assert_eq!("a b".parse::<Command>().unwrap().program(), "a");
    }

    proptest! {
        #[test]
        fn any_path_is_one_argument(path in prop::collection::vec(1_u8.., 1..20)) {
            let path = Path::new(OsStr::from_bytes(&path));
            let command: Command = "cmd a {} b".parse().unwrap();
            let arguments = command.arguments(path, "");
            prop_assert_eq!(arguments.len(), 3);
            prop_assert_eq!(&arguments[1], &operand(path));
            prop_assert!(!arguments[1].as_bytes().starts_with(b"-"));
        }
    }
}
