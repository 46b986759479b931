//! The processes of a run: who they are, and how they find and trust each other.
//!
//! timely's own start waits for ever for a missing peer and takes anyone who says a number for one.
//! Here every connection begins with a handshake: each side proves that it knows the run's token
//! (a keyed BLAKE3 over a nonce of the other). Callers are answered side by side, each has one
//! deadline for its whole handshake, and those that are silent, slow, garbled or wrong are dropped:
//! they keep nobody waiting. The wait itself has a deadline too. Process 0 listens only once the corpus is ready, so whoever
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

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::initialize::Hooks;

/// How long the start of a run waits for all peers.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How long one caller may take for its handshake, from the first byte to the last.
const CALLER_DEADLINE: Duration = Duration::from_secs(2);

/// Callers that are listened to at once; of more, whoever has been there longest is dropped. Each
/// takes a file descriptor, of which a process often has 1,024.
const CALLERS_MAX: usize = 256;

/// How often callers are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How often a peer that cannot be reached is called.
const CALL_EVERY: Duration = Duration::from_millis(20);

/// What a caller sends: its number, a nonce, a proof.
const CALL_BYTES: usize = 4 + 32 + 32;

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
    caller_deadline: Duration,
}

impl<'a> Handshake<'a> {
    fn new(cluster: &'a Cluster) -> Handshake<'a> {
        let key = *blake3::hash(cluster.token.as_bytes()).as_bytes();
        Handshake { cluster, key, caller_deadline: CALLER_DEADLINE }
    }

    /// A socket to every other process, `None` for this one. Higher numbers call lower ones.
    fn sockets(&self, deadline: Duration) -> Result<Vec<Option<TcpStream>>, Error> {
        let end = Instant::now() + deadline;
        let own = self.cluster.process;
        let address = &self.cluster.addresses[own];
        let listening = |source| Error::Listen { address: address.clone(), source };
        let listener = TcpListener::bind(address).map_err(listening)?;
        listener.set_nonblocking(true)?;
        // Side by side: a peer that is late keeps no other waiting.
        let sockets: Vec<Option<TcpStream>> = std::thread::scope(|scope| {
            let calls: Vec<_> =
                (0..own).map(|peer| scope.spawn(move || self.call_until(peer, end))).collect();
            let answered = self.answer_until(&listener, end);
            let called = calls.into_iter().map(|call| call.join().ok().flatten());
            called.chain([None]).chain(answered).collect()
        });
        let seconds = deadline.as_secs();
        match (0..sockets.len()).find(|peer| *peer != own && sockets[*peer].is_none()) {
            Some(process) => Err(Error::Missing { process, seconds }),
            None => Ok(sockets),
        }
    }

    /// Calls a lower process until it answers, or until `end`.
    fn call_until(&self, peer: usize, end: Instant) -> Option<TcpStream> {
        while Instant::now() < end {
            match self.call(peer, end) {
                Ok(socket) => return Some(socket),
                Err(_) => std::thread::sleep(CALL_EVERY),
            }
        }
        None
    }

    /// The sockets of the higher processes, in their order, as far as they call before `end`.
    fn answer_until(&self, listener: &TcpListener, end: Instant) -> Vec<Option<TcpStream>> {
        let own = self.cluster.process;
        let mut sockets: Vec<Option<TcpStream>> = Vec::new();
        sockets.resize_with(self.cluster.addresses.len() - own - 1, || None);
        let mut callers: VecDeque<Caller> = VecDeque::new();
        while sockets.iter().any(Option::is_none) && Instant::now() < end {
            // Not all that come, so that those who are here have their turn.
            for (socket, _) in std::iter::from_fn(|| listener.accept().ok()).take(CALLERS_MAX / 4) {
                if callers.len() == CALLERS_MAX {
                    callers.pop_front();
                }
                callers.extend(Caller::greet(socket, self.caller_deadline));
            }
            // Who is done is a peer or a stranger; strangers are dropped.
            for _ in 0..callers.len() {
                let mut caller = callers.pop_front().expect("there are as many");
                match caller.listen() {
                    Ok(None) => callers.push_back(caller),
                    Ok(Some(call)) => {
                        if let Ok((peer, socket)) = self.answer(caller, &call) {
                            sockets[peer - own - 1] = Some(socket);
                        }
                    }
                    Err(_) => {}
                }
            }
            std::thread::sleep(LOOK_EVERY);
        }
        sockets
    }

    fn proof(&self, role: &str, nonce: &[u8; 32], process: usize) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(role.as_bytes());
        hasher.update(nonce);
        hasher.update(&(process as u64).to_le_bytes());
        hasher.update(&(self.cluster.processes() as u64).to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    fn call(&self, peer: usize, end: Instant) -> Result<TcpStream, Error> {
        let address = self.cluster.addresses[peer].to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other("no such address"))?;
        // Longer than the listener takes to drop a caller, so that it is not called in vain.
        let end = end.min(Instant::now() + 2 * self.caller_deadline);
        let mut socket = TcpStream::connect_timeout(&address, left_until(end)?)?;
        socket.set_nodelay(true)?;
        let theirs: [u8; 32] = read_until(&mut socket, end)?;
        let ours = nonce()?;
        let own = self.cluster.process;
        let mut message = (own as u32).to_le_bytes().to_vec();
        message.extend(ours);
        message.extend(self.proof("caller", &theirs, own));
        socket.write_all(&message)?;
        let proof: [u8; 32] = read_until(&mut socket, end)?;
        if !same(&proof, &self.proof("listener", &ours, peer)) {
            return Err(io::Error::other("the peer does not know the token").into());
        }
        socket.set_read_timeout(None)?;
        Ok(socket)
    }

    /// Answers a call if it is a peer's, which is then given with its number.
    fn answer(
        &self,
        mut caller: Caller,
        call: &[u8; CALL_BYTES],
    ) -> Result<(usize, TcpStream), Error> {
        let (peer, rest) = call.split_first_chunk().expect("a call is longer");
        let (theirs, proof) = rest.split_first_chunk().expect("a call is longer");
        let peer = u32::from_le_bytes(*peer) as usize;
        let proof = proof.try_into().expect("a call has this length");
        let known = peer > self.cluster.process && peer < self.cluster.processes();
        if !known || !same(proof, &self.proof("caller", &caller.nonce, peer)) {
            return Err(io::Error::other("the caller does not know the token").into());
        }
        caller.socket.write_all(&self.proof("listener", theirs, self.cluster.process))?;
        caller.socket.set_nonblocking(false)?;
        Ok((peer, caller.socket))
    }
}

/// Somebody who called, and has not said all yet.
struct Caller {
    socket: TcpStream,
    nonce: [u8; 32],
    said: Vec<u8>,
    end: Instant,
}

impl Caller {
    fn greet(mut socket: TcpStream, deadline: Duration) -> io::Result<Caller> {
        let (nonce, end) = (nonce()?, Instant::now() + deadline);
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        // A new socket has room for so little.
        socket.write_all(&nonce)?;
        Ok(Caller { socket, nonce, said: Vec::new(), end })
    }

