//! Signals: the first ends the run in good order, the second at once.
//!
//! A thread of its own waits for them, so that what a stop has to break (sockets, waits) is broken
//! from an ordinary thread and not from a signal handler. A signal that the parent told us to ignore
//! stays ignored: that is how `nohup` and the `&` of a script work.

use std::io;
use std::sync::Arc;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};

use crate::model::stop::{Stop, StopReason};

/// Catches signals until it is dropped.
pub struct Catcher(Handle);

impl Catcher {
    /// Starts to catch SIGINT, SIGTERM and SIGHUP for `stop`. SIGXFSZ is caught too, so that a file
    /// over the size limit fails its write instead of ending the process.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(stop: Arc<Stop>) -> io::Result<Self> {
        let ignored = ignored_signals();
        let caught = [SIGHUP, SIGINT, SIGTERM, SIGXFSZ]
            .into_iter()
            .filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = Signals::new(caught)?;
        let handle = signals.handle();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            // A run that ends for another reason is in good order too.
            let mut is_second = false;
            for signal in &mut signals {
                if signal == SIGXFSZ {
                    continue;
                }
                if std::mem::replace(&mut is_second, true) {
                    signal_hook::low_level::exit(128 + signal);
                }
                stop.stop(StopReason::Signal(signal));
            }
        })?;
        Ok(Self(handle))
    }
}

impl Drop for Catcher {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Returns the set of signals that are ignored, bit `n - 1` for signal `n`. Only Linux tells without
/// `unsafe`; elsewhere none is taken as ignored.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}
