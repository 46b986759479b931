//! What the fuzz targets reach of what is nobody else's business. In builds for them only.

use crate::recipe::Recipe;
use crate::slice::Slice;

/// Reads a recipe, and what it prints of itself.
///
/// # Panics
///
/// If what it prints is no recipe, or another one.
pub fn recipe(slices: &'static [Slice], text: &str) {
    match Recipe::parse(slices, text) {
        Ok(recipe) => {
            let printed = recipe.print_all(slices);
            let again = Recipe::parse(slices, &printed);
            let again = again.unwrap_or_else(|error| panic!("{error:#} in:\n{printed}"));
            assert_eq!(recipe.fingerprint, again.fingerprint, "{printed}");
            assert_eq!(printed, again.print_all(slices));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
