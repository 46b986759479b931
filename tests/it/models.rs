//! Model files are fetched whole or not at all, and a changed one is noticed.

use crate::support::{Place, list, text};
use rustix::fs::{CWD, mkfifoat};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

/// A file server on this machine, with a log of its requests.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// The path of a request, and its headers in lower case.
#[derive(Clone, Debug)]
struct Request {
    path: String,
    headers: Vec<(String, String)>,
}

struct Answer {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The bytes of the body that are sent before the connection is dropped.
    sent: usize,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that is requested.
    fn start(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes="));
        range.map_or(0, |range| range.strip_suffix('-').unwrap().parse().unwrap())
    }
}

impl Answer {
    fn whole(body: &[u8]) -> Answer {
        Answer { status: "200 OK", headers: vec![], body: body.to_vec(), sent: usize::MAX }
    }

    fn status(status: &'static str) -> Answer {
        Answer { status, ..Answer::whole(b"") }
    }

    /// The requested part of `body`, from a server that supports ranges.
    fn ranged(request: &Request, body: &[u8]) -> Answer {
        match request.start() {
            0 => Answer::whole(body),
            start => {
                let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
                let status = "206 Partial Content";
                Answer { status, ..Answer::whole(&body[start..]) }.with("Content-Range", range)
            }
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    fn dropped_after(self, sent: usize) -> Answer {
        Answer { sent, ..self }
    }
}

impl Server {
    /// Starts a server. `answer` gets the number of the request and the request.
    fn start(answer: impl Fn(usize, &Request) -> Answer + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        std::thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let mut connection = connection.unwrap();
                let request = read_request(&connection);
                log.lock().unwrap().push(request.clone());
                send(&mut connection, answer(number, &request));
            }
        });
        Server { address, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(connection: &TcpStream) -> Request {
    let mut lines = BufReader::new(connection).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Request {
        headers: headers.collect(),
        path: first.split_whitespace().nth(1).unwrap().to_owned(),
    }
}

/// Ignores errors: the client may close the connection before everything is sent.
fn send(connection: &mut TcpStream, answer: Answer) {
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", answer.status);
    if answer.headers.iter().all(|(name, _)| *name != "Transfer-Encoding") {
        head += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let sent = &answer.body[..answer.sent.min(answer.body.len())];
    let _ = connection.write_all(head.as_bytes());
    let _ = connection.write_all(b"\r\n").and_then(|()| connection.write_all(sent));
}

/// Pseudorandom bytes.
fn model(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names in the folder `models`, without the lock.
fn files(place: &Place) -> Vec<String> {
    let all = crate::support::files_below(&place.path("models")).into_keys();
    all.filter(|name| name != "lock").collect()
}

fn records(place: &Place) -> Value {
    serde_json::from_slice(&fs::read(place.path("models/models.json")).unwrap()).unwrap()
}

#[test]
fn a_model_of_two_files_is_fetched_and_recorded() {
    let (pieces, grams) = (model(10_000, 1), model(300_000, 2));
    let bodies = (pieces.clone(), grams.clone());
    let server = Server::start(move |_, request| match request.path.as_str() {
        "/lm/en.sp.model" => Answer::whole(&bodies.0),
        "/lm/en.arpa.bin" => Answer::whole(&bodies.1),
        _ => Answer::status("404 Not Found"),
    });
    let place = Place::new();
    let line = format!("models fetch ccnet:en --from {}/lm/", server.address);
    let done = place.run(&line).exits(0);
    assert!(done.stdout.contains("no checksum is published"), "{done}");
    assert_eq!(fs::read(place.path("models/ccnet/en.sp.model")).unwrap(), pieces);
    assert_eq!(fs::read(place.path("models/ccnet/en.arpa.bin")).unwrap(), grams);
    assert_eq!(files(&place), ["ccnet/en.arpa.bin", "ccnet/en.sp.model", "models.json"]);
    let written = &records(&place)["ccnet/en.sp.model"];
    assert_eq!(text(&written["sha256"]), sha256(&pieces));
    assert_eq!(text(&written["from"]), format!("{}/lm/en.sp.model", server.address));
    let sound = place.run("models verify").exits(0);
    assert!(sound.stdout.contains("2 files, all as they should be"), "{sound}");
    // The second time, nothing is requested.
    place.run(&line).exits(0);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_dropped_download_resumes_where_it_stopped() {
    let whole = model(400_000, 3);
    let body = whole.clone();
    let server = Server::start(move |number, request| {
        let answer = Answer::ranged(request, &body).with("ETag", "\"one\"");
        if number < 2 { answer.dropped_after(150_000) } else { answer }
    });
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(0).names(&["the connection was dropped", "resuming after"]);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), whole);
    let requests = server.requests();
    assert_eq!(requests.iter().map(Request::start).collect::<Vec<_>>(), [0, 150_000, 300_000]);
    assert_eq!(requests[1].header("if-range"), Some("\"one\""));
    assert_eq!(files(&place), ["models.json", "wikiref.model.bin"]);
}

#[test]
fn a_later_command_resumes_where_an_earlier_one_stopped() {
    let whole = model(400_000, 4);
    let body = whole.clone();
    let server = Server::start(move |number, request| match number {
        0 => Answer::whole(&body).with("ETag", "\"one\"").dropped_after(100_000),
        1 => Answer::status("404 Not Found"),
        _ => Answer::ranged(request, &body).with("ETag", "\"one\""),
    });
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(1).names(&["there is no such file (404)"]);
    assert_eq!(files(&place), ["wikiref.model.bin.part", "wikiref.model.bin.part.json"]);
    let listed = place.run("models list").exits(0);
    assert!(listed.stdout.contains("97.66 KiB of it"), "{listed}");
    place.run(&line).exits(0);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), whole);
    assert_eq!(server.requests()[2].start(), 100_000);
}

#[test]
fn two_versions_of_a_file_are_never_mixed() {
    let (old, new) = (model(400_000, 5), model(400_000, 6));
    let body = new.clone();
    let server = Server::start(move |number, request| match number {
        0 => Answer::whole(&old).with("ETag", "\"old\"").dropped_after(100_000),
        // A server that ignores If-Range. The tag shows that the file is another.
        1 => Answer::ranged(request, &body).with("ETag", "\"new\""),
        _ => Answer::ranged(request, &body).with("ETag", "\"new\""),
    });
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(0).names(&["another part than requested"]);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), new);
}

