//! What a program writes, as lines, in bounded memory.

/// The lines of a stream.
#[derive(Debug)]
pub(super) struct Lines {
    /// The longest line that is told as one, in bytes.
    longest: usize,
    /// The beginning of a line.
    begun: Vec<u8>,
    /// The last line that says something.
    last: Option<String>,
}

impl Lines {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, begun: Vec::new(), last: None }
    }

    /// Takes the next bytes, and tells the lines that are whole.
    pub(super) fn feed(&mut self, bytes: &[u8], tell: &mut dyn FnMut(&str)) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, is_whole) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let mut rest = text;
            while self.begun.len() + rest.len() > self.longest {
                let (head, tail) = rest.split_at(self.longest - self.begun.len());
                self.begun.extend_from_slice(head);
                self.flush(tell);
                rest = tail;
            }
            self.begun.extend_from_slice(rest);
            if is_whole {
                self.flush(tell);
            }
        }
    }

    /// Tells what is left without a line end.
    pub(super) fn end(&mut self, tell: &mut dyn FnMut(&str)) {
        if !self.begun.is_empty() {
            self.flush(tell);
        }
    }

    /// Returns the last line that says something.
    pub(super) fn into_last(self) -> Option<String> {
        self.last
    }

    fn flush(&mut self, tell: &mut dyn FnMut(&str)) {
        let line = self.begun.strip_suffix(b"\r").unwrap_or(&self.begun);
        // What a carriage return goes back to is written over.
        let seen = line.rsplit(|&byte| byte == b'\r').next().unwrap_or_default();
        let text = String::from_utf8_lossy(seen).into_owned();
        self.begun.clear();
        tell(&text);
        if !text.trim().is_empty() {
            self.last = Some(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_LINE: usize = 4096;

    fn told(pieces: &[&[u8]]) -> (Vec<String>, Option<String>) {
        let mut told = Vec::new();
        let mut lines = Lines::new(MAX_LINE);
        let mut tell = |line: &str| told.push(line.to_owned());
        for piece in pieces {
            lines.feed(piece, &mut tell);
        }
        lines.end(&mut tell);
        (told, lines.into_last())
    }

    #[test]
    fn lines_are_told_once_they_are_whole() {
        #[track_caller]
        fn case(pieces: &[&[u8]], lines: &[&str], last: Option<&str>) {
            assert_eq!(
                told(pieces),
                (lines.iter().map(|&l| l.to_owned()).collect(), last.map(str::to_owned))
            );
        }
        case(&[], &[], None);
        case(&[b"a\nb"], &["a", "b"], Some("b"));
        case(&[b"a", b"b\n", b"\n", b" \r\n"], &["ab", "", " "], Some("ab"));
        case(&[b"10%\r20%\rdone\r\n"], &["done"], Some("done"));
        case(&[b"\xff\n"], &["\u{fffd}"], Some("\u{fffd}"));
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_nothing_is_lost(sizes in prop::collection::vec(0..9000_usize, 0..8)) {
            let pieces: Vec<Vec<u8>> = sizes.iter().map(|&size| vec![b'x'; size]).collect();
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let (lines, _) = told(&pieces);
            prop_assert!(lines.iter().all(|line| line.len() <= MAX_LINE && !line.is_empty()));
            prop_assert_eq!(lines.concat().len(), sizes.iter().sum::<usize>());
        }
    }
}
