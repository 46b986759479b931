use super::{Cleaned, may_be_input, reads};
use crate::{NoText, TexFile};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn file(name: &str, bytes: impl AsRef<[u8]>) -> TexFile {
    TexFile { name: name.into(), bytes: bytes.as_ref().to_vec() }
}

fn clean(files: &[TexFile]) -> Result<String, NoText> {
    super::clean(files, &[]).text
}

fn one(text: &str) -> Result<String, NoText> {
    clean(&[file("main.tex", text)])
}

/// Returns the cleaned `body`, placed after a section.
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
fn a_letter_without_sections_begins_after_its_title_and_abstract() {
    let paper =
        "\\begin{document}\\begin{abstract}a\\end{abstract}\\maketitle\nText.\\end{document}";
    assert_eq!(one(paper).unwrap(), "Text.");
    assert_eq!(one("\\begin{document}Text.\\end{document}"), Err(NoText::NoSection));
    assert_eq!(one(""), Err(NoText::NoSection));
    assert_eq!(clean(&[]), Err(NoText::NoTex));
}

#[test]
fn comments_are_removed_without_other_text() {
    assert_eq!(of("word% comment\nnext"), "word\nnext");
    assert_eq!(of("word %\nnext"), "word\nnext");
    assert_eq!(of("a\n  % a line of its own\nb"), "a\nb");
    assert_eq!(of("5\\% and\\\\% comment\nb"), "5\\% and\\\\\nb");
    assert_eq!(of("a\n\\begin{comment}\nx\n\\end{comment}\nb"), "a\nb");
}

#[test]
fn percent_signs_in_listings_and_addresses_are_not_comments() {
    let listing = "\\begin{verbatim}\nx % y\n\\x\n\\end{verbatim}";
    assert_eq!(of(&format!("\\def\\x{{X}}\n{listing}\n\\x")), format!("{listing}\nX"));
    assert_eq!(of("\\verb|50% \\x| off % c"), "\\verb|50% \\x| off");
    assert_eq!(of("\\url{http://a.example/%20b} c % d"), "\\url{http://a.example/%20b} c");
    assert_eq!(of("\\url{http://a.example/ % d\n} c"), "\\url{http://a.example/\n} c");
    assert_eq!(of("\\begin{verbatim} x % y\nz"), "\\begin{verbatim} x\nz", "it never ends");
}

#[test]
fn text_hidden_by_iffalse_is_removed() {
    assert_eq!(of("a\n\\iffalse\nb \\ifx c \\fi d\n\\fi\ne"), "a\ne");
    assert_eq!(of("a \\iffalse b\\else c \\ifx d\\fi\\fi e"), "a  c \\ifx d\\fi e");
    assert_eq!(of("a \\iffalse b"), "a \\iffalse b", "nothing ends it");
    assert_eq!(of("a\\let\\iflong\\iffalse\n\\iflong b\\fi c"), "a\nc");
    assert_eq!(of("\\def\\hide{\\iffalse}\na \\fi b"), "a \\fi b");
}

