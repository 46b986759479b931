//! Any text as a recipe: printing and parsing it again returns the same recipe.

#![no_main]

use dataflows::SLICES;
use libfuzzer_sys::fuzz_target;
use recipe::Recipe;

fuzz_target!(|text: &str| match Recipe::parse(SLICES, text) {
    Ok(recipe) => {
        let printed = recipe.print_all(SLICES);
        let again = Recipe::parse(SLICES, &printed);
        let again = again.unwrap_or_else(|error| panic!("{error:#} in:\n{printed}"));
        assert_eq!(recipe.fingerprint, again.fingerprint, "{printed}");
        assert_eq!(printed, again.print_all(SLICES));
    }
    Err(error) => assert!(!error.to_string().is_empty()),
});
