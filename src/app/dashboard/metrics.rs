//! The figures of a run in the text format of Prometheus. `docs/metrics.md` lists them.

use engine::RunFigures;
use std::fmt::{Display, Write};
use std::time::Duration;

/// Returns all metrics; only the time of the run before it has begun.
pub(super) fn text(run: Option<&RunFigures>, elapsed: Duration) -> String {
    let mut text = Text(String::new());
    text.gauge(
        "sluice_run_seconds",
        "Time since the start of the command.",
        [("", elapsed.as_secs_f64())],
    );
    let Some(run) = run else { return text.0 };
    let labels = || run.labels.iter().map(|label| (pair("label", &label.name), label));
    let counter = |text: &mut Text, name, help, value: fn(&engine::LabelFigures) -> u64| {
        text.counter(name, help, labels().map(|(of, label)| (of, value(&label.figures))));
    };
    counter(&mut text, "sluice_documents_read_total", "Documents read.", |l| l.documents);
    counter(&mut text, "sluice_documents_kept_total", "Documents written and kept.", |l| l.kept);
    let dropped = labels().flat_map(|(of, label)| {
        let dropped = label.figures.dropped.iter();
        dropped.map(move |(reason, count)| (format!("{of},{}", pair("reason", reason)), *count))
    });
    text.counter("sluice_documents_dropped_total", "Documents dropped, by reason.", dropped);
    counter(&mut text, "sluice_text_bytes_read_total", "Bytes of text read.", |l| l.text_bytes);
    counter(
        &mut text,
        "sluice_stored_bytes_read_total",
        "Bytes of sources read, as stored.",
        |l| l.stored_bytes,
    );
    counter(&mut text, "sluice_defects_total", "Defects of the input.", |l| l.defects);
    let stored = labels().map(|(of, label)| (of, label.stored_bytes_total));
    text.gauge("sluice_stored_bytes", "Bytes of sources to read in this run.", stored);
    let epochs = [
        ("planned", run.epochs.planned),
        ("begun", run.epochs.begun),
        ("written", run.epochs.written),
        ("committed", run.epochs.committed),
    ];
    let epochs = epochs.map(|(state, count)| (pair("state", state), count));
    text.gauge("sluice_epochs", "Epochs of this run that have come this far.", epochs);
    text.counter("sluice_commits_total", "Commits of this run.", [("", run.commits.made)]);
    let newest = run.commits.newest.map(|number| ("", number));
    text.gauge("sluice_commit", "Number of the newest commit of this run.", newest);
    let age = run.commits.age.map(|age| ("", age.as_secs_f64()));
    text.gauge("sluice_commit_age_seconds", "Time since that commit.", age);
    let processes = || {
        let named = |process| pair("process", process);
        run.processes.iter().map(move |(age, process)| (named(process.process), age, process))
    };
    text.gauge(
        "sluice_process_last_seen_seconds",
        "Time since the figures of a process arrived.",
        processes().map(|(of, age, _)| (of, age.as_secs_f64())),
    );
    text.gauge(
        "sluice_process_resident_bytes",
        "Resident memory of a process.",
        processes().map(|(of, _, process)| (of, process.resident_bytes)),
    );
    text.counter(
        "sluice_process_cpu_seconds_total",
        "CPU time of a process.",
        processes().map(|(of, _, process)| (of, process.cpu_seconds)),
    );
    let workers = || {
        processes().flat_map(|(of, _, process)| {
            let named =
                move |(number, worker)| (format!("{of},{}", pair("worker", number)), worker);
            process.workers.iter().enumerate().map(named)
        })
    };
    text.gauge(
        "sluice_worker_held_documents",
        "Documents in memory that wait for a deduplication.",
        workers().map(|(of, worker)| (of, worker.held_documents)),
    );
    text.gauge(
        "sluice_worker_held_bytes",
        "Bytes of these documents.",
        workers().map(|(of, worker)| (of, worker.held_bytes)),
    );
    text.gauge(
        "sluice_worker_spilled_documents",
        "Documents on disk that wait for a deduplication.",
        workers().map(|(of, worker)| (of, worker.spilled_documents)),
    );
    text.counter(
        "sluice_worker_parked_seconds_total",
        "Time in which a worker had nothing to do.",
        workers().map(|(of, worker)| (of, worker.parked_seconds)),
    );
    let operators = run.operators();
    let of = || operators.iter().map(|operator| (pair("operator", &operator.name), operator));
    text.counter(
        "sluice_operator_busy_seconds_total",
        "Time in which an operator ran, over all workers.",
        of().map(|(of, operator)| (of, operator.busy_seconds)),
    );
    text.counter(
        "sluice_operator_records_in_total",
        "Records that an operator received.",
        of().map(|(of, operator)| (of, operator.records_in)),
    );
    text.0
}

/// A label of a metric and its value, quoted.
fn pair(name: &str, value: impl Display) -> String {
    let value = value.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

struct Text(String);

impl Text {
    fn gauge<L: AsRef<str>, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) {
        self.metric("gauge", name, help, values);
    }

    fn counter<L: AsRef<str>, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) {
        self.metric("counter", name, help, values);
    }

    fn metric<L: AsRef<str>, V: Display>(
        &mut self,
        kind: &str,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) {
        let text = &mut self.0;
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in values {
            let _ = match labels.as_ref() {
                "" => writeln!(text, "{name} {value}"),
                labels => writeln!(text, "{name}{{{labels}}} {value}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{LabelFigures, LabelProgress};

    #[test]
    fn every_sample_has_a_type_and_labels_are_quoted() {
        let figures = LabelFigures {
            documents: 3,
            dropped: [("too \"short\"\\\n".to_owned(), 2)].into(),
            ..LabelFigures::default()
        };
        let name = "books/a b".to_owned();
        let label = LabelProgress { name, stored_bytes_total: 7, figures };
        let run = RunFigures { labels: vec![label], ..RunFigures::default() };
        let text = text(Some(&run), Duration::from_millis(1500));
        assert!(text.contains("\nsluice_documents_read_total{label=\"books/a b\"} 3\n"), "{text}");
        let quoted = r#"{label="books/a b",reason="too \"short\"\\\n"} 2"#;
        assert!(text.contains(&format!("\nsluice_documents_dropped_total{quoted}\n")), "{text}");
        let mut typed = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(rest) => typed = rest.split(' ').next().unwrap(),
                None if line.starts_with("# HELP ") => {}
                None => {
                    assert_eq!(line.split(['{', ' ']).next(), Some(typed), "{line}");
                    let value = line.rsplit(' ').next().unwrap();
                    assert!(value.parse::<f64>().is_ok(), "{line}");
                }
            }
        }
    }
}
