//! Any lines as rows of data sets of instructions: nothing panics, and a dialogue ends with an answer whose
//! place is in its text.

#![no_main]

use dialogue::{Added, Dialogue, Item, Role, Template, Threads, Tree, of_row};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|lines: &str| {
    let mut tree: Option<Tree> = None;
    for line in lines.split('\n') {
        let Ok(fields) = formats::fields(line) else { continue };
        match of_row(fields) {
            Ok(Item::Dialogue(dialogue)) => check(&dialogue),
            Ok(Item::Tree(tree)) => all(&tree),
            Ok(Item::Message(message)) => match &mut tree {
                Some(begun) => {
                    if let Added::Begins(message) = begun.add(*message) {
                        all(begun);
                        tree = Tree::beginning(*message).ok();
                    }
                }
                None => tree = Tree::beginning(*message).ok(),
            },
            Err(none) => assert!(!none.reason.is_empty()),
        }
    }
    tree.iter().for_each(all);
});

fn all(tree: &Tree) {
    for threads in [Threads::Best, Threads::All] {
        assert!(tree.dialogues(threads).count() > 0);
        tree.dialogues(threads).flatten().for_each(|dialogue| check(&dialogue));
    }
}

fn check(dialogue: &Dialogue) {
    assert_eq!(dialogue.turns.last().map(|turn| turn.role), Some(Role::Bot));
    assert!(formats::fields(&dialogue.original).is_ok());
    for template in [Template::HumanBot, Template::ChatMl, Template::Plain] {
        let Ok(written) = template.write(&dialogue.turns) else { continue };
        let answers = dialogue.turns.iter().filter(|turn| turn.role == Role::Bot);
        assert_eq!(written.answers.len(), answers.clone().count());
        for (answer, turn) in written.answers.iter().zip(answers) {
            assert!(written.text[answer.clone()].contains(&turn.text));
        }
    }
}