#[test]
fn a_part_other_than_the_requested_one_is_not_used() {
    let whole = model(400_000, 30);
    let body = whole.clone();
    let server = Server::start(move |number, request| match number {
        0 => Answer::whole(&body).with("ETag", "\"one\"").dropped_after(100_000),
        1 => Answer { status: "206 Partial Content", ..Answer::whole(&body[50_000..]) }
            .with("Content-Range", "bytes 50000-399999/400000"),
        _ => Answer::ranged(request, &body),
    });
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(0).names(&["another part than requested"]);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), whole);
}

#[test]
fn a_server_without_ranges_sends_the_whole_file_again() {
    let whole = model(400_000, 7);
    let body = whole.clone();
    let server = Server::start(move |number, _| {
        let answer = Answer::whole(&body).with("Last-Modified", "Tue, 07 Nov 2017 00:00:00 GMT");
        if number == 0 { answer.dropped_after(150_000) } else { answer }
    });
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(0);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), whole);
    assert_eq!(server.requests()[1].start(), 150_000);
}

#[test]
fn without_a_version_or_a_checksum_a_dropped_download_starts_over() {
    let whole = model(400_000, 8);
    let body = whole.clone();
    let server = Server::start(move |number, request| {
        let answer = Answer::ranged(request, &body);
        if number == 0 { answer.dropped_after(150_000) } else { answer }
    });
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(0);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), whole);
    assert_eq!(server.requests()[1].header("range"), None);
}

