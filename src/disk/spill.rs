//! Lines that come in any order and are wanted in that of their numbers. They wait in a file without a name,
//! so that memory holds 16 bytes of each.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::model::error::Cause;

const WRITE: &str = "write a temporary file in";

/// Where a line is.
#[derive(Clone, Copy, Debug)]
struct Span {
    number: u32,
    length: u32,
    start: u64,
}

/// Lines that wait for their order.
#[derive(Debug)]
pub struct Spill {
    file: BufWriter<File>,
    folder: PathBuf,
    spans: Vec<Span>,
    end: u64,
}

impl Spill {
    /// Begins without a line, in a file system where another file is.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn beside(path: &Path) -> Result<Self, Cause> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        match tempfile::tempfile_in(&folder) {
            Ok(file) => Ok(Self { file: BufWriter::new(file), folder, spans: Vec::new(), end: 0 }),
            Err(source) => {
                Err(Cause::Disk { action: "make a temporary file in", path: folder, source })
            }
        }
    }

    /// Adds a line with its number.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn add(&mut self, number: u32, line: &[u8]) -> Result<(), Cause> {
        self.file.write_all(line).map_err(|source| self.failed(WRITE, source))?;
        self.spans.push(Span { number, length: line.len() as u32, start: self.end });
        self.end += line.len() as u64;
        Ok(())
    }

    /// Gives all lines in the order of their numbers, of several with one number the first.
    ///
    /// # Errors
    /// [`Cause::Disk`]; what `take` says.
    pub fn give(mut self, mut take: impl FnMut(&[u8]) -> Result<(), Cause>) -> Result<(), Cause> {
        self.file.flush().map_err(|source| self.failed(WRITE, source))?;
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_unstable_by_key(|span| (span.number, span.start));
        spans.dedup_by_key(|span| span.number);
        let mut line = Vec::new();
        for Span { length, start, .. } in spans {
            line.resize(length as usize, 0);
            let read = self.file.get_ref().read_exact_at(&mut line, start);
            read.map_err(|source| self.failed("read a temporary file in", source))?;
            take(&line)?;
        }
        Ok(())
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> Cause {
        Cause::Disk { action, path: self.folder.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_in_the_order_of_their_numbers_and_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::beside(&folder.path().join("x")).unwrap();
        let line = |number: u32| format!("line {number} {}\n", "x".repeat(number as usize % 700));
        let numbers = (0..1000_u32).map(|number| number * 7919 % 1000);
        for number in numbers {
            spill.add(number, line(number).as_bytes()).unwrap();
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        spill.add(7, b"again").unwrap();
        let mut next = 0;
        spill
            .give(|bytes| {
                assert_eq!(bytes, line(next).as_bytes());
                next += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(next, 1000);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let told = Spill::beside(Path::new("no-such-folder/x")).unwrap_err().to_string();
        assert_eq!(
            told,
            "cannot make a temporary file in no-such-folder: no such file or directory"
        );
    }
}
