use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn item(row: &Value) -> Result<Item, NoDialogue> {
    of_row(formats::fields(&row.to_string()).expect("an object"))
}

/// The source and the text of a dialogue, or the reason for which there is none.
fn read(row: &Value) -> (String, String) {
    match item(row) {
        Ok(Item::Dialogue(dialogue)) => {
            let written = Template::HumanBot.write(&dialogue.turns);
            let text = written.map_or("(a marker)".to_owned(), |written| written.text);
            (dialogue.source.to_owned(), text)
        }
        Ok(other) => panic!("a dialogue: {other:?}"),
        Err(NoDialogue { reason, what }) => (reason.to_owned(), what.unwrap_or_default()),
    }
}

fn assert_read(row: &Value, source: &str, text: &str) {
    assert_eq!(read(row), (source.to_owned(), text.to_owned()), "{row}");
}

#[test]
fn rows_of_every_data_set_become_turns() {
    let text = "<human>: Is it wet?\n<bot>: It is.";
    for (row, source) in [
        (json!({"text": format!("{text}\n"), "metadata": {}}), "oig"),
        (json!({"inputs": "Is it wet?\n", "targets": "\nIt is.", "meta": 1}), "p3"),
        (
            json!({"inputs": [5, 7], "inputs_pretokenized": "Is it wet?", "targets": [3],
                   "targets_pretokenized": "It is."}),
            "p3",
        ),
        (json!({"instruction": "Is it wet?", "context": "", "response": "It is."}), "dolly"),
        (json!({"instruction": "Is it wet?", "output": "It is."}), "alpaca"),
        (
            json!({"messages": [{"role": "user", "content": "Is it wet?"},
                                {"role": "assistant", "content": [{"type": "text", "text": "It is."}]}]}),
            "messages",
        ),
        (
            json!({"id": "a", "conversations": [{"from": "human", "value": "Is it wet?"},
                                                {"from": "GPT", "value": "It is."}]}),
            "sharegpt",
        ),
    ] {
        assert_read(&row, source, text);
    }
    let row = json!({"definition": ["Answer.", "Reply."], "inputs": "Is it wet?",
                     "targets": ["It is.", "Yes."]});
    let text = "<human>: Answer.\n\nIs it wet?\n<bot>: It is.";
    assert_read(&row, "natural_instructions", text);
    let Ok(Item::Dialogue(dialogue)) = item(&row) else { panic!("a dialogue") };
    let others = r#"{"definition":["Answer.","Reply."],"targets":["It is.","Yes."]}"#;
    assert_eq!(dialogue.original, others, "what was not chosen is not lost");
    let row = json!({"instruction": "Is it wet?", "context": "It rains.", "response": "It is."});
    assert_read(&row, "dolly", "<human>: Is it wet?\n\nIt rains.\n<bot>: It is.");
}

#[test]
fn what_is_said_before_the_first_turn_is_the_systems() {
    let text =
        "Be brief.\nBe kind.\n<human>: One\nor two?\n<bot>: Two.\n<human>: Why?\n<bot>:\nSo.";
    let written =
        "Be brief.\nBe kind.\n<human>: One\nor two?\n<bot>: Two.\n<human>: Why?\n<bot>: So.";
    assert_read(&json!({"text": text}), "oig", written);
    let turn = |role: &str, text: &str| json!({"role": role, "content": text});
    let list = |turns: &[Value]| json!({"messages": turns});
    let two = [turn("system", "A"), turn("system", ""), turn("system", "B"), turn("user", "C")];
    let row = list(&[&two[..], &[turn("assistant", "D")]].concat());
    assert_read(&row, "messages", "A\n\nB\n<human>: C\n<bot>: D");
    let late = [turn("user", "C"), turn("system", "A"), turn("assistant", "D")];
    assert_read(&list(&late), "late_system", "");
}

