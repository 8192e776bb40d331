use std::io::Write;

use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;
use proptest::prelude::*;

use super::*;

const ALL: [Packing; 3] = [Packing::Gzip, Packing::Xz, Packing::Zstd];

fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        Packing::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Xz => {
            let mut encoder = XzEncoder::new(Vec::new(), 0);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Zstd => zstd::encode_all(bytes, 1).unwrap(),
    }
}

/// Returns what is given before the end or an error, and the error.
fn unpack(packed: &[u8], piece: usize) -> (Vec<u8>, Option<String>) {
    let (packing, mut bytes) = look(packed).unwrap();
    let Some(packing) = packing else {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).unwrap();
        return (all, None);
    };
    let (mut unpacked, mut all) = (Unpacked::new(packing, bytes), Vec::new());
    let mut buffer = vec![0; piece];
    loop {
        match unpacked.read(&mut buffer) {
            Ok(0) => return (all, None),
            Ok(count) => all.extend(&buffer[..count]),
            Err(error) => return (all, Some(error.to_string())),
        }
    }
}

fn list() -> Vec<u8> {
    (0..3000).flat_map(|n| format!("http://a.example/{}\n", n * 7919).into_bytes()).collect()
}

#[test]
fn lists_are_told_by_their_first_bytes() {
    #[track_caller]
    fn case(head: &[u8], packing: Result<Option<Packing>, TooFew>) {
        assert_eq!(Packing::of(head), packing, "{head:?}");
    }
    case(b"http://a/", Ok(None));
    case(b"", Err(TooFew));
    case(b"\x1f\x8b", Err(TooFew));
    case(b"\x1f\x8b\x08", Ok(Some(Packing::Gzip)));
    case(b"\x1f\x8b\x07", Ok(None));
    case(b"(", Err(TooFew));
    case(b"(x", Ok(None));
    case(b"Q", Err(TooFew));
    case(b"Q*M\x18\x01", Ok(Some(Packing::Zstd)));
    case(b"Q*M\x19", Ok(None));
    case(b"\xfd7zXZ\0\0", Ok(Some(Packing::Xz)));
    assert_eq!(unpack(b"", 9), (Vec::new(), None));
    assert_eq!(unpack(b"\x1f\x8b", 9), (b"\x1f\x8b".to_vec(), None));
}

#[test]
fn all_members_are_unpacked_and_zeros_between_them_passed_over() {
    for packing in ALL {
        let mut packed = pack(packing, &list());
        packed.extend([0; 4]);
        packed.extend(pack(packing, b""));
        packed.extend(pack(packing, b"http://b.example/\n"));
        packed.extend([0; 512]);
        let wanted = [list(), b"http://b.example/\n".to_vec()].concat();
        for piece in [1, 7, 100_000] {
            assert_eq!(unpack(&packed, piece), (wanted.clone(), None), "{packing:?}");
        }
    }
    // A zstd list may begin with what stands for no byte of it.
    let skipped = [b"\x5a\x2a\x4d\x18\x03\0\0\0abc".to_vec(), pack(Packing::Zstd, b"x")];
    assert_eq!(unpack(&skipped.concat(), 9), (b"x".to_vec(), None));
}

