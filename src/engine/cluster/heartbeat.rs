//! Signs of life between the processes of a run.
//!
//! timely waits forever for a peer that is stopped, or whose network is cut. So every process sends
//! each other one a byte each second, on a connection of its own, and ends when it has heard nothing
//! for [`SILENCE_MAX`]. A byte also tells how a process ends:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 | alive |
//! | 1 | done: the run is complete, and no more will come |
//! | 2 | failed: the process reports an error of its own, which a new attempt would not mend |
//! | 3 | ending: the process was asked to end, and will: whoever commits should do so soon |
//!
//! A connection that closes without a 1 or a 2 is that of a process that was killed.

use super::{Error, Lost};
use crate::failure::peer_is_ending;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How often a process gives a sign of life.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// A process that gives no sign of life for this long is lost. Several times [`BEAT_EVERY`], for
/// machines that are overloaded.
const SILENCE_MAX: Duration = Duration::from_secs(8);

/// How long a sign may take to be sent.
const SEND_MAX: Duration = Duration::from_secs(1);

const ALIVE: u8 = 0;
const DONE: u8 = 1;
const FAILED: u8 = 2;
const ENDING: u8 = 3;

/// The run of this process, while there is one.
static RUN: Mutex<Option<Arc<Peers>>> = Mutex::new(None);

/// Tells the other processes of the run that this one fails, so that they do not take it for killed.
pub fn say_failed() {
    say(FAILED);
}

/// Tells the other processes of the run that this one is asked to end.
pub fn say_ending() {
    say(ENDING);
}

fn say(sign: u8) {
    let run = lock(&RUN).clone();
    run.iter().for_each(|peers| peers.say(sign));
}

/// The exchange of signs with the other processes of a run. Ends when it is dropped.
pub(super) struct Heartbeat(Arc<Peers>);

struct Peers(Vec<Peer>, AtomicBool);

struct Peer {
    process: usize,
    link: TcpStream,
}

impl Heartbeat {
    /// Starts to give signs of life on `links`, the connections to the other processes, and to wait
    /// for theirs. Calls `end` with the reason if the run cannot go on.
    pub fn start(links: Vec<(usize, TcpStream)>, end: fn(Error)) -> io::Result<Heartbeat> {
        let mut peers = Vec::new();
        for (process, link) in links {
            link.set_write_timeout(Some(SEND_MAX))?;
            link.set_read_timeout(Some(SILENCE_MAX))?;
            peers.push(Peer { process, link });
        }
        let peers = Arc::new(Peers(peers, AtomicBool::new(false)));
        for index in 0..peers.0.len() {
            let peers = peers.clone();
            let wait = move || {
                if let Some(error) = peers.0[index].wait()
                    && !peers.is_over()
                {
                    end(error);
                }
            };
            thread::Builder::new().name("heartbeat".into()).spawn(wait)?;
        }
        let beating = peers.clone();
        let beat = move || {
            while !beating.is_over() {
                beating.say(ALIVE);
                thread::sleep(BEAT_EVERY);
            }
        };
        thread::Builder::new().name("heartbeat".into()).spawn(beat)?;
        *lock(&RUN) = Some(peers.clone());
        Ok(Heartbeat(peers))
    }

    /// Tells the other processes that the run is complete.
    pub fn finish(self) {
        self.0.end(DONE);
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.end(FAILED);
        *lock(&RUN) = None;
    }
}

impl Peers {
    /// Gives a sign to all.
    fn say(&self, sign: u8) {
        for peer in &self.0 {
            // A peer that cannot be reached is noticed by its silence.
            let _ = (&peer.link).write_all(&[sign]);
        }
    }

    /// Gives the last sign, once.
    fn end(&self, sign: u8) {
        if !self.1.swap(true, SeqCst) {
            self.say(sign);
            for peer in &self.0 {
                let _ = peer.link.shutdown(Shutdown::Both);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.1.load(SeqCst)
    }
}

impl Peer {
    /// Waits until the process is done, or returns why it is lost.
    fn wait(&self) -> Option<Error> {
        let process = self.process;
        let lost = |lost| Some(Error::Lost { process, lost });
        let mut sign = [0];
        loop {
            match (&self.link).read(&mut sign) {
                Ok(1) if sign == [ALIVE] => {}
                Ok(1) if sign == [DONE] => return None,
                Ok(1) if sign == [ENDING] => peer_is_ending(process),
                Ok(1) => return Some(Error::Failed { process }),
                Ok(_) => return lost(Lost::Ended),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                        return lost(Lost::Silent { seconds: SILENCE_MAX.as_secs() });
                    }
                    _ => return lost(Lost::Ended),
                },
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, Sender, channel};

    fn pair() -> [TcpStream; 2] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        [caller, listener.accept().unwrap().0]
    }

    /// Waits for the signs of process 7, which is the returned end of its connection.
    fn watched(silence: Duration) -> (TcpStream, Receiver<Option<Error>>) {
        let [ours, theirs] = pair();
        ours.set_read_timeout(Some(silence)).unwrap();
        let (ended, end): (Sender<_>, _) = channel();
        let peer = Peer { process: 7, link: ours };
        thread::spawn(move || ended.send(peer.wait()));
        (theirs, end)
    }

    #[test]
    fn the_last_sign_tells_how_a_process_ended() {
        for (signs, expected) in [
            (&[ALIVE, ALIVE, DONE][..], "None"),
            (&[ALIVE, FAILED], "Some(Failed { process: 7 })"),
            (&[ALIVE], "Some(Lost { process: 7, lost: Ended })"),
            (&[], "Some(Lost { process: 7, lost: Ended })"),
        ] {
            let (mut peer, end) = watched(SILENCE_MAX);
            peer.write_all(signs).unwrap();
            drop(peer);
            let end = end.recv_timeout(SILENCE_MAX).unwrap();
            assert_eq!(format!("{end:?}"), expected, "{signs:?}");
        }
    }

    #[test]
    fn a_silent_process_is_lost_and_one_that_beats_is_not() {
        let (mut peer, end) = watched(Duration::from_millis(400));
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(100));
            peer.write_all(&[ALIVE]).unwrap();
        }
        assert!(end.try_recv().is_err(), "lost while it gave signs of life");
        let end = end.recv_timeout(SILENCE_MAX).unwrap();
        assert!(
            matches!(end, Some(Error::Lost { process: 7, lost: Lost::Silent { .. } })),
            "{end:?}"
        );
        drop(peer);
    }

    #[test]
    fn a_run_that_is_complete_ends_no_peer() {
        let [one, two] = pair();
        let end = |error: Error| panic!("{error}");
        let first = Heartbeat::start(vec![(1, one)], end).unwrap();
        let mut peer = two;
        let mut sign = [9];
        peer.read_exact(&mut sign).unwrap();
        assert_eq!(sign, [ALIVE]);
        first.finish();
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.last(), Some(&DONE), "{rest:?}");
    }
}
