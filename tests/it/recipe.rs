//! The error for a wrong recipe or command names the place and a correct value.

use crate::support::{Place, both_dumps, input};

/// Builds the recipe, which is wrong at `line`. Fails unless the error names the line and `words`.
#[track_caller]
fn refused(recipe: &str, line: usize, words: &[&str]) {
    let place = Place::new();
    place.write("wrong.toml", recipe);
    let outcome = place.run("build wrong.toml --corpus corpus").exits(2);
    outcome.names(&[&format!("wrong.toml:{line}:")]).names(words);
    assert!(!place.path("corpus").exists(), "a wrong recipe created a corpus");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    refused("\nprest = \"global\"", 2, &["prest", "did you mean preset?"]);
    refused(
        "corpus = \"c\"\n[common_crawl]\nlangauges = [\"en\"]",
        3,
        &["common_crawl.langauges", "did you mean languages?"],
    );
    refused("[comon_crawl]", 1, &["comon_crawl", "did you mean common_crawl?"]);
    let input = "[[input]]\nslice = \"common_crawl\"\nlabel = \"a\"\npath = [\"x\"]";
    refused(input, 4, &["input.path", "did you mean paths?"]);
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_line() {
    for (value, found) in [("\"many\"", "string"), ("-3", ""), ("1.5", "float"), ("[]", "array")] {
        let recipe = format!("[common_crawl]\nmin_chars = {value}");
        refused(&recipe, 2, &["min_chars", "whole number", found]);
    }
    refused("[common_crawl]\nlanguages = \"en\"", 2, &["languages", "list"]);
    refused(
        "[common_crawl]\nlanguages = [\"en\", 3]",
        2,
        &["languages", "list of strings", "integer"],
    );
    refused("[common_crawl]\nscope = 3", 2, &["scope", "word"]);
    refused("[common_crawl]\nmin_language_score = \"0.5\"", 2, &["min_language_score", "number"]);
    refused("corpus = 3", 1, &["string in quotes", "integer"]);
    refused("common_crawl = 3", 1, &["common_crawl", "table"]);
    refused("input = 3", 1, &["[[input]]"]);
}

#[test]
fn invalid_toml_is_named_with_its_line() {
    refused("corpus = \"c\"\npreset = \n", 2, &[]);
    refused("corpus = \"c\"\ncorpus = \"d\"", 2, &["duplicate"]);
}

#[test]
fn an_unknown_choice_is_rejected_with_the_nearest_one() {
    refused("preset = \"gobal\"", 1, &["gobal", "did you mean global?"]);
    refused("preset = \"pile\"", 1, &["pile", "global", "redpajama"]);
    refused("[common_crawl]\ncopies = \"frist\"", 2, &["frist", "did you mean first?"]);
    refused("[common_crawl]\nscope = \"shards\"", 2, &["shards", "did you mean shard?"]);
}

#[test]
fn a_setting_out_of_range_is_rejected_with_its_range() {
    for (slice, line, words) in [
        ("common_crawl", "min_language_score = 65", &["min_language_score", "(0 to 1)"][..]),
        ("common_crawl", "min_language_score = nan", &["min_language_score", "finite number"]),
        ("common_crawl", "min_score = 1.5", &["common_crawl.min_score", "1.5", "(0 to 1)"]),
        ("common_crawl", "shards = 0", &["shards", "(1 or more)"]),
        ("common_crawl", "hash_in_mem = 0", &["hash_in_mem", "(1 or more)"]),
        ("c4", "min_language_score = -1", &["min_language_score", "(0 to 1)"]),
        ("github", "min_alnum_prop = 25", &["min_alnum_prop", "(0 to 1)"]),
        ("github", "max_line_length = 0", &["max_line_length", "(1 or more)"]),
        ("github", "max_avg_line_length = -3", &["max_avg_line_length", "(0 or more)"]),
        ("github", "min_letters_per_token = inf", &["min_letters_per_token", "finite"]),
    ] {
        refused(&format!("[{slice}]\n{line}"), 2, words);
    }
}

#[test]
fn a_word_that_selects_nothing_is_rejected_with_the_nearest_one() {
    for (slice, line, words) in [
        ("common_crawl", "languages = [\"EN\"]", &["languages", "EN", "did you mean en?"][..]),
        ("common_crawl", "languages = [\"english\"]", &["languages", "did you mean en?"]),
        ("common_crawl", "languages = [\"en\", \"als\"]", &["whatlang", "\"als\"", "known: "]),
        ("common_crawl", "buckets = [\"heads\"]", &["buckets", "heads", "head, middle"]),
        ("common_crawl", "buckets = []", &["buckets", "no page would be kept"]),
        ("common_crawl", "buckets = [\"head\"]", &["buckets", "without lm", "\"all\""]),
        ("common_crawl", "keep = \"gopher_qualty == 1\"", &["common_crawl.keep", "gopher_quality"]),
        ("common_crawl", "signals = [\"rps_doc_word_cuont\"]", &["rps_doc_word_count?"]),
        ("wikipedia", "languages = [\"English\"]", &["languages", "did you mean en?"]),
        ("github", "licenses = [\"mti\"]", &["licenses", "did you mean mit?"]),
        ("stack_exchange", "timestamp = \"spring\"", &["timestamp", "2023-03-29"]),
        ("instruct", "template = \"chat\"", &["template", "human_bot, chatml"]),
    ] {
        refused(&format!("[{slice}]\n{line}"), 2, words);
    }
    // C4's languages are those of a dump.
    refused("[c4]\nsource = \"wet\"\nlanguages = [\"EN\"]", 3, &["c4.languages", "mean en?"]);
    let none = "[[input]]\nslice = \"c4\"\nlabel = \"a\"\npaths = []";
    refused(none, 4, &["c4/a", "no file"]);
    let slice = "[[input]]\nslice = \"cc\"\nlabel = \"a\"\npaths = [\"x\"]";
    refused(slice, 2, &["unknown slice cc", "known: common_crawl, c4, github, arxiv, books"]);
}

#[test]
fn the_languages_are_those_of_the_model() {
    let Some(place) = Place::with_data() else { return };
    let lid = "lid = \"data/small/models/lid.176.ftz\"\n[common_crawl]\n";
    place.write("good.toml", format!("{lid}languages = [\"en\", \"als\"]"));
    place.run("build good.toml --corpus good").exits(0);
    place.write("wrong.toml", format!("{lid}languages = [\"en\", \"cmn\"]"));
    let outcome = place.run("build wrong.toml --corpus wrong").exits(2);
    outcome.names(&["wrong.toml:3", "languages", "lid.176.ftz", "did you mean zh?"]);
}

#[test]
fn lines_of_a_list_are_relative_to_it_and_paths_are_expanded_as_in_a_shell() {
    let place = Place::new();
    let dumps = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/common_crawl");
    std::os::unix::fs::symlink(dumps, place.path("dumps")).unwrap();
    place.write("sub/lists/all.txt", "# both\n@more/one.txt\n\n$DUMPS/2020-05/*.wet.gz\n");
    place.write("sub/lists/more/one.txt", "../../../dumps/2019-30/*.wet.gz\n");
    let recipe = |corpus: &str, paths: &str| {
        let input = "[[input]]\nslice = \"common_crawl\"\nlabel = \"a\"";
        place.write("sub/r.toml", format!("corpus = \"{corpus}\"\n{input}\npaths = [{paths}]\n"));
    };
    let run = |line: &str, variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(&*crate::support::SLUICE);
        command.env_remove("DUMPS").envs(variables.iter().copied());
        place.run_as(command, line)
    };
    let home = place.path("").display().to_string();
    let set = [("DUMPS", dumps), ("HOME", home.trim_end_matches('/'))];
    recipe("~/of-list", "\"@lists/all.txt\"");
    run("build sub/r.toml", &set).exits(0);
    recipe("../of-paths", "\"~/dumps/2019-30\", \"${DUMPS}/2020-05\"");
    run("build sub/r.toml", &set).exits(0);
    crate::support::assert_same(&place.export("of-list"), &place.export("of-paths"), "a list");
    run("add of-add --slice common_crawl --label a @sub/lists/all.txt", &set).exits(0);
    crate::support::assert_same(&place.export("of-add"), &place.export("of-paths"), "add");
    run("build sub/r.toml", &[]).exits(2).names(&["sub/r.toml:5", "DUMPS", "not set"]);
    let add = "add other --slice common_crawl --label a @sub/lists/all.txt";
    run(add, &[]).exits(2).names(&["sub/lists/all.txt:4", "DUMPS", "not set"]);
    place.write("sub/lists/all.txt", "none.gz\n");
    run(add, &[]).exits(2).names(&["sub/lists/all.txt:1", "sub/lists/none.gz", "no such file"]);
    // A dollar sign in a name, also in the recipe that a corpus keeps.
    let model = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models/wiki.bin"));
    place.write("a$b.bin", model.unwrap());
    place.write("dollar.toml", "[common_crawl]\nclassifier = \"a$$b.bin\"\n");
    place.run("build dollar.toml --corpus dollar").exits(0);
    place.run("add dollar --slice common_crawl --label a fixtures/2020-05").exits(0);
}

