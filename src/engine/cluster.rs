//! The processes of a run: who they are, and how they find and trust each other.
//!
//! timely's own start waits for ever for a missing peer and takes anyone who says a number for one.
//! Here every connection begins with a handshake: each side proves that it knows the run's token
//! (a keyed BLAKE3 over a nonce of the other). Callers that are silent, garbled or wrong are dropped
//! and the wait goes on, to a deadline. Process 0 listens only once the corpus is ready, so whoever
//! has met it may read the corpus. Before the dataflow starts, all compare what they are about to do.
//!
//! ```text
//! listener -> caller   nonce (32 bytes)
//! caller -> listener   index u32 | nonce (32) | proof (32)
//! listener -> caller   proof (32)
//! both, later          fingerprint of the job (32)
//! ```
//!
//! The connections are not encrypted: run on a network you trust.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::initialize::Hooks;

/// How long the start of a run waits for all peers.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How long one caller may take for its handshake.
const CALLER_DEADLINE: Duration = Duration::from_secs(2);

/// How long a peer may take from the handshake to saying what it is about to do.
const AGREE_DEADLINE: Duration = Duration::from_secs(60);

/// The processes of a run.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Number of this process.
    pub process: usize,
    /// `host:port` of every process, this one's included. One process: empty or one.
    pub addresses: Vec<String>,
    /// What peers must know.
    pub token: String,
}

impl Cluster {
    /// A run of this process alone.
    pub fn single() -> Cluster {
        Cluster { process: 0, addresses: Vec::new(), token: String::new() }
    }

    /// Processes in the run.
    pub fn processes(&self) -> usize {
        self.addresses.len().max(1)
    }
}

/// Why the processes did not come together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The own address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another run using this port?")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Not everyone came.
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
    /// A peer is about to do something else.
    #[error(
        "process {process} is about to do something else than this one: its inputs, recipe, models, or the flags -w, --memory, --epoch-bytes or --engine differ; all processes must be started alike on a shared file system"
    )]
    OtherJob {
        /// The peer.
        process: usize,
    },
    /// The system refused something.
    #[error("network: {0}")]
    Network(#[from] io::Error),
    /// timely could not start its threads.
    #[error("cannot start workers: {0}")]
    Start(String),
}

type Allocators = (Vec<AllocatorBuilder>, Box<dyn std::any::Any + Send>);

/// The processes of a run, connected.
pub struct Meeting {
    process: usize,
    sockets: Vec<Option<TcpStream>>,
}

/// Waits for all peers, to a deadline.
pub fn meet(cluster: &Cluster) -> Result<Meeting, Error> {
    let sockets = match cluster.processes() {
        1 => vec![None],
        _ => Handshake::new(cluster).sockets(START_DEADLINE)?,
    };
    Ok(Meeting { process: cluster.process, sockets })
}

impl Meeting {
    /// Makes sure that every process is about to do the same.
    pub fn agree(&mut self, fingerprint: &[u8; 32]) -> Result<(), Error> {
        let gone = |process| Error::Gone { process };
        for (peer, socket) in self.sockets.iter_mut().enumerate() {
            if let Some(socket) = socket {
                socket.write_all(fingerprint).map_err(|_| gone(peer))?;
            }
        }
        for (peer, socket) in self.sockets.iter_mut().enumerate() {
            if let Some(socket) = socket {
                socket.set_read_timeout(Some(AGREE_DEADLINE))?;
                let theirs: [u8; 32] = read(socket).map_err(|_| gone(peer))?;
                if theirs != *fingerprint {
                    return Err(Error::OtherJob { process: peer });
                }
                socket.set_read_timeout(None)?;
            }
        }
        Ok(())
    }

    /// Number of this process.
    pub(crate) fn process(&self) -> usize {
        self.process
    }

    /// What timely needs for `workers` threads here.
    pub(crate) fn allocators(self, workers: usize) -> Result<Allocators, Error> {
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
        let (builders, guard) =
            initialize_networking_from_sockets(local, self.sockets, self.process, workers, hooks)?;
        Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
    }
}

struct Handshake<'a> {
    cluster: &'a Cluster,
    key: [u8; 32],
}

