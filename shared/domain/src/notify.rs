//! Notices to people: by which channels they go, and which of them were sent.
//!
//! A notice has a cause, such as dead letters that wait. While a cause lasts, each channel gets one notice of it,
//! however often it is seen; one that ends and begins again is another one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::FailureClass;
use crate::hash::hash64;
use crate::ids::{HaloClientId, PriorityId, SiteId, StatusId, TicketTypeId};
use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// A cause has to last this long before a notice of it is sent: many resolve themselves sooner.
pub const SETTLES_AFTER: Duration = Duration::from_secs(300);

/// A cause that was not seen for this long has ended. One that comes and goes is not announced each time.
pub const ENDS_AFTER: Duration = Duration::from_secs(1800);

/// A delivery that began this long ago and has no result was broken off: no call takes longer.
pub const BROKEN_OFF_AFTER: Duration = Duration::from_secs(300);

/// The pause after the first failure of a delivery; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(300);

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(6 * 3600);

/// The most deliveries of one round: a person reads no more at once, and the next round sends the rest.
pub const DELIVERIES_MAX: usize = 6;

/// Characters of what a channel answered that are kept.
pub const SAID_CHARS_MAX: usize = 300;

/// Where notices go. The channels' secrets are not here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyPolicy {
    /// As a ticket in the operator's own HaloPSA client.
    pub ticket: Option<NoticeTicketPolicy>,
    /// As a message in a chat, whose address is a secret.
    pub chat: Option<ChatFormat>,
    /// As a mail.
    pub mail: Option<MailPolicy>,
}

/// The ticket of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeTicketPolicy {
    /// The operator's own client.
    pub client: HaloClientId,
    /// Its site; the main one when absent.
    pub site: Option<SiteId>,
    /// The ticket type.
    pub ticket_type: TicketTypeId,
    /// The status; that of the type when absent.
    pub status: Option<StatusId>,
    /// The priority; that of the type when absent.
    pub priority: Option<PriorityId>,
    /// The team, by name.
    pub team: Option<String>,
}

/// What a chat takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatFormat {
    /// Microsoft Teams: an adaptive card, as its Workflows take it.
    Teams,
    /// Slack, and what takes the same.
    Slack,
}

/// How mail is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailPolicy {
    /// The SMTP server.
    pub server: String,
    /// Its port; the usual one for the kind of encryption when absent.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    pub encryption: MailEncryption,
    /// The account, if the server asks for one; its password is a secret.
    pub username: Option<String>,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailEncryption {
    /// From the first byte on, at port 465.
    Tls,
    /// After a greeting, at port 587. A server that does not offer it is given no mail.
    StartTls,
    /// Not at all. Only for a server on this machine.
    None,
}

/// A way by which a notice reaches people.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyChannel {
    /// A ticket.
    Ticket,
    /// A chat.
    Chat,
    /// A mail.
    Mail,
}

impl NotifyChannel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Ticket, Self::Chat, Self::Mail];

    /// The channel as a stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Chat => "chat",
            Self::Mail => "mail",
        }
    }
}

impl fmt::Display for NotifyChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl NotifyPolicy {
    /// The channels that are configured.
    #[must_use]
    pub fn channels(&self) -> BTreeSet<NotifyChannel> {
        let configured = |channel: &NotifyChannel| match channel {
            NotifyChannel::Ticket => self.ticket.is_some(),
            NotifyChannel::Chat => self.chat.is_some(),
            NotifyChannel::Mail => self.mail.is_some(),
        };
        NotifyChannel::ALL.into_iter().filter(configured).collect()
    }
}

/// What gives rise to a notice now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObservedCause {
    /// Names the cause; the same for as long as it lasts.
    pub name: String,
    /// Whether it needs no time to settle.
    pub is_certain: bool,
}

/// The causes of the present, and which channels have had a notice of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLog {
    /// By name of the cause.
    pub causes: BTreeMap<String, CauseRecord>,
}

/// A cause that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseRecord {
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
    /// Whether it needs no time to settle.
    pub is_certain: bool,
    /// How its notice was sent, by channel.
    pub deliveries: BTreeMap<NotifyChannel, NoticeDelivery>,
}

/// How a notice was sent by one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeDelivery {
    /// It is being sent.
    Begun {
        /// Since when.
        at: Timestamp,
        /// When the first attempt began whose end is not known; this one when absent.
        doubtful_since: Option<Timestamp>,
        /// How many attempts there were, this one included.
        attempts: u32,
    },
    /// It was sent.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// It was not sent.
    Failed {
        /// When it is tried again.
        retry_at: Timestamp,
        /// How many attempts there were.
        attempts: u32,
        /// When the first attempt began after which it may have arrived all the same.
        doubtful_since: Option<Timestamp>,
        /// What was answered.
        said: String,
    },
}