#[test]
fn a_missing_model_is_named() {
    let recipe = "[common_crawl]\nlid = \"models/no.ftz\"";
    refused(recipe, 2, &["lid", "no such file", "models/no.ftz"]);
}

#[test]
fn the_language_identifier_is_named_at_the_top_or_in_the_table_of_common_crawl() {
    let top = "lid = \"models/no.ftz\"";
    refused(top, 1, &["lid", "no such file", "models/no.ftz"]);
    let place = Place::new();
    for name in ["one.ftz", "two.ftz"] {
        place.write(name, name);
    }
    let printed = |recipe: &str| {
        place.write("r.toml", recipe);
        place.run("build r.toml --print-recipe")
    };
    let of_top = printed("lid = \"one.ftz\"\n").exits(0).stdout;
    assert!(of_top.contains("one.ftz\""), "{of_top}");
    assert_eq!(printed("[common_crawl]\nlid = \"one.ftz\"\n").exits(0).stdout, of_top);
    let both = "lid = \"one.ftz\"\n[common_crawl]\nlid = \"two.ftz\"\n";
    printed(both).exits(2).names(&["r.toml:3", "lid", "name one"]);
}

#[test]
fn a_file_that_is_not_a_model_is_named() {
    let place = Place::new();
    place.write("lid.ftz", "no model at all");
    let inputs = input("2019-30", "fixtures/2019-30");
    place.write("recipe.toml", format!("[common_crawl]\nlid = \"lid.ftz\"\n{inputs}"));
    place.run("build recipe.toml --corpus corpus").exits(2).names(&["lid.ftz"]);
}

