//! When to try again, and when to give up.

use crate::origin::Trouble;
use std::io;
use std::thread;
use std::time::Duration;

/// How long a reader tries.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Attempts in a row without a new byte before it gives up.
    pub attempts_max: u32,
    /// The wait before the second attempt. It doubles before each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub wait_max: Duration,
    /// A connection without data for this long counts as dropped.
    pub silence_max: Duration,
}

impl Default for Policy {
    /// Two to three minutes in all: longer than most restarts of a server.
    fn default() -> Self {
        Policy {
            attempts_max: 10,
            first_wait: Duration::from_millis(250),
            wait_max: Duration::from_mins(1),
            silence_max: Duration::from_mins(1),
        }
    }
}

/// Attempts without success.
pub(crate) struct Attempts<'a> {
    policy: Policy,
    /// What is read, for the log.
    name: &'a str,
    failed: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(policy: Policy, name: &'a str) -> Attempts<'a> {
        Attempts { policy, name, failed: 0 }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// If another attempt would be one too many, or would fail too.
    pub(crate) fn failed(&mut self, trouble: Trouble) -> io::Result<()> {
        let name = self.name;
        let (error, asked) = match trouble {
            Trouble::Transient { error, wait } => (error, wait),
            Trouble::Permanent(error) => {
                return Err(error);
            }
        };
        self.failed += 1;
        let failed = self.failed;
        if failed >= self.policy.attempts_max {
            let what = format!("{error}, {failed} times in a row; try again later");
            return Err(io::Error::new(error.kind(), what));
        }
        let wait = self.wait(asked);
        // The first ones are everyday life of a network.
        if failed > 2 {
            tracing::warn!(
                "{name}: {error}; attempt {} in {:.1} s",
                failed + 1,
                wait.as_secs_f64()
            );
        } else {
            tracing::info!(
                "{name}: {error}; attempt {} in {:.1} s",
                failed + 1,
                wait.as_secs_f64()
            );
        }
        thread::sleep(wait);
        Ok(())
    }

    fn wait(&self, asked: Option<Duration>) -> Duration {
        let Policy { first_wait, wait_max, .. } = self.policy;
        let doubled = first_wait * 2_u32.pow((self.failed - 1).min(16));
        // Between a half and the whole, so that processes that failed together do not return together.
        let wait = doubled.min(wait_max).mul_f64(0.5 + random() / 2.0);
        asked.map_or(wait, |asked| asked.min(wait_max).max(wait))
    }
}

/// A number from 0 to 1.
fn random() -> f64 {
    // Without randomness the wait is as long as any.
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// Calls `attempt` until it succeeds.
///
/// # Errors
/// As [`Attempts::failed`].
pub(crate) fn retried<T>(
    policy: Policy,
    name: &str,
    mut attempt: impl FnMut() -> Result<T, Trouble>,
) -> io::Result<T> {
    let mut attempts = Attempts::new(policy, name);
    loop {
        match attempt() {
            Ok(result) => return Ok(result),
            Err(trouble) => attempts.failed(trouble)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn waits_double_up_to_the_longest_and_a_server_may_ask_for_more() {
        let policy = Policy { wait_max: Duration::from_secs(4), ..Policy::default() };
        let mut attempts = Attempts::new(policy, "x");
        for (failed, most) in [(1, 0.25), (2, 0.5), (3, 1.0), (6, 4.0), (60, 4.0)] {
            attempts.failed = failed;
            let wait = attempts.wait(None).as_secs_f64();
            assert!((most / 2.0..=most).contains(&wait), "{failed}: {wait}");
        }
        attempts.failed = 1;
        assert_eq!(attempts.wait(Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(attempts.wait(Some(Duration::from_hours(3))), Duration::from_secs(4));
    }

    #[test]
    fn it_gives_up_after_the_last_attempt_with_the_kind_of_the_last_failure() {
        let wait = Duration::from_millis(1);
        let policy = Policy { attempts_max: 3, first_wait: wait, ..Policy::default() };
        let mut calls = 0;
        let failed = retried::<()>(policy, "x", || {
            calls += 1;
            Err(Trouble::of_status(503, None))
        });
        let error = failed.unwrap_err();
        assert_eq!((calls, error.kind()), (3, ErrorKind::ConnectionReset));
        assert_eq!(
            error.to_string(),
            "the server is not ready (503), 3 times in a row; try again later"
        );
        let mut calls = 0;
        let error = retried::<()>(policy, "x", || {
            calls += 1;
            Err(Trouble::of_status(404, None))
        });
        assert_eq!((calls, error.unwrap_err().kind()), (1, ErrorKind::NotFound));
    }
}
