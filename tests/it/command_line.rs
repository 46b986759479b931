//! Every command has help and an example; shells complete what only the program knows.

use crate::support::{Place, SLUICE};
use std::fs;
use std::process::Command;

/// The names of all commands.
fn commands(place: &Place) -> Vec<String> {
    let help = place.run("--help").exits(0).stdout;
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    let (list, _) = list.split_once("\n\n").expect("an end of the list");
    let name = |line: &str| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned);
    list.lines().filter_map(name).filter(|name| !name.is_empty() && name != "help").collect()
}

#[test]
fn the_short_help_flag_is_help_in_every_command_and_shows_an_example() {
    let place = Place::new();
    let commands = commands(&place);
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let help = place.run(&format!("{command} -h")).exits(0);
        assert!(help.stdout.contains("Usage: sluice"), "{help}");
        assert!(help.stdout.contains("Example"), "{help}");
    }
    let add = place.run("add -h").exits(0);
    let slices = [
        "common_crawl",
        "c4",
        "github",
        "arxiv",
        "books",
        "wikipedia",
        "stack_exchange",
        "instruct",
    ];
    for slice in slices {
        assert!(add.stdout.contains(slice), "{add}");
    }
    place.run("add c --slice cc --label l x").exits(2).names(&["stack_exchange"]);
}

/// What a shell is offered for the last of these words.
fn completed(place: &Place, words: &[&str]) -> Vec<String> {
    let mut command = Command::new(&*SLUICE);
    command.args(["--", "sluice"]).args(words).current_dir(place.path("."));
    command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.env("_CLAP_IFS", "\n");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn shells_complete_slices_labels_and_corpora() {
    let place = Place::new();
    fs::create_dir(place.path("cellar")).unwrap();
    place.run("add corpus --slice common_crawl --label 2019-30 fixtures/2019-30").exits(0);
    assert_eq!(completed(&place, &["add", "corpus", "--slice", "w"]), ["wikipedia"]);
    assert_eq!(completed(&place, &["status", "corpus", "--label", "20"]), ["2019-30"]);
    assert_eq!(
        completed(&place, &["export", "corpus", "--label", "com"]),
        ["common_crawl/2019-30"]
    );
    // A corpus comes before other folders.
    assert_eq!(completed(&place, &["status", "c"]), ["corpus/", "cellar/"]);
    let script = place.run("completions bash").exits(0).stdout;
    assert!(script.contains("complete"), "{script}");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let place = Place::new();
    place.run("man --out pages").exits(0);
    for command in commands(&place) {
        let page = fs::read_to_string(place.path(&format!("pages/sluice-{command}.1"))).unwrap();
        assert!(page.contains(".SH EXTRA") && page.contains("Example"), "{command}: {page}");
    }
    assert!(place.path("pages/sluice.1").is_file());
}
