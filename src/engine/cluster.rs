//! The processes of a run: how they find each other, and how they verify that they belong together.
//!
//! timely's own start-up waits forever for a missing peer and accepts any connection that sends a
//! process number. Here every connection begins with a handshake (see `handshake`): each side
//! proves that it knows the run's token. The wait for peers has a deadline. Process 0 listens only
//! once the corpus is ready, so a process that has connected to it may read the corpus. Before the
//! dataflow starts, all processes compare fingerprints of their jobs, 32 bytes each. From the
//! handshake on, they give each other signs of life (see `heartbeat`), since timely waits forever
//! for a peer that is stopped or cut off.
//!
//! The connections are not encrypted: run on a network you trust.

mod handshake;
mod heartbeat;

pub use heartbeat::{say_ending, say_failed};

use crate::failure::{end_for_peer, fail};
use handshake::{Handshake, nonce, read_until};
use heartbeat::Heartbeat;
use std::any::Any;
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::initialize::Hooks;

/// How long the start of a run waits for all peers, by default.
pub const START_DEADLINE: Duration = Duration::from_secs(60);

/// How long a peer may take from the handshake until it sends its fingerprint.
const AGREE_DEADLINE: Duration = Duration::from_secs(60);

/// The processes of a run.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Number of this process.
    pub process: usize,
    /// `host:port` of every process, including this one. With one process: empty or one address.
    pub addresses: Vec<String>,
    /// Where this process listens, if not at its address: `0.0.0.0:2101` in a container, say.
    pub listen: Option<String>,
    /// Secret that all processes of the run know.
    pub token: String,
    /// How long the start of the run waits for all peers.
    pub start_deadline: Duration,
}

impl Cluster {
    /// A run of this process alone.
    pub fn single() -> Cluster {
        Cluster {
            process: 0,
            addresses: Vec::new(),
            listen: None,
            token: String::new(),
            start_deadline: START_DEADLINE,
        }
    }

    /// Number of processes in the run.
    pub fn processes(&self) -> usize {
        self.addresses.len().max(1)
    }
}

/// Why the processes could not be connected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The own address cannot be bound.
    #[error("cannot listen on {address} (is another run using this port?)")]
    Listen {
        /// The address.
        address: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A peer did not connect in time.
    #[error(
        "process {process} did not connect within {seconds} s; is it running, and does it have the same token and number of processes?"
    )]
    Missing {
        /// The peer.
        process: usize,
        /// The deadline.
        seconds: u64,
    },
    /// A peer ended.
    #[error("process {process} ended before the run began; its own error says why")]
    Gone {
        /// The peer.
        process: usize,
    },
    /// A peer reported an error.
    #[error("process {process} failed; its own error says why")]
    Failed {
        /// The peer.
        process: usize,
    },
    /// A peer was killed, stopped, or cut off.
    #[error("process {process} {lost}; the corpus is at its last commit")]
    Lost {
        /// The peer.
        process: usize,
        /// How that was noticed.
        lost: Lost,
    },
    /// A peer has another job.
    #[error(
        "process {process} is about to do something else than this one: its inputs, recipe, models, or the flags -w, --memory, --epoch-bytes or --engine differ; all processes must be started alike on a shared file system"
    )]
    OtherJob {
        /// The peer.
        process: usize,
    },
    /// A network operation failed.
    #[error("network")]
    Network(#[from] io::Error),
    /// timely could not start its threads.
    #[error("cannot start workers: {0}")]
    Start(String),
}

impl Error {
    /// Whether a new attempt may succeed: nothing is wrong with the run itself.
    pub fn is_passing(&self) -> bool {
        matches!(self, Error::Lost { .. } | Error::Missing { .. } | Error::Gone { .. })
    }
}

/// How the loss of a process was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Its connection closed, without a word.
    #[error("ended without a word: it was killed, or its machine went down")]
    Ended,
    /// It gave no sign of life.
    #[error(
        "gave no sign of life for {seconds} s: it is stopped or overloaded, or the network to it is cut"
    )]
    Silent {
        /// How long.
        seconds: u64,
    },
}

/// How long a process may take to report its own error, before it ends because of a peer's.
const OWN_ERROR: Duration = Duration::from_millis(500);

/// Ends the process because of a peer.
fn end(error: Error) {
    if let Error::Failed { .. } = error {
        std::thread::sleep(OWN_ERROR);
        fail(error);
    }
    end_for_peer(&error)
}

type Allocators = (Vec<AllocatorBuilder>, Box<dyn Any + Send>);

/// The processes of a run, connected.
pub struct Meeting {
    process: usize,
    sockets: Vec<Option<TcpStream>>,
    heartbeat: Option<Heartbeat>,
}

