//! What a support bundle says, and what it must not.

mod support;

use halogard_app::ports::{
    Journal as _, JournalEntry, Lane, Links as _, Records as _, Revision, WorkQueue as _,
    WorkSink as _,
};
use halogard_domain::budget::Limit;
use halogard_domain::contact::VendorContacts;
use halogard_domain::ids::AlertId;
use halogard_domain::link::{NamedFields, RefusedWrite, WriteKind};
use halogard_domain::message::{Cause, Message};
use halogard_domain::record::Singleton;
use halogard_domain::time::SteadyTime;
use halogard_domain::vendor::Vendor;
use halogard_operations::audit::{self, Operator};
use halogard_operations::bundle::{BundleQuestion, MaskKind, bundle};
use halogard_operations::doctor::{CheckId, DoctorReport};
use halogard_operations::status::StatusQuestion;
use std::time::Duration;

use support::{NOW, filled_store};

/// What must not occur anywhere, in any letter case.
const PRIVATE: [&str; 9] = [
    "contoso",
    "have not signed in",
    "planted-client-secret",
    "planted-webhook-token",
    "jane.doe",
    "10.9.8.7",
    "eyjhbgcioijiuzi1niisinr5cci6ikpxvcj9",
    "grace.hopper",
    "divorce",
];

fn question(recipient: Option<Vendor>) -> BundleQuestion {
    BundleQuestion {
        status: StatusQuestion {
            now: NOW,
            steady: SteadyTime { source: 0, at: NOW },
            limit: Limit::DEFAULT,
            serve_runs: None,
        },
        recipient,
        secrets: vec![
            "planted-client-secret".to_owned(),
            "planted-webhook-token".to_owned(),
        ],
        doctor: Some(doctor()),
    }
}

/// A report with a line that is in order and one that is not; both name the customer.
fn doctor() -> DoctorReport {
    let mut report = DoctorReport::default();
    let in_order = "Contoso is client 17, and Hopper its manager".to_owned();
    report.ok(CheckId::Config, in_order);
    let missing = "HaloPSA has no client for Contoso".to_owned();
    report.problem(CheckId::Config, missing, "map it");
    report
}

#[tokio::test]
async fn a_bundle_tells_the_story_and_no_secret_and_no_name() {
    let (store, _folder) = filled_store().await;
    let leak = "Contoso: jane.doe@contoso.example at 10.9.8.7 sent planted-client-secret, Bearer \
                eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9; Please select a Category";
    let alert = AlertId::new(1);
    let stored = store.load(alert).await.unwrap().unwrap();
    let mut link = stored.value;
    link.record_refusal(RefusedWrite {
        write: WriteKind::SetFields,
        fields: NamedFields::PRIORITY,
        message: leak.to_owned(),
        policy_fingerprint: 1,
        ticket_changed_at: None,
        at: NOW,
        retry_at: None,
        not_carried_out: 0,
    });
    store.save(&link, &[], stored.revision).await.unwrap();
    let entry = JournalEntry {
        at: NOW,
        alert: Some(alert),
        ticket: link.ticket,
        event: "write_refused".to_owned(),
        cause: "poll".to_owned(),
        detail: Some(leak.to_owned()),
    };
    store.append(&[entry]).await.unwrap();
    let message = Message::reconcile_alert(alert, Cause::Poll);
    store.send(Lane::Bulk, &[message.into()]).await.unwrap();
    let taken = store.receive(Lane::Bulk, 1, Duration::from_secs(60)).await;
    let receipt = &taken.unwrap()[0].receipt;
    store.dead_letter(Lane::Bulk, receipt, leak).await.unwrap();
    let mut contacts = VendorContacts::default();
    let away = &mut contacts.halopsa;
    away.observe_failure(NOW, "halopsa.unreachable", leak);
    let none = Revision::default();
    store
        .save_record(&Singleton, &contacts, none)
        .await
        .unwrap();
    let operator = Operator {
        account: "grace.hopper".to_owned(),
        reason: Some("divorce of the customer".to_owned()),
        request_digest: "1f".to_owned(),
    };
    audit::record(
        &store,
        &operator,
        "pause",
        "Contoso",
        "paused for grace.hopper",
        NOW,
    )
    .await
    .unwrap();

    let made = bundle(&store, question(Some(Vendor::HaloPsa)))
        .await
        .unwrap();
    for (name, content) in &made.files {
        let content = content.to_lowercase();
        for private in PRIVATE {
            assert!(
                !content.contains(private),
                "{name} has {private:?}: {content}"
            );
        }
    }
    // What a person at the other end needs is there.
    let all: String = made.files.values().cloned().collect();
    for needed in [
        "Please select a Category",
        "write_refused",
        "\"ticket\": 1001",
        "\"environment\": 8801",
        "halopsa.unreachable",
        "API Requests",
        "\"for\": \"halopsa\"",
        "unmapped",
        "\"in_order\": 1",
        "HaloPSA has no client for [name]",
    ] {
        assert!(all.contains(needed), "{needed:?} is missing");
    }
    for kind in [
        MaskKind::Secret,
        MaskKind::Mail,
        MaskKind::Address,
        MaskKind::Name,
    ] {
        assert!(made.masked[&kind] > 0, "{kind:?}: {:?}", made.masked);
    }
    let contents = &made.files["README.txt"];
    for name in made.files.keys().filter(|name| *name != "README.txt") {
        assert!(contents.contains(name.as_str()), "{contents}");
    }
    assert!(contents.contains("mail addresses"), "{contents}");
}
