//! The first bytes of a list, looked at to tell what it is, and given back before the rest.

use std::io::{self, Chain, Cursor, Read};

/// A list whose first bytes were looked at.
pub(super) type Again<R> = Chain<Cursor<Vec<u8>>, R>;

/// How much is read at once.
const PIECE: usize = 512;

/// What a list is cannot be told by so few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooFew;

/// Reads until `judge` can say what begins like this; a list that ends before is `T::default()`. Of a
/// pipe no more is waited for than that takes.
///
/// # Errors
/// What the source says.
pub(super) fn look<R: Read, T: Default>(
    mut bytes: R,
    judge: impl Fn(&[u8]) -> Result<T, TooFew>,
) -> io::Result<(T, Again<R>)> {
    let mut head = Vec::new();
    let found = loop {
        let old = head.len();
        head.resize(old + PIECE, 0);
        let read = bytes.read(&mut head[old..]);
        head.truncate(old + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => break T::default(),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if let Ok(found) = judge(&head) {
            break found;
        }
    };
    Ok((found, Cursor::new(head).chain(bytes)))
}
