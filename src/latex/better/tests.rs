use super::{clean, reads};
use crate::{Loss, TexFile};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn file(name: &str, bytes: impl AsRef<[u8]>) -> TexFile {
    TexFile { name: name.into(), bytes: bytes.as_ref().to_vec() }
}

fn one(text: &str) -> Result<String, Loss> {
    clean(&[file("main.tex", text)])
}

/// What becomes of `body` behind a section.
fn of(body: &str) -> String {
    let text = one(&format!("\\section{{A}}\n{body}")).unwrap();
    let rest = text.strip_prefix("\\section{A}").unwrap();
    rest.strip_prefix('\n').unwrap_or(rest).to_owned()
}

#[test]
fn the_text_is_from_the_first_section_to_the_end_of_the_document() {
    let paper = "\\documentclass{article}\n\\begin{document}\nAbstract.\n\\section{One}\nText.\n\
                 \\end{document}\nwhat TeX never reads";
    assert_eq!(one(paper).unwrap(), "\\section{One}\nText.");
    assert_eq!(one("x\\section {S}\ny").unwrap(), "\\section {S}\ny", "a blank before the brace");
    assert_eq!(one("x\\paragraph{P} y").unwrap(), "\\paragraph{P} y");
    assert_eq!(one("% \\section{hidden}\nx\n\\section{real}").unwrap(), "\\section{real}");
}

#[test]
fn a_letter_without_sections_begins_behind_its_title_and_abstract() {
    let paper =
        "\\begin{document}\\begin{abstract}a\\end{abstract}\\maketitle\nText.\\end{document}";
    assert_eq!(one(paper).unwrap(), "Text.");
    assert_eq!(one("\\begin{document}Text.\\end{document}"), Err(Loss::NoSection));
    assert_eq!(one(""), Err(Loss::NoSection));
    assert_eq!(clean(&[]), Err(Loss::NoTex));
}

#[test]
fn comments_go_and_take_nothing_with_them() {
    assert_eq!(of("word% comment\nnext"), "word\nnext");
    assert_eq!(of("word %\nnext"), "word\nnext");
    assert_eq!(of("a\n  % a line of its own\nb"), "a\nb");
    assert_eq!(of("5\\% and\\\\% comment\nb"), "5\\% and\\\\\nb");
    assert_eq!(of("a\n\\begin{comment}\nx\n\\end{comment}\nb"), "a\nb");
}

#[test]
fn percent_signs_in_listings_and_addresses_are_no_comments() {
    let listing = "\\begin{verbatim}\nx % y\n\\x\n\\end{verbatim}";
    assert_eq!(of(&format!("\\def\\x{{X}}\n{listing}\n\\x")), format!("{listing}\nX"));
    assert_eq!(of("\\verb|50% \\x| off % c"), "\\verb|50% \\x| off");
    assert_eq!(of("\\url{http://a.example/%20b} c % d"), "\\url{http://a.example/%20b} c");
    assert_eq!(of("\\url{http://a.example/ % d\n} c"), "\\url{http://a.example/\n} c");
    assert_eq!(of("\\begin{verbatim} x % y\nz"), "\\begin{verbatim} x\nz", "it never ends");
}

#[test]
fn what_iffalse_hides_goes() {
    assert_eq!(of("a\n\\iffalse\nb \\ifx c \\fi d\n\\fi\ne"), "a\ne");
    assert_eq!(of("a \\iffalse b\\else c \\ifx d\\fi\\fi e"), "a  c \\ifx d\\fi e");
    assert_eq!(of("a \\iffalse b"), "a \\iffalse b", "nothing ends it");
    assert_eq!(of("\\let\\iflong\\iffalse\n\\iflong b\\fi"), "\\iflong b\\fi");
    assert_eq!(of("\\def\\hide{\\iffalse}\na \\fi b"), "a \\fi b");
}

