//! The handshake between the processes of a run.
//!
//! Each side proves that it knows the token: its proof is a keyed BLAKE3 over a nonce of the other
//! side. Callers are answered concurrently, and each has one deadline for its whole handshake.
//! Callers that are silent, slow, garbled or without the token are dropped, and delay nobody.
//!
//! ```text
//! listener -> caller   nonce (32 bytes)
//! caller -> listener   index u32 | purpose u8 | nonce (32) | proof (32)
//! listener -> caller   proof (32)
//! both, later          fingerprint of the job (32), or signs of life (see `heartbeat`)
//! ```
//!
//! Two processes have two connections, so that a sign of life never waits behind data.

use super::{Cluster, Error};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long one caller may take for its handshake, from the first byte to the last.
const CALLER_DEADLINE: Duration = Duration::from_secs(2);

/// Callers that are answered at once. When one more comes, the oldest is dropped. Each takes a file
/// descriptor, of which a process often has 1,024.
const CALLERS_MAX: usize = 256;

/// How often callers are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How long a caller waits before it tries an unreachable peer again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Size of a call: process number, purpose, nonce, proof.
const CALL_BYTES: usize = 4 + 1 + 32 + 32;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Data = 0,
    Life = 1,
}

/// The connections to one other process.
#[derive(Debug)]
pub(super) struct Links {
    /// For timely.
    pub data: TcpStream,
    /// For signs of life.
    pub life: TcpStream,
}

/// The connections to one other process that there are so far.
#[derive(Default)]
struct Open {
    data: Option<TcpStream>,
    life: Option<TcpStream>,
}

impl Open {
    fn add(&mut self, purpose: Purpose, socket: TcpStream) {
        match purpose {
            Purpose::Data => self.data = Some(socket),
            Purpose::Life => self.life = Some(socket),
        }
    }

    fn is_complete(&self) -> bool {
        self.data.is_some() && self.life.is_some()
    }

    fn complete(self) -> Option<Links> {
        Some(Links { data: self.data?, life: self.life? })
    }
}

pub(super) struct Handshake<'a> {
    cluster: &'a Cluster,
    key: [u8; 32],
    caller_deadline: Duration,
}

