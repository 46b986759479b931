//! Against a server that misbehaves.

use crate::{Policy, Remote};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use web::{Faults, Server};

/// A folder that is served, and a reader that does not wait long.
struct Place {
    folder: tempfile::TempDir,
    server: Server,
    remote: Remote,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path());
        let policy = Policy {
            attempts_max: 6,
            first_wait: Duration::from_millis(2),
            wait_max: Duration::from_millis(20),
            silence_max: Duration::from_millis(300),
        };
        Place { folder, server, remote: Remote::new(policy) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of bytes that are the same nowhere, and returns them.
    fn write(&self, name: &str, length: usize) -> Vec<u8> {
        let bytes = numbered(length, 0);
        replace(&self.path(name), &bytes);
        bytes
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.remote.stream(&self.server.url(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn numbered(length: usize, first: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = (first..).take(length / 4 + 1).flat_map(u32::to_le_bytes).collect();
    bytes.truncate(length);
    bytes
}

/// Replaces a file as a server does: the old one is sent to its end by those who have it open.
fn replace(path: &Path, bytes: &[u8]) {
    let next = path.with_extension("next");
    fs::write(&next, bytes).unwrap();
    fs::rename(next, path).unwrap();
}

const MIB: usize = 1 << 20;

#[test]
fn files_of_every_size_are_read_whole() {
    let place = Place::new();
    for length in [0, 1, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 15 * MIB + 3] {
        let name = format!("{length}");
        let bytes = place.write(&name, length);
        assert_eq!(place.remote.stat(&place.server.url(&name)).unwrap().bytes, length as u64);
        assert!(place.read(&name).unwrap() == bytes, "{length}");
        // The size, the head, and the rest.
        let requests = place.server.take_received().len();
        assert_eq!(requests, 1 + usize::from(length > 0) + usize::from(length > 2 * MIB));
    }
}

#[test]
fn a_file_that_is_opened_again_is_asked_for_once() {
    let place = Place::new();
    place.write("a", 1000);
    for _ in 0..3 {
        place.read("a").unwrap();
    }
    assert_eq!(place.server.take_received().len(), 2);
}

#[test]
fn connections_serve_one_request_after_another() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        place.write(name, 5 * MIB);
        place.read(name).unwrap();
    }
    assert_eq!(place.server.take_received().len(), 9);
    assert_eq!(place.server.connections(), 1);
}

#[test]
fn whatever_happens_to_connections_the_bytes_are_those_of_the_file() {
    let place = Place::new();
    let bytes = place.write("a", 9 * MIB + 7);
    let faults = [
        Faults { unready_every: 2, ..Faults::default() },
        Faults { cut_every: 1, cut_after: 1_000_003, ..Faults::default() },
        Faults { cut_every: 2, cut_after: 0, ..Faults::default() },
        Faults { silent_every: 3, ..Faults::default() },
        Faults { ignores_ranges: true, ..Faults::default() },
        Faults { ignores_ranges: true, cut_every: 2, cut_after: 5 << 20, ..Faults::default() },
        Faults { unready_every: 3, cut_every: 2, cut_after: 700_000, ..Faults::default() },
        Faults { has_no_version: true, cut_every: 2, cut_after: 1 << 20, ..Faults::default() },
    ];
    for faults in faults {
        // Another address each time, so that nothing is known of it.
        let name = format!("a?{faults:?}").replace(' ', "");
        place.server.set(faults.clone());
        assert!(place.read(&name).unwrap() == bytes, "{faults:?}");
    }
}

#[test]
fn a_reader_resumes_at_the_byte_that_it_has_reached() {
    let place = Place::new();
    place.write("a", 5 * MIB);
    place.server.set(Faults { cut_every: 3, cut_after: MIB as u64, ..Faults::default() });
    place.read("a").unwrap();
    let ranges: Vec<_> = place.server.take_received().into_iter().map(|r| r.range).collect();
    let range = |first: usize, last: usize| Some(format!("bytes={first}-{}", last - 1));
    let expected =
        [range(0, 1), range(0, 2 * MIB), range(2 * MIB, 5 * MIB), range(3 * MIB, 5 * MIB)];
    assert_eq!(ranges, expected);
}

#[test]
fn a_source_that_is_replaced_while_it_is_read_is_an_error() {
    let place = Place::new();
    let length = 30 * MIB;
    for (second, named) in [(numbered(length, 7), "of the same size"), (vec![1], "1 bytes, not")] {
        place.write("a", length);
        let remote = Remote::new(place.remote.policy);
        place.server.set(Faults::default());
        let mut stream = remote.stream(&place.server.url("a")).unwrap();
        replace(&place.path("a"), &second);
        let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StaleNetworkFileHandle);
        let what = error.to_string();
        assert!(what.contains("replaced while it was read") && what.contains(named), "{what}");
    }
    // Between the plan and the reading.
    place.write("b", 1000);
    place.remote.stat(&place.server.url("b")).unwrap();
    replace(&place.path("b"), &numbered(1000, 5));
    assert_eq!(place.read("b").unwrap_err().kind(), ErrorKind::StaleNetworkFileHandle);
}

#[test]
fn a_server_that_never_recovers_is_a_failure_of_the_network() {
    let place = Place::new();
    place.write("a", 5 * MIB);
    place.remote.stat(&place.server.url("a")).unwrap();
    let cases = [
        (Faults { unready_every: 1, ..Faults::default() }, ErrorKind::ConnectionReset, "(503)"),
        (
            Faults { cut_every: 1, cut_after: 0, ..Faults::default() },
            ErrorKind::ConnectionReset,
            "after byte 0 of 5242880",
        ),
        (Faults { silent_every: 1, ..Faults::default() }, ErrorKind::TimedOut, "no answer"),
    ];
    for (faults, kind, named) in cases {
        place.server.set(faults);
        let error = place.read("a").unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let what = error.to_string();
        assert!(what.contains(named) && what.contains("6 times in a row"), "{what}");
    }
}

#[test]
fn what_another_attempt_cannot_change_fails_at_once() {
    let place = Place::new();
    let kind = |name: &str| place.remote.stat(&place.server.url(name)).unwrap_err().kind();
    assert_eq!(kind("missing"), ErrorKind::NotFound);
    place.write("a", 1);
    place.server.set(Faults { required: Some(("authorization", "x")), ..Faults::default() });
    assert_eq!(kind("a"), ErrorKind::PermissionDenied);
    assert_eq!(place.server.take_received().len(), 2);
    // A host that has never answered.
    let started = Instant::now();
    let error = place.remote.stat("http://127.0.0.1:9/a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    assert!(error.to_string().contains("cannot reach 127.0.0.1:9"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_secret_is_sent_and_not_written() {
    let place = Place::new();
    let bytes = place.write("a", 1000);
    let basic = ("authorization", "Basic bWU6cGFzcw==");
    place.server.set(Faults { required: Some(basic), ..Faults::default() });
    let given = place.server.url("a?token=t&id=1").replace("http://", "http://me:pass@");
    let address = place.remote.name(&given).unwrap();
    assert_eq!(address.as_str(), place.server.url("a?id=1"));
    let mut read = Vec::new();
    place.remote.stream(address.as_str()).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes);
    let received = place.server.take_received();
    assert!(received.iter().all(|request| request.target == "/a?token=t&id=1"), "{received:?}");
    place.remote.name(&given).unwrap();
    let error = place.remote.name(&given.replace("token=t", "token=u")).unwrap_err();
    assert!(error.to_string().contains("name it once"), "{error}");
    assert!(!error.to_string().contains("token"), "{error}");
}

#[test]
fn any_place_of_a_file_can_be_read() {
    let place = Place::new();
    let bytes = place.write("a", 57 * MIB + 3);
    place.server.set(Faults { unready_every: 5, ..Faults::default() });
    let blocks = place.remote.blocks(&place.server.url("a")).unwrap();
    assert_eq!(blocks.bytes(), bytes.len() as u64);
    let read = |at: usize, length: usize| {
        let (mut into, mut filled) = (vec![0; length], 0);
        while filled < length {
            match blocks.read_at(&mut into[filled..], (at + filled) as u64).unwrap() {
                0 => break,
                read => filled += read,
            }
        }
        into.truncate(filled);
        assert!(into == bytes[at..bytes.len().min(at + length)], "{at}, {length}");
    };
    read(bytes.len() - 8, 8);
    read(bytes.len() - 8, 80);
    read(4 * MIB - 1, 2);
    read(30 * MIB, 9 * MIB);
    // In order, at two places in turn.
    for step in 0..20 {
        read(step * MIB, MIB);
        read(35 * MIB + step * MIB, MIB);
    }
    assert_eq!(blocks.read_at(&mut [0], bytes.len() as u64).unwrap(), 0);
    assert_eq!(blocks.read_at(&mut [0], u64::MAX).unwrap(), 0);
}

#[test]
fn a_place_of_a_file_needs_a_server_that_sends_parts() {
    let place = Place::new();
    place.write("a", 9 * MIB);
    place.server.set(Faults { ignores_ranges: true, ..Faults::default() });
    let blocks = place.remote.blocks(&place.server.url("a")).unwrap();
    let error = blocks.read_at(&mut [0], 8 << 20).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSeekable);
    assert!(error.to_string().contains("fetch it first"), "{error}");
}
