//! The events of a story: what each does to the vendors and to the bundle.

use halogard_credentials::{SecretFields, members};
use halogard_simulator::liongard::{AlertChange, AlertSpec};
use halogard_tests::setup::{APPLICATION, HALOPSA_SECRET, planted};

use super::Run;
use crate::faults;
use crate::people;
use crate::sim::Sim;
use crate::story::{CUSTOMERS, Event, PRIORITIES};

/// The `number`-th client secret; the first is the one of the setup.
fn client_secret(number: u32) -> String {
    match number {
        0 => planted::CLIENT_SECRET.to_owned(),
        number => format!("{}-{number}", planted::CLIENT_SECRET),
    }
}

/// The members of the secret with it.
pub(super) fn client_fields(number: u32) -> SecretFields {
    SecretFields::default()
        .with(members::HALOPSA_CLIENT_ID, APPLICATION)
        .with(members::HALOPSA_CLIENT_SECRET, &client_secret(number))
}

impl Run {
    /// Lets an event happen. One that concerns what is not there does nothing.
    pub(super) fn apply(&mut self, event: Event) {
        self.sim.note("world", "event", &format!("{event:?}"));
        match event {
            Event::Begins(trouble) => {
                self.troubles.push(trouble);
                faults::apply(&self.sim, &self.troubles);
            }
            Event::Ends(trouble) => {
                if let Some(index) = self.troubles.iter().position(|it| *it == trouble) {
                    self.troubles.remove(index);
                }
                faults::apply(&self.sim, &self.troubles);
            }
            Event::BackUp => self.back_up(),
            Event::Restore => self.restore(),
            Event::SetClock(ahead) => {
                self.sim
                    .core()
                    .coverage
                    .reached("clock: step of the machine");
                self.machine.set_ahead(ahead);
            }
            Event::SetHaloClock(ahead) => {
                self.sim.core().coverage.reached("clock: HaloPSA's set");
                self.halo_clock
                    .set_ahead(self.story.setup.halo_ahead_ms + ahead);
            }
            Event::Unmap(customer) => {
                self.story.setup.unmapped.insert(8801 + customer);
                self.sim.core().coverage.reached("policy: mapping removed");
                self.configure();
            }
            Event::Map(customer) => {
                self.story.setup.unmapped.remove(&(8801 + customer));
                self.sim.core().coverage.reached("policy: mapping added");
                self.configure();
            }
            Event::Upgrade => {
                let mut core = self.sim.core();
                core.coverage.reached("bundle: upgraded");
                core.crashed = (0..self.members.len()).collect();
            }
            Event::LoseStore => self.lose_store(),
            Event::ReplaceSecret => self.replace_secret(),
            Event::EnterSecret => self.enter_secret(),
            _ => self.apply_to_alert(event),
        }
    }

    /// A new client secret at HaloPSA; the bundle still has the old one.
    fn replace_secret(&mut self) {
        self.secrets += 1;
        let replaced = self
            .sim
            .halo
            .replace_secret(APPLICATION, &client_secret(self.secrets));
        replaced.expect("HaloPSA has the application");
        self.sim.halo.expire_tokens();
        self.sim.core().coverage.reached("credential: replaced");
    }

    /// The bundle gets the newest client secret.
    pub(super) fn enter_secret(&mut self) {
        let version = format!("v{}", self.secrets);
        let fields = client_fields(self.secrets);
        self.vault.succeed(HALOPSA_SECRET, &version, &fields);
    }

