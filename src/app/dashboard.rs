//! The dashboard of a run: a page, its figures as JSON, and the same for Prometheus.

mod figures;
mod metrics;
mod server;

use self::figures::figures;
use anyhow::{Context, Result};
use engine::Progress;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the process waits at its end, if a page is open, so that the page learns of the end.
const LINGER: Duration = Duration::from_millis(1500);

/// A page that has asked within this time is open.
const OPEN: Duration = Duration::from_secs(3);

/// Points of the past that are kept: one a second.
const HISTORY_MAX: usize = 600;

/// Reads the address of a dashboard. Without a host, it is this machine's loopback.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("127.0.0.1{text}") } else { text.to_owned() };
    let mut found = full.to_socket_addrs().map_err(|error| {
        format!("{error}; expected HOST:PORT, such as 127.0.0.1:8080, or :PORT")
    })?;
    found.next().ok_or_else(|| "the host has no address".to_owned())
}

/// A dashboard, which is served until the process ends.
pub(crate) struct Dashboard(Arc<State>);

/// What the server shows.
struct State {
    corpus: String,
    started: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    progress: Option<Progress>,
    has_ended: bool,
    /// Seconds, bytes of text, documents, resident bytes.
    history: Vec<[u64; 4]>,
    asked: Option<Instant>,
}

impl Dashboard {
    /// Starts to serve at `address`, and prints where.
    pub fn start(address: SocketAddr, corpus: String) -> Result<Dashboard> {
        let cannot = || {
            format!(
                "cannot serve a dashboard at {address}; choose another port, or 0 for any free one"
            )
        };
        let listener = TcpListener::bind(address).with_context(cannot)?;
        let bound = listener.local_addr().with_context(cannot)?;
        let state = State { corpus, started: Instant::now(), inner: Mutex::default() };
        let state = Arc::new(state);
        server::start(listener, state.clone()).with_context(cannot)?;
        tracing::info!("dashboard: http://{bound}/");
        if !bound.ip().is_loopback() {
            tracing::warn!("whoever can reach {bound} can see the dashboard: it has no password");
        }
        Ok(Dashboard(state))
    }

    /// Shows the figures of a run from now on.
    pub fn show(&self, progress: Progress) {
        self.0.lock().progress = Some(progress);
    }

    /// Says that the run has ended. Waits a moment if a page is open.
    pub fn finish(self) {
        let is_open = {
            let mut inner = self.0.lock();
            inner.has_ended = true;
            inner.asked.is_some_and(|asked| asked.elapsed() < OPEN)
        };
        if is_open {
            std::thread::sleep(LINGER);
        }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a point of the history.
    fn sample(&self) {
        let progress = self.lock().progress.clone();
        let Some(run) = progress.map(|progress| progress.run()) else { return };
        let text = run.labels.iter().map(|label| label.figures.text_bytes).sum();
        let documents = run.labels.iter().map(|label| label.figures.documents).sum();
        let resident = run.processes.iter().map(|(_, process)| process.resident_bytes).sum();
        let mut inner = self.lock();
        if inner.has_ended {
            return;
        }
        if inner.history.len() == HISTORY_MAX {
            inner.history.remove(0);
        }
        inner.history.push([self.started.elapsed().as_millis() as u64, text, documents, resident]);
    }

    /// The figures as JSON.
    fn json(&self) -> String {
        let (progress, has_ended, history) = {
            let mut inner = self.lock();
            inner.asked = Some(Instant::now());
            (inner.progress.clone(), inner.has_ended, inner.history.clone())
        };
        let mut value = figures(progress.map(|progress| progress.run()).as_ref());
        let is_running = value["processes"].as_array().is_some_and(|all| !all.is_empty());
        value["phase"] = match (has_ended, is_running) {
            (true, _) => "ended",
            (false, true) => "running",
            (false, false) => "starting",
        }
        .into();
        value["corpus"] = self.corpus.as_str().into();
        value["seconds"] = self.started.elapsed().as_secs_f64().into();
        value["history"] = serde_json::json!(history);
        value.to_string()
    }

    /// The figures for Prometheus.
    fn metrics(&self) -> String {
        let progress = self.lock().progress.clone();
        let run = progress.map(|progress| progress.run());
        metrics::text(run.as_ref(), self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_host_is_loopback() {
        assert_eq!(address(":8080").unwrap().to_string(), "127.0.0.1:8080");
        assert_eq!(address("0.0.0.0:1").unwrap().to_string(), "0.0.0.0:1");
        assert!(address("8080").unwrap_err().contains("expected HOST:PORT"));
    }
}
