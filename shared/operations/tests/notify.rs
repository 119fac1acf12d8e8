//! Notices, over a store, with channels that fail.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Mutex;
use std::time::Duration;

use halogard_app::ports::{
    ErrorCode, Messenger, NoticeMessage, NoticeTickets, PortError, Records as _,
};
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::ids::{HaloClientId, TicketId, TicketTypeId};
use halogard_domain::notify::{
    ChatFormat, MailEncryption, MailPolicy, NoticeLog, NoticeTicketPolicy, NotifyChannel,
    NotifyPolicy,
};
use halogard_domain::pause::{Pause, PauseScope, Pauses};
use halogard_domain::policy::Mode;
use halogard_domain::record::Singleton;
use halogard_domain::schedule::Cadence;
use halogard_domain::{FailureClass, Policy, Timestamp};
use halogard_operations::notify::{NoticeRound, NoticeRoutes};
use halogard_sqlite::Store;

use support::{NOW, StoppedClock, filled_store, policy};

/// Everything that arrived, and how the next messages fail.
#[derive(Default)]
struct Channels {
    arrived: Mutex<Vec<(NotifyChannel, NoticeMessage)>>,
    failures: Mutex<Vec<(NotifyChannel, FailureClass)>>,
    /// Tickets that were opened although the answer was lost.
    hidden: Mutex<Vec<String>>,
}

impl Channels {
    fn fail(&self, channel: NotifyChannel, class: FailureClass) {
        self.failures.lock().unwrap().push((channel, class));
    }

    fn take(&self, channel: NotifyChannel, message: &NoticeMessage) -> Result<(), PortError> {
        let mut failures = self.failures.lock().unwrap();
        if let Some(place) = failures.iter().position(|(of, _)| *of == channel) {
            let (_, class) = failures.remove(place);
            if class == FailureClass::InDoubt {
                self.hidden.lock().unwrap().push(message.reference.clone());
            }
            let error = PortError::new(class, ErrorCode::NoticeUnreachable);
            return Err(error.with_message("it did not answer"));
        }
        self.arrived
            .lock()
            .unwrap()
            .push((channel, message.clone()));
        Ok(())
    }

    /// How many messages arrived by `channel`.
    fn count(&self, channel: NotifyChannel) -> usize {
        let arrived = self.arrived.lock().unwrap();
        arrived.iter().filter(|(by, _)| *by == channel).count()
    }
}

impl NoticeTickets for Channels {
    async fn open_notice(
        &self,
        message: &NoticeMessage,
        _policy: &NoticeTicketPolicy,
    ) -> Result<TicketId, PortError> {
        self.take(NotifyChannel::Ticket, message)?;
        Ok(TicketId::new(77))
    }

    async fn find_notice(
        &self,
        reference: &str,
        _since: Timestamp,
    ) -> Result<Option<TicketId>, PortError> {
        let hidden = self.hidden.lock().unwrap();
        Ok(hidden
            .iter()
            .any(|it| it == reference)
            .then(|| TicketId::new(78)))
    }
}

impl Messenger for Channels {
    async fn post_to_chat(
        &self,
        message: &NoticeMessage,
        _format: ChatFormat,
    ) -> Result<(), PortError> {
        self.take(NotifyChannel::Chat, message)
    }

    async fn send_mail(
        &self,
        message: &NoticeMessage,
        _policy: &MailPolicy,
    ) -> Result<(), PortError> {
        self.take(NotifyChannel::Mail, message)
    }
}

/// The policy of the store, with every channel.
fn notifying() -> Policy {
    Policy {
        notify: Some(Box::new(NotifyPolicy {
            ticket: Some(NoticeTicketPolicy {
                client: HaloClientId::new(12),
                site: None,
                ticket_type: TicketTypeId::new(1),
                status: None,
                priority: None,
                team: None,
            }),
            chat: Some(ChatFormat::Slack),
            mail: Some(MailPolicy {
                server: "localhost".to_owned(),
                port: None,
                encryption: MailEncryption::None,
                username: None,
                from: "halogard@example.com".to_owned(),
                to: vec!["desk@example.com".to_owned()],
            }),
        })),
        ..policy()
    }
}

fn after(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(minutes * 60))
}

