//! Header fields that the user adds to requests. Their values may be secrets: nothing shows them.

use std::fmt;

/// A header field (RFC 9110 §5), or the wish that one of haul's own is left out.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, as it was written.
    pub name: Box<str>,
    /// Its value, which need not be UTF-8; `None` where haul's own field is left out.
    pub value: Option<Box<[u8]>>,
}

impl Field {
    /// Makes a field of a name and a value that are known to be right.
    pub fn new(name: &str, value: impl AsRef<[u8]>) -> Self {
        Self { name: name.into(), value: Some(value.as_ref().into()) }
    }

    /// Returns whether it has this name.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ***", self.name)
    }
}

/// Header fields in the order in which they were given.
pub type Fields = Vec<Field>;