#[test]
fn macros_without_arguments_are_expanded_wherever_they_stand() {
    assert_eq!(of("\\newcommand{\\x}{p} % c\n\\x\\x\\x z \\x"), "ppp z p");
    assert_eq!(of("\\newcommand\\x{p}\\renewcommand*{\\x}{q}\n\\x."), "q.");
    assert_eq!(of("\\newcommand{\\a}{X\\b}\n\\newcommand{\\b}{Y}\n\\a \\b"), "XY Y");
    assert_eq!(of("\\newcommand{\\b}{Y}\n\\newcommand{\\a}{X\\b}\n\\a \\b"), "XY Y");
    assert_eq!(of("\\newcommand{\\x}{é}\nun \\x{} deux"), "un é deux");
    assert_eq!(of("\\newcommand{\\x}{\n  one\n  two\n}\n\\x"), "one\n  two");
    assert_eq!(of("\\newcommand{\\ie}{i.e.\\xspace}\n\\ie that"), "i.e. that");
    assert_eq!(of("\\newcommand{\\R}{\\mathbb{R}}\n$\\R^n \\Rr$"), "$\\mathbb{R}^n \\Rr$");
    assert_eq!(
        of("\\DeclareMathOperator*{\\am}{arg\\,min}\n$\\am_x$"),
        "$\\operatorname*{arg\\,min}_x$"
    );
}

#[test]
fn macros_with_arguments_are_expanded() {
    assert_eq!(of("\\newcommand{\\f}[2]{#2-#1}\n\\f{a}{b} \\f ab \\f{a} {b}"), "b-a b-a b-a");
    assert_eq!(of("\\newcommand{\\f}[2][d]{#1#2}\n\\f{x} \\f[e]{x}"), "dx ex");
    assert_eq!(of("\\def\\f#1#2{<#1|#2>}\n\\f{a}{\\f{b}{c}}"), "<a|<b|c>>");
    assert_eq!(of("\\newcommand{\\f}[1]{(#1)}\n\\newcommand{\\g}{\\f}\n\\g{x}"), "(x)");
    assert_eq!(of("\\newcommand{\\f}[1]{\\mathbf#1}\n\\f x"), "\\mathbf x", "words stay apart");
    assert_eq!(of("\\newcommand{\\be}{\\begin{equation}}\n\\be x"), "\\begin{equation} x");
    assert_eq!(of("\\newcommand{\\todo}[1]{}\na\\todo{not\n\nyet} b"), "a b");
    let defines = "\\newcommand{\\mk}[2]{\\newcommand{#1}[1]{#2##1}}\n\\mk{\\x}{y}\n\\x{z}";
    assert_eq!(of(defines).trim(), "yz");
    assert_eq!(of("\\newcommand{\\f}[1]{(#1)}\n{\\f} \\f"), "{\\f} \\f", "there is no argument");
}

#[test]
fn a_macro_may_begin_the_paper() {
    let paper = "\\newcommand{\\sect}[1]{\\section{#1}}\nfront\n\\sect{One} text";
    assert_eq!(one(paper).unwrap(), "\\section{One} text");
}

#[test]
fn what_structures_a_text_is_not_expanded() {
    let paper = "\\renewcommand{\\section}[1]{\\Large #1}\n\\section{A}\nx";
    assert_eq!(one(paper).unwrap(), "\\section{A}\nx");
    assert_eq!(of("\\def\\x{\\@internal}\n\\x y"), "\\x y");
}

#[test]
fn a_macro_that_is_not_understood_stays_with_its_uses() {
    assert_eq!(of("\\newcommand{\\x}{a}\n\\def\\x#1.{b}\n\\x c."), "\\x c.");
    assert_eq!(of("\\newcommand{\\x"), "\\newcommand{\\x");
    assert_eq!(of("\\newcommand{\\x}{a}\n\\let\\y=\\x\n\\let\\x\\relax\n\\y\\x"), "a\\x");
}

#[test]
fn only_the_bibliography_and_the_appendix_are_cut() {
    assert_eq!(of("a \\appendixname\\ b"), "a \\appendixname\\ b");
    assert_eq!(of("a\n\\appendix\n\\section{B}"), "a");
    assert_eq!(
        of("a\n\\begin{thebibliography}{9}\n\\bibitem x\n\\end{thebibliography}\nb"),
        "a\nb"
    );
    assert_eq!(of("a\n\\bibliographystyle{plain}\n\\bibliography{refs}\nb"), "a\nb");
    let early = "\\begin{document}\\appendix x\\section{A} y";
    assert_eq!(one(early).unwrap(), "\\section{A} y", "there is nothing to cut yet");
}

#[test]
fn files_are_read_where_the_main_file_inputs_them() {
    let files = [
        file("a/two.tex", "\\section{Two}\n\\x\n"),
        file(
            "main.tex",
            "\\input{macros}\n\\begin{document}\n\\include{one}\\input a/two \n\\input{gone}\\end{document}",
        ),
        file("macros.tex", "\\newcommand{\\x}{y}"),
        file("one.tex", "\\section{One}"),
        file("unused.tex", "\\section{Unused}"),
    ];
    let text = "\\section{One}\n\\section{Two}\ny\n\n\\input{gone}";
    assert_eq!(clean(&files).unwrap(), text);
}