#[test]
fn a_fetch_gives_up_on_a_server_that_always_drops_and_keeps_the_part() {
    let body = model(400_000, 9);
    let server = Server::start(move |number, request| match number {
        0 => Answer::ranged(request, &body).with("ETag", "\"one\"").dropped_after(100_000),
        _ => Answer::ranged(request, &body).with("ETag", "\"one\"").dropped_after(0),
    });
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(1).names(&["5 times in a row", "97.66 KiB are kept"]);
    assert_eq!(server.requests().len(), 5);
    assert_eq!(fs::metadata(place.path("models/wikiref.model.bin.part")).unwrap().len(), 100_000);
}

/// The published size of `lid.176.ftz`.
const FTZ_BYTES: usize = 938_013;

#[test]
fn a_file_with_a_wrong_checksum_leaves_nothing() {
    let server = Server::start(|_, request| match request.path.as_str() {
        "/same-size" => Answer::whole(&model(FTZ_BYTES, 10)),
        _ => Answer::whole(&model(1_000, 11)),
    });
    let place = Place::new();
    let line = |path| format!("models fetch lid.176.ftz --from {}/{path}", server.address);
    let wrong = place.run(&line("same-size")).exits(1);
    wrong.names(&["its SHA-256 is", "8f3472cfe8738a7b", "nothing was kept", "models/lid.176.ftz"]);
    assert_eq!(files(&place), [""; 0]);
    // A wrong size is reported before anything is downloaded.
    place.run(&line("short")).exits(1).names(&["1000 bytes, not 938013"]);
    assert_eq!(files(&place), [""; 0]);
    place.write("other.ftz", model(FTZ_BYTES, 10));
    place.run("models fetch lid.176.ftz --from other.ftz").exits(1).names(&["its SHA-256 is"]);
    assert_eq!(files(&place), [""; 0]);
}

#[test]
fn a_file_fetched_again_must_be_the_same() {
    let server = Server::start(|number, _| Answer::whole(&model(5_000, 12 + number as u64)));
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(0);
    fs::remove_file(place.path("models/wikiref.model.bin")).unwrap();
    let changed = place.run(&line).exits(1);
    changed.names(&["its SHA-256 is", "remove wikiref.model.bin from models/models.json"]);
    assert_eq!(files(&place), ["models.json"]);
}

#[test]
fn a_missing_file_a_web_page_and_an_empty_file_are_reported_as_such() {
    let server = Server::start(|_, request| match request.path.as_str() {
        "/page" => Answer::whole(b"<html>").with("Content-Type", "text/html; charset=utf-8"),
        "/empty" => Answer::whole(b""),
        "/private" => Answer::status("403 Forbidden"),
        _ => Answer::status("404 Not Found"),
    });
    let place = Place::new();
    for (path, word) in [
        ("none", "there is no such file (404)"),
        ("private", "denies access (403)"),
        ("page", "a web page"),
        ("empty", "it is empty"),
    ] {
        let line = format!("models fetch wikiref --from {}/{path}", server.address);
        let outcome = place.run(&line).exits(1);
        outcome.names(&[word, "by hand: put the file at models/wikiref.model.bin"]);
        assert_eq!(files(&place), [""; 0], "{path}");
    }
    assert_eq!(server.requests().len(), 4, "permanent errors are not retried");
}

#[test]
fn a_server_that_is_not_ready_is_asked_again() {
    let server = Server::start(|number, _| match number {
        0 => Answer::status("503 Service Unavailable"),
        _ => Answer::whole(&model(5_000, 20)),
    });
    let place = Place::new();
    place.run(&format!("models fetch wikiref --from {}/x", server.address)).exits(0);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_redirect_is_followed() {
    let server = Server::start(|_, request| match request.path.as_str() {
        "/old" => Answer::status("302 Found").with("Location", "/new"),
        "/new" => Answer::whole(&model(5_000, 21)),
        _ => Answer::status("404 Not Found"),
    });
    let place = Place::new();
    place.run(&format!("models fetch wikiref --from {}/old", server.address)).exits(0);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), model(5_000, 21));
}