/// A notice that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueNotice {
    /// The cause.
    pub cause: String,
    /// When the cause began.
    pub since: Timestamp,
    /// The channel.
    pub channel: NotifyChannel,
    /// Since when an earlier attempt may have arrived; `None` if none may have.
    pub doubtful_since: Option<Timestamp>,
}

impl DueNotice {
    /// Stands in the notice, so that it is found again where it is not known whether it arrived.
    #[must_use]
    pub fn reference(&self) -> String {
        let hash = hash64(&[&self.cause, &self.since.as_millis().to_string()]);
        format!("notice-{hash:016x}")
    }
}

impl Record for NoticeLog {
    const PARTITION: &'static str = "notices";
    // What is lost is sent once more.
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

impl NoticeLog {
    /// Takes in what is observed at `now`: new causes begin, and those that were not seen for long have ended.
    pub fn observe(&mut self, observed: &BTreeSet<ObservedCause>, now: Timestamp) {
        for cause in observed {
            let known = self.causes.entry(cause.name.clone());
            let known = known.or_insert_with(|| CauseRecord {
                since: now,
                seen_at: now,
                is_certain: cause.is_certain,
                deliveries: BTreeMap::new(),
            });
            known.seen_at = now;
        }
        self.causes
            .retain(|_, cause| now.is_within(ENDS_AFTER, cause.seen_at));
    }

    /// Begins the deliveries by `channels` that are due at `now`, and returns them. What is seen no longer is not
    /// announced.
    pub fn begin(&mut self, channels: &BTreeSet<NotifyChannel>, now: Timestamp) -> Vec<DueNotice> {
        let mut due = Vec::new();
        for (name, cause) in &mut self.causes {
            let has_settled = cause.is_certain || now.since(cause.since) >= SETTLES_AFTER;
            if !has_settled || cause.seen_at != now {
                continue;
            }
            for channel in channels {
                if due.len() == DELIVERIES_MAX {
                    return due;
                }
                let Some((attempts, doubtful_since)) = cause
                    .deliveries
                    .get(channel)
                    .map_or(Some((0, None)), |it| it.next_attempt(now))
                else {
                    continue;
                };
                let begun = NoticeDelivery::Begun {
                    at: now,
                    doubtful_since,
                    attempts: attempts + 1,
                };
                cause.deliveries.insert(*channel, begun);
                due.push(DueNotice {
                    cause: name.clone(),
                    since: cause.since,
                    channel: *channel,
                    doubtful_since,
                });
            }
        }
        due
    }

    /// Takes note that `notice` was sent.
    pub fn sent(&mut self, notice: &DueNotice, now: Timestamp) {
        if let Some(delivery) = self.delivery_of(notice) {
            *delivery = NoticeDelivery::Sent { at: now };
        }
    }

    /// Takes note that `notice` was not sent, as far as that is known; `said` is what was answered.
    pub fn failed(
        &mut self,
        notice: &DueNotice,
        class: FailureClass,
        said: String,
        now: Timestamp,
    ) {
        let Some(delivery) = self.delivery_of(notice) else {
            return;
        };
        let NoticeDelivery::Begun {
            at,
            doubtful_since,
            attempts,
        } = delivery
        else {
            return;
        };
        let is_doubtful = class == FailureClass::InDoubt;
        let doubtful_since = doubtful_since.or(is_doubtful.then_some(*at));
        let doublings = attempts.saturating_sub(1).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(PAUSE_MAX);
        *delivery = NoticeDelivery::Failed {
            retry_at: now.plus(pause),
            attempts: *attempts,
            doubtful_since,
            said,
        };
    }

    /// What each channel that fails answered last, by channel.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<NotifyChannel, &str> {
        let deliveries = self.causes.values().flat_map(|cause| &cause.deliveries);
        let failures = deliveries.filter_map(|(channel, delivery)| match delivery {
            NoticeDelivery::Failed { said, .. } => Some((*channel, said.as_str())),
            NoticeDelivery::Begun { .. } | NoticeDelivery::Sent { .. } => None,
        });
        failures.collect()
    }

    fn delivery_of(&mut self, notice: &DueNotice) -> Option<&mut NoticeDelivery> {
        let cause = self.causes.get_mut(&notice.cause)?;
        // Meanwhile it may have ended and begun again.
        if cause.since != notice.since {
            return None;
        }
        cause.deliveries.get_mut(&notice.channel)
    }
}

