//! The slices with the bundled inputs, and variants of running them.

use crate::random::Random;
use crate::support::Place;
use std::os::unix::fs::symlink;

/// A slice, its settings and labels that exist for it.
#[derive(Clone)]
pub struct Setting {
    pub slice: &'static str,
    settings: &'static str,
    labels: [(&'static str, &'static str); 2],
}

/// All slices, two labels each; paths are below `bundled`.
pub const SETTINGS: [Setting; 8] = [
    Setting {
        slice: "common_crawl",
        settings: "languages = []",
        labels: [("a", "common_crawl/2019-30"), ("b", "common_crawl/2020-05")],
    },
    Setting {
        slice: "c4",
        settings: "source = \"wet\"",
        labels: [("a", "common_crawl/2020-05"), ("b", "common_crawl/2019-30")],
    },
    Setting {
        slice: "github",
        settings: "licenses = []",
        labels: [("a", "github/2022-11"), ("b", "github/2023-03")],
    },
    Setting { slice: "arxiv", settings: "", labels: [("a", "arxiv/2301"), ("b", "arxiv/2302")] },
    Setting { slice: "books", settings: "", labels: [("a", "books/pg19"), ("b", "books/shelf")] },
    Setting {
        slice: "wikipedia",
        settings: "languages = []",
        labels: [("a", "wikipedia/20230320"), ("b", "wikipedia/20230401")],
    },
    Setting {
        slice: "stack_exchange",
        settings: "",
        labels: [("a", "stack_exchange/2023-03-29"), ("b", "stack_exchange/2024-04-02")],
    },
    Setting {
        slice: "instruct",
        settings: "prompts = \"first\"",
        labels: [("a", "instruct/2023-03"), ("b", "instruct/2023-04")],
    },
];

impl Setting {
    /// The same slice and labels with other settings.
    pub fn with(&self, settings: &'static str) -> Setting {
        Setting { settings, ..self.clone() }
    }

    /// A folder with a recipe of both labels, `all.toml`, and one without labels, `none.toml`.
    pub fn place(&self) -> Place {
        let Setting { slice, settings, labels } = self;
        let place = place();
        let table = format!("[{slice}]\n{settings}\n");
        let input = |(label, path): &(&str, &str)| {
            format!(
                "[[input]]\nslice = \"{slice}\"\nlabel = \"{label}\"\npaths = [\"bundled/{path}\"]\n"
            )
        };
        let inputs: String = labels.iter().map(input).collect();
        place.write("all.toml", format!("{table}{inputs}"));
        place.write("none.toml", &table);
        place
    }

    /// The command that builds both labels in `corpus`.
    pub fn build(&self, flags: &str) -> String {
        format!("build all.toml --corpus corpus {flags}")
    }

    /// The command that adds a label to it.
    pub fn add(&self, label: usize, flags: &str) -> String {
        let (name, path) = self.labels[label];
        format!("add corpus --slice {} --label {name} bundled/{path} {flags}", self.slice)
    }

    pub fn label(&self, label: usize) -> &str {
        self.labels[label].0
    }
}

/// A folder in which `bundled` are the fixtures.
pub fn place() -> Place {
    let place = Place::new();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"), place.path("bundled")).unwrap();
    place
}

/// Random options that do not change the result: workers, epochs, commits, memory, engine.
pub fn flags(random: &mut Random) -> String {
    let workers = *random.pick(&[1, 1, 2, 3]);
    let epoch = random.pick(&["500", "4K", "20K", "100K", "1G"]);
    let commit = random.pick(&["1", "20K", "300K"]);
    let mut flags = format!("-w {workers} --epoch-bytes {epoch} --commit-every {commit}");
    if random.below(5) == 0 {
        flags += [" --memory 64K", " --memory 8M"][random.below(2)];
    }
    if random.below(8) == 0 {
        flags += " --engine differential";
    }
    flags
}
