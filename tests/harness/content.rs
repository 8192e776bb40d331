//! Bodies for tests: deterministic bytes of which no aligned word comes twice, so that a part that
//! is lost, doubled or moved always shows.

/// Returns `length` bytes; another `seed` gives other bytes.
pub(crate) fn content(seed: u32, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let base = u64::from(seed) << 32;
    for (index, word) in bytes.chunks_mut(8).enumerate() {
        // A product with an odd number is a bijection, and so is the shift: no word repeats.
        let hash = (base + index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let hash = hash ^ (hash >> 29);
        word.copy_from_slice(&hash.to_le_bytes()[..word.len()]);
    }
    bytes
}

/// Says in one line where two byte strings differ, or `None` if they are equal.
pub(crate) fn difference(expected: &[u8], actual: &[u8]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let at = expected
        .iter()
        .zip(actual)
        .position(|(a, b)| a != b)
        .unwrap_or_else(|| expected.len().min(actual.len()));
    let around = |bytes: &[u8]| {
        let end = bytes.len().min(at + 24);
        String::from_utf8_lossy(&bytes[at.min(end)..end]).into_owned()
    };
    Some(format!(
        "{} bytes expected, {} there; the first difference is at byte {at}: expected {:?}, got {:?}",
        expected.len(),
        actual.len(),
        around(expected),
        around(actual)
    ))
}
