//! Readers that are slow, gone, or stopped waiting for.

use std::fs::File;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::thread;

use super::*;
use crate::model::stop::StopReason;

/// A stream on `fd`.
pub(crate) fn stream(fd: impl Into<OwnedFd>, stop: &Stop) -> Stream {
    Stream::new(Handle::Own(fd.into()), stop)
}

/// The same, as where the descriptor cannot be opened once more.
fn polled(fd: impl Into<OwnedFd>, stop: &Stop) -> Stream {
    Stream {
        handle: Handle::Own(fd.into()),
        method: Method::Polled,
        ..stream(File::open("/dev/null").unwrap(), stop)
    }
}

/// Fills `stream`, whose reader sleeps, stops the run and returns how long the writer took.
#[track_caller]
fn release(stream: &Stream, stop: &Stop, is_line: bool) -> Duration {
    thread::scope(|scope| {
        let writer = scope.spawn(|| stream.write(&vec![b'x'; 8 << 20], is_line));
        thread::sleep(Duration::from_millis(150));
        assert!(!writer.is_finished(), "a full pipe must hold its writer");
        let begun = Instant::now();
        stop.stop(StopReason::Signal(2));
        let error = writer.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        begun.elapsed()
    })
}

#[test]
fn a_stop_releases_a_writer_to_a_full_pipe() {
    for is_line in [false, true] {
        let (_reader, writer) = io::pipe().unwrap();
        let stop = Stop::default();
        let stream = stream(writer, &stop);
        assert_eq!(stream.method, Method::Plain);
        assert!(release(&stream, &stop, is_line) < Duration::from_millis(300));
    }
}

#[test]
fn a_stop_releases_a_writer_to_a_full_pipe_that_cannot_be_reopened() {
    let (_reader, writer) = io::pipe().unwrap();
    let stop = Stop::default();
    let stream = polled(writer, &stop);
    assert!(release(&stream, &stop, false) < Duration::from_millis(300));
}

#[test]
fn a_stop_releases_a_writer_to_a_full_socket() {
    let (_reader, writer) = UnixStream::pair().unwrap();
    let stop = Stop::default();
    let stream = stream(writer, &stop);
    assert_eq!(stream.method, Method::Send);
    assert!(release(&stream, &stop, false) < Duration::from_millis(300));
}

#[test]
fn the_shared_description_keeps_blocking() {
    let (_reader, writer) = io::pipe().unwrap();
    let shared = writer.try_clone().unwrap();
    let _stream = stream(writer, &Stop::default());
    let flags = rustix::fs::fcntl_getfl(&shared).unwrap();
    assert!(!flags.contains(OFlags::NONBLOCK));
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let sent: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let stop = Stop::default();
    for is_polled in [false, true] {
        let (mut reader, writer) = io::pipe().unwrap();
        let stream = if is_polled { polled(writer, &stop) } else { stream(writer, &stop) };
        let mut received = Vec::new();
        thread::scope(|scope| {
            let sent = &sent;
            scope.spawn(move || stream.write_body(sent).unwrap());
            reader.read_to_end(&mut received).unwrap();
        });
        assert_eq!(received, sent);
    }
}

#[test]
fn after_the_stop_lines_are_tried_and_bodies_refused() {
    let (mut reader, writer) = io::pipe().unwrap();
    let stop = Stop::default();
    let stream = stream(writer, &stop);
    stop.stop(StopReason::Signal(2));
    assert!(stream.write_body(b"body").is_err());
    stream.write_line(b"line\n").unwrap();
    drop(stream);
    let mut received = String::new();
    reader.read_to_string(&mut received).unwrap();
    assert_eq!(received, "line\n");
}

#[test]
fn a_line_that_is_offered_is_taken_whole_or_not_at_all_and_nobody_waits() {
    let stop = Stop::default();
    // A socket takes a part of what does not fit.
    let (reader, writer) = UnixStream::pair().unwrap();
    let stream = stream(writer, &stop);
    let line = format!("{}\n", "x".repeat(10_000));
    let mut taken = 0;
    while stream.offer_line(line.as_bytes()) {
        taken += 1;
    }
    assert!(taken > 0 && !stream.offer_line(b"dropped\n"));
    thread::scope(|scope| {
        scope.spawn(|| {
            stream.write_line(b"last\n").unwrap();
            rustix::net::shutdown(&stream.handle, rustix::net::Shutdown::Both).unwrap();
        });
        let mut received = String::new();
        (&reader).read_to_string(&mut received).unwrap();
        assert_eq!(received, line.repeat(taken) + "last\n");
    });
}

#[test]
fn a_line_that_a_stop_broke_off_is_completed_by_the_next() {
    let stop = Stop::default();
    let (mut reader, writer) = io::pipe().unwrap();
    let stream = stream(writer, &stop);
    let long = vec![b'x'; 1 << 20];
    stop.stop(StopReason::Signal(2));
    assert!(stream.write_line(&long).is_err());
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).unwrap();
            received
        });
        // Its reader is given no more time, and may need many calls.
        while stream.write_line(b"last\n").is_err() {
            thread::yield_now();
        }
        drop(stream);
        let received = reading.join().unwrap();
        assert_eq!(received.len(), long.len() + 5);
        assert!(received.ends_with(b"xlast\n"));
    });
}

#[test]
fn a_line_is_offered_to_nobody_while_another_waits() {
    let stop = Stop::default();
    let (mut reader, writer) = io::pipe().unwrap();
    let stream = stream(writer, &stop);
    let long = vec![b'x'; 1 << 20];
    thread::scope(|scope| {
        let writer = scope.spawn(|| stream.write_line(&long));
        // Something has come: its writer has the stream, and waits for room.
        reader.read_exact(&mut [0]).unwrap();
        assert!(!stream.offer_line(b"dropped\n"));
        let mut rest = vec![0; long.len() - 1];
        reader.read_exact(&mut rest).unwrap();
        writer.join().unwrap().unwrap();
        assert!(stream.offer_line(b"taken\n"));
    });
}

#[test]
fn a_reader_that_went_away_is_a_broken_pipe() {
    let stop = Stop::default();
    let (reader, writer) = io::pipe().unwrap();
    let stream = stream(writer, &stop);
    drop(reader);
    let error = stream.write_line(b"line\n").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_pipe_holds_more_once_large_pieces_go_through_it() {
    let (reader, writer) = io::pipe().unwrap();
    let stop = Stop::default();
    let stream = stream(writer, &stop);
    let before = fcntl_getpipe_size(&reader).unwrap();
    stream.write_body(b"small").unwrap();
    assert_eq!(fcntl_getpipe_size(&reader).unwrap(), before);
    // What does not fit into the pipe as it was, nobody reads.
    stream.write_body(&vec![b'x'; LARGE_PIECE.max(before)]).unwrap();
    assert!(fcntl_getpipe_size(&reader).unwrap() >= PIPE_BYTES);
    // Nothing of the kind for a file.
    super::widen(File::open("/dev/null").unwrap().as_fd());
}
