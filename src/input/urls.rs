//! The URLs of one file, as a line or an argument has them: one, or several with tabs between them.
//!
//! The first is the main one, the others are its mirrors. This is how aria2's lists have them; no URL
//! has a tab in it.

use crate::model::error::Cause;
use crate::model::job::Target;

/// How many URLs one file may have: what a line takes in memory must not outgrow its text by far.
pub(super) const MAX_URLS: usize = 256;

/// The main URL of a file and its mirrors.
type Urls = (Target, Vec<Target>);

/// Reads the URLs of one file, each with `parse`.
///
/// # Errors
/// What is wrong with the first that is none, and its text.
pub(super) fn read(
    text: &str,
    parse: impl FnMut(&str) -> Result<Target, Cause>,
) -> Result<Urls, (Cause, &str)> {
    collect(text.split('\t').map(str::trim).filter(|field| !field.is_empty()), parse)
}

/// Reads the URLs of one file from texts of which each is one.
///
/// # Errors
/// As [`read`].
pub(super) fn collect<'a>(
    mut texts: impl Iterator<Item = &'a str>,
    mut parse: impl FnMut(&str) -> Result<Target, Cause>,
) -> Result<Urls, (Cause, &'a str)> {
    let first = texts.next().unwrap_or_default();
    let main = parse(first).map_err(|cause| (cause, first))?;
    let mut mirrors = Vec::new();
    for text in texts {
        let mirror = parse(text).map_err(|cause| (cause, text))?;
        if mirror == main || mirrors.contains(&mirror) {
            continue;
        }
        mirrors.push(mirror);
        if mirrors.len() == MAX_URLS {
            let reason = format!("more than {MAX_URLS} for one file");
            return Err((Cause::BadUrl { reason, hint: None }, first));
        }
    }
    Ok((main, mirrors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::target;

    fn read(text: &str) -> Result<Vec<String>, (String, String)> {
        match super::read(text, target::parse) {
            Ok((main, mirrors)) => {
                Ok([main].into_iter().chain(mirrors).map(|target| target.url.into()).collect())
            }
            Err((cause, text)) => Err((cause.to_string(), text.to_owned())),
        }
    }

    #[test]
    fn tabs_are_between_the_urls_of_a_file() {
        #[track_caller]
        fn case(text: &str, urls: &[&str]) {
            assert_eq!(read(text).unwrap(), urls, "{text:?}");
        }
        let (a, b, c) = ("http://a/x", "http://b/y", "https://c.example/");
        case(a, &[a]);
        case("http://a/x\thttp://b/y\tc.example", &[a, b, c]);
        case(" http://a/x \t  http://b/y ", &[a, b]);
        case("\t\thttp://a/x\t\t \thttp://b/y\t", &[a, b]);
        case("http://a/x\thttp://a/x#top\thttp://b/y\thttp://A/x\thttp://b/y", &[a, b]);
        // Another login may be let in where the first is not.
        case("http://a/x\thttp://u:p@a/x", &[a, a]);
    }

    #[test]
    fn a_job_without_mirrors_allocates_none() {
        let (_, mirrors) = super::read("http://a/x\t\thttp://a/x", target::parse).unwrap();
        assert_eq!(mirrors.capacity(), 0);
    }

    #[test]
    fn credentials_stay_with_their_url() {
        let (main, mirrors) = super::read("http://u:p@a/x\thttp://a/y", target::parse).unwrap();
        assert!(main.credentials.is_some());
        assert_eq!(mirrors[0].credentials, None);
    }

    #[test]
    fn the_url_that_is_none_is_named() {
        #[track_caller]
        fn case(text: &str, bad: &str, why: &str) {
            let (cause, text) = read(text).unwrap_err();
            assert!(cause.contains(why), "{cause}");
            assert_eq!(text, bad);
        }
        case("", "", "`` is empty");
        case(" \t ", "", "`` is empty");
        case("word\thttp://a/x", "word", "not a URL: `word`");
        case("http://a/x\tword\tother", "word", "not a URL: `word`");
        case("http://a/x\thttp://b /y", "http://b /y", "has ` ` in it");
        case("http://a/x\tftp://b/y", "ftp://b/y", "scheme `ftp` is not supported");
    }

    #[test]
    fn a_file_has_no_more_urls_than_are_of_use() {
        let line = |count: usize| {
            let urls: Vec<String> = (0..count).map(|number| format!("http://a/{number}")).collect();
            urls.join("\t")
        };
        assert_eq!(read(&line(MAX_URLS)).unwrap().len(), MAX_URLS);
        let (cause, text) = read(&line(MAX_URLS + 1)).unwrap_err();
        assert_eq!(cause, "not a URL: more than 256 for one file");
        assert_eq!(text, "http://a/0");
    }
}
