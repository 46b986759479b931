//! The time and records of each operator, from timely's log.

use crate::figures::OperatorFigures;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;
use timely::logging::{ParkEvent, StartStop, TimelyEvent, TimelyEventBuilder};
use timely::worker::Worker;

/// The evaluated log of one worker.
#[derive(Clone, Default)]
pub(crate) struct Timing(Rc<RefCell<Log>>);

#[derive(Default)]
struct Log {
    /// The operators, by number.
    operators: BTreeMap<usize, OperatorFigures>,
    addresses: HashMap<Vec<usize>, usize>,
    /// Sender and receiver of each channel, by address.
    channels: HashMap<usize, (Vec<usize>, Vec<usize>)>,
    /// The operators that run now, from the outermost: when they began, and the time within that
    /// operators within them ran.
    running: Vec<(usize, Duration, Duration)>,
    parked: Duration,
    parked_since: Option<Duration>,
}

impl Timing {
    /// Begins to evaluate the log of `worker`. Called before its dataflow is built.
    pub fn of(worker: &Worker) -> Timing {
        let timing = Timing::default();
        let log = timing.0.clone();
        if let Some(mut register) = worker.log_register() {
            register.insert::<TimelyEventBuilder, _>("timely", move |_, events| {
                let mut log = log.borrow_mut();
                for (time, event) in events.iter_mut().flat_map(|events| events.drain(..)) {
                    log.take(time, event);
                }
            });
        }
        timing
    }

    /// Returns how long the worker was idle, and its operators that have run.
    pub fn figures(&self) -> (Duration, Vec<OperatorFigures>) {
        let log = self.0.borrow();
        let ran = log.operators.values().filter(|operator| operator.activations > 0);
        (log.parked, ran.cloned().collect())
    }
}

impl Log {
    fn take(&mut self, time: Duration, event: TimelyEvent) {
        match event {
            TimelyEvent::Operates(operates) => {
                self.addresses.insert(operates.addr, operates.id);
                let (id, name) = (operates.id as u64, operates.name);
                let figures = OperatorFigures { id, name, ..OperatorFigures::default() };
                self.operators.insert(operates.id, figures);
            }
            TimelyEvent::Channels(channel) => {
                let address = |operator: usize| [&channel.scope_addr[..], &[operator]].concat();
                let ends = (address(channel.source.0), address(channel.target.0));
                self.channels.insert(channel.id, ends);
            }
            TimelyEvent::Messages(messages) => {
                let Some((source, target)) = self.channels.get(&messages.channel) else { return };
                let address = if messages.is_send { source } else { target };
                let id = self.addresses.get(address);
                let Some(figures) = id.and_then(|id| self.operators.get_mut(id)) else { return };
                let records = messages.record_count.unsigned_abs();
                if messages.is_send {
                    figures.records_out += records;
                } else {
                    figures.records_in += records;
                }
            }
            TimelyEvent::Schedule(event) => match event.start_stop {
                StartStop::Start => self.running.push((event.id, time, Duration::ZERO)),
                StartStop::Stop => self.stop(event.id, time),
            },
            TimelyEvent::Park(ParkEvent::Park(_)) => self.parked_since = Some(time),
            TimelyEvent::Park(ParkEvent::Unpark) => {
                if let Some(since) = self.parked_since.take() {
                    self.parked += time.saturating_sub(since);
                }
            }
            _ => {}
        }
    }

    fn stop(&mut self, id: usize, time: Duration) {
        let Some((_, since, within)) = self.running.pop_if(|(running, ..)| *running == id) else {
            return;
        };
        let all = time.saturating_sub(since);
        if let Some(outer) = self.running.last_mut() {
            outer.2 += all;
        }
        if let Some(figures) = self.operators.get_mut(&id) {
            figures.busy_seconds += all.saturating_sub(within).as_secs_f64();
            figures.activations += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timely::logging::{OperatesEvent, ScheduleEvent};

    #[test]
    fn the_time_of_an_inner_operator_does_not_count_for_the_outer_one() {
        let mut log = Log::default();
        for (id, addr) in [(0, vec![0]), (1, vec![0, 1])] {
            let name = format!("operator {id}");
            log.take(Duration::ZERO, OperatesEvent { id, addr, name }.into());
        }
        let events = [
            (10, ScheduleEvent::start(0)),
            (11, ScheduleEvent::start(1)),
            (15, ScheduleEvent::stop(1)),
            (16, ScheduleEvent::stop(0)),
        ];
        for (seconds, event) in events {
            log.take(Duration::from_secs(seconds), event.into());
        }
        assert_eq!((log.operators[&0].busy_seconds, log.operators[&1].busy_seconds), (2.0, 4.0));
        assert_eq!(log.operators[&1].activations, 1);
    }
}
