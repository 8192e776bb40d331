//! Files of checksums that are given apart from URLs.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::input::lines::Lines;
use crate::input::list;
use crate::input::sums::armour::Armour;
use crate::input::sums::line::{self, Sum};
use crate::model::error::Plain;
use crate::policy::known_sums::{KnownSums, Refusal};

/// Reads all files to their ends; returns what they say, and what the user should know.
///
/// # Errors
/// The file that cannot be read, or its first line that says nothing or contradicts another, and why.
pub fn read(files: &[PathBuf]) -> Result<(KnownSums, Vec<String>), String> {
    let (mut known, mut warnings) = (KnownSums::default(), Vec::new());
    for file in files {
        read_file(file, &mut known, &mut warnings)?;
    }
    Ok((known, warnings))
}

fn read_file(path: &Path, known: &mut KnownSums, warnings: &mut Vec<String>) -> Result<(), String> {
    let list = &*path.to_string_lossy();
    let unread = |error| format!("cannot read checksums {list}: {}", Plain(&error));
    let text = File::open(path).and_then(list::text).map_err(unread)?;
    let mut lines = Lines::new(BufReader::new(text));
    let (mut armour, algorithm) = (Armour::default(), line::algorithm_of(list));
    while let Some((number, line)) = lines.next_line().map_err(unread)? {
        if !line.says_something() {
            continue;
        }
        let wrong = |reason: &str| format!("{list}:{number}: {reason}");
        let line = line.bytes().map_err(|reason| wrong(&reason))?.trim_ascii_start();
        let Some(line) = armour.enter(line, list, warnings) else { continue };
        let Sum { digest, name } =
            line::read(line, algorithm).map_err(|cause| wrong(&cause.to_string()))?;
        known.add(&name, *digest.clone()).map_err(|refusal| match refusal {
            Refusal::Path(reason) => wrong(&reason),
            Refusal::Contradiction(other) => wrong(&format!(
                "`{}` is {digest} here and {other} in a line before",
                String::from_utf8_lossy(&name)
            )),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    fn told(lists: &[impl AsRef<[u8]>]) -> Result<(usize, Vec<String>), String> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> =
            (0..lists.len()).map(|n| folder.path().join(n.to_string())).collect();
        for (path, list) in paths.iter().zip(lists) {
            fs::write(path, list).unwrap();
        }
        let shorten = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
        match read(&paths) {
            Ok((known, warnings)) => {
                Ok((known.files().len(), warnings.into_iter().map(shorten).collect()))
            }
            Err(error) => Err(shorten(error)),
        }
    }

    #[test]
    fn all_files_are_one_list() {
        let (first, other) =
            (format!("\u{feff}{MD5}  a\r\n\n# note\n{MD5} *b"), format!("MD5 (a) = {MD5}"));
        assert_eq!(told(&[&*first, &other, ""]), Ok((2, vec![])));
        let signed = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{MD5}  a\n");
        assert_eq!(
            told(&[&signed]),
            Ok((1, vec!["0: the signature of the list is not checked".to_owned()]))
        );
    }

    #[test]
    fn a_file_may_be_packed_and_in_utf_16() {
        use std::io::Write as _;

        let text = format!("\u{feff}{MD5}  ü\r\n");
        let text: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        assert_eq!(told(&[text, encoder.finish().unwrap()]), Ok((1, vec![])));
        let why =
            "cannot read checksums 0: its UTF-16 is damaged, or only its beginning is in UTF-16";
        assert_eq!(told(&[b"\xff\xfe1"]), Err(why.to_owned()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        #[track_caller]
        fn case(lists: &[&str], why: &str) {
            assert_eq!(told(lists), Err(why.to_owned()));
        }
        let good = format!("{MD5}  a\n");
        let bad = |line: &str| format!("{good}{line}\n");
        case(&[&bad("<html>")], "0:2: no checksum with the name of a file");
        case(&[&bad(&format!("{MD5}  d/"))], "0:2: the path `d/` names no file");
        case(
            &[&bad(&format!("{MD5}  -"))],
            "0:2: the checksum is of a standard input, not of a file",
        );
        let zeros = "0".repeat(32);
        let why = format!("1:3: `./a` is md5:{zeros} here and md5:{MD5} in a line before");
        case(&[&good, &format!("\n# x\n{zeros}  ./a")], &why);
        let missing = read(&[PathBuf::from("/nothing/here")]).unwrap_err();
        assert_eq!(missing, "cannot read checksums /nothing/here: no such file or directory");
    }
}