/// A round at `minutes`.
async fn round(
    store: &Store<StoppedClock>,
    channels: &Channels,
    policy: &Policy,
    minutes: u64,
) -> NoticeRound {
    let routes = NoticeRoutes {
        desk: channels,
        messenger: channels,
    };
    routes
        .send_due(store, policy, after(minutes))
        .await
        .unwrap()
}

#[tokio::test]
async fn each_channel_gets_one_notice_of_each_cause_with_what_to_do() {
    let (store, _folder) = filled_store().await;
    let (channels, policy) = (Channels::default(), notifying());
    assert_eq!(
        round(&store, &channels, &policy, 0).await,
        NoticeRound::default(),
        "many causes resolve themselves"
    );
    let mut sent = 0;
    for minutes in 5..65 {
        sent += round(&store, &channels, &policy, minutes).await.sent;
    }
    let arrived = channels.arrived.lock().unwrap().clone();
    assert_eq!(arrived.len(), sent);
    for channel in NotifyChannel::ALL {
        let mut titles: Vec<&str> = arrived
            .iter()
            .filter(|(by, _)| *by == channel)
            .map(|(_, message)| message.title.as_str())
            .collect();
        titles.sort_unstable();
        titles.dedup();
        let waiting = titles.iter().filter(|it| it.contains("not mapped")).count();
        assert_eq!(waiting, 1, "{titles:?}");
        let of_channel = arrived.iter().filter(|(by, _)| *by == channel).count();
        assert_eq!(titles.len(), of_channel, "none came twice: {titles:?}");
    }
    let (_, message) = arrived
        .iter()
        .find(|(_, it)| it.title.contains("not mapped"))
        .unwrap();
    assert_eq!(
        message.title,
        "Halogard: 10 pairs wait: environment not mapped"
    );
    assert!(message.paragraphs[1].contains("halogard status waiting"));
}

#[tokio::test]
async fn a_channel_that_fails_holds_up_no_other_and_is_tried_again() {
    let (store, _folder) = filled_store().await;
    let (channels, policy) = (Channels::default(), notifying());
    for _ in 0..3 {
        channels.fail(NotifyChannel::Chat, FailureClass::Transient);
    }
    for minutes in 0..8 {
        round(&store, &channels, &policy, minutes).await;
    }
    let tickets = channels.count(NotifyChannel::Ticket);
    assert!(tickets > 0);
    assert!(channels.count(NotifyChannel::Chat) < tickets);
    let log = store.load_record::<NoticeLog>(&Singleton).await.unwrap();
    let failures = log.value.failures();
    assert!(failures[&NotifyChannel::Chat].contains("it did not answer"));
    for minutes in 8..60 {
        round(&store, &channels, &policy, minutes).await;
    }
    assert_eq!(
        channels.count(NotifyChannel::Chat),
        channels.count(NotifyChannel::Ticket)
    );
}

#[tokio::test]
async fn a_ticket_whose_answer_was_lost_is_found_and_not_opened_again() {
    let (store, _folder) = filled_store().await;
    let (channels, policy) = (Channels::default(), notifying());
    channels.fail(NotifyChannel::Ticket, FailureClass::InDoubt);
    for minutes in 0..60 {
        round(&store, &channels, &policy, minutes).await;
    }
    assert_eq!(
        channels.count(NotifyChannel::Ticket) + 1,
        channels.count(NotifyChannel::Chat),
        "the first one was there already"
    );
    let log = store.load_record::<NoticeLog>(&Singleton).await.unwrap();
    assert_eq!(log.value.failures(), [].into());
}

#[tokio::test]
async fn nothing_is_written_to_halopsa_that_is_paused_or_observed() {
    let (store, _folder) = filled_store().await;
    let channels = Channels::default();
    let observing = Policy {
        mode: Mode::Observe,
        ..notifying()
    };
    for minutes in 0..10 {
        round(&store, &channels, &observing, minutes).await;
    }
    let pauses = store.load_record::<Pauses>(&Singleton).await.unwrap();
    let paused = Pauses {
        pauses: vec![Pause {
            scope: PauseScope::All,
            since: NOW,
            from: None,
            until: None,
            reason: None,
        }],
    };
    let saved = store
        .save_record(&Singleton, &paused, pauses.revision)
        .await;
    saved.unwrap();
    for minutes in 10..20 {
        round(&store, &channels, &notifying(), minutes).await;
    }
    assert_eq!(channels.count(NotifyChannel::Ticket), 0);
    assert!(channels.count(NotifyChannel::Mail) > 0);
    let routes = NoticeRoutes {
        desk: &channels,
        messenger: &channels,
    };
    let tested = routes.test(&observing, NOW).await;
    let works: Vec<bool> = tested.channels.iter().map(|it| it.works).collect();
    assert_eq!(works, [false, true, true]);
}

