//! Lists as aria2 has them: a line with the URLs of a file, and below it indented lines with options.
//!
//! An entry is complete when the next line that is not indented begins, or the list ends; blank lines and
//! comments do not end it. Of the options `out`, `dir`, `checksum`,
//! `header`, `referer` and `user-agent` are known. Any other is told once
//! and passed over: a list that also sets the number of connections is of use without that.
//!
//! A plain list is a list without options, so that a file need not be known to be one or the other
//! before it is read.

use std::collections::HashSet;

use crate::input::entry::{Batch, Entry, bad_line, checksum};
use crate::input::lines::Line;
use crate::input::plain;
use crate::model::error::Cause;
use crate::model::field::Field;
use crate::model::job::Origin;
use crate::model::redact::shorten;
use crate::policy::fields;
use crate::policy::placement::{Base, Placement};
use crate::policy::target::Series;

/// How many options are told of: a list must not be able to fill memory with names.
const MAX_TOLD: usize = 64;

/// What an indented line is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Indented {
    /// Always an option.
    Option,
    /// An option if it looks like one, else the URLs of a file, which may have blanks before them in a
    /// plain list.
    OptionOrUrls,
}

/// Reads a list of aria2.
pub(super) struct Aria2 {
    indented: Indented,
    /// The entry whose options are read.
    pending: Option<Pending>,
    /// Options that were told of.
    told: HashSet<String>,
    urls: Series,
}

/// An entry, and the options that are put together at its end.
struct Pending {
    entry: Entry,
    out: Option<Placement>,
    dir: Option<Vec<u8>>,
}

/// Splits an indented line into an option's name and its value.
fn split(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let is_key = key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    is_key.then_some((key, value.trim()))
}

/// Returns whether a line looks like an option.
pub(super) fn is_option(line: Line<'_>) -> bool {
    line.is_indented() && line.text().is_ok_and(|line| split(line).is_some())
}

impl Aria2 {
    pub(super) fn new(indented: Indented) -> Self {
        Self { indented, pending: None, told: HashSet::new(), urls: Series::default() }
    }

    /// Returns whether more may be said of the last entry.
    pub(super) fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes a line that says something; `folder` is that of all files.
    pub(super) fn take(
        &mut self,
        origin: Origin,
        line: Line<'_>,
        folder: &Base,
        found: &mut Batch,
    ) {
        let is_sure = self.indented == Indented::Option;
        if !line.is_indented() || !(is_sure || is_option(line)) {
            self.complete(found);
            let entry = plain::read(origin, line, &mut self.urls);
            self.pending = Some(Pending { entry, out: None, dir: None });
            return;
        }
        let Some(pending) = &mut self.pending else {
            let cause = bad_line("an option without a URL before it");
            return found.entries.push(Entry::bad(origin, cause, ""));
        };
        // What is wrong first is told.
        if pending.entry.wanted.is_err() {
            return;
        }
        match pending.set(line, folder) {
            Ok(None) => {}
            Ok(Some(key)) => self.tell(&origin, key, found),
            Err(cause) => {
                pending.entry.origin = origin;
                pending.entry.wanted = Err(cause);
            }
        }
    }

    /// Gives the last entry: nothing more is said of it.
    pub(super) fn complete(&mut self, found: &mut Batch) {
        let Some(Pending { mut entry, out, dir }) = self.pending.take() else { return };
        if (out.is_some() || dir.is_some())
            && let Ok(wanted) = &mut entry.wanted
        {
            let place = out.unwrap_or_default();
            match place.inside(&dir.unwrap_or_default()) {
                Ok(place) => wanted.place = place,
                Err(reason) => entry.wanted = Err(bad_line(&reason)),
            }
        }
        found.entries.push(entry);
    }

    /// Gives the last entry as failed, because the list broke off before all was said of it.
    pub(super) fn break_off(&mut self, found: &mut Batch) {
        if let Some(pending) = &mut self.pending {
            let cause = bad_line("the list broke off, and maybe more was to be said of this file");
            pending.entry.wanted = Err(cause);
        }
        self.complete(found);
    }

    fn tell(&mut self, origin: &Origin, key: &str, found: &mut Batch) {
        if self.told.len() >= MAX_TOLD || self.told.contains(key) {
            return;
        }
        self.told.insert(key.to_owned());
        let text = format!("{origin}: option `{}` is not used", shorten(key));
        let last = if self.told.len() == MAX_TOLD { ", nor are others that follow" } else { "" };
        found.warnings.push(text + last);
    }
}

impl Pending {
    /// Adds a header field.
    fn add(&mut self, field: Result<Field, String>) -> Result<(), Cause> {
        let Ok(wanted) = &mut self.entry.wanted else { return Ok(()) };
        field
            .and_then(|field| fields::add(wanted.fields.get_or_insert_default(), field))
            .map_err(|why| bad_line(&why))
    }

