//! How many workers the limit on open files allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a run needs apart from its workers: streams, a list, signals, certificates, and
/// name look-ups, which open several for a moment.
const BASE: u64 = 16;

/// Descriptors that a worker may hold: its connection and one that is being opened, a partial file,
/// its record, both ends of a pipe.
const PER_WORKER: u64 = 6;

/// Descriptors that the command for a file takes, most of them while it is started: three streams with
/// both their ends, and what tells that it could not be started.
const PER_COMMAND: u64 = 8;

/// Raises the limit as far as it may be raised without privileges, and returns how many of `wanted`
/// workers it carries, at least one.
pub fn workers_that_fit(wanted: usize, has_command: bool) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let each = PER_WORKER + if has_command { PER_COMMAND } else { 0 };
    let needed = BASE + each * wanted as u64;
    let Some(current) = limit.current.filter(|&current| current < needed) else { return wanted };
    let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let limit = Rlimit { current: Some(raised), maximum: limit.maximum };
    let current = if setrlimit(Resource::Nofile, limit).is_ok() { raised } else { current };
    fitting(wanted, current, each)
}

fn fitting(wanted: usize, descriptors: u64, each: u64) -> usize {
    let fit = descriptors.saturating_sub(BASE) / each;
    usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, wanted.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_what_the_limit_leaves() {
        assert_eq!(fitting(8, 1024, PER_WORKER), 8);
        assert_eq!(fitting(64, 32, PER_WORKER), 2);
        assert_eq!(fitting(64, 10, PER_WORKER), 1);
    }
}
