//! What HaloPSA's webhooks consist of: it does not document that, so the first one of each kind is kept, without
//! its values, for an operator to read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// The most kinds of which a sample is kept: more than there are. Kinds come from a fixed list.
pub const SAMPLES_MAX: usize = 40;

/// The form of one webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSample {
    /// Its members and what kind of value each has; none of the values.
    pub members: String,
    /// When it was kept.
    pub kept_at: Timestamp,
}

/// The form of the first webhook of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSamples {
    /// By the kind of event.
    pub by_kind: BTreeMap<String, WebhookSample>,
}

impl WebhookSamples {
    /// Keeps `sample` if it is the first of `kind`; `false` when it is not kept.
    pub fn keep_first(&mut self, kind: &str, sample: WebhookSample) -> bool {
        if self.by_kind.contains_key(kind) || self.by_kind.len() >= SAMPLES_MAX {
            return false;
        }
        self.by_kind.insert(kind.to_owned(), sample);
        true
    }
}

impl Record for WebhookSamples {
    const PARTITION: &'static str = "webhook_samples";
    /// The next webhooks bring them again.
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(millis: i64) -> WebhookSample {
        WebhookSample {
            members: "{id: number}".to_owned(),
            kept_at: Timestamp::from_millis(millis),
        }
    }

    #[test]
    fn the_first_of_a_kind_is_kept_and_no_more_kinds_than_fit() {
        let mut samples = WebhookSamples::default();
        assert!(samples.keep_first("ticket_changed", sample(1)));
        assert!(!samples.keep_first("ticket_changed", sample(2)));
        assert_eq!(samples.by_kind["ticket_changed"], sample(1));
        for kind in 1..SAMPLES_MAX {
            assert!(samples.keep_first(&kind.to_string(), sample(3)));
        }
        assert!(!samples.keep_first("one more", sample(4)));
    }
}
