//! What a command is about, as an operator writes it.

use std::str::FromStr;

use halogard_domain::ids::{AlertId, TicketId};

/// An alert or a ticket, as an operator names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An alert: `7586`, `LG-7586`, `[LG-7586.k3f9xw]`.
    Alert(AlertId),
    /// A ticket: `#4242`.
    Ticket(TicketId),
    /// The number of an alert that people see in Liongard: `T20260105.00001`.
    Number(String),
}

/// The text names neither an alert nor a ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names neither an alert nor a ticket; write an alert as 7586 or LG-7586, a ticket as '#4242' or \
     \"ticket 4242\""
)]
pub struct UnknownSubject(String);

impl FromStr for Subject {
    type Err = UnknownSubject;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownSubject(text.to_owned());
        let name = text.trim().trim_matches(['[', ']']).trim();
        let (kind, rest) = name.split_once(char::is_whitespace).unwrap_or(("", name));
        let rest = rest.trim();
        let bare = rest.strip_prefix('#');
        let number = |text: &str| text.parse().ok().and_then(AlertId::storable);
        let ticket = |text: &str| text.parse().ok().and_then(TicketId::storable);
        match (kind.to_ascii_lowercase().as_str(), bare) {
            ("ticket" | "", Some(digits)) => ticket(digits).map(Self::Ticket),
            ("ticket", None) => ticket(rest).map(Self::Ticket),
            ("alert" | "", None) => number(rest)
                .or_else(|| alert_of_key(rest).and_then(number))
                .map(Self::Alert)
                .or_else(|| is_number(rest).then(|| Self::Number(rest.to_owned()))),
            _ => None,
        }
        .ok_or_else(unknown)
    }
}

/// The digits of the alert in a key such as `LG-7586`, `LG-7586-2` or `LG-7586.k3f9xw`.
fn alert_of_key(text: &str) -> Option<&str> {
    let key = text.split('.').next()?;
    let mut parts = key.split('-');
    let prefix = parts.next()?;
    let digits = parts.next()?;
    let recurrence = parts.next();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let is_key = !prefix.is_empty()
        && prefix.bytes().all(|it| it.is_ascii_alphanumeric())
        && is_digits(digits)
        && recurrence.is_none_or(is_digits)
        && parts.next().is_none();
    is_key.then_some(digits)
}

/// Whether `text` has the form of a number that people see.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['T', 't']).unwrap_or_default();
    let (day, count) = digits.split_once('.').unwrap_or_default();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    is_digits(day) && is_digits(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_names_an_alert_or_a_ticket() {
        let alert = || Ok(Subject::Alert(AlertId::new(7586)));
        let ticket = || Ok(Subject::Ticket(TicketId::new(4242)));
        for text in [
            "7586",
            " 7586 ",
            "LG-7586",
            "LG-7586-2",
            "[LG-7586.k3f9xw]",
            "[LG-7586-2.k3f9xw]",
            "alert 7586",
            "Alert LG-7586",
        ] {
            assert_eq!(text.parse(), alert(), "{text:?}");
        }
        for text in ["#4242", "ticket 4242", "Ticket #4242", "ticket  4242"] {
            assert_eq!(text.parse(), ticket(), "{text:?}");
        }
        let number = Subject::Number("T20260105.00001".to_owned());
        assert_eq!("T20260105.00001".parse(), Ok(number));
        for text in [
            "",
            "LG",
            "LG-",
            "-7586",
            "LG-7586-2-3",
            "#",
            "ticket",
            "ticket LG-7586",
            "alert #4242",
            "99999999999999999999",
            "T.1",
            "7586x",
            "customer 7586",
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text:?}");
        }
    }
}