    /// Lets an event happen that concerns an alert.
    fn apply_to_alert(&mut self, event: Event) {
        let (Sim { halo, liongard, .. }, now) = (self.sim.clone(), self.now());
        let id = |alert: usize| self.raised.get(&alert).copied();
        let reached = |what| self.sim.core().coverage.reached(what);
        match event {
            Event::Raise {
                alert,
                customer,
                rule,
                priority,
            } => {
                let (word, number) = PRIORITIES[priority];
                let rule = format!("Rule {rule}");
                let mut spec = AlertSpec::new(8801 + customer, &rule, "As it was raised.");
                word.clone_into(&mut spec.priority);
                if let Ok(raised) = liongard.raise(&spec) {
                    let mut core = self.sim.core();
                    core.oracle.alert_has_priority(raised, number);
                    let native = liongard.alert(raised).and_then(|it| it.external_id);
                    if let Some(ticket) = native {
                        core.oracle.opened_natively(raised, ticket);
                    }
                    self.raised.insert(alert, raised);
                }
            }
            Event::Change(alert, priority) => {
                let Some(id) = id(alert) else { return };
                let (word, number) = PRIORITIES[priority];
                self.changes += 1;
                let change = AlertChange {
                    description: Some(format!("Changed: {}.", self.changes)),
                    priority: Some(word.to_owned()),
                    ..AlertChange::default()
                };
                if liongard.change(id, change).is_ok() {
                    self.sim.core().oracle.alert_has_priority(id, number);
                }
            }
            Event::UnknownWord(alert) => {
                let Some(id) = id(alert) else { return };
                let was_closed = liongard.alert(id).is_some_and(|alert| alert.closed);
                let change = AlertChange {
                    status: Some("Triaged by Robot".to_owned()),
                    ..AlertChange::default()
                };
                if liongard.change(id, change).is_ok() {
                    reached("alert: unknown word");
                    if was_closed {
                        self.sim.core().oracle.raised_again(id, now);
                    }
                }
            }
            Event::CloseAlert(alert) => {
                let Some(id) = id(alert) else { return };
                if liongard.close(id).is_ok() {
                    reached("alert: closed");
                }
            }
            Event::RaiseAgain(alert) => {
                let Some(id) = id(alert) else { return };
                let was_closed = liongard.alert(id).is_some_and(|alert| alert.closed);
                if was_closed && liongard.reopen(id).is_ok() {
                    reached("alert: raised again");
                    self.sim.core().oracle.raised_again(id, now);
                }
            }
            Event::Mend(alert) => {
                let Some(id) = id(alert) else { return };
                if liongard.clear_condition(id).is_ok() {
                    reached("alert: fixed");
                    self.sim.core().oracle.fixed(id, now);
                }
            }
            Event::Hide(alert) => {
                let Some(id) = id(alert) else { return };
                if liongard.hide_alert(id).is_ok() {
                    reached("alert: hidden");
                }
            }
            Event::Ticket(alert, act) => {
                let Some(id) = id(alert) else { return };
                let Some(ticket) = self.ticket_of(id) else {
                    return;
                };
                let fixes = matches!(act, people::Act::FixAndClose | people::Act::Resolve);
                if fixes && !ticket.closed {
                    if liongard.clear_condition(id).is_err() {
                        return;
                    }
                    self.sim.core().oracle.fixed(id, now);
                }
                let by = people::TECHNICIANS[alert % people::TECHNICIANS.len()];
                people::act_on(&self.sim, &ticket, by, act);
            }
            Event::Merge(alert, into) => {
                let (Some(one), Some(other)) = (id(alert), id(into)) else {
                    return;
                };
                if let (Some(one), Some(other)) = (self.ticket_of(one), self.ticket_of(other)) {
                    people::merge(&self.sim, &one, &other);
                }
            }
            Event::LookAlike(alert, customer) => {
                let number = id(alert).unwrap_or(7_501 + i64::try_from(alert).unwrap_or(0));
                let ours = id(alert).and_then(|id| self.ticket_of(id));
                let client = 17 + customer.rem_euclid(CUSTOMERS);
                people::open_look_alike(&self.sim, number, ours.as_ref(), client);
            }
            _ => {}
        }
        let now = self.now();
        self.sim.core().oracle.find_new_tickets(&halo, now);
    }

    /// The newest ticket of an alert, deleted or not.
    fn ticket_of(&self, alert: i64) -> Option<halogard_simulator::halopsa::TicketView> {
        let alert = self.sim.liongard.alert(alert)?;
        let ticket = self.sim.core().oracle.tickets_of(&alert).pop()?;
        self.sim.halo.ticket(ticket)
    }

    /// Puts the present config in force everywhere.
    fn configure(&self) {
        for process in self.members.iter().filter_map(|it| it.process.as_ref()) {
            process.set_policy(self.story.setup.policy());
        }
    }
}
