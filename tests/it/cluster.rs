//! Processes started by hand work together, but only if they have the same task.

use crate::support::{Outcome, Place, assert_same, both_dumps, keep_all};
use std::net::TcpListener;

/// Writes a host file for two processes. Returns the flags of each.
fn two_hosts(place: &Place) -> [String; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let lines = listeners.map(|listener| listener.local_addr().unwrap().to_string());
    place.write("hosts", lines.join("\n"));
    [0, 1].map(|process| format!("--processes 2 --process {process} --hostfile hosts"))
}

/// Runs process 0 with one recipe and process 1 with another.
fn together(place: &Place, recipes: [&str; 2]) -> [Outcome; 2] {
    let [first, second] = two_hosts(place);
    let other = place.start(&format!("build {} --corpus corpus {second}", recipes[1]));
    let first = place.run(&format!("build {} --corpus corpus {first}", recipes[0]));
    [first, other.wait()]
}

#[test]
fn processes_started_by_hand_export_the_same_bytes() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    place.run("build recipe.toml --corpus plain").exits(0);
    for process in together(&place, ["recipe.toml"; 2]) {
        process.exits(0);
    }
    assert_same(&place.export("corpus"), &place.export("plain"), "two processes by hand");
}

#[test]
fn a_process_with_another_recipe_is_rejected_and_nothing_is_read() {
    let place = Place::new();
    place.write("one.toml", both_dumps("", ""));
    place.write("other.toml", both_dumps("", "min_chars = 200"));
    let [first, second] = together(&place, ["one.toml", "other.toml"]);
    first.exits(1).names(&["process 1", "recipe"]);
    second.exits(1).names(&["process 0", "recipe"]);
    assert_eq!(place.status("corpus")["commit"], 0);
}

#[test]
fn too_many_workers_or_processes_are_wrong_usage() {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml -w 3000").exits(2).names(&["at most 512 workers in a process"]);
    place.run("build recipe.toml -n 3000").exits(2).names(&["at most 256 processes in a run"]);
    place.run("launch -n 3000 -- build recipe.toml").exits(2).names(&["at most 256 processes"]);
    place.run("score no.jsonl -w 3000").exits(2).names(&["at most 512 workers"]);
}
