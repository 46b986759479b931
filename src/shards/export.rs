//! An export of tokens, from the corpus to whole files.

use crate::input::{Input, LeftOut, Source};
use crate::layout::{Form, Layout, mds_index};
use crate::mixture::{Mixture, Plan, Totals};
use crate::scan::{BITS_MAX, Order, Shard, Shards, scan};
use crate::write::Job;
use crate::{About, Encoder, Error, Shuffle, card};
use corpus::export::{Destination, ExportFile, Exported, Folder, Selection, Watch};
use corpus::{Corpus, Label};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Write;

/// The index of [`Layout::Mds`].
const MDS_INDEX: &str = "mds/index.json";

/// Version of the form of the files: increases with every change of the bytes that the same documents
/// and options become.
const FORM: &str = "1";

/// How tokens are exported.
#[derive(Clone, Debug)]
pub struct Options {
    /// The layouts, at least one.
    pub layouts: Vec<Layout>,
    /// The order; `None` for that of the corpus, with own shards for each label.
    pub shuffle: Option<Shuffle>,
    /// Which documents, and how often; all of them once if there is none. Needs a shuffle.
    pub mixture: Option<Mixture>,
    /// Tokens of a shard: at most so many, or so many on average if there is a shuffle.
    pub shard_tokens: u64,
    /// Tokens of a sample of [`Layout::Mds`], or the most of [`Layout::Sft`], which needs it.
    pub sequence_length: Option<u32>,
    /// Slices whose documents have the places of their answers, in the field `answers`: only these are
    /// learned in [`Layout::Sft`].
    pub answered: Vec<String>,
    /// How the labels were chosen, to be recorded.
    pub selection: Selection,
    /// Whether the documents of the corpus have their number of tokens by this tokenizer.
    pub is_counted: bool,
    /// Threads. Has no effect on the files.
    pub workers: usize,
    /// Bytes of documents that are sorted in memory. Has no effect on the files.
    pub memory_bytes: u64,
}

/// What an export did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The files, sorted by path.
    pub files: Vec<Exported>,
    /// Names of the shards that were written.
    pub written: Vec<String>,
    /// Names of shards of an earlier export of tokens that are not there any more.
    pub gone: Vec<String>,
    /// Files that were whole already.
    pub kept: u64,
    /// Files of earlier exports that were removed.
    pub removed: u64,
    /// Documents in all shards, with copies.
    pub documents: u64,
    /// Tokens in all shards.
    pub tokens: u64,
    /// Documents of which the end is not in [`Layout::Sft`]: they are longer than a sample.
    pub cut: u64,
    /// Documents that were to be written and have no tokens, or that the tokenizer cannot encode.
    pub left_out: u64,
    /// The plan, if there is a mixture.
    pub plan: Option<Plan>,
}

