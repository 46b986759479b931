//! The setting `dedup`, which several slices have.

use crate::promises;
use crate::support::{Place, number};
use serde_json::Value;

#[test]
fn each_method_keeps_the_promises_and_drops_its_own_kind_of_copies() {
    let labels = [("2019-30", "fixtures/2019-30"), ("2020-05", "fixtures/2020-05")];
    let methods = [
        ("none", None, 0),
        // In the kept languages: 12 and 6 exact copies, and 30 pages that were crawled again.
        ("exact", Some("duplicate"), 48),
        ("simhash", Some("near_duplicate"), 48),
        ("minhash", Some("near_duplicate"), 48),
    ];
    for (method, reason, least) in methods {
        let place = Place::new();
        let settings = format!("languages = []\nmin_language_score = 0.0\ndedup = \"{method}\"");
        promises::hold(&place, "common_crawl", &settings, &labels, 0);
        let status = place.status("plain");
        let of_label = |label: &str| -> Value {
            status["slices"]["common_crawl"]["labels"][label]["dropped"].clone()
        };
        let dropped = [of_label("2019-30"), of_label("2020-05")];
        for reasons in dropped.iter().map(|dropped| dropped.as_object().unwrap()) {
            let known = |name: &String| name == "too_short" || Some(name.as_str()) == reason;
            assert!(reasons.keys().all(known), "{method}: {dropped:?}");
        }
        let copies = |dropped: &Value| reason.and_then(|r| dropped.get(r)).map_or(0, number);
        let copies: u64 = dropped.iter().map(copies).sum();
        assert!(copies >= least, "{method}: {copies}");
    }
}
