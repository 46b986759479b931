//! The same recipe and the same inputs produce the same bytes, however they are built.

use crate::support::{Place, assert_same, both_dumps, input, keep_all, number, record, wet};

/// Ways to build the same corpus. Recipe and corpus are appended.
const WAYS: &[&str] = &[
    "build -w 2",
    "build -w 3 --epoch-bytes 20K",
    "build --epoch-bytes 2K",
    "build --epoch-bytes 20K -w 2 --commit-every 1K",
    "build --epoch-bytes 1G",
    "build --memory 64K",
    "build --memory 64K -w 2 --epoch-bytes 1G",
    "launch -n 2 -- build -w 1",
    "launch -n 2 -- build -w 2 --epoch-bytes 20K",
    "launch -n 3 -- build --memory 64K",
];

const WAYS_OF_DIFFERENTIAL: &[&str] = &[
    "build --engine differential",
    "build --engine differential --epoch-bytes 20K -w 2",
    "launch -n 2 -- build --engine differential --epoch-bytes 200K",
];

/// Fails unless each way produces the bytes and the counts of a plain build.
fn assert_same_result(place: &Place, recipe: &str, ways: &[&str]) {
    place.write("recipe.toml", recipe);
    place.run("build recipe.toml --corpus plain").exits(0);
    let (plain, counts) = (place.export("plain"), place.status("plain")["slices"].clone());
    for (number, way) in ways.iter().enumerate() {
        let corpus = format!("corpus-{number}");
        place.run(&format!("{way} recipe.toml --corpus {corpus}")).exits(0);
        assert_same(&place.export(&corpus), &plain, way);
        assert_eq!(place.status(&corpus)["slices"], counts, "{way}");
    }
}

#[test]
fn the_export_does_not_depend_on_how_it_is_built() {
    assert_same_result(&Place::new(), &both_dumps("", ""), WAYS);
}

#[test]
fn the_export_by_redpajamas_rules_does_not_depend_on_how_it_is_built() {
    // Two shards of two files each. No copy is kept, so a shard is decided as a whole.
    assert_same_result(&Place::new(), &both_dumps("preset = \"redpajama\"", "shards = 2"), WAYS);
}

#[test]
fn the_export_of_labels_compared_as_a_whole_does_not_depend_on_how_it_is_built() {
    let settings = "copies = \"none\"\nscope = \"label\"";
    assert_same_result(&Place::new(), &both_dumps("", settings), WAYS);
}

#[test]
fn differential_dataflow_produces_the_same_export() {
    assert_same_result(&Place::new(), &both_dumps("", ""), WAYS_OF_DIFFERENTIAL);
}

#[test]
fn differential_dataflow_produces_the_same_export_by_redpajamas_rules() {
    let recipe = both_dumps("preset = \"redpajama\"", "shards = 2");
    assert_same_result(&Place::new(), &recipe, WAYS_OF_DIFFERENTIAL);
}

#[test]
fn adding_label_by_label_equals_one_build() {
    let place = Place::new();
    place.write("all.toml", both_dumps("", ""));
    place.write("none.toml", "[common_crawl]\nlanguages = []");
    place.run("build all.toml --corpus plain").exits(0);
    place.run("build none.toml --corpus corpus").exits(0);
    for label in ["2019-30", "2020-05"] {
        let add = format!("add corpus --slice common_crawl --label {label} fixtures/{label}");
        place.run(&format!("launch -n 2 -- {add} -w 1")).exits(0);
    }
    assert_same(&place.export("corpus"), &place.export("plain"), "launched adds");
}

#[test]
fn epochs_of_one_byte_produce_the_same_export() {
    let place = Place::new();
    let page = |number: usize| {
        let third = ["one", "two", "three"][number % 3];
        let text = format!("the same line\nline of a third: {third}\nline of page {number}");
        record(&format!("http://a.example/{number}"), "title", &text)
    };
    place.write("in/a.wet", (0..9).flat_map(page).collect::<Vec<_>>());
    place.write("in/b.wet.gz", wet(&(5..14).map(page).collect::<Vec<_>>()));
    let recipe = keep_all("") + &input("a", "in");
    assert_same_result(&place, &recipe, &["build --epoch-bytes 1", "build --epoch-bytes 1 -w 2"]);
}

#[test]
fn a_real_dump_has_the_same_export_however_it_is_read() {
    let Some(place) = Place::with_data() else { return };
    let file = "data/commoncrawl/wet_derived/derived_shared.warc.wet.gz";
    let lid = "[common_crawl]\nlanguages = []\nlid = \"data/models/langid/lid.176.ftz\"\n";
    let ways = ["build -w 2 --epoch-bytes 1M", "launch -n 2 -- build -w 1 --memory 8M"];
    assert_same_result(&place, &(lid.to_owned() + &input("derived", file)), &ways);
    assert_eq!(number(&place.label("plain", "derived")["read"]), 1391);
}
