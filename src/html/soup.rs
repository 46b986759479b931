//! The text that BeautifulSoup's `get_text()` keeps of a page.

use crate::Sink;
use crate::blank::is_blank;
use crate::markup::parse;

/// Returns the text of an HTML page as `BeautifulSoup(html, "lxml").get_text()` does: with
/// references decoded, without tags, comments and scripts, and with nothing inserted between
/// elements.
///
/// ```
/// let page = "<p>Salt &amp; pepper<script>x()</script>, <b>please";
/// assert_eq!(html::html_text(page), "Salt & pepper, please");
/// ```
pub fn html_text(html: &str) -> String {
    let mut soup = Soup::with_capacity(html.len());
    parse(html, &mut soup);
    soup.finish()
}

/// Elements whose strings bs4 does not count as text (`bs4/builder`: `HTMLTreeBuilder`,
/// `DEFAULT_STRING_CONTAINERS`).
const HIDING: &[&str] = &["rp", "rt", "script", "style", "template"];

/// Elements that preserve blanks (`bs4/builder`: `DEFAULT_PRESERVE_WHITESPACE_TAGS`).
const PREFORMATTED: &[&str] = &["pre", "textarea"];

/// The text so far. From `string_at` on, it is the string that is being read.
#[derive(Default)]
struct Soup {
    text: String,
    string_at: usize,
    /// Number of open elements that hide their strings.
    hiding: usize,
    /// Number of open elements that preserve blanks.
    preformatted: usize,
}

impl Soup {
    /// Returns an empty text with a capacity of `bytes`.
    fn with_capacity(bytes: usize) -> Soup {
        Soup { text: String::with_capacity(bytes), ..Soup::default() }
    }

    /// Returns the whole text.
    fn finish(mut self) -> String {
        self.end_string();
        self.text
    }
}

impl Sink for Soup {
    const MAY_BE_XML: bool = false;

    fn start(&mut self, name: &str) {
        self.end_string();
        self.hiding += usize::from(HIDING.contains(&name));
        self.preformatted += usize::from(PREFORMATTED.contains(&name));
    }

    fn end(&mut self, name: &str) {
        self.end_string();
        self.hiding -= usize::from(HIDING.contains(&name));
        self.preformatted -= usize::from(PREFORMATTED.contains(&name));
    }

    /// Adds text. Consecutive pieces form one string.
    fn data(&mut self, text: &str) {
        self.text += text;
    }

    /// Ends a string at a comment, a doctype or an element (`bs4/__init__.py`: `endData`). A string
    /// of only blanks becomes one blank, a line end if it has one.
    fn end_string(&mut self) {
        let string = &self.text[self.string_at..];
        if self.hiding > 0 {
            self.text.truncate(self.string_at);
        } else if self.preformatted == 0 && !string.is_empty() && string.chars().all(is_blank) {
            let blank = if string.contains('\n') { '\n' } else { ' ' };
            self.text.truncate(self.string_at);
            self.text.push(blank);
        }
        self.string_at = self.text.len();
    }
}

#[cfg(test)]
mod tests {
    use crate::html_text;
    use proptest::strategy::Strategy;

    // Each result is that of bs4 4.15 over lxml 6.1 (libxml2 2.14).

    #[test]
    fn blanks_between_elements_become_one() {
        assert_eq!(html_text("<p>a</p> \t <p>b</p> \n <p>c</p>"), "a b\nc");
        assert_eq!(html_text("<p>a</p> <!-- x --> <p>b</p>"), "a  b");
    }

    #[test]
    fn blanks_of_preformatted_text_stay() {
        assert_eq!(html_text("<pre><b>a</b> \n  <i>b</i></pre>"), "a \n  b");
        assert_eq!(html_text("<b>a</b> \n  <i>b</i>"), "a\nb");
    }

    #[test]
    fn an_end_tag_without_element_does_not_end_a_string() {
        assert_eq!(html_text("<b>x</b> </foo> <b>y</b>"), "x y");
        assert_eq!(html_text("<b>x</b> <!----> <b>y</b>"), "x  y");
    }

    #[test]
    fn elements_begin_and_end_where_libxml2_has_them() {
        // An end tag does not close an element of more weight: the blanks are one string.
        assert_eq!(html_text("<span><div><b>x</b> </span> <b>y</b></div>"), "x y");
        // The second item has ended the first, so the second end tag has no element.
        assert_eq!(html_text("<ul><li>a<li>b</li> </li> <b>y</b>"), "ab y");
        assert_eq!(html_text("<pre>a<ul> \n <li>b"), "a\nb");
        assert_eq!(html_text("<title>&lt; <b></title>x"), "< <b>x");
    }

    #[test]
    fn hidden_elements_hide_the_text_of_their_children() {
        assert_eq!(html_text("<template>x<p>y</template>z"), "z");
        assert_eq!(html_text("<ruby>a<rp>(</rp><rt>b<i>c</i></rt></ruby>d"), "ad");
    }

    #[test]
    fn references_are_decoded_as_html5_says() {
        assert_eq!(
            html_text("&lt &amp;lt; &#128; &#0; &#xD800; &#x41"),
            "< &lt; € \u{fffd} \u{fffd} A"
        );
        assert_eq!(
            html_text("&notit; &notin; &ampx &nosuch; & &; &#; &#x;"),
            "¬it; ∉ &x &nosuch; & &; &#; &#x;"
        );
    }

    #[test]
    fn leading_blanks_are_removed_and_others_stay() {
        assert_eq!(html_text(" \n<p> x "), " x ");
        assert_eq!(html_text("<!-- a --> \n <!doctype html>\n t"), "t");
        assert_eq!(html_text("\u{feff} t"), "t");
        assert_eq!(html_text("  \n "), "");
    }

    #[test]
    fn hostile_pages_take_linear_time() {
        let many = |html: &str| html.repeat(100_000);
        for html in [
            many("<b>") + &many("</z>"),
            format!("<p><div>{}{}", many("<b>"), many("</p>")),
            many("&"),
            many("<"),
            many("<!--"),
            format!("<!--{}", many("--!")),
            format!("<a {}", many("a=\"")),
            format!("<script>{}", many("<!--<script>")),
            format!("<title>{}", many("</titl")),
            format!("&#{}", many("1")),
            format!("<{}", many("a")),
            many("<body>"),
        ] {
            let begun = std::time::Instant::now();
            html_text(&html);
            assert!(begun.elapsed().as_secs() < 20, "{:.20}", html);
        }
    }

    proptest::proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn any_text_is_read(
            parts in proptest::collection::vec(
                proptest::prelude::prop_oneof![
                    proptest::sample::select(PARTS).prop_map(str::to_owned),
                    ".{0,6}",
                ],
                0..60,
            ),
        ) {
            let html = parts.concat();
            proptest::prop_assert!(html_text(&html).len() <= 3 * html.len());
        }
    }

    const PARTS: &[&str] = &[
        "<",
        "</",
        "<!--",
        "-->",
        "<p>",
        "</p>",
        "<table>",
        "<td",
        ">",
        "/>",
        "<script>",
        "</script>",
        "<pre>",
        "</pre>",
        "<title>",
        "<body>",
        "</body>",
        "<html>",
        "<head>",
        "&amp;",
        "&#0;",
        "&",
        "=\"",
        "'",
        " ",
        "\n",
        "<template>",
        "</template>",
        "<plaintext>",
        "<!doctype",
        "\0",
        "é",
    ];
}
