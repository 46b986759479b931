//! Upstream's results: the golden cases of the slice, from the shared test data.

use crate::plain_text;
use reference::text;

#[test]
fn pages_are_cleaned_as_upstream() {
    for case in reference::cases("wikipedia", "clean_wikicode") {
        let input = text(&case["input"]);
        let expected = text(&case["expected"]);
        assert_eq!(plain_text(input, "en").as_deref(), Ok(expected), "{case}");
    }
}