/// Writes the labels as token shards to `out/<layout>/<shard>.<extension>`, with a list of the files
/// and a card. Calls `planned` with the plan before anything is written, if there is a mixture.
///
/// Files in `out` that are whole already are kept, and those that another export made are removed.
///
/// # Errors
/// If `out` has something that no export made, the corpus cannot be read, a file cannot be written, or
/// the options ask for what is not possible. Files that were whole before an error are kept by the next
/// export.
pub fn export(
    corpus: &Corpus,
    labels: &[&Label],
    out: &dyn Destination,
    encoder: &Encoder,
    options: &Options,
    watch: &dyn Watch,
    planned: &dyn Fn(&Plan),
) -> Result<Report, Error> {
    let folder = Folder::open(out)?;
    let inputs: Result<_, Error> = labels
        .iter()
        .map(|label| Input::new(corpus, label, options.answered.contains(&label.slice)))
        .collect();
    let (workers, is_counted) = (options.workers, options.is_counted);
    let mut source = Source { corpus, inputs: inputs?, encoder, is_counted, workers };
    let plan = match &options.mixture {
        Some(mixture) => Some(mix(&mut source, mixture, watch)?),
        None => None,
    };
    plan.as_ref().inspect(|plan| planned(plan));
    let order = order(&source, options, plan.as_ref(), watch)?;
    let shards = scan(&source, order, watch)?;
    let todo = Todo::new(&folder, &shards, encoder, options);
    let gone = gone(&folder, &shards);
    let kept = todo.kept.len() as u64;
    let count = options.shuffle.map(|_| shards.all.len() as u32);
    folder.describe(About::new(encoder, options, count, plan.as_ref()).json());
    folder.begin(todo.kept, todo.files)?;
    for input in source.inputs.iter().filter(|input| !input.is_left_out()) {
        watch.planned(input.label, input.segments.iter().map(|(file, _)| file.bytes).sum());
    }
    let form = Form { encoder, sequence_length: options.sequence_length };
    let left_out = LeftOut::new();
    let job = Job {
        source: &source,
        shards: &shards,
        wanted: &todo.wanted,
        out,
        form,
        memory_bytes: options.memory_bytes,
        left_out: &left_out,
        watch,
    };
    let made_from = |shard: &Shard, layout| made_from(shard, layout, encoder, options);
    let mut written: Vec<String> = Vec::new();
    let ran = job.run(|shard, layout, documents, file| {
        let label = shard.label.map(|label| source.inputs[label].label);
        if written.last() != Some(&shard.name) {
            written.push(shard.name.clone());
        }
        folder.finished(Exported {
            path: file.name,
            slice: label.map_or(String::new(), |label| label.slice.clone()),
            label: label.map_or(String::new(), |label| label.name.clone()),
            documents,
            tokens: Some(file.tokens),
            cut_documents: file.cut.map(|cut| cut.documents),
            cut_tokens: file.cut.map(|cut| cut.tokens),
            bytes: file.bytes,
            sha256: file.sha256,
            made_from: made_from(shard, layout),
            ..Exported::default()
        })?;
        Ok(())
    });
    let ran = ran.and_then(|()| write_index(&folder, out, form, options));
    if let Err(error) = ran {
        folder.failed();
        return Err(error);
    }
    let (files, removed) = folder.complete(|files| card::text(encoder, options, files))?;
    let removed = removed.len() as u64;
    let (documents, tokens) = sums(&files, options);
    let left_out = left_out.count();
    let cut = files.iter().filter_map(|file| file.cut_documents).sum();
    Ok(Report { files, written, gone, kept, removed, documents, tokens, cut, left_out, plan })
}

/// Sets how often each label is read, and returns the plan.
fn mix(source: &mut Source<'_>, mixture: &Mixture, watch: &dyn Watch) -> Result<Plan, Error> {
    let totals = source.totals(watch)?;
    let named: Vec<(&str, &str, Totals)> = source
        .inputs
        .iter()
        .zip(totals)
        .map(|(input, totals)| (&*input.label.slice, &*input.label.name, totals))
        .collect();
    let plan = mixture.plan(&named).map_err(Error::Usage)?;
    for (input, planned) in source.inputs.iter_mut().zip(&plan.labels) {
        input.epochs = planned.epochs;
    }
    Ok(plan)
}

/// Returns the order, with as many shards as the tokens need.
fn order(
    source: &Source<'_>,
    options: &Options,
    plan: Option<&Plan>,
    watch: &dyn Watch,
) -> Result<Order, Error> {
    let most = options.shard_tokens;
    let Some(shuffle) = options.shuffle else {
        let is_cut = !source.is_surely_below(most, false);
        return Ok(Order::Stored { shard_tokens: is_cut.then_some(most) });
    };
    let tokens = match plan {
        Some(plan) => plan.asked,
        None if source.is_surely_below(most, true) => 0,
        None => source.totals(watch)?.iter().map(|totals| totals.tokens).sum(),
    };
    let bits = (0..=BITS_MAX).find(|bits| tokens.div_ceil(1 << bits) <= most);
    let bits = bits.ok_or_else(|| {
        Error::Usage(format!(
            "{tokens} tokens in shards of {most} are more than {} shards: give a larger \
             --shard-tokens",
            1 << BITS_MAX
        ))
    })?;
    Ok(Order::Shuffled { shuffle, bits })
}

/// What is to be written.
struct Todo {
    /// Files that are whole.
    kept: Vec<Exported>,
    /// Names of files that will be written.
    files: BTreeSet<String>,
    /// Layouts of each shard that will be written.
    wanted: Vec<Vec<Layout>>,
}

