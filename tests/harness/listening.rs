//! Whether a program that a test started listens, and not another that took its port meanwhile.

use std::fs;
use std::process::Child;

/// Returns whether `child` listens on these ports of 127.0.0.1.
pub(crate) fn listens(child: &Child, ports: &[u16]) -> bool {
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
