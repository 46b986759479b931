//! The HTTP client of object stores: ours, in the thread of the caller.
//!
//! What can be tried again is decided by the caller, for all sources alike. So an answer that asks for
//! another attempt is an error here, which carries its [`Trouble`] through `object_store`.

use crate::http::{Web, retry_after};
use crate::origin::Trouble;
use bytes::Bytes;
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;
use ureq::http::{Method, Request};
use ureq::{AsSendBody, Body, http};

/// Makes clients with the connections of the process.
#[derive(Clone)]
pub(crate) struct Connector(pub Web);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let has_body = !body.is_empty() || matches!(parts.method, Method::POST | Method::PUT);
        let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        let sent = if has_body {
            self.send(Request::from_parts(parts, &body[..]))
        } else {
            self.send(Request::from_parts(parts, ()))
        };
        let response = sent.map_err(|error| wire_error(&self.0.trouble(&error, &host)))?;
        self.0.reached(&host);
        let status = response.status().as_u16();
        // The library has no error of its own for a list that is denied.
        if status >= 500 || [401, 403, 408, 425, 429].contains(&status) {
            let wait = response.headers().get("retry-after").and_then(|text| text.to_str().ok());
            return Err(wire_error(&Trouble::of_status(status, wait.and_then(retry_after))));
        }
        let (parts, body) = response.into_parts();
        let reader: Box<dyn Read + Send> = Box::new(body.into_reader());
        let body = HttpResponseBody::new(Blocking(Mutex::new(reader)));
        Ok(HttpResponse::from_parts(parts, body))
    }
}

impl Connector {
    fn send<B: AsSendBody>(
        &self,
        request: Request<B>,
    ) -> Result<http::Response<Body>, ureq::Error> {
        let agent = self.0.agent();
        // A signature is for one address: a redirect says that the region is another.
        let request = agent.configure_request(request).max_redirects(0).build();
        agent.run(request)
    }
}

/// A body that is read in the thread that polls it.
struct Blocking(Mutex<Box<dyn Read + Send>>);

const FRAME_BYTES: usize = 256 << 10;

impl http_body::Body for Blocking {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, HttpError>>> {
        let reader = self.0.get_mut().expect("nobody panicked with it");
        let mut frame = vec![0; FRAME_BYTES];
        let read = loop {
            match reader.read(&mut frame) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        Poll::Ready(match read {
            Ok(0) => None,
            Ok(read) => {
                frame.truncate(read);
                Some(Ok(http_body::Frame::data(frame.into())))
            }
            Err(error) => {
                let kind = match error.kind() {
                    ErrorKind::TimedOut => ErrorKind::TimedOut,
                    _ => ErrorKind::ConnectionReset,
                };
                Some(Err(wire_error(&Trouble::transient(kind, error.to_string()))))
            }
        })
    }
}

/// A [`Trouble`] as an error of a library.
#[derive(Debug)]
struct WireError {
    kind: ErrorKind,
    what: String,
    is_transient: bool,
    wait: Option<Duration>,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for WireError {}

fn wire_error(trouble: &Trouble) -> HttpError {
    let (error, is_transient, wait) = match trouble {
        Trouble::Transient { error, wait } => (error, true, *wait),
        Trouble::Permanent(error) => (error, false, None),
    };
    let error = WireError { kind: error.kind(), what: error.to_string(), is_transient, wait };
    // The library itself tries nothing of this kind again.
    HttpError::new(HttpErrorKind::Unknown, error)
}

/// Returns the trouble that an error of the library is.
pub(crate) fn trouble(error: &object_store::Error) -> Trouble {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(of) = cause {
        if let Some(WireError { kind, what, is_transient, wait }) = of.downcast_ref() {
            let error = io::Error::new(*kind, what.clone());
            return if *is_transient {
                Trouble::Transient { error, wait: *wait }
            } else {
                Trouble::Permanent(error)
            };
        }
        cause = of.source();
    }
    match error {
        object_store::Error::NotFound { .. } => Trouble::of_status(404, None),
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => Trouble::of_status(403, None),
        other => Trouble::permanent(ErrorKind::ConnectionAborted, short(&other.to_string())),
    }
}

/// Shortens a message of the library, which may quote a page of XML.
fn short(what: &str) -> String {
    const CHARS_MAX: usize = 300;
    match what.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{} [...]", &what[..end]),
        None => what.to_owned(),
    }
}
