//! What the program promises, each promise tested from outside: by its command line, its exit
//! codes and the bytes it exports.

/// Every record read is kept, or dropped for one named reason; sums agree.
mod accounted;
/// Papers of arXiv come out whole, the same however they are read, and none is lost.
mod arxiv;
/// The benchmark of the dedup-join ends, and its engines agree.
mod bench;
/// Books, near copies among them dropped, in every form that they come in.
mod books;
/// C4's shards, and its rules on dumps.
mod c4;
/// The quality threshold is chosen from the ledger.
mod calibrate;
/// CCNet's own results come out of the whole program.
mod ccnet;
/// Processes started by hand work together if they are about to do the same.
mod cluster;
/// A process may die at any moment; the next run ends in the same bytes.
mod crash;
/// Ways to drop copies that any slice can choose.
mod dedup;
/// The export depends on recipe, inputs and the order of adding, and on nothing else.
mod deterministic;
/// The export's forms, its card, its digests, its ids.
mod export;
/// No command removes data that a killed run did not leave.
mod folder_safety;
/// What earlier versions wrote is still read, and means the same.
mod formats;
/// Source files of tables, repositories and archives come out as RedPajama's scripts would have them.
mod forms;
mod github;
/// Damaged and foreign files are named, and never stop what is healthy.
mod hostile_input;
/// A label added later comes out as if all had been built at once.
mod incremental;
/// Memory follows `--memory`, whatever the input is made of.
mod memory;
/// Model files are fetched whole or not at all, and a change of one is noticed.
mod models;
/// Inputs that are no files hang nothing, and are named.
mod odd_inputs;
/// What holds for every slice.
mod promises;
/// Scores, tokens and filters are those of the original tools.
mod quality;
/// Commands and recipes print what README.md and docs/recipes.md show.
mod readme;
/// A wrong recipe or command says where it is wrong and what would be right.
mod recipe;
/// Lines of other pipelines get the scores that a corpus would give them.
mod score;
/// Sources that change, or go, after they were read.
mod sources;
/// Threads of StackExchange sites.
mod stack_exchange;
/// A damaged state and a full disk are named, and leave the corpus at its last commit.
mod state_faults;
/// Running the program, and making inputs.
mod support;
/// Models are trained from text, and serve a recipe.
mod train;
/// A check says no more and no less than what is wrong.
mod verify;
/// Wikipedia's dumps, to plain text.
mod wikipedia;
