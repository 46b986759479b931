//! Errors that end the process.

use std::error::Error;
use std::fmt::Display;
use std::sync::OnceLock;

static REPORT: OnceLock<fn(&dyn Display)> = OnceLock::new();

/// Sets how an error of a worker is reported. The program calls this once, before a run.
pub fn on_failure(report: fn(&dyn Display)) {
    let _ = REPORT.set(report);
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