#[test]
fn the_main_file_is_the_one_that_reads_most_and_others_follow() {
    let main = |name: &str, body: &str| {
        file(name, format!("\\documentclass{{a}}\\begin{{document}}{body}\\end{{document}}"))
    };
    let files = [
        main("a_cover.tex", "\\section{Cover}"),
        main("paper.tex", "\\input{body}"),
        main("paper_wide.tex", "\\input{body}"),
        file("body.tex", "\\section{Body}\nA text that is longer than the other."),
    ];
    let text = "\\section{Body}\nA text that is longer than the other.\n\n\\section{Cover}";
    assert_eq!(clean(&files).unwrap(), text);
}

#[test]
fn a_main_file_that_a_wrapper_inputs_is_the_main_file() {
    let files = [
        file("a4.tex", "\\def\\paper{a4}\\input{main}"),
        file("letter.tex", "\\def\\paper{letter}\\input{main}"),
        file("main.tex", "\\begin{document}\\section{A} text\\end{document}"),
    ];
    assert_eq!(clean(&files).unwrap(), "\\section{A} text");
    let each_other = [
        file("a.tex", "\\begin{document}\\section{A}\\input{b}\\end{document}"),
        file("b.tex", "\\begin{document}\\section{B}\\input{a}\\end{document}"),
    ];
    assert_eq!(clean(&each_other).unwrap(), "\\section{A}\\section{B}\\input{a}");
}

#[test]
fn a_part_with_a_preamble_of_its_own_is_read_from_where_its_document_begins() {
    let files = [
        file("main.tex", "\\begin{document}\\section{A}\n\\subfile{part}\nend\\end{document}"),
        file(
            "part.tex",
            "\\documentclass[main]{subfiles}\n\\begin{document}\npart\n\\end{document}\n",
        ),
    ];
    assert_eq!(clean(&files).unwrap(), "\\section{A}\n\npart\n\nend");
}

#[test]
fn without_a_main_file_all_that_have_sections_make_the_text() {
    let files = [
        file("b.tex", "\\section{B}"),
        file("a.tex", "\\section{A} \\input{c}"),
        file("c.tex", "\\section{C}"),
        file("d.tex", "nothing"),
    ];
    assert_eq!(clean(&files).unwrap(), "\\section{A} \\section{C}\n\n\\section{B}");
}

#[test]
fn encodings_are_what_the_author_says() {
    let paper = |option: &str, bytes: &[u8]| {
        let head = format!("\\usepackage[{option}]{{inputenc}}\n\\section{{A}}\n");
        let text = clean(&[file("a.tex", [head.as_bytes(), bytes].concat())]).unwrap();
        text.split_once('\n').unwrap().1.to_owned()
    };
    assert_eq!(paper("latin1", b"caf\xe9"), "café");
    assert_eq!(paper("utf8", "café".as_bytes()), "café");
    assert_eq!(paper("latin1", "café".as_bytes()), "café", "it is UTF-8 all the same");
    assert_eq!(paper("utf8", b"caf\xe9"), "café");
    assert_eq!(paper("latin2", b"\xb3\xf3d\xbc"), "łódź");
    assert_eq!(paper("T1,koi8-r", b"\xcd\xc9\xd2"), "мир");
    assert_eq!(paper("applemac", b"caf\x8e"), "café");
    assert_eq!(paper("unheard-of", b"na\xefve \x93x\x94"), "naïve “x”");
    let commented = b"%\\usepackage[koi8-r]{inputenc}\n\\section{A} \xe9\r\nx\ry";
    assert_eq!(clean(&[file("a.tex", commented)]).unwrap(), "\\section{A} é\nx\ny");
    let cjk = b"\\section{A}\\begin{CJK*}{GBK}{song}\xc4\xe3\\end{CJK*}";
    assert!(clean(&[file("a.tex", cjk)]).unwrap().contains('你'));
    let wide: Vec<u8> = "\u{feff}\\section{Ä}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(clean(&[file("a.tex", wide)]).unwrap(), "\\section{Ä}");
    let other = [
        file("a.tex", "\\usepackage[latin2]{inputenc}\\begin{document}\\input{b}"),
        file("b.tex", b"\\section{\xb3}"),
    ];
    assert_eq!(clean(&other).unwrap(), "\\section{ł}");
}

