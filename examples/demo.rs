//! Shows haul at work without a network: a small HTTP server on the loopback interface, the real
//! binary, and a list with most of what a list can have.
//!
//! Run it with `cargo run --release --example demo`. Arguments after `--` are given to haul as well,
//! such as `-- --jobs 1` or `-- --verbose`. Interrupt it, and see that no half file stays.
//!
//! Exit code: 0 if haul ended as expected, with exactly the expected bytes in exactly the expected
//! files; 1 if not, which some arguments bring about, and then the demo says what was different.

#![expect(clippy::print_stdout, reason = "what the demo explains belongs on its standard output")]

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

const MIB: usize = 1024 * 1024;

/// What the server does with a path.
enum Route {
    /// Sends this body, at most at this many bytes a second.
    Body(Vec<u8>, Option<usize>),
    /// Sends this body without telling its length, at this many bytes a second.
    Unmeasured(Vec<u8>, usize),
    /// Points somewhere else.
    Redirect(&'static str),
}

type Routes = BTreeMap<&'static str, Route>;

/// What haul is asked for, in this order: the path, and the file that must come of it, if any.
const LIST: [(&str, Option<&str>); 12] = [
    ("/primes.txt", Some("primes.txt")),
    ("/disk.img", Some("disk.img")),
    ("/photos.tar", Some("photos.tar")),
    ("/backup.tar", Some("backup.tar")),
    ("/live.log", Some("live.log")),
    ("/en/guide.txt", Some("guide.txt")),
    ("/de/guide.txt", Some("guide.1.txt")),
    ("/two%20words.txt", Some("two words.txt")),
    ("/moved/squares.csv", Some("squares.csv")),
    ("/gone.txt", None),
    ("/primes.txt", None),
    ("/disk.sig", Some("disk.sig")),
];

fn main() -> Result<ExitCode> {
    // An interrupt goes to haul, which shares the terminal; the demo stays to show what landed.
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted)?;

    let haul = find_haul()?;
    let routes = Arc::new(routes()?);
    let server = serve(Arc::clone(&routes))?;
    let folder = tempfile::tempdir()?;
    let list = list(server);
    fs::write(folder.path().join("list.txt"), &list)?;
    println!("The list, as the demo's server has it:\n\n{list}");

    let mut arguments: Vec<OsString> =
        ["--dir", "files", "--input", "list.txt"].map(OsString::from).into();
    arguments.extend(env::args_os().skip(1));
    let shown: Vec<_> = arguments.iter().map(|a| a.to_string_lossy()).collect();
    println!("$ haul {}", shown.join(" "));
    // Standard streams are inherited: what follows is haul's own output.
    let status = Command::new(&haul)
        .args(&arguments)
        // The server is here, whatever proxies there are.
        .env("no_proxy", "*")
        .current_dir(folder.path())
        .status()
        .with_context(|| format!("cannot run {}", haul.display()))?;

    println!("\nhaul ended with {status}.");
    let landed = landed(&folder.path().join("files"))?;
    println!("In the folder `files`, which the demo now removes:\n");
    for (name, bytes) in &landed {
        println!("{:>10}  {name}", bytes.len());
    }
    let mut surprises = differences(&routes, landed);
    if status.code() != Some(1) {
        surprises.push(format!("the exit code should be 1, not {status}"));
    }
    if surprises.is_empty() {
        println!(
            "\nEvery file is there with every byte, and nothing else. The exit code is 1 because"
        );
        println!("one URL of the list leads nowhere.");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("\nNot as expected: {}.", surprises.join("; "));
        Ok(ExitCode::FAILURE)
    }
}

/// Returns the path of the binary of the demo's own profile, built if it is missing or old.
fn find_haul() -> Result<PathBuf> {
    let demo = env::current_exe()?;
    // TARGET/PROFILE/examples/demo
    let profile_dir =
        demo.ancestors().nth(2).context("the demo does not lie in a target folder")?;
    let haul = profile_dir.join(format!("haul{}", env::consts::EXE_SUFFIX));
    // Cargo does not build binaries for an example, so one that is there may be of older sources.
    // Only where the demo is run without cargo is it taken as it is.
    let cargo = env::var_os("CARGO");
    if cargo.is_none() && haul.is_file() {
        return Ok(haul);
    }
    let target_dir = profile_dir.parent().context("no target folder")?;
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut build = Command::new(cargo.unwrap_or_else(|| "cargo".into()));
    build
        .args(["build", "--bin", "haul", "--profile", profile])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir);
    if haul.is_file() {
        build.arg("--quiet");
    }
    let status = build.status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo could not build haul");
    Ok(haul)
}