impl NoticeDelivery {
    /// How many attempts there were before the one that is due at `now`, and since when one of them may have
    /// arrived; `None` when none is due.
    fn next_attempt(&self, now: Timestamp) -> Option<(u32, Option<Timestamp>)> {
        match self {
            Self::Sent { .. } => None,
            Self::Begun {
                at,
                doubtful_since,
                attempts,
            } => {
                let is_broken_off = !now.is_within(BROKEN_OFF_AFTER, *at);
                is_broken_off.then_some((*attempts, doubtful_since.or(Some(*at))))
            }
            Self::Failed {
                retry_at,
                attempts,
                doubtful_since,
                ..
            } => {
                // A time further ahead was written under a clock that was.
                let is_due = now >= *retry_at || retry_at.since(now) > PAUSE_MAX;
                is_due.then_some((*attempts, *doubtful_since))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000).plus(Duration::from_secs(seconds))
    }

    fn causes(names: &[&str]) -> BTreeSet<ObservedCause> {
        let cause = |name: &&str| ObservedCause {
            name: (*name).to_owned(),
            is_certain: name.starts_with("certain"),
        };
        names.iter().map(cause).collect()
    }

    /// What is due at `seconds` when `names` are observed.
    fn round(log: &mut NoticeLog, names: &[&str], seconds: u64) -> Vec<DueNotice> {
        log.observe(&causes(names), at(seconds));
        log.begin(&[NotifyChannel::Chat].into(), at(seconds))
    }

    #[test]
    fn a_cause_is_announced_once_until_it_ends() {
        let mut log = NoticeLog::default();
        assert_eq!(round(&mut log, &["letters"], 0), [], "it has not settled");
        let due = round(&mut log, &["letters"], 300);
        assert_eq!(due.len(), 1);
        log.sent(&due[0], at(301));
        for seconds in (360..20_000).step_by(60) {
            // It comes and goes.
            let names: &[&str] = if seconds % 120 == 0 {
                &["letters"]
            } else {
                &[]
            };
            assert_eq!(round(&mut log, names, seconds), [], "{seconds}");
        }
        // It has ended, and begins again.
        assert_eq!(round(&mut log, &[], 22_000), []);
        assert!(log.causes.is_empty());
        assert_eq!(round(&mut log, &["letters"], 30_000), []);
        let again = round(&mut log, &["letters"], 30_300);
        assert_eq!(again.len(), 1);
        assert_ne!(again[0].reference(), due[0].reference());
    }

    #[test]
    fn what_is_certain_needs_no_time_and_what_mended_itself_is_not_announced() {
        let mut log = NoticeLog::default();
        let due = round(&mut log, &["certain", "letters"], 0);
        assert_eq!(due.len(), 1);
        log.sent(&due[0], at(1));
        assert_eq!(round(&mut log, &["certain"], 400), []);
    }

    #[test]
    fn a_failed_delivery_is_repeated_less_and_less_often() {
        let mut log = NoticeLog::default();
        let mut tried = Vec::new();
        for seconds in (0..200_000).step_by(60) {
            for due in round(&mut log, &["certain"], seconds) {
                tried.push(seconds);
                assert_eq!(due.doubtful_since, None);
                let said = "404".to_owned();
                log.failed(&due, FailureClass::Permanent, said, at(seconds));
            }
        }
        assert_eq!(
            tried[..8],
            [0, 300, 900, 2100, 4500, 9300, 18_900, 38_100],
            "{tried:?}"
        );
        assert_eq!(tried[9] - tried[8], 21_600);
        assert_eq!(log.failures(), [(NotifyChannel::Chat, "404")].into());
    }

    #[test]
    fn an_attempt_whose_end_is_not_known_stays_doubtful() {
        let mut log = NoticeLog::default();
        let first = round(&mut log, &["certain"], 0);
        // The process ended here. Another one does not send it at once.
        assert_eq!(round(&mut log, &["certain"], 60), []);
        let second = round(&mut log, &["certain"], 400);
        assert_eq!(second[0].doubtful_since, Some(at(0)));
        assert_eq!(second[0].reference(), first[0].reference());
        log.failed(&second[0], FailureClass::Transient, String::new(), at(401));
        let third = round(&mut log, &["certain"], 1100);
        assert_eq!(third[0].doubtful_since, Some(at(0)));
        log.failed(&third[0], FailureClass::InDoubt, String::new(), at(1101));
        let fourth = round(&mut log, &["certain"], 20_000);
        assert_eq!(fourth[0].doubtful_since, Some(at(0)));
    }

    #[test]
    fn a_round_sends_few_and_the_next_one_the_rest() {
        let mut log = NoticeLog::default();
        let names: Vec<String> = (0..10).map(|number| format!("certain-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(round(&mut log, &names, 0).len(), DELIVERIES_MAX);
        assert_eq!(round(&mut log, &names, 60).len(), 10 - DELIVERIES_MAX);
    }

    #[test]
    fn a_result_that_comes_late_is_not_taken_for_that_of_another_cause() {
        let mut log = NoticeLog::default();
        let late = round(&mut log, &["certain"], 0);
        round(&mut log, &[], 2000);
        let due = round(&mut log, &["certain"], 4000);
        log.sent(&late[0], at(4001));
        let delivery = &log.causes["certain"].deliveries[&NotifyChannel::Chat];
        assert!(matches!(delivery, NoticeDelivery::Begun { .. }));
        log.sent(&due[0], at(4002));
        let delivery = &log.causes["certain"].deliveries[&NotifyChannel::Chat];
        assert_eq!(*delivery, NoticeDelivery::Sent { at: at(4002) });
    }
}
