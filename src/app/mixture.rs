//! Mixtures that a user names: presets, and files.

use crate::report;
use crate::terminal::units::count;
use anyhow::{Context, Result};
use corpus::Label;
use recipe::usage::{suggest, usage, usage_of_file};
use recipe::{Slices, find_slice};
use shards::{Mixture, Weights};
use std::collections::BTreeMap;
use std::path::Path;

/// Names of presets.
const PRESETS: [&str; 2] = ["llama", "redpajama"];

/// The tables of a file: its weights are in one of them.
const TABLES: [&str; 2] = ["epochs", "shares"];

/// The number of all tokens in a file.
const TOKENS: &str = "tokens";

/// Reads a mixture: a preset, or a TOML file with weights of slices and labels. `tokens` is the number of
/// all tokens, if the user gives it.
///
/// # Errors
/// If there is no such preset or file, or the file has something else in it.
pub(crate) fn mixture(
    slices: Slices,
    labels: &[&Label],
    name: &str,
    tokens: Option<u64>,
) -> Result<Mixture> {
    let preset: Option<BTreeMap<String, f64>> = match name {
        "llama" => Some(report::llama_shares().collect()),
        "redpajama" => Some(report::redpajama_shares().collect()),
        _ => None,
    };
    if let Some(mut weights) = preset {
        // Slices that the publications do not have take no part.
        for label in labels {
            weights.entry(label.slice.clone()).or_insert(0.0);
        }
        let weights = Weights::Shares(weights);
        return Ok(Mixture { name: name.to_owned(), weights, tokens });
    }
    let path = Path::new(name);
    if !path.exists() {
        let presets = PRESETS.join(", ");
        return Err(usage(format!("--mix {name}: no such file, nor one of the presets {presets}")));
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the mixture {name}"))
        .map_err(usage_of_file)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut found = parse(slices, labels, &file, &text).map_err(|error| {
        usage(format!("{name}: {error:#}; write it as in: sluice export --help"))
    })?;
    found.tokens = tokens.or(found.tokens);
    Ok(found)
}

fn parse(slices: Slices, labels: &[&Label], name: &str, text: &str) -> Result<Mixture> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        anyhow::anyhow!("line {line}: {}", error.message())
    })?;
    let mut tokens = None;
    let mut weights: Option<(&str, BTreeMap<String, f64>)> = None;
    for (key, value) in &table {
        match (TABLES.iter().find(|known| *known == key), value) {
            (Some(kind), toml::Value::Table(entries)) if weights.is_none() => {
                let entries = entries.iter().map(|(entry, value)| {
                    check_name(slices, labels, entry)?;
                    Ok((entry.clone(), weight(entry, value)?))
                });
                weights = Some((kind, entries.collect::<Result<_>>()?));
            }
            (Some(_), toml::Value::Table(_)) => {
                anyhow::bail!("it has both [epochs] and [shares]: one of them is expected");
            }
            (Some(_), _) => anyhow::bail!("{key} must be a table, [{key}]"),
            (None, value) if key == TOKENS => tokens = Some(number(value)?),
            (None, _) => {
                let known = TABLES.into_iter().chain([TOKENS]);
                anyhow::bail!("unknown key {key}{}", suggest(key, known));
            }
        }
    }
    let (kind, weights) = weights.context("it has no weights: [epochs] or [shares] is expected")?;
    let weights =
        if kind == "epochs" { Weights::Epochs(weights) } else { Weights::Shares(weights) };
    Ok(Mixture { name: name.to_owned(), weights, tokens })
}

/// Checks the name of a slice, or of a label of the corpus.
fn check_name(slices: Slices, labels: &[&Label], name: &str) -> Result<()> {
    if !name.contains('/') {
        find_slice(slices, name)?;
        return Ok(());
    }
    let all: Vec<String> = labels.iter().map(|label| label.full_name()).collect();
    let is_known = all.iter().any(|known| known == name);
    let hint = if is_known || all.is_empty() {
        String::new()
    } else {
        suggest(name, all.iter().map(String::as_str))
    };
    anyhow::ensure!(is_known, "no label {name} is exported{hint}");
    Ok(())
}