/// Returns everything that the server has: the fixtures, and larger bodies computed here.
fn routes() -> Result<Routes> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    let fixture = |name: &str| -> Result<Route> {
        let path = fixtures.join(name);
        let body = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Route::Body(body, None))
    };
    // The rates differ so that the bars do, and are low so that there is time to look at them.
    Ok(Routes::from([
        ("/primes.txt", fixture("primes.txt")?),
        ("/squares.csv", fixture("squares.csv")?),
        ("/two%20words.txt", fixture("two words.txt")?),
        ("/en/guide.txt", fixture("en/guide.txt")?),
        ("/de/guide.txt", fixture("de/guide.txt")?),
        ("/moved/squares.csv", Route::Redirect("/squares.csv")),
        ("/disk.img", Route::Body(bytes(24 * MIB), Some(5 * MIB))),
        ("/photos.tar", Route::Body(bytes(12 * MIB), Some(4 * MIB))),
        ("/backup.tar", Route::Body(bytes(32 * MIB), None)),
        ("/live.log", Route::Unmeasured(bytes(2 * MIB), MIB)),
        ("/disk.sig", Route::Body(bytes(64), None)),
    ]))
}

/// Returns bytes in which a lost, doubled or misplaced block shows.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

/// Returns the list that haul reads.
fn list(server: SocketAddr) -> String {
    let mut list = "# A line of a list is a URL, a comment like this one, or blank.\n\n".to_owned();
    for (path, _) in LIST {
        writeln!(list, "http://{server}{path}").expect("a String takes everything");
    }
    list
}

/// Returns the files of `folder` by name.
fn landed(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error).context("cannot read the folder of the files"),
    };
    let mut landed = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        landed.insert(name, fs::read(entry.path())?);
    }
    Ok(landed)
}

/// Returns in which files `landed` is not what the list asks for.
fn differences(routes: &Routes, mut landed: BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut differences = Vec::new();
    for (path, name) in LIST {
        let Some(name) = name else { continue };
        match landed.remove(name) {
            None => differences.push(format!("`{name}` is missing")),
            Some(found) if found != body(routes, path) => {
                differences.push(format!("`{name}` holds other bytes"));
            }
            Some(_) => {}
        }
    }
    for name in landed.keys() {
        differences.push(format!("nobody asked for `{name}`"));
    }
    differences
}

/// Returns the body that `path` leads to.
fn body<'a>(routes: &'a Routes, path: &str) -> &'a [u8] {
    match &routes[path] {
        Route::Body(body, _) | Route::Unmeasured(body, _) => body,
        Route::Redirect(to) => body(routes, to),
    }
}

/// Starts the server and returns its address. It ends with the process.
fn serve(routes: Arc<Routes>) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let routes = Arc::clone(&routes);
            // A client that goes away in the middle is no concern of the server.
            thread::spawn(move || answer_all(&connection, &routes).ok());
        }
    });
    Ok(address)
}

/// Answers the requests of one connection until the client closes it.
fn answer_all(mut connection: &TcpStream, routes: &Routes) -> io::Result<()> {
    // A head and its body are two writes; without this the second would wait for the client.
    connection.set_nodelay(true)?;
    let mut lines = BufReader::new(connection).lines();
    while let Some(request) = lines.next().transpose()? {
        // Header fields change nothing here, but they end the request.
        while lines.next().transpose()?.is_some_and(|l| !l.is_empty()) {}
        let path = request.split(' ').nth(1).unwrap_or_default();
        match routes.get(path) {
            Some(Route::Body(body, rate)) => {
                write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())?;
                send_paced(body, *rate, |block| connection.write_all(block))?;
            }
            Some(Route::Unmeasured(body, rate)) => {
                write!(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                send_paced(body, Some(*rate), |block| {
                    write!(connection, "{:x}\r\n", block.len())?;
                    connection.write_all(block)?;
                    connection.write_all(b"\r\n")
                })?;
                connection.write_all(b"0\r\n\r\n")?;
            }
            Some(Route::Redirect(to)) => write!(
                connection,
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            )?,
            None => connection
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nnot here.\n")?,
        }
    }
    Ok(())
}

/// Gives `body` to `send` in blocks, no faster than `rate` bytes a second.
fn send_paced(
    body: &[u8],
    rate: Option<usize>,
    mut send: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let begin = Instant::now();
    let mut done = 0;
    for block in body.chunks(64 * 1024) {
        send(block)?;
        done += block.len();
        if let Some(rate) = rate {
            let due = Duration::from_secs_f64(done as f64 / rate as f64);
            thread::sleep(due.saturating_sub(begin.elapsed()));
        }
    }
    Ok(())
}
