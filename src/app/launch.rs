//! `sluice launch`: the processes of a run, on this machine, on other machines, or in the place that
//! a scheduler gave this process. If one is lost, all are started again from the last commit.

mod attempts;
mod hosts;
mod orders;
mod places;
mod scheduler;
mod seat;
mod team;

pub(crate) use self::hosts::Hosts;
pub(crate) use self::scheduler::{Kind, Scheduler};
pub(crate) use self::seat::{TOKEN, is_supervised, seat, take_seat};

use self::attempts::repeat;
use self::hosts::Assignment;
use self::orders::Orders;
use self::places::free_addresses;
use self::seat::Seat;
use self::team::{End, Team};
use crate::interrupt;
use crate::terminal::log::{FORMAT, format, verbosity};
use crate::terminal::{LogFormat, Verbosity};
use anyhow::{Context, Result};
use engine::cluster::new_token;

/// The command that is launched, and how often it is started again.
pub(crate) struct Launch {
    /// `build` or `add`, with its arguments.
    pub arguments: Vec<String>,
    /// How many times in a row the processes may be started again.
    pub retries: u32,
}

impl Launch {
    /// Runs the command with `count` processes of this machine.
    pub fn here(&self, count: usize) -> Result<u8> {
        repeat(self.retries, &mut Orders::of_signals()?, |orders| {
            let addresses = free_addresses(count)?;
            let token = new_token().context("cannot create a token")?;
            let seats = (0..count).map(|process| Seat {
                local_processes: count,
                ..Seat::new(process, addresses.clone(), token.clone())
            });
            Team::here(&self.assignment(seats.collect()))?.wait(orders)
        })
    }

    /// Runs the command on several machines, by ssh.
    pub fn on(&self, hosts: &Hosts) -> Result<u8> {
        hosts.copy_program()?;
        repeat(self.retries, &mut Orders::of_signals()?, |orders| {
            let token = new_token().context("cannot create a token")?;
            let assignments = hosts.seats(&token).into_iter().map(|seats| self.assignment(seats));
            Team::on(hosts, assignments)?.wait(orders)
        })
    }

    /// Runs one process of the command, in the place that a scheduler gives it.
    pub fn under(&self, scheduler: &Scheduler) -> Result<u8> {
        let seat = scheduler.seat()?;
        repeat(self.retries, &mut Orders::of_signals()?, |orders| {
            Team::here(&self.assignment(vec![seat.clone()]))?.wait(orders)
        })
    }

    fn assignment(&self, seats: Vec<Seat>) -> Assignment {
        let flag = match verbosity() {
            Verbosity::Quiet => Some("--quiet"),
            Verbosity::Normal => None,
            Verbosity::Verbose => Some("--verbose"),
        };
        let flag = flag.filter(|flag| !self.arguments.iter().any(|known| known == flag));
        let arguments = self.arguments.iter().map(String::as_str).chain(flag);
        let variables =
            (format() == LogFormat::Json).then(|| (FORMAT.to_owned(), "json".to_owned()));
        Assignment {
            arguments: arguments.map(str::to_owned).collect(),
            variables: variables.into_iter().collect(),
            folder: None,
            seats,
        }
    }
}

/// Runs, on one of several machines, the processes that `launch` on another machine assigns to it.
pub(crate) fn serve() -> Result<u8> {
    let (mut orders, assignment) = Orders::of_input()?;
    let assignment: Assignment = serde_json::from_str(&assignment)
        .context("sluice launch --serve is started by sluice launch --hosts, not by hand")?;
    if let Some(folder) = &assignment.folder {
        std::env::set_current_dir(folder).with_context(|| {
            format!("cannot enter {}: the folders must be shared", folder.display())
        })?;
    }
    Ok(match Team::here(&assignment)?.wait(&mut orders)? {
        End::Done(code) | End::Failed(code) => code,
        End::Lost => engine::LOST_PEER,
        End::Ended(signal) => interrupt::code(signal),
    })
}
