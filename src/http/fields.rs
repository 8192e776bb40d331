//! The fields of a response that haul uses.

use std::ops::Range;

/// The fields of a response that haul uses, in the order in which they came. Kept in two buffers that are
/// used again for the next response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Names in lower case, and where their values lie.
    places: Vec<(&'static str, Range<usize>)>,
    values: Vec<u8>,
}

impl Fields {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.values.clear();
    }

    /// Adds a field, whose name is in lower case; returns its value.
    pub(super) fn push(&mut self, name: &'static str, value: &[u8]) -> &mut [u8] {
        let end = self.values.len();
        self.places.push((name, end..end));
        self.extend_last(value)
    }

    /// Adds to the value of the last field; returns what was added.
    pub(super) fn extend_last(&mut self, more: &[u8]) -> &mut [u8] {
        let start = self.values.len();
        self.values.extend_from_slice(more);
        if let Some((_, place)) = self.places.last_mut() {
            place.end = self.values.len();
        }
        &mut self.values[start..]
    }

    /// Returns all fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.places.iter().map(|(name, place)| (*name, &self.values[place.clone()]))
    }

    /// Returns the values of all fields of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Returns the value of the first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }
}

#[cfg(test)]
impl<'a> FromIterator<(&'static str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'static str, &'a str)>>(fields: I) -> Self {
        let mut all = Self::default();
        for (name, value) in fields {
            all.push(name, value.as_bytes());
        }
        all
    }
}
