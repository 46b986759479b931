//! `--dashboard`: a page, figures and metrics of a run, over all its processes, while it runs.

use crate::support::{Place, Running, both_dumps, number};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Many epochs, so that the run can be watched.
const BUILD: &str =
    "build recipe.toml --corpus corpus --epoch-bytes 2K --commit-every 1K -w 1 --dashboard :0";

/// The response to a request, whole.
fn ask(address: &str, request: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.write_all(request.as_bytes()).ok()?;
    let mut response = String::new();
    socket.read_to_string(&mut response).ok()?;
    Some(response)
}

fn get(address: &str, path: &str) -> Option<String> {
    let response = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n"))?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
    Some(body.to_owned())
}

/// Waits for the address that a run prints.
fn address(run: &mut Running) -> String {
    loop {
        let printed = run.output("err");
        let line = printed.lines().find_map(|line| line.split_once("dashboard: http://"));
        if let Some((_, address)) = line {
            return address.trim_end_matches('/').to_owned();
        }
        assert!(!run.is_over(), "the run ended without an address: {printed}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks for the figures until `is_enough`.
fn figures(address: &str, run: &mut Running, is_enough: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let body = get(address, "/figures.json").unwrap_or_default();
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        if is_enough(&value) {
            return value;
        }
        assert!(!run.is_over() && began.elapsed() < Duration::from_secs(60), "{value:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn count(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

#[test]
fn a_run_of_several_processes_shows_the_figures_of_all() {
    for (launch, processes) in [("", 1), ("launch -n 2 -- ", 2)] {
        let place = Place::new();
        place.write("recipe.toml", both_dumps("", ""));
        let mut run = place.start(&format!("{launch}{BUILD}"));
        let address = address(&mut run);
        let value = figures(&address, &mut run, |value| {
            count(&value["processes"]) == processes
                && count(&value["operators"]) > 0
                && value["commits"]["made"].as_u64() > Some(0)
                && value["totals"]["kept"].as_u64() > Some(0)
        });
        assert!(
            number(&value["epochs"]["planned"]) > number(&value["epochs"]["written"]),
            "{value:#}"
        );
        let operators = value["operators"].as_array().unwrap();
        let names: Vec<&str> = operators.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"Write") && names.contains(&"Commit"), "{names:?}");
        for process in value["processes"].as_array().unwrap() {
            assert!(number(&process["resident_bytes"]) > 1 << 20, "{process:#}");
            assert_eq!(count(&process["workers"]), 1);
        }
        let page = get(&address, "/").unwrap();
        assert!(page.starts_with("<!doctype html>") && !page.contains("https://"), "{page}");
        let metrics = get(&address, "/metrics").unwrap();
        for name in
            ["sluice_documents_read_total{", "sluice_epochs{", "sluice_process_resident_bytes{"]
        {
            assert!(metrics.contains(name), "{name}: {metrics}");
        }
        // The last figures are those of the summary: a page that is open has time to read them.
        let last = figures(&address, &mut run, |value| value["phase"] == "ended");
        run.wait().exits(0);
        let labels = place.status("corpus")["slices"]["common_crawl"]["labels"].clone();
        let sum = |key: &str| -> u64 {
            labels.as_object().unwrap().values().map(|label| number(&label[key])).sum()
        };
        let totals = &last["totals"];
        assert_eq!(
            (number(&totals["documents"]), number(&totals["kept"])),
            (sum("read"), sum("kept"))
        );
        assert_eq!(number(&totals["stored_bytes"]), number(&totals["stored_bytes_total"]));
        for (reason, dropped) in totals["dropped"].as_object().unwrap() {
            let of = |label: &Value| label["dropped"][reason].as_u64().unwrap_or_default();
            let expected: u64 = labels.as_object().unwrap().values().map(of).sum();
            assert_eq!(number(dropped), expected, "{reason}");
        }
    }
}

#[test]
fn clients_that_are_slow_or_speak_something_else_harm_nothing() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    let mut run = place.start(BUILD);
    let address = address(&mut run);
    // More than are served at once: they stay open, and say nothing, or half of a request.
    let silent: Vec<_> = (0..200)
        .filter_map(|number| {
            let mut socket = TcpStream::connect(&address).ok()?;
            let words: &[u8] = if number % 2 == 0 { b"" } else { b"GET / HTTP/1.1\r\nHos" };
            socket.write_all(words).ok()?;
            Some(socket)
        })
        .collect();
    for request in [
        "\0\u{1}\u{2}\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /etc HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let response = ask(&address, request).unwrap_or_default();
        assert!(!response.starts_with("HTTP/1.1 200"), "{request:?}: {response}");
    }
    run.wait().exits(0);
    drop(silent);
    place.assert_sound("corpus");
}

#[test]
fn an_address_that_cannot_be_served_is_an_error_before_anything_begins() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let build = "build recipe.toml --corpus corpus --dashboard";
    let outcome = place.run(&format!("{build} {}", taken.local_addr().unwrap())).exits(1);
    outcome.names(&["cannot serve a dashboard", "choose another port"]);
    assert!(!fs::exists(place.path("corpus")).unwrap());
    place.run(&format!("{build} nowhere")).exits(2).names(&["--dashboard", "HOST:PORT"]);
}
