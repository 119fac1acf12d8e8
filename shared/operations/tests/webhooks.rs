//! Setting up HaloPSA's webhook: whatever fails on the way, running it again ends in the same state.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Mutex, MutexGuard};

use halogard_app::ports::{
    DeliveryRecord, ErrorCode, NewWebhook, OutgoingWebhook, PortError, Refusal,
    WebhookAuthentication, WebhookEvent, WebhookSetup,
};
use halogard_domain::FailureClass;
use halogard_operations::webhooks::{
    DeliveryLine, EVENTS, WebhookState, WebhookStep, install, new_delivery, send_test, status,
};
use secrecy::ExposeSecret as _;

const TOKEN: &str = "path-0123456789abcdefghij";

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It has no effect.
    Before,
    /// It takes effect, and the answer is lost.
    After,
}

/// A service desk's webhooks.
#[derive(Default)]
struct Desk(Mutex<State>);

#[derive(Default)]
struct State {
    webhooks: Vec<OutgoingWebhook>,
    bound: Vec<(String, i64)>,
    deliveries: Vec<DeliveryRecord>,
    forbidden: bool,
    calls: usize,
    fault: Option<(usize, Fault)>,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Counts a call and applies `effect`, unless this is the one that fails.
    fn call<T>(
        &self,
        read_only: bool,
        effect: impl FnOnce(&mut State) -> T,
    ) -> Result<T, PortError> {
        let mut state = self.state();
        if state.forbidden {
            let mut error = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaRefused);
            error.refusal = Some(Refusal::Forbidden);
            return Err(error);
        }
        state.calls += 1;
        let fault = state.fault.filter(|(call, _)| *call == state.calls);
        let class = if read_only {
            FailureClass::Transient
        } else {
            FailureClass::InDoubt
        };
        let failed = PortError::new(class, ErrorCode::HalopsaRefused);
        match fault {
            Some((_, Fault::Before)) => Err(failed),
            Some((_, Fault::After)) => {
                effect(&mut state);
                Err(failed)
            }
            None => Ok(effect(&mut state)),
        }
    }
}

impl WebhookSetup for Desk {
    async fn outgoing(&self) -> Result<Vec<OutgoingWebhook>, PortError> {
        self.call(true, |state| state.webhooks.clone())
    }

    async fn bound_events(&self, id: &str) -> Result<Vec<i64>, PortError> {
        self.call(true, |state| {
            let ours = state.bound.iter().filter(|(webhook, _)| webhook == id);
            ours.map(|(_, event)| *event).collect()
        })
    }

    async fn create(&self, new: &NewWebhook) -> Result<(), PortError> {
        self.call(false, |state| {
            let id = format!("webhook-{}", state.webhooks.len());
            state.webhooks.push(OutgoingWebhook {
                id,
                name: new.name.clone(),
                url: new.url.expose_secret().to_owned(),
                active: true,
                last_status: None,
            });
        })
    }

    async fn bind(&self, id: &str, event: WebhookEvent) -> Result<(), PortError> {
        self.call(false, |state| {
            state.bound.push((id.to_owned(), i64::from(event.number)));
        })
    }

    async fn activate(
        &self,
        id: &str,
        _authentication: &WebhookAuthentication,
    ) -> Result<(), PortError> {
        self.call(false, |state| {
            for webhook in &mut state.webhooks {
                webhook.active |= webhook.id == id;
            }
        })
    }

    async fn send_test(&self, _id: &str) -> Result<(), PortError> {
        self.call(false, |_| ())
    }

    async fn deliveries(&self, _id: &str, _max: u32) -> Result<Vec<DeliveryRecord>, PortError> {
        self.call(true, |state| state.deliveries.clone())
    }
}

fn webhook(id: &str, token: &str, active: bool) -> OutgoingWebhook {
    OutgoingWebhook {
        id: id.to_owned(),
        name: format!("webhook {id}"),
        url: format!("https://halogard.example/webhooks/halopsa/{token}"),
        active,
        last_status: None,
    }
}

fn new_webhook() -> NewWebhook {
    NewWebhook {
        name: "Halogard".to_owned(),
        url: format!("https://halogard.example/webhooks/halopsa/{TOKEN}").into(),
        authentication: WebhookAuthentication::TokenOnly,
    }
}

