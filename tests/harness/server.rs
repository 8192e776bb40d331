//! The scripted server: a route's script is a list of replies, every request is recorded, and the
//! test fails when the server drops if a request was not in a script, a reply was never asked for,
//! or a thread of the server panicked.
//!
//! One thread accepts and one thread serves each connection, in blocking calls. `State` is locked
//! for moments only, never while bytes are sent.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::perform::{has_left, perform_all};
use super::reply::{End, Reply};
use super::{DEADLINE, Request, Test};

const PANICKED: &str = "a thread of the server panicked";

type Answer = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

#[derive(Default)]
struct Route {
    script: VecDeque<Answer>,
    /// What comes when the script is done, any number of times.
    always: Option<Answer>,
    /// Whether `always` was asked for, or need not be.
    satisfied: bool,
}

#[derive(Default)]
struct State {
    routes: HashMap<String, Route>,
    /// Answers what has no route.
    fallback: Option<Answer>,
    requests: Vec<Request>,
    problems: Vec<String>,
    connections: usize,
    /// How many connections are taken; later ones are refused.
    most_connections: Option<usize>,
    sent: usize,
    streams: HashMap<usize, TcpStream>,
    /// The connections on which the client waits for the rest of a reply.
    open: HashSet<usize>,
    most_at_once: usize,
    threads: Vec<JoinHandle<()>>,
    stopped: bool,
}

/// What the server's threads and the tests that use it share.
pub(super) struct Shared {
    address: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

/// A server on a free port of 127.0.0.1.
pub(crate) struct Server {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    /// Starts it on a listener of the test's own.
    pub(crate) fn on(listener: TcpListener) -> Self {
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, &shared))
        };
        Self { shared, acceptor: Some(acceptor) }
    }

    /// Starts a test whose failures show this server's requests.
    pub(crate) fn test(&self) -> Test {
        Test::new().server(self)
    }

    /// Starts a test that downloads these targets of this server.
    pub(crate) fn get<'a>(&self, targets: impl IntoIterator<Item = &'a str>) -> Test {
        self.test().args(targets.into_iter().map(|t| self.url(t)))
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.shared.address)
    }

    /// Host and port, as in a URL.
    pub(crate) fn authority(&self) -> String {
        self.shared.address.to_string()
    }

    /// Adds a reply to the script of `target`.
    pub(crate) fn serve(&self, target: &str, reply: Reply) {
        self.answer(target, move |_| reply.clone());
    }

    /// Adds an answer that depends on the request to the script of `target`.
    pub(crate) fn answer(
        &self,
        target: &str,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) {
        let mut state = self.shared.lock();
        let route = state.routes.entry(target.to_owned()).or_default();
        route.script.push_back(Arc::new(answer));
    }

    /// Answers any number of requests for `target` that come after its script, also none.
    pub(crate) fn maybe_with(
        &self,
        target: &str,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) {
        let mut state = self.shared.lock();
        let route = state.routes.entry(target.to_owned()).or_default();
        route.always = Some(Arc::new(answer));
        route.satisfied = true;
    }

    /// Sends `reply` for each request of `target` that comes after its script, at least for one.
    pub(crate) fn always(&self, target: &str, reply: Reply) {
        self.always_with(target, false, reply);
    }

    /// Like `always`, but the request need not come.
    pub(crate) fn maybe(&self, target: &str, reply: Reply) {
        self.always_with(target, true, reply);
    }

    fn always_with(&self, target: &str, satisfied: bool, reply: Reply) {
        let mut state = self.shared.lock();
        let route = state.routes.entry(target.to_owned()).or_default();
        route.always = Some(Arc::new(move |_| reply.clone()));
        route.satisfied = satisfied;
    }

    /// Answers every request that has no script.
    pub(crate) fn handle(&self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        self.shared.lock().fallback = Some(Arc::new(answer));
    }

    /// Returns what each request so far asked for; see [`Request::asks`].
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.lock().requests.iter().map(Request::asks).collect()
    }

    /// Returns all requests so far, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Returns the targets of all requests so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        let state = self.shared.lock();
        state.requests.iter().map(|r| r.target.clone()).collect()
    }

    /// Returns how many connections were opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Returns how many requests were open at the same time at the most. A request is open until the
    /// client has all of its answer but the last byte, or has closed the connection; so nothing
    /// counts that a client could know to be over.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.lock().most_at_once
    }

    /// Takes so many connections; those that come later are refused.
    pub(crate) fn take_connections(&self, count: usize) {
        self.shared.lock().most_connections = Some(count);
    }

    /// Returns how many bytes were sent so far, with headers.
    pub(crate) fn sent(&self) -> usize {
        self.shared.lock().sent
    }

    /// Waits until `count` requests have come.
    #[track_caller]
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.shared.lock();
        while state.requests.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} requests came", state.requests.len());
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Forgets all scripts, for a test that turns out to be skipped.
    pub(crate) fn forget(&self) {
        self.shared.lock().routes.clear();
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Ends all threads and returns what was wrong.
    fn stop(&mut self) -> Vec<String> {
        self.shared.lock().stopped = true;
        for stream in self.shared.lock().streams.values() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        // The acceptor looks at `stopped` after each connection.
        let _ = TcpStream::connect(self.shared.address);
        let mut threads: Vec<_> = self.acceptor.take().into_iter().collect();
        let mut problems = Vec::new();
        while let Some(thread) = threads.pop() {
            if thread.join().is_err() {
                problems.push(PANICKED.to_owned());
            }
            threads.append(&mut self.shared.lock().threads);
        }
        let mut state = self.shared.lock();
        problems.append(&mut state.problems);
        for (target, route) in &state.routes {
            if !route.script.is_empty() || (route.always.is_some() && !route.satisfied) {
                problems.push(format!("{target} has replies that nobody asked for"));
            }
        }
        problems
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let problems = self.stop();
        // A test that fails already has said more than this would.
        let fine = problems.is_empty() || std::thread::panicking();
        assert!(fine, "{}\n{}", problems.join("\n"), self.shared.log());
    }
}