#[tokio::test]
async fn of_two_processes_one_sends() {
    let (store, _folder) = filled_store().await;
    let (one, other, policy) = (Channels::default(), Channels::default(), notifying());
    for minutes in 0..30 {
        tokio::join!(
            round(&store, &one, &policy, minutes),
            round(&store, &other, &policy, minutes)
        );
    }
    for channel in NotifyChannel::ALL {
        let both = [&one, &other].map(|it| it.arrived.lock().unwrap().clone());
        let mut titles: Vec<String> = both
            .concat()
            .into_iter()
            .filter(|(by, _)| *by == channel)
            .map(|(_, message)| message.title)
            .collect();
        let all = titles.len();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), all, "{titles:?}");
    }
}

#[tokio::test]
async fn a_test_says_of_each_channel_what_is_wrong() {
    let channels = Channels::default();
    channels.fail(NotifyChannel::Mail, FailureClass::Transient);
    let routes = NoticeRoutes {
        desk: &channels,
        messenger: &channels,
    };
    let answer = routes.test(&notifying(), NOW).await;
    let wrong: Vec<_> = answer.channels.iter().map(|it| it.wrong.clone()).collect();
    assert_eq!(answer.channels[0].ticket, Some(TicketId::new(77)));
    assert_eq!(wrong[..2], [None, None]);
    assert!(wrong[2].as_ref().unwrap().contains("it did not answer"));
    let silent = routes.test(&policy(), NOW).await;
    assert_eq!(silent.channels, []);
}

/// A report goes out once for each day and channel, whatever is tried again meanwhile, and after a restart.
#[tokio::test]
async fn the_health_report_is_sent_once_a_day_by_each_channel() {
    let (store, _folder) = filled_store().await;
    let channels = Channels::default();
    let mut policy = notifying();
    policy.schedule.health_report = Some(Cadence::Daily);
    channels.fail(NotifyChannel::Mail, FailureClass::Transient);
    let reports = |channels: &Channels| {
        let arrived = channels.arrived.lock().unwrap();
        let reports = arrived
            .iter()
            .filter(|(_, it)| it.title.contains("health report"));
        let mut by: Vec<NotifyChannel> = reports.map(|(by, _)| *by).collect();
        by.sort_unstable();
        by
    };
    round(&store, &channels, &policy, 0).await;
    assert_eq!(
        reports(&channels),
        [NotifyChannel::Ticket, NotifyChannel::Chat]
    );
    // The mail is tried again; a pause of hours between two rounds, as of a stopped process, repeats nothing.
    for minutes in [1, 6, 120, 121] {
        round(&store, &channels, &policy, minutes).await;
    }
    assert_eq!(reports(&channels), NotifyChannel::ALL);
    for minutes in [24 * 60, 24 * 60 + 1] {
        round(&store, &channels, &policy, minutes).await;
    }
    assert_eq!(reports(&channels).len(), 6);
    let arrived = channels.arrived.lock().unwrap();
    let mut messages = arrived.iter().map(|(_, message)| message);
    let report = messages
        .find(|it| it.title.contains("health report"))
        .unwrap();
    let text = report.paragraphs.join("\n");
    for part in [
        "Alerts raised: ",
        "Customers with alerts: 1, of which 1 are mapped",
        "environment not mapped",
        "What to do: ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// A rotation that waits for a person is announced like any other cause, until it is settled.
#[tokio::test]
async fn a_rotation_that_waits_for_a_person_is_announced() {
    let (store, _folder) = filled_store().await;
    let channels = Channels::default();
    let policy = notifying();
    let text = "The rotation of secret halopsa stopped at create: open HaloPSA.";
    let note = |states: &mut CredentialStates| {
        states.note("halopsa", "rotation-action-required", text, NOW);
    };
    store.update_record(&Singleton, note).await.unwrap();
    for minutes in 0..=7 {
        round(&store, &channels, &policy, minutes).await;
    }
    let arrived = channels.arrived.lock().unwrap();
    let rotations = arrived
        .iter()
        .filter(|(_, it)| it.title.contains("open HaloPSA"));
    assert_eq!(rotations.count(), 3);
}
