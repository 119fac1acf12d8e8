//! The words in which `explain` shows what happened.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use halogard_app::outcome::Action;
use halogard_app::ports::{JournalEntry, Links as _, Revision};
use halogard_domain::Link;
use halogard_domain::ids::AlertId;
use halogard_domain::policy::ParkReason;
use halogard_operations::explain::explain;
use halogard_operations::subject::Subject;

use support::{NOW, empty_store};

/// What `explain` says that happened to an alert whose journal has `event` with `detail`.
async fn story(event: &str, detail: Option<&str>) -> Vec<(String, Option<String>)> {
    let (store, _folder) = empty_store();
    let alert = AlertId::new(7586);
    let entry = JournalEntry {
        at: NOW,
        alert: Some(alert),
        ticket: None,
        event: event.to_owned(),
        cause: "poll".to_owned(),
        detail: detail.map(str::to_owned),
    };
    let none = Revision::default();
    store.save(&Link::new(alert), &[entry], none).await.unwrap();
    let answer = explain(&store, &Subject::Alert(alert), NOW).await.unwrap();
    let events = answer.stories.into_iter().flat_map(|story| story.events);
    events.map(|event| (event.words, event.detail)).collect()
}

#[tokio::test]
async fn an_alert_that_gets_no_ticket_is_explained_by_its_reason() {
    let reason = ParkReason::NotTicketed.as_str();
    let said = story(Action::Parked.as_str(), Some(reason)).await;
    let expected = ("opened no ticket".to_owned(), Some(reason.to_owned()));
    assert_eq!(said, [expected]);
}

#[tokio::test]
async fn every_word_of_the_journal_is_explained() {
    for action in Action::all() {
        let said = story(action.as_str(), None).await;
        assert_eq!(said, [(action.describe().to_owned(), None)]);
        assert!(action.describe().contains(' '), "{action:?}");
    }
}

#[tokio::test]
async fn an_event_of_a_later_version_is_shown_as_it_is() {
    let said = story("teleported", None).await;
    assert_eq!(said, [("teleported".to_owned(), None)]);
}
