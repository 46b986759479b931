//! The promises of the program, tested from outside: by its command line, its exit codes and the
//! bytes it exports.

/// Every record read is kept, or dropped for one named reason; sums agree.
mod accounted;
/// Papers of arXiv are exported whole, the same however they are read, and none is lost.
mod arxiv;
/// The benchmark of the dedup-join ends, and its engines agree.
mod bench;
/// Books in every form, without near copies.
mod books;
/// Shards of C4, and its rules on dumps.
mod c4;
/// The quality threshold is chosen from the ledger.
mod calibrate;
/// The whole program reproduces CCNet's own results.
mod ccnet;
/// Processes started by hand work together if they have the same task.
mod cluster;
/// Every command has help with an example; completions and manual pages.
mod command_line;
/// A process may die at any moment; the next run ends with the same bytes.
mod crash;
/// The dashboard shows the figures of all processes while a run lasts.
mod dashboard;
/// Evaluation sets are kept out of a corpus, from the start or later.
mod decontaminate;
/// The ways to drop copies that any slice can use.
mod dedup;
/// The export depends only on recipe, inputs and the order of adding.
mod deterministic;
/// What a build takes is known before, from a sample, which leaves no trace.
mod estimate;
/// A document's witness is named, and without it the copy is kept.
mod explain;
/// The forms of an export, its card, digests and ids.
mod export;
/// No command removes data, except what a killed run left.
mod folder_safety;
/// Files of earlier versions can still be read, and mean the same.
mod formats;
/// Files are read by their content, in every packed form; foreign files are named.
mod forms;
/// Source files of tables, repositories and archives are exported as by RedPajama's scripts.
mod github;
/// Damaged and foreign files are named, and never affect healthy ones.
mod hostile_input;
/// A run over two hosts, in network namespaces, survives their failures.
mod hosts;
/// Adding a label later equals building everything at once.
mod incremental;
/// Data sets of instructions become dialogues, with the places of their answers.
mod instruct;
/// Ctrl-C and SIGTERM end a run at a commit; messages as JSON.
mod interrupt;
/// Counts, defects and documents of a corpus are shown as they are.
mod looking;
/// A run over machines continues by itself when one is lost.
mod machines;
/// Memory stays near `--memory`, whatever the input.
mod memory;
/// Model files are fetched whole or not at all, and a changed one is noticed.
mod models;
/// Inputs that are not regular files block nothing, and are named.
mod odd_inputs;
/// Passages that came before are cut, wherever they are; the first stays, and nothing else goes.
mod passages;
/// The promises that hold for every slice.
mod promises;
/// Scores, tokens and filters equal those of the original tools.
mod quality;
/// Commands and recipes print what README.md and docs/recipes.md show.
mod readme;
/// The error for a wrong recipe or command names the place and a correct value.
mod recipe;
/// Sources at addresses are read as local files are, whatever the network does.
mod remote;
/// Removing documents or labels gives the corpus that a build without them makes.
mod removal;
/// A report adds up, and its page needs no other file.
mod report;
/// Lines of other pipelines get the same scores as in a corpus.
mod score;
/// Sources that change or disappear after they were read.
mod sources;
/// Threads of StackExchange sites.
mod stack_exchange;
/// A damaged state and a full disk are named, and leave the corpus at its last commit.
mod state_faults;
/// Runs the program, and makes inputs.
mod support;
/// Token shards have the tokens of all documents, in every layout.
mod tokens;
/// Models are trained from text, and work in a recipe.
mod train;
/// A check reports exactly what is wrong.
mod verify;
mod versions;
/// Dumps of Wikipedia become plain text.
mod wikipedia;
