//! The addresses that Wikipedia's articles refer to. RedPajama's quality classifier was trained on
//! the pages at these addresses.

/// Returns the addresses in the references of one raw line of a Wikipedia dump's XML
/// (RedPajama-Data@rp_v1 `data_prep/cc/classifier`). As upstream, it misses references with a name
/// and references over several lines, takes the text between two references of a line for a
/// reference, and decodes no entities, so that an `&` in an address cuts it after `&amp`.
pub fn references(line: &str) -> Vec<&str> {
    let after = line.split_once("&lt;ref&gt").map(|(_, after)| after);
    let inside = after.and_then(|after| after.rsplit_once("&lt;/ref&gt;"));
    inside.map_or(Vec::new(), |(inside, _)| addresses(inside))
}

fn addresses(text: &str) -> Vec<&str> {
    const SCHEMES: [&str; 7] = ["http", "https", "telnet", "gopher", "file", "wais", "ftp"];
    let (mut found, mut done) = (Vec::new(), 0);
    for (colon, _) in text.match_indices(':') {
        let Some(before) = text.get(done..colon) else { continue };
        let is_alone = |bare: &str| !bare.ends_with(is_word);
        let scheme = SCHEMES.iter().find(|s| before.strip_suffix(**s).is_some_and(is_alone));
        let Some(scheme) = scheme else { continue };
        let path = &text[colon + 1..];
        let run = &path[..path.find(|c| !is_of_address(c)).unwrap_or(path.len())];
        if !run.is_empty() {
            // Always keeps one character after the colon.
            let length = run.trim_end_matches(['.', ':', '?', '-']).len().max(1);
            let end = colon + 1 + length;
            found.push(&text[colon - scheme.len()..end]);
            done = end;
        }
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_of_address(c: char) -> bool {
    is_word(c) || "/#~:.?+=&%@!-".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_before_marks_and_begin_at_schemes() {
        let of = |text: &str| references(&format!("&lt;ref&gt;{text}&lt;/ref&gt;")).join(" ");
        assert_eq!(of("[http://a.de/ä_b?c=1#d-.] (ftp:x)"), "http://a.de/ä_b?c=1#d ftp:x");
        assert_eq!(of("xhttp://a shttps://b _ftp://c HTTP://d http: e"), "");
        assert_eq!(
            of("http::: http://web.org/http://a.org/"),
            "http:: http://web.org/http://a.org/"
        );
        assert_eq!(of("a&lt;/ref&gt; http://between.org &lt;ref&gt;"), "http://between.org");
        assert!(references("http://a.org &lt;ref&gt; http://b.org").is_empty());
        assert_eq!(of(&"a:".repeat(1 << 20)), "", "in linear time");
    }
}