#[test]
fn keeping_no_copies_in_a_growing_corpus_is_rejected() {
    let recipe = "[common_crawl]\ncopies = \"none\"\nscope = \"corpus\"";
    refused(recipe, 2, &["copies", "scope", "use scope = \"label\" or \"shard\""]);
    let inherited = "preset = \"redpajama\"\n[common_crawl]\nscope = \"corpus\"";
    refused(inherited, 2, &["copies", "scope"]);
}

#[test]
fn a_label_that_could_leave_its_folder_is_rejected() {
    for label in ["", "..", "../x", "a/b", "a b", ".a"] {
        refused(&input(label, "fixtures/2019-30"), 3, &["label"]);
    }
    let place = Place::new();
    let add = "add corpus --slice common_crawl --label ../x fixtures/2019-30";
    place.run(add).exits(2).names(&["../x"]);
}

#[test]
fn an_input_without_files_is_named() {
    let place = Place::new();
    place.write("recipe.toml", input("a", "none/*.gz"));
    place.run("build recipe.toml --corpus corpus").exits(2).names(&["none/*.gz"]);
    let add = "add corpus --slice common_crawl --label a none.gz";
    place.run(add).exits(2).names(&["none.gz"]);
}

#[test]
fn a_corpus_keeps_its_recipe() {
    let place = Place::new();
    place.write("one.toml", both_dumps("", ""));
    place.write("other.toml", both_dumps("", "min_chars = 200"));
    place.run("build one.toml --corpus corpus").exits(0);
    let status = place.status("corpus");
    let outcome = place.run("build other.toml --corpus corpus").exits(2);
    outcome.names(&["another recipe", "other.toml", "common_crawl.min_chars: 300 -> 200"]);
    assert_eq!(place.status("corpus"), status);
    // An edit of the corpus's own recipe.
    let own = std::fs::read_to_string(place.path("corpus/recipe.toml")).unwrap();
    place.write("corpus/recipe.toml", own.replace("languages = []", "languages = [\"de\"]"));
    let add = "add corpus --slice common_crawl --label more fixtures/2020-05";
    let edited = "common_crawl.languages: [] -> [\"de\"]";
    place.run(add).exits(2).names(&["recipe.toml is now", edited, "verify --repair"]);
    let calibrate = "calibrate corpus --slice common_crawl --threshold 0.5 --apply";
    place.run(calibrate).exits(2).names(&[edited]);
    place.write("corpus/recipe.toml", own);
    // A recipe with default settings written out is the same recipe.
    let printed = place.run("build one.toml --print-recipe").exits(0).stdout;
    place.write("printed.toml", printed);
    place.run("build printed.toml --corpus corpus").exits(0);
    assert_eq!(place.status("corpus"), status);
}