#[test]
fn what_is_no_dialogue_has_a_reason() {
    let pair = |inputs: &str, targets: &str| json!({"inputs": inputs, "targets": targets});
    let turns = |turns: &[(&str, &str)]| {
        let of = |(from, value): &(&str, &str)| json!({"from": from, "value": value});
        json!({"conversations": turns.iter().map(of).collect::<Vec<_>>()})
    };
    for (row, reason) in [
        (pair(" \n", "x"), "empty_prompt"),
        (pair("x", " "), "empty_answer"),
        (json!({"inputs": "x", "targets": []}), "empty_answer"),
        (json!({"inputs": "x", "targets": null}), "empty_answer"),
        (json!({"text": " "}), "empty"),
        (turns(&[]), "no_prompt"),
        (turns(&[("system", "x")]), "no_prompt"),
        (turns(&[("gpt", "x"), ("human", "y"), ("gpt", "z")]), "no_prompt"),
        (turns(&[("human", "x"), ("human", "y")]), "no_answer"),
        (turns(&[("human", "x"), ("gpt", ""), ("human", "y"), ("gpt", "z")]), "empty_answer"),
    ] {
        assert_read(&row, reason, "");
    }
    for (row, reason, what) in [
        (json!({"text": "<human> x"}), "not_instruct", "<human>: or <bot>:"),
        (json!({"a": 1, "b": 2}), "not_instruct", "its columns: a, b"),
        (json!({"inputs": 5, "targets": "x"}), "not_instruct", "inputs is expected to be a text"),
        (json!({"messages": "x"}), "not_instruct", "a list of messages is expected"),
        (json!({"messages": [{"role": "user"}]}), "not_instruct", "message 1 is expected to have"),
        (json!({"messages": [{"content": "x"}]}), "not_instruct", "role or from"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            "not_instruct",
            "no pictures",
        ),
        (turns(&[("human", "x"), ("tool", "y")]), "unknown_role", "turn 2 has the role \"tool\""),
    ] {
        let (found, said) = read(&row);
        assert!(found == reason && said.contains(what), "{row}: {found}: {said}");
    }
}

#[test]
fn turns_without_an_answer_are_left_out_and_counted() {
    let row = json!({"text": "<human>: a\n<bot>: b\n<human>: c\n<human>:"});
    let Ok(Item::Dialogue(dialogue)) = item(&row) else { panic!("a dialogue") };
    assert_eq!((dialogue.turns.len(), dialogue.unanswered), (2, 2));
}

#[test]
fn templates_know_where_the_answers_are() {
    let turns = [
        Turn::new(Role::System, "S"),
        Turn::new(Role::Human, "h"),
        Turn::new(Role::Bot, "é"),
        Turn::new(Role::Human, "i"),
        Turn::new(Role::Bot, "b\nc"),
    ];
    let chat = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nh<|im_end|>\n\
                <|im_start|>assistant\né<|im_end|>\n<|im_start|>user\ni<|im_end|>\n\
                <|im_start|>assistant\nb\nc<|im_end|>";
    let human = "S\n<human>: h\n<bot>: é\n<human>: i\n<bot>: b\nc";
    for (template, text, answers) in [
        (Template::HumanBot, human, [" é", " b\nc"]),
        (Template::ChatMl, chat, ["é<|im_end|>", "b\nc<|im_end|>"]),
        (Template::Plain, "S\nh\né\ni\nb\nc", ["é", "b\nc"]),
    ] {
        let written = template.write(&turns).unwrap();
        assert_eq!(written.text, text);
        let found = written.answers.iter().map(|answer| &text[answer.clone()]);
        assert_eq!(found.collect::<Vec<_>>(), answers);
    }
    let forged = [Turn::new(Role::Human, "x\n<bot>: y"), Turn::new(Role::Bot, "z<|im_end|>")];
    let of = |template: Template| template.write(&forged).is_ok();
    assert_eq!(
        [Template::HumanBot, Template::ChatMl, Template::Plain].map(of),
        [false, false, true]
    );
}

/// A message of the tree `t`, with replies.
fn message(id: &str, role: &str, rank: Option<u32>, replies: Value) -> Value {
    json!({"message_id": id, "role": role, "text": id, "rank": rank, "lang": "en",
           "replies": replies, "deleted": id.starts_with('x'), "emojis": {"a": 1}})
}