fn weight(name: &str, value: &toml::Value) -> Result<f64> {
    let number = match value {
        toml::Value::Float(number) => Some(*number),
        toml::Value::Integer(number) => Some(*number as f64),
        _ => None,
    };
    let number = number.filter(|number| number.is_finite() && *number >= 0.0);
    number.with_context(|| format!("{name} = {value}: a number from 0 on is expected"))
}

fn number(value: &toml::Value) -> Result<u64> {
    let number = match value {
        toml::Value::Integer(number) => u64::try_from(*number).ok(),
        toml::Value::String(text) => count(text).ok(),
        _ => None,
    };
    let number = number.filter(|number| *number > 0);
    number.with_context(|| format!("{TOKENS} = {value}: a number such as \"1.2T\" is expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(slice: &str, name: &str) -> Label {
        Label { slice: slice.into(), name: name.into(), ..Label::default() }
    }

    fn parsed(text: &str) -> Result<Mixture> {
        let labels = [label("books", "pg19"), label("books", "own")];
        parse(&[], &labels.each_ref(), "mix.toml", text)
    }

    #[test]
    fn a_file_has_weights_and_tokens() {
        let found =
            parsed("tokens = \"1.5K\"\n[epochs]\n\"books/pg19\" = 2\n\"books/own\" = 0.5\n");
        let weights = [("books/own".to_owned(), 0.5), ("books/pg19".to_owned(), 2.0)].into();
        let weights = Weights::Epochs(weights);
        let expected = Mixture { name: "mix.toml".into(), weights, tokens: Some(1500) };
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn other_files_are_refused_with_what_is_expected() {
        for (text, expected) in [
            ("", "[epochs] or [shares] is expected"),
            ("[epochs]\n\"books/pg19\" = -1", "books/pg19 = -1: a number from 0 on"),
            ("[shares]\n\"books/pg19\" = \"x\"", "a number from 0 on"),
            ("[shares]\n\"books/pg19\" = nan", "a number from 0 on"),
            (
                "[shares]\n\"books/pg18\" = 1",
                "no label books/pg18 is exported; did you mean books/pg19?",
            ),
            ("[shares]\nbooks = 1", "books"),
            ("[epochs]\n[shares]", "both [epochs] and [shares]"),
            ("epochs = 2", "epochs must be a table, [epochs]"),
            ("token = 2\n[epochs]", "unknown key token; did you mean tokens?"),
            ("tokens = 0\n[epochs]", "tokens = 0: a number such as"),
            ("tokens = \"x\"\n[epochs]", "a number such as"),
            ("[epochs]\nbooks = = 1", "line 2: "),
        ] {
            let error = format!("{:#}", parsed(text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn presets_are_shares_of_the_published_slices() {
        let [own, arxiv] = [label("plain", "a"), label("arxiv", "b")];
        let labels = [&own, &arxiv];
        let llama = mixture(&[], &labels, "llama", Some(7)).unwrap();
        let Weights::Shares(shares) = &llama.weights else { panic!("{llama:?}") };
        assert_eq!((shares["common_crawl"], shares["wikipedia"]), (0.67, 0.045));
        assert_eq!((shares["plain"], shares.len(), llama.tokens), (0.0, 8, Some(7)));
        let redpajama = mixture(&[], &labels, "redpajama", None).unwrap();
        let Weights::Shares(shares) = redpajama.weights else { panic!() };
        assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((shares["c4"] - 175.0 / 1210.0).abs() < 1e-9);
        let error = mixture(&[], &labels, "lama", None).unwrap_err().to_string();
        assert!(error.contains("no such file, nor one of the presets llama, redpajama"), "{error}");
    }
}