#[test]
fn what_came_before_damage_is_given_and_the_damage_told() {
    for packing in ALL {
        let name = packing.name();
        let packed = pack(packing, &list());
        let told = |packed: &[u8]| {
            let (given, why) = unpack(packed, 4096);
            assert!(list().starts_with(&given));
            let why = why.unwrap_or_else(|| panic!("{name}: nothing is told"));
            assert!(why.ends_with(&format!(", after {} bytes of the list", given.len())), "{why}");
            (given.len(), why)
        };
        let (given, why) = told(&packed[..packed.len() / 2]);
        assert!(why.starts_with(&format!("its {name} data ends too early")), "{why}");
        // zstd gives a block only when all of it is there.
        assert!(given > 10_000 || packing == Packing::Zstd, "{name}: {given}");
        let (given, _) = told(&packed[..packed.len() - 1]);
        assert!(given == list().len() || packing == Packing::Zstd, "{name}: {given}");
        let garbage =
            unpack(&[&packed[..], b"garbage, and quite a lot of it".as_slice()].concat(), 4096);
        assert_eq!(garbage.0, list());
        assert!(garbage.1.unwrap().contains("is damaged"));
    }
    let mut packed = pack(Packing::Gzip, &list());
    let sum = packed.len() - 8;
    packed[sum] ^= 1;
    let (given, why) = unpack(&packed, 4096);
    assert_eq!(given, list());
    assert!(why.unwrap().starts_with("its gzip data is damaged (incorrect data check)"));
}

#[test]
fn a_window_that_is_too_large_is_refused() {
    // The header alone says what it needs; making such data would need as much.
    let mut xz = pack(Packing::Xz, b"x");
    // The properties of LZMA2, behind the stream header, two sizes and the filter's number.
    assert_eq!(xz[14..16], [0x21, 0x01]);
    xz[16] = 38;
    let mut checksum = flate2::Crc::new();
    let header = 4 * (usize::from(xz[12]) + 1);
    checksum.update(&xz[12..12 + header - 4]);
    xz[12 + header - 4..12 + header].copy_from_slice(&checksum.sum().to_le_bytes());
    let zstd = [b"\x28\xb5\x2f\xfd\0".as_slice(), &[(28 - 10) << 3, 0, 0, 0, 0]].concat();
    for packed in [xz, zstd] {
        let (given, why) = unpack(&packed, 9);
        assert_eq!(given, b"");
        let why = why.unwrap();
        assert!(why.contains("needs more memory than the 128 MiB"), "{why}");
    }
}

/// A pipe that gives what was flushed, and then has nothing: asking it for more is wrong.
struct Pipe(Vec<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "it was waited for more than was needed");
        let next = &mut self.0[0];
        let count = next.len().min(buffer.len());
        buffer[..count].copy_from_slice(&next[..count]);
        next.drain(..count);
        if next.is_empty() {
            self.0.remove(0);
        }
        Ok(count)
    }
}

#[test]
fn nothing_is_waited_for_while_more_can_be_given() {
    // So alike that much of it is inside when the last byte was taken.
    let line = "http://a.example/the/same\n".repeat(9000).into_bytes();
    let flushed: [(Packing, Vec<u8>); 3] = [
        (Packing::Gzip, {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&line).unwrap();
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        }),
        (Packing::Xz, {
            let mut encoder = XzEncoder::new(Vec::new(), 6);
            encoder.write_all(&line).unwrap();
            // The first leaves the end with the encoder.
            encoder.flush().unwrap();
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        }),
        (Packing::Zstd, {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
            encoder.write_all(&line).unwrap();
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        }),
    ];
    for (packing, bytes) in flushed {
        let pipe = Pipe(bytes.chunks(1000).map(<[u8]>::to_vec).collect());
        let (found, bytes) = look(pipe).unwrap();
        assert_eq!(found, Some(packing));
        let mut unpacked = Unpacked::new(packing, bytes);
        let (mut buffer, mut given) = (vec![0; 1000], 0);
        while given < line.len() {
            given += unpacked.read(&mut buffer).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_unpacked_to_an_end(
        bytes: Vec<u8>,
        at in 0_usize..200,
        with: u8,
        piece in 1_usize..300,
    ) {
        let _ = unpack(&bytes, piece);
        for packing in ALL {
            let mut packed = pack(packing, &bytes);
            prop_assert_eq!(unpack(&packed, piece), (bytes.clone(), None));
            let at = at % packed.len();
            packed[at] = with;
            let _ = unpack(&packed, piece);
            packed.truncate(at);
            packed.extend(&bytes);
            let _ = unpack(&packed, piece);
        }
    }
}
