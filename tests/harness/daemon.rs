//! A real server that a test starts: it is up when its own sockets listen, not when another program that
//! took its port meanwhile answers there.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::wait_until;

/// Starts a server in silence and waits until it listens on these ports of 127.0.0.1; `None` if it ends
/// before, as it does when one of them is taken.
pub(crate) fn start(command: &mut Command, ports: &[u16]) -> Option<Child> {
    let mut child = command
        // Debian keeps servers where an ordinary user's PATH does not look.
        .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ended = false;
    let name = command.get_program().to_string_lossy();
    wait_until(&format!("{name} listens"), || {
        ended = child.try_wait().unwrap().is_some();
        ended || listens(&child, ports)
    });
    (!ended).then_some(child)
}

/// Returns whether `child` listens on these ports of 127.0.0.1.
fn listens(child: &Child, ports: &[u16]) -> bool {
    ports.iter().all(|&port| inode(port).is_some_and(|inode| has(child, inode)))
}

/// Returns the inode of the socket that listens on a port.
fn inode(port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!("0100007F:{port:04X}");
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1) == Some(&&*local) && fields.get(3) == Some(&LISTEN);
        is_it.then(|| fields.get(9)?.parse().ok()).flatten()
    })
}

fn has(child: &Child, inode: u64) -> bool {
    let wanted = format!("socket:[{inode}]");
    // What a program keeps to itself cannot be told from what it has.
    let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", child.id())) else { return true };
    let mut links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.any(|link| link.to_str() == Some(&*wanted))
}
