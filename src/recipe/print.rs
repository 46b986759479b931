//! Printing a recipe as a file with every setting.

use crate::decontamination::Decontamination;
use crate::expand::unexpanded;
use crate::recipe::Recipe;
use crate::settings::{AnySettings, Key, SettingValue, Settings, quoted};
use crate::slice::Slices;

impl Recipe {
    /// Returns the recipe as a file, with every setting and all inputs.
    pub fn print_all(&self, slices: Slices) -> String {
        let mut text = match &self.corpus {
            Some(corpus) => format!("corpus = {}\n\n", quoted(&unexpanded(corpus))),
            None => String::new(),
        };
        text += &self.print(slices);
        for input in &self.inputs {
            let paths: Vec<String> =
                input.paths.iter().map(|path| quoted(&absolute(path).replace('$', "$$"))).collect();
            text += &format!(
                "\n[[input]]\nslice = {}\nlabel = {}\npaths = [{}]\n",
                quoted(&input.slice),
                quoted(&input.label),
                paths.join(", ")
            );
        }
        text
    }

    /// Returns the settings as a file. A corpus keeps it.
    pub fn print(&self, slices: Slices) -> String {
        let mut text =
            String::from("# Every setting, with its default where the recipe does not set it.\n");
        text += &format!("preset = \"{}\"\n", self.preset.name());
        let about = "tokenizer.json in Hugging Face's format, to count tokens";
        text += &line("tokenizer", &self.tokenizer, about);
        let about = "fastText model that identifies languages, .bin or .ftz; unset: a built-in one";
        text += &line("lid", &self.lid, about);
        let about = "build and add name what deduplication dropped more of, of a label (0 to 1)";
        text += &line("warn_removed", &self.warn_removed, about);
        let dedup = format!("dedup = {}", self.global_dedup);
        let about = "of equal texts, in any slices, only the first is kept";
        text += &format!("\n# All slices together\n[global]\n{dedup:32} # {about}\n");
        text += "\n# Evaluations that are kept out of all slices, after everything else\n[decontaminate]\n";
        text += &lines(Decontamination::KEYS, &self.decontamination);
        for slice in slices {
            text += &format!("\n# {}\n[{}]\n", slice.about(), slice.name());
            text += &lines(slice.keys(), self.settings(slice.name()));
        }
        text
    }
}

fn lines(keys: &[Key], settings: &dyn AnySettings) -> String {
    let line = |key: &Key| {
        let range = key.range.map_or(String::new(), |range| format!(" ({range})"));
        line(key.name, settings.value(key.name), &format!("{}{range}", key.about))
    };
    keys.iter().map(line).collect()
}

fn line(name: &str, value: &dyn SettingValue, about: &str) -> String {
    let off = if value.is_unset() { "# " } else { "" };
    let line = format!("{off}{name} = {}", value.print());
    format!("{line:32} # {about}\n")
}

/// Returns the absolute path of an input: the printed recipe may be saved in any folder.
fn absolute(path: &str) -> String {
    let (mark, path) = path.strip_prefix('@').map_or(("", path), |list| ("@", list));
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    format!("{mark}{}", whole.display())
}
