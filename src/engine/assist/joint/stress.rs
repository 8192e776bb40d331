//! Many threads on one transfer: they take parts from one another at any place, write what comes in
//! pieces of any size, leave early, and get shorter or longer responses than they asked for. In
//! whatever order that happens, each byte is written once and to its place.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use fastrand::Rng;
use url::Url;

use super::*;
use crate::disk::listing::Listing;
use crate::disk::partial::{Partial, Purpose, Replace, Sync};
use crate::engine::ask::Reached;
use crate::engine::assist::sources::Source;
use crate::engine::claims::Claims;
use crate::engine::failures::Failures;
use crate::engine::hosts::Hosts;
use crate::engine::limits::Limits;
use crate::engine::load::Load;
use crate::engine::pump::{Next, Track};
use crate::engine::work::InFlight;
use crate::engine::{Options, Shared as Run, assist::Assist};
use crate::http::{self, client::Common};
use crate::model::event::{Event, Observer};
use crate::model::job::{Destination, Job, JobId, Origin};
use crate::model::stop::Stop;
use crate::model::validator::Validators;
use crate::policy::share::Terms;

const THREADS: usize = 8;
const LENGTH: u64 = 1024 * 1024;
const BUFFER: usize = 16 * 1024;

/// Has no period that divides a cut, so that a byte in another place is another byte.
fn content(range: ByteRange) -> Vec<u8> {
    (range.start..range.end).map(|offset| (offset % 251) as u8 ^ (offset >> 12) as u8).collect()
}

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _: &Event<'_>) {}

    fn body(&self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs `test` with what a run's workers share.
fn with_run(test: impl FnOnce(&Run<'_>)) {
    let options = Options { min_split: Some(1), ..Options::plain(THREADS) };
    let stop = Arc::new(Stop::default());
    let timeout = Duration::from_secs(10);
    let http = http::Options::plain(timeout);
    test(&Run {
        options: &options,
        http: &Arc::new(Common::new(http, Arc::clone(&stop))),
        observer: &Nobody,
        stop: &stop,
        claims: Claims::new(false, &options.folder),
        hosts: Hosts::new(THREADS),
        assist: Assist::new(THREADS),
        in_flight: InFlight::default(),
        listing: Listing::unknown(Path::new("")),
        limits: Limits::new(&options),
        failures: Failures::new(None),
        sync: Sync::Nothing,
        stream_broken: AtomicBool::new(false),
        disk_full: AtomicBool::new(false),
    });
}

/// A transfer of which nothing is there and the lane of its first response, which brings all of it.
fn joint(file: &Arc<Partial>, client: &Client) -> (Arc<Joint>, Lane) {
    let url: Url = "http://h/a".parse().unwrap();
    let source = Source {
        given: url.clone(),
        credentials: None,
        host: "h:80".to_owned(),
        reached: Some(Reached { url: url.clone(), may_carry: true, login: None }),
        not_before: Instant::now(),
    };
    let validators = Validators { etag: Some("\"v1\"".to_owned()), ..Validators::default() };
    let job = Job {
        id: JobId(1),
        url,
        credentials: None,
        fresh: None,
        mirrors: Vec::new(),
        fields: None,
        is_foreign: false,
        checksum: None,
        known: None,
        pieces: None,
        size: None,
        origin: Origin::Argument,
        destination: Destination::Stdout,
    };
    let subject = Subject {
        job,
        began: Instant::now(),
        name: "a".to_owned(),
        sources: vec![source],
        no_cache: false,
        check: None,
        held: Held {
            ranges: RangeSet::default(),
            length: Some(LENGTH),
            validators,
            coding: None,
            elsewhere: None,
            target: None,
        },
        length: LENGTH,
        validator: "\"v1\"".to_owned(),
        terms: Terms { min_part: 1, latency: Duration::ZERO },
        piece: u64::MAX,
        serves_ranges: true,
        is_recorded: true,
        progress: Arc::default(),
    };
    let all = ByteRange { start: 0, end: LENGTH };
    Joint::new(subject, Target::File(Arc::clone(file)), all, client).unwrap()
}

/// Takes a part as an idle worker does, but at any place, whether that is worth it or not.
fn take_over(joint: &Arc<Joint>, client: &Client, random: &mut Rng) -> Option<Lane> {
    let mut state = joint.lock();
    let open = *random.choice(state.segments.open())?;
    if open.position >= open.end {
        return None;
    }
    // Nothing that is claimed is cut off.
    let at = random.u64(open.position..open.end);
    let (id, range) = state.cut(open.id, at, random.u64(1..LENGTH))?;
    joint.open(&mut state, id, range, client, Seat { source: FIRST, is_leaders: false })
}

/// A byte that is nobody's would be waited for without an end.
fn check_time(joint: &Joint) {
    assert!(joint.began.elapsed() < Duration::from_secs(10), "{:?}", joint.lock().segments);
}

fn rest(random: &mut Rng) {
    match random.u8(..) {
        0..8 => thread::sleep(Duration::from_micros(random.u64(..200))),
        8..128 => thread::yield_now(),
        _ => {}
    }
}

/// Does to a lane what a worker does; returns how many bytes it wrote.
fn bring(run: &Run<'_>, mut lane: Lane, reach: u64, random: &mut Rng) -> u64 {
    let mut buffer = Vec::new();
    let first = lane.range().start;
    let mut offset = first;
    while !lane.is_over() && offset < reach {
        let count = random.u64(1..=1024).min(reach - offset);
        buffer.extend(content(ByteRange { start: offset, end: offset + count }));
        offset += count;
        let next = lane.receive(count as usize, buffer.len()).unwrap();
        rest(random);
        let is_left = random.u8(..) < 4;
        if next == Next::Write || buffer.len() >= BUFFER || is_left || random.u8(..) < 64 {
            lane.write(run, Load::Bytes(&buffer)).unwrap();
            buffer.clear();
            rest(random);
        }
        if is_left {
            break;
        }
    }
    if !buffer.is_empty() {
        lane.write(run, Load::Bytes(&buffer)).unwrap();
    }
    let written = lane.range().start - first;
    rest(random);
    written
}

/// Asks for a lane's bytes and gets any that begin with the first.
fn ask_and_bring(run: &Run<'_>, mut lane: Lane, random: &mut Rng) -> u64 {
    let asked = lane.range();
    rest(random);
    // Some get no answer.
    if asked.is_empty() || random.u8(..) < 64 {
        return 0;
    }
    let reach = match random.u8(..) {
        0..64 => random.u64(asked.start + 1..=asked.end),
        64..96 => random.u64(asked.end..=LENGTH),
        _ => asked.end,
    };
    lane.set_reach(reach);
    bring(run, lane, reach, random)
}

fn lead(run: &Run<'_>, joint: &Arc<Joint>, lane: Lane, client: &Client, random: &mut Rng) -> u64 {
    let mut written = bring(run, lane, LENGTH, random);
    loop {
        check_time(joint);
        let room = &mut Room { hosts: &run.hosts, freed: &mut VecDeque::new() };
        match joint.next(client, room, true) {
            Task::Bring(lane) => written += ask_and_bring(run, lane, random),
            Task::Wait => joint.wait(Duration::from_millis(1)),
            Task::Finish(End::Complete) => return written,
            Task::Finish(end) => panic!("{end:?}"),
        }
    }
}

fn help(run: &Run<'_>, joint: &Arc<Joint>, client: &Client, random: &mut Rng) -> u64 {
    let mut written = 0;
    while !joint.lock().segments.is_complete() {
        check_time(joint);
        let lane = if random.bool() {
            joint.help(client, &mut Room { hosts: &run.hosts, freed: &mut VecDeque::new() })
        } else {
            take_over(joint, client, random)
        };
        match lane {
            Some(lane) => written += ask_and_bring(run, lane, random),
            None => thread::yield_now(),
        }
    }
    written
}

fn partial(destination: &Path) -> Arc<Partial> {
    let purpose = Purpose {
        destination,
        replace: Replace::Never,
        url: "http://h/a",
        other_urls: &[],
        sync: Sync::Nothing,
        expects_orphan: false,
    };
    Arc::new(Partial::open(&purpose).unwrap().0)
}

#[test]
fn who_is_broken_off_gets_nothing_back_to_bring() {
    let folder = tempfile::tempdir().unwrap();
    with_run(|run| {
        let file = partial(&folder.path().join("a"));
        let clients = [Client::new(run.http), Client::new(run.http)];
        let (joint, first) = joint(&file, &clients[0]);
        let take = |at| {
            let mut state = joint.lock();
            let id = state.segments.open()[0].id;
            let (id, range) = state.cut(id, at, LENGTH).unwrap();
            joint
                .open(&mut state, id, range, &clients[1], Seat { source: FIRST, is_leaders: false })
                .unwrap()
        };
        drop(take(LENGTH / 2));
        assert_eq!(first.range().end, LENGTH);
        let second = take(LENGTH / 2);
        joint.lock().break_off();
        drop(second);
        assert!(first.is_over());
    });
}

#[test]
fn each_byte_is_written_once_whoever_brings_it() {
    let folder = tempfile::tempdir().unwrap();
    with_run(|run| {
        for seed in 0..6 {
            let file = partial(&folder.path().join(seed.to_string()));
            let clients: Vec<Client> = (0..THREADS).map(|_| Client::new(run.http)).collect();
            let (joint, lane) = joint(&file, &clients[0]);
            let written = AtomicU64::new(0);
            let count = |bytes| written.fetch_add(bytes, Ordering::Relaxed);
            let random = |thread: usize| Rng::with_seed(seed * THREADS as u64 + thread as u64);
            thread::scope(|scope| {
                let (joint, count) = (&joint, &count);
                scope.spawn(|| count(lead(run, joint, lane, &clients[0], &mut random(0))));
                for (thread, client) in clients.iter().enumerate().skip(1) {
                    scope.spawn(move || count(help(run, joint, client, &mut random(thread))));
                }
            });
            joint.close();
            let state = joint.lock();
            assert!(state.lanes.is_empty() && state.segments.open().is_empty(), "seed {seed}");
            let progress = &joint.subject.progress;
            assert_eq!(written.into_inner(), LENGTH, "written, seed {seed}");
            assert_eq!(progress.position(), LENGTH, "position, seed {seed}");
            assert!(progress.received() >= LENGTH, "received, seed {seed}");
            let bytes = std::fs::read(file.commit(None).unwrap()).unwrap();
            let right = content(ByteRange { start: 0, end: LENGTH });
            let wrong = bytes.iter().zip(&right).position(|(a, b)| a != b);
            assert_eq!((bytes.len(), wrong), (right.len(), None), "seed {seed}");
        }
    });
}
