//! Errors that end the process.

use crate::cluster::say_failed;
use std::error::Error;
use std::fmt::Display;
use std::sync::OnceLock;

static REPORT: OnceLock<fn(&dyn Display)> = OnceLock::new();
static ENDING_PEER: OnceLock<fn(usize)> = OnceLock::new();
static END_FOR_PEER: OnceLock<fn(&dyn Display) -> u8> = OnceLock::new();

/// The exit code of a process that ends because a peer is lost: `EX_TEMPFAIL` of sysexits.h. A new
/// attempt may succeed.
pub const LOST_PEER: u8 = 75;

/// Sets how an error of a worker is reported. The program calls this once, before a run.
pub fn on_failure(report: fn(&dyn Display)) {
    let _ = REPORT.set(report);
}

/// Sets how the loss of another process is reported, and with which code this one then ends. The
/// program calls this once, before a run. The default is to report an error, and [`LOST_PEER`].
pub fn on_lost_peer(report: fn(&dyn Display) -> u8) {
    let _ = END_FOR_PEER.set(report);
}

/// Sets what is done when another process of the run, whose number is passed, is asked to end. The
/// program calls this once, before a run. The default is to do nothing.
pub fn on_ending_peer(act: fn(usize)) {
    let _ = ENDING_PEER.set(act);
}

/// Acts on another process of the run being asked to end.
pub(crate) fn peer_is_ending(process: usize) {
    if let Some(act) = ENDING_PEER.get() {
        act(process);
    }
}

/// Ends the process because another one of the run is lost.
pub(crate) fn end_for_peer(error: &dyn Display) -> ! {
    let code = END_FOR_PEER.get().map_or(LOST_PEER, |report| report(error));
    std::process::exit(i32::from(code))
}

/// Reports an error with its causes and ends the process. The corpus stays at its last commit.
///
/// An operator cannot return an error, and a worker that stops alone would leave its peers waiting
/// forever. So the first error ends the process, and the peers notice.
pub fn fail(error: impl Into<Box<dyn Error>>) -> ! {
    let error = error.into();
    let message = with_causes(&*error);
    match REPORT.get() {
        Some(report) => report(&message),
        None => eprintln!("{message}"),
    }
    say_failed();
    std::process::exit(1)
}

/// Returns the value, or ends the process with [`fail`].
pub(crate) fn or_fail<T, E: Into<Box<dyn Error>>>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| fail(error))
}

/// The message of an error, followed by those of its causes.
fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message += &format!(": {error}");
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_followed_by_its_causes() {
        let source = std::io::Error::other("no route to host");
        let error = crate::cluster::Error::Network(source);
        assert_eq!(with_causes(&error), "network: no route to host");
    }
}
