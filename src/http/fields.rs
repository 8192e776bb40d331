//! The fields of a response that haul uses.

use std::ops::Range;

/// The field that sets a cookie.
pub(super) const SET_COOKIE: &str = "set-cookie";

/// The fields of a response that haul uses, in the order in which they came. Kept in two buffers that are
/// used again for the next response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    places: Vec<Place>,
    values: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// In lower case.
    name: &'static str,
    /// Whether it is passed on to ureq.
    is_passed: bool,
    /// Where its value lies.
    value: Range<usize>,
}

impl Fields {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.values.clear();
    }

    /// Adds a field, whose name is in lower case; `is_passed` says whether it is passed on to ureq.
    pub(super) fn push(&mut self, name: &'static str, is_passed: bool, value: &[u8]) {
        let end = self.values.len();
        self.places.push(Place { name, is_passed, value: end..end });
        self.extend_last(value);
    }

    /// Adds to the value of the last field.
    pub(super) fn extend_last(&mut self, more: &[u8]) {
        self.values.extend_from_slice(more);
        if let Some(place) = self.places.last_mut() {
            place.value.end = self.values.len();
        }
    }

    /// Makes blanks of the control bytes in the values that are not passed on. A cookie stays as it came: one
    /// with a control byte is not to be kept, and not to be changed (RFC 6265bis §5.6).
    pub(super) fn tame(&mut self) {
        let is_control = |byte: u8| (byte < 0x20 && byte != b'\t') || byte == 0x7f;
        // Nearly no head has any; unlike `any` this looks at many bytes at once.
        if !self.values.iter().fold(false, |any, &byte| any | is_control(byte)) {
            return;
        }
        let is_tamed = |place: &&Place| !place.is_passed && place.name != SET_COOKIE;
        for place in self.places.iter().filter(is_tamed) {
            for byte in &mut self.values[place.value.clone()] {
                *byte = if is_control(*byte) { b' ' } else { *byte };
            }
        }
    }

    /// Returns all fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.places.iter().map(|place| (place.name, &self.values[place.value.clone()]))
    }

    /// Returns those that are passed on to ureq.
    pub(super) fn passed(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let passed = self.places.iter().filter(|place| place.is_passed);
        passed.map(|place| (place.name, &self.values[place.value.clone()]))
    }

    /// Returns the values of all fields of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(other, _)| *other == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
impl<'a> FromIterator<(&'static str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'static str, &'a str)>>(fields: I) -> Self {
        let mut all = Self::default();
        for (name, value) in fields {
            all.push(name, false, value.as_bytes());
        }
        all
    }
}
