//! What a launcher is told while it waits: signals, and, on another machine, lines of the launcher
//! that started it.

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::BufRead;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// What to do with the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Pass this signal on: the processes end at a commit.
    Signal(i32),
    /// Kill them: the launcher has gone.
    Kill,
}

/// The orders to a launcher, in the order in which they come.
pub(super) struct Orders {
    signals: Signals,
    lines: Option<Receiver<String>>,
}

impl Orders {
    /// Takes orders by SIGINT and SIGTERM.
    pub fn of_signals() -> Result<Orders> {
        let signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
        Ok(Orders { signals, lines: None })
    }

    /// Takes orders by signals and by standard input: the number of a signal a line, and its end.
    /// Returns its first line too.
    pub fn of_input() -> Result<(Orders, String)> {
        let mut first = String::new();
        std::io::stdin().lock().read_line(&mut first).context("cannot read standard input")?;
        let (sender, lines) = channel();
        let read = move || {
            for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("orders".into()).spawn(read)?;
        Ok((Orders { lines: Some(lines), ..Orders::of_signals()? }, first))
    }

    /// Returns the next order, if there is one. Never blocks.
    pub fn next(&mut self) -> Option<Order> {
        if let Some(signal) = self.signals.pending().next() {
            return Some(Order::Signal(signal));
        }
        match self.lines.as_ref()?.try_recv() {
            Ok(line) => Some(match line.trim().parse() {
                Ok(signal) if [SIGINT, SIGTERM].contains(&signal) => Order::Signal(signal),
                _ => Order::Kill,
            }),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Order::Kill),
        }
    }
}