impl Todo {
    fn new(folder: &Folder<'_>, shards: &Shards, encoder: &Encoder, options: &Options) -> Todo {
        let mut todo = Todo { kept: Vec::new(), files: BTreeSet::new(), wanted: Vec::new() };
        for shard in &shards.all {
            let mut wanted = Vec::new();
            let all = options.layouts.iter().copied().chain([Layout::Provenance]);
            for layout in all.filter(|_| shard.sum.documents > 0) {
                let made_from = made_from(shard, layout, encoder, options);
                let files = layout.files(&shard.name);
                let whole: Option<Vec<_>> =
                    files.iter().map(|file| folder.whole(file, &made_from).cloned()).collect();
                match whole {
                    Some(whole) => todo.kept.extend(whole),
                    None => {
                        todo.files.extend(files);
                        wanted.push(layout);
                    }
                }
            }
            todo.wanted.push(wanted);
        }
        if options.layouts.contains(&Layout::Mds) {
            todo.files.insert(MDS_INDEX.to_owned());
        }
        todo
    }
}

/// Returns the names of earlier shards that have no documents now.
fn gone(folder: &Folder<'_>, shards: &Shards) -> Vec<String> {
    let with_documents = shards.all.iter().filter(|shard| shard.sum.documents > 0);
    let now: BTreeSet<String> =
        with_documents.flat_map(|shard| Layout::Provenance.files(&shard.name)).collect();
    let prefix = format!("{}/", Layout::Provenance.name());
    let earlier = folder.earlier().filter(|path| path.starts_with(&prefix) && !now.contains(*path));
    let name = |path: &str| path[prefix.len()..].trim_end_matches(".parquet").to_owned();
    earlier.map(name).collect()
}

/// Writes the index of [`Layout::Mds`] for all its files, kept and new.
fn write_index(
    folder: &Folder<'_>,
    out: &dyn Destination,
    form: Form<'_>,
    options: &Options,
) -> Result<(), Error> {
    if !options.layouts.contains(&Layout::Mds) {
        return Ok(());
    }
    let files = folder.done();
    let of_layout = files.iter().filter(|file| file.path.ends_with(".mds"));
    let mut file = ExportFile::create(out, MDS_INDEX)?;
    let path = file.path().to_owned();
    file.write_all(mds_index(form, of_layout).as_bytes()).map_err(Error::io(&path))?;
    let (bytes, sha256) = file.publish()?;
    let path = MDS_INDEX.to_owned();
    Ok(folder.finished(Exported { path, bytes, sha256, ..Exported::default() })?)
}

/// Documents and tokens of all shards: those of one file each.
fn sums(files: &[Exported], options: &Options) -> (u64, u64) {
    // Samples of a fixed length may lack the last tokens.
    let layout = options.layouts.iter().min().expect("there is at least one layout");
    let first = layout.files("");
    let (prefix, suffix) = first[0].split_once('/').expect("a file in the folder of its layout");
    let of_shards = files.iter().filter(|file| {
        file.path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
            && file.path.ends_with(suffix)
    });
    of_shards.fold((0, 0), |(documents, tokens), file| {
        (documents + file.documents, tokens + file.tokens.unwrap_or(0))
    })
}

/// Returns the digest of everything that the files of a shard in a layout depend on.
fn made_from(shard: &Shard, layout: Layout, encoder: &Encoder, options: &Options) -> String {
    let mut digest = Sha256::new();
    let id = |mark: Option<&crate::Mark>| mark.map_or(-1, |mark| i64::from(mark.id));
    let seed = options.shuffle.map_or(String::new(), |shuffle| shuffle.seed.to_string());
    let has_length = matches!(layout, Layout::Mds | Layout::Sft);
    let length = options.sequence_length.filter(|_| has_length).unwrap_or(0);
    let numbers = [id(encoder.bos()), id(encoder.eos()), i64::from(length)].map(|n| n.to_string());
    let parts = [FORM, env!("CARGO_PKG_VERSION"), layout.name(), encoder.digest(), &seed];
    for part in parts.into_iter().chain(numbers.iter().map(String::as_str)) {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    // datatrove's metadata has the name.
    digest.update(encoder.name().as_bytes());
    digest.update(shard.sum.documents.to_be_bytes());
    digest.update(shard.sum.digest.to_be_bytes());
    HEXLOWER.encode(&digest.finalize()[..16])
}