/// Connects to all peers.
///
/// # Errors
/// If this process cannot listen on its address, or a peer does not connect in time.
pub fn meet(cluster: &Cluster) -> Result<Meeting, Error> {
    let process = cluster.process;
    if cluster.processes() == 1 {
        return Ok(Meeting { process, sockets: vec![None], heartbeat: None });
    }
    let (mut sockets, mut lives) = (Vec::new(), Vec::new());
    for (peer, links) in
        Handshake::new(cluster).connect(cluster.start_deadline)?.into_iter().enumerate()
    {
        sockets.push(links.map(|links| {
            lives.push((peer, links.life));
            links.data
        }));
    }
    let heartbeat = Some(Heartbeat::start(lives, end)?);
    Ok(Meeting { process, sockets, heartbeat })
}

impl Meeting {
    /// Verifies that the jobs of all processes have the same fingerprint.
    ///
    /// # Errors
    /// If a peer has another fingerprint, or does not send one.
    pub fn agree(&mut self, fingerprint: &[u8; 32]) -> Result<(), Error> {
        let gone = |process| {
            // The heartbeat knows whether it was killed or failed, and ends this process.
            std::thread::sleep(2 * OWN_ERROR);
            Error::Gone { process }
        };
        for (peer, socket) in self.sockets.iter_mut().enumerate() {
            if let Some(socket) = socket {
                socket.write_all(fingerprint).map_err(|_| gone(peer))?;
            }
        }
        let end = Instant::now() + AGREE_DEADLINE;
        for (peer, socket) in self.sockets.iter_mut().enumerate() {
            if let Some(socket) = socket {
                let theirs: [u8; 32] = read_until(socket, end).map_err(|_| gone(peer))?;
                if theirs != *fingerprint {
                    return Err(Error::OtherJob { process: peer });
                }
                socket.set_read_timeout(None)?;
            }
        }
        Ok(())
    }

    /// Tells the other processes that the run is complete for this one. A meeting that is dropped
    /// without this tells them that it failed.
    pub fn finish(&mut self) {
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.finish();
        }
    }

    /// Number of this process.
    pub(crate) fn process(&self) -> usize {
        self.process
    }

    /// The allocators that timely needs for `workers` threads of this process.
    pub(crate) fn allocators(&mut self, workers: usize) -> Result<Allocators, Error> {
        if self.sockets.len() == 1 {
            let config = match workers {
                1 => timely::CommunicationConfig::Thread,
                _ => timely::CommunicationConfig::Process(workers),
            };
            return config.try_build().map_err(Error::Start);
        }
        let hooks = Hooks::default();
        // Byte channels inside the process too: a typed one does not notice that its thread died.
        let local =
            ProcessBuilder::new_bytes_vector(workers, hooks.refill.clone(), hooks.spill.clone());
        let (builders, guard) = initialize_networking_from_sockets(
            local,
            std::mem::take(&mut self.sockets),
            self.process,
            workers,
            hooks,
        )?;
        Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
    }
}

/// Returns a new random token for a run.
///
/// # Errors
/// If the operating system has no random bytes.
pub fn new_token() -> io::Result<String> {
    Ok(data_encoding::HEXLOWER.encode(&nonce()?))
}

#[cfg(test)]
mod tests {
    use super::handshake::tests::free_addresses;
    use super::*;

    /// The results of processes 0 and 1 that connect and compare their jobs.
    fn meet_two(tokens: [&str; 2], jobs: [u8; 2], stranger: bool) -> [Result<(), Error>; 2] {
        let addresses = free_addresses(2);
        let start = |process: usize| {
            let (addresses, token) = (addresses.clone(), tokens[process].to_owned());
            let fingerprint = [jobs[process]; 32];
            std::thread::spawn(move || {
                let cluster = Cluster { process, addresses, token, ..Cluster::single() };
                let links = Handshake::new(&cluster).connect(Duration::from_secs(4))?;
                assert_eq!(links.iter().filter(|links| links.is_some()).count(), 1);
                let sockets = links.into_iter().map(|links| Some(links?.data)).collect();
                Meeting { process, sockets, heartbeat: None }.agree(&fingerprint)
            })
        };
        let first = start(0);
        if stranger {
            let mut socket = loop {
                match TcpStream::connect(&addresses[0]) {
                    Ok(socket) => break socket,
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            };
            socket.write_all(&1u64.to_be_bytes()).unwrap();
        }
        let second = start(1);
        [first.join().unwrap(), second.join().unwrap()]
    }

    #[test]
    fn peers_with_one_token_and_one_job_meet_past_a_stranger() {
        for stranger in [false, true] {
            let [first, second] = meet_two(["secret"; 2], [7; 2], stranger);
            first.unwrap();
            second.unwrap();
        }
    }

    #[test]
    fn a_peer_with_another_job_is_reported() {
        let [first, second] = meet_two(["secret"; 2], [7, 8], false);
        assert!(matches!(first, Err(Error::OtherJob { process: 1 })), "{first:?}");
        assert!(matches!(second, Err(Error::OtherJob { process: 0 })), "{second:?}");
    }

    #[test]
    fn a_peer_without_the_token_never_gets_in() {
        let [first, second] = meet_two(["secret", "guess"], [7; 2], false);
        assert!(matches!(first, Err(Error::Missing { process: 1, .. })), "{first:?}");
        assert!(matches!(second, Err(Error::Missing { process: 0, .. })), "{second:?}");
    }
}
