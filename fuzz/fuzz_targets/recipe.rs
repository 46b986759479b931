//! Any text as a recipe: reading it does not panic, a wrong one is told with its place, and what is
//! read comes out the same when it is printed and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|recipe: &str| app::fuzzing::recipe(dataflows::SLICES, recipe));
