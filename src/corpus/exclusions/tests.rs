use super::*;
use crate::manifest::Source;

fn url(text: &str) -> Selector {
    Selector::url(text).unwrap()
}

fn domain(text: &str) -> Selector {
    Selector::domain(text).unwrap()
}

fn excluded(selectors: impl IntoIterator<Item = Selector>) -> Exclusions {
    let mut exclusions = Exclusions::default();
    exclusions.add(Request::default(), selectors);
    exclusions
}

fn matches(selector: Selector, page: &str) -> bool {
    excluded([selector]).matcher(&[]).find(DocRef(0), page).is_some()
}

#[test]
fn a_page_has_one_address_however_it_is_written() {
    for page in [
        "http://example.com/a?b=1",
        "https://example.com/a?b=1#part",
        "HTTPS://EXAMPLE.com:443/a?b=1",
        "https://user@example.com./a?b=1",
    ] {
        assert!(matches(url("https://example.com/a?b=1"), page), "{page}");
    }
    for other in [
        "https://example.com/A?b=1",
        "https://example.com/a",
        "https://www.example.com/a?b=1",
        "https://example.com:8080/a?b=1",
        "",
        "example.com",
    ] {
        assert!(!matches(url("https://example.com/a?b=1"), other), "{other}");
    }
}

#[test]
fn a_domain_has_all_domains_below_it_and_no_others() {
    for text in ["example.com", "*.example.com", ".example.com", "https://Example.com/"] {
        for page in [
            "http://example.com",
            "https://www.example.com/a",
            "https://a.b.EXAMPLE.com:81/",
            "http://me:x@shop.example.com./?q",
            // Browsers reject these; dumps have them.
            "http://a b.example.com/x y",
            "http://[x.example.com/",
        ] {
            assert!(matches(domain(text), page), "{text} {page}");
        }
        for other in ["http://badexample.com/", "http://example.com.evil.org/", "http://com/"] {
            assert!(!matches(domain(text), other), "{text} {other}");
        }
    }
    assert!(matches(domain("bücher.example"), "http://xn--bcher-kva.example/"));
    assert!(matches(domain("xn--bcher-kva.example"), "http://www.bücher.example/"));
    for wrong in ["", "com", "https://example.com/page", "a b"] {
        assert!(Selector::domain(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_id_is_that_of_the_label_that_is_there() {
    let source = |name: &str| Source { name: name.into(), ..Source::default() };
    let label = |name: &str, removed| Label {
        slice: "s".into(),
        name: name.into(),
        sources: vec![source("a"), source("d/b#1")],
        removed,
        ..Label::default()
    };
    let labels = [label("l", true), label("l", false), label("m", false)];
    let of = |id: &str| ref_of_id(&labels, id);
    assert_eq!(of("s/l/d/b#1#7"), Some(DocRef::new(1, 1, 7)));
    assert_eq!(of("s/m/a#0"), Some(DocRef::new(2, 0, 0)));
    for none in ["s/l/c#1", "s/l/a", "t/l/a#1", "s/l/a#x", "s/l/a#99999999999"] {
        assert_eq!(of(none), None, "{none}");
    }
}

#[test]
fn what_is_forgotten_is_excluded_by_its_digest_and_can_be_taken_back() {
    let mut exclusions = excluded([url("http://a.example/1"), domain("b.example")]);
    let forget = Request { forget: true, ..Request::default() };
    assert_eq!(exclusions.add(forget, [url("http://a.example/1"), domain("c.example")]), 1);
    let names: Vec<String> = exclusions.selectors().map(Selector::to_string).collect();
    assert_eq!(names, ["b.example", "a forgotten address", "a forgotten domain"]);
    let matcher = exclusions.matcher(&[]);
    let forgets = |page| matcher.find(DocRef(0), page).map(|found| found.forget);
    assert_eq!(forgets("https://a.example/1"), Some(true));
    assert_eq!(forgets("https://www.b.example/"), Some(false));
    assert_eq!(forgets("https://www.c.example/"), Some(true));
    let unknown =
        exclusions.take_back([url("http://a.example/1"), domain("c.example"), domain("d.example")]);
    assert_eq!(unknown, [domain("d.example")]);
    assert_eq!(exclusions, excluded([domain("b.example")]));
}

#[test]
fn a_list_is_read_as_it_was_written_and_damage_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::create(dir.path()).unwrap();
    let exclusions = excluded([
        Selector::Id("s/l/a#1".into()),
        url("http://a.example/\"x"),
        domain("b.example"),
    ]);
    let excluded = exclusions.save(&corpus, 7).unwrap();
    let manifest = Manifest { excluded, ..Manifest::default() };
    assert_eq!(Exclusions::load(&corpus, &manifest).unwrap(), exclusions);
    let path = dir.path().join("exclusions/000007.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("b.example", "c.example")).unwrap();
    let error = Exclusions::load(&corpus, &manifest).unwrap_err().to_string();
    assert!(error.contains("000007.jsonl") && error.contains("checksum"), "{error}");
}