#[test]
fn a_chunked_body_is_fetched_and_an_incomplete_one_is_not() {
    let chunk = |end: &str| [&b"1388\r\n"[..], &model(5_000, 22), end.as_bytes()].concat();
    let server = Server::start(move |_, request| {
        let body = chunk(if request.path == "/whole" { "\r\n0\r\n\r\n" } else { "\r\n" });
        Answer::whole(&body).with("Transfer-Encoding", "chunked")
    });
    let place = Place::new();
    place.run(&format!("models fetch wikiref --from {}/whole", server.address)).exits(0);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), model(5_000, 22));
    place.run(&format!("models fetch lid.176.bin --from {}/broken", server.address)).exits(1);
    assert!(!place.path("models/lid.176.bin").exists());
}

/// A chunked body that is far larger than any limit.
fn without_end() -> Answer {
    let chunk = [&b"10000\r\n"[..], &model(0x10000, 30), b"\r\n"].concat();
    Answer::whole(&chunk.repeat(400)).with("Transfer-Encoding", "chunked")
}

#[test]
fn no_more_than_the_known_size_is_written() {
    let server = Server::start(|_, _| without_end());
    let place = Place::new();
    let line = format!("models fetch lid.176.ftz --from {}/lid.176.ftz", server.address);
    // Writing more would fail.
    let blocks = FTZ_BYTES as u64 / 512 + 1;
    let expected = ["the server sends more than the 916.03 KiB", "nothing was kept of it"];
    place.run_with_file_limit(blocks, &line).exits(1).names(&expected);
    assert_eq!(files(&place), [""; 0]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn no_more_than_the_limit_is_written_if_no_size_is_known() {
    let server = Server::start(|_, request| match request.path.as_str() {
        "/endless" => without_end(),
        _ => Answer::whole(&model((1 << 20) + 1, 31)),
    });
    let place = Place::new();
    let fetch = |name: &str, size: &str| {
        let address = &server.address;
        let line = format!("models fetch wikiref --max-size {size} --from {address}/{name}");
        place.run_with_file_limit(4 << 11, &line)
    };
    fetch("endless", "1M").exits(1).names(&["more than 1.00 MiB", "--max-size allows more"]);
    fetch("long", "1M").exits(1).names(&["a file of 1.00 MiB", "--max-size allows more"]);
    assert_eq!(files(&place), [""; 0]);
    fetch("long", "2M").exits(0);
}

#[test]
fn nothing_is_written_through_a_link_or_pipe_in_place_of_a_part() {
    let whole = model(5_000, 32);
    let body = whole.clone();
    let server = Server::start(move |_, _| Answer::whole(&body));
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    let kinds: [fn(&Place, &str); 4] = [
        |place, name| symlink(place.path("victim"), place.path(name)).unwrap(),
        |place, name| symlink("gone", place.path(name)).unwrap(),
        |place, name| fs::hard_link(place.path("victim"), place.path(name)).unwrap(),
        |place, name| mkfifoat(CWD, place.path(name), 0o600.into()).unwrap(),
    ];
    for put_in_place in kinds {
        let place = Place::new();
        place.write("victim", "not a model");
        fs::create_dir(place.path("models")).unwrap();
        put_in_place(&place, "models/wikiref.model.bin.part");
        put_in_place(&place, "models/wikiref.model.bin.part.json");
        place.run(&line).exits(0);
        assert_eq!(fs::read(place.path("victim")).unwrap(), b"not a model");
        let model = place.path("models/wikiref.model.bin");
        assert!(fs::symlink_metadata(&model).unwrap().is_file());
        assert_eq!(fs::read(model).unwrap(), whole);
        assert!(!place.path("models/gone").exists());
    }
}

#[test]
fn a_link_in_place_of_a_model_is_named_and_kept() {
    let server = Server::start(|_, _| Answer::whole(&model(5_000, 33)));
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    let place = Place::new();
    fs::create_dir(place.path("models")).unwrap();
    symlink("gone", place.path("models/wikiref.model.bin")).unwrap();
    place.run(&line).exits(1).names(&["models/wikiref.model.bin is in the way: it is a link"]);
    assert!(place.path("models/wikiref.model.bin").is_symlink());
    assert!(server.requests().is_empty());
}

#[test]
fn a_download_does_not_resume_from_a_changed_part() {
    let whole = model(400_000, 34);
    let body = whole.clone();
    let server = Server::start(move |number, request| match number {
        0 => Answer::whole(&body).with("ETag", "\"one\"").dropped_after(100_000),
        1 => Answer::status("404 Not Found"),
        _ => Answer::ranged(request, &body).with("ETag", "\"one\""),
    });
    let place = Place::new();
    let line = format!("models fetch wikiref --from {}/wikiref.model.bin", server.address);
    place.run(&line).exits(1);
    let part = place.path("models/wikiref.model.bin.part");
    let mut bytes = fs::read(&part).unwrap();
    bytes[50_000] ^= 1;
    fs::write(&part, bytes).unwrap();
    place.run(&line).exits(0);
    assert_eq!(fs::read(place.path("models/wikiref.model.bin")).unwrap(), whole);
    assert_eq!(server.requests()[2].start(), 0);
}

#[test]
fn a_redirect_from_http_is_followed_only_to_the_same_host() {
    let server = Server::start(|_, request| match request.path.as_str() {
        // The same machine with another name.
        "/away" => {
            let host = request.header("host").unwrap().replace("127.0.0.1", "localhost");
            Answer::status("302 Found").with("Location", format!("http://{host}/new"))
        }
        "/round" => Answer::status("307 Temporary Redirect").with("Location", "round"),
        _ => Answer::whole(&model(5_000, 35)),
    });
    let place = Place::new();
    let fetch =
        |name: &str| place.run(&format!("models fetch wikiref --from {}/{name}", server.address));
    fetch("away").exits(1).names(&["it redirects to http://localhost:", "the same host"]);
    assert_eq!(server.requests().len(), 1);
    fetch("round").exits(1).names(&["more than 10 redirects"]);
    assert_eq!(files(&place), [""; 0]);
}

#[test]
fn without_a_network_the_manual_way_is_named() {
    // Bound and released, so nothing listens on it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = Place::new();
    let outcome = place.run(&format!("models fetch wikiref --from http://127.0.0.1:{port}/x"));
    outcome.exits(1).names(&["cannot reach", "by hand: put the file at models/wikiref.model.bin"]);
    assert_eq!(files(&place), [""; 0]);
}

#[test]
fn files_can_come_from_paths_and_one_copied_by_hand_is_recorded() {
    let place = Place::new();
    fs::create_dir_all(place.path("usb")).unwrap();
    place.write("usb/de.arpa.bin", model(5_000, 23));
    place.write("usb/de.sp.model", model(5_000, 24));
    place.run("models fetch ccnet:de --from usb --dir here").exits(0);
    assert_eq!(fs::read(place.path("here/ccnet/de.sp.model")).unwrap(), model(5_000, 24));
    place.write("here/wikiref.model.bin", model(5_000, 25));
    let unknown = place.run("models verify here").exits(0);
    assert!(unknown.stdout.contains("0 wrong, 1 with nothing to compare with"), "{unknown}");
    place.run("models fetch wikiref --dir here").exits(0);
    place.run("models verify here").exits(0);
    place.write("here/wikiref.model.bin", model(5_000, 26));
    let changed = place.run("models verify here --json").exits(1).json();
    assert_eq!((&changed["right"], &changed["wrong"]), (&Value::from(2), &Value::from(1)));
    let file = list(&changed["files"]).iter().find(|file| file["state"] == "wrong").unwrap();
    assert_eq!(
        (text(&file["file"]), text(&file["sha256_from"])),
        ("wikiref.model.bin", "first fetch")
    );
}

#[test]
fn verify_detects_a_truncated_file() {
    let place = Place::new();
    fs::create_dir_all(place.path("models")).unwrap();
    place.write("models/lid.176.ftz", model(100, 27));
    let cut = place.run("models verify").exits(1);
    assert!(cut.stdout.contains("is not as published: 100 bytes, not 938013"), "{cut}");
    place.run("models fetch lid.176.ftz").exits(1).names(&["remove it"]);
    place.run("models verify nowhere").exits(1).names(&["there is no folder nowhere"]);
    place.write("models/models.json", "{");
    place.run("models verify").exits(1).names(&["models/models.json is damaged"]);
}

#[test]
fn upstreams_own_files_have_the_checksums_of_the_table() {
    let Some(place) = Place::with_data() else { return };
    place.run("models fetch lid.176.ftz --from data/models/langid/lid.176.ftz").exits(0);
    let tokenizer = "data/models/tokenizers/gpt_neox_20B_tokenizer.json";
    place.run(&format!("models fetch gpt-neox-20b --from {tokenizer}")).exits(0);
    let sound = place.run("models verify --json").exits(0).json();
    assert_eq!(sound["right"], 2);
    assert!(list(&sound["files"]).iter().all(|file| file["sha256_from"] == "published"));
    assert_eq!(files(&place), ["gpt-neox-20b.json", "lid.176.ftz"]);
}

#[test]
fn the_list_has_every_language_of_ccnet_and_shows_what_is_present() {
    let place = Place::new();
    fs::create_dir_all(place.path("models/ccnet")).unwrap();
    place.write("models/ccnet/de.sp.model", model(100, 28));
    let listed = place.run("models list --json").exits(0).json();
    let models = list(&listed["models"]);
    let named = |start: &str| models.iter().filter(|m| text(&m["name"]).starts_with(start)).count();
    assert_eq!((named("ccnet:"), named("lid."), models.len()), (48, 2, 52));
    let all = models.iter().flat_map(|model| list(&model["files"]));
    let present: Vec<&str> =
        all.filter(|file| file["state"] == "present").map(|file| text(&file["file"])).collect();
    assert_eq!(present, ["ccnet/de.sp.model"]);
    let shown = place.run("models list").exits(0);
    assert!(
        shown.stdout.contains("916.03 KiB") && shown.stdout.contains("CC-BY-SA-3.0"),
        "{shown}"
    );
}

#[test]
fn a_wrong_command_says_what_would_be_right() {
    let place = Place::new();
    place.run("models fetch lid.176.fzt").exits(2).names(&["did you mean lid.176.ftz?"]);
    place.run("models fetch ccnet").exits(2).names(&["as in ccnet:en", " zh"]);
    place.run("models fetch ccnet:en --from en.arpa.bin").exits(2).names(&["2 are to be fetched"]);
    place.run("models fetch wikiref --from ftp://x/y").exits(2).names(&["use http://, https://"]);
}

#[test]
fn only_one_fetch_at_a_time_writes_to_a_folder() {
    let place = Place::new();
    fs::create_dir_all(place.path("models")).unwrap();
    place.write("x", model(100, 29));
    let lock = File::create(place.path("models/lock")).unwrap();
    lock.try_lock().unwrap();
    place.run("models fetch wikiref --from x").exits(1).names(&["another sluice is fetching"]);
    drop(lock);
    place.run("models fetch wikiref --from x").exits(0);
}