#[test]
fn files_are_told_by_their_names() {
    for name in ["a.tex", "b/A.TEX", "a.ltx", "part.inc"] {
        assert!(reads(name), "{name}");
    }
    for name in ["a.pdf", "tex", "a.tex.png", "a.sty", ""] {
        assert!(!reads(name), "{name}");
    }
}

/// Papers that are made to take long, or much memory.
fn hostile() -> Vec<(&'static str, Vec<TexFile>)> {
    let paper = |text: String| vec![file("main.tex", format!("\\section{{A}}\n{text}"))];
    let doubling = |n: u32| -> String {
        let letter = |n: u32| char::from_u32(u32::from('a') + n % 26).unwrap();
        let name = |n: u32| format!("\\z{}{}", letter(n / 26), letter(n));
        (0..n).map(|i| format!("\\def{}{{{1}{1}}}\n", name(i), name(i + 1))).collect::<String>()
            + &name(0)
    };
    let inputs: Vec<TexFile> = (0..40)
        .map(|n| {
            file(
                &format!("f{n}.tex"),
                format!("\\section{{x}}\\input{{f{0}}}\\input{{f{0}}}", n + 1),
            )
        })
        .collect();
    let many = 100_000;
    vec![
        ("braces", paper("{".repeat(1_000_000) + &"}".repeat(1_000_000))),
        ("open arguments", paper("\\newcommand{\\f}[1]{#1}".to_owned() + &"\\f{".repeat(many))),
        ("nested uses", {
            let nested = "\\f{".repeat(100_000) + &"}".repeat(100_000);
            paper("\\newcommand{\\f}[1]{<#1>}".to_owned() + &nested)
        }),
        ("itself", paper("\\def\\x{\\x}\\def\\y{\\y\\y}\\def\\z{a\\z b}\\x\\y\\z".into())),
        ("itself, many", paper("\\def\\x{\\x\\x}".to_owned() + &"\\x ".repeat(many))),
        ("each other", paper("\\def\\x{\\y}\\def\\y{\\x}\\x end".into())),
        ("bomb", paper(doubling(200))),
        ("bomb with arguments", {
            paper("\\def\\x#1{\\y{#1#1}}\\def\\y#1{\\x{#1#1}}\\x{aaaaaaaa}".into())
        }),
        ("bombs of their own", {
            let bomb = |n: usize| {
                let name: String = n.to_string().bytes().map(|b| (b + 49) as char).collect();
                format!("\\def\\q{name}{{\\q{name}\\q{name}}}\\q{name}\n")
            };
            paper((0..5_000).map(bomb).collect())
        }),
        (
            "input loop",
            vec![
                file("main.tex", "\\section{A}\\input{main}\\input{b}"),
                file("b.tex", "\\input{main}"),
            ],
        ),
        ("input bomb", inputs),
        ("input in a macro", vec![file("main.tex", "\\section{A}\\def\\x{\\input{main}\\x}\\x")]),
        ("open definitions", paper("\\newcommand{\\x}[".repeat(many))),
        ("open def", paper("\\def\\x#1#2".repeat(many))),
        ("open environments", paper("\\begin{verbatim}\\begin{comment}\\begin{".repeat(many))),
        ("open verb", paper("\\verb|".repeat(many))),
        ("open addresses", paper("\\url{a".repeat(many))),
        ("iffalse", paper("\\iffalse ".repeat(many))),
        ("else", paper("\\iffalse\\else".repeat(many) + &"\\fi".repeat(many))),
        (
            "blanks",
            paper(
                "\\iffalse\\fi".repeat(many)
                    + &" ".repeat(1_000_000)
                    + &"\\iffalse\\fi".repeat(many),
            ),
        ),
        ("open bibliographies", paper("\\begin{thebibliography}".repeat(many))),
        ("percent signs", paper("%".repeat(2_000_000))),
        ("backslashes", paper("\\".repeat(2_000_001))),
        (
            "open commands",
            paper("\\bibliography{".repeat(many) + &"\\printbibliography[".repeat(many)),
        ),
        ("sections", paper("\\section".repeat(many))),
        ("inputs of nothing", paper("\\input{".repeat(many))),
        ("inputenc", paper("\\usepackage[x]{inputenc}".repeat(many) + "\u{e9}")),
        (
            "noise",
            vec![file(
                "main.tex",
                (0..1_000_000u32)
                    .map(|n| (n.wrapping_mul(2_654_435_761) >> 23) as u8)
                    .collect::<Vec<_>>(),
            )],
        ),
    ]
}

