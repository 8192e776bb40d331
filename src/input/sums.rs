//! Lists of checksums as `sha256sum` and its kin write them, with or without `--tag`, and as BSD and
//! OpenSSL do. The names are of files below one URL.
//!
//! A list may be signed in the clear (RFC 9580 §7). The armour around it and the signature are passed
//! over, because every such list would end in failures otherwise; that nobody has checked the
//! signature is told once.

pub(super) mod armour;
pub(super) mod line;

use crate::input::entry::{Batch, Entry, Wanted, bad_line};
use crate::input::lines::Line;
use crate::input::sums::armour::Armour;
use crate::input::sums::line::Sum;
use crate::model::error::Cause;
use crate::model::job::{Origin, Target};
use crate::policy::placement::Placement;
use crate::policy::target;

/// Reads a list of checksums.
pub(super) struct Sums {
    base: Target,
    armour: Armour,
}

/// Returns whether a list whose first line this is has checksums.
pub(super) fn is_likely(first: Line<'_>) -> bool {
    first.bytes().is_ok_and(|line| {
        let line = line.trim_ascii();
        line == armour::BEGIN_SIGNED || line::split(line).is_some()
    })
}

impl Sums {
    /// Begins a list of files below `base`.
    pub(super) fn new(base: Target) -> Self {
        Self { base, armour: Armour::default() }
    }

    /// Takes a line that says something.
    pub(super) fn take(&mut self, origin: Origin, line: Line<'_>, found: &mut Batch) {
        let line = match line.bytes() {
            Ok(line) => line.trim_ascii_start(),
            Err(reason) => return found.entries.push(Entry::bad(origin, bad_line(&reason), "")),
        };
        let list = match &origin {
            Origin::Line { list, .. } => list,
            Origin::Argument => "",
        };
        let Some(line) = self.armour.enter(line, list, &mut found.warnings) else { return };
        found.entries.push(match wanted(&self.base, line, list) {
            Ok(wanted) => Entry { origin, wanted: Ok(wanted), text: String::new() },
            Err(cause) => Entry::bad(origin, cause, &String::from_utf8_lossy(line)),
        });
    }
}

