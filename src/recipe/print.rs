//! A recipe as a file, every setting written out.

use crate::recipe::Recipe;
use crate::settings::{SettingValue, quoted};
use crate::slice::Slices;

impl Recipe {
    /// The recipe as a file: every setting written out, and its inputs.
    pub fn print_all(&self, slices: Slices) -> String {
        let mut text = match &self.corpus {
            Some(corpus) => format!("corpus = {}\n\n", quoted(&corpus.to_string_lossy())),
            None => String::new(),
        };
        text += &self.print(slices);
        for input in &self.inputs {
            let paths: Vec<String> =
                input.paths.iter().map(|path| quoted(&absolute(path))).collect();
            text += &format!(
                "\n[[input]]\nslice = {}\nlabel = {}\npaths = [{}]\n",
                quoted(&input.slice),
                quoted(&input.label),
                paths.join(", ")
            );
        }
        text
    }

    /// The settings as a file, which the corpus keeps.
    pub fn print(&self, slices: Slices) -> String {
        let mut text =
            String::from("# Every setting, with the value it has where a recipe says nothing.\n");
        text += &format!("preset = \"{}\"\n", self.preset.name());
        let about = "a tokenizer.json of Hugging Face's form, to count tokens";
        text += &line("tokenizer", &self.tokenizer, about);
        let about = "fastText model for languages, .bin or .ftz; none: a built-in one";
        text += &line("lid", &self.lid, about);
        let dedup = format!("dedup = {}", self.global_dedup);
        let about = "of texts that are equal, in whatever slices, only the first stays";
        text += &format!("\n# All slices together\n[global]\n{dedup:32} # {about}\n");
        for slice in slices {
            let settings = self.settings(slice.name());
            text += &format!("\n# {}\n[{}]\n", slice.about(), slice.name());
            for key in slice.keys() {
                text += &line(key.name, settings.value(key.name), key.about);
            }
        }
        text
    }
}

fn line(name: &str, value: &dyn SettingValue, about: &str) -> String {
    let off = if value.is_unset() { "# " } else { "" };
    let line = format!("{off}{name} = {}", value.print());
    format!("{line:32} # {about}\n")
}

/// A path of an input, wherever the recipe it is printed into will lie.
fn absolute(path: &str) -> String {
    let (mark, path) = path.strip_prefix('@').map_or(("", path), |list| ("@", list));
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    format!("{mark}{}", whole.display())
}
