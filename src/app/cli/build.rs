//! `sluice build`.

use super::exit::DONE;
use super::run_flags::RunFlags;
use crate::guard::warnings;
use crate::ingest::ingest;
use crate::terminal::print;
use anyhow::Result;
use clap::Args;
use recipe::Recipe;
use recipe::Slices;
use recipe::usage::usage;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example recipe.toml:
  corpus = \"corpus\"
  lid = \"models/lid.176.ftz\"
  [common_crawl]
  languages = [\"en\"]
  [[input]]
  slice = \"common_crawl\"
  label = \"2019-30\"
  paths = [\"cc/2019-30/*.wet.gz\"]

  sluice build recipe.toml";

/// Add every input of a recipe that the corpus does not have yet; create the corpus if needed
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Build {
    /// The recipe; paths in it are relative to its folder
    recipe: Option<PathBuf>,
    /// The corpus, instead of the one the recipe names
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Print the recipe with all defaults filled in, and do nothing else
    #[arg(long)]
    print_recipe: bool,
    #[command(flatten)]
    flags: RunFlags,
}

impl Build {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let recipe = match &self.recipe {
            Some(path) => Recipe::open(slices, path)?,
            None if self.print_recipe => Recipe::default(slices),
            None => return Err(usage("no recipe given: try sluice build recipe.toml")),
        };
        if self.print_recipe {
            print(format_args!("{}", recipe.print_all(slices)))?;
            return Ok(DONE);
        }
        let corpus = self.corpus.as_ref().or(recipe.corpus.as_ref()).ok_or_else(|| {
            usage("no corpus given: put corpus = \"DIR\" into the recipe, or use --corpus DIR")
        })?;
        let summary = ingest(slices, corpus, &recipe, &recipe.inputs, self.flags.options()?)?;
        let warnings = warnings(slices, corpus, &summary, recipe.warn_removed);
        self.flags.report(&summary, &warnings)
    }
}