impl<'a> Handshake<'a> {
    fn new(cluster: &'a Cluster) -> Handshake<'a> {
        Handshake { cluster, key: *blake3::hash(cluster.token.as_bytes()).as_bytes() }
    }

    /// A socket to every other process, `None` for this one. Higher numbers call lower ones.
    fn sockets(&self, deadline: Duration) -> Result<Vec<Option<TcpStream>>, Error> {
        let end = Instant::now() + deadline;
        let own = self.cluster.process;
        let address = &self.cluster.addresses[own];
        let listening = |source| Error::Listen { address: address.clone(), source };
        let listener = TcpListener::bind(address).map_err(listening)?;
        listener.set_nonblocking(true)?;
        let missing = |process| Error::Missing { process, seconds: deadline.as_secs() };
        let mut sockets: Vec<Option<TcpStream>> = Vec::new();
        sockets.resize_with(self.cluster.addresses.len(), || None);
        for (peer, socket) in sockets.iter_mut().enumerate().take(own) {
            *socket = Some(loop {
                match self.call(peer) {
                    Ok(socket) => break socket,
                    Err(_) if Instant::now() > end => return Err(missing(peer)),
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            });
        }
        while let Some(peer) = (own + 1..sockets.len()).find(|peer| sockets[*peer].is_none()) {
            if Instant::now() > end {
                return Err(missing(peer));
            }
            match listener.accept() {
                Ok((socket, _)) => {
                    // Anyone else is a stranger; the wait goes on.
                    if let Ok((peer, socket)) = self.answer(socket) {
                        sockets[peer] = Some(socket);
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Ok(sockets)
    }

    fn proof(&self, role: &str, nonce: &[u8; 32], process: usize) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(role.as_bytes());
        hasher.update(nonce);
        hasher.update(&(process as u64).to_le_bytes());
        hasher.update(&(self.cluster.processes() as u64).to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    fn call(&self, peer: usize) -> Result<TcpStream, Error> {
        let address = self.cluster.addresses[peer].to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other("no such address"))?;
        let mut socket = TcpStream::connect_timeout(&address, CALLER_DEADLINE)?;
        // Long enough for the listener to come back to its door from another caller.
        socket.set_read_timeout(Some(2 * CALLER_DEADLINE))?;
        socket.set_nodelay(true)?;
        let theirs: [u8; 32] = read(&mut socket)?;
        let ours = nonce()?;
        let own = self.cluster.process;
        let mut message = (own as u32).to_le_bytes().to_vec();
        message.extend(ours);
        message.extend(self.proof("caller", &theirs, own));
        socket.write_all(&message)?;
        let proof: [u8; 32] = read(&mut socket)?;
        if !same(&proof, &self.proof("listener", &ours, peer)) {
            return Err(io::Error::other("the peer does not know the token").into());
        }
        socket.set_read_timeout(None)?;
        Ok(socket)
    }

    fn answer(&self, mut socket: TcpStream) -> Result<(usize, TcpStream), Error> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(CALLER_DEADLINE))?;
        socket.set_nodelay(true)?;
        let ours = nonce()?;
        socket.write_all(&ours)?;
        let peer = u32::from_le_bytes(read(&mut socket)?) as usize;
        let theirs: [u8; 32] = read(&mut socket)?;
        let proof: [u8; 32] = read(&mut socket)?;
        let known = peer > self.cluster.process && peer < self.cluster.processes();
        if !known || !same(&proof, &self.proof("caller", &ours, peer)) {
            return Err(io::Error::other("the caller does not know the token").into());
        }
        socket.write_all(&self.proof("listener", &theirs, self.cluster.process))?;
        socket.set_read_timeout(None)?;
        Ok((peer, socket))
    }
}

/// Compares in a time that does not depend on where they differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    blake3::Hash::from(*a) == blake3::Hash::from(*b)
}

fn read<const N: usize>(socket: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    socket.read_exact(&mut bytes).map(|()| bytes)
}

fn nonce() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other).map(|()| bytes)
}

/// A new token for a run.
pub fn new_token() -> io::Result<String> {
    Ok(nonce()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_addresses(count: usize) -> Vec<String> {
        let listeners: Vec<_> =
            (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect()
    }

    /// What processes 0 and 1 make of each other.
    fn meet_two(tokens: [&str; 2], jobs: [u8; 2], stranger: bool) -> [Result<(), Error>; 2] {
        let addresses = free_addresses(2);
        let start = |process: usize| {
            let (addresses, token) = (addresses.clone(), tokens[process].to_owned());
            let fingerprint = [jobs[process]; 32];
            std::thread::spawn(move || {
                let cluster = Cluster { process, addresses, token };
                let sockets = Handshake::new(&cluster).sockets(Duration::from_secs(4))?;
                assert_eq!(sockets.iter().filter(|socket| socket.is_some()).count(), 1);
                Meeting { process, sockets }.agree(&fingerprint)
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
    fn a_peer_with_another_job_is_told() {
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
