//! `bench dedup` ends, and its engines agree.

use crate::support::{Place, number};
use serde_json::Value;

#[test]
fn engines_find_the_same_duplicates_over_many_epochs() {
    let place = Place::new();
    let dedup = "bench dedup --keys 60000 --epoch-keys 7000 --json";
    let run = |more: &str| place.run(&format!("{dedup} {more}")).exits(0).json();
    let found = |outcome: &Value| {
        let dumps = [outcome, &outcome["increment"]];
        dumps.map(|dump| (number(&dump["facts"]), number(&dump["checksum"])))
    };
    let arrangement = run("-w 2");
    let [(facts, _), (added, _)] = found(&arrangement);
    assert!((facts as f64 / 60_000.0 - 0.3).abs() < 0.02 && added > 0, "{arrangement}");
    assert_eq!(number(&arrangement["keys"]), 60_000);
    assert_eq!(number(&arrangement["increment"]["state_keys"]), 66_000);
    for other in ["-w 1", "-w 2 --engine hash", "-w 2 --engine differential", "-n 2 -w 1"] {
        assert_eq!(found(&run(other)), found(&arrangement), "{other}");
    }
}
