//! HTML pages: recognising one, and its text.

/// Returns the text and the title of an HTML page. Adds what is wrong with it to `defects`.
pub(crate) fn text(page: &str, defects: &mut Vec<String>) -> (String, Option<String>) {
    let mut text = String::new();
    let found = html::add_text(page, &mut text);
    if let Some(at) = found.cut_at {
        defects.push(format!(
            "the page ends within the tag or comment at byte {at}: it is cut short; fetch it again"
        ));
    }
    (text, found.title)
}

/// Returns whether a text is an HTML page, by its beginning, or by its file name and a tag in it.
pub(crate) fn is_page(path: &str, text: &str) -> bool {
    let head: String =
        text.trim_start().chars().take(1000).collect::<String>().to_ascii_lowercase();
    let path = path.to_ascii_lowercase();
    let endings = [".gz", ".zst", ".bz2", ".lz4", ".utf8"];
    let path = endings.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(&path);
    let is_named = |path: &str| [".htm", ".html", ".xhtml"].iter().any(|end| path.ends_with(end));
    head.starts_with("<!doctype html")
        || head.starts_with("<html")
        || head.starts_with("<?xml") && head.contains("<html")
        || head.contains('<') && is_named(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_recognised_by_their_beginning_or_their_name() {
        assert!(is_page("1342", "<!DOCTYPE html><p>a"));
        assert!(is_page("1342", "<?xml version=\"1.0\"?>\n<html xmlns=\"x\">"));
        assert!(is_page("1342-h.htm.gz", "a <b>bold</b> claim"));
        assert!(!is_page("1342.txt", "a <b>bold</b> claim"));
        assert!(!is_page("1342-h.htm", "no tag at all"));
    }
}