impl State {
    /// Lets go of threads that have ended: a server that is hammered must see its test fail, and not
    /// run out of memory for stacks.
    fn join_finished(&mut self) {
        for index in (0..self.threads.len()).rev() {
            if self.threads[index].is_finished() && self.threads.swap_remove(index).join().is_err()
            {
                self.problems.push(PANICKED.to_owned());
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the test is over.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Lists the requests, for people.
    pub(super) fn log(&self) -> String {
        let state = self.lock();
        let mut log = format!("requests to {}:\n", self.address);
        for request in &state.requests {
            let _ = writeln!(
                log,
                "  connection {}: {} {}",
                request.connection, request.method, request.target
            );
            for (name, value) in &request.headers {
                let _ = writeln!(log, "    {name}: {value}");
            }
        }
        log
    }

    /// Takes down a request, with how many are open now.
    fn begin(&self, request: &Request) {
        let mut state = self.lock();
        let State { requests, open, streams, most_at_once, .. } = &mut *state;
        requests.push(request.clone());
        open.retain(|connection| streams.get(connection).is_some_and(|stream| !has_left(stream)));
        open.insert(request.connection);
        *most_at_once = open.len().max(*most_at_once);
        drop(state);
        self.changed.notify_all();
    }

    /// A connection has nothing more to send for its request.
    pub(super) fn count(&self, bytes: usize) {
        self.lock().sent += bytes;
    }

    pub(super) fn end(&self, connection: usize) {
        self.lock().open.remove(&connection);
    }

    fn problem(&self, text: String) {
        self.lock().problems.push(text);
    }

    /// Finds the next reply of the request's route.
    fn reply(&self, request: &Request) -> Option<Reply> {
        let answer = {
            let mut state = self.lock();
            let fallback = state.fallback.clone();
            match state.routes.get_mut(&request.target) {
                Some(route) => match route.script.pop_front() {
                    Some(answer) => answer,
                    None if route.always.is_some() => {
                        route.satisfied = true;
                        Arc::clone(route.always.as_ref()?)
                    }
                    None => fallback?,
                },
                None => fallback?,
            }
        };
        Some(answer(request))
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        let mut state = shared.lock();
        if state.stopped {
            return;
        }
        state.join_finished();
        state.connections += 1;
        let number = state.connections;
        state.streams.insert(number, stream.try_clone().unwrap());
        let thread = {
            let shared = Arc::clone(shared);
            std::thread::spawn(move || {
                let leave = Leave(&shared, number);
                let end = serve(&shared, number, &stream);
                drop(leave);
                if end == End::Reset {
                    let socket = SockRef::from(&stream);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                }
            })
        };
        state.threads.push(thread);
        if state.most_connections.is_some_and(|most| number >= most) {
            // The listener goes when this returns, and who waits in its queue is reset.
            return;
        }
    }
}

/// Gives up the server's handle of a connection, also after a panic: the kernel sends FIN or RST
/// only when the last handle is gone.
struct Leave<'a>(&'a Shared, usize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.streams.remove(&self.1);
        state.open.remove(&self.1);
    }
}

/// Answers the requests of one connection and says how it ends.
fn serve(shared: &Shared, connection: usize, stream: &TcpStream) -> End {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(read) = Request::read(connection, &mut reader) {
        let request = match read {
            Ok(request) => request,
            Err(problem) => {
                shared.problem(problem);
                break;
            }
        };
        shared.begin(&request);
        let Some(reply) = shared.reply(&request) else {
            shared.problem(format!("unexpected request for {}", request.target));
            let _ =
                perform_all(shared, connection, stream, &Reply::status(500, "Not In The Script"));
            return End::Close;
        };
        if perform_all(shared, connection, stream, &reply).is_err() {
            // The client went away, which is its right; the test sees what it made of it.
            return End::Close;
        }
        if reply.end() != End::KeepAlive {
            return reply.end();
        }
        if request.header("connection") == Some("close") {
            return End::Close;
        }
    }
    End::Close
}
