//! The file name in a Content-Disposition field: whatever a server sends, the filter makes of it one
//! normal path component, or nothing. The same filter takes the last component of a URL's path, so
//! the bytes go through it unread too.

#![no_main]

use std::path::{Component, Path};

use haul::model::text::is_deceptive;
use haul::policy::disposition;
use haul::policy::filename::{MAX_NAME_BYTES, filter, numbered};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|field: &[u8]| {
    if let Some(name) = disposition::filename(field) {
        assert!(!name.is_empty(), "an empty name was read");
        assert!(std::str::from_utf8(&name).is_ok(), "a name that is no UTF-8 was read");
        check(&name);
    }
    check(field);
});

fn check(name: &[u8]) {
    let Some(safe) = filter(name) else { return };
    assert_safe(&safe);
    assert_eq!(
        filter(safe.as_bytes()).as_ref(),
        Some(&safe),
        "filtered twice is not filtered once"
    );
    for number in [1, 2, u32::MAX] {
        let numbered = numbered(&safe, number);
        assert!(numbered.len() <= MAX_NAME_BYTES, "{} bytes: {numbered:?}", numbered.len());
        assert!(is_one_component(&numbered), "more than a name: {numbered:?}");
    }
}

fn assert_safe(name: &str) {
    assert!(is_one_component(name), "more than a name: {name:?}");
    assert!(name.len() <= MAX_NAME_BYTES, "{} bytes: {name:?}", name.len());
    assert!(!name.contains(['/', '\\']), "a separator: {name:?}");
    assert!(!name.starts_with(['.', '-', ' ']), "hidden, or an option: {name:?}");
    assert!(!name.ends_with(['.', ' ']), "a bad end: {name:?}");
    assert!(!name.chars().any(is_deceptive), "a deceptive character: {name:?}");
    let name = name.to_ascii_lowercase();
    assert!(![".part", ".haul"].iter().any(|own| name.ends_with(own)), "haul's own: {name:?}");
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    assert!(!["aux", "con", "nul", "prn", "com1", "lpt9"].contains(&stem), "a device: {name:?}");
}

fn is_one_component(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(Component::Normal(only)) if only == name)
        && components.next().is_none()
}