    /// Takes an option; returns its name if it means nothing here.
    fn set<'a>(&mut self, line: Line<'a>, folder: &Base) -> Result<Option<&'a str>, Cause> {
        let line = line.text().map_err(|reason| bad_line(&reason))?;
        let Some((key, value)) = split(line) else {
            return Err(bad_line(&format!("`{}` is not an option and its value", shorten(line))));
        };
        match key {
            "checksum" => {
                let sum = checksum(value)?;
                if let Ok(wanted) = &mut self.entry.wanted {
                    wanted.checksum = Some(sum);
                }
            }
            "header" => self.add(fields::parse(value.as_bytes()))?,
            "referer" if value != "*" => self.add(field("Referer", value))?,
            "user-agent" => self.add(field("User-Agent", value))?,
            "dir" => self.dir = Some(dir(value, folder)?),
            "out" if value.is_empty() => self.out = None,
            "out" => {
                let place =
                    Placement::file(value.as_bytes()).map_err(|reason| bad_line(&reason))?;
                self.out = Some(place);
            }
            _ => return Ok(Some(key)),
        }
        Ok(None)
    }
}

/// Makes the field of an option that has its value; an empty value leaves the field out.
fn field(name: &str, value: &str) -> Result<Field, String> {
    fields::new(name.as_bytes(), Some(value.as_bytes()).filter(|value| !value.is_empty()))
}

