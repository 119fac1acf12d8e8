//! `export`.

use std::io::{self, Write};

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, SinceQueued, keys};
use halogard_domain::Timestamp;

use super::records::{NamedByLinks, lines};
use super::{FORMAT_VERSION, TransferError, TransferLine, Transferred};

/// Links that are read at once.
const PAGE: usize = 200;

/// Alerts of one line of the index.
const INDEX_PAGE: usize = 1000;

/// Journal entries of one pair that are moved, the oldest first.
const ENTRIES_MAX: usize = 10_000;

/// Writes everything that `store` knows to `file`, as lines.
///
/// # Errors
///
/// The store or the file failed. What was written then has no last line, and no import takes it.
pub async fn export(
    store: &impl Store,
    file: &mut impl Write,
    now: Timestamp,
) -> Result<Transferred, TransferError> {
    let mut writer = LineWriter { file, lines: 0 };
    let mut done = Transferred {
        exported_at: Some(now.into()),
        ..Transferred::default()
    };
    writer.write(&TransferLine::Header {
        format_version: FORMAT_VERSION,
        halogard: env!("CARGO_PKG_VERSION").to_owned(),
        at: now.as_millis(),
    })?;
    for line in lines(store).await? {
        writer.write(&line)?;
        done.records += 1;
    }
    let values = store.values().await?;
    for name in keys::ALL {
        if let Some(value) = values.get(name).copied() {
            let name = name.to_owned();
            writer.write(&TransferLine::Values { name, value })?;
        }
    }
    let index = store.load_index().await?;
    let finished: Vec<_> = index
        .into_iter()
        .filter(|(_, state)| state.since_then == SinceQueued::InSync)
        .map(|(alert, state)| (alert, state.fingerprint, state.queued_at.as_millis()))
        .collect();
    for finished in finished.chunks(INDEX_PAGE) {
        let finished = finished.to_vec();
        writer.write(&TransferLine::AlertIndex { finished })?;
    }
    let mut named = NamedByLinks::default();
    let mut after = None;
    loop {
        let links = store.list(LinkFilter::All, after, PAGE).await?;
        let Some(last) = links.last() else { break };
        after = Some(last.alert);
        for link in links {
            named.add(&link);
            let journal = store.journal(link.alert, ENTRIES_MAX).await?;
            done.pairs += 1;
            done.entries += u64::try_from(journal.len()).unwrap_or(u64::MAX);
            let link = Box::new(link);
            writer.write(&TransferLine::Links { link, journal })?;
        }
    }
    for line in named.lines(store).await? {
        writer.write(&line)?;
        done.records += 1;
    }
    let lines = writer.lines;
    writer.write(&TransferLine::End { lines })?;
    writer.file.flush()?;
    done.lines = writer.lines;
    Ok(done)
}

/// Writes lines and counts them.
struct LineWriter<'a, W> {
    file: &'a mut W,
    lines: u64,
}

impl<W: Write> LineWriter<'_, W> {
    fn write(&mut self, line: &TransferLine) -> Result<(), TransferError> {
        serde_json::to_writer(&mut *self.file, line).map_err(io::Error::from)?;
        self.file.write_all(b"\n")?;
        self.lines += 1;
        Ok(())
    }
}
