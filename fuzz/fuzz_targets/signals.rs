//! Any text through all signals: nothing panics, and spans are within the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signals::{Facts, Lists, SIGNALS, Scratch, View};

fuzz_target!(|text: &str| {
    let (lists, facts) = (Lists::default(), Facts::default());
    let (mut scratch, mut spans) = (Scratch::default(), Vec::new());
    let mut view = View::new(text, &facts, &lists, &mut scratch);
    let chars = view.chars();
    for signal in &SIGNALS {
        signal.value(&mut view);
        spans.clear();
        signal.spans(&mut view, &mut spans);
        for span in &spans {
            assert!(span.start <= span.end && span.end <= chars, "{}: {span:?}", signal.name);
        }
    }
});