/// Reads a folder. aria2 saves absolute ones, which are taken where they lead below that of all files.
fn dir(value: &str, folder: &Base) -> Result<Vec<u8>, Cause> {
    let is_absolute = value.starts_with('/');
    let value = if is_absolute { folder.below(value) } else { value };
    if value.starts_with('/') {
        return Err(Cause::BadLine {
            reason: format!("`dir={}` does not lead below the folder of `--dir`", shorten(value)),
            hint: Some("give that folder, or one above it, with `--dir`"),
        });
    }
    Placement::default().inside(value.as_bytes()).map_err(|reason| bad_line(&reason))?;
    Ok(value.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    /// Returns what became of the entries, each with its line, and the warnings.
    fn read(list: &[u8], indented: Indented) -> (Vec<String>, Vec<String>) {
        let mut reader = Aria2::new(indented);
        let mut found = Batch::default();
        for (number, line) in (1..).zip(list.split(|&byte| byte == b'\n')) {
            let line = Line::from(line);
            if line.says_something() {
                let origin = Origin::Line { list: Arc::from("l"), number };
                reader.take(
                    origin,
                    line,
                    &Base { given: "/data".into(), absolute: "/data".into() },
                    &mut found,
                );
            }
        }
        reader.complete(&mut found);
        let told = |entry: Entry| match entry.wanted {
            Ok(wanted) => {
                let urls = [wanted.target].into_iter().chain(wanted.mirrors);
                let urls = urls.map(|target| target.url.to_string());
                let sum = wanted.checksum.map(|sum| sum.to_string());
                let path = wanted.place.folder.join(wanted.place.name.unwrap_or_default());
                let path = Some(path.display().to_string()).filter(|path| !path.is_empty());
                let fields = wanted.fields.map(|fields| format!("{fields:?}"));
                let told: Vec<_> = urls.chain(sum).chain(path).chain(fields).collect();
                format!("{} {}", entry.origin, told.join(" "))
            }
            Err(cause) => format!("{} {cause}", entry.origin),
        };
        (found.entries.into_iter().map(told).collect(), found.warnings)
    }

    fn entries(list: &str) -> Vec<String> {
        let (found, warnings) = read(list.as_bytes(), Indented::Option);
        assert_eq!(warnings, [""; 0]);
        found
    }

    #[test]
    fn options_are_of_the_url_above_them() {
        let list = format!(
            "http://a/x\thttp://b/x\n  out=d/y\n\n# note\n\tchecksum = md5={MD5}\nhttp://c/\n dir=e/f/\n\
             http://d/z\n dir=g\n out=h/i\n out=j\nhttp://e/\n out=\n dir=\n",
        );
        assert_eq!(
            entries(&list),
            [
                format!("l:1 http://a/x http://b/x md5:{MD5} d/y"),
                "l:6 http://c/ e/f/".to_owned(),
                "l:8 http://d/z g/j".to_owned(),
                "l:12 http://e/".to_owned(),
            ]
        );
    }

    #[test]
    fn header_fields_are_of_the_url_above_them() {
        let list = "http://a/\n header=X: 1\n header=X: s3cret\n referer=http://p/\n user-agent=me\n\
                    http://b/\n header=Accept:\n user-agent=\n";
        let told = [
            "l:1 http://a/ [X: ***, X: ***, Referer: ***, User-Agent: ***]",
            "l:6 http://b/ [Accept: ***, User-Agent: ***]",
        ];
        assert_eq!(entries(list), told);
    }

    #[test]
    fn folders_lead_below_that_of_all_files() {
        #[track_caller]
        fn case(dir: &str, told: &str) {
            let found = entries(&format!("http://a/x\n out=y\n dir={dir}\n"));
            assert_eq!(found, [told]);
        }
        case("a/b", "l:1 http://a/x a/b/y");
        case(".", "l:1 http://a/x y");
        case("/data", "l:1 http://a/x y");
        case("/data/a/", "l:1 http://a/x a/y");
        case("data/a", "l:1 http://a/x data/a/y");
        case("/etc", "l:3 `dir=/etc` does not lead below the folder of `--dir`");
        case("/database", "l:3 `dir=/database` does not lead below the folder of `--dir`");
        case("/data/../etc", "l:3 the path `../etc` has `..` in it");
        case("..", "l:3 the path `..` has `..` in it");
    }

    #[test]
    fn an_option_that_is_wrong_fails_its_file_alone() {
        #[track_caller]
        fn case(option: &str, told: &str) {
            let list = format!("http://a/x\n{option}\n out=../y\nhttp://b/x\n");
            let found = entries(&list);
            assert!(found.len() == 2 && found[0].contains(told), "{found:?}");
            assert!(found[0].starts_with("l:2 ") && found[1] == "l:4 http://b/x");
        }
        case(" out=/etc/x", "is absolute");
        case(" out=d/", "names no file");
        case(" checksum=sha-256=00", "has 1 byte");
        case(" checksum=sha-224=00", "has 1 byte, and sha224 has 28");
        case(" checksum=crc32=00000000", "is not a checksum");
        case(" checksum=", "is not a checksum");
        case(" header=Range: bytes=0-1", "`Range` cannot be set");
        case(" header=x", "there is no colon");
        case(" referer=a\u{1}", "the value of `Referer` has a control character");
        case(" word", "`word` is not an option and its value");
        case(" http://c/", "`http://c/` is not an option and its value");
        assert_eq!(entries(" out=x\n"), ["l:1 an option without a URL before it"]);
        let found = entries("word\n out=../x\n checksum=x\nhttp://b/x\n");
        assert_eq!(found, ["l:1 not a URL: `word`", "l:4 http://b/x"]);
    }

    #[test]
    fn an_option_that_is_not_known_is_told_once() {
        let list = "http://a/\n referer=*\n split=5\nhttp://b/\n split=6\n referer=*\n out=y\n";
        let (found, warnings) = read(list.as_bytes(), Indented::Option);
        assert_eq!(found, ["l:1 http://a/", "l:4 http://b/ y"]);
        let told = ["l:2: option `referer` is not used", "l:3: option `split` is not used"];
        assert_eq!(warnings, told);
        let mut list = "http://a/\n".to_owned();
        list.extend((0..1000).map(|number| format!(" x{number}=\n")));
        let (_, warnings) = read(list.as_bytes(), Indented::Option);
        assert_eq!(warnings.len(), MAX_TOLD);
        assert!(warnings.last().unwrap().ends_with("nor are others that follow"));
    }

    #[test]
    fn a_plain_list_is_one_without_options() {
        let list = "http://a/\n  http://b/?x=1\n \n\thttp://c/\n out=x\nhttp://d/\n word\n";
        let (found, _) = read(list.as_bytes(), Indented::OptionOrUrls);
        let told = [
            "l:1 http://a/",
            "l:2 http://b/?x=1",
            "l:4 http://c/ x",
            "l:6 http://d/",
            "l:7 not a URL: `word`",
        ];
        assert_eq!(found, told);
    }

    #[test]
    fn a_list_that_breaks_off_fails_the_file_that_is_half_told() {
        let mut reader = Aria2::new(Indented::Option);
        let mut found = Batch::default();
        let line = Line::from(&b"http://a/"[..]);
        reader.take(Origin::Argument, line, &Base::default(), &mut found);
        assert!(reader.is_waiting() && found.entries.is_empty());
        reader.break_off(&mut found);
        assert!(found.entries[0].wanted.is_err() && !reader.is_waiting());
    }

    proptest! {
        #[test]
        fn any_lines_return(list: Vec<u8>, options: Vec<String>) {
            for indented in [Indented::Option, Indented::OptionOrUrls] {
                let _ = read(&list, indented);
                let options = format!("http://a/\n {}", options.join("\n "));
                let _ = read(options.as_bytes(), indented);
            }
        }
    }
}
