use proptest::prelude::*;

use super::*;

const LENGTH: u64 = 1000;

fn range(start: u64, end: u64) -> ByteRange {
    ByteRange { start, end }
}

/// Cuts a segment, and opens what was cut off.
fn split(segments: &mut Segments, id: SegmentId, at: u64) -> Option<(SegmentId, ByteRange)> {
    let rest = segments.cut(id, at)?;
    segments.open_at(rest.start, rest.end)
}

#[test]
fn the_back_part_of_a_segment_is_somebody_elses() {
    let mut segments = Segments::new(LENGTH, RangeSet::default());
    let (first, all) = segments.open_at(0, LENGTH).unwrap();
    assert_eq!(all, range(0, LENGTH));
    assert_eq!(segments.claim(first, 100), 100);
    // What is being written is not given away.
    assert_eq!(split(&mut segments, first, 99), None);
    let (second, back) = split(&mut segments, first, 500).unwrap();
    assert_eq!(back, range(500, LENGTH));
    segments.advance(first, 100);
    assert_eq!(segments.claim(first, 450), 400);
    segments.advance(first, 400);
    assert!(segments.finish(first));
    assert_eq!(segments.claim(second, 500), 500);
    segments.advance(second, 500);
    assert!(segments.finish(second) && segments.is_complete());
}

#[test]
fn what_is_given_back_goes_to_the_response_that_brings_it_anyway() {
    let mut segments = Segments::new(LENGTH, RangeSet::default());
    let (first, _) = segments.open_at(0, LENGTH).unwrap();
    let (second, _) = split(&mut segments, first, 500).unwrap();
    assert_eq!(segments.give_back(second), Some((first, LENGTH)));
    assert_eq!(segments.free_bytes(), 0);
    // Once bytes behind its end were thrown away, it cannot go on there.
    let (third, _) = split(&mut segments, first, 300).unwrap();
    assert_eq!(segments.claim(first, 301), 300);
    segments.advance(first, 300);
    assert_eq!(segments.give_back(third), None);
    assert_eq!(segments.free_bytes(), 700);
    assert!(segments.finish(first));
}

#[test]
fn what_nobody_has_begun_with_goes_to_the_response_that_comes_to_it() {
    let mut segments = Segments::new(LENGTH, RangeSet::default());
    let (first, _) = segments.open_at(0, LENGTH).unwrap();
    let (third, _) = split(&mut segments, first, 600).unwrap();
    let (second, _) = split(&mut segments, first, 300).unwrap();
    assert_eq!(segments.take_over(first, third), None, "it is not the next one");
    assert_eq!(segments.take_over(second, third), None, "its response ends there");
    assert_eq!(segments.take_over(first, second), Some(600));
    assert_eq!(segments.claim(second, 10), 0);
    assert!(segments.finish(second));
    // Somebody is writing there.
    assert_eq!(segments.claim(third, 10), 10);
    assert_eq!(segments.take_over(first, third), None);
    segments.advance(third, 10);
    assert_eq!(segments.take_over(first, third), None);
}

#[test]
fn what_several_gave_back_goes_to_the_response_before_all_of_them() {
    let mut segments = Segments::new(LENGTH, RangeSet::default());
    let (first, _) = segments.open_at(0, LENGTH).unwrap();
    let (third, _) = split(&mut segments, first, 600).unwrap();
    let (second, _) = split(&mut segments, first, 300).unwrap();
    // The second's response ends where the third's begins.
    assert_eq!(segments.give_back(third), None);
    assert_eq!(segments.give_back(second), Some((first, LENGTH)));
    assert_eq!(segments.free_bytes(), 0);
}

#[test]
fn the_order_in_which_parts_are_given_back_does_not_matter() {
    let mut segments = Segments::new(LENGTH, RangeSet::default());
    let (first, _) = segments.open_at(0, LENGTH).unwrap();
    let (second, _) = split(&mut segments, first, 250).unwrap();
    let (fourth, _) = split(&mut segments, second, 750).unwrap();
    let (third, _) = split(&mut segments, second, 500).unwrap();
    // The one before it ends there for good.
    assert_eq!(segments.give_back(fourth), None);
    assert_eq!(segments.give_back(second), Some((first, 500)));
    assert_eq!(segments.give_back(third), Some((first, LENGTH)));
    assert_eq!(segments.free_bytes(), 0);
}

