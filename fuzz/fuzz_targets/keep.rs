//! Any text as a filter expression: parsing it does not panic, and a valid expression can be evaluated
//! on a text. An error is shown with its place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signals::{Facts, Keep, Lists, Scratch, View};

fuzz_target!(|expression: &str| {
    let (lists, mut scratch) = (Lists::default(), Scratch::default());
    match Keep::new(expression, &lists) {
        Ok(keep) => {
            let facts = Facts { language: Some("en"), perplexity: Some(300.0), ..Facts::default() };
            keep.holds(&mut View::new("one two three\n• four", &facts, &lists, &mut scratch));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
