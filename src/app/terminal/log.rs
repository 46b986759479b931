//! Messages on standard error: lines for people, or JSON for programs.

use super::progress::without_bars;
use serde_json::{Map, Value};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The environment variable with a filter of messages, such as `debug` or `engine=debug,info`.
const FILTER: &str = "SLUICE_LOG";

/// The environment variable with the form of messages, if no flag says it.
pub(crate) const FORMAT: &str = "SLUICE_LOG_FORMAT";

/// The form of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people; with time and level where standard error is not a terminal
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// How much is printed on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    #[default]
    Normal,
    Verbose,
}

static CHOSEN: OnceLock<(LogFormat, Verbosity)> = OnceLock::new();
static PROCESS: OnceLock<usize> = OnceLock::new();

/// Starts to print messages. Called once, before the first.
///
/// # Errors
/// If the filter of the environment is not one.
pub(crate) fn start(format: LogFormat, verbosity: Verbosity) -> anyhow::Result<()> {
    let _ = CHOSEN.set((format, verbosity));
    let level = match verbosity {
        Verbosity::Quiet => "error",
        Verbosity::Normal => "info",
        Verbosity::Verbose => "debug",
    };
    let text = std::env::var(FILTER).unwrap_or_default();
    let text = if text.trim().is_empty() { level } else { &text };
    let filter = EnvFilter::try_new(text).map_err(|error| {
        let known = "error, warn, info, debug or trace, for one crate engine=debug";
        recipe::usage::usage(format!("{FILTER}={text}: {error}; expected {known}"))
    })?;
    let has_times = !io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| StandardError)
        .event_format(Lines { format, has_times });
    // A second start, in a test, keeps the first.
    let _ = subscriber.try_init();
    Ok(())
}

/// Returns the form of messages.
pub(crate) fn format() -> LogFormat {
    CHOSEN.get().copied().unwrap_or_default().0
}

/// Returns how much is printed.
pub(crate) fn verbosity() -> Verbosity {
    CHOSEN.get().copied().unwrap_or_default().1
}

/// Returns whether nothing but errors, and what `--json` asks for, is to be printed.
pub(crate) fn is_quiet() -> bool {
    verbosity() == Verbosity::Quiet
}

/// Sets the number of this process in a run of several, which JSON messages have.
pub(crate) fn name_process(number: usize) {
    let _ = PROCESS.set(number);
}

/// Prints a notice, which is not an error.
pub(crate) fn notice(text: &str) {
    tracing::warn!("{text}");
}

struct Lines {
    format: LogFormat,
    has_times: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        if self.format == LogFormat::Json {
            return writeln!(writer, "{}", json(level, event)?);
        }
        if self.has_times {
            SystemTime.format_time(&mut writer)?;
            write!(writer, " {level:>5} ")?;
        } else {
            writer.write_str("sluice: ")?;
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

fn json(level: Level, event: &Event<'_>) -> Result<Value, fmt::Error> {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    let mut fields = Fields(Map::new());
    fields.0.insert("time".into(), time.into());
    fields.0.insert("level".into(), level.as_str().to_ascii_lowercase().into());
    if let Some(process) = PROCESS.get() {
        fields.0.insert("process".into(), (*process).into());
    }
    event.record(&mut fields);
    Ok(Value::Object(fields.0))
}

struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().into(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

/// Standard error, with the progress bars out of the way while something is written.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        without_bars(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