#[tokio::test]
async fn whichever_call_fails_running_it_again_leaves_one_webhook_with_each_event_once() {
    let calls_max = 3 + EVENTS.len() + 3;
    let mut cases = 0;
    for call in 1..=calls_max {
        for fault in [Fault::Before, Fault::After] {
            let desk = Desk::default();
            desk.state()
                .webhooks
                .push(webhook("other", "another", true));
            desk.state().fault = Some((call, fault));
            let first = install(&desk, TOKEN, &new_webhook()).await;
            desk.state().fault = None;
            let again = install(&desk, TOKEN, &new_webhook()).await.unwrap();
            let case = format!("call {call}, {fault:?}, first {first:?}");
            assert!(again.missing.is_empty(), "{case}: {again:?}");
            let state = desk.state();
            assert_eq!(state.webhooks.len(), 2, "{case}");
            let mut bound: Vec<i64> = state.bound.iter().map(|(_, event)| *event).collect();
            bound.sort_unstable();
            let mut wanted = EVENTS.map(|event| i64::from(event.number));
            wanted.sort_unstable();
            assert_eq!(bound, wanted, "{case}");
            cases += 1;
        }
    }
    println!("{cases} cases");
}

#[tokio::test]
async fn what_is_there_is_kept_and_only_what_is_missing_is_added() {
    let desk = Desk::default();
    desk.state().webhooks = vec![webhook("ours", TOKEN, false)];
    desk.state().bound = vec![("ours".to_owned(), 3), ("other".to_owned(), 61)];
    let seen = status(&desk, TOKEN, 5).await.unwrap();
    assert_eq!(seen.missing.len(), 1 + EVENTS.len() - 1, "{seen:?}");
    assert_eq!(seen.missing[0], WebhookStep::Activate);

    let answer = install(&desk, TOKEN, &new_webhook()).await.unwrap();
    assert_eq!(answer.done, seen.missing);
    assert_eq!(answer.missing, []);
    assert_eq!(desk.state().webhooks.len(), 1);
    let nothing = install(&desk, TOKEN, &new_webhook()).await.unwrap();
    assert_eq!(nothing.done, []);
}

#[tokio::test]
async fn several_webhooks_with_our_address_are_counted_and_the_one_that_sends_is_shown() {
    let desk = Desk::default();
    desk.state().webhooks = vec![
        webhook("off", TOKEN, false),
        webhook("on", TOKEN, true),
        webhook("foreign", "another-token", true),
    ];
    let answer = status(&desk, TOKEN, 5).await.unwrap();
    let WebhookState::Present { active, count, .. } = answer.state else {
        panic!("{answer:?}");
    };
    assert!(active);
    assert_eq!(count, 2);
}

#[tokio::test]
async fn a_credential_that_may_not_leads_to_what_a_person_does() {
    let desk = Desk::default();
    desk.state().forbidden = true;
    let answer = install(&desk, TOKEN, &new_webhook()).await.unwrap();
    assert_eq!(answer.state, WebhookState::Forbidden);
    assert_eq!(answer.missing.len(), 1 + EVENTS.len());
    let error = send_test(&desk, TOKEN).await.unwrap_err();
    assert!(error.to_string().contains("scope `admin`"), "{error}");
}

#[test]
fn the_delivery_of_a_test_is_a_new_one_that_is_over() {
    let line = |id: &str, status| DeliveryLine {
        id: id.to_owned(),
        at: None,
        event: None,
        status,
        duration_ms: None,
        no_answer: None,
    };
    let before = [line("b", None), line("a", Some(202))];
    let cases: [(&[DeliveryLine], Option<&str>); 4] = [
        (&before, None),
        // An earlier one was answered meanwhile, and the test waits.
        (
            &[line("c", None), line("b", Some(202)), line("a", Some(202))],
            None,
        ),
        (&[line("c", Some(401)), line("b", None)], Some("c")),
        (&[], None),
    ];
    for (now, expected) in cases {
        let found = new_delivery(&before, now).map(|line| line.id.as_str());
        assert_eq!(found, expected, "{now:?}");
    }
}
