//! What to type where clap takes the value of an option for another option.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use clap::{Command, CommandFactory, Error, Parser};

use crate::cli::args::Args;

impl Args {
    /// Reads the command line.
    ///
    /// # Errors
    /// Help and the version, if they are asked for, and what is wrong with the arguments.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let args: Vec<OsString> = args.into_iter().collect();
        Self::try_parse_from(&args).map_err(|error| with_tip(error, &args))
    }
}

/// Says how an option gets a value that begins with a dash. clap says how an argument does, which would be
/// a URL.
fn with_tip(mut error: Error, args: &[OsString]) -> Error {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let command = Args::command();
    let pairs = args.windows(2).filter_map(|pair| Some((pair[0].to_str()?, pair[1].to_str()?)));
    let mut before = pairs.filter(|(_, value)| value.starts_with(unknown.as_str()));
    let Some(option) = before.find_map(|(option, _)| taking_a_value(&command, option)) else {
        return error;
    };
    let tip = format!("a value that begins with a dash is given as `{option}`");
    let tip = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
    error.insert(ContextKind::Suggested, tip);
    error
}

/// Returns how an option is written with its value behind it, if it takes one.
fn taking_a_value(command: &Command, option: &str) -> Option<String> {
    let mut all = command.get_arguments().filter(|argument| argument.get_action().takes_values());
    let argument = all.find(|argument| match option.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long) && !argument.is_require_equals_set(),
        None => argument.get_short().is_some_and(|short| option == format!("-{short}")),
    })?;
    let name = argument.get_value_names()?.first()?;
    Some(format!("--{}={name}", argument.get_long()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_looks_like_an_option_is_told_as_one() {
        #[track_caller]
        fn case(args: &[&str], tip: Option<&str>) {
            let args = ["haul"].iter().chain(args).map(OsString::from);
            let told = Args::read(args).unwrap_err().to_string();
            match tip {
                Some(tip) => {
                    assert!(told.contains(&format!("is given as `{tip}`")), "{told}");
                    assert!(!told.contains("s3cret") && !told.contains("-- -"), "{told}");
                }
                None => assert!(!told.contains("is given as"), "{told}"),
            }
        }
        case(&["--name", "-{name}"], Some("--name=TEMPLATE"));
        case(&["u", "-d", "-x"], Some("--dir=DIR"));
        case(&["-H", "-s3cret"], Some("--header=HEADER"));
        case(&["-q", "-x"], None);
        case(&["--json", "-x"], None);
        case(&["-x"], None);
        case(&["u", "-x"], None);
        case(&["-j", "0"], None);
    }
}
