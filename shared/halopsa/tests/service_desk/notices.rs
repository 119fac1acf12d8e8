//! Tickets about the installation itself.

use super::*;
use halogard_app::ports::{NoticeMessage, NoticeTickets as _};
use halogard_domain::notify::NoticeTicketPolicy;

const REFERENCE: &str = "notice-0123456789abcdef";

fn message() -> NoticeMessage {
    NoticeMessage {
        title: "Halogard: 3 wait: refused by HaloPSA".to_owned(),
        paragraphs: vec!["3 wait & <b>more</b>.".to_owned(), "Do\nthis.".to_owned()],
        reference: REFERENCE.to_owned(),
    }
}

fn policy() -> NoticeTicketPolicy {
    NoticeTicketPolicy {
        client: HaloClientId::new(12),
        site: None,
        ticket_type: TicketTypeId::new(5),
        status: Some(StatusId::new(2)),
        priority: Some(PriorityId::new(3)),
        team: Some("Operations".to_owned()),
    }
}

#[tokio::test]
async fn a_notice_is_a_ticket_of_the_operators_own_client_without_a_key() {
    let harness = answering(&[json!([row(4711, "Halogard: 3 wait")])]);
    let opened = harness.desk().open_notice(&message(), &policy()).await;
    assert_eq!(opened.unwrap(), TicketId::new(4711));
    let sent = harness.only_sent();
    assert_eq!(
        sent.json(),
        json!([{
            "tickettype_id": 5, "client_id": 12, "status_id": 2, "priority_id": 3, "team": "Operations",
            "summary": format!("Halogard: 3 wait: refused by HaloPSA ({REFERENCE})"),
            "details": "3 wait & <b>more</b>.\n\nDo\nthis.",
            "details_html": "<p>3 wait &amp; &lt;b&gt;more&lt;/b&gt;.</p><p>Do<br>this.</p>",
            "donotapplytemplateintheapi": true
        }])
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_long_title_keeps_its_reference() {
    let harness = answering(&[json!([row(4711, "Halogard")])]);
    let long = NoticeMessage {
        title: "waits ".repeat(100),
        ..message()
    };
    harness.desk().open_notice(&long, &policy()).await.unwrap();
    let sent = harness.only_sent().json();
    let summary = sent[0]["summary"].as_str().unwrap();
    assert!(summary.ends_with(&format!("({REFERENCE})")), "{summary}");
    assert!(summary.chars().count() < 255, "{summary}");
}

#[tokio::test]
async fn an_opening_without_an_answer_is_in_doubt_and_is_found_by_its_reference() {
    let harness = answering(&[json!([])]);
    let lost = harness.desk().open_notice(&message(), &policy()).await;
    assert_eq!(lost.unwrap_err().class, InDoubt);

    let ours = format!("Halogard: 4 wait ({REFERENCE})");
    let rows = json!([row(4712, "Printer"), row(4711, &ours)]);
    let harness = answering(&[list(rows)]);
    let found = harness.desk().find_notice(REFERENCE, MORNING).await;
    assert_eq!(found.unwrap(), Some(TicketId::new(4711)));

    let harness = answering(&[list(json!([row(4712, "Printer")]))]);
    let found = harness.desk().find_notice(REFERENCE, MORNING).await;
    assert_eq!(found.unwrap(), None);
}