impl<'a> Handshake<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Handshake<'a> {
        let key = *blake3::hash(cluster.token.as_bytes()).as_bytes();
        Handshake { cluster, key, caller_deadline: CALLER_DEADLINE }
    }

    /// Connects to every other process. Returns its connections, `None` for this process itself.
    /// Higher numbers call lower ones.
    pub(super) fn connect(&self, deadline: Duration) -> Result<Vec<Option<Links>>, Error> {
        let end = Instant::now() + deadline;
        let own = self.cluster.process;
        let address = self.cluster.listen.as_ref().unwrap_or(&self.cluster.addresses[own]);
        let listen_error = |source| Error::Listen { address: address.clone(), source };
        let listener = TcpListener::bind(address).map_err(listen_error)?;
        listener.set_nonblocking(true)?;
        // Concurrently, so that a late peer does not delay the other connections.
        let links: Vec<Option<Links>> = std::thread::scope(|scope| {
            let calls: Vec<_> =
                (0..own).map(|peer| scope.spawn(move || self.call_until(peer, end))).collect();
            let answered = self.answer_until(&listener, end).into_iter().map(Open::complete);
            let called = calls.into_iter().map(|call| call.join().ok().flatten());
            called.chain([None]).chain(answered).collect()
        });
        let seconds = deadline.as_secs();
        match (0..links.len()).find(|peer| *peer != own && links[*peer].is_none()) {
            Some(process) => Err(Error::Missing { process, seconds }),
            None => Ok(links),
        }
    }

    /// Calls a lower process until it answers, or until `end`.
    fn call_until(&self, peer: usize, end: Instant) -> Option<Links> {
        let mut open = Open::default();
        while !open.is_complete() && Instant::now() < end {
            let purpose = if open.data.is_none() { Purpose::Data } else { Purpose::Life };
            match self.call(peer, purpose, end) {
                Ok(socket) => open.add(purpose, socket),
                Err(_) => std::thread::sleep(RETRY_INTERVAL),
            }
        }
        open.complete()
    }

    /// Returns the connections of the higher processes, in order, as far as they have called by
    /// `end`.
    fn answer_until(&self, listener: &TcpListener, end: Instant) -> Vec<Open> {
        let own = self.cluster.process;
        let mut peers: Vec<Open> = Vec::new();
        peers.resize_with(self.cluster.addresses.len() - own - 1, Open::default);
        let mut callers: VecDeque<Caller> = VecDeque::new();
        while !peers.iter().all(Open::is_complete) && Instant::now() < end {
            // A limited number at a time, so that earlier callers are polled in between.
            for (socket, _) in std::iter::from_fn(|| listener.accept().ok()).take(CALLERS_MAX / 4) {
                if callers.len() == CALLERS_MAX {
                    callers.pop_front();
                }
                callers.extend(Caller::greet(socket, self.caller_deadline));
            }
            // A complete call comes from a peer or a stranger. Strangers are dropped.
            for _ in 0..callers.len() {
                let mut caller = callers.pop_front().expect("the loop counts the callers");
                match caller.poll() {
                    Ok(None) => callers.push_back(caller),
                    Ok(Some(call)) => {
                        if let Ok((peer, purpose, socket)) = self.answer(caller, &call) {
                            peers[peer - own - 1].add(purpose, socket);
                        }
                    }
                    Err(_) => {}
                }
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        peers
    }

    fn proof(&self, role: &str, purpose: u8, nonce: &[u8; 32], process: usize) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(role.as_bytes());
        hasher.update(&[purpose]);
        hasher.update(nonce);
        hasher.update(&(process as u64).to_le_bytes());
        hasher.update(&(self.cluster.processes() as u64).to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    fn call(&self, peer: usize, purpose: Purpose, end: Instant) -> Result<TcpStream, Error> {
        let address = self.cluster.addresses[peer].to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other("no such address"))?;
        // Longer than the listener takes to drop a caller, so that a call that it may still answer
        // is not given up.
        let end = end.min(Instant::now() + 2 * self.caller_deadline);
        let mut socket = TcpStream::connect_timeout(&address, left_until(end)?)?;
        socket.set_nodelay(true)?;
        let theirs: [u8; 32] = read_until(&mut socket, end)?;
        let ours = nonce()?;
        let own = self.cluster.process;
        let purpose = purpose as u8;
        let mut message = (own as u32).to_le_bytes().to_vec();
        message.push(purpose);
        message.extend(ours);
        message.extend(self.proof("caller", purpose, &theirs, own));
        socket.write_all(&message)?;
        let proof: [u8; 32] = read_until(&mut socket, end)?;
        if !same(&proof, &self.proof("listener", purpose, &ours, peer)) {
            return Err(io::Error::other("the peer does not know the token").into());
        }
        socket.set_read_timeout(None)?;
        Ok(socket)
    }

    /// Answers the call of a peer and returns its number, and what its connection is for.
    fn answer(
        &self,
        mut caller: Caller,
        call: &[u8; CALL_BYTES],
    ) -> Result<(usize, Purpose, TcpStream), Error> {
        let (peer, rest) = call.split_first_chunk().expect("a call is longer");
        let (purpose, rest) = rest.split_first().expect("a call is longer");
        let (theirs, proof) = rest.split_first_chunk().expect("a call is longer");
        let peer = u32::from_le_bytes(*peer) as usize;
        let proof = proof.try_into().expect("a call has this length");
        let known = peer > self.cluster.process && peer < self.cluster.processes();
        if !known || !same(proof, &self.proof("caller", *purpose, &caller.nonce, peer)) {
            return Err(io::Error::other("the caller does not know the token").into());
        }
        let own = self.cluster.process;
        caller.socket.write_all(&self.proof("listener", *purpose, theirs, own))?;
        caller.socket.set_nonblocking(false)?;
        let purpose = if *purpose == Purpose::Life as u8 { Purpose::Life } else { Purpose::Data };
        Ok((peer, purpose, caller.socket))
    }
}

/// A caller whose call is not complete yet.
struct Caller {
    socket: TcpStream,
    nonce: [u8; 32],
    received: Vec<u8>,
    end: Instant,
}

impl Caller {
    /// Sends the nonce. The whole call must arrive within `deadline` from now.
    fn greet(mut socket: TcpStream, deadline: Duration) -> io::Result<Caller> {
        let (nonce, end) = (nonce()?, Instant::now() + deadline);
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        // Does not block: the send buffer of a new socket is larger.
        socket.write_all(&nonce)?;
        Ok(Caller { socket, nonce, received: Vec::new(), end })
    }

    /// Returns the call once it is complete. Never blocks. Fails if the caller has closed the
    /// connection or missed its deadline.
    fn poll(&mut self) -> io::Result<Option<[u8; CALL_BYTES]>> {
        let mut buffer = [0; CALL_BYTES];
        while self.received.len() < CALL_BYTES {
            let missing = CALL_BYTES - self.received.len();
            match self.socket.read(&mut buffer[..missing]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.received.extend(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    left_until(self.end)?;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(self.received.as_slice().try_into().expect("the length is checked above")))
    }
}

/// The time until `end`; an error if `end` has passed.
fn left_until(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Compares in constant time.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    blake3::Hash::from(*a) == blake3::Hash::from(*b)
}

/// Reads `N` bytes before `end`, however slowly they come.
pub(super) fn read_until<const N: usize>(
    socket: &mut TcpStream,
    end: Instant,
) -> io::Result<[u8; N]> {
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

pub(super) fn nonce() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other).map(|()| bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
    use std::thread;

    /// Pause between the bytes of a slow stranger.
    const DRIP: Duration = Duration::from_millis(100);

    pub fn free_addresses(count: usize) -> Vec<String> {
        let listeners: Vec<_> =
            (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect()
    }

    fn cluster(process: usize, addresses: &[String]) -> Cluster {
        Cluster {
            process,
            addresses: addresses.to_vec(),
            token: "secret".to_owned(),
            ..Cluster::single()
        }
    }

    /// Starts `count` strangers that connect to `address` again whenever they are dropped, until the
    /// returned sender is dropped. Each sends `bytes`, one at a time with `pause` before each, and
    /// then waits.
    fn strangers(address: &str, count: usize, bytes: &'static [u8], pause: Duration) -> Sender<()> {
        let (stop, stopped) = channel();
        let address = address.to_owned();
        thread::spawn(move || {
            let mut callers: Vec<Option<(TcpStream, usize)>> = Vec::new();
            callers.resize_with(count, || None);
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                for caller in &mut callers {
                    let gone = match caller {
                        None => true,
                        Some((socket, sent)) => {
                            let byte = bytes.get(*sent..*sent + 1).unwrap_or_default();
                            *sent += byte.len();
                            let mut buffer = [0; 64];
                            socket.write_all(byte).is_err()
                                || matches!(socket.read(&mut buffer), Ok(0))
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

    /// The time that two processes take to connect while there are strangers.
    fn time_to_meet(count: usize, bytes: &'static [u8], pause: Duration) -> Duration {
        let addresses = free_addresses(2);
        let _strangers = strangers(&addresses[0], count, bytes, pause);
        let start = |process: usize| {
            let cluster = cluster(process, &addresses);
            thread::spawn(move || {
                let caller_deadline = Duration::from_secs(10);
                let handshake = Handshake { caller_deadline, ..Handshake::new(&cluster) };
                handshake.connect(Duration::from_secs(60)).map(drop)
            })
        };
        let first = start(0);
        thread::sleep(3 * DRIP);
        let began = Instant::now();
        let second = start(1);
        first.join().unwrap().unwrap();
        second.join().unwrap().unwrap();
        began.elapsed()
    }

    #[test]
    fn strangers_that_drip_or_idle_or_speak_http_delay_nobody() {
        for (count, bytes, pause) in [
            (1, &[0; CALL_BYTES][..], DRIP),
            (40, &[0; CALL_BYTES][..], DRIP),
            (40, b"", DRIP),
            // More than are answered at once.
            (CALLERS_MAX + 40, b"", DRIP),
            (3, b"GET / HTTP/1.1\r\n\r\n", Duration::from_millis(1)),
        ] {
            let time = time_to_meet(count, bytes, pause);
            // Waiting for a single stranger would take longer: 6.8 s to drip a call, 10 s to idle.
            assert!(time < Duration::from_secs(5), "{count} strangers with {bytes:?}: {time:?}");
        }
    }

    /// Sends a byte each [`DRIP`], never a whole call, until the peer closes the connection. Returns
    /// whether it does so within `patience`.
    fn is_closed_while_dripping(socket: &mut TcpStream, patience: Duration) -> bool {
        socket.set_read_timeout(Some(DRIP)).unwrap();
        let end = Instant::now() + patience;
        let (mut sent, mut buffer) = (0, [0; 64]);
        while Instant::now() < end {
            if sent + 1 < CALL_BYTES {
                sent += 1;
                if socket.write_all(&[0]).is_err() {
                    return true;
                }
            }
            match socket.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {} // The nonce.
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {}
                    io::ErrorKind::ConnectionReset => return true,
                    _ => panic!("{error}"),
                },
            }
        }
        false
    }

    #[test]
    fn a_stranger_that_drips_is_dropped_at_its_deadline() {
        let addresses = free_addresses(2);
        let listening = cluster(0, &addresses);
        let first = thread::spawn(move || {
            let handshake = Handshake { caller_deadline: 5 * DRIP, ..Handshake::new(&listening) };
            handshake.connect(Duration::from_secs(120)).map(drop)
        });
        let (mut stranger, began) = loop {
            let began = Instant::now();
            match TcpStream::connect(&addresses[0]) {
                Ok(socket) => break (socket, began),
                Err(_) => thread::sleep(POLL_INTERVAL),
            }
        };
        // Far more than the deadline, and far less than a hundred times the deadline.
        assert!(is_closed_while_dripping(&mut stranger, 100 * DRIP), "still connected");
        assert!(began.elapsed() >= 5 * DRIP, "dropped after {:?}", began.elapsed());
        // The listener still answers.
        let calling = cluster(1, &addresses);
        Handshake::new(&calling).connect(Duration::from_secs(120)).unwrap();
        first.join().unwrap().unwrap();
    }

    #[test]
    fn the_wait_for_peers_ends_at_its_deadline_while_a_stranger_drips() {
        let cluster = cluster(0, &free_addresses(2));
        let _stranger = strangers(&cluster.addresses[0], 1, &[0; CALL_BYTES], DRIP);
        let began = Instant::now();
        let met = Handshake::new(&cluster).connect(Duration::from_secs(1));
        assert!(matches!(met, Err(Error::Missing { process: 1, seconds: 1 })), "{met:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }

    #[test]
    fn a_listener_that_drips_is_given_up_at_the_deadline() {
        let addresses = free_addresses(2);
        let listener = TcpListener::bind(&addresses[0]).unwrap();
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            while socket.write_all(&[0]).is_ok() {
                thread::sleep(DRIP);
            }
        });
        let cluster = cluster(1, &addresses);
        let began = Instant::now();
        let met = Handshake::new(&cluster).connect(Duration::from_secs(1));
        assert!(matches!(met, Err(Error::Missing { process: 0, .. })), "{met:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
