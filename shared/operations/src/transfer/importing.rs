//! `import`.

use std::io::{BufRead, Seek};

use halogard_app::Store;
use halogard_app::ports::{
    JournalEntry, Lane, LinkFilter, Outgoing, QueuedState, Revision, SaveError, SinceQueued,
};
use halogard_domain::continuity::StoreContinuity;
use halogard_domain::key::Installation;
use halogard_domain::message::{Cause, Message};
use halogard_domain::pause::{Pause, PauseScope, Pauses};
use halogard_domain::policy::AppliedPolicy;
use halogard_domain::record::Singleton;
use halogard_domain::{Link, Record as _, Timestamp};
use serde_json::Value;

use super::records::put;
use super::{FORMAT_VERSION, TransferError, TransferLine, Transferred};

/// The named value that says which export is being imported, by its time; 0 when that has ended.
const UNDER_WAY: &str = "import_under_way";

/// Journal entries that are appended at once.
const ENTRIES_AT_ONCE: usize = 100;

/// Messages that are sent at once.
const MESSAGES_AT_ONCE: usize = 100;

/// Why everything is paused after an import.
const PAUSE_REASON: &str =
    "imported: stop the former installation, `halogard verify`, then `halogard resume`";

/// Reads an export from `file` into `store`, which must be empty, or hold what an interrupted import of the
/// same export has left. The file is read to its end before anything is stored. Everything is paused from the
/// beginning on, and stays so.
///
/// # Errors
///
/// The file is no whole export, and nothing was stored; or the store failed or is in use. The same import can be
/// repeated.
pub async fn import<S: Store>(
    store: &S,
    file: impl BufRead + Seek + Send,
    now: Timestamp,
) -> Result<Transferred, TransferError> {
    let mut lines = LineReader { file, read: 0 };
    check::<S>(&mut lines).await?;
    lines.file.rewind()?;
    lines.read = 0;
    let at = begin(store, lines.next()?, now).await?;
    let mut done = Transferred {
        exported_at: Some(Timestamp::from_millis(at).into()),
        ..Transferred::default()
    };
    let mut messages = Vec::new();
    loop {
        let Some(line) = lines.next()? else {
            return Err(TransferError::Truncated { lines: lines.read });
        };
        match line {
            TransferLine::Header { .. } => return Err(lines.odd("it is a second header")),
            TransferLine::Records {
                partition,
                key,
                body,
            } => {
                if !put_record(store, &partition, &key, &body, now).await? {
                    return Err(lines.odd("its record is of unknown form"));
                }
                done.records += 1;
            }
            TransferLine::Values { name, value } => store.set_value(&name, value).await?,
            TransferLine::AlertIndex { finished } => {
                let entries = finished.into_iter().map(|(alert, fingerprint, queued_at)| {
                    let queued_at = Timestamp::from_millis(queued_at);
                    let state = QueuedState {
                        since_then: SinceQueued::InSync,
                        ..QueuedState::new(fingerprint, queued_at)
                    };
                    (alert, state)
                });
                store.save_index(&entries.collect()).await?;
            }
            TransferLine::Links { link, journal } => {
                put_link(store, &link, &journal).await?;
                if link.is_under_way() || link.may_wait() {
                    done.queued += 1;
                    messages.extend(reports(&link));
                }
                done.pairs += 1;
                done.entries += u64::try_from(journal.len()).unwrap_or(u64::MAX);
            }
            TransferLine::End { lines: before } if before + 1 == lines.read => break,
            TransferLine::End { .. } => return Err(lines.odd("lines are missing before it")),
        }
    }
    for messages in messages.chunks(MESSAGES_AT_ONCE) {
        store.send(Lane::Bulk, messages).await?;
    }
    store
        .update_record(&Singleton, |continuity: &mut StoreContinuity| {
            continuity.begin_restored(now);
        })
        .await?;
    store.set_value(UNDER_WAY, 0).await?;
    done.lines = lines.read;
    Ok(done)
}

/// Reads the export in `lines` to its end, and stores nothing.
async fn check<S: Store>(lines: &mut LineReader<impl BufRead + Send>) -> Result<(), TransferError> {
    time_of(lines.next()?.as_ref())?;
    loop {
        let Some(line) = lines.next()? else {
            return Err(TransferError::Truncated { lines: lines.read });
        };
        match line {
            TransferLine::Header { .. } => return Err(lines.odd("it is a second header")),
            TransferLine::Records {
                partition,
                key,
                body,
            } => {
                if !put::<S>(None, &partition, &key, &body).await? {
                    return Err(lines.odd("its record is of unknown form"));
                }
            }
            TransferLine::Values { .. }
            | TransferLine::AlertIndex { .. }
            | TransferLine::Links { .. } => {}
            TransferLine::End { lines: before } if before + 1 == lines.read => break,
            TransferLine::End { .. } => return Err(lines.odd("lines are missing before it")),
        }
    }
    match lines.next()? {
        None => Ok(()),
        Some(_) => Err(lines.odd("the export ended before it")),
    }
}

