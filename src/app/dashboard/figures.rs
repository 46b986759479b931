//! The figures of a run as JSON.

use engine::{LabelFigures, RunFigures};
use serde_json::{Value, json};

/// Returns the figures of a run; `None` before it has begun.
pub(super) fn figures(run: Option<&RunFigures>) -> Value {
    let Some(run) = run else {
        return json!({"labels": [], "processes": [], "operators": []});
    };
    let mut all = LabelFigures::default();
    run.labels.iter().for_each(|label| all.add(&label.figures));
    let labels = run.labels.iter().map(|label| {
        let mut value = label_json(&label.figures);
        value["name"] = json!(label.name);
        value["stored_bytes_total"] = json!(label.stored_bytes_total);
        value
    });
    let mut totals = label_json(&all);
    let stored: u64 = run.labels.iter().map(|label| label.stored_bytes_total).sum();
    totals["stored_bytes_total"] = json!(stored);
    let processes = run.processes.iter().map(|(age, process)| {
        let workers = process.workers.iter().map(|worker| {
            json!({
                // A worker writes epochs too of which it reads nothing.
                "epochs_begun": worker.begun.max(worker.written).saturating_sub(run.epochs.first),
                "epochs_written": worker.written.saturating_sub(run.epochs.first),
                "held_documents": worker.held_documents,
                "held_bytes": worker.held_bytes,
                "spilled_documents": worker.spilled_documents,
                "parked_seconds": worker.parked_seconds,
            })
        });
        json!({
            "process": process.process,
            "last_seen_seconds": age.as_secs_f64(),
            "resident_bytes": process.resident_bytes,
            "cpu_seconds": process.cpu_seconds,
            "workers": workers.collect::<Vec<_>>(),
        })
    });
    let operators = run.operators().into_iter().map(|operator| {
        json!({
            "name": operator.name,
            "busy_seconds": operator.busy_seconds,
            "activations": operator.activations,
            "records_in": operator.records_in,
            "records_out": operator.records_out,
        })
    });
    json!({
        "epochs": {
            "planned": run.epochs.planned,
            "begun": run.epochs.begun,
            "open": run.epochs.begun.saturating_sub(run.epochs.complete),
            "written": run.epochs.written,
            "committed": run.epochs.committed,
        },
        "commits": {
            "made": run.commits.made,
            "newest": run.commits.newest,
            "age_seconds": run.commits.age.map(|age| age.as_secs_f64()),
        },
        "totals": totals,
        "labels": labels.collect::<Vec<_>>(),
        "processes": processes.collect::<Vec<_>>(),
        "operators": operators.collect::<Vec<_>>(),
    })
}

fn label_json(label: &LabelFigures) -> Value {
    json!({
        "documents": label.documents,
        "text_bytes": label.text_bytes,
        "stored_bytes": label.stored_bytes,
        "finished": label.finished,
        "kept": label.kept,
        "dropped": label.dropped,
        "defects": label.defects,
    })
}