#[test]
fn holes_are_taken_from_the_front() {
    let mut done = RangeSet::prefix_of(100);
    done.insert(range(200, 300));
    let mut segments = Segments::new(LENGTH, done);
    let (first, hole) = segments.open_at(100, LENGTH).unwrap();
    assert_eq!(hole, range(100, 200));
    let (_, next) = segments.take_free(50, u64::MAX).unwrap();
    assert_eq!(next, range(300, 350));
    assert_eq!(segments.take_free(50, 350), None);
    // A response that is shorter than what was asked for leaves the rest to others.
    segments.set_reach(first, 150);
    assert_eq!(segments.take_free(u64::MAX, u64::MAX).unwrap().1, range(150, 200));
}

#[derive(Clone, Debug)]
enum Step {
    Take(u64),
    Split(usize, u64),
    Write(usize, u64),
    Short(usize, u64),
    GiveBack(usize),
    Extend(usize),
    TakeOver(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..LENGTH).prop_map(Step::Take),
        (0..8_usize, 0..LENGTH).prop_map(|(which, at)| Step::Split(which, at)),
        (0..8_usize, 1..200_u64).prop_map(|(which, bytes)| Step::Write(which, bytes)),
        (0..8_usize, 0..LENGTH).prop_map(|(which, reach)| Step::Short(which, reach)),
        (0..8_usize).prop_map(Step::GiveBack),
        (0..8_usize).prop_map(Step::Extend),
        (0..8_usize, 0..8_usize).prop_map(|(which, next)| Step::TakeOver(which, next)),
    ]
}

proptest! {
    /// Any sequence of splits and completions tiles the file exactly once.
    #[test]
    fn every_byte_is_in_one_place_and_written_once(
        holes in proptest::collection::vec((0..LENGTH, 0_u64..100), 0..5),
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut done = RangeSet::default();
        for (start, len) in holes {
            done.insert(range(start, (start + len).min(LENGTH)));
        }
        let mut written = vec![0_u8; LENGTH as usize];
        for byte in done.ranges().iter().flat_map(|range| range.start..range.end) {
            written[byte as usize] += 1;
        }
        let mut segments = Segments::new(LENGTH, done);
        let pick = |segments: &Segments, which: usize| {
            let open = segments.open();
            (!open.is_empty()).then(|| open[which % open.len()])
        };
        let write = |segments: &mut Segments, written: &mut Vec<u8>, open: Open, bytes| {
            let wanted = segments.claim(open.id, bytes);
            for byte in open.position..open.position + wanted {
                written[byte as usize] += 1;
            }
            segments.advance(open.id, wanted);
            segments.finish(open.id);
        };
        for step in steps {
            match step {
                Step::Take(most) => drop(segments.take_free(most, u64::MAX)),
                Step::Split(which, at) => {
                    let open = pick(&segments, which);
                    open.map(|open| split(&mut segments, open.id, at));
                }
                Step::Write(which, bytes) => {
                    if let Some(open) = pick(&segments, which) {
                        write(&mut segments, &mut written, open, bytes);
                    }
                }
                Step::Short(which, reach) => {
                    if let Some(open) = pick(&segments, which) {
                        segments.set_reach(open.id, reach);
                    }
                }
                Step::GiveBack(which) => {
                    let open = pick(&segments, which);
                    open.map(|open| segments.give_back(open.id));
                }
                Step::Extend(which) => {
                    let open = pick(&segments, which);
                    open.map(|open| segments.extend(open.id));
                }
                Step::TakeOver(which, next) => {
                    let (open, next) = (pick(&segments, which), pick(&segments, next));
                    open.zip(next).map(|(open, next)| segments.take_over(open.id, next.id));
                }
            }
            let mut places = vec![0; LENGTH as usize];
            let open = segments.open().iter().map(|open| range(open.position, open.end));
            let all = segments.done.ranges().iter().chain(segments.free.ranges()).copied();
            for byte in all.chain(open).flat_map(|range| range.start..range.end) {
                places[byte as usize] += 1;
            }
            prop_assert!(places.iter().all(|&count| count == 1), "{segments:?}");
        }
        // And it can always be brought to its end.
        while !segments.is_complete() {
            segments.take_free(u64::MAX, u64::MAX);
            for open in segments.open().to_vec() {
                write(&mut segments, &mut written, open, LENGTH);
            }
        }
        prop_assert!(written.iter().all(|&count| count == 1));
    }
}