#[test]
fn hostile_papers_take_bounded_time_and_give_bounded_text() {
    for (name, files) in hostile() {
        let began = Instant::now();
        let text = clean(&files).unwrap_or_default();
        let (took, size) = (began.elapsed(), files.iter().map(|f| f.bytes.len()).sum::<usize>());
        // A tenth of it as a rule; machines that test are busy.
        assert!(took < Duration::from_secs(20), "{name}: {took:?}");
        assert!(text.len() <= 70 * size + (17 << 20), "{name}: {} of {size}", text.len());
        if took > Duration::from_secs(1) {
            println!("{name}: {took:?} {} -> {}", size, text.len());
        }
        let began = Instant::now();
        let _ = crate::redpajama::clean(&files);
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{name} as redpajama: {:?}",
            began.elapsed()
        );
        if began.elapsed() > Duration::from_secs(1) {
            println!("{name}: redpajama {:?} {}", began.elapsed(), size);
        }
    }
}

#[test]
fn what_a_use_took_back_is_not_missed_when_it_is_undone() {
    // The definition in the macro takes the blanks before it, and text of other widths follows.
    let body = "\\newcommand{\\y}{\\y\\y}\néé\\x";
    for blanks in ["", " ", "  ", "   "] {
        let text = of(&format!("\\def\\x{{{body}}}a\n{blanks}\\x é"));
        assert!(text.starts_with("a\n") && text.ends_with("\\x é"), "{text}");
    }
}

#[test]
fn a_section_in_a_bomb_is_none() {
    let paper = "\\def\\x{\\section{no}\\x\\x}long enough a front \\x \\section{A} text";
    assert_eq!(one(paper).unwrap(), "\\section{A} text");
}

#[test]
fn a_bomb_stays_as_it_is_written_and_harms_no_other_macro() {
    let text = of("\\def\\x{\\x\\x}\\def\\y{fine}\n\\y \\x \\y \\x");
    assert_eq!(text, "fine \\x fine \\x");
}

/// Texts of the words that rules look for.
fn latex() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "\\",
        "{",
        "}",
        "[",
        "]",
        "%",
        "\n",
        " ",
        "a",
        "é",
        "#1",
        "##",
        "*",
        "=",
        "|",
        "\\section{S}",
        "\\paragraph",
        "\\subparagraph{Q}",
        "\\newcommand",
        "\\def",
        "\\let",
        "\\x",
        "\\y",
        "{\\x}",
        "[1]",
        "{#1\\y}",
        "\\input{b}",
        "\\begin{document}",
        "\\end{document}",
        "\\appendix",
        "\\begin{verbatim}",
        "\\end{verbatim}",
        "\\begin{comment}",
        "\\end{comment}",
        "\\iffalse",
        "\\else",
        "\\fi",
        "\\bibliography{r}",
        "\\verb",
        "\\url",
        "\\begin{thebibliography}",
        "\\endinput",
        "\\maketitle",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(crate::property())]

    #[test]
    fn any_paper_gives_a_text_or_a_reason(a in latex(), b in latex()) {
        let files = [file("a.tex", a), file("b.tex", b)];
        if let Ok(text) = clean(&files) {
            prop_assert!(!text.trim().is_empty());
            prop_assert_eq!(text.trim(), &text);
        }
        let _ = crate::redpajama::clean(&files);
    }

    #[test]
    fn plain_text_comes_out_as_it_is(text in "[a-z .,;!?é]{1,80}") {
        prop_assert_eq!(of(&format!("x{text}x")), format!("x{text}x"));
    }

    #[test]
    fn any_bytes_give_a_text_or_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = clean(&[file("a.tex", &bytes)]);
        let _ = crate::redpajama::clean(&[file("a.tex", bytes)]);
    }
}

#[test]
fn files_that_only_input_others_end() {
    let next = |name: &str| format!("\\input{{{name}}}").repeat(200);
    let main = format!("\\begin{{document}}\\section{{One}} text {}", next("a"));
    let files = [
        file("main.tex", main),
        file("a.tex", next("b")),
        file("b.tex", next("c")),
        file("c.tex", next("d")),
        file("d.tex", next("e")),
        file("e.tex", ""),
    ];
    assert!(clean(&files).unwrap().starts_with("\\section{One} text"));
}

#[test]
fn a_line_of_packages_is_looked_at_in_linear_time() {
    let line = "]{inputenc}".repeat(200_000);
    assert!(clean(&[file("main.tex", format!("\\section{{One}}\n{line}"))]).is_ok());
}