fn tree() -> Value {
    let (human, bot) = ("prompter", "assistant");
    let second = [
        message("h2", human, Some(1), json!([message("b3", bot, None, json!([]))])),
        message("h1", human, Some(0), json!([])),
    ];
    let gone = message("xh", human, None, json!([message("b4", bot, None, json!([]))]));
    let replies = [
        message("b1", bot, Some(1), json!([gone])),
        message("xb", bot, Some(0), json!([message("h3", human, None, json!([]))])),
        message("b2", bot, Some(0), json!(second)),
    ];
    json!({"message_tree_id": "t", "tree_state": "ready_for_export",
           "prompt": message("t", human, None, json!(replies))})
}

fn dialogues(tree: &Tree, threads: Threads) -> Vec<String> {
    let of = |dialogue: Result<Dialogue, NoDialogue>| match dialogue {
        Ok(dialogue) => {
            dialogue.turns.iter().map(|turn| turn.text.as_str()).collect::<Vec<_>>().join(" ")
        }
        Err(none) => none.reason.to_owned(),
    };
    tree.dialogues(threads).map(of).collect()
}

/// Adds the messages below one to a list, each with its parent, as tables of messages have them.
fn flatten(message: &Value, parent: Option<&Value>, rows: &mut Vec<Value>) {
    let mut row = message.clone();
    row["parent_id"] = parent.map_or(Value::Null, |parent| parent["message_id"].clone());
    row["message_tree_id"] = "t".into();
    let fields = row.as_object_mut().unwrap();
    let replies = fields.remove("replies").unwrap();
    rows.push(row);
    replies.as_array().unwrap().iter().for_each(|reply| flatten(reply, Some(message), rows));
}

#[test]
fn trees_and_tables_of_their_messages_have_the_same_dialogues() {
    let Ok(Item::Tree(nested)) = item(&tree()) else { panic!("a tree") };
    let mut rows = Vec::new();
    flatten(&tree()["prompt"], None, &mut rows);
    let mut messages = rows.iter().map(|row| match item(row) {
        Ok(Item::Message(message)) => *message,
        other => panic!("a message: {other:?}"),
    });
    let mut flat = Tree::beginning(messages.next().unwrap()).unwrap();
    messages.for_each(|message| assert!(matches!(flat.add(message), Added::Yes)));
    for tree in [nested, flat] {
        // The best reply is deleted, and the best one of the next best has no answer.
        assert_eq!(dialogues(&tree, Threads::Best), ["t b2"]);
        assert_eq!(dialogues(&tree, Threads::All), ["t b1", "t b2 h2 b3"]);
        let best = tree.dialogues(Threads::Best).next().unwrap().unwrap();
        assert_eq!(best.language.as_deref(), Some("en"));
        let original = r#"{"message_id":"b2","message_tree_id":"t","messages":10}"#;
        assert_eq!(best.original, original);
    }
}

#[test]
fn trees_that_do_not_count_have_a_reason() {
    for (field, value, reason) in [
        ("/tree_state", json!("aborted_low_grade"), "tree_state"),
        ("/prompt/deleted", json!(true), "deleted"),
        ("/prompt/review_result", json!(false), "deleted"),
        ("/prompt/replies", json!([]), "no_answer"),
        ("/prompt/text", json!(""), "empty_prompt"),
        ("/prompt/replies", json!([message("j", "judge", None, json!([]))]), "no_answer"),
        ("/prompt/role", json!("judge"), "unknown_role"),
    ] {
        let mut row = tree();
        // Not all messages have the field.
        let (parent, name) = field.rsplit_once('/').unwrap();
        row.pointer_mut(parent).unwrap()[name] = value;
        let Ok(Item::Tree(tree)) = item(&row) else { panic!("a tree: {field}") };
        assert_eq!(dialogues(&tree, Threads::Best), [reason], "{field}");
    }
    let row = json!({"message_tree_id": "t", "tree_state": 5, "prompt": {}});
    assert!(matches!(item(&row), Err(NoDialogue { reason: "not_instruct", .. })));
}

