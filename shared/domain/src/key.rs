//! The link key: the text in a ticket's title by which the ticket is found again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::AlertId;

/// Identifies one ticket of one alert: `LG-7586`, or `LG-7586-2` for the second ticket of an alert
/// that came back long after the first ticket was closed.
///
/// The key is part of the ticket's title, in square brackets, so that people and searches find it.
/// It is read from there when a response, or the whole store, was lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkKey {
    /// Distinguishes two installations that use the same HaloPSA.
    pub prefix: String,
    /// The alert.
    pub alert: AlertId,
    /// 1 for the first ticket of the alert.
    pub recurrence: u32,
}

impl LinkKey {
    /// The prefix when the config names none.
    pub const DEFAULT_PREFIX: &'static str = "LG";

    /// The key as it appears in a title, brackets included.
    #[must_use]
    pub fn marker(&self) -> String {
        format!("[{self}]")
    }

    /// What every marker with this prefix begins with.
    #[must_use]
    pub fn marker_start(prefix: &str) -> String {
        format!("[{prefix}-")
    }

    /// Finds the key in a ticket's title.
    ///
    /// The match is exact: a search in HaloPSA for `[LG-7586]` also returns `[LG-75861]`.
    #[must_use]
    pub fn find_in(title: &str, prefix: &str) -> Option<Self> {
        let start = Self::marker_start(prefix);
        let mut rest = title;
        while let Some(at) = rest.find(&start) {
            rest = &rest[at + start.len()..];
            let end = rest.find(']')?;
            if let Some(key) = Self::parse_tail(&rest[..end], prefix) {
                return Some(key);
            }
        }
        None
    }

    /// Parses `7586` or `7586-2`.
    fn parse_tail(tail: &str, prefix: &str) -> Option<Self> {
        let (alert, recurrence) = match tail.split_once('-') {
            Some((alert, recurrence)) => (alert, digits(recurrence)?),
            None => (tail, 1),
        };
        Some(Self {
            prefix: prefix.to_owned(),
            alert: AlertId::new(digits(alert)?),
            recurrence: u32::try_from(recurrence)
                .ok()
                .filter(|number| *number > 0)?,
        })
    }
}

/// A number in plain ASCII digits.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prefix, self.alert)?;
        if self.recurrence > 1 {
            write!(f, "-{}", self.recurrence)?;
        }
        Ok(())
    }
}