    /// What was said, once it is all there. Never waits; fails when the caller has gone, or has had
    /// its time.
    fn listen(&mut self) -> io::Result<Option<[u8; CALL_BYTES]>> {
        let mut more = [0; CALL_BYTES];
        while self.said.len() < CALL_BYTES {
            match self.socket.read(&mut more[self.said.len()..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    let from = self.said.len();
                    self.said.extend(&more[from..from + read]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    left_until(self.end)?;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(self.said.as_slice().try_into().expect("as many as were asked for")))
    }
}

/// The time until `end`; an error where none is left.
fn left_until(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Compares in a time that does not depend on where they differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    blake3::Hash::from(*a) == blake3::Hash::from(*b)
}

/// Reads `N` bytes before `end`, however slowly they come.
fn read_until<const N: usize>(socket: &mut TcpStream, end: Instant) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut read = 0;
    while read < N {
        socket.set_read_timeout(Some(left_until(end)?))?;
        match socket.read(&mut bytes[read..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
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

    /// Starts `count` strangers on `address` that call again whenever they are dropped, until the
    /// sender given is dropped. Each sends `bytes`, one after another with `pause` before each, and
    /// then waits.
    fn strangers(
        address: &str,
        count: usize,
        bytes: &'static [u8],
        pause: Duration,
    ) -> std::sync::mpsc::Sender<()> {
        let (stop, stopped) = std::sync::mpsc::channel();
        let address = address.to_owned();
        std::thread::spawn(move || {
            let mut callers: Vec<Option<(TcpStream, usize)>> = Vec::new();
            callers.resize_with(count, || None);
            while stopped.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                for caller in &mut callers {
                    let gone = match caller {
                        None => true,
                        Some((socket, sent)) => {
                            let byte = bytes.get(*sent..*sent + 1).unwrap_or_default();
                            *sent += byte.len();
                            let mut room = [0; 64];
                            socket.write_all(byte).is_err()
                                || matches!(socket.read(&mut room), Ok(0))
                        }
                    };
                    if gone {
                        *caller = TcpStream::connect(&address).ok().map(|socket| {
                            socket.set_nonblocking(true).unwrap();
                            (socket, 0)
                        });
                    }
                }
            }
        });
        stop
    }

    const DRIP: Duration = Duration::from_millis(100);

    /// The time that two processes take to meet while there are strangers.
    fn time_to_meet(count: usize, bytes: &'static [u8], pause: Duration) -> Duration {
        let addresses = free_addresses(2);
        let _strangers = strangers(&addresses[0], count, bytes, pause);
        let start = |process: usize| {
            let (addresses, token) = (addresses.clone(), "secret".to_owned());
            std::thread::spawn(move || {
                let cluster = Cluster { process, addresses, token };
                Handshake::new(&cluster).sockets(Duration::from_secs(30)).map(drop)
            })
        };
        let first = start(0);
        std::thread::sleep(3 * DRIP);
        let began = Instant::now();
        let second = start(1);
        first.join().unwrap().unwrap();
        second.join().unwrap().unwrap();
        began.elapsed()
    }

    #[test]
    fn strangers_that_drip_or_idle_or_speak_http_keep_nobody_waiting() {
        for (count, bytes, pause) in [
            (1, &[0; CALL_BYTES][..], DRIP),
            (40, &[0; CALL_BYTES][..], DRIP),
            (40, b"", DRIP),
            // More than are listened to at once.
            (CALLERS_MAX + 40, b"", DRIP),
            (3, b"GET / HTTP/1.1\r\n\r\n", Duration::from_millis(1)),
        ] {
            let time = time_to_meet(count, bytes, pause);
            assert!(time < CALLER_DEADLINE, "{count} strangers with {bytes:?}: {time:?}");
        }
    }

    #[test]
    fn a_stranger_that_drips_is_dropped_at_its_deadline_and_the_wait_ends_at_its_own() {
        let addresses = free_addresses(2);
        let token = "secret".to_owned();
        let cluster = Cluster { process: 0, addresses, token };
        let _stranger = strangers(&cluster.addresses[0], 1, &[0; CALL_BYTES], DRIP);
        let began = Instant::now();
        let handshake = Handshake { caller_deadline: 5 * DRIP, ..Handshake::new(&cluster) };
        let met = handshake.sockets(Duration::from_secs(1));
        assert!(matches!(met, Err(Error::Missing { process: 1, seconds: 1 })), "{met:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }

    #[test]
    fn a_listener_that_drips_is_left_at_the_deadline() {
        let addresses = free_addresses(2);
        let listener = TcpListener::bind(&addresses[0]).unwrap();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            while socket.write_all(&[0]).is_ok() {
                std::thread::sleep(DRIP);
            }
        });
        let cluster = Cluster { process: 1, addresses, token: "secret".into() };
        let began = Instant::now();
        let met = Handshake::new(&cluster).sockets(Duration::from_secs(1));
        assert!(matches!(met, Err(Error::Missing { process: 0, .. })), "{met:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}
