//! What a status code is taken as.

/// Non-Authoritative Information: a 200 that a proxy changed (RFC 9110 §15.3.4).
pub const CHANGED_BY_PROXY: u16 = 203;

/// Returns the code that an answer is acted upon as. One that says that the file is there counts as 200: 203, and
/// those of its class that nobody has registered (RFC 9110 §15).
pub fn taken_as(code: u16) -> u16 {
    match code {
        CHANGED_BY_PROXY => 200,
        // Each of these says that something else than the file follows.
        200..=208 | 226 => code,
        209..=299 => 200,
        _ => code,
    }
}

/// Returns what there is to say of a code that is taken as another.
pub fn doubt(code: u16) -> Option<&'static str> {
    match code {
        CHANGED_BY_PROXY => Some("a proxy on the way may have changed it"),
        _ if taken_as(code) != code => Some("nobody has registered it"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_the_file_is_taken_for_it_and_doubted() {
        for code in [203, 209, 218, 225, 227, 299] {
            assert_eq!(taken_as(code), 200);
            assert!(doubt(code).is_some(), "{code}");
        }
        for code in [100, 200, 201, 202, 204, 205, 206, 207, 208, 226, 300, 304, 399, 416, 599] {
            assert_eq!((taken_as(code), doubt(code)), (code, None));
        }
    }
}
