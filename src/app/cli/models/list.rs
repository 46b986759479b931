//! `sluice models list`.

use super::FileState;
use crate::cli::exit::DONE;
use crate::model_files::catalogue::{CCNET_LANGUAGES, Model, ModelFile, models};
use crate::model_files::records::Records;
use crate::terminal::{outln, print_json};
use anyhow::Result;
use clap::Args;
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use indicatif::HumanBytes;
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice models list
  sluice models list --json |
    jq -r '.models[].files[] | select(.state == \"present\").file'";

/// List every model: its purpose, its files and sizes, and which files exist
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct List {
    /// The folder of models
    #[arg(long, default_value = "models", value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub fn run(self) -> Result<u8> {
        let records = Records::open(&self.dir)?;
        if self.json {
            let models: Vec<Value> =
                models().iter().map(|model| self.model_json(model, &records)).collect();
            print_json(&json!({"dir": self.dir, "models": models}))?;
        } else {
            self.print(&records)?;
        }
        Ok(DONE)
    }

    fn model_json(&self, model: &Model, records: &Records) -> Value {
        let file_json = |file: &ModelFile| {
            let expected = records.expected(file);
            let (state, bytes_here) = match FileState::of(&self.dir, file) {
                FileState::Absent => ("absent", 0),
                FileState::Part(bytes) => ("part", bytes),
                FileState::Present(bytes) => ("present", bytes),
            };
            json!({
                "file": file.path,
                "address": file.address,
                "bytes": expected.as_ref().map(|(checksum, _)| checksum.bytes),
                "sha256": expected.as_ref().map(|(checksum, _)| &checksum.sha256),
                "sha256_from": expected.as_ref().map(|(_, basis)| basis.name()),
                "state": state,
                "bytes_here": bytes_here,
            })
        };
        let files: Vec<Value> = model.files.iter().map(file_json).collect();
        json!({
            "name": model.name,
            "purpose": model.purpose,
            "licence": model.licence,
            "about": model.about,
            "files": files,
        })
    }

    fn print(&self, records: &Records) -> Result<()> {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        table.set_header(["name", "for", "file", "size", "here", "licence"]);
        let models = models();
        let (ccnet, others): (Vec<&Model>, Vec<&Model>) =
            models.iter().partition(|model| model.ccnet_language().is_some());
        let unknown = || "not known".to_owned();
        for model in others {
            for file in &model.files {
                let state = FileState::of(&self.dir, file);
                let size = match (records.expected(file), &state) {
                    (Some((expected, _)), _) => HumanBytes(expected.bytes).to_string(),
                    (None, FileState::Present(bytes)) => HumanBytes(*bytes).to_string(),
                    _ => unknown(),
                };
                table.add_row([
                    model.name.clone(),
                    model.purpose.to_owned(),
                    file.path.clone(),
                    size,
                    state.text(),
                    model.licence.map_or_else(unknown, str::to_owned),
                ]);
            }
        }
        for (number, kind) in ["arpa.bin", "sp.model"].into_iter().enumerate() {
            let has = |model: &&&Model| {
                matches!(FileState::of(&self.dir, &model.files[number]), FileState::Present(_))
            };
            let here = ccnet.iter().filter(has).filter_map(|model| model.ccnet_language());
            let here: Vec<&str> = here.collect();
            table.add_row([
                "ccnet:LANG".to_owned(),
                ccnet[0].purpose.to_owned(),
                format!("ccnet/LANG.{kind}"),
                unknown(),
                if here.is_empty() { "no".to_owned() } else { here.join(" ") },
                ccnet[0].licence.map_or_else(unknown, str::to_owned),
            ]);
        }
        outln!("{table}")?;
        outln!("below {}; LANG is one of:", self.dir.display())?;
        for languages in CCNET_LANGUAGES.chunks(24) {
            outln!("  {}", languages.join(" "))?;
        }
        outln!(
            "to fetch one: sluice models fetch NAME, from upstream, or from elsewhere with --from"
        )
    }
}
