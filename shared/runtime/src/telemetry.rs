//! Logs: to standard error, because standard output belongs to what a command was asked for.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged when nobody asks for more: outcomes, and what someone should look at.
pub const DEFAULT_FILTER: &str = "info";

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    #[default]
    Pretty,
    /// One JSON object per line, its fields beside the message rather than below `fields`, where
    /// a query finds them.
    Json,
}

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("the log filter is not readable; write a level such as `info` or `halogard=debug`")]
    Filter(#[source] ParseError),
    /// Something else in this process logs already.
    #[error("logging was started twice in one process")]
    Started(#[source] tracing_subscriber::util::TryInitError),
}

/// Starts logging for the whole process. Called once, first thing in `main`.
///
/// # Errors
///
/// [`TelemetryError`] when `filter` is not one, or when logging has been started before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let coloured = io::stderr().is_terminal();
    subscriber(format, filter, coloured, io::stderr)?
        .try_init()
        .map_err(TelemetryError::Started)
}

/// What writes the lines of `format` that pass `filter` to `writer`.
fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    coloured: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).map_err(TelemetryError::Filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    // Left alone on a terminal: the formatter itself honours NO_COLOR.
    let lines = if coloured {
        lines
    } else {
        lines.with_ansi(false)
    };
    Ok(match format {
        LogFormat::Pretty => Box::new(lines.with_target(false).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A place to log to and read from.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(format: LogFormat, filter: &str, log: impl FnOnce()) -> Vec<String> {
        let paper = Paper::default();
        let writer = paper.clone();
        let subscriber = subscriber(format, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_json_line_has_its_fields_beside_the_message() {
        let lines = lines_of(LogFormat::Json, "info", || {
            tracing::debug!("not asked for");
            tracing::info!(ticket_id = 4242, outcome = "opened", "ticket opened");
        });
        assert_eq!(lines.len(), 1);
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["message"], "ticket opened");
        assert_eq!(line["ticket_id"], 4242);
        assert_eq!(line["outcome"], "opened");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_pretty_line_reads_on_its_own_and_has_no_colours_off_a_terminal() {
        let lines = lines_of(LogFormat::Pretty, "info", || {
            tracing::warn!(ticket_id = 4242, "ticket is gone");
        });
        assert!(
            lines[0].ends_with("WARN ticket is gone ticket_id=4242"),
            "{lines:?}"
        );
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let refused = init(LogFormat::Pretty, "halogard=loud");
        assert!(matches!(refused, Err(TelemetryError::Filter(_))));
    }
}
