//! Starting the processes again after one was lost.

use super::orders::{Order, Orders};
use super::team::End;
use crate::interrupt;
use anyhow::Result;
use std::time::{Duration, Instant};

/// The pause before the first new attempt. It doubles with each in a row.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(16);

/// After an attempt that lasted this long, a failure is the first in a row.
const LONG: Duration = Duration::from_secs(600);

/// How often orders are looked for in a pause.
const POLL_EVERY: Duration = Duration::from_millis(20);

/// Makes attempts until one is done, fails for a reason that a new one would not mend, or `retries`
/// new ones in a row were made. Returns the exit code.
pub(super) fn repeat(
    retries: u32,
    orders: &mut Orders,
    mut attempt: impl FnMut(&mut Orders) -> Result<End>,
) -> Result<u8> {
    let mut retried = 0;
    loop {
        let began = Instant::now();
        match attempt(orders)? {
            End::Done(code) => return Ok(code),
            // Wrong usage is the same in every process, and no word on the corpus helps.
            End::Failed(2) => return Ok(2),
            End::Failed(code) => {
                tracing::error!(
                    "the corpus is at its last commit: the same command continues from there"
                );
                return Ok(code);
            }
            End::Ended(signal) => return Ok(interrupt::code(signal)),
            End::Lost => {}
        }
        if began.elapsed() > LONG {
            retried = 0;
        }
        if retried == retries {
            let times = match retries {
                0 => String::new(),
                1 => "; started again once".to_owned(),
                _ => format!("; started again {retries} times in a row"),
            };
            tracing::error!(
                "the corpus is at its last commit: the same command continues from there{times}"
            );
            return Ok(1);
        }
        let pause = (PAUSE * 2u32.pow(retried.min(8))).min(PAUSE_MAX);
        retried += 1;
        tracing::warn!(
            "starting again from the last commit in {} s ({retried} of at most {retries} times)",
            pause.as_secs()
        );
        if let Some(signal) = signal_within(pause, orders) {
            return Ok(interrupt::code(signal));
        }
    }
}

/// Waits for `pause`, or until a signal comes.
fn signal_within(pause: Duration, orders: &mut Orders) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < pause {
        if let Some(Order::Signal(signal)) = orders.next() {
            return Some(signal);
        }
        std::thread::sleep(POLL_EVERY);
    }
    None
}