#[test]
fn a_second_writer_learns_which_process_writes() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    let slow = "build recipe.toml --corpus corpus --epoch-bytes 2K --commit-every 1K";
    let mut first = place.start(slow);
    place.wait_for_commit(&mut first);
    let owner = format!("process {}", first.id());
    place.run("build recipe.toml --corpus corpus").exits(1).names(&["corpus/lock", &owner]);
    // The first is not affected.
    first.wait().exits(0);
    place.assert_sound("corpus");
}

#[test]
fn an_impossible_command_is_wrong_usage() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    for wrong in ["-w 0", "-n 2 -p 2", "--memory 4X", "--commit-every soon", "--engine none"] {
        place.run(&format!("build recipe.toml --corpus corpus {wrong}")).exits(2);
    }
    place.run("launch -n 0 -- build recipe.toml --corpus corpus").exits(2);
    place.run("launch -n 2 -- export corpus").exits(2).names(&["build and add can"]);
    place.run("build").exits(2).names(&["no recipe given"]);
    place.run("status corpus").exits(1).names(&["no corpus here"]);
}

#[test]
fn a_folder_with_foreign_files_is_left_unchanged() {
    let place = Place::new();
    let foreign = ["mine/data/raw/dump.wet.gz", "mine/tmp/notes.txt", "mine/recipe.toml", "mine/x"];
    let refused = |made: &[&str], inputs: &str| {
        for thing in made {
            place.write(thing, "precious");
        }
        let outcome =
            place.run(&format!("add mine --slice common_crawl --label a {inputs}")).exits(2);
        outcome.names(&["mine", "not empty"]);
        for thing in made {
            assert_eq!(std::fs::read_to_string(place.path(thing)).unwrap(), "precious", "{thing}");
        }
        assert!(!place.path("mine/commits").exists());
        std::fs::remove_dir_all(place.path("mine")).unwrap();
    };
    for thing in foreign {
        refused(&[thing], "fixtures/2019-30");
    }
    refused(&foreign, "fixtures/2019-30");
    // A link to another folder.
    place.write("other/dump", "precious");
    std::fs::create_dir(place.path("mine")).unwrap();
    std::os::unix::fs::symlink(place.path("other"), place.path("mine/data")).unwrap();
    refused(&[], "fixtures/2019-30");
    assert!(place.path("other/dump").exists());
}

#[test]
fn a_foreign_file_in_a_corpus_is_kept() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label a fixtures/2019-30").exits(0);
    place.write("corpus/data/raw/dump.wet.gz", "precious");
    place.write("corpus/tmp/notes.txt", "precious");
    place.run("add corpus --slice common_crawl --label b fixtures/2020-05").exits(0);
    assert!(place.path("corpus/data/raw/dump.wet.gz").exists());
    assert!(place.path("corpus/tmp/notes.txt").exists());
}

#[test]
fn missing_inputs_create_no_corpus() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label a nope.gz").exits(2).names(&["nope.gz"]);
    assert!(!place.path("corpus").exists());
}