#[test]
fn macros_without_arguments_are_expanded_anywhere() {
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
fn structural_commands_are_not_expanded() {
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
    let text = "\\section{One}\n\\section{Two}\ny";
    let Cleaned { text: found, left_out } = super::clean(&files, &[]);
    assert_eq!(found.unwrap(), text);
    assert_eq!(left_out, ["main.tex: \\input{gone}: no such file in the paper"]);
}

#[test]
fn the_main_file_is_the_one_that_reads_most_and_others_follow_it() {
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
    assert_eq!(clean(&each_other).unwrap(), "\\section{A}\\section{B}");
    let left_out = super::clean(&each_other, &[]).left_out;
    assert_eq!(left_out, ["b.tex: \\input{a}: it reads itself"]);
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
fn without_a_main_file_all_files_with_sections_make_the_text() {
    let files = [
        file("b.tex", "\\section{B}"),
        file("a.tex", "\\section{A} \\input{c}"),
        file("c.tex", "\\section{C}"),
        file("d.tex", "nothing"),
    ];
    assert_eq!(clean(&files).unwrap(), "\\section{A} \\section{C}\n\n\\section{B}");
}

#[test]
fn encodings_are_those_that_the_author_declares() {
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
fn files_are_recognized_by_their_names() {
    for name in ["a.tex", "b/A.TEX", "a.ltx", "part.inc"] {
        assert!(reads(name), "{name}");
    }
    for name in ["a.pdf", "tex", "a.tex.png", "a.sty", ""] {
        assert!(!reads(name), "{name}");
    }
}

/// Returns the text of a paper of these files, and the parts that were left out.
fn of_files(files: &[(&str, &str)]) -> (String, Vec<String>) {
    let files: Vec<TexFile> = files.iter().map(|(name, text)| file(name, text)).collect();
    let Cleaned { text, left_out } = super::clean(&files, &[]);
    (text.unwrap(), left_out)
}

/// Returns the text after the section of a main file in the folder `p` that has this body.
fn with_files(body: &str, files: &[(&str, &str)]) -> (String, Vec<String>) {
    let main =
        format!("\\documentclass{{a}}\\begin{{document}}\\section{{A}}\n{body}\n\\end{{document}}");
    let (text, left_out) = of_files(&[&[("p/main.tex", main.as_str())], files].concat());
    (text.strip_prefix("\\section{A}").unwrap().trim().to_owned(), left_out)
}

#[test]
fn inputs_are_found_as_by_latex_and_as_authors_mean_them() {
    let found = |body: &str, name: &str| {
        let (text, left_out) = with_files(body, &[(name, "words")]);
        assert_eq!((text.as_str(), left_out.len()), ("words", 0), "{body} {name}");
    };
    for (body, name) in [
        ("\\input{s/a}", "p/s/a.tex"),
        ("\\input{./s/a.tex}", "p/s/a.tex"),
        ("\\input{../q/a}", "q/a.tex"),
        ("\\input{\"s/a b\"}", "p/s/a b.tex"),
        ("\\input{s/a b}", "p/s/a b.tex"),
        ("\\input \"s/a b\"", "p/s/a b.tex"),
        ("\\input s/a\n", "p/s/a.tex"),
        ("\\input s/a\\relax", "p/s/a.tex"),
        ("\\input{t.tikz}", "p/t.tikz"),
        ("\\input{t.tikz}", "p/t.tikz.tex"),
        ("\\input{f.pgf}", "p/f.pgf"),
        ("\\input{n.txt}", "p/n.txt"),
        ("\\input{plain}", "p/plain"),
        ("\\input{S/Intro}", "p/s/intro.TeX"),
        ("\\input{s\\a}", "p/s/a.tex"),
        ("\\include{a}", "p/a.tex"),
        ("\\subfile{s/a}", "p/s/a.tex"),
        ("\\subfileinclude{s/a}", "p/s/a.tex"),
        ("\\import{s/}{a}", "p/s/a.tex"),
        ("\\subimport*{s/}{a.tex}", "p/s/a.tex"),
        ("\\includefrom{s}{a}", "p/s/a.tex"),
        ("\\input{a}", "a.tex"),
        ("\\makeatletter\\@input{a.tex}", "p/a.tex"),
        ("\\newcommand{\\dir}{s}\\input{\\dir/a}", "p/s/a.tex"),
        ("\\def\\dir{s/}\\input{\\dir a}", "p/s/a.tex"),
        ("\\newcommand{\\in}[1]{\\input{s/#1}}\\in{a}", "p/s/a.tex"),
        ("\\input{\\jobname-a}", "p/main-a.tex"),
        ("\\makeatletter\\def\\input@path{{s/}{t/}}\\makeatother\\input{a}", "p/t/a.tex"),
    ] {
        let (text, left_out) = with_files(body, &[(name, "words")]);
        let text = text.replace("\\makeatletter", "").replace("\\makeatother", "");
        let text = text.replace("\\relax", "");
        assert_eq!((text.trim(), left_out.len()), ("words", 0), "{body} {name} {left_out:?}");
    }
    found("\\InputIfFileExists{a}{}{other}", "p/a.tex");
    let (text, left_out) = with_files(
        "\\InputIfFileExists{gone}{yes}{other} \\IfFileExists{a.tex}{yes}{no}",
        &[("p/a.tex", "")],
    );
    assert_eq!((text.as_str(), left_out.len()), ("other yes", 0));
}

#[test]
fn an_input_of_an_input_is_relative_to_the_main_file_and_then_to_its_own_file() {
    let files = [
        ("p/s/one.tex", "one \\input{s/two} \\input{own} \\input{same}"),
        ("p/s/two.tex", "two"),
        ("p/s/own.tex", "own"),
        ("p/s/same.tex", "of the part"),
        ("p/same.tex", "of the main file"),
    ];
    let (text, left_out) = with_files("\\input{s/one}", &files);
    assert_eq!(text.replace('\n', ""), "one two own of the main file");
    assert!(left_out.is_empty(), "{left_out:?}");
    let (text, _) = with_files("\\import{s/}{one}", &files);
    assert_eq!(text.replace('\n', ""), "one two own of the part");
}

#[test]
fn missing_inputs_are_reported_and_removed_from_the_text() {
    let (text, left_out) = with_files("a\n\\input{gone}\nb \\input s/gone \nc", &[]);
    assert_eq!(text, "a\nb  \nc");
    assert_eq!(
        left_out,
        [
            "p/main.tex: \\input{gone}: no such file in the paper",
            "p/main.tex: \\input s/gone: no such file in the paper"
        ]
    );
    let (text, left_out) = with_files(
        "a\\input epsf \\input{amssym.def}\\input xy\n\\input{main.bbl}\\input{x.toc}\\input{pst-node}b",
        &[],
    );
    assert_eq!((text.replace([' ', '\n'], "").as_str(), left_out.len()), ("ab", 0), "{left_out:?}");
    let (text, left_out) = with_files("a \\verb|\\input{x}| \\verbatiminput{x.c}", &[]);
    assert_eq!((text.as_str(), left_out.len()), ("a \\verb|\\input{x}| \\verbatiminput{x.c}", 0));
    let large = [file("m.tex", "\\section{A} \\input{big.txt}")];
    let found = super::clean(&large, &["s/big.txt".into()]);
    assert_eq!(found.left_out, ["m.tex: \\input{big.txt}: the file is too large to be read"]);
}

#[test]
fn verbatim_text_keeps_its_percent_signs_and_backslashes() {
    for kept in [
        "\\verb|5% \\x|",
        "\\verb*+5% \\x+",
        "\\lstinline|5% \\x|",
        "\\lstinline[language=C]!5% \\x!",
        "\\lstinline{5% \\x}",
        "\\mintinline{c}{5% \\x}",
        "\\mintinline[opts]{c}|5% \\x|",
        "\\mint{c}|5% \\x|",
        "\\Verb|5% \\x|",
        "\\Verb[fontsize=\\small]!5% \\x!",
        "\\SaveVerb{name}|5% \\x|",
        "\\path|5% \\x|",
        "\\path{5%x}",
        "\\url|http://a.example/%20|",
        "\\nolinkurl{a%20b}",
        "\\href{http://a.example/%20b}",
        "\\href[opts]{http://a.example/%20b}",
        "\\begin{BVerbatim}\n5% \\x\n\\end{BVerbatim}",
        "\\begin{Verbatim*}\n5% \\x\n\\end{Verbatim*}",
        "\\begin{LVerbatim}\n5% \\x\n\\end{LVerbatim}",
        "\\begin{SaveVerbatim}{v}\n5% \\x\n\\end{SaveVerbatim}",
        "\\begin{VerbatimOut}{f}\n5% \\x\n\\end{VerbatimOut}",
        "\\begin{lstlisting*}\n5% \\x\n\\end{lstlisting*}",
        "\\begin{minted}{c}\n5% \\x\n\\end{minted}",
        "\\begin{alltt}\n5% x\n\\end{alltt}",
        "\\begin{listing}{1}\n5% \\x\n\\end{listing}",
        "\\begin{tcblisting}{}\n5% \\x\n\\end{tcblisting}",
        "\\begin{pyverbatim}\n5% \\x\n\\end{pyverbatim}",
    ] {
        assert_eq!(
            of(&format!("\\def\\x{{X}}{kept} on % c\n\\x")),
            format!("{kept} on\nX"),
            "{kept}"
        );
    }
    let float = "\\begin{listing}\n\\begin{minted}{c}\n5% x\n\\end{minted}\n\\caption{C} % c\n\\end{listing}";
    assert_eq!(of(float), float.replace(" % c", ""));
}

#[test]
fn verbatim_commands_and_environments_of_the_paper_are_followed() {
    for (declares, kept) in [
        ("\\newminted{cpp}{linenos}", "\\begin{cppcode}\n5% \\x\n\\end{cppcode}"),
        ("\\newminted{cpp}{linenos}", "\\begin{cppcode*}{o}\n5% \\x\n\\end{cppcode*}"),
        ("\\newminted[own]{cpp}{}", "\\begin{own}\n5% \\x\n\\end{own}"),
        ("\\newmintinline{py}{}", "\\pyinline|5% \\x|"),
        ("\\newmint{py}{}", "\\py|5% \\x|"),
        ("\\lstnewenvironment{code}[1][]{\\lstset{#1}}{}", "\\begin{code}\n5% \\x\n\\end{code}"),
        ("\\DefineVerbatimEnvironment{Code}{Verbatim}{}", "\\begin{Code}\n5% \\x\n\\end{Code}"),
        (
            "\\newenvironment{shell}{\\small\\verbatim}{\\endverbatim}",
            "\\begin{shell}\n5% \\x\n\\end{shell}",
        ),
        ("\\newtcblisting{lst}{}", "\\begin{lst}\n5% \\x\n\\end{lst}"),
        ("\\newcommand{\\code}{\\lstinline}", "\\code|5% \\x|"),
        ("\\newcommand\\code{\\lstinline[language=C]}", "\\code{5% \\x}"),
        ("\\let\\code=\\verb", "\\code|5% \\x|"),
        ("\\MakeShortVerb{\\|}", "|5% \\x|"),
        ("\\DefineShortVerb[o]{\\!}", "!5% \\x!"),
        ("\\lstMakeShortInline[o]|", "|5% \\x|"),
        ("\\DeclareUrlCommand\\dataset{}", "\\dataset{5%x}"),
    ] {
        let main = format!(
            "{declares}\n\\def\\x{{X}}\\begin{{document}}\\section{{A}}\n{kept} on % c\n\\x"
        );
        let text = one(&main).unwrap();
        assert_eq!(text, format!("\\section{{A}}\n{kept} on\nX"), "{declares}");
        let (text, _) = of_files(&[
            ("main.tex", "\\input{pre}\\begin{document}\\section{A}\n\\input{s}"),
            ("pre.tex", declares),
            ("s.tex", &format!("{kept} on % c\n")),
        ]);
        assert_eq!(text, format!("\\section{{A}}\n{kept} on"), "{declares}");
    }
    assert_eq!(of("%\\MakeShortVerb{\\|}\na|5% b|"), "a|5");
    assert_eq!(of("\\MakeShortVerb|\n|5%| \\DeleteShortVerb|\n|5% b|").lines().last(), Some("|5"));
    let hidden = "\\excludecomment{draft}\n\\includecomment{comment}\na\n\\begin{draft}\nx\n\\end{draft}\n\\begin{comment}\nb\n\\end{comment}";
    let text = of(hidden);
    assert!(text.contains("\nb\n") && !text.contains("\nx\n"), "{text}");
}

#[test]
fn conditionals_are_read_as_latex_reads_them() {
    for (body, text) in [
        ("\\iftrue a\\else b\\fi.", "a."),
        ("\\iffalse a\\else b\\fi.", "b."),
        ("\\iftrue a\\iffalse b\\iftrue c\\fi\\else d\\fi\\else e\\fi.", "a d."),
        ("\\newif\\iflong\\iflong a\\else b\\fi.", "b."),
        ("\\newif\\iflong\\longtrue\\iflong a\\else b\\fi.", "a."),
        ("\\newif\\iflong\\longtrue\\global\\longfalse\\iflong a\\fi.", "."),
        ("\\newif\\iflong\\newcommand{\\on}{\\longtrue}\\on\\iflong a\\fi.", "a."),
        (
            "\\newif\\iflong\\newcommand{\\whenlong}[1]{\\iflong #1\\fi}\\whenlong{a}\\longtrue\\whenlong{b}.",
            "b.",
        ),
        ("\\newif\\ifa\\newif\\ifb\\btrue\\ifa\\ifb x\\else y\\fi\\else\\ifb z\\fi\\fi.", "z."),
        ("\\let\\iflong=\\iftrue\\iflong a\\else b\\fi.", "a."),
        ("\\if0 a\\fi.", "."),
        ("\\if00 a\\else b\\fi.", "a."),
        ("\\if01 a\\else b\\fi.", "b."),
        ("\\newcommand{\\blind}{1}\\if1\\blind a\\else b\\fi.", "a."),
        ("\\newcommand{\\blind}{1}\\if0\\blind a\\else b\\fi.", "b."),
        ("\\def\\n{2}\\ifnum\\n=1 a\\else b\\fi.", "b."),
        ("\\ifnum 3>2 a\\else b\\fi.", "a."),
        ("\\def\\n{}\\ifdefined\\n a\\else b\\fi.", "a."),
        ("\\ifdefined\\draft a\\else b\\fi.", "b."),
        ("\\ifx\\draft\\undefined a\\else b\\fi.", "a."),
        ("\\def\\n{}\\ifx\\n\\empty a\\else b\\fi.", "a."),
        ("\\def\\n{x}\\def\\m{x}\\ifx\\n\\m a\\else b\\fi.", "a."),
        ("\\ifpdf a\\else b\\fi.", "a."),
        ("\\newboolean{l}\\setboolean{l}{true}\\ifthenelse{\\boolean{l}}{a}{b}.", "a."),
        ("\\newtoggle{l}\\iftoggle{l}{a}{b}.", "b."),
        ("\\newbool{l}\\booltrue{l}\\ifbool{l}{a}{b}\\notbool{l}{c}{d}.", "ad."),
        ("\\def\\n{x}\\ifthenelse{\\equal{\\n}{x}}{a}{b}.", "a."),
        ("\\newcommand{\\hide}{\\iffalse}a\\hide b\\fi c.", "ac."),
        ("\\iftrue a\\verb|\\fi| b\\fi.", "a\\verb|\\fi| b."),
        ("\\newif\\ifa\\ifa x\\verb|\\fi| b\\else c\\fi.", "c."),
        ("a $\\iff$ \\ifcustom b\\else c\\fi", "a $\\iff$ \\ifcustom b\\else c\\fi"),
        ("\\ifx\\a\\b x\\else y\\fi.", "\\ifx\\a\\b x\\else y\\fi."),
        ("\\ifdim\\textwidth>1pt x\\else y\\fi.", "\\ifdim\\textwidth>1pt x\\else y\\fi."),
        ("\\newif\\ifa\\ifa x", "\\ifa x"),
    ] {
        assert_eq!(of(body).trim_start(), text, "{body}");
    }
    let two = "\\documentclass[onecolumn,draft]{IEEEtran}\\begin{document}\\section{A}\\ifCLASSOPTIONonecolumn a\\else b\\fi\\ifCLASSOPTIONfinal c\\fi";
    assert_eq!(one(two).unwrap(), "\\section{A}a");
}

#[test]
fn reading_stops_at_the_ends_at_which_latex_stops() {
    let (text, _) = with_files("a \\input{s} b", &[("p/s.tex", "c\n\\endinput\nnever")]);
    assert_eq!(text.replace('\n', " "), "a c  b");
    let (text, _) = with_files("a\n\\begin{verbatim}\n\\end{document}\n\\end{verbatim}\nb", &[]);
    assert!(text.ends_with("\nb"), "{text}");
}

#[test]
fn the_main_file_is_named_by_the_author_or_found_by_content() {
    let main = |name: &'static str, word: &str| {
        (
            name,
            format!("\\documentclass{{a}}\\begin{{document}}\\section{{{word}}}\\end{{document}}"),
        )
    };
    let of = |files: &[(&str, String)]| {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        of_files(&files).0
    };
    for readme in [
        ("00README.XXX", "b.tex toplevelfile\na.tex ignore\n"),
        ("00readme.xxx", "nohypertex\nb.tex toplevelfile"),
        (
            "00README.json",
            r#"{"version":1,"sources":[{"filename":"a.tex","usage":"ignore"},{"usage":"toplevel","filename":"b.tex"}]}"#,
        ),
        (
            "00README.yaml",
            "sources:\n  - filename: a.tex\n    usage: include\n  - usage: toplevel\n    filename: \"b.tex\"\n",
        ),
        ("00README.toml", "[[sources]]\nfilename = \"b.tex\"\nusage = \"toplevel\"\n"),
    ] {
        let files = [main("a.tex", "A long one"), main("b.tex", "B"), (readme.0, readme.1.into())];
        assert_eq!(of(&files), "\\section{B}", "{}", readme.0);
    }
    let ignored = [main("a.tex", "A"), main("b.tex", "B"), ("00README.XXX", "a.tex ignore".into())];
    assert_eq!(of(&ignored), "\\section{B}");
    assert_eq!(of(&[main("PAPER.TEX", "A")]), "\\section{A}");
    assert_eq!(of(&[main("paper.ltx", "A")]), "\\section{A}");
    assert_eq!(of(&[main("paper", "A"), ("notes.txt", "x".into())]), "\\section{A}");
    assert_eq!(of(&[main("anc/code.tex", "Ancillary"), main("p.tex", "A")]), "\\section{A}");
    let auto = ("old.tex", format!("%auto-ignore\n{}", main("", "Old").1));
    assert_eq!(of(&[auto, main("p.tex", "A")]), "\\section{A}");
    let commented = "%\\documentclass{a}\n%\\begin{document}\n\\section{Old}";
    assert_eq!(of(&[("a.tex", commented.into()), main("p.tex", "A")]), "\\section{A}");
    let wrapper = [
        ("main.tex", "\\documentclass{a}\\newcommand{\\x}{y}\\input{body}".to_owned()),
        ("body.tex", "\\begin{document}\\section{A}\\x\\end{document}".to_owned()),
    ];
    assert_eq!(of(&wrapper), "\\section{A}y");
}

#[test]
fn withdrawn_papers_are_recognized() {
    let notice = "%auto-ignore\nThis paper has been withdrawn by the author, for an error.\n";
    assert_eq!(one(notice), Err(NoText::Withdrawn));
    assert_eq!(clean(&[file("a.txt", "x")]), Err(NoText::NoTex));
}

#[test]
fn unsupported_encodings_are_reported() {
    let paper = b"\\usepackage[cp852]{inputenc}\n\\section{A} \xa0";
    let found = super::clean(&[file("a.tex", paper)], &[]);
    assert_eq!(found.left_out, ["a.tex: its encoding cp852 is read as Windows-1252"]);
    let russian =
        b"\\usepackage[russian]{babel}\n\\inputencoding{koi8-r}\n\\section{A} \xcd\xc9\xd2";
    assert!(clean(&[file("a.tex", russian)]).unwrap().ends_with("мир"));
}

#[test]
fn files_that_may_be_input_are_distinguished_from_pictures_and_data() {
    for name in ["t.tikz", "a/f.pgf", "n.txt", "f.pstex_t", "main.bbl", "00README.XXX", "plain"] {
        assert!(may_be_input(name), "{name}");
    }
    for name in ["f.eps", "f.PDF", "a.sty", "b.bib", "._x.tikz", "d.dat"] {
        assert!(!may_be_input(name), "{name}");
    }
}

/// Papers that try to take much time or memory.
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
        ("open conditionals", paper("\\newif\\ifa\\atrue".to_owned() + &"\\ifa ".repeat(many))),
        ("conditionals that never end", paper("\\if0 ".repeat(many))),
        ("branches", paper("\\iftrue\\else ".repeat(many) + &"\\fi".repeat(many))),
        ("tests", paper("\\ifthenelse{1=1}{".repeat(20_000) + &"}{}".repeat(20_000))),
        ("questions", paper("\\IfFileExists{a}{".repeat(20_000))),
        ("listings", paper("\\begin{listing}".repeat(many))),
        ("short verbs", paper("\\MakeShortVerb{\\|}".repeat(many) + &"|".repeat(many))),
        ("declarations", paper("\\newenvironment{a}{".repeat(many))),
        ("missing files", { paper((0..many).map(|n| format!("\\input{{f{n}}}")).collect()) }),
        ("inline commands", {
            let name = |n: usize| {
                "abcdefghij".chars().nth(n % 10).unwrap().to_string().repeat(n / 10 % 90 + 2)
            };
            let define = |n: usize| format!("\\newcommand{{\\{}}}{{\\verb}}", name(n));
            paper((0..20_000).map(define).collect::<String>() + &"\\zz ".repeat(many))
        }),
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
fn hostile_papers_take_bounded_time_and_memory() {
    for (name, files) in hostile() {
        let began = Instant::now();
        let text = clean(&files).unwrap_or_default();
        let (took, size) = (began.elapsed(), files.iter().map(|f| f.bytes.len()).sum::<usize>());
        // Usually a tenth of it, but machines that test are busy.
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
fn output_that_a_use_removed_is_kept_when_it_is_undone() {
    // The definition in the macro removes the blanks before it, and text of other widths follows.
    let body = "\\newcommand{\\y}{\\y\\y}\néé\\x";
    for blanks in ["", " ", "  ", "   "] {
        let text = of(&format!("\\def\\x{{{body}}}a\n{blanks}\\x é"));
        assert!(text.starts_with("a\n") && text.ends_with("\\x é"), "{text}");
    }
}

#[test]
fn a_section_in_a_bomb_does_not_count() {
    let paper = "\\def\\x{\\section{no}\\x\\x}long enough a front \\x \\section{A} text";
    assert_eq!(one(paper).unwrap(), "\\section{A} text");
}

#[test]
fn a_bomb_stays_as_written_and_affects_no_other_macro() {
    let text = of("\\def\\x{\\x\\x}\\def\\y{fine}\n\\y \\x \\y \\x");
    assert_eq!(text, "fine \\x fine \\x");
}

/// Texts of the commands that the rules handle.
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
    #![proptest_config(reference::property())]

    #[test]
    fn any_paper_has_a_text_or_a_reason(a in latex(), b in latex()) {
        let files = [file("a.tex", a), file("b.tex", b)];
        if let Ok(text) = clean(&files) {
            prop_assert!(!text.trim().is_empty());
            prop_assert_eq!(text.trim(), &text);
        }
        let _ = crate::redpajama::clean(&files);
    }

    #[test]
    fn plain_text_is_unchanged(text in "[a-z .,;!?é]{1,80}") {
        prop_assert_eq!(of(&format!("x{text}x")), format!("x{text}x"));
    }

    #[test]
    fn any_bytes_have_a_text_or_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
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
fn a_line_of_packages_takes_linear_time() {
    let line = "]{inputenc}".repeat(200_000);
    assert!(clean(&[file("main.tex", format!("\\section{{One}}\n{line}"))]).is_ok());
}
