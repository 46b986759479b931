//! The commands of README.md print what it shows, and the recipe is printed as docs/recipes.md shows.

use crate::support::{Place, SLUICE};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");

/// Represents any number of lines in the README.
const ANY_LINES: &str = "[...]";

#[test]
fn the_commands_of_the_readme_print_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"), dir.join("fixtures")).unwrap();
    fs::create_dir(dir.join("bin")).unwrap();
    symlink(&*SLUICE, dir.join("bin/sluice")).unwrap();
    let recipe = blocks("toml").next().expect("the README shows a recipe");
    fs::write(dir.join("both.toml"), recipe).unwrap();
    let mut commands = 0;
    for block in blocks("console") {
        for command in format!("\n{block}").split("\n$ ").skip(1) {
            let (line, shown) = command.split_once('\n').unwrap_or((command, ""));
            let Some(printed) = run(line, dir) else { continue };
            let (shown, printed): (Vec<String>, Vec<String>) = (lines(shown), lines(&printed));
            assert!(
                is_shown(&shown, &printed),
                "$ {line}\n{}\n\nREADME.md shows:\n{}",
                printed.join("\n"),
                shown.join("\n")
            );
            commands += 1;
        }
    }
    assert!(commands >= 8, "only {commands} commands were found");
}

#[test]
fn a_recipe_is_printed_as_the_page_on_recipes_shows() {
    let page = include_str!("../../docs/recipes.md");
    let start = page.find("# Every setting").expect("the page shows a printed recipe");
    let (shown, _) = page[start..].split_once("```").unwrap();
    let place = Place::new();
    place.write("r.toml", "corpus = \"corpus\"\n");
    let printed = place.run("build r.toml --print-recipe").exits(0).stdout;
    assert!(printed.contains(shown), "printed:\n{printed}\n\ndocs/recipes.md shows:\n{shown}");
}

/// The code blocks of a language.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    let start = format!("```{language}\n");
    README.split("\n```\n").filter_map(move |part| Some(part.split_once(&start)?.1))
}

/// The output of a command; `None` if a program that it needs is not installed.
fn run(line: &str, dir: &Path) -> Option<String> {
    let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    let shell = shell.args(["-c", &format!("{{ {line}\n}} 2>&1")]).current_dir(dir);
    // The README shows results and errors. Messages have times, and a terminal shows bars instead.
    shell.env("SLUICE_LOG", "error");
    let output = shell.env("PATH", path).env("COLUMNS", "200").output().expect("bash");
    if output.status.code() == Some(127) {
        println!("skipped: `{line}` needs a program that is not installed");
        return None;
    }
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Lines without blanks at their ends, and without times.
fn lines(text: &str) -> Vec<String> {
    let without_times = |line: &str| match line.split_once(" of text in ") {
        // `0.1 s`, or `9.5 s, 4.0 MB/s`.
        Some((size, rest)) => {
            let after = rest.split_once(';').map_or("", |(_, after)| after);
            format!("{size} of text in T;{after}")
        }
        None => line.trim_end().to_owned(),
    };
    text.trim_end().lines().map(without_times).collect()
}

fn is_shown(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == ANY_LINES => {
            (0..=printed.len()).any(|skipped| is_shown(rest, &printed[skipped..]))
        }
        Some((first, rest)) => {
            printed.split_first().is_some_and(|(line, more)| line == first && is_shown(rest, more))
        }
    }
}

#[test]
fn lines_are_compared_and_gaps_are_not() {
    let of = |text: &str| lines(text);
    let printed = of("a\n1 MB of text in 0.2 s, 4.0 MB/s; c\nd\n");
    assert!(is_shown(&of("a\n1 MB of text in 9.9 s; c\nd"), &printed));
    assert!(is_shown(&of("a\n[...]\nd"), &printed) && is_shown(&of("[...]"), &printed));
    assert!(!is_shown(&of("a\nd"), &printed) && !is_shown(&of("a\n[...]"), &of("b")));
}
