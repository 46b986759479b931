//! How the figures of all processes reach the first one: a second, small dataflow beside the one of
//! the documents. It holds nothing of that back: neither waits for the other before its end.

use crate::figures::ProcessFigures;
use crate::progress::Progress;
use crate::timing::Timing;
use crate::worker::WorkerContext;
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

/// How often figures are published and sent.
const EVERY: Duration = Duration::from_millis(200);

type Figures = CapacityContainerBuilder<Vec<ProcessFigures>>;

/// One worker's part in it.
pub(crate) struct Watch {
    progress: Progress,
    timing: Option<Timing>,
    published: Instant,
    /// Of the first worker of each process, in a run of several.
    input: Option<InputHandle<u64, Figures>>,
    probe: ProbeHandle<u64>,
}

impl Watch {
    /// Builds the dataflow of figures. Called by every worker, after the main dataflow is built.
    pub fn new(worker: &mut Worker, progress: &Progress, timing: Option<Timing>) -> Watch {
        let (share, probe) = (progress.share(), ProbeHandle::new());
        let mut input = None;
        if share.processes > 1 {
            let mut handle = InputHandle::<u64, Figures>::new();
            worker.dataflow::<u64, _, _>(|scope| {
                type Nothing = CapacityContainerBuilder<Vec<()>>;
                let (stream, progress) = (scope.input_from(&mut handle), progress.clone());
                let route = Exchange::new(|_: &ProcessFigures| 0);
                let heard = stream.unary::<Nothing, _, _, _>(route, "Figures", move |_, _| {
                    move |input, _output| {
                        input.for_each(|_, batch| {
                            batch.drain(..).for_each(|figures| progress.hear(figures));
                        });
                    }
                });
                heard.probe_with(&probe);
            });
            let is_first = worker.index() == share.process * share.workers;
            // The others send nothing; a dropped input is closed.
            input = is_first.then_some(handle);
        }
        let published = Instant::now();
        Watch { progress: progress.clone(), timing, published, input, probe }
    }

    /// Publishes the figures of the worker, if it is time.
    pub fn step(&mut self, context: &WorkerContext) {
        if self.published.elapsed() >= EVERY {
            self.publish(context);
        }
    }

    fn publish(&mut self, context: &WorkerContext) {
        self.published = Instant::now();
        self.progress.held(context.index, &context.memory);
        if let Some(timing) = &self.timing {
            let (parked, operators) = timing.figures();
            self.progress.operators(context.index, parked, operators);
        }
        if let Some(input) = &mut self.input {
            input.send(self.progress.process());
            input.advance_to(input.time() + 1);
        }
    }

    /// Sends the last figures, when the main dataflow has ended on this worker, and so on all.
    pub fn finish(mut self, worker: &mut Worker, context: &WorkerContext) {
        self.publish(context);
        self.input = None;
        if self.progress.share().processes > 1 {
            while !self.probe.done() {
                worker.step_or_park(Some(Duration::from_millis(10)));
            }
        }
    }
}
