//! Serves a dashboard over HTTP, in one thread. Whatever clients do, the run does not wait for them.

use super::State;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// Connections that are open at once; more are closed.
const CONNECTIONS_MAX: usize = 128;

/// How long a client may take for a request and its response.
const DEADLINE: Duration = Duration::from_secs(10);

const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// How long to wait after a connection could not be accepted: the process may have no more files.
const RETRY_AFTER: Duration = Duration::from_millis(200);

const PAGE: &str = include_str!("page.html");

/// Nothing is loaded from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Starts the thread that serves `state`.
pub(super) fn start(listener: TcpListener, state: Arc<State>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || {
        LocalSet::new().block_on(&runtime, async {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => serve(listener, state).await,
                Err(error) => tracing::warn!("the dashboard cannot be served: {error}"),
            }
        });
    };
    std::thread::Builder::new().name("dashboard".into()).spawn(serve)?;
    Ok(())
}

async fn serve(listener: tokio::net::TcpListener, state: Arc<State>) {
    let sampled = state.clone();
    tokio::task::spawn_local(async move {
        loop {
            sampled.sample();
            tokio::time::sleep(SAMPLE_EVERY).await;
        }
    });
    let open = Rc::new(());
    loop {
        match listener.accept().await {
            Ok((stream, _)) if Rc::strong_count(&open) <= CONNECTIONS_MAX => {
                let (state, open) = (state.clone(), open.clone());
                tokio::task::spawn_local(async move {
                    // A client that is slow, or sends anything else than HTTP, is dropped.
                    let _ = tokio::time::timeout(DEADLINE, connection(stream, state)).await;
                    drop(open);
                });
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(RETRY_AFTER).await,
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = response(&request, &state);
        async move { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(DEADLINE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn response(request: &Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => (StatusCode::OK, "text/html; charset=utf-8", PAGE.into()),
        (&Method::GET, "/figures.json") => (StatusCode::OK, "application/json", state.json()),
        (&Method::GET, "/metrics") => {
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", state.metrics())
        }
        (&Method::GET, _) => {
            let known = "not found; there are /, /figures.json and /metrics\n";
            (StatusCode::NOT_FOUND, "text/plain", known.to_owned())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".to_owned()),
    };
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, "no-store")
        .header(CONTENT_SECURITY_POLICY, POLICY)
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(ALLOW, "GET");
    response.body(Full::new(Bytes::from(body))).expect("headers of this file")
}