/// Reads what a line of `list` says of a file below `base`.
fn wanted(base: &Target, line: &[u8], list: &str) -> Result<Wanted, Cause> {
    let Sum { digest, name } = line::read(line, line::algorithm_of(list))?;
    let place = Placement::file(&name).map_err(|reason| bad_line(&reason))?;
    let target = target::below(base, &name)?;
    Ok(Wanted { checksum: Some(digest), place, ..Wanted::from(target) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Returns what became of each line, and the warnings.
    fn read(list: &[u8]) -> (Vec<Result<Wanted, String>>, Vec<String>) {
        let mut sums = Sums::new(target::base("http://h/d").unwrap());
        let mut found = Batch::default();
        for (number, line) in (1..).zip(list.split(|&byte| byte == b'\n')) {
            let line = Line::from(line);
            if line.says_something() {
                sums.take(Origin::Line { list: Arc::from("l"), number }, line, &mut found);
            }
        }
        let told = |entry: Entry| entry.wanted.map_err(|cause| cause.to_string());
        (found.entries.into_iter().map(told).collect(), found.warnings)
    }

    fn one(line: &str) -> Result<Wanted, String> {
        read(line.as_bytes()).0.remove(0)
    }

    #[test]
    fn every_usual_way_to_write_a_checksum_is_read() {
        #[track_caller]
        fn case(line: &str, url: &str, path: &str) {
            let Wanted { target, checksum, place, .. } = one(line).unwrap();
            assert_eq!(target.url.as_str(), url);
            assert_eq!(place.folder.join(place.name.unwrap()).to_str().unwrap(), path);
            let sum = checksum.unwrap().to_string();
            assert!(sum.ends_with(MD5) || sum.ends_with(SHA256), "{sum}");
        }
        case(&format!("{MD5}  a"), "http://h/d/a", "a");
        case(&format!("{SHA256} *a"), "http://h/d/a", "a");
        case(&format!("{SHA256}  ./b/c d"), "http://h/d/b/c%20d", "b/c d");
        case(&format!("  {}\ta  b", SHA256.to_uppercase()), "http://h/d/a%20%20b", "a  b");
        case(&format!("{SHA256} a"), "http://h/d/a", "a");
        case(&format!("SHA256 (a) = {SHA256}"), "http://h/d/a", "a");
        case(&format!("MD5 (a (1) = b) = {MD5}"), "http://h/d/a%20%281%29%20%3D%20b", "a (1) = b");
        case(&format!("SHA2-256(a)= {SHA256}"), "http://h/d/a", "a");
        case(&format!("SHA-256 (a/b) = {SHA256} "), "http://h/d/a/b", "a/b");
        case(&format!("{MD5}  %2e%2e?#ü"), "http://h/d/%252e%252e%3F%23%C3%BC", "%2e%2e?#ü");
        case(&format!("\\{MD5}  a\\nb"), "http://h/d/a%0Ab", "ab");
        case(&format!("\\{MD5}  a\\\\b"), "http://h/d/a%5Cb", "a/b");
        case(&format!("\\MD5 (a\\rb) = {MD5}"), "http://h/d/a%0Db", "ab");
        case(&format!("{MD5}  a\\nb"), "http://h/d/a%5Cnb", "a/nb");
    }

    #[test]
    fn names_need_not_be_text() {
        let line = [MD5.as_bytes(), b"  \xe4"].concat();
        let wanted = read(&line).0.remove(0).unwrap();
        assert_eq!(wanted.target.url.as_str(), "http://h/d/%E4");
        assert_eq!(wanted.place.name.as_deref(), Some("%E4"));
    }

    #[test]
    fn credentials_of_the_base_are_for_all_files() {
        let base = target::base("https://u:p@h/").unwrap();
        let wanted = wanted(&base, format!("{MD5}  a").as_bytes(), "").unwrap();
        assert!(wanted.target.credentials.is_some());
    }

    #[test]
    fn lines_that_name_no_file_say_why() {
        #[track_caller]
        fn case(line: &str, why: &str) {
            let told = one(line).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        case("http://h/x", "no checksum with the name of a file");
        case("d41d8cd9  a", "no checksum");
        case(MD5, "no checksum");
        case(&format!("{MD5}  "), "no checksum");
        case(&format!("({MD5})"), "no checksum");
        case(&format!(" (a) = {MD5}"), "no checksum");
        case(&format!("{MD5}  -"), "of a standard input");
        case(&format!("{}  a", &SHA256[..60]), "is not a checksum");
        case(&format!("BLAKE2b (a) = {SHA256}"), "has 32 bytes, and blake2b has 64");
        case(&format!("BLAKE2b-256 (a) = {SHA256}"), "is not a checksum");
        case(&format!("SHA256 (a) = {MD5}"), "has 16 bytes, and sha256 has 32");
        case(&format!("MD5 () = {MD5}"), "names no file");
        case(&format!("{MD5}  /a"), "is absolute");
        case(&format!("{MD5}  a/../../b"), "has `..` in it");
        case(&format!("\\{MD5}  a\\x"), "stands for nothing");
        case(&format!("\\{MD5}  a\\"), "stands for nothing");
        case("-----BEGIN PGP PUBLIC KEY BLOCK-----", "no checksum");
    }

    #[test]
    fn the_armour_of_a_signed_list_is_passed_over() {
        let list = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n# note\n{MD5}  a\n- {MD5}  b\ntext\n\
             -----BEGIN PGP SIGNATURE-----\nVersion: GnuPG v2\n\niQIzBAEB+/==\n=Ab1+\n\
             -----END PGP SIGNATURE-----\n{MD5}  c\n",
        );
        let (found, warnings) = read(list.as_bytes());
        let names: Vec<_> =
            found.iter().map(|wanted| wanted.as_ref().map(|w| w.target.url.path())).collect();
        let text = "no checksum with the name of a file".to_owned();
        assert_eq!(names, [Ok("/d/a"), Ok("/d/b"), Err(&text), Ok("/d/c")]);
        assert_eq!(warnings, ["l: the signature of the list is not checked"]);
    }

    #[test]
    fn nothing_is_lost_in_a_signature_without_end() {
        let list = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\n{MD5}  a\n-----BEGIN PGP SIGNATURE-----\n\niQIz\n{MD5}  b\n",
        );
        assert_eq!(read(list.as_bytes()).0.len(), 2);
    }

    #[test]
    fn lists_of_checksums_are_known_by_their_first_line() {
        let is_likely = |line: &str| is_likely(Line::from(line.as_bytes()));
        assert!(is_likely(&format!("{SHA256}  a")));
        assert!(is_likely(&format!("{}  a", &SHA256[..56])));
        assert!(is_likely(&format!("\\{MD5}  a")));
        assert!(is_likely(&format!("BLAKE2b (a) = {SHA256}")));
        assert!(is_likely("-----BEGIN PGP SIGNED MESSAGE-----"));
        for line in ["http://h/(x)", "h.example/(a)=b", "a (b) c", MD5, "deadbeef  x", "{}", ""] {
            assert!(!is_likely(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_lines_return(list: Vec<u8>, name: Vec<u8>) {
            let _ = read(&list);
            let line = [MD5.as_bytes(), b"  ", &name].concat();
            for wanted in read(&line).0.into_iter().flatten() {
                prop_assert!(wanted.target.url.as_str().starts_with("http://h/d/"));
            }
            let _ = read(&[b"\\", &line[..]].concat());
            let _ = read(&[b"-----BEGIN PGP SIGNED MESSAGE-----\n", &list[..]].concat());
        }
    }
}