/// The time that the first line of an export gives, which names it.
fn time_of(header: Option<&TransferLine>) -> Result<i64, TransferError> {
    let odd = |reason: String| TransferError::Line { number: 1, reason };
    match header {
        Some(TransferLine::Header {
            format_version: FORMAT_VERSION,
            at,
            ..
        }) => Ok(*at),
        Some(TransferLine::Header { format_version, .. }) => Err(odd(format!(
            "its form is {format_version}, and this version reads form {FORMAT_VERSION}"
        ))),
        _ => Err(odd("it is not a header".to_owned())),
    }
}

/// Begins the import of the export that `header` names, if the store is empty or this export's; returns the
/// export's time.
async fn begin(
    store: &impl Store,
    header: Option<TransferLine>,
    now: Timestamp,
) -> Result<i64, TransferError> {
    let at = time_of(header.as_ref())?;
    if store.value(UNDER_WAY).await? != Some(at) {
        let installation = store.load_record::<Installation>(&Singleton).await?.value;
        let first = store.list(LinkFilter::All, None, 1).await?;
        if installation.key_secret.is_some() || !first.is_empty() {
            return Err(TransferError::NotEmpty);
        }
        store.set_value(UNDER_WAY, at).await?;
    }
    let paused = serde_json::to_value(paused(Pauses::default(), now)).unwrap_or_default();
    put(Some(store), Pauses::PARTITION, "", &paused).await?;
    Ok(at)
}

/// `pauses`, and everything is paused.
fn paused(mut pauses: Pauses, now: Timestamp) -> Pauses {
    let pause = Pause {
        scope: PauseScope::All,
        since: now,
        from: None,
        until: None,
        reason: Some(PAUSE_REASON.to_owned()),
    };
    if !pauses.add(pause.clone(), now) {
        pauses.pauses = vec![pause];
    }
    pauses
}

/// Stores a record; `false` when it has no form that this version knows.
async fn put_record(
    store: &impl Store,
    partition: &str,
    key: &str,
    body: &Value,
    now: Timestamp,
) -> Result<bool, TransferError> {
    if partition == Pauses::PARTITION {
        let Ok(pauses) = serde_json::from_value(body.clone()) else {
            return Ok(false);
        };
        let paused = serde_json::to_value(paused(pauses, now)).unwrap_or_default();
        return put(Some(store), partition, key, &paused).await;
    }
    if partition == AppliedPolicy::PARTITION {
        // Links expire by the ages that it names.
        let applied = serde_json::from_value::<AppliedPolicy>(body.clone());
        if let Some(policy) = applied.ok().and_then(|applied| applied.policy) {
            store.set_retention(policy.retention);
        }
    }
    put(Some(store), partition, key, body).await
}

/// Stores a link and its journal, as far as an interrupted import has not.
async fn put_link(
    store: &impl Store,
    link: &Link,
    journal: &[JournalEntry],
) -> Result<(), TransferError> {
    match store.load(link.alert).await? {
        Some(stored) if stored.value == *link => return Ok(()),
        Some(_) => return Err(TransferError::Differs(link.alert)),
        None => {}
    }
    let there = if journal.is_empty() {
        Vec::new()
    } else {
        store.journal(link.alert, journal.len()).await?
    };
    let missing = journal.get(there.len()..).unwrap_or_default();
    for entries in missing.chunks(ENTRIES_AT_ONCE) {
        store.append(entries).await?;
    }
    match store.save(link, &[], Revision::default()).await {
        Ok(_) => Ok(()),
        Err(SaveError::Conflict) => Err(TransferError::Differs(link.alert)),
        Err(SaveError::Store(error)) => Err(error.into()),
    }
}

/// The messages that have a worker reconcile the pair of `link`.
fn reports(link: &Link) -> impl Iterator<Item = Outgoing> {
    let alert = Message::reconcile_alert(link.alert, Cause::Recovery);
    let ticket = link
        .ticket
        .map(|ticket| Message::reconcile_ticket(ticket, Cause::Recovery));
    [Some(alert), ticket]
        .into_iter()
        .flatten()
        .map(Outgoing::from)
}

/// Reads lines and counts them.
struct LineReader<R> {
    file: R,
    read: u64,
}

impl<R: BufRead> LineReader<R> {
    /// The next line; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<TransferLine>, TransferError> {
        let mut text = String::new();
        if self.file.read_line(&mut text)? == 0 {
            return Ok(None);
        }
        self.read += 1;
        match serde_json::from_str(&text) {
            Ok(line) => Ok(Some(line)),
            // The last line was cut.
            Err(_) if !text.ends_with('\n') => Err(TransferError::Truncated { lines: self.read }),
            Err(error) => Err(self.odd(&error.to_string())),
        }
    }

    /// The line that was read last is odd.
    fn odd(&self, reason: &str) -> TransferError {
        TransferError::Line {
            number: self.read,
            reason: reason.to_owned(),
        }
    }
}