#[test]
fn messages_that_belong_to_no_tree_have_a_reason() {
    let row = |id: &str, parent: Value, tree: &str| {
        let row = json!({"message_id": id, "parent_id": parent, "message_tree_id": tree,
                         "role": "prompter", "text": "x"});
        let Ok(Item::Message(message)) = item(&row) else { panic!("a message") };
        *message
    };
    let mut tree = Tree::beginning(row("t", Value::Null, "t")).unwrap();
    assert!(Tree::beginning(row("a", json!("t"), "t")).is_err());
    let reason = |added: Added| match added {
        Added::Yes => "yes",
        Added::Begins(_) => "begins",
        Added::No(none) => none.reason,
    };
    assert_eq!(reason(tree.add(row("a", json!("t"), "t"))), "yes");
    assert_eq!(reason(tree.add(row("a", json!("t"), "t"))), "duplicate_message");
    assert_eq!(reason(tree.add(row("b", json!("?"), "t"))), "orphan");
    assert_eq!(reason(tree.add(row("b", json!("t"), "u"))), "orphan");
    assert_eq!(reason(tree.add(row("b", Value::Null, "t"))), "orphan");
    assert_eq!(reason(tree.add(row("u", Value::Null, "u"))), "begins");
}

/// Values that rows may have where others are expected.
fn values() -> impl Strategy<Value = Value> {
    let words = ["", " ", "human", "system", "gpt", "ready_for_export", "<bot>: x\n<human>:", "a"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let names = ["role", "content", "from", "value", "text", "message_id", "parent_id"];
        let more = ["replies", "rank", "deleted", "lang"];
        let names = prop::sample::select([&names[..], &more[..]].concat());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names.prop_map(str::to_owned), inner, 0..7)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn rows_of_any_content_never_panic_and_a_dialogue_is_well_formed(
        kind in prop::sample::select(vec![
            &["prompt", "message_tree_id", "tree_state"][..],
            &["message_id", "role", "text"],
            &["messages"],
            &["conversations"],
            &["definition", "inputs", "targets"],
            &["inputs_pretokenized", "targets_pretokenized"],
            &["instruction", "context", "response"],
            &["text"],
            &["language"],
        ]),
        values in prop::collection::vec(values(), 3),
        more in prop::collection::hash_map("lang|language|metadata|id", values(), 0..3),
    ) {
        let named = kind.iter().map(|name| (*name).to_owned()).zip(values);
        let row = Value::Object(named.chain(more).collect());
        let found: Vec<Dialogue> = match item(&row) {
            Ok(Item::Dialogue(dialogue)) => vec![dialogue],
            Ok(Item::Tree(tree)) => tree.dialogues(Threads::All).flatten().collect(),
            Ok(Item::Message(message)) => match Tree::beginning(*message) {
                Ok(tree) => tree.dialogues(Threads::Best).flatten().collect(),
                Err(_) => Vec::new(),
            },
            Err(none) => {
                prop_assert!(!none.reason.is_empty());
                Vec::new()
            }
        };
        for dialogue in found {
            prop_assert!(serde_json::from_str::<Value>(&dialogue.original).is_ok());
            prop_assert_eq!(dialogue.turns.last().map(|turn| turn.role), Some(Role::Bot));
            prop_assert!(dialogue.turns.iter().all(|turn| !turn.text.trim().is_empty()));
            for template in [Template::HumanBot, Template::ChatMl, Template::Plain] {
                let Ok(written) = template.write(&dialogue.turns) else { continue };
                let answers = dialogue.turns.iter().filter(|turn| turn.role == Role::Bot);
                for (range, turn) in written.answers.iter().zip(answers) {
                    prop_assert!(written.text[range.clone()].contains(&turn.text));
                }
            }
        }
    }

    #[test]
    fn what_is_written_for_humans_and_bots_is_read_back(
        turns in prop::collection::vec("[a-z<>:\n ]{0,12}", 2..6),
    ) {
        let roles = [Role::Human, Role::Bot].into_iter().cycle();
        let turns: Vec<Turn> =
            turns.iter().zip(roles).map(|(text, role)| Turn::new(role, text.trim())).collect();
        let Ok(written) = Template::HumanBot.write(&turns) else { return Ok(()) };
        let found = item(&json!({"text": written.text}));
        let expected = turns::settled(turns);
        match (found, expected) {
            (Ok(Item::Dialogue(found)), Ok((expected, _))) => {
                prop_assert_eq!(found.turns, expected);
            }
            (Err(found), Err(expected)) => prop_assert_eq!(found.reason, expected.reason),
            (found, expected) => prop_assert!(false, "{found:?} and {expected:?}"),
        }
    }
}
