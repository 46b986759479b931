//! Memory stays near `--memory`, whatever the input.

use crate::support::{Place, gzip, keep_all, number, record};
use std::fs;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Runs `sluice` with the words of `line`. Returns its peak memory, in bytes.
fn peak(place: &Place, line: &str, code: i32) -> u64 {
    let mut running = place.start(line);
    let status = format!("/proc/{}/status", running.id());
    let mut peak = 0;
    while !running.is_over() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = high.and_then(|high| high.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        std::thread::sleep(Duration::from_millis(2));
    }
    running.wait().exits(code);
    assert!(peak > 0, "{line} ended before its memory was read");
    peak
}

fn with_corpus() -> Place {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    place
}

#[test]
fn pages_with_very_many_lines_are_rejected_and_need_no_memory() {
    let place = with_corpus();
    let lines = "a\n".repeat(12 << 20);
    let page = |number: usize| record(&format!("http://many.example/{number}"), "title", &lines);
    let healthy = record("http://healthy.example/", "title", "words of a page");
    let pages: Vec<u8> = (0..4).flat_map(|number| gzip(&page(number))).collect();
    place.write("in/many.wet.gz", [pages, gzip(&healthy)].concat());
    let add = "add corpus --slice common_crawl --label a in --memory 64M";
    let peak = peak(&place, add, 0);
    assert!(peak < 256 * MIB, "{} MiB", peak / MIB);
    let label = place.label("corpus", "a");
    assert_eq!(number(&label["dropped"]["too_many_lines"]), 4, "{label}");
    assert_eq!(number(&label["kept"]), 1);
    place.assert_sound("corpus");
}

#[test]
fn pages_that_repeat_very_many_lines_wait_on_disk() {
    let place = with_corpus();
    // CCNet treats all digits as equal.
    let letter = |digits: u32, place: u32| char::from(b'a' + (digits >> (4 * place) & 15) as u8);
    let line = |number| (0..5).map(|place| letter(number, place)).chain(['\n']).collect::<String>();
    let lines: String = (0..400_000).map(line).collect();
    let member =
        |number: usize| gzip(&record(&format!("http://many.example/{number}"), "title", &lines));
    let pages: Vec<u8> = (0..16).flat_map(member).collect();
    place.write("in/many.wet.gz", pages);
    let add = "add corpus --slice common_crawl --label a in --memory 32M --epoch-bytes 1G";
    let peak = peak(&place, add, 0);
    assert!(peak < 208 * MIB, "{} MiB", peak / MIB);
    let label = place.label("corpus", "a");
    assert_eq!(number(&label["dropped"]["duplicate_paragraphs"]), 15, "{label}");
    assert_eq!(number(&label["paragraphs"]["duplicate"]), 15 * 400_001);
    place.assert_sound("corpus");
}
