//! Wikipedia: articles from dumps of every form, damaged or not.

use crate::promises;
use crate::support::{Place, gzip, number, text};
use serde_json::{Value, json};
use std::io::Write;

fn label(place: &Place, corpus: &str, label: &str) -> Value {
    place.status(corpus)["slices"]["wikipedia"]["labels"][label].clone()
}

fn bundled(name: &str) -> String {
    format!("{}/fixtures/wikipedia/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn page(title: &str, head: &str, text: &str) -> String {
    format!(
        "<page><title>{title}</title><id>1</id>{head}<text>{}</text></revision></page>\n",
        escape(text)
    )
}

const ARTICLE: &str = "<ns>0</ns><revision><model>wikitext</model>";

fn article(title: &str, text: &str) -> String {
    page(title, ARTICLE, text)
}

fn export(pages: &[String]) -> String {
    let site = "<siteinfo><dbname>frwiki</dbname></siteinfo>";
    format!("<mediawiki>{site}\n{}</mediawiki>\n", pages.concat())
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_bundled_dumps_keep_the_promises() {
    let place = Place::new();
    let labels = [("20230320", &*bundled("20230320")), ("20230401", &*bundled("20230401"))];
    let found = promises::hold(&place, "wikipedia", "", &labels, 0);
    assert_eq!(found.len(), 36 + 1 + 14);
    let dropped = |name: &str| label(&place, "plain", name)["dropped"].clone();
    let expected =
        json!({"content_model": 6, "empty": 6, "namespace": 13, "no_text": 6, "redirect": 7});
    assert_eq!(dropped("20230320"), expected);
    let slovene = found.iter().find(|page| page["meta"]["language"] == "sl").unwrap();
    let id = "wikipedia/20230320/slwiki-20230320-pages-articles.xml#0";
    assert_eq!(
        *slovene,
        json!({
            "text": "Zelena kapljica je izmišljena pijača iz mete in limone.\n\nPriprava \n Meto \
                     operemo.\n Limono stisnemo & dodamo vodo.\n\nPijače",
            "meta": {
                "title": "Zelena kapljica",
                "url": "https://sl.wikipedia.org/wiki/Zelena%20kapljica",
                "language": "sl", "timestamp": "20230320", "id": id,
            },
            "id": id,
        })
    );
    for page in &found {
        let text = text(&page["text"]);
        assert!(!text.contains("Infobox") && !text.contains("wikitable"), "{text}");
        assert!(!text.contains("Almanac") && !text.contains(".jpg"), "{text}");
    }
}

#[test]
fn settings_choose_languages_and_the_date() {
    let place = Place::new();
    let (both, settings) = (bundled("20230320"), "languages = [\"sl\"]\ntimestamp = \"x\"\n");
    place.write("recipe.toml", format!("[wikipedia]\n{settings}"));
    place.run("build recipe.toml --corpus corpus").exits(0);
    place.run(&format!("add corpus --slice wikipedia --label a {both}")).exits(0);
    let found = place.documents("corpus");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["meta"]["timestamp"], "x");
    assert_eq!(number(&label(&place, "corpus", "a")["dropped"]["language"]), 42);
}

#[test]
fn each_form_of_a_dump_yields_the_same_articles() {
    let place = Place::new();
    let pages: Vec<String> = (0..300)
        .map(|n| article(&format!("P{n}"), &format!("'''Page''' {n}").repeat(40)))
        .collect();
    let whole = export(&pages);
    let streams: Vec<u8> = whole.as_bytes().chunks(50_000).flat_map(bzip2).collect();
    let forms = [
        ("plain.xml", whole.clone().into_bytes()),
        ("one.xml.bz2", bzip2(whole.as_bytes())),
        ("many.xml.bz2", streams),
        ("gz.xml.gz", gzip(whole.as_bytes())),
        ("zst.xml.zst", zstd::encode_all(whole.as_bytes(), 1).unwrap()),
    ];
    let mut texts: Vec<Vec<Value>> = Vec::new();
    for (name, bytes) in forms {
        place.write(name, bytes);
        let add = format!("add {name}.d --slice wikipedia --label a {name} -w 2 --epoch-bytes 4K");
        place.run(&add).exits(0);
        let mut found = place.documents(&format!("{name}.d"));
        for page in &mut found {
            page.as_object_mut().unwrap().remove("id");
            page["meta"].as_object_mut().unwrap().remove("id");
            assert_eq!(page["meta"]["language"], "fr", "from its siteinfo");
        }
        texts.push(found);
    }
    assert_eq!(texts[0].len(), 300);
    assert!(texts.iter().all(|found| *found == texts[0]));
}

#[test]
fn pages_that_are_not_articles_have_their_own_reasons() {
    let place = Place::new();
    let other = |head: &str| page("X", head, "text");
    // Too many openings that close too late to be matched in linear time.
    let tangled = "<ref>{{a|''[[b|".repeat(20_000) + &"]]''}}</ref>".repeat(3);
    let pages = [
        article("A", "text"),
        other("<ns>1</ns><revision>"),
        other("<ns>0</ns><redirect title=\"A\" /><revision>"),
        other("<ns>0</ns><revision><model>Scribunto</model>"),
        other("<ns>0</ns><revision>"),
        article("B", ""),
        article("C", "{{only a template}}"),
        article("D", &tangled),
        "<page><title>no namespace</title></page>".to_owned(),
    ];
    place.write("enwiki-20230320-pages.xml", export(&pages));
    place.write("xxwiki-20230320-pages.xml", export(&pages[..1]));
    let found = promises::hold(&place, "wikipedia", "", &[("a", "*.xml")], 0);
    assert_eq!(found.len(), 2);
    let expected = json!({
        "content_model": 1, "empty": 1, "language": 1, "namespace": 2, "no_text": 1, "redirect": 1,
        "tangled_markup": 1,
    });
    assert_eq!(label(&place, "plain", "a")["dropped"], expected);
}

#[test]
fn damaged_dumps_are_listed_and_no_other_page_is_lost() {
    let place = Place::new();
    let bad = article("B", "x").replace('x', "&bomb;");
    let cut = article("C", "x").replace("</page>", "");
    let bomb = "<!DOCTYPE m [<!ENTITY bomb \"&bomb;&bomb;\">]>";
    let pages = [article("A", "one"), bad, cut, article("D", "two")];
    place.write("enwiki-1.xml", format!("{bomb}{}", export(&pages)));
    let random = |n: usize| (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let long =
        |n: usize| (0..400).map(|m| format!("{:x} ", random(n * 400 + m))).collect::<String>();
    let many: Vec<String> = (0..120).map(|n| article(&format!("P{n}"), &long(n))).collect();
    let whole = bzip2(export(&many).as_bytes());
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    place.write("enwiki-2.xml.bz2", &damaged);
    let others: Vec<String> = (0..120).map(|n| article(&format!("Q{n}"), &long(n))).collect();
    let whole = bzip2(export(&others).as_bytes());
    place.write("enwiki-3.xml.bz2", &whole[..whole.len() / 2]);
    place.write("enwiki-4.xml", "not an export at all");
    let found = promises::hold(&place, "wikipedia", "", &[("a", "enwiki-*")], 3);
    let of =
        |file: &str| found.iter().filter(|page| text(&page["meta"]["id"]).contains(file)).count();
    assert_eq!(of("enwiki-1"), 2);
    assert!((40..120).contains(&of("enwiki-2")), "{}", of("enwiki-2"));
    assert!((20..70).contains(&of("enwiki-3")), "{}", of("enwiki-3"));
    let outcome = place.run("build all.toml --corpus again").exits(3);
    for word in
        ["&bomb;", "begins within", "corrupt bzip2 block", "cut short", "not a MediaWiki export"]
    {
        assert!(outcome.stdout.contains(word), "{word}: {outcome}");
    }
}

#[test]
fn a_dump_of_an_unknown_wiki_is_named_and_the_others_are_read() {
    let place = Place::new();
    let page =
        "<page><title>A</title><ns>0</ns><revision><text>An article.</text></revision></page>";
    let dump = format!("<mediawiki>{page}</mediawiki>");
    place.write("in/pages.xml", &dump);
    place.write("in/zuwiki-20230320-pages-articles.xml", &dump);
    place.write("recipe.toml", "[wikipedia]\nlanguages = []\n");
    place.run("build recipe.toml --corpus corpus").exits(0);
    let output = place.run("add corpus --slice wikipedia --label a in").exits(3).stdout;
    for word in ["in/pages.xml", "enwiki-20230320-pages-articles.xml.bz2"] {
        assert!(output.contains(word), "{output}");
    }
    assert_eq!(place.documents("corpus").len(), 1);
}

#[test]
fn real_dumps_are_read_whole() {
    let Some(_) = reference::folder() else { return };
    let place = Place::with_data().unwrap();
    let settings = "languages = []\n";
    let labels = [
        ("a", "data/small/wikipedia"),
        ("b", "data/wikipedia/ltgwiki-latest-pages-articles.xml.bz2"),
    ];
    promises::hold(&place, "wikipedia", settings, &labels, 0);
    let counts = label(&place, "plain", "b");
    // Python's counts: 903 are articles with text.
    assert_eq!((number(&counts["read"]), number(&counts["kept"])), (2004, 903), "{counts}");
}

#[test]
fn a_folder_as_published_yields_each_page_once() {
    let place = Place::new();
    let pages: Vec<String> =
        (0..6).map(|n| article(&format!("P{n}"), &format!("Text {n}."))).collect();
    let name = |rest: &str| format!("in/frwiki-20230320-{rest}");
    place.write(&name("pages-articles.xml.bz2"), bzip2(export(&pages).as_bytes()));
    place.write(&name("pages-articles1.xml-p1p3.bz2"), bzip2(export(&pages[..3]).as_bytes()));
    place.write(&name("pages-articles2.xml-p4p6.bz2"), bzip2(export(&pages[3..]).as_bytes()));
    place.write(&name("pages-articles-multistream.xml.bz2"), bzip2(export(&pages).as_bytes()));
    let index = bzip2(b"616:1:P0\n616:2:P1\n");
    place.write(&name("pages-articles-multistream-index.txt.bz2"), &index);
    place.write(&name("md5sums.txt"), "d41d8cd98f00b204e9800998ecf8427e  frwiki-20230320-x.bz2\n");
    place.write("in/sha1sums.txt", "da39a3ee5e6b4b0d3255bfef95601890afd80709  frwiki-x.bz2\n");
    place.write(&name("page.sql.gz"), gzip(b"-- MySQL dump 10.19\n--\n"));
    let found = promises::hold(&place, "wikipedia", "", &[("a", "in")], 0);
    let titles: Vec<&str> = found.iter().map(|page| text(&page["meta"]["title"])).collect();
    assert_eq!(titles, ["P0", "P1", "P2", "P3", "P4", "P5"]);
    assert_eq!(label(&place, "plain", "a")["dropped"], json!({"duplicate_page": 12}));
    // The pages of a later dump are kept.
    place.write("later/frwiki-20230401-pages-articles.xml", export(&pages));
    place.run("add plain --slice wikipedia --label b later").exits(0);
    assert_eq!(label(&place, "plain", "b")["kept"], 6);
}

#[test]
fn a_dump_that_ends_between_pages_is_named() {
    let place = Place::new();
    let whole = export(&[article("A", "one"), article("B", "two")]);
    place.write("frwiki-1.xml", whole.replace("</mediawiki>", ""));
    let output = place.run("add corpus --slice wikipedia --label a frwiki-1.xml").exits(3).stdout;
    assert!(output.contains("ends without </mediawiki>"), "{output}");
    assert_eq!(place.documents("corpus").len(), 2);
}