#[test]
fn a_model_that_has_changed_is_named() {
    let place = Place::new();
    let model = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models/wiki.bin"));
    let model = model.unwrap();
    place.write("wiki.bin", &model);
    place.write("r.toml", both_dumps("", "classifier = \"wiki.bin\""));
    place.run("build r.toml --corpus corpus").exits(0);
    let mut other = model.clone();
    *other.last_mut().unwrap() ^= 1;
    place.write("wiki.bin", &other);
    let outcome = place.run("build r.toml --corpus corpus").exits(2);
    outcome.names(&["common_crawl.classifier", "wiki.bin", "has changed since"]);
    // The same file elsewhere is the same model.
    place.write("elsewhere/wiki.bin", &model);
    place.write("r.toml", both_dumps("", "classifier = \"elsewhere/wiki.bin\""));
    place.run("build r.toml --corpus corpus").exits(0);
    std::fs::remove_file(place.path("wiki.bin")).unwrap();
    let add = "add corpus --slice common_crawl --label more fixtures/2020-05";
    place.run(add).exits(2).names(&["wiki.bin", "no such file"]);
}

#[test]
fn a_recipe_printed_for_another_folder_reads_the_same_inputs() {
    let place = Place::new();
    std::fs::create_dir(place.path("sub")).unwrap();
    let list = "[[input]]\nslice = \"common_crawl\"\nlabel = \"a\"\npaths = [\"@list.txt\"]\n";
    let listed = place.path("fixtures/2020-05");
    place.write("sub/list.txt", format!("{}/*.wet.gz\n", listed.display()));
    place.write("sub/r.toml", list.to_owned() + &input("b", "../fixtures/2019-30/*.wet.gz"));
    let printed = place.run("build --print-recipe sub/r.toml").exits(0).stdout;
    place.write("sub/printed.toml", printed);
    place.run("build sub/r.toml --corpus one").exits(0);
    place.run("build sub/printed.toml --corpus two").exits(0);
    crate::support::assert_same(&place.export("one"), &place.export("two"), "printed");
}

#[test]
fn a_repeated_label_is_rejected_with_its_line() {
    let recipe = input("a", "fixtures/2019-30") + &input("a", "fixtures/2020-05");
    refused(&recipe, 5, &["common_crawl/a", "twice"]);
}

#[test]
fn a_filter_without_its_model_is_rejected() {
    for (name, key) in [("ccnet_perplexity", "lm"), ("rps_doc_ml_wikiref_score", "classifier")] {
        let place = Place::new();
        place.write("recipe.toml", format!("[common_crawl]\nkeep = \"{name} < 340\"\n"));
        place.run("build recipe.toml --corpus corpus").exits(2).names(&["keep", name, key]);
    }
}

#[test]
fn settings_of_a_slice_without_inputs_are_checked_before_there_is_a_corpus() {
    for (setting, named) in [
        ("keep = \"ccnet_perplexty < 3\"", "ccnet_perplexty"),
        ("keep = \"ccnet_perplexity < 340\"", "lm"),
        ("signals = [\"foo\"]", "there is no signal foo"),
        ("languages = [\"english\"]", "english"),
    ] {
        let books =
            "[[input]]\nslice = \"books\"\nlabel = \"a\"\npaths = [\"fixtures/books/pg19\"]";
        refused(&format!("[common_crawl]\n{setting}\n{books}"), 2, &[named]);
    }
}

#[test]
fn addresses_that_cannot_be_read_are_named() {
    let place = Place::new();
    let cases = [
        ("ftp://data.example/x.wet.gz", "ftp:// cannot be read; known are http://"),
        ("https://data.example/crawl/", "a web server has no lists of files"),
        ("https://data.example/*.wet.gz", "a web server has no lists of files"),
        ("s3://", "s3:// without a bucket"),
        ("cc://2023-06", "expected cc://CC-MAIN-YYYY-WW"),
        ("cc://CC-MAIN-2023-06?files=3", "expected a range such as 0..100"),
        ("cc://CC-MAIN-2023-06?pages=3", "expected files=0..100"),
    ];
    for (address, named) in cases {
        let add = format!("add corpus --slice common_crawl --label l {address}");
        place.run(&add).exits(2).names(&[named]);
        assert!(!place.path("corpus").exists());
    }
}
