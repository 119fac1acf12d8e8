//! The lane of each queue.

use halogard_app::ports::Lane;

/// The queues by account and name: an event names its queue by ARN, the settings name it by URL.
#[derive(Clone, Debug, Default)]
pub struct Lanes(Vec<(Lane, QueueName)>);

/// A queue within a region.
#[derive(Clone, Debug, PartialEq, Eq)]
struct QueueName {
    account: String,
    name: String,
}

impl Lanes {
    /// The lanes of these queue URLs. Something that is not a queue URL is skipped; its queue is then
    /// unknown.
    pub fn of<'a>(urls: impl IntoIterator<Item = (Lane, &'a str)>) -> Self {
        let named = urls
            .into_iter()
            .filter_map(|(lane, url)| Some((lane, QueueName::of_url(url)?)));
        Self(named.collect())
    }

    /// The lane of the queue with this ARN; `None` for an unknown queue.
    #[must_use]
    pub fn lane_of(&self, arn: &str) -> Option<Lane> {
        let queue = QueueName::of_arn(arn)?;
        let known = self.0.iter().find(|(_, known)| *known == queue);
        known.map(|(lane, _)| *lane)
    }
}

impl QueueName {
    /// `https://sqs.us-east-1.amazonaws.com/123456789012/halogard-urgent`.
    fn of_url(url: &str) -> Option<Self> {
        let mut parts = url.trim_end_matches('/').rsplit('/');
        let name = parts.next()?;
        let account = parts.next()?;
        Self::named(account, name)
    }

    /// `arn:aws:sqs:us-east-1:123456789012:halogard-urgent`.
    fn of_arn(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        match parts.as_slice() {
            ["arn", _partition, "sqs", _region, account, name] => Self::named(account, name),
            _ => None,
        }
    }

    fn named(account: &str, name: &str) -> Option<Self> {
        let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
        (is_account && !name.is_empty()).then(|| Self {
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_known_by_account_and_name() {
        let lanes = Lanes::of([
            (
                Lane::Urgent,
                "https://sqs.eu-west-1.amazonaws.com/123456789012/halogard-urgent",
            ),
            (
                Lane::Bulk,
                "http://127.0.0.1:4566/123456789012/halogard-bulk/",
            ),
            (Lane::Runs, "not a queue"),
        ]);
        let lane_of =
            |account, name| lanes.lane_of(&format!("arn:aws:sqs:eu-west-1:{account}:{name}"));
        assert_eq!(
            lane_of("123456789012", "halogard-urgent"),
            Some(Lane::Urgent)
        );
        assert_eq!(lane_of("123456789012", "halogard-bulk"), Some(Lane::Bulk));
        assert_eq!(lane_of("999999999999", "halogard-urgent"), None);
        assert_eq!(lane_of("123456789012", "halogard-urgent-dead"), None);
        assert_eq!(
            lanes.lane_of("arn:aws:sns:eu-west-1:123456789012:halogard-urgent"),
            None
        );
        assert_eq!(lanes.lane_of("halogard-urgent"), None);
        assert_eq!(lanes.lane_of(""), None);
    }
}
