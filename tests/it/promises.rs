//! The promises that hold for every slice, as one check: the export does not depend on how it is built
//! (G1), an increment equals a rebuild (G2), and every record is accounted for (G4).

use crate::support::{Place, assert_same, number, text};

/// Ways to build the same corpus. Recipe and corpus are appended.
const WAYS: [&str; 5] = [
    "build -w 2",
    "build -w 3 --epoch-bytes 10K --commit-every 5K",
    "build --memory 64K --epoch-bytes 1G -w 2",
    "build --engine differential -w 2 --epoch-bytes 20K",
    "launch -n 2 -- build -w 2 --epoch-bytes 20K",
];

/// Checks `slice` with the lines `settings` on `labels`, each with its paths, in this order.
/// `exits` is the exit code of a build: 0, or 3 if some inputs are damaged. Returns the exported
/// documents.
#[track_caller]
pub fn hold(
    place: &Place,
    slice: &str,
    settings: &str,
    labels: &[(&str, &str)],
    exits: i32,
) -> Vec<serde_json::Value> {
    let table = format!("[{slice}]\n{settings}\n");
    let input = |(label, paths): &(&str, &str)| {
        format!("[[input]]\nslice = \"{slice}\"\nlabel = \"{label}\"\npaths = [\"{paths}\"]\n")
    };
    let inputs: String = labels.iter().map(input).collect();
    place.write("all.toml", format!("{table}{inputs}"));
    place.write("none.toml", &table);
    place.run("build all.toml --corpus plain").exits(exits);
    let (plain, counts) = (place.export("plain"), place.status("plain")["slices"].clone());
    accounted(place, slice, labels);
    for (number, way) in WAYS.iter().enumerate() {
        let corpus = format!("way-{number}");
        place.run(&format!("{way} all.toml --corpus {corpus}")).exits(exits);
        assert_same(&place.export(&corpus), &plain, way);
        assert_eq!(place.status(&corpus)["slices"], counts, "{way}");
    }
    place.run("build none.toml --corpus grown").exits(0);
    for (number, (label, paths)) in labels.iter().enumerate() {
        let flags = ["-w 1", "-w 3 --epoch-bytes 10K"][number % 2];
        let add = format!("add grown --slice {slice} --label {label} {paths} {flags}");
        let code = place.run(&add).status.code();
        assert!(code == Some(0) || code == Some(exits), "{add}: {code:?}");
    }
    assert_same(&place.export("grown"), &plain, "label by label");
    place.assert_sound("grown");
    place.documents("plain")
}

/// Fails unless every record read is kept or dropped, and all kept ones are exported.
fn accounted(place: &Place, slice: &str, labels: &[(&str, &str)]) {
    place.assert_sound("plain");
    let (status, documents) = (place.status("plain"), place.documents("plain"));
    for (label, _) in labels {
        let counts = &status["slices"][slice]["labels"][label];
        let dropped: u64 = counts["dropped"].as_object().unwrap().values().map(number).sum();
        assert_eq!(number(&counts["read"]), number(&counts["kept"]) + dropped, "{counts}");
        let prefix = format!("{slice}/{label}/");
        let exported =
            documents.iter().filter(|d| text(&d["meta"]["id"]).starts_with(&prefix)).count();
        assert_eq!(number(&counts["kept"]), exported as u64, "{slice}/{label}: {counts}");
    }
}
